//! What is wrong with what a phone system or a desktop asks.

use bytes::{BufMut, BytesMut};
use serde_json::json;

use crate::callers::{Refusal, Reply};
use crate::pop::Unknown;

/// Seconds after which whoever was turned away may ask again.
const AGAIN_S: u64 = 1;

/// Why something is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::http) enum Refused {
    /// As everywhere.
    #[error("{0}")]
    Refusal(#[from] Refusal),
    /// A call, a pop or an agent is not known.
    #[error("{0}")]
    Unknown(#[from] Unknown),
    /// A value is not what it has to be.
    #[error("{field}: expected {expected}, found {found}; correct it")]
    Field {
        /// Which.
        field: String,
        /// What it has to be.
        expected: String,
        /// What it is, without what it says of people.
        found: String,
    },
    /// A customer who does not exist.
    #[error("customer_id: expected the id of a customer, found one that nobody has; search for the customer")]
    NoCustomer,
    /// The agent has too many streams.
    #[error("{0}")]
    Streams(String),
    /// It cannot be kept.
    #[error("expected a disk that takes what is to be kept, found one that does not; try again")]
    NotKept,
    /// It is kept on this machine at best, where it has to be on others too.
    #[error(
        "expected a majority of the servers that keep calls, found none to be reached; say it again in a moment: what was said twice counts once"
    )]
    NotReplicated,
    /// The customer does not want it.
    #[error("the customer is marked `{0}`; it was not sent")]
    Unwanted(&'static str),
    /// There is no such thing here.
    #[error("expected {expected}, found nothing of the kind; {remedy}")]
    NotConfigured {
        /// What it takes.
        expected: &'static str,
        /// How it is had.
        remedy: &'static str,
    },
    /// Another system does not answer.
    #[error(
        "expected older interactions from the system of record, found that it does not give them now; what is shown is what is known here"
    )]
    Unavailable {
        /// When to ask again.
        retry_after_s: u64,
    },
}

impl Refused {
    /// A value of `field` that is not as `expected`.
    pub(in crate::http) fn field(
        field: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Refused {
        Refused::Field {
            field: field.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }

    fn status(&self) -> u16 {
        match self {
            Refused::Refusal(refusal) => refusal.status(),
            Refused::Unknown(Unknown::Agent) | Refused::Field { .. } => 400,
            Refused::Unknown(_) | Refused::NoCustomer | Refused::NotConfigured { .. } => 404,
            Refused::Streams(_) => 429,
            Refused::NotKept | Refused::NotReplicated | Refused::Unavailable { .. } => 503,
            Refused::Unwanted(_) => 409,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Refused::Refusal(refusal) => refusal.code(),
            Refused::Unknown(Unknown::Call) => "no_such_call",
            Refused::Unknown(Unknown::Pop) => "no_such_pop",
            Refused::Unknown(Unknown::Agent) => "missing",
            Refused::Field { .. } => "invalid",
            Refused::NoCustomer => "no_such_customer",
            Refused::Streams(_) => "too_many_streams",
            Refused::NotKept => "not_kept",
            Refused::NotReplicated => "not_replicated",
            Refused::Unwanted(_) => "unwanted",
            Refused::NotConfigured { .. } => "not_configured",
            Refused::Unavailable { .. } => "unavailable",
        }
    }

    /// Writes the error to `out`.
    pub(in crate::http) fn write(&self, out: &mut BytesMut) -> Reply {
        out.clear();
        if let Refused::Refusal(refusal) = self {
            return refusal.write(out);
        }
        let mut error = json!({"code": self.code(), "message": self.to_string()});
        match self {
            Refused::Field { field, .. } => error["field"] = field.as_str().into(),
            Refused::NoCustomer => error["field"] = "customer_id".into(),
            Refused::Unknown(Unknown::Agent) => error["field"] = "agent".into(),
            Refused::Unknown(Unknown::Pop) => error["field"] = "pop_id".into(),
            _ => {}
        }
        // Texts can be written to memory.
        let _infallible = serde_json::to_writer(out.writer(), &json!({"error": error}));
        Reply {
            retry_after_s: match self {
                Refused::Unavailable { retry_after_s } => Some(*retry_after_s),
                _ => (self.status() == 503).then_some(AGAIN_S),
            },
            ..Reply::json(self.status())
        }
    }
}
