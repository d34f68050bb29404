//! The overlay: what changed since the snapshot, in memory.
//!
//! Each customer has a short chain of versions; a reader takes the newest at or below its seq. The number map says
//! which customers *may* claim a number: it only ever grows, is written ahead of the version that makes it true, and
//! a reader believes the version alone. So one seq decides everything that one lookup sees.
//!
//! There is one writer, and readers never wait for it. A chain keeps the newest visible version and those that are
//! not visible yet; a reader that comes with an older seq than the chain still knows is told so by [`Superseded`]
//! and reads again with the present one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use papaya::{HashMap, HashMapRef, LocalGuard};
use smallvec::SmallVec;
use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use crate::customer::record::Origin;
use crate::customer::{Record, id_hash53};
use crate::number::{Key, SuffixDigits};

/// The most customers that are remembered for one number, or for one hash of an id: more have it by mistake, and every lookup of it reads them all.
pub const MOST_HINTS: usize = 256;

/// The most numbers that are remembered for one suffix: more of them are several for as long as the overlay lasts.
pub const MOST_ALIKE: usize = 16;

/// The reader's seq is older than what a chain still holds: take the present seq and read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superseded;

/// What a change made of a customer.
#[derive(Debug, Clone)]
pub enum Entry {
    /// The customer's new record.
    Customer(Arc<[u8]>),
    /// The customer is gone.
    Tombstone {
        /// Stream that said so, as in a record's origin.
        stream: u16,
        /// Position of the deletion in it.
        position: Arc<[u8]>,
        /// Up to where streams had delivered the customer, as the marks of an origin.
        marks: Arc<[u8]>,
    },
}

#[derive(Debug, Clone)]
struct Version {
    seq: u64,
    entry: Entry,
}

/// A customer's versions, newest first.
#[derive(Debug)]
struct Chain {
    versions: Box<[Version]>,
    pruned: bool,
}

impl Chain {
    fn at(&self, seq: u64) -> Result<Option<&Entry>, Superseded> {
        match self.versions.iter().find(|version| version.seq <= seq) {
            Some(version) => Ok(Some(&version.entry)),
            None if self.pruned => Err(Superseded),
            None => Ok(None),
        }
    }
}

/// Ids with the same 53-bit hash: nearly always one.
pub type Ids = SmallVec<[Arc<str>; 1]>;

type Map<K, V> = HashMap<K, V, Xxh3DefaultBuilder>;
type MapRef<'o, K, V> = HashMapRef<'o, K, V, Xxh3DefaultBuilder, LocalGuard<'o>>;

/// Changes since a snapshot.
#[derive(Debug)]
pub struct Overlay {
    customers: Map<Arc<str>, Chain>,
    numbers: Map<u64, Arc<[Arc<str>]>>,
    hashes: Map<u64, Ids>,
    suffix_digits: Option<SuffixDigits>,
    suffixes: Map<u64, Arc<[Key]>>,
    len: AtomicUsize,
    bytes: AtomicU64,
    /// The newest change that belongs here: `u64::MAX` while it is written.
    closed: AtomicU64,
}

impl Default for Overlay {
    fn default() -> Overlay {
        Overlay {
            customers: Map::default(),
            numbers: Map::default(),
            hashes: Map::default(),
            suffix_digits: None,
            suffixes: Map::default(),
            len: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            closed: AtomicU64::new(u64::MAX),
        }
    }
}

impl Overlay {
    /// An empty overlay.
    pub fn new() -> Overlay {
        Overlay::default()
    }

    /// An empty overlay that remembers numbers by that many last digits too.
    pub fn by_suffix(digits: Option<SuffixDigits>) -> Overlay {
        Overlay {
            suffix_digits: digits,
            ..Overlay::default()
        }
    }

    /// The last digits that numbers are remembered by too.
    pub fn suffix_digits(&self) -> Option<SuffixDigits> {
        self.suffix_digits
    }

    /// Customers with a version here.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of ids, records and tombstones written so far, superseded ones included: what the overlay has cost, not
    /// what it holds.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Nothing above `seq` will be written here: called ahead of publishing what is written elsewhere, so that whoever still
    /// reads this one over the newer seq knows that it ends before.
    pub fn close(&self, seq: u64) {
        self.closed.store(seq, Ordering::Release);
    }

    /// The newest change that can be here; `u64::MAX` while it is written.
    pub fn closed(&self) -> u64 {
        self.closed.load(Ordering::Acquire)
    }

    /// Writes what the change `seq` made of `id`. Only one thread writes. `claims` are the numbers of the new
    /// record; `visible` is the newest seq that readers may have taken up.
    pub fn put(&self, seq: u64, id: &str, entry: Entry, claims: impl Iterator<Item = u64>, visible: u64) {
        let customers = self.customers.pin();
        let known = customers.get_key_value(id);
        // One copy of the id serves all the maps.
        let id = known.map_or_else(|| Arc::from(id), |(id, _)| Arc::clone(id));
        let before = known.map(|(_, chain)| chain);
        let numbers = self.numbers.pin();
        let mut cost = 0;
        if before.is_none() {
            cost += self.remember_hash(&id);
        }
        for key in claims {
            let hints = numbers.get(&key).map(|ids| &ids[..]).unwrap_or_default();
            // One more than the most says that there are too many.
            if hints.len() <= MOST_HINTS && !hints.contains(&id) {
                numbers.insert(key, hints.iter().cloned().chain([Arc::clone(&id)]).collect());
                cost += size_of::<u64>() + size_of::<Arc<str>>();
            }
            cost += self.remember_suffix(Key::from_raw(key));
        }
        cost += id.len()
            + match &entry {
                Entry::Customer(bytes) => bytes.len(),
                Entry::Tombstone { position, marks, .. } => position.len() + marks.len(),
            };
        self.bytes.fetch_add(cost as u64, Ordering::Relaxed);
        let older = before.map(|chain| &*chain.versions).unwrap_or_default();
        let still_read = older
            .iter()
            .position(|version| version.seq <= visible)
            .map_or(older.len(), |nth| nth + 1);
        let chain = Chain {
            versions: [Version { seq, entry }]
                .into_iter()
                .chain(older[..still_read].iter().cloned())
                .collect(),
            pruned: before.is_some_and(|chain| chain.pruned) || still_read < older.len(),
        };
        if before.is_none() {
            self.len.fetch_add(1, Ordering::Release);
        }
        customers.insert(id, chain);
    }

    /// Remembers `id` by its hash, as a hint that only grows; gives the bytes that this takes.
    fn remember_hash(&self, id: &Arc<str>) -> usize {
        let hashes = self.hashes.pin();
        let hash53 = id_hash53(id);
        let mut alike = hashes.get(&hash53).cloned().unwrap_or_default();
        // One more than the most says that there are too many.
        if alike.len() > MOST_HINTS {
            return 0;
        }
        alike.push(Arc::clone(id));
        hashes.insert(hash53, alike);
        size_of::<u64>() + size_of::<Ids>()
    }

    /// The ids of customers here, deleted ones too, whose [`id_hash53`] is `hash53`; of more than [`MOST_HINTS`] not all.
    /// Beside [`Overlay::pin`], so that lookups of numbers do not pay for it.
    pub fn alike(&self, hash53: u64) -> Ids {
        self.hashes.pin().get(&hash53).cloned().unwrap_or_default()
    }

    /// Remembers the number `key` by its last digits, as a hint that only grows; gives the bytes that this takes.
    fn remember_suffix(&self, key: Key) -> usize {
        let Some(suffix) = self.suffix_digits.and_then(|digits| digits.of(key)) else {
            return 0;
        };
        let suffixes = self.suffixes.pin();
        let alike = suffixes.get(&suffix).map(|alike| &alike[..]).unwrap_or_default();
        // One more than the most says that there are too many.
        if alike.len() > MOST_ALIKE || alike.contains(&key) {
            return 0;
        }
        let alike = alike.iter().copied().chain([key]).collect();
        suffixes.insert(suffix, alike);
        size_of::<Key>()
    }

    /// The numbers with the last digits `suffix` that customers here may claim, or did; of more than [`MOST_ALIKE`] not
    /// all. Beside [`Overlay::pin`], so that what asks for no suffix pays for none.
    pub fn ending(&self, suffix: u64) -> Option<Arc<[Key]>> {
        self.suffixes.pin().get(&suffix).cloned()
    }

    /// Pins the overlay for reading: what is found stays until the pin is dropped. Cheap, and never waits.
    pub fn pin(&self) -> Pinned<'_> {
        Pinned {
            customers: self.customers.pin(),
            numbers: self.numbers.pin(),
        }
    }
}

/// An overlay, pinned for reading.
pub struct Pinned<'o> {
    customers: MapRef<'o, Arc<str>, Chain>,
    numbers: MapRef<'o, u64, Arc<[Arc<str>]>>,
}

impl Pinned<'_> {
    /// What the overlay says of `id` as of `seq`; `None` where it says nothing.
    ///
    /// # Errors
    /// [`Superseded`] where the chain has forgotten `seq`.
    pub fn customer(&self, id: &str, seq: u64) -> Result<Option<&Entry>, Superseded> {
        self.customers.get(id).map_or(Ok(None), |chain| chain.at(seq))
    }

    /// The customers that may claim `key`, in the order in which they first did; of more than [`MOST_HINTS`] not all.
    pub fn hints(&self, key: u64) -> &[Arc<str>] {
        self.numbers.get(&key).map(|ids| &ids[..]).unwrap_or_default()
    }

    /// What the overlay says of every customer as of `seq`, in no order.
    ///
    /// # Errors
    /// [`Superseded`] as [`Pinned::customer`].
    pub fn customers(&self, seq: u64) -> impl Iterator<Item = Result<(&str, &Entry), Superseded>> {
        self.customers
            .iter()
            .filter_map(move |(id, chain)| chain.at(seq).transpose().map(|entry| Ok((&**id, entry?))))
    }
}

impl Entry {
    /// That a customer is gone, as `origin` says.
    pub fn tombstone(origin: Origin<'_>) -> Entry {
        Entry::Tombstone {
            stream: origin.stream,
            position: origin.position.into(),
            marks: origin.marks.into(),
        }
    }

    /// The record, where the entry has one that is whole.
    pub fn record(&self) -> Option<Record<'_>> {
        match self {
            Entry::Customer(bytes) => Record::open(bytes).ok(),
            Entry::Tombstone { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> Entry {
        Entry::Customer(name.as_bytes().into())
    }

    fn seen(overlay: &Overlay, seq: u64) -> Result<Option<String>, Superseded> {
        let pinned = overlay.pin();
        Ok(pinned.customer("a", seq)?.map(|entry| match entry {
            Entry::Customer(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Entry::Tombstone { .. } => "gone".into(),
        }))
    }

    #[test]
    fn a_reader_takes_the_newest_version_at_or_below_its_seq() {
        let overlay = Overlay::new();
        overlay.put(5, "a", entry("five"), [1].into_iter(), 4);
        overlay.put(6, "a", entry("six"), [2].into_iter(), 4);
        assert_eq!(seen(&overlay, 4), Ok(None));
        assert_eq!(seen(&overlay, 5), Ok(Some("five".into())));
        assert_eq!(seen(&overlay, 9), Ok(Some("six".into())));
        assert_eq!(overlay.pin().hints(1).len(), 1);
        assert_eq!(overlay.len(), 1);
    }

    #[test]
    fn a_chain_stays_short_and_says_what_it_forgot() {
        let overlay = Overlay::new();
        for seq in 1..=100 {
            overlay.put(seq, "a", entry(&seq.to_string()), std::iter::empty(), seq - 1);
        }
        assert_eq!(
            overlay.customers.pin().get("a").map(|chain| chain.versions.len()),
            Some(2)
        );
        assert_eq!(seen(&overlay, 100), Ok(Some("100".into())));
        assert_eq!(seen(&overlay, 99), Ok(Some("99".into())));
        assert_eq!(seen(&overlay, 98), Err(Superseded));
    }

    #[test]
    fn versions_that_nobody_may_see_yet_are_kept() {
        let overlay = Overlay::new();
        for seq in 1..=10 {
            overlay.put(seq, "a", entry(&seq.to_string()), std::iter::empty(), 3);
        }
        for seq in 3..=10 {
            assert_eq!(seen(&overlay, seq), Ok(Some(seq.to_string())));
        }
    }
}
