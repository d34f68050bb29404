//! What is told to whoever may not, and what is counted and logged of it.

use bytes::BytesMut;
use prometheus::IntCounter;
use serde_json::json;

use super::scope::Need;
use crate::callers::{Refusal, Reply};
use crate::http::gate::Peer;
use crate::metrics::{Metrics, MetricsError};
use crate::telemetry::Lines;

/// Why a request is refused before anything is answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::http) enum Denial {
    #[error("expected a request from one of `sources`, found another address; add its network there")]
    Source,
    #[error(
        "expected a request from one of the dialect's `dialect_sources`, found another address; add its network there"
    )]
    DialectSource,
    #[error(
        "expected a key, found none; send it as `Authorization: Bearer rs_…`, or as the password of Basic{}",
        if *in_query { ", or as `?key=`" } else { "" }
    )]
    Missing { in_query: bool },
    #[error(
        "expected a key as `Authorization: Bearer rs_…` or as the password of Basic, found something in {0}; move it to one of these two places"
    )]
    Misplaced(&'static str),
    #[error("expected a key of this server, found another; `ringside key list` shows which there are")]
    Unknown,
    #[error("expected a key that is still valid, found an expired one; `ringside key add` makes another")]
    Expired,
    #[error("expected a key that is still valid, found a revoked one; `ringside key add` makes another")]
    Revoked,
    #[error(
        "expected a key with the scope {0}, found one without; make one with `ringside key add NAME --scope SCOPE`"
    )]
    Scope(Need),
    #[error(
        "expected something that this listener allows, found {0}; use another listener, or add it to `scopes`"
    )]
    NotHere(Need),
    #[error(
        "expected `localhost` or an IP address as Host where no key is shown, found a name; use the address"
    )]
    Host,
    #[error("expected `Content-Type: application/json`, found another or none; correct the request")]
    ContentType,
    #[error("expected a TLS handshake, found a fault")]
    Handshake,
}

/// Reasons as metrics have them.
const REASONS: [&str; 12] = [
    "source",
    "dialect_source",
    "missing_key",
    "misplaced_key",
    "unknown_key",
    "expired_key",
    "revoked_key",
    "scope",
    "not_on_listener",
    "host",
    "content_type",
    "tls",
];

/// What is counted and logged of denials.
#[derive(Debug)]
pub(in crate::http) struct Denials {
    counters: [IntCounter; REASONS.len()],
    lines: [Lines; REASONS.len()],
}

impl Denial {
    fn index(&self) -> usize {
        match self {
            Denial::Source => 0,
            Denial::DialectSource => 1,
            Denial::Missing { .. } => 2,
            Denial::Misplaced(_) => 3,
            Denial::Unknown => 4,
            Denial::Expired => 5,
            Denial::Revoked => 6,
            Denial::Scope(_) => 7,
            Denial::NotHere(_) => 8,
            Denial::Host => 9,
            Denial::ContentType => 10,
            Denial::Handshake => 11,
        }
    }

    /// The word of metrics, logs and answers.
    pub(in crate::http) fn reason(&self) -> &'static str {
        REASONS[self.index()]
    }

    /// The HTTP status.
    pub(in crate::http) fn status(&self) -> u16 {
        match self {
            Denial::Missing { .. }
            | Denial::Misplaced(_)
            | Denial::Unknown
            | Denial::Expired
            | Denial::Revoked => 401,
            Denial::ContentType => 415,
            Denial::Source
            | Denial::DialectSource
            | Denial::Scope(_)
            | Denial::NotHere(_)
            | Denial::Host
            | Denial::Handshake => 403,
        }
    }

    /// The same, for a dialect that has a shape of its own for it.
    pub(in crate::http) fn refusal(&self) -> Refusal {
        Refusal::Denied {
            status: self.status(),
            code: self.reason(),
            message: self.to_string(),
        }
    }

    /// Writes `{"error": {"code", "message"}}` to `out`.
    pub(in crate::http) fn write(&self, out: &mut BytesMut) -> Reply {
        let body = json!({"error": {"code": self.reason(), "message": self.to_string()}});
        out.extend_from_slice(body.to_string().as_bytes());
        Reply::json(self.status())
    }
}

impl Denials {
    pub(in crate::http) fn register(metrics: &Metrics) -> Result<Denials, MetricsError> {
        let denied = metrics.counters(
            "ringside_http_denied_total",
            "Connections and requests refused for who asked or from where, by reason.",
            &["reason"],
        )?;
        Ok(Denials {
            counters: REASONS.map(|reason| denied.with_label_values(&[reason])),
            lines: Default::default(),
        })
    }

    /// Counts `denial` to `peer`, and logs it unless there was enough of that this second. Neither a key nor a query is
    /// ever logged.
    pub(in crate::http) fn note(&self, denial: &Denial, peer: &Peer, error: Option<&dyn std::fmt::Display>) {
        self.counters[denial.index()].inc();
        if self.lines[denial.index()].may() {
            tracing::info!(
                reason = denial.reason(),
                %peer,
                error = error.map(tracing::field::display),
                "denied"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_denial_has_a_reason_of_its_own_and_says_what_to_do() {
        let denials = [
            Denial::Source,
            Denial::DialectSource,
            Denial::Missing { in_query: true },
            Denial::Misplaced("`?token=`"),
            Denial::Unknown,
            Denial::Expired,
            Denial::Revoked,
            Denial::Scope(Need::Lookup),
            Denial::NotHere(Need::Feed),
            Denial::Host,
            Denial::ContentType,
            Denial::Handshake,
        ];
        for (nth, denial) in denials.iter().enumerate() {
            assert_eq!(denial.index(), nth);
            let text = denial.to_string();
            assert!(text.contains("expected") && text.contains("found"), "{text}");
        }
    }
}
