//! Who claims a number: nobody, one customer, or an entry of the claimants section that lists several.

use xxhash_rust::xxh3::xxh3_64;

use super::layout::u64_at;
use crate::customer::Record;

const HEADER: usize = 24;

/// Who claims a number.
#[derive(Debug)]
pub enum Claimants<'a> {
    /// Nobody.
    None,
    /// One customer.
    One(Record<'a>),
    /// Several.
    Many(Many<'a>),
    /// What the number leads to is damaged, so that who claims it is not known.
    Damaged,
}

/// Which of a number's claimants comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Greatest (seq at which the claim began, id) first.
    NewestClaim,
    /// Greatest (creation time in the source, id) first.
    NewestCustomer,
}

/// Leads to a record of the snapshot that it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference(pub(crate) u64);

/// A contested number's claimants.
#[derive(Debug, Clone, Copy)]
pub struct Many<'a> {
    key: u64,
    shared: bool,
    count: usize,
    references: &'a [u8],
}

impl<'a> Many<'a> {
    /// The entry at the start of `bytes`; `None` where it is damaged.
    pub(crate) fn open(bytes: &'a [u8]) -> Option<Many<'a>> {
        let counts = u64_at(bytes.get(..HEADER)?, 16);
        let count = usize::try_from(counts & u64::from(u32::MAX)).ok()?;
        let len = count.checked_mul(16)?.checked_add(HEADER)?;
        let entry = bytes.get(..len)?;
        if xxh3_64(&entry[8..]) != u64_at(entry, 0) {
            return None;
        }
        Some(Many {
            key: u64_at(entry, 8),
            shared: counts >> 32 & 1 != 0,
            count,
            references: &entry[HEADER..],
        })
    }

    /// Encodes the entry of `key`.
    pub(crate) fn encode(key: u64, shared: bool, newest_claim: &[u64], newest_customer: &[u64]) -> Vec<u8> {
        let mut entry = vec![0; 8];
        entry.extend_from_slice(&key.to_le_bytes());
        entry.extend_from_slice(&(newest_claim.len() as u64 | u64::from(shared) << 32).to_le_bytes());
        for reference in newest_claim.iter().chain(newest_customer) {
            entry.extend_from_slice(&reference.to_le_bytes());
        }
        let checksum = xxh3_64(&entry[8..]);
        entry[..8].copy_from_slice(&checksum.to_le_bytes());
        entry
    }

    /// The number.
    pub fn key(&self) -> u64 {
        self.key
    }

    /// Whether one of the claimants declares the number shared.
    pub fn shared(&self) -> bool {
        self.shared
    }

    /// How many customers claim the number.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The claimants in `order`.
    pub fn references(&self, order: Order) -> impl Iterator<Item = Reference> + 'a {
        let (newest_claim, newest_customer) = self.references.split_at(self.count * 8);
        let list = match order {
            Order::NewestClaim => newest_claim,
            Order::NewestCustomer => newest_customer,
        };
        list.chunks_exact(8)
            .map(|reference| Reference(u64_at(reference, 0)))
    }
}
