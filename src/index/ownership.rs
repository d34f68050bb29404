//! Who answers for a number that several customers claim.

use serde::Deserialize;

use crate::customer::Record;
use crate::number::SuffixDigits;
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
    /// [`Owner::NewestCustomer`] where a feed copies and follows a system of record, else [`Owner::NewestClaim`]; whoever
    /// reads the configuration decides.
    Auto,
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
    /// A number that more customers than this claim is shared, 1–100 000; 0: never.
    pub shared_above: u32,
    /// Last digits by which a number is found that nobody has as a whole, 7–15; 0: never.
    pub suffix_digits: u8,
}

/// Everything that decides who answers for a number: the rules of ownership, and the lines that several people use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phones {
    ownership: Ownership,
    suffix_digits: Option<SuffixDigits>,
    /// Sorted.
    shared_lines: Box<[u64]>,
}

/// Why all claimants of a number answer for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// In mode `shared` every number is.
    Mode,
    /// The configuration names the line.
    Line,
    /// More customers than `shared_above` claim it.
    Crowd,
    /// A customer declares the number to be used by several.
    Customer,
}

impl Phones {
    /// `ownership`, and lines that all who claim them answer for.
    pub fn new(ownership: Ownership, shared_lines: impl IntoIterator<Item = u64>) -> Phones {
        let mut shared_lines: Vec<u64> = shared_lines.into_iter().collect();
        shared_lines.sort_unstable();
        Phones {
            ownership,
            suffix_digits: ownership.suffixes(),
            shared_lines: shared_lines.into(),
        }
    }

    /// The rules of ownership.
    pub fn ownership(&self) -> Ownership {
        self.ownership
    }

    /// Last digits by which a number is found that nobody has as a whole; `None`: never.
    #[inline]
    pub fn suffix_digits(&self) -> Option<SuffixDigits> {
        self.suffix_digits
    }

    /// Whether the configuration names `key` as a line that several people use.
    #[inline]
    pub fn is_shared_line(&self, key: u64) -> bool {
        !self.shared_lines.is_empty() && self.shared_lines.binary_search(&key).is_ok()
    }

    /// Why all of `count` claimants of `key` answer, whatever they declare themselves.
    #[inline]
    pub(crate) fn shared(&self, key: u64, count: usize) -> Option<Shared> {
        let above = self.ownership.shared_above;
        if self.ownership.mode == Mode::Shared {
            Some(Shared::Mode)
        } else if self.is_shared_line(key) {
            Some(Shared::Line)
        } else if above > 0 && u32::try_from(count).is_ok_and(|count| count > above) {
            Some(Shared::Crowd)
        } else {
            None
        }
    }
}

impl From<Ownership> for Phones {
    fn from(ownership: Ownership) -> Phones {
        Phones::new(ownership, [])
    }
}

impl Ownership {
    /// One owner for each number, the newest claim, whose loser stays; for users of the library and tests. The service takes
    /// its rules from its default configuration file instead.
    pub const BUILTIN: Ownership = Ownership {
        mode: Mode::Unique,
        owner: Owner::NewestClaim,
        on_conflict: OnConflict::Move,
        shared_above: 0,
        suffix_digits: 0,
    };

    /// Last digits by which a number is found that nobody has as a whole; `None`: never.
    pub fn suffixes(self) -> Option<SuffixDigits> {
        SuffixDigits::new(self.suffix_digits)
    }

    /// Whether a customer that loses a number is hidden.
    pub(crate) fn replaces(self) -> bool {
        self.mode == Mode::Unique && self.on_conflict == OnConflict::Replace
    }

    /// In which order claimants of a number answer.
    pub fn order(self) -> Order {
        match self.owner {
            Owner::NewestClaim | Owner::Auto => Order::NewestClaim,
            Owner::NewestCustomer => Order::NewestCustomer,
        }
    }

    /// How strong `record`'s claim on `key` is; `None` where it has none.
    pub(crate) fn rank<'a>(self, record: &Record<'a>, key: u64) -> Option<Rank<'a>> {
        let claim = record.claim(key)?;
        let first = match self.owner {
            Owner::NewestClaim | Owner::Auto => i128::from(claim.since),
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
