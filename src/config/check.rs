//! What types cannot say: ranges, and keys that need or exclude one another.

mod desks;
mod pair;
mod snapshots;
mod sources;
mod streams;

use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::{Config, Tls};
use crate::callers::{self, Dialect, Treatment};
use crate::customer::identity::MOST_ID_ATTRIBUTES;
use crate::customer::{AttributeDef, AttributeType, Schema};
use crate::feed::{self, Kind};
use crate::number::{Numbering, SuffixDigits};
use crate::telemetry;

/// The most dialled numbers that metrics name: each is a series of its own.
const DNIS_MAX: usize = 100;
/// The longest name of a dialect in metrics.
const LABEL_MAX: usize = 40;

/// A value that its type allows and its meaning does not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unfit {
    /// The key's full path.
    pub(super) path: String,
    pub(super) expected: String,
    pub(super) found: String,
}

impl Unfit {
    fn new(path: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Unfit {
        Unfit {
            path: path.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}

/// The first value that is unfit.
pub(super) fn check(config: &Config) -> Result<(), Unfit> {
    listeners(config)?;
    dialects(config)?;
    feeds(config)?;
    streams::relay(&config.relay)?;
    pair::check(config)?;
    snapshots::check(&config.snapshots)?;
    within(
        "data.scrub_interval_s",
        config.data.scrub_interval_s,
        60..=2_592_000,
    )?;
    within("data.overlay_max_mib", config.data.overlay_max_mib, 1..=65_536)?;
    within("data.generations_kept", config.data.generations_kept, 1..=100)?;
    within("data.log_max_mib", config.data.log_max_mib, 16..=1 << 20)?;
    within("data.erase_within_s", config.data.erase_within_s, 1..=315_360_000)?;
    within("data.rejects_max_mib", config.data.rejects_max_mib, 1..=65_536)?;
    within("guard.max_percent", config.guard.max_percent, 1..=100)?;
    within("guard.window_s", config.guard.window_s, 1..=86_400)?;
    within("guard.ignore_below", config.guard.ignore_below, 0..=1_000_000_000)?;
    within("customer.parked_max", config.customer.parked_max, 0..=10_000_000)?;
    let sanity = config.sanity;
    within(
        "sanity.vanished_max_percent",
        sanity.vanished_max_percent,
        0..=100,
    )?;
    within("sanity.moved_max_percent", sanity.moved_max_percent, 0..=100)?;
    within("sanity.refused_max_percent", sanity.refused_max_percent, 0..=100)?;
    within("sanity.ignore_below", sanity.ignore_below, 0..=1_000_000_000)?;
    within("import.memory_mib", config.import.memory_mib, 64..=65_536)?;
    if config.data.dir.as_os_str().is_empty() {
        return Err(Unfit::new("data.dir", "a folder", "\"\""));
    }
    within("answers.matches_max", config.answers.matches_max, 1..=1000)?;
    within(
        "answers.stale_after_s",
        config.answers.stale_after_s,
        0..=31_536_000,
    )?;
    http(config)?;
    let search = config.search;
    within("search.page_max", search.page_max, 1..=100)?;
    within("search.scan_max", search.scan_max, 100..=1_000_000)?;
    within("search.budget_ms", search.budget_ms, 5..=10_000)?;
    within("search.at_once_max", search.at_once_max, 1..=256)?;
    within("customer.cases", config.customer.cases, 0..=1000)?;
    within("customer.interactions", config.customer.interactions, 0..=1000)?;
    desks::check(config)?;
    id_attributes(&config.customer.id_attributes)?;
    if config.log.check().is_err() {
        return Err(Unfit::new(
            "log.level",
            telemetry::LEVEL,
            format!("{:?}", config.log.level),
        ));
    }
    if config.metrics.dnis.len() > DNIS_MAX {
        return Err(Unfit::new(
            "metrics.dnis",
            format!("at most {DNIS_MAX} numbers"),
            config.metrics.dnis.len().to_string(),
        ));
    }
    within("phones.shared_above", config.phones.shared_above, 0..=100_000)?;
    suffixes(config)?;
    config.system_of_record.check().map_err(|fault| {
        let path = format!("system_of_record.{}", fault.key);
        Unfit::new(path, fault.expected, fault.found)
    })?;
    rules(config)
}

fn dialects(config: &Config) -> Result<(), Unfit> {
    for dialect in Dialect::ALL {
        let said = config.dialect.get(dialect);
        let path = |key: &str| format!("dialect.{}.{key}", dialect.name());
        within(&path("budget_ms"), said.budget_ms, 0..=10_000)?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if said.label.len() > LABEL_MAX || !said.label.bytes().all(fits) {
            let expected = format!("up to {LABEL_MAX} letters, digits, _ and -");
            return Err(Unfit::new(path("label"), expected, format!("{:?}", said.label)));
        }
        if !dialect.is_crm() && !said.customer_id.is_empty() {
            let expected = "no such key: only the dialects of CRMs have ids of their own";
            return Err(Unfit::new(
                path("customer_id"),
                expected,
                format!("{:?}", said.customer_id),
            ));
        }
        if !dialect.has_pages() && !said.pop_url.is_empty() {
            let expected = "no such key: only finesse and 3cx name pages of another system";
            return Err(Unfit::new(
                path("pop_url"),
                expected,
                format!("{:?}", said.pop_url),
            ));
        }
        let ids = &config.customer.id_attributes;
        if let Some(key) = said.customer_id.strip_prefix("attributes.")
            && !ids.iter().any(|known| known == key)
        {
            let expected =
                "an attribute by which customers are found: name it in customer.id_attributes as well";
            return Err(Unfit::new(
                path("customer_id"),
                expected,
                format!("{:?}", said.customer_id),
            ));
        }
        callers::check_speaking(dialect, &said.speaking(config.http.batch_max, config.search))
            .map_err(|error| Unfit::new(path(&error.key), error.expected, error.found))?;
    }
    Ok(())
}

fn suffixes(config: &Config) -> Result<(), Unfit> {
    let phones = config.phones;
    if phones.suffix_digits == 0 || phones.suffixes().is_some() {
        return Ok(());
    }
    let (least, most) = (SuffixDigits::LEAST, SuffixDigits::MOST);
    Err(Unfit::new(
        "phones.suffix_digits",
        format!("0, or {least} to {most}"),
        phones.suffix_digits.to_string(),
    ))
}

/// Keys that a schema can have.
fn id_attributes(keys: &[String]) -> Result<(), Unfit> {
    let path = "customer.id_attributes";
    if keys.len() > MOST_ID_ATTRIBUTES {
        let expected = format!("at most {MOST_ID_ATTRIBUTES} attributes");
        return Err(Unfit::new(path, expected, keys.len().to_string()));
    }
    let attribute = |key: &String| AttributeDef {
        key: key.clone(),
        label: String::new(),
        kind: AttributeType::Text,
        required: false,
        sensitive: false,
        help: String::new(),
    };
    for (nth, key) in keys.iter().enumerate() {
        let so_far = keys.iter().take(nth + 1).map(attribute).collect();
        if let Err(error) = Schema::new(1, so_far) {
            let expected = format!("keys of attributes, each once ({error})");
            return Err(Unfit::new(format!("{path}[{nth}]"), expected, format!("{key:?}")));
        }
    }
    Ok(())
}

fn http(config: &Config) -> Result<(), Unfit> {
    let http = &config.http;
    within("admin.connections_max", config.admin.connections_max, 1..=10_000)?;
    within("http.workers", http.workers, 0..=1024)?;
    within("http.head_max_bytes", http.head_max_bytes, 8192..=1 << 20)?;
    within("http.headers_max", http.headers_max, 16..=1000)?;
    within("http.uri_max_bytes", http.uri_max_bytes, 256..=65_534)?;
    within("http.body_max_bytes", http.body_max_bytes, 1024..=1 << 30)?;
    within("http.bodies_max_mib", http.bodies_max_mib, 1..=65_536)?;
    if http.bodies_max_mib << 20 < http.body_max_bytes {
        let expected = "room for one body of http.body_max_bytes at the least";
        return Err(Unfit::new(
            "http.bodies_max_mib",
            expected,
            http.bodies_max_mib.to_string(),
        ));
    }
    within("http.batch_max", http.batch_max, 1..=100_000)?;
    within("http.head_timeout_s", http.head_timeout.as_secs(), 1..=3600)?;
    within("http.body_timeout_s", http.body_timeout.as_secs(), 1..=3600)?;
    within("http.idle_timeout_s", http.idle_timeout.as_secs(), 1..=86_400)?;
    within("http.write_timeout_s", http.write_timeout.as_secs(), 1..=3600)?;
    within("http.connections_max", http.connections_max, 1..=1_000_000)?;
    within(
        "http.connections_per_peer_max",
        http.connections_per_peer_max,
        0..=1_000_000,
    )?;
    within(
        "http.overload_after_ms",
        http.overload_after.as_millis(),
        1..=10_000,
    )?;
    within("http.drain_s", http.drain_s, 0..=3600)
}

fn listeners(config: &Config) -> Result<(), Unfit> {
    let mut taken = vec![("admin.address".to_owned(), config.admin.address)];
    for (name, listener) in &config.listener {
        named("listener", name)?;
        let path = |key: &str| format!("listener.{name}.{key}");
        if !listener.enabled {
            continue;
        }
        if listener.address.is_none() && listener.unix.is_none() {
            return Err(Unfit::new(
                path("address"),
                "an address, or else a path in `unix`",
                "neither",
            ));
        }
        tls(&listener.tls, listener.address.is_some(), path)?;
        listener.shadow.check().map_err(|fault| {
            let key = format!("shadow.{}", fault.key);
            Unfit::new(path(&key), fault.expected, fault.found)
        })?;
        let Some(address) = listener.address.filter(|address| address.port() != 0) else {
            continue;
        };
        if let Some((other, _)) = taken.iter().find(|(_, other)| *other == address) {
            let expected = format!("an address of its own ({other} has the same)");
            return Err(Unfit::new(path("address"), expected, format!("\"{address}\"")));
        }
        taken.push((path("address"), address));
    }
    if !config.listener.values().any(|listener| listener.enabled) {
        return Err(Unfit::new(
            "listener.main.enabled",
            "one listener enabled at the least",
            "none",
        ));
    }
    Ok(())
}

fn tls(tls: &Tls, has_address: bool, path: impl Fn(&str) -> String) -> Result<(), Unfit> {
    let is_given = |file: &Option<PathBuf>| file.is_some();
    let (expected, key) = match (
        is_given(&tls.certificate),
        is_given(&tls.key),
        is_given(&tls.client_ca),
    ) {
        (true, false, _) => ("the file of the certificate's private key", "tls.key"),
        (false, true, _) | (false, _, true) => ("the file of the listener's certificate", "tls.certificate"),
        (true, true, _) if !has_address => ("an address: TLS is for TCP", "address"),
        _ => return Ok(()),
    };
    Err(Unfit::new(path(key), expected, "\"\""))
}

fn feeds(config: &Config) -> Result<(), Unfit> {
    config.feed.iter().try_for_each(|(name, feed)| {
        named("feed", name)?;
        if feed.is_followed() && feed.path.as_os_str().is_empty() {
            let expected = match feed.kind {
                Kind::Debezium => "the file to follow (debezium.transport is \"file\")",
                _ => "the file to follow (kind is \"file\")",
            };
            return Err(Unfit::new(format!("feed.{name}.path"), expected, "\"\""));
        }
        if feed.kind == Kind::Debezium {
            debezium(name, feed)?;
        }
        if feed.kind == Kind::Jetstream {
            let jetstream = &feed.jetstream;
            let path = format!("feed.{name}.jetstream");
            streams::stream(&path, &jetstream.servers, &jetstream.stream, &jetstream.login)?;
        }
        if feed.kind == Kind::Postgres {
            postgres(name, feed)?;
        }
        sources::source(name, feed)?;
        within(&format!("feed.{name}.poll_ms"), feed.poll_ms, 10..=60_000)
    })?;
    sources::together(config)
}

fn debezium(name: &str, feed: &feed::Settings) -> Result<(), Unfit> {
    let schema = &feed.schema.from;
    if !schema.is_empty() {
        // Attributes come one by one, and only all of them together are a schema.
        let expected = "\"\" (kind is \"debezium\": customers.attributes says what there is)";
        return Err(Unfit::new(
            format!("feed.{name}.schema.from"),
            expected,
            format!("{schema:?}"),
        ));
    }
    let placeholder = &feed.debezium.unavailable_value;
    if (1..=200).contains(&placeholder.len()) {
        return Ok(());
    }
    Err(Unfit::new(
        format!("feed.{name}.debezium.unavailable_value"),
        "1 to 200 bytes",
        format!("{placeholder:?}"),
    ))
}

fn postgres(name: &str, feed: &feed::Settings) -> Result<(), Unfit> {
    if let Some((key, expected, found)) = feed.postgres.fault() {
        return Err(Unfit::new(format!("feed.{name}.postgres.{key}"), expected, found));
    }
    if feed.tls.enabled && feed.postgres.sslmode == feed::postgres::SslMode::Disable {
        let expected = "\"require\" or \"verify-full\" (tls.enabled is true)";
        return Err(Unfit::new(
            format!("feed.{name}.postgres.sslmode"),
            expected,
            "\"disable\"",
        ));
    }
    Ok(())
}

/// Makes the rules for numbers and treatment as the service makes them.
fn rules(config: &Config) -> Result<(), Unfit> {
    let numbering = Numbering::new(&config.numbers).map_err(|error| {
        // `aliases.from` is of one of the aliases: the list's place is the nearest that is known.
        let list = error.key().split('.').next().unwrap_or_default();
        Unfit::new(format!("numbers.{list}"), error.expected(), error.found())
    })?;
    for (path, settings) in config.number_sources() {
        numbering.with_source(&settings).map_err(|error| {
            let key = error.key();
            Unfit::new(format!("{path}.{key}"), error.expected(), error.found())
        })?;
    }
    Treatment::new(&config.treatment, &numbering)
        .map(|_| ())
        .map_err(|error| Unfit::new(error.path(), error.expected.clone(), error.found.clone()))
}

/// Names stand in paths, environment variables, metrics and logs.
fn named(section: &str, name: &str) -> Result<(), Unfit> {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    if (1..=32).contains(&name.len()) && name.bytes().all(allowed) && !name.contains("__") {
        return Ok(());
    }
    let expected = "a name of 1 to 32 of a-z 0-9 - and single _";
    Err(Unfit::new(
        format!("{section}.{name}"),
        expected,
        format!("{name:?}"),
    ))
}

fn within<T: PartialOrd + std::fmt::Display>(
    path: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), Unfit> {
    if range.contains(&value) {
        return Ok(());
    }
    let expected = format!("a whole number from {} to {}", range.start(), range.end());
    Err(Unfit::new(path, expected, value.to_string()))
}
