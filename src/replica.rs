//! The replica: applies changes, in order, once, durably, and keeps what is served equal to the system of record.
//!
//! It is synchronous and waits for nothing but its disk: a feed hands it decoded changes, says what the time is, and has
//! a batch made durable and visible. A change is decided upon against everything before it, visible or not; it is
//! written to the overlay ahead of readers, to the log, and is seen once the log has it.

pub mod change;
pub mod compaction;
pub mod freshness;
pub mod guard;

mod apply;
mod commit;
mod counters;
mod gone;
mod graves;
mod holds;
mod known;
mod log;
mod parked;
mod parts;
mod recovery;
mod state;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

pub use apply::{Outcome, Refused};
pub use change::{Change, ChangeError, Decoded, Part, PartChange, PartGone};
pub use counters::Counters;
pub use freshness::Freshness;
pub use holds::Word;
pub use log::{LOG, LogError};

use crate::customer::Schema;
use crate::index::{Index, Merge, Over, Writer};
use crate::intake::Intake;
use crate::snapshot::layout::LogPlace;
use crate::snapshot::{MappedSnapshot, Stream};
use gone::Gone;
use guard::Guard;
use log::{Batch, Entry, Log};
use recovery::Recovery;
use state::{Mark, State, json, push_stream};

/// Bytes of a batch at which it should be committed, so that readers do not wait for a burst.
pub const BATCH_BYTES: usize = 4 << 20;

/// One life of one stream; a place in the list of streams, which records' origins count into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamId(u16);

/// What bounds a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// When a stream is held.
    pub guard: guard::Settings,
    /// The most parts that wait for their customers.
    pub parked_max: usize,
}

/// Applies changes to an index. There is one for an index, because it holds its writer.
///
/// What has been seen is told by customer: by the origin and the marks in its record, or by its tombstone. A stream's
/// changes of different customers, and of different parts of one, may come in any order; what comes again changes nothing.
#[derive(Debug)]
pub struct Replica {
    writer: Writer,
    intake: Intake,
    state: State,
    log: Log,
    /// What was applied and is not on its way to the disk.
    batch: Batch,
    /// Up to which change what the log writes goes; `None` while it writes nothing.
    under_way: Option<u64>,
    /// Parts that are gone and have not been looked for.
    gone: Gone,
    /// Feeds whose deletions and moves are passed over, or let through, until they have caught up.
    word: BTreeMap<String, Word>,
    guard: Guard,
    settings: Settings,
    now: Instant,
    now_ms: i64,
    /// A merge that was begun and whose snapshot has not been taken up.
    merging: Option<(Merge, Vec<Stream>)>,
    counters: Counters,
}

impl Replica {
    /// A replica that writes through `writer`, makes records by `intake`, and keeps no log: what it applies is gone with
    /// it.
    pub fn new(writer: Writer, intake: Intake, settings: Settings, counters: Counters) -> Replica {
        let snapshot = writer.index().snapshot();
        let header = snapshot.header();
        let state = State::over(
            header.log.line,
            snapshot.streams(),
            snapshot.schema(),
            header.log.follows,
        );
        Replica {
            state,
            log: Log::default(),
            batch: Batch::new(false),
            under_way: None,
            gone: Gone::default(),
            word: BTreeMap::new(),
            guard: Guard::new(settings.guard),
            settings,
            now: Instant::now(),
            now_ms: 0,
            merging: None,
            writer,
            intake,
            counters,
        }
    }

    /// The same over what the log in the folder `dir` brings back; `remembered` is the newest change of the oldest
    /// generation that is kept, behind which deletions are remembered.
    ///
    /// # Errors
    /// The log cannot be read, or is another version's.
    pub fn recover(mut self, dir: &Path, remembered: u64) -> Result<Replica, LogError> {
        let begun = Instant::now();
        let snapshot = self.index().snapshot();
        let mut recovery = Recovery::over(&snapshot, self.writer.overlay(), remembered);
        let (log, damaged) = Log::open(dir, &mut |batch| recovery.batch(batch))?;
        self.log = log;
        if recovery.is_foreign() {
            tracing::warn!(
                "the change log goes on over another snapshot than the present one: it is of no more use, and begins anew"
            );
            self.begin_log(&snapshot)?;
            return Ok(self);
        }
        let (is_whole, changes) = (recovery.is_whole(), recovery.changes);
        if let Some(ahead) = recovery.ahead {
            self.log.goes_on_behind(ahead);
        }
        let (over, state, seq) = recovery.finish();
        self.state = state;
        self.writer.replace_all(&snapshot, over);
        self.writer.go_on_behind(seq);
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.counters.recovered(changes);
        if changes > 0 {
            tracing::info!(
                changes,
                took_ms,
                seq,
                "changes were brought back from the change log"
            );
        }
        if let Some(damaged) = damaged {
            tracing::error!(
                segment = damaged.segment,
                offset = damaged.offset,
                "the change log is damaged: changes behind the damage are lost; build the snapshot again"
            );
            self.gap_everywhere();
        } else if !is_whole {
            tracing::error!(
                "the change log does not reach back to the present generation: changes are lost; build the snapshot again"
            );
            self.gap_everywhere();
        }
        if self.log.is_new() {
            // Ahead of the first change: what a segment begins with must not be ahead of what was applied.
            self.begin_segment()?;
        }
        self.miss_copies(&snapshot);
        self.commit()?;
        self.counters.log(&self.log);
        self.counters.remembered(&self.state);
        Ok(self)
    }

    /// The index that is written.
    pub fn index(&self) -> &Arc<Index> {
        self.writer.index()
    }

    /// What the replica counts.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Bounds it by `settings` from now on.
    pub fn set(&mut self, settings: Settings) {
        self.guard.set(settings.guard);
        self.settings = settings;
    }

    /// Says what the time is, by both clocks; the second in milliseconds since 1970.
    pub fn at(&mut self, now: Instant, now_ms: i64) {
        (self.now, self.now_ms) = (now, now_ms);
    }

    /// The schema, with changes of it that are not visible yet.
    pub fn schema(&self) -> &Schema {
        &self.state.schema
    }

    /// Every stream that records' origins count into, with where to resume it; the first is the import.
    pub fn streams(&self) -> &[Stream] {
        &self.state.streams
    }

    /// The lives of the stream `name` that are known, the newest last, each with where to resume it.
    pub fn lives(&self, name: &str) -> impl Iterator<Item = &Stream> {
        self.state
            .streams
            .iter()
            .filter(move |stream| stream.stream == name)
    }

    /// The stream `name` in its life `incarnation`; positions compare only within one.
    ///
    /// # Errors
    /// The list of streams is full, at 65 536 lives of streams.
    pub fn stream(&mut self, name: &str, incarnation: &str) -> Result<StreamId, TooManyStreams> {
        let streams = &self.state.streams;
        let known = streams
            .iter()
            .position(|known| known.stream == name && known.incarnation == incarnation);
        let place = u16::try_from(known.unwrap_or(streams.len())).map_err(|_| TooManyStreams)?;
        if known.is_none() {
            let stream = Stream {
                stream: name.into(),
                incarnation: incarnation.into(),
                token: String::new(),
            };
            push_stream(&mut self.batch, self.writer.seq(), streams.len(), &stream);
            self.state.streams.push(stream);
            self.writer.set_streams(&self.state.streams);
        }
        Ok(StreamId(place))
    }

    /// Remembers where to resume `stream` once everything applied so far has been kept.
    pub fn resume_from(&mut self, stream: StreamId, token: String) {
        let place = usize::from(stream.0);
        if let Some(known) = self.state.streams.get_mut(place)
            && known.token != token
        {
            known.token = token;
            push_stream(&mut self.batch, self.writer.seq(), place, known);
        }
    }

    /// Whether nothing was ever applied, nor waits for its customer, and no snapshot is there either.
    pub fn is_empty(&self) -> bool {
        let generation = self.index().snapshot().header().generation;
        generation == 0 && self.index().seq() == 0 && self.state.parked.len() == 0
    }

    /// Why no more changes are taken, for good; `None` where they are.
    pub fn failed(&self) -> Option<&str> {
        self.log.failed()
    }

    /// Bytes of the change log.
    pub fn log_bytes(&self) -> u64 {
        self.log.bytes()
    }

    /// Whether the log has every change over a snapshot whose header says `place`.
    pub fn goes_on_over(&self, place: LogPlace) -> bool {
        let ahead = self.log.ahead();
        place.line == self.state.line && ahead.is_some_and(|ahead| ahead <= place.follows)
    }

    /// Where the log is: its line and the newest change that is visible.
    pub fn log_place(&self) -> LogPlace {
        LogPlace {
            line: self.state.line,
            follows: self.index().seq(),
        }
    }

    /// Seals the overlay for a merge; gives the merge that was begun where it has not been taken up, so that one that
    /// failed can be tried again. `None` where there is nothing to merge. The streams are as of the sealed seq.
    ///
    /// # Errors
    /// The log cannot be written: what is not durable must not be merged either.
    pub fn seal(&mut self) -> Result<Option<(Merge, Vec<Stream>)>, LogError> {
        if self.merging.is_none() {
            self.commit()?;
            if self.index().overlay_size().0 == 0 {
                return Ok(None);
            }
            self.begin_segment()?;
            let Some(merge) = self.writer.seal() else {
                return Ok(None);
            };
            let merge = merge.of_line(self.state.line).under_schema(self.intake.clone());
            self.merging = Some((merge, self.state.streams.clone()));
        }
        Ok(self.merging.clone())
    }

    /// Takes up what a merge made; not where everything was replaced since it was begun. Whether it was taken up.
    pub fn install(&mut self, snapshot: Arc<MappedSnapshot>) -> bool {
        if self.merging.take().is_none() {
            return false;
        }
        self.writer.install(snapshot);
        self.counters.merges.inc();
        true
    }

    /// Forgets what no generation that is kept needs any more: the oldest of them follows the change `oldest`.
    ///
    /// # Errors
    /// Files of the log cannot be removed; they are the next time.
    pub fn trim(&mut self, oldest: u64) -> Result<(), LogError> {
        self.settle()?;
        self.state.graves.keep_from(oldest);
        self.log.trim(oldest.saturating_add(1))?;
        self.counters.log(&self.log);
        self.counters.remembered(&self.state);
        Ok(())
    }

    /// When the first deletion behind the change `seq` came, in milliseconds since 1970; `None` where there was none.
    pub fn first_deletion_behind(&self, seq: u64) -> Option<i64> {
        self.state.graves.first_behind(seq)
    }

    /// Whether every deletion behind the change `seq` is remembered: the log may have given up the generation before it.
    pub fn remembers_behind(&self, seq: u64) -> bool {
        seq >= self.state.graves.oldest() && self.log.ahead().is_none_or(|ahead| ahead <= seq)
    }

    /// Whether a merge was begun whose snapshot is to be taken up.
    pub fn is_merging(&self) -> bool {
        self.merging.is_some()
    }

    /// Takes up `snapshot` in place of everything, as a start over it would: with the changes of the log that it does not
    /// have. Whether all of them could be had; `cures` where it is a whole copy that began behind every gap. A merge that
    /// was begun is of no more use.
    ///
    /// # Errors
    /// The log cannot be read or written; then everything is as it was.
    pub fn replace(&mut self, snapshot: &Arc<MappedSnapshot>, cures: bool) -> Result<bool, LogError> {
        self.commit()?;
        let remembered = self.state.graves.oldest();
        let mut recovery = Recovery::over(snapshot, self.writer.overlay(), remembered);
        self.log
            .read(snapshot.header().log.follows.min(remembered), &mut |batch| {
                recovery.batch(batch)
            })?;
        self.merging = None;
        self.guard.reset();
        if recovery.is_foreign() {
            self.begin_log(snapshot)?;
            return Ok(true);
        }
        let is_whole = recovery.is_whole();
        let (over, state, seq) = recovery.finish();
        self.state = state;
        self.writer.replace_all(snapshot, over);
        self.writer.go_on_behind(seq);
        if cures && is_whole && !self.state.gaps.is_empty() {
            self.cured(snapshot.header().log.follows);
        }
        if !is_whole {
            self.gap_everywhere();
        }
        self.miss_copies(snapshot);
        self.begin_segment()?;
        Ok(is_whole)
    }

    /// Where a feed goes on behind a copy that `snapshot` is from ahead of, what the copy brought is missing: the log has
    /// only what came behind it.
    fn miss_copies(&mut self, snapshot: &MappedSnapshot) {
        for name in self.without_copies(snapshot.streams()) {
            if !self.state.gaps.contains_key(&name) {
                tracing::error!(
                    feed = name,
                    "the generation is from ahead of a copy behind which the feed goes on: it is stale until everything has \
                     been copied"
                );
                self.gap(&name);
            }
        }
    }

    fn mark(&mut self, mark: Mark) {
        let seq = self.writer.seq();
        self.batch.push(seq, Entry::Mark(&json(&mark)));
        self.state.mark(mark, seq);
    }

    /// Begins the log anew over `snapshot`: nothing that it holds belongs to it.
    fn begin_log(&mut self, snapshot: &Arc<MappedSnapshot>) -> Result<(), LogError> {
        let header = snapshot.header();
        // Above every segment that there is, those of another line too, whose seqs may be far above the snapshot's: a
        // segment that was not begun would leave what comes next to the old line, which the next start throws away.
        let newest = self.writer.seq().max(header.seq);
        let seq = newest.max(self.log.last().unwrap_or(0)) + 1;
        let mut state = State::over(
            header.log.line,
            snapshot.streams(),
            snapshot.schema(),
            header.log.follows,
        );
        state.draw_line(self.now_ms);
        let mut first = state.batch(seq, header.log.follows);
        // Ahead of what is served: where it cannot be written, everything stays as it was.
        self.log
            .roll(seq.saturating_add(1), first.bytes(self.now_ms))
            .inspect_err(|_| self.counters.log_errors.inc())?;
        self.state = state;
        self.batch.clear();
        let over = Over {
            overlay: self.writer.overlay(),
            schema: None,
            streams: self.state.streams.clone(),
        };
        self.writer.replace_all(snapshot, over);
        self.writer.go_on_behind(seq);
        self.log.trim(seq.saturating_add(1))?;
        self.log.goes_on_behind(header.log.follows);
        self.counters.log(&self.log);
        self.counters.remembered(&self.state);
        Ok(())
    }

    /// Begins a segment behind everything that was committed.
    fn begin_segment(&mut self) -> Result<(), LogError> {
        let seq = self.index().seq();
        self.state.draw_line(self.now_ms);
        let mut state = self.state.batch(seq, seq);
        self.log
            .roll(seq.saturating_add(1), state.bytes(self.now_ms))
            .inspect_err(|_| self.counters.log_errors.inc())?;
        self.counters.log(&self.log);
        Ok(())
    }
}

/// The list of streams is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected at most 65536 lives of streams, found more; build the snapshot again, which forgets them")]
pub struct TooManyStreams;

#[cfg(test)]
mod tests;
