//! The overlay: what changed since the snapshot, in memory.
//!
//! Each customer has a short chain of versions; a reader takes the newest at or below its seq. The number map says
//! which customers *may* claim a number: it only ever grows, is written ahead of the version that makes it true, and
//! a reader believes the version alone. So one seq decides everything that one lookup sees.
//!
//! There is one writer, and readers never wait for it. A chain keeps the newest visible version and those that are
//! not visible yet; a reader that comes with an older seq than the chain still knows is told so by [`Superseded`]
//! and reads again with the present one.

mod keys;
mod names;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crossbeam::utils::CachePadded;
use papaya::{HashMap, HashMapRef, LocalGuard};
use smallvec::SmallVec;

use crate::customer::record::Origin;
use crate::customer::{Record, id_hash53};
use crate::number::{Key, SuffixDigits};
use keys::Keys;
use names::Names;

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
    Tombstone(Arc<Tombstone>),
}

/// Who said that a customer is gone.
#[derive(Debug)]
pub struct Tombstone {
    stream: u16,
    position: Box<[u8]>,
    marks: Box<[u8]>,
}

impl Tombstone {
    /// The stream that said so and where in it, and up to where streams had delivered the customer.
    pub fn origin(&self) -> Origin<'_> {
        Origin {
            stream: self.stream,
            position: &self.position,
            marks: &self.marks,
        }
    }
}

#[derive(Debug, Clone)]
struct Version {
    seq: u64,
    entry: Entry,
}

/// A customer's versions.
#[derive(Debug, Clone)]
struct Chain {
    id: Arc<str>,
    newest: Version,
    /// The others, newest first.
    older: Box<[Version]>,
    pruned: bool,
}

impl Chain {
    fn versions(&self) -> impl Iterator<Item = &Version> {
        std::iter::once(&self.newest).chain(&self.older)
    }

    fn at(&self, seq: u64) -> Result<Option<&Entry>, Superseded> {
        match self.versions().find(|version| version.seq <= seq) {
            Some(version) => Ok(Some(&version.entry)),
            None if self.pruned => Err(Superseded),
            None => Ok(None),
        }
    }
}

/// Ids: nearly always one.
pub type Ids = SmallVec<[Arc<str>; 1]>;

/// Customers whose ids have the same 53-bit hash: nearly always one.
type Chains = SmallVec<[Chain; 1]>;
type Map<V> = HashMap<u64, V, Keys>;
type MapRef<'o, V> = HashMapRef<'o, u64, V, Keys, LocalGuard<'o>>;

/// What is counted: written with every change, and so on a cache line that no reader of customers needs.
#[derive(Debug, Default)]
struct Counts {
    len: AtomicUsize,
    bytes: AtomicU64,
}

/// Changes since a snapshot.
#[derive(Debug)]
pub struct Overlay {
    /// By the hash of their ids.
    customers: Map<Chains>,
    numbers: Map<Ids>,
    suffix_digits: Option<SuffixDigits>,
    suffixes: Map<Arc<[Key]>>,
    names: Names,
    is_written: AtomicBool,
    counts: CachePadded<Counts>,
    /// The newest change that belongs here: `u64::MAX` while it is written.
    closed: AtomicU64,
}

impl Default for Overlay {
    fn default() -> Overlay {
        Overlay {
            customers: Map::default(),
            numbers: Map::default(),
            suffix_digits: None,
            suffixes: Map::default(),
            names: Names::default(),
            is_written: AtomicBool::new(false),
            counts: CachePadded::default(),
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
        self.counts.len.load(Ordering::Acquire)
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        !self.is_written.load(Ordering::Acquire)
    }

    /// Bytes of ids, records and tombstones written so far, superseded ones included: what the overlay has cost, not
    /// what it holds.
    pub fn bytes(&self) -> u64 {
        self.counts.bytes.load(Ordering::Relaxed)
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
        let hash53 = id_hash53(id);
        let alike = customers
            .get(&hash53)
            .map(|chains| &chains[..])
            .unwrap_or_default();
        let nth = alike.iter().position(|chain| &*chain.id == id);
        let before = nth.and_then(|nth| alike.get(nth));
        // One copy of the id serves all the maps.
        let id = before.map_or_else(|| Arc::from(id), |chain| Arc::clone(&chain.id));
        let numbers = self.numbers.pin();
        let mut cost = 0;
        for key in claims {
            let hints = numbers.get(&key).map(|ids| &ids[..]).unwrap_or_default();
            // One more than the most says that there are too many.
            if hints.len() <= MOST_HINTS && !hints.contains(&id) {
                let mut ids = Ids::from(hints);
                ids.push(Arc::clone(&id));
                numbers.insert(key, ids);
                cost += size_of::<u64>() + size_of::<Ids>();
            }
            cost += self.remember_suffix(Key::from_raw(key));
        }
        if before.is_none() {
            cost += size_of::<u64>() + size_of::<Chains>();
        }
        cost += id.len()
            + match &entry {
                Entry::Customer(bytes) => bytes.len(),
                Entry::Tombstone(tombstone) => tombstone.position.len() + tombstone.marks.len(),
            };
        self.counts.bytes.fetch_add(cost as u64, Ordering::Relaxed);
        let is_read = |version: &&Version| version.seq > visible;
        let (mut older, mut forgotten) = (SmallVec::<[Version; 2]>::new(), 0);
        if let Some(before) = before {
            let ahead = before.versions().take_while(is_read).count();
            older.extend(before.versions().take(ahead + 1).cloned());
            forgotten = before.older.len() + 1 - older.len();
        }
        let chain = Chain {
            id,
            newest: Version { seq, entry },
            older: older.into_iter().collect(),
            pruned: before.is_some_and(|chain| chain.pruned) || forgotten > 0,
        };
        let noted = Arc::clone(&chain.id);
        let mut chains = Chains::new();
        match nth {
            Some(nth) => {
                chains.extend(alike[..nth].iter().cloned());
                chains.push(chain);
                chains.extend(alike[nth + 1..].iter().cloned());
            }
            None => {
                chains.extend(alike.iter().cloned());
                chains.push(chain);
                self.counts.len.fetch_add(1, Ordering::Release);
                self.is_written.store(true, Ordering::Release);
            }
        }
        customers.insert(hash53, chains);
        // Behind the version, and ahead of its becoming visible: who sees it finds it noted.
        self.names.note(noted);
    }

    /// Reads the words of everybody's names who has changed since somebody did so last, as long as `go_on` says so, which
    /// is asked now and then; readers of names wait for one another. `false` where some are left.
    pub fn read_names(&self, go_on: impl FnMut() -> bool) -> bool {
        let customers = self.customers.pin();
        self.names.catch_up(go_on, |id, visit| {
            let mut alike = customers.get(&id_hash53(id)).into_iter().flatten();
            let chain = alike.find(|chain| &*chain.id == id);
            for version in chain.iter().flat_map(|chain| chain.versions()) {
                if let Some(record) = version.entry.record() {
                    visit(&record);
                }
            }
        })
    }

    /// Whoever may have a word with a key from the first to the second, as of [`Overlay::read_names`], `most` at the most;
    /// one that has several comes several times.
    pub fn with_word(&self, keys: (u128, u128), most: usize) -> Vec<Arc<str>> {
        self.names.with_word(keys, most)
    }

    /// Everybody by when their source created them, as of [`Overlay::read_names`], `most` at the most, the newest first
    /// unless `oldest_first`.
    pub fn by_age(&self, oldest_first: bool, most: usize) -> Vec<Arc<str>> {
        self.names.by_age(oldest_first, most)
    }

    /// The ids of customers here, deleted ones too, whose [`id_hash53`] is `hash53`; of more than [`MOST_HINTS`] one more than
    /// those. Beside [`Overlay::pin`], so that lookups of numbers do not pay for it.
    pub fn alike(&self, hash53: u64) -> Ids {
        let customers = self.customers.pin();
        let chains = customers.get(&hash53).into_iter().flatten();
        chains
            .take(MOST_HINTS + 1)
            .map(|chain| Arc::clone(&chain.id))
            .collect()
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
    customers: MapRef<'o, Chains>,
    numbers: MapRef<'o, Ids>,
}

impl Pinned<'_> {
    /// What the overlay says of `id` as of `seq`; `None` where it says nothing.
    ///
    /// # Errors
    /// [`Superseded`] where the chain has forgotten `seq`.
    pub fn customer(&self, id: &str, seq: u64) -> Result<Option<&Entry>, Superseded> {
        let mut alike = self.customers.get(&id_hash53(id)).into_iter().flatten();
        alike
            .find(|chain| &*chain.id == id)
            .map_or(Ok(None), |chain| chain.at(seq))
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
            .values()
            .flatten()
            .filter_map(move |chain| chain.at(seq).transpose().map(|entry| Ok((&*chain.id, entry?))))
    }
}

impl Entry {
    /// That a customer is gone, as `origin` says.
    pub fn tombstone(origin: Origin<'_>) -> Entry {
        Entry::Tombstone(Arc::new(Tombstone {
            stream: origin.stream,
            position: origin.position.into(),
            marks: origin.marks.into(),
        }))
    }

    /// The record, where the entry has one that is whole.
    pub fn record(&self) -> Option<Record<'_>> {
        match self {
            Entry::Customer(bytes) => Record::open(bytes).ok(),
            Entry::Tombstone(_) => None,
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
            Entry::Tombstone(_) => "gone".into(),
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
            overlay
                .customers
                .pin()
                .get(&id_hash53("a"))
                .map(|chains| chains[0].versions().count()),
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
