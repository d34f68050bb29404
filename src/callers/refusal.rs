//! Requests that are refused: the one place that says with which status, code and words.

use std::time::Duration;

use bytes::BytesMut;

use super::call::Reply;
use super::json;

/// When a caller that was turned away may ask again.
pub(super) const RETRY_AFTER_S: u64 = 1;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A path that nothing answers.
    #[error("expected one of {known}, found another path; correct the URL")]
    NoSuchPath {
        /// The paths that there are.
        known: &'static str,
    },
    /// A method that the path does not have.
    #[error("expected {allow}, found another method; correct the request")]
    Method {
        /// The methods that it has.
        allow: &'static str,
    },
    /// A customer that does not exist.
    #[error("expected the id of a customer, found one that nobody has; look the customer up by number")]
    NoSuchCustomer,
    /// Something was to be shown on a desktop that is not connected.
    #[error("expected an agent whose desktop is connected, found one whose is not; have the agent open it")]
    NoDesktop,
    /// A parameter that has to be there is not.
    #[error(
        "expected a calling number in `{0}`, found no such parameter; add it, empty where the number is withheld"
    )]
    Missing(&'static str),
    /// A parameter with a value that it cannot have.
    #[error("{field}: expected {expected}, found \"{found}\"{hint}")]
    Value {
        /// The parameter.
        field: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What it was given, shortened.
        found: String,
        /// The nearest value that it takes, as a sentence; or nothing.
        hint: String,
    },
    /// A body that is not JSON, or not of the form expected.
    #[error("body: expected {expected}, found {found}; correct the body")]
    Body {
        /// What is read.
        expected: &'static str,
        /// What is wrong, without what the body holds.
        found: String,
    },
    /// More numbers than one request may ask for.
    #[error("anis: expected at most {most} numbers, found {found}; send several requests")]
    TooMany {
        /// The most numbers.
        most: usize,
        /// The numbers found.
        found: usize,
    },
    /// A body above the limit.
    #[error("body: expected at most {most} bytes, found more; send several requests")]
    TooLarge {
        /// The most bytes.
        most: usize,
    },
    /// A body that did not arrive in time.
    #[error("body: expected all of it within {within:?}, found less; send it again")]
    TooSlow {
        /// The time it had.
        within: Duration,
    },
    /// A request target above the limit.
    #[error("expected a path and query of at most {most} bytes, found more; post what is long in a body")]
    TargetTooLong {
        /// The most bytes.
        most: usize,
    },
    /// More header fields than the limit.
    #[error("expected at most {most} header fields, found {found}; send fewer")]
    TooManyHeaders {
        /// The most fields.
        most: usize,
        /// The fields found.
        found: usize,
    },
    /// A query that another system answers and this service does not.
    #[error("expected a query that looks up a customer by number, or a customer's cases by id; found {what}")]
    Unsupported {
        /// What is not answered, without what the caller asked about.
        what: String,
    },
    /// A query that cannot be read.
    #[error("expected {expected}, found {found}; correct the query")]
    Syntax {
        /// What would have been read.
        expected: &'static str,
        /// What is wrong, without what the caller asked about.
        found: String,
    },
    /// Whoever asked may not.
    #[error("{message}")]
    Denied {
        /// 401 or 403.
        status: u16,
        /// The word of metrics and logs.
        code: &'static str,
        /// Why.
        message: String,
    },
    /// The dialect is switched off.
    #[error(
        "expected another way of asking, found one that is switched off here; `enabled` in its section of the configuration switches it on"
    )]
    Off,
    /// What answers until this service takes over has not, and nobody answers in its place.
    #[error("expected an answer of the system behind this service, found {found}; look after that one")]
    Upstream {
        /// 502, 503, 504 or 508.
        status: u16,
        /// The word for programs.
        code: &'static str,
        /// What came instead.
        found: &'static str,
    },
    /// There is more to do than can be done in time.
    #[error("expected fewer requests at once; ask again in a second")]
    Overload,
    /// The service is at fault.
    #[error("the answer could not be written; the log says why")]
    Internal,
}

impl Refusal {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Refusal::NoSuchPath { .. } | Refusal::NoSuchCustomer | Refusal::NoDesktop => 404,
            Refusal::Method { .. } => 405,
            Refusal::Missing(_) | Refusal::Value { .. } | Refusal::Body { .. } | Refusal::TooMany { .. } => {
                400
            }
            Refusal::Unsupported { .. } | Refusal::Syntax { .. } => 400,
            Refusal::Denied { status, .. } | Refusal::Upstream { status, .. } => *status,
            Refusal::TooSlow { .. } => 408,
            Refusal::TooLarge { .. } => 413,
            Refusal::TargetTooLong { .. } => 414,
            Refusal::TooManyHeaders { .. } => 431,
            Refusal::Overload | Refusal::Off => 503,
            Refusal::Internal => 500,
        }
    }

    /// A word for programs; it never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::NoSuchPath { .. } => "no_such_path",
            Refusal::Method { .. } => "method_not_allowed",
            Refusal::NoSuchCustomer => "no_such_customer",
            Refusal::NoDesktop => "no_desktop",
            Refusal::Missing(_) => "missing",
            Refusal::Value { .. } => "invalid",
            Refusal::Body { .. } => "invalid_body",
            Refusal::TooMany { .. } => "too_many",
            Refusal::TooLarge { .. } => "too_large",
            Refusal::Unsupported { .. } => "unsupported",
            Refusal::Syntax { .. } => "syntax",
            Refusal::Denied { code, .. } | Refusal::Upstream { code, .. } => code,
            Refusal::Off => "off",
            Refusal::TooSlow { .. } => "too_slow",
            Refusal::TargetTooLong { .. } => "target_too_long",
            Refusal::TooManyHeaders { .. } => "too_many_headers",
            Refusal::Overload => "overload",
            Refusal::Internal => "internal",
        }
    }

    /// The parameter at fault, where it is one.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Refusal::Missing(field) | Refusal::Value { field, .. } => Some(field),
            Refusal::TooMany { .. } => Some("anis"),
            _ => None,
        }
    }

    /// Writes `{"error": {"code", "message", "field"?}}` to `out`.
    pub fn write(&self, out: &mut BytesMut) -> Reply {
        out.extend_from_slice(b"{\"error\":{\"code\":");
        json::string(out, self.code());
        out.extend_from_slice(b",\"message\":");
        json::string(out, &self.to_string());
        if let Some(field) = self.field() {
            out.extend_from_slice(b",\"field\":");
            json::string(out, field);
        }
        out.extend_from_slice(b"}}");
        self.reply()
    }

    /// The reply without its body.
    pub(crate) fn reply(&self) -> Reply {
        Reply {
            allow: match self {
                Refusal::Method { allow } => Some(allow),
                _ => None,
            },
            retry_after_s: matches!(self, Refusal::Overload | Refusal::Off).then_some(RETRY_AFTER_S),
            ..Reply::json(self.status())
        }
    }

    /// The refusal of `found` as the value of `field`, which takes one of `known`.
    pub(super) fn unknown<'k>(
        field: &'static str,
        expected: &'static str,
        found: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Refusal {
        const MOST: usize = 40;
        let shown: String = found.chars().take(MOST).collect();
        let nearest = known
            .into_iter()
            .map(|word| (strsim::jaro_winkler(&shown, word), word))
            .filter(|(likeness, _)| *likeness >= 0.75)
            .max_by(|(one, _), (other, _)| one.total_cmp(other));
        Refusal::Value {
            field,
            expected,
            hint: nearest.map_or_else(String::new, |(_, word)| format!("; did you mean \"{word}\"?")),
            found: shown,
        }
    }
}
