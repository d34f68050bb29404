//! Who answers for a number that several customers claim.

use serde::Deserialize;

use crate::customer::Record;
use crate::snapshot::claimants::Order;

/// Whether a number has one owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// One claimant owns the number and answers, unless the number is declared shared.
    Unique,
    /// All claimants answer.
    Shared,
}

/// Which claimant owns a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// Greatest (seq at which the customer's present unbroken claim began, id).
    NewestClaim,
    /// Greatest (creation time in the source, id): nodes agree on it whatever their history.
    NewestCustomer,
}

/// What becomes of a customer whose number another owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// It stays reachable by id and by its other numbers.
    Move,
    /// It is hidden altogether while the owner stands, as where a system of record overwrites on create.
    Replace,
}

/// The rules of ownership: `[phones]` of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ownership {
    /// Whether a number has one owner.
    pub mode: Mode,
    /// Which claimant it is.
    pub owner: Owner,
    /// What becomes of the others.
    pub on_conflict: OnConflict,
}

impl Ownership {
    /// Whether a customer that loses a number is hidden.
    pub(crate) fn replaces(self) -> bool {
        self.mode == Mode::Unique && self.on_conflict == OnConflict::Replace
    }

    /// In which order claimants of a number answer.
    pub fn order(self) -> Order {
        match self.owner {
            Owner::NewestClaim => Order::NewestClaim,
            Owner::NewestCustomer => Order::NewestCustomer,
        }
    }

    /// How strong `record`'s claim on `key` is; `None` where it has none.
    pub(crate) fn rank<'a>(self, record: &Record<'a>, key: u64) -> Option<Rank<'a>> {
        let claim = record.claim(key)?;
        let first = match self.owner {
            Owner::NewestClaim => i128::from(claim.since),
            // A customer of unknown age is older than any of known age.
            Owner::NewestCustomer => record.created_ms().map_or(i128::MIN, i128::from),
        };
        Some(Rank {
            first,
            id: record.id(),
        })
    }
}

/// The strength of a claim; the greatest owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank<'a> {
    first: i128,
    id: &'a str,
}
