//! What a system of record is to the feeds, whichever it is: connected to, copied, followed.
//!
//! A source waits for its server and reads what that says; it decides nothing. When to connect, copy and follow is the
//! [pilot](super::pilot)'s business, what a document means the [mapping](super::mapping)'s, and what becomes of a change the
//! replica's.

use serde_json::Value;

use crate::replica::Change;

/// A system of record, or what carries its changes.
///
/// Calls come in this order: `connect`; then either `follow` from the place that it names, or `begin_copy`, `copy` and
/// `follow` from the place that `begin_copy` gave; then `next` again and again. After any error everything begins anew
/// with `connect`, on the same value.
#[expect(
    async_fn_in_trait,
    reason = "each source runs on a thread of its own, so that nothing has to be sent between threads"
)]
pub trait Source {
    /// Connects, looks whether the server can be followed at all, and says from where; `known` are the lives of its stream
    /// of which something is kept, the newest last.
    ///
    /// # Errors
    /// The server cannot be reached, or does not suit.
    async fn connect(&mut self, known: &[Life]) -> Result<Standing, SourceError>;

    /// Takes hold of a place in the stream from which everything can be followed that the copy may not have.
    ///
    /// # Errors
    /// As for `connect`.
    async fn begin_copy(&mut self) -> Result<Life, SourceError>;

    /// Hands everything that the source has to `rows`, as of the place that `begin_copy` gave or later.
    ///
    /// # Errors
    /// The connection broke; the copy is of no use then.
    async fn copy(&mut self, rows: &mut dyn Rows) -> Result<(), SourceError>;

    /// Follows the stream behind `from`.
    ///
    /// # Errors
    /// [`SourceError::Lost`] where it can no longer be had from there.
    async fn follow(&mut self, from: &Life) -> Result<(), SourceError>;

    /// Waits for what comes next. Whoever waits may stop at any time; nothing is lost then.
    ///
    /// # Errors
    /// The connection broke, or what comes next cannot be had.
    async fn next(&mut self) -> Result<Event, SourceError>;

    /// Everything up to the place with this token is durable here, so that the server need not keep it. Called seldom
    /// enough to do something each time, and never waits.
    fn confirm(&mut self, token: &str);

    /// Says farewell, where the server would otherwise wait for something. What cannot be said is not.
    async fn close(&mut self) {}
}

/// A place in one life of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Which life: positions compare within one alone. 1 to 64 letters, digits and `. _ : -`. Every copy begins another
    /// one.
    pub incarnation: String,
    /// Where in it, in the source's own way; never empty.
    pub token: String,
}

/// Where one can go on, as a source sees it when it connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// From here, and nothing is missing.
    GoesOn(Life),
    /// From here; what is missing ahead of it the source does not have.
    Gap {
        /// From where.
        from: Life,
        /// What happened, and what a person should do.
        why: String,
    },
    /// Nowhere: everything has to be copied.
    Copy {
        /// What happened; "nothing is known of this source yet" at first.
        why: String,
    },
}

/// Where a copy goes.
pub trait Rows {
    /// About how many rows there will be, as soon as that is known.
    fn expect(&mut self, rows: u64);

    /// Takes a row; waits where it has to.
    ///
    /// # Errors
    /// [`SourceError::Stopped`]: nobody wants more.
    fn put(&mut self, row: Row) -> Result<(), SourceError>;
}

/// A row of a copy. Parts may come ahead of their customers; of what comes twice the later one counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// The schema; ahead of the first customer.
    Schema(Value),
    /// A customer's document, as changes have it.
    Customer(Value),
    /// A case.
    Case {
        /// Whose.
        customer_id: String,
        /// Its document.
        case: Value,
    },
    /// An interaction.
    Interaction {
        /// Whose.
        customer_id: String,
        /// Its document.
        interaction: Value,
    },
    /// Something that is none of them.
    Refused(Unreadable),
}

/// What a source delivered and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// What was expected, without a word of what was found.
    pub reason: String,
    /// What was found, to be kept for a person to look at.
    pub found: Vec<u8>,
}

/// What a source delivers.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A change.
    Change {
        /// Where it stands: bytes that are greater the later it is in this life, at most 127.
        position: Vec<u8>,
        /// When the source made it, in milliseconds since 1970, where it says so.
        at_ms: Option<i64>,
        /// What changed.
        change: Change,
    },
    /// Something that cannot be read.
    Refused(Unreadable),
    /// Changes are missing that the source does not have; what comes next goes on all the same. Why, and what a person should
    /// do.
    Gap(String),
    /// Everything delivered so far belongs together and is complete: this is where to go on behind it.
    Place {
        /// Where to go on.
        token: String,
        /// The same as a person reads it.
        position: String,
    },
    /// There is nothing more for the moment; said about once a second while that is so.
    Idle {
        /// Milliseconds by which what the source gives away is behind what it has, as where a majority of its servers
        /// is behind the first; `None` where it does not say.
        lag_ms: Option<u64>,
    },
}

impl Event {
    /// Bytes that it takes in memory, about.
    pub fn bytes(&self) -> usize {
        const EACH: usize = 128;
        EACH + match self {
            Event::Change { change, .. } => match change {
                Change::Upsert { customer } | Change::Sample { customer } => customer.bytes(),
                Change::Schema { attributes: json } => bytes_of(json),
                // What of it is kept is bounded when it is read.
                Change::Part { .. } => 8 * EACH,
                Change::Delete { .. } | Change::Gone(_) | Change::Heartbeat => EACH,
            },
            Event::Refused(unreadable) => unreadable.found.len(),
            Event::Gap(why) => why.len(),
            Event::Place { .. } | Event::Idle { .. } => 0,
        }
    }
}

/// Bytes that `json` takes in memory, about.
pub(super) fn bytes_of(json: &Value) -> usize {
    const EACH: usize = 32;
    EACH + match json {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(bytes_of).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| EACH + key.len() + bytes_of(value))
            .sum(),
    }
}

/// Why a source cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The server cannot be reached, or went away. It is tried again soon.
    #[error("{0}")]
    Away(String),
    /// Somebody has to do something first: the message says what. It is tried again from time to time.
    #[error("{0}")]
    Unfit(String),
    /// What comes next can no longer be had: everything has to be copied.
    #[error("{0}")]
    Lost(String),
    /// Nobody wants more.
    #[error("stopped")]
    Stopped,
}
