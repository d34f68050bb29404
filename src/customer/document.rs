//! The customer document: what NDJSON files, feeds and exports hold, one a line.

pub use super::color::is_color;
pub use super::fields::is_id;
pub use super::numbers::{NumberField, WrittenNumber};
pub use super::parts::{Limits, read_case, read_interaction};
pub use super::read::{MOST_PHONES, read, read_json};

/// The most cases that one customer keeps, newest first, where nothing else is configured.
pub const DEFAULT_CASES: usize = 10;
/// The most interactions that one customer keeps, newest first, where nothing else is configured.
pub const DEFAULT_INTERACTIONS: usize = 20;

/// A valid customer. Strings are within their limits, dates exist, parts are newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Customer {
    /// The system of record's id: 1–256 bytes without control characters, quotation marks or backslashes.
    pub id: String,
    /// The display name; composed from first and last name or company where the source has none. May be empty
    /// where the customer has a phone.
    pub name: String,
    /// When the source created the customer, RFC 3339 as written.
    pub created_at: Option<String>,
    /// When the source last changed the customer, RFC 3339 as written.
    pub updated_at: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Organisation.
    pub company: Option<String>,
    /// Phones as written, in the source's order.
    pub phones: Vec<Phone>,
    /// Labels, in the source's order.
    pub labels: Vec<Label>,
    /// Treatment flags.
    pub flags: Flags,
    /// Attributes as (position in the schema, value as JSON text), in schema order.
    pub attributes: Vec<(usize, String)>,
    /// Cases, newest first. `None`: the document did not speak of them, so an update keeps what is there.
    pub cases: Option<Vec<Case>>,
    /// Interactions, newest first. `None` as for cases.
    pub interactions: Option<Vec<Interaction>>,
    /// The agent who last spoke with the customer.
    pub last_agent_id: Option<String>,
}

/// A phone as the source writes it; its key is the numbering plan's business, not the customer's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Phone {
    /// The number as written.
    pub number: String,
    /// Region whose dialling rules read the number (ISO 3166-1 alpha-2), where the source knows it.
    pub region: Option<String>,
    /// What the source calls this phone: `mobile`, `work`, `extension` …
    pub kind: Option<String>,
    /// When someone last verified that the phone is the customer's, `YYYY-MM-DD`.
    pub verified_at: Option<String>,
    /// Declared to be used by several customers (household, switchboard).
    pub shared: bool,
}

/// A named, optionally coloured tag that treatment rules hang on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// The label's name.
    pub name: String,
    /// `#rgb` or `#rrggbb`, or a CSS colour word.
    pub color: Option<String>,
}

/// Treatment flags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    /// The customer does not want calls.
    pub do_not_call: bool,
    /// The customer does not want text messages.
    pub do_not_sms: bool,
}

/// A case (ticket, incident).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Case {
    /// The source's id.
    pub id: String,
    /// The number that people quote.
    pub number: Option<String>,
    /// What it is about.
    pub title: Option<String>,
    /// The source's status word.
    pub status: Option<String>,
    /// The source's priority word.
    pub priority: Option<String>,
    /// RFC 3339.
    pub created_at: Option<String>,
}

/// One contact with the centre.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interaction {
    /// The source's id.
    pub id: String,
    /// RFC 3339.
    pub started_at: Option<String>,
    /// `inbound` or `outbound`.
    pub direction: Option<String>,
    /// `finesse` where an agent took part, `ivr` where none did, or the source's own word.
    pub kind: Option<String>,
    /// The other party's number.
    pub ani: Option<String>,
    /// Seconds.
    pub duration_s: Option<u64>,
    /// Its legs, in order.
    pub activities: Vec<Activity>,
}

/// One leg of an interaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activity {
    /// `ivr`, `agent`, `transfer`, `conference`, or the source's own word.
    pub kind: String,
    /// RFC 3339.
    pub started_at: Option<String>,
    /// Seconds.
    pub duration_s: Option<u64>,
    /// Agent's id.
    pub agent_id: Option<String>,
    /// Agent's name.
    pub agent_name: Option<String>,
    /// Agent's team.
    pub team: Option<String>,
    /// Agent's extension.
    pub extension: Option<String>,
    /// The agent's wrap-up.
    pub wrap_up: Option<String>,
}

/// Why a document was refused; the row is known to whoever reads rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}, found {found}")]
pub struct Refusal {
    /// Path of the field, such as `phones[1].region`.
    pub field: String,
    /// What would have been accepted.
    pub expected: String,
    /// What was there instead, shortened; never a whole sensitive value.
    pub found: String,
}

impl Case {
    /// Whether someone still has to act on it: every status is open but the words for an end that the systems
    /// named in the guides use (`closed`, `resolved`, `solved`, `cancelled` …).
    pub fn is_open(&self) -> bool {
        const ENDED: [&str; 9] = [
            "closed",
            "resolved",
            "solved",
            "cancelled",
            "canceled",
            "done",
            "completed",
            "merged",
            "inactive",
        ];
        self.status
            .as_deref()
            .is_none_or(|status| !ENDED.iter().any(|word| status.eq_ignore_ascii_case(word)))
    }
}

/// How strictly a document is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// An import: a value that its attribute's type does not allow refuses the document, and so does an
    /// attribute that the schema does not have.
    Import,
    /// A feed: such values are left out and counted, and the customer still answers.
    Feed,
}

/// A document that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The customer.
    pub customer: Customer,
    /// Attributes left out because of [`Strictness::Feed`].
    pub left_out: Vec<Refusal>,
}
