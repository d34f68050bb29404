//! The customers of one contact centre as a service keeps them: folder, index, replica and change log.

use std::fs;
use std::io::{Cursor, Error};
use std::path::Path;
use std::sync::Arc;

use ringside::customer::Schema;
use ringside::customer::document::Limits;
use ringside::index::{Index, Ownership};
use ringside::intake::Intake;
use ringside::metrics::Metrics;
use ringside::number::{Numbering, Settings as Numbers};
use ringside::replica::{
    Change, Counters, LOG, Outcome, PartGone, Replica, Settings, StreamId, compaction, guard,
};
use ringside::snapshot::folder::{Folder, Held};
use ringside::snapshot::layout::LogPlace;
use ringside::snapshot::writer::{Facts, SnapshotWriter};
use ringside::snapshot::{MappedSnapshot, Snapshot, Stream};

/// Memory that a compaction may take; the default of `import.memory_mib`.
pub(crate) const MEMORY: u64 = 256 << 20;

const OWNERSHIP: Ownership = Ownership::BUILTIN;
const BOUNDS: Settings = Settings {
    guard: guard::Settings {
        max_percent: 100,
        window_s: 60,
        ignore_below: 0,
    },
    parked_max: 10_000,
};

/// A contact centre in a folder of its own, which goes with it.
pub(crate) struct Centre {
    pub(crate) index: Arc<Index>,
    pub(crate) replica: Replica,
    pub(crate) held: Arc<Held>,
    stream: StreamId,
    /// Of the newest change.
    pub(crate) position: u64,
    // Last, so that nothing in it is open any more when it goes.
    dir: tempfile::TempDir,
}

impl Centre {
    /// A centre over the snapshot at `path`, or over none, in a new folder beneath `within`.
    pub(crate) fn new(within: &Path, path: Option<&Path>) -> Result<Centre, Error> {
        fs::create_dir_all(within)?;
        let dir = tempfile::tempdir_in(within)?;
        crate::processes::remove_with_us(dir.path());
        let tenant = dir.path().join("main");
        let held = Arc::new(Folder::hold(&tenant).map_err(other)?);
        if let Some(path) = path {
            // A snapshot never changes, so that two folders can have one.
            fs::hard_link(path, held.folder().snapshot(1))?;
            held.point_to(1, 0).map_err(other)?;
        }
        let (index, replica, stream) = open(&held)?;
        Ok(Centre {
            index,
            replica,
            held,
            stream,
            position: 0,
            dir,
        })
    }

    /// Starts again over the same folder, as after a crash.
    pub(crate) fn restart(self) -> Result<Centre, Error> {
        let Centre {
            index,
            replica,
            held,
            position,
            dir,
            ..
        } = self;
        drop((index, replica));
        let (index, replica, stream) = open(&held)?;
        Ok(Centre {
            index,
            replica,
            held,
            stream,
            position,
            dir,
        })
    }

    /// The folder that it is in.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Applies `change`, the next one of its stream. Its seq.
    pub(crate) fn apply(&mut self, change: Change) -> Result<u64, Error> {
        self.position += 1;
        match self
            .replica
            .apply(self.stream, &self.position.to_be_bytes(), change)
        {
            Outcome::Applied(seq) => Ok(seq),
            outcome => Err(Error::other(format!(
                "expected a change to be applied, found {outcome:?}"
            ))),
        }
    }

    /// Says that the case `id` is gone, and not whose it was.
    pub(crate) fn gone(&mut self, id: &str) -> Result<(), Error> {
        self.position += 1;
        let change = Change::Gone(PartGone::Case(id.to_owned()));
        match self
            .replica
            .apply(self.stream, &self.position.to_be_bytes(), change)
        {
            Outcome::Noted => Ok(()),
            outcome => Err(Error::other(format!(
                "expected a change to be noted, found {outcome:?}"
            ))),
        }
    }

    /// Decodes `line` and applies it.
    pub(crate) fn deliver(&mut self, line: &[u8]) -> Result<u64, Error> {
        self.apply(Change::decode(line).map_err(other)?.change)
    }

    /// Merges what changed into the next generation and takes it up, as the feeds' thread does.
    pub(crate) fn compact(&mut self) -> Result<(), Error> {
        let Some((merge, streams)) = self.replica.seal().map_err(other)? else {
            return Ok(());
        };
        let merged = compaction::compact(&merge, &streams, &self.held, 0, MEMORY).map_err(other)?;
        drop(merge);
        self.install(merged)
    }

    /// Takes up what a merge made, and gives up what of the log nobody needs any more.
    pub(crate) fn install(&mut self, merged: Arc<MappedSnapshot>) -> Result<(), Error> {
        self.replica.install(merged);
        let (kept, _) = compaction::kept(&self.held, self.replica.log_place().line).map_err(other)?;
        let oldest = kept.iter().map(|kept| kept.follows).min();
        self.replica.trim(oldest.unwrap_or(0)).map_err(other)
    }

    /// Serves `generation` in place of everything, with the changes of the log that it does not have. False where a merge
    /// has had it removed.
    pub(crate) fn swap(&mut self, generation: u64) -> Result<bool, Error> {
        let path = self.held.folder().snapshot(generation);
        let present = || -> Result<Arc<MappedSnapshot>, Error> {
            let snapshot = Snapshot::map(&path).map_err(other)?;
            snapshot.populate(0, u64::MAX).map_err(other)?;
            let mut base = self.held.present();
            while let Err(error) = self.held.point_to(generation, base) {
                if base == self.held.present() {
                    return Err(other(error));
                }
                base = self.held.present();
            }
            Ok(Arc::new(snapshot))
        };
        let snapshot = match present() {
            Ok(snapshot) => snapshot,
            Err(_) if !path.exists() => return Ok(false),
            Err(error) => return Err(error),
        };
        if self.replica.replace(&snapshot, false).map_err(other)? {
            Ok(true)
        } else {
            Err(Error::other(
                "the change log does not reach back to the generation",
            ))
        }
    }
}

fn open(held: &Held) -> Result<(Arc<Index>, Replica, StreamId), Error> {
    let snapshot = match held.folder().current().map_err(other)? {
        Some(path) => {
            let snapshot = Snapshot::map(&path).map_err(other)?;
            snapshot.populate(0, u64::MAX).map_err(other)?;
            snapshot
        }
        None => empty()?,
    };
    let (index, writer) = Index::new(Arc::new(snapshot), OWNERSHIP);
    let numbering = Numbering::new(&Numbers::builtin()).map_err(other)?;
    let intake = Intake::new(numbering, Limits::default());
    let counters = Counters::register(&Metrics::new().map_err(other)?).map_err(other)?;
    let mut replica = Replica::new(writer, intake, BOUNDS, counters)
        .recover(&held.folder().dir().join(LOG), 0)
        .map_err(other)?;
    let stream = replica.stream("loadtest", "one").map_err(other)?;
    Ok((index, replica, stream))
}

fn empty() -> Result<MappedSnapshot, Error> {
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 1).map_err(other)?;
    let streams = [Stream {
        stream: "import".into(),
        incarnation: String::new(),
        token: String::new(),
    }];
    let facts = Facts {
        generation: 0,
        seq: 0,
        created_at_ms: 0,
        schema: &Schema::default(),
        streams: &streams,
        log: LogPlace::default(),
    };
    let (bytes, _) = writer.finish(&facts).map_err(other)?;
    MappedSnapshot::in_memory(bytes.into_inner()).map_err(other)
}

/// `error` as one of input and output, which all of this program's are told as.
pub(crate) fn other(error: impl std::fmt::Display) -> Error {
    Error::other(error.to_string())
}
