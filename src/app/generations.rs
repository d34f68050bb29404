//! Which generation is served: building over it, publishing, judging, accepting, going back, pinning.
//!
//! One at a time, whoever asks: a person at the command line over the administration of the service that holds the
//! folder, or the command line itself where no service does. Publication is by compare-and-swap: what was built over a
//! generation takes its place and no other's. Merges of changes are not in the way, since a build that takes the place
//! of what feeds brought takes the place of what was merged of it too.

mod acts;
mod building;
mod busy;
mod copies;
mod error;
mod fetched;
mod pages;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::config::Config;
use crate::feed::{Halt, Installer};
use crate::http::Readiness;
use crate::index::{Index, Ownership};
use crate::snapshot::folder::{Candidate, FolderError, Held};
use crate::snapshot::judge::{self, Comparison, Reason, Rows};
use crate::snapshot::{MappedSnapshot, Snapshot, SnapshotError, Stream};

pub use building::{Outcome, Published, Reserved};
pub use busy::Step;
pub use copies::Copying;
pub use error::ActError;
pub use pages::MOST_PIECE;

use building::Build;
use busy::{Act, Busy};

/// The paths of acts; each is asked for by `POST`.
const ACTS: [&str; 10] = [
    "/builds",
    "/builds/publish",
    "/builds/drop",
    "/accept",
    "/drop-candidate",
    "/rollback",
    "/pin",
    "/unpin",
    "/release",
    "/merge",
];

/// The service that takes up what is published.
#[derive(Debug, Clone)]
pub struct Live {
    /// What it serves.
    pub index: Arc<Index>,
    /// What takes snapshots up.
    pub installer: Installer,
    /// Told when there is something to serve.
    pub readiness: Arc<Readiness>,
    /// What copies of whole sources are built with.
    pub copying: Copying,
}

/// Decides which generation of a folder is the present one.
#[derive(Debug)]
pub struct Generations {
    held: Arc<Held>,
    rules: Mutex<(Ownership, judge::Settings)>,
    feeds: Vec<String>,
    live: Option<Live>,
    line: Mutex<Line>,
    busy: Busy,
    ending: Arc<AtomicBool>,
}

/// What was published by an act, as opposed to a merge, and what is being built over it.
#[derive(Debug)]
struct Line {
    /// The generation that the last act published; merges go on from it.
    root: u64,
    builds: BTreeMap<u64, Build>,
}

impl Generations {
    /// Those of the folder that `held` holds, served by `live` if anybody serves them.
    pub fn new(held: Arc<Held>, config: &Config, live: Option<Live>) -> Generations {
        let feeds = config.feed.iter();
        Generations {
            rules: Mutex::new((config.phones, config.sanity)),
            feeds: feeds
                .filter(|(_, feed)| feed.kind != crate::feed::Kind::None)
                .map(|(name, _)| name.clone())
                .collect(),
            live,
            line: Mutex::new(Line {
                root: held.present(),
                builds: BTreeMap::new(),
            }),
            busy: Busy::default(),
            ending: Arc::default(),
            held,
        }
    }

    /// Does what `path`, one of those of the administration, does with the JSON `body`; `None` where it is none of
    /// them.
    pub fn perform(&self, path: &str, body: &[u8]) -> Option<Result<Value, ActError>> {
        Some(match path {
            "/builds" => self.reserve(body),
            "/builds/publish" => self.publish(body),
            "/builds/drop" => self.drop_build(body),
            "/accept" => self.accept(),
            "/drop-candidate" => self.drop_candidate(),
            "/rollback" => self.rollback(body),
            "/pin" => self.pin(body),
            "/unpin" => self.unpin(body),
            "/release" => self.release(body),
            "/merge" => self.merge(),
            _ => return None,
        })
    }

    /// Ends an act that goes on, unless it is publishing already, and those that are asked for later.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Release);
    }

    /// Compares under `ownership` and judges by `sanity` from now on.
    pub fn set_rules(&self, ownership: Ownership, sanity: judge::Settings) {
        *self.rules.lock().unwrap_or_else(PoisonError::into_inner) = (ownership, sanity);
    }

    fn rules(&self) -> (Ownership, judge::Settings) {
        *self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The snapshot that is served, or would be; `None` where there is none.
    fn present(&self) -> Result<Option<Arc<MappedSnapshot>>, ActError> {
        if let Some(live) = &self.live {
            let snapshot = live.index.snapshot();
            return Ok((snapshot.header().generation > 0).then_some(snapshot));
        }
        let generation = self.held.present();
        let path = self.held.folder().current()?;
        path.map(|path| map(&path, generation).map(Arc::new)).transpose()
    }

    /// Reads every byte of `snapshot`.
    fn verify(&self, act: &Act<'_>, snapshot: &MappedSnapshot) -> Result<(), ActError> {
        let (generation, total) = (snapshot.header().generation, snapshot.header().customers);
        let verified = self.go_on(act, "verifying", generation, total, |go_on| {
            snapshot.verify_while(go_on)
        });
        verified?
            .map(drop)
            .map_err(|source| ActError::Unfit { generation, source })
    }

    /// Does `work`, which takes its time and is told to end where the service does.
    fn go_on<R>(
        &self,
        act: &Act<'_>,
        step: &'static str,
        generation: u64,
        total: u64,
        work: impl FnOnce(&mut dyn FnMut(u64) -> bool) -> Result<R, SnapshotError>,
    ) -> Result<Result<R, SnapshotError>, ActError> {
        let mut go_on = |done| {
            act.at(Step {
                step,
                generation,
                done,
                total,
            });
            !self.ending.load(Ordering::Acquire)
        };
        if !go_on(0) {
            return Err(ActError::Ended);
        }
        match work(&mut go_on) {
            Err(SnapshotError::Ended) => Err(ActError::Ended),
            done => Ok(done),
        }
    }

    /// Compares `snapshot` with what is served, and says what is to be said of it.
    fn judge(
        &self,
        act: &Act<'_>,
        snapshot: &MappedSnapshot,
        import: Rows,
    ) -> Result<(Option<Comparison>, Vec<Reason>), ActError> {
        let (ownership, sanity) = self.rules();
        let Some(present) = self.present()? else {
            return Ok((None, Vec::new()));
        };
        let (generation, total) = (snapshot.header().generation, present.header().customers);
        let compared = self.go_on(act, "comparing", generation, total, |go_on| {
            judge::compare(&present, snapshot, ownership.order(), import, go_on)
        });
        match compared? {
            Ok(found) => {
                let reasons = judge::judge(&found, &sanity);
                Ok((Some(found), reasons))
            }
            // What is served is damaged, which is a reason to replace it, but not one to do so unseen.
            Err(error) => {
                let message = format!(
                    "it cannot be compared with the present generation, {}, which is damaged: {error}",
                    present.header().generation
                );
                Ok((None, vec![Reason::new("damaged", message)]))
            }
        }
    }

    /// What speaks against `snapshot` where the change log no longer reaches back to it: what came since would be missing.
    fn behind(&self, snapshot: &MappedSnapshot) -> Result<Option<Reason>, ActError> {
        // Without feeds there are no changes, and may be no log.
        let Some(live) = self.live.as_ref().filter(|_| !self.feeds.is_empty()) else {
            return Ok(None);
        };
        let place = snapshot.header().log;
        let line = live.installer.places().ok_or(ActError::Ended)?.log.line;
        // What a log of another line holds has nothing to do with it.
        let is_behind = line == place.line && !live.installer.goes_on_over(place).ok_or(ActError::Ended)?;
        Ok(is_behind.then(|| {
            let message = "it was built so long ago that the change log no longer holds everything that came since: \
                           changes will be missing; build it again";
            Reason::new("behind", message.to_owned())
        }))
    }

    /// What speaks against a copy of the source of `feed` where other feeds have brought something: it has nothing of that. One
    /// that was `fetched` has it where it stands where they do.
    fn others(
        &self,
        feed: &str,
        fetched: Option<&MappedSnapshot>,
        halt: Option<&Halt>,
    ) -> Result<Option<Reason>, ActError> {
        let Some(live) = &self.live else { return Ok(None) };
        let places = match halt {
            Some(halt) => halt.places.clone(),
            None => live.installer.places().ok_or(ActError::Ended)?,
        };
        let has = |stream: &Stream| fetched.is_some_and(|fetched| fetched.streams().contains(stream));
        let brought = places
            .streams
            .iter()
            .filter(|stream| !stream.token.is_empty() && !has(stream));
        let mut others: Vec<&str> = brought.map(|stream| stream.stream.as_str()).collect();
        others.retain(|other| *other != feed && self.feeds.iter().any(|configured| configured == other));
        others.sort_unstable();
        others.dedup();
        Ok((!others.is_empty()).then(|| {
            let others = others.join(", ");
            let what = match fetched {
                Some(_) => "it was built elsewhere, and is not where feed".to_owned(),
                None => format!(
                    "it is a copy of the source of feed {feed} alone, and takes the place of what feed"
                ),
            };
            let message = match fetched {
                Some(_) => format!("{what} {others} is here: what that brought has to be delivered again"),
                None => format!("{what} {others} brought too, which has to be delivered again"),
            };
            Reason::new("others", message)
        }))
    }

    /// Makes `snapshot` the one that is served, once `point` has made it the present one over the base that it is
    /// given; `cures` where it is a whole copy of the source. Merges may be published meanwhile, and are then the base. `halt`
    /// where nothing may be applied until it is served.
    fn take_up(
        &self,
        snapshot: MappedSnapshot,
        cures: bool,
        halt: Option<Halt>,
        mut point: impl FnMut(u64) -> Result<(), FolderError>,
    ) -> Result<(), ActError> {
        let generation = snapshot.header().generation;
        if halt.is_none() {
            self.populate(&snapshot);
        }
        loop {
            match point(self.held.present()) {
                Ok(()) => break,
                Err(FolderError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.line().root = generation;
        tracing::info!(generation, "another generation is the present one");
        let Some(live) = &self.live else { return Ok(()) };
        let snapshot = Arc::new(snapshot);
        let is_served = match halt {
            Some(halt) => halt.replace(snapshot, cures),
            None => live.installer.replace(snapshot, cures),
        };
        if !is_served {
            return Err(ActError::Stopping(generation));
        }
        live.readiness.set_mapped();
        Ok(())
    }

    /// Reads `snapshot` into memory where it is going to be served.
    fn populate(&self, snapshot: &MappedSnapshot) {
        if self.live.is_some()
            && let Err(error) = snapshot.populate(0, u64::MAX)
        {
            tracing::debug!(%error, "the generation is read from disk as it is asked for");
        }
    }

    /// What waits to be accepted, where that can be read.
    pub(super) fn waiting(&self) -> Option<Candidate> {
        self.held.folder().candidate().ok().flatten()
    }

    fn candidate(&self) -> Result<Candidate, ActError> {
        self.held.folder().candidate()?.ok_or(ActError::NoCandidate)
    }
}

fn map(path: &Path, generation: u64) -> Result<MappedSnapshot, ActError> {
    Snapshot::map(path).map_err(|source| ActError::Unfit { generation, source })
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, ActError> {
    serde_json::from_slice(body).map_err(ActError::Body)
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
