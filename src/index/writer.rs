//! The index's one writer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Current, Index, Merge, State};
use crate::customer::record::Origin;
use crate::customer::{Record, Schema};
use crate::overlay::{Entry, Overlay};
use crate::snapshot::{MappedSnapshot, SnapshotError, Stream};

/// Writes changes and makes them visible. There is one for an index.
#[derive(Debug)]
pub struct Writer {
    index: Arc<Index>,
    seq: u64,
    /// States that were replaced and that readers still had: unmapping a generation takes long, and is not for them to do.
    replaced: Vec<Arc<State>>,
}

impl Writer {
    pub(super) fn new(index: Arc<Index>, seq: u64) -> Writer {
        Writer {
            index,
            seq,
            replaced: Vec::new(),
        }
    }

    /// The index that this writer writes.
    pub fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// The newest seq written, visible or not.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Calls `read` with what is known of `id`, changes that are not visible yet included; with `None` where nothing
    /// is known, which a tombstone is not.
    pub fn current<R>(&self, id: &str, read: impl FnOnce(Option<Known<'_>>) -> R) -> R {
        let state = self.index.state.load();
        for overlay in [Some(&state.active), state.sealed.as_ref()].into_iter().flatten() {
            let pinned = overlay.pin();
            // No version is above the greatest seq, so nothing can have superseded it.
            if let Ok(Some(entry)) = pinned.customer(id, u64::MAX) {
                return read(match entry {
                    Entry::Customer(bytes) => Record::open(bytes).ok().map(Known::Customer),
                    Entry::Tombstone(tombstone) => Some(Known::Deleted(tombstone.origin())),
                });
            }
        }
        read(state.snapshot.customer(id).map(Known::Customer))
    }

    /// Writes `record` as the change `seq`, which is greater than every one before.
    pub fn upsert(&mut self, seq: u64, record: &Record<'_>) {
        let entry = Entry::Customer(record.bytes().into());
        self.put(seq, record.id(), entry, record.claims().map(|claim| claim.key));
    }

    /// The same of `bytes`, a record that was just made of the customer `id` with `claims`: nothing has to be verified.
    pub fn write(&mut self, seq: u64, id: &str, bytes: &[u8], claims: impl Iterator<Item = u64>) {
        self.put(seq, id, Entry::Customer(bytes.into()), claims);
    }

    /// Writes the deletion of `id`, of which `origin` tells, as the change `seq`, which is greater than every one before.
    pub fn delete(&mut self, seq: u64, id: &str, origin: Origin<'_>) {
        self.put(seq, id, Entry::tombstone(origin), std::iter::empty());
    }

    /// Calls `visit` with every record that is served, changes that are not visible yet included, and with some that are
    /// no longer: of a customer that changed, those of the layers below too. Reads the whole snapshot.
    ///
    /// # Errors
    /// The snapshot is damaged: of what is behind the damage nothing was visited.
    pub fn every(&self, visit: &mut dyn FnMut(&Record<'_>)) -> Result<(), SnapshotError> {
        let state = self.index.state.load();
        for overlay in [Some(&state.active), state.sealed.as_ref()].into_iter().flatten() {
            let pinned = overlay.pin();
            for (_, entry) in pinned.customers(u64::MAX).flatten() {
                if let Some(record) = entry.record() {
                    visit(&record);
                }
            }
        }
        for record in state.snapshot.records() {
            visit(&record?);
        }
        Ok(())
    }

    fn put(&mut self, seq: u64, id: &str, entry: Entry, claims: impl Iterator<Item = u64>) {
        debug_assert!(seq > self.seq);
        let visible = self.index.visible.load(Ordering::Relaxed);
        self.index
            .state
            .load()
            .active
            .put(seq, id, entry, claims, visible);
        self.seq = seq;
    }

    /// Takes `seq` without a change of a customer, as for a change of the schema.
    pub fn set_schema(&mut self, seq: u64, schema: Schema) {
        let schema = Arc::new(schema);
        let visible = self.index.visible.load(Ordering::Relaxed);
        self.replace(|state| State {
            schema: state.schema.then(seq, Arc::clone(&schema), visible),
            ..state
        });
        self.seq = seq;
    }

    /// Says which streams the origins of records to come count into: those known so far, and new ones behind them.
    pub fn set_streams(&mut self, streams: &[Stream]) {
        let streams: Arc<[Stream]> = streams.into();
        self.replace(|state| State {
            streams: Arc::clone(&streams),
            ..state
        });
    }

    /// Replaces the state: the rules of who answers, which others set, may be replaced at the same time.
    fn replace(&mut self, next: impl Fn(State) -> State) {
        let replaced = self.index.state.rcu(|state| next(State::clone(state)));
        self.replaced.push(replaced);
        self.drop_replaced();
    }

    /// Drops what was replaced and no reader has any more; the rest the next time.
    fn drop_replaced(&mut self) {
        self.replaced.retain(|state| Arc::strong_count(state) > 1);
    }

    /// Makes everything written so far visible, at once.
    pub fn publish(&mut self) {
        self.publish_up_to(self.seq);
    }

    /// Makes everything written up to `seq` visible, at once; what is visible already stays.
    pub fn publish_up_to(&mut self, seq: u64) {
        self.index.visible.fetch_max(seq.min(self.seq), Ordering::Release);
        self.drop_replaced();
    }

    /// Seals the active overlay, starts another, and gives back what a merge needs; `None` where one is sealed
    /// already, or nothing has been written. Publishes first.
    pub fn seal(&mut self) -> Option<Merge> {
        self.publish();
        let state = State::clone(&self.index.state.load());
        if state.sealed.is_some() || state.active.is_empty() {
            return None;
        }
        let merge = Merge {
            snapshot: Arc::clone(&state.snapshot),
            sealed: Arc::clone(&state.active),
            schema: Arc::clone(state.schema.at(self.seq)),
            suffix_digits: state.phones.suffix_digits(),
            seq: self.seq,
            log_line: state.snapshot.header().log.line,
            intake: None,
        };
        state.active.close(self.seq);
        let active = Arc::new(Overlay::by_suffix(merge.suffix_digits));
        self.replace(|state| State {
            sealed: Some(state.active),
            active: Arc::clone(&active),
            ..state
        });
        Some(merge)
    }

    /// Replaces everything by `snapshot` and the changes over it, if there are any: what the overlays hold is no longer
    /// true, and goes. Seqs go on behind the greater of what has been written and what the snapshot holds. Publishes.
    pub fn replace_all(&mut self, snapshot: &Arc<MappedSnapshot>, over: Over) {
        self.publish();
        self.index.state.load().active.close(self.seq);
        self.seq = self.seq.max(snapshot.header().seq);
        let schema = over.schema.unwrap_or_else(|| snapshot.schema().clone());
        let schema = Arc::new(schema);
        let overlay = Arc::new(over.overlay);
        let streams: Arc<[Stream]> = over.streams.into();
        // Before the seq: a reader that has the old state must not be told of changes that it does not see. One that
        // has the new state and the old seq goes by the snapshot's.
        self.replace(|state| State {
            active: Arc::clone(&overlay),
            sealed: None,
            schema: Current::new(Arc::clone(&schema)),
            streams: Arc::clone(&streams),
            snapshot: Arc::clone(snapshot),
            ..state
        });
        self.publish();
    }

    /// An empty overlay, for changes that are to be over a snapshot.
    pub fn overlay(&self) -> Overlay {
        Overlay::by_suffix(self.index.state.load().phones.suffix_digits())
    }

    /// Goes on behind `seq` where that is above what has been written. Publishes.
    pub fn go_on_behind(&mut self, seq: u64) {
        self.seq = self.seq.max(seq);
        self.publish();
    }

    /// Replaces snapshot and sealed overlay by `snapshot`, which holds both.
    pub fn install(&mut self, snapshot: Arc<MappedSnapshot>) {
        self.replace(|state| State {
            sealed: None,
            snapshot: Arc::clone(&snapshot),
            ..state
        });
    }
}

/// Changes over a snapshot, as a log brings them back.
#[derive(Debug, Default)]
pub struct Over {
    /// Customers.
    pub overlay: Overlay,
    /// The schema, where it is another than the snapshot's.
    pub schema: Option<Schema>,
    /// The streams that records' origins count into.
    pub streams: Vec<Stream>,
}

/// What is known of a customer.
#[derive(Debug)]
pub enum Known<'a> {
    /// Its record.
    Customer(Record<'a>),
    /// It was deleted: by which stream where, and up to where others had delivered it.
    Deleted(Origin<'a>),
}
