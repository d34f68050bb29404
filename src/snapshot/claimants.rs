//! Who claims a number: nobody, one customer, or an entry of the claimants section that lists several.

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

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

    /// Writes the entry of `key`, whose `count` claimants `references` gives each time it is called: newest claim first,
    /// then newest customer first. They pass by twice, so that no list of them need be in memory.
    pub(crate) fn write<E>(
        (key, shared, count): (u64, bool, u64),
        mut references: impl FnMut(&mut dyn FnMut(u64) -> Result<(), E>) -> Result<(), E>,
        mut put: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut head = [0; HEADER - 8];
        head[..8].copy_from_slice(&key.to_le_bytes());
        head[8..].copy_from_slice(&(count | u64::from(shared) << 32).to_le_bytes());
        let mut checksum = Xxh3Default::new();
        checksum.update(&head);
        references(&mut |reference| {
            checksum.update(&reference.to_le_bytes());
            Ok(())
        })?;
        put(&checksum.digest().to_le_bytes())?;
        put(&head)?;
        references(&mut |reference| put(&reference.to_le_bytes()))
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
