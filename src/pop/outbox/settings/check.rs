//! What types cannot say of these settings.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use hyper::Uri;
use hyper::header::HeaderName;

use super::{AuthKind, Fields, Settings, TargetKind};
use crate::pop::outbox::template::{self, Json, Text};

/// Places in paths of requests, and further ones in the path of older interactions.
const PATH_PLACES: [&str; 2] = ["customer_id", "call_id"];
const HISTORY_PLACES: [&str; 3] = ["customer_id", "before", "limit"];
/// Places in the webhook's template; behind `attributes.`, the key of any attribute.
const PLACES: [&str; 41] = [
    "id",
    "key",
    "kind",
    "created_at",
    "body",
    "agent",
    "ani",
    "at",
    "attributes",
    "by",
    "call_id",
    "call_type",
    "company",
    "customer_id",
    "direction",
    "dnis",
    "duration_s",
    "ended_at",
    "activities",
    "answered_at",
    "do_not_call",
    "do_not_sms",
    "first_name",
    "flags",
    "extension",
    "labels",
    "last_name",
    "linked_by",
    "name",
    "number",
    "offered_to",
    "op",
    "phones",
    "queue",
    "started_at",
    "team",
    "text",
    "type",
    "variables",
    "verstat",
    "wrap_up",
];

const CUSTOMER: [&str; 11] = [
    "customer_id",
    "name",
    "first_name",
    "last_name",
    "company",
    "phones",
    "labels",
    "do_not_call",
    "do_not_sms",
    "attributes",
    "created_at",
];
const LINK: [&str; 5] = ["call_id", "customer_id", "agent", "by", "at"];
const INTERACTION: [&str; 24] = [
    "id",
    "call_id",
    "customer_id",
    "started_at",
    "answered_at",
    "ended_at",
    "direction",
    "type",
    "call_type",
    "ani",
    "dnis",
    "queue",
    "duration_s",
    "agent",
    "team",
    "extension",
    "wrap_up",
    "text",
    "number",
    "linked_by",
    "offered_to",
    "verstat",
    "variables",
    "activities",
];
const ACTIVITY: [&str; 9] = [
    "id",
    "kind",
    "agent_id",
    "agent_name",
    "team",
    "extension",
    "started_at",
    "duration_s",
    "wrap_up",
];
const SMS: [&str; 6] = ["customer_id", "number", "text", "call_id", "agent", "at"];

/// A value that its type allows and its meaning does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key, within the section.
    pub key: String,
    /// What it takes.
    pub expected: String,
    /// What was found.
    pub found: String,
}

/// Whether the webhook's template may have this place.
pub(in super::super) fn is_place(name: &str) -> bool {
    PLACES.contains(&name)
        || name
            .strip_prefix("attributes.")
            .is_some_and(|key| !key.is_empty())
}

/// Whether a request's path may have this place.
pub(in super::super) fn is_path_place(name: &str) -> bool {
    PATH_PLACES.contains(&name)
}

/// Whether the path of older interactions may.
pub(in super::super) fn is_history_place(name: &str) -> bool {
    HISTORY_PLACES.contains(&name)
}

impl Settings {
    /// The first value that its type allows and its meaning does not.
    ///
    /// # Errors
    /// There is one.
    pub fn check(&self) -> Result<(), Fault> {
        within("timeout_ms", self.timeout_ms, 100..=600_000)?;
        within("in_flight_max", self.in_flight_max, 1..=256)?;
        within("attempts_max", self.attempts_max, 1..=10_000)?;
        within("backoff_ms", self.backoff_ms, 10..=60_000)?;
        within("backoff_max_ms", self.backoff_max_ms, 10..=86_400_000)?;
        within("retry_after_max_s", self.retry_after_max_s, 0..=86_400)?;
        within("items_max", self.items_max, 1..=1_000_000)?;
        within("size_max_mib", self.size_max_mib, 1..=512)?;
        within("dead_max", self.dead_max, 0..=1_000_000)?;
        within("dead_kept_s", self.dead_kept_s, 60..=31_536_000)?;
        within("keys_kept", self.keys_kept, 0..=1_000_000)?;
        within("history.timeout_ms", self.history.timeout_ms, 100..=60_000)?;
        within("history.answer_max_kib", self.history.answer_max_kib, 1..=65_536)?;
        within("history.in_flight_max", self.history.in_flight_max, 1..=256)?;
        within("history.failures_max", self.history.failures_max, 1..=1000)?;
        within("history.pause_s", self.history.pause_s, 1..=3600)?;
        within("file.rotate_mib", self.file.rotate_mib, 1..=65_536)?;
        within("file.kept", self.file.kept, 0..=1000)?;
        self.address()?;
        self.auth()?;
        header("key_header", &self.key_header)?;
        for (key, path) in self.paths() {
            check_path(key, path, &PATH_PLACES)?;
        }
        check_path("history_path", &self.history_path, &HISTORY_PLACES)?;
        let extra = serde_json::from_str::<serde_json::Map<_, _>>(&self.customer_extra);
        if extra.is_err() {
            return Err(fault("customer_extra", "a JSON object", &self.customer_extra));
        }
        names("customer_fields", &self.customer_fields, &CUSTOMER)?;
        names("link_fields", &self.link_fields, &LINK)?;
        names("interaction_fields", &self.interaction_fields, &INTERACTION)?;
        names("activity_fields", &self.activity_fields, &ACTIVITY)?;
        names("sms_fields", &self.sms_fields, &SMS)?;
        self.webhook()?;
        if self.kind == TargetKind::File && self.file.path == PathBuf::new() {
            return Err(fault("file.path", "the file to write (kind is \"file\")", ""));
        }
        Ok(())
    }

    fn paths(&self) -> [(&'static str, &str); 5] {
        [
            ("customers_path", &self.customers_path),
            ("customer_path", &self.customer_path),
            ("links_path", &self.links_path),
            ("interactions_path", &self.interactions_path),
            ("sms_path", &self.sms_path),
        ]
    }

    fn address(&self) -> Result<(), Fault> {
        let is_asked = matches!(self.kind, TargetKind::Cim | TargetKind::Webhook);
        if self.url.is_empty() && !is_asked {
            return Ok(());
        }
        let unfit = || Fault {
            key: "url".to_owned(),
            expected: "http://HOST[:PORT][/PATH] or https://…, without a user".to_owned(),
            // It may hold a password, in spite of what is expected.
            found: if self.url.is_empty() {
                "\"\""
            } else {
                "something else"
            }
            .to_owned(),
        };
        let uri: Uri = self.url.parse().map_err(|_| unfit())?;
        let authority = uri.authority().ok_or_else(unfit)?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let has_query = self.kind == TargetKind::Cim && uri.query().is_some();
        if !is_http || has_query || authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(unfit());
        }
        let is_given = |file: &PathBuf| *file != PathBuf::new();
        if is_given(&self.tls.certificate) != is_given(&self.tls.key) {
            let key = if is_given(&self.tls.key) {
                "tls.certificate"
            } else {
                "tls.key"
            };
            return Err(fault(key, "a certificate and its key, or neither", ""));
        }
        Ok(())
    }

    fn auth(&self) -> Result<(), Fault> {
        let auth = &self.auth;
        if auth.kind != AuthKind::None && auth.file == PathBuf::new() {
            return Err(fault("auth.file", "the file of the token, password or value", ""));
        }
        match auth.kind {
            AuthKind::Basic if auth.user.is_empty() || auth.user.contains(':') => {
                Err(fault("auth.user", "a user, without a colon", &auth.user))
            }
            AuthKind::Header => header("auth.header", &auth.header),
            _ => Ok(()),
        }
    }

    fn webhook(&self) -> Result<(), Fault> {
        for name in self.webhook.headers.keys() {
            header("webhook.headers", name)?;
        }
        if self.kind == TargetKind::Webhook && self.webhook.kinds.is_empty() {
            return Err(fault(
                "webhook.kinds",
                "one of \"customer\", \"link\", \"interaction\", \"sms\" at the least",
                "",
            ));
        }
        let parsed = Json::parse(&self.webhook.template, &is_place);
        parsed
            .map(drop)
            .map_err(|cause| misplaced("webhook.template", &cause, "JSON", &PLACES))
    }
}

fn fault(key: &str, expected: &str, found: &str) -> Fault {
    Fault {
        key: key.to_owned(),
        expected: expected.to_owned(),
        found: format!("{found:?}"),
    }
}

fn within<T: PartialOrd + Display>(key: &str, value: T, range: RangeInclusive<T>) -> Result<(), Fault> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(Fault {
        key: key.to_owned(),
        expected: format!("a whole number from {} to {}", range.start(), range.end()),
        found: value.to_string(),
    })
}

fn header(key: &str, name: &str) -> Result<(), Fault> {
    let ours = [
        "host",
        "content-length",
        "content-type",
        "transfer-encoding",
        "connection",
    ];
    match HeaderName::from_bytes(name.as_bytes()) {
        Ok(name) if !ours.contains(&name.as_str()) => Ok(()),
        _ => Err(fault(
            key,
            "the name of a header that is not about the connection or the body",
            name,
        )),
    }
}

fn check_path(key: &str, path: &str, places: &[&str]) -> Result<(), Fault> {
    let is_fit = path.bytes().all(|byte| byte.is_ascii_graphic()) && !path.contains('#');
    if !(path.is_empty() || path.starts_with('/') && is_fit) {
        return Err(fault(
            key,
            "a path that begins with /, in ASCII, or nothing",
            path,
        ));
    }
    Text::parse(path, &|name| places.contains(&name))
        .map(drop)
        .map_err(|cause| misplaced(key, &cause, "a path", places))
}

fn misplaced(key: &str, cause: &template::Fault, what: &str, places: &[&str]) -> Fault {
    let known = || places.join("}, {");
    match cause {
        template::Fault::Unknown(name) => fault(
            key,
            &format!("{what} with no other places than {{{}}}", known()),
            &format!("{{{name}}}"),
        ),
        template::Fault::Brace => fault(
            key,
            &format!("{what} with braces in pairs ({{{{ for a brace itself)"),
            "one alone",
        ),
        template::Fault::Json(error) => fault(key, what, error),
    }
}

fn names(key: &str, fields: &Fields, known: &[&str]) -> Result<(), Fault> {
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(fault(
            key,
            &format!("no other names of ours than {}", known.join(", ")),
            unknown,
        )),
    }
}
