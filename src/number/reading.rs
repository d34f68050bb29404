//! What a written form was read as.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use super::key::Key;
use super::parse::ParseReason;
use super::plan;

/// The answer of [`Numbering::read`](super::Numbering::read). It borrows from the written form.
///
/// `Debug` redacts: readings end up in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Reading<'a> {
    pub(super) outcome: Outcome,
    /// The number before the alias table.
    pub(super) parsed: Option<Key>,
    pub(super) sip_user: Option<Cow<'a, str>>,
}

/// What became of a written form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A number or a SIP user: look it up.
    Key(Key),
    /// An internal extension or an emergency number: looked up exactly, under a key of kind extension.
    Internal(Key),
    /// One of our own numbers: matches nobody.
    OwnNumber(Key),
    /// The caller withheld the number: matches nobody, is never stored.
    Withheld,
    /// No number.
    Invalid(Invalid),
}

/// Why a lookup by a written form answers nobody, in the words of the lookup's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The number was withheld.
    Anonymous,
    /// It is one of our own numbers.
    OwnNumber,
    /// It is an extension or an emergency number. Only the reason of a miss: where somebody has it, it is a match.
    Internal,
    /// It is no number.
    Invalid,
}

/// Why a written form is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Invalid {
    /// Bytes that are not UTF-8.
    #[error("not UTF-8 text")]
    NotUtf8,
    /// The region given beside the number is unknown.
    #[error("unknown region: expected two letters such as US or GB, or ZZ for none")]
    UnknownRegion,
    /// No plus, and no region whose plan could say what the digits mean.
    #[error("no region to read a number without + in: write it with + and its calling code, or set a region")]
    NoRegion,
    /// A URI that names a host and no user.
    #[error("the address has a host but no user part")]
    NoUser,
    /// Seven digits where seven digits are a local number.
    #[error("seven digits are a local number: write the area code too, or set one for this source")]
    NoAreaCode,
    /// A spreadsheet's rounding; its digits are lost.
    #[error("scientific notation: the spreadsheet has rounded the digits away; export the column as text")]
    ScientificNotation,
    /// Two numbers in one place; which of them was meant nobody can say.
    #[error(
        "several numbers in one place: expected one, or for a customer several that are all valid; write each in a \
         place of its own"
    )]
    SeveralNumbers,
    /// More digits than a public number can have.
    #[error("more than 15 digits: no public number is that long")]
    MoreThanFifteenDigits,
    /// The parser refused it.
    #[error(transparent)]
    Parse(#[from] ParseReason),
}

/// Why a number is not stored. The texts never contain the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unstorable {
    /// It is no number.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// It has the form of a number, but no plan has room for it.
    #[error(
        "not a valid number of its country (wrong length or unassigned range): correct it, or allow invalid numbers"
    )]
    NotValid,
    /// An emergency number can belong to no customer.
    #[error("an emergency number belongs to no customer")]
    Emergency,
    /// A phone of kind extension that is not one.
    #[error("expected an extension of 1 to 17 digits")]
    NotAnExtension,
}

impl Reading<'_> {
    /// What became of the written form.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The key to look up. `None` for what matches nobody: withheld, our own, invalid.
    pub fn key(&self) -> Option<Key> {
        match self.outcome {
            Outcome::Key(key) | Outcome::Internal(key) => Some(key),
            Outcome::OwnNumber(_) | Outcome::Withheld | Outcome::Invalid(_) => None,
        }
    }

    /// The number's key, for display: [`Reading::key`], and our own numbers too.
    pub fn number(&self) -> Option<Key> {
        match self.outcome {
            Outcome::OwnNumber(key) => Some(key),
            _ => self.key(),
        }
    }

    /// The public number as it was written, before the table of legacy plans replaced its beginning. It differs from
    /// [`Reading::number`] only where an alias applied.
    pub fn parsed(&self) -> Option<Key> {
        self.parsed
    }

    /// Why a lookup answers nobody, whoever the customers are; for [`Reason::Internal`] see there.
    pub fn reason(&self) -> Option<Reason> {
        match self.outcome {
            Outcome::Key(_) => None,
            Outcome::Internal(_) => Some(Reason::Internal),
            Outcome::OwnNumber(_) => Some(Reason::OwnNumber),
            Outcome::Withheld => Some(Reason::Anonymous),
            Outcome::Invalid(_) => Some(Reason::Invalid),
        }
    }

    /// Why the written form is no number.
    pub fn invalid(&self) -> Option<Invalid> {
        match self.outcome {
            Outcome::Invalid(invalid) => Some(invalid),
            _ => None,
        }
    }

    /// The SIP user whose hash the key is; compare it on a hit.
    pub fn sip_user(&self) -> Option<&str> {
        self.sip_user.as_deref()
    }

    /// Whether the number is valid in its country's plan, before or after the table of legacy plans. Extensions and
    /// SIP users are not. Worked out on demand and not fast: lookups do not need it.
    pub fn is_valid(&self) -> bool {
        self.parsed.is_some_and(plan::is_valid) || self.number().is_some_and(plan::is_valid)
    }

    pub(super) fn of(outcome: Outcome) -> Self {
        Reading {
            outcome,
            parsed: None,
            sip_user: None,
        }
    }
}

impl fmt::Debug for Reading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reading").field(&self.outcome).finish()
    }
}

impl Reason {
    /// `anonymous`, `own_number`, `internal` or `invalid`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Anonymous => "anonymous",
            Reason::OwnNumber => "own_number",
            Reason::Internal => "internal",
            Reason::Invalid => "invalid",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
