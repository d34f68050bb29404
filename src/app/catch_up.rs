//! Catching up: a node without customers, or whose feeds cannot go on where they stopped, takes over the newest generation of
//! the other node, or of the object store, and follows behind it. A node that was away for a while and has its disk needs
//! none of this: it goes on from its own change log.

mod origin;
mod progress;
mod publisher;
mod runner;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

pub use origin::{FetchError, Offered, Origin};
pub(super) use publisher::Publisher;
pub(super) use runner::{Running, Tending};

use super::AppError;
use super::generations::Generations;
use super::shelf::Shelf;
use crate::config::Config;
use crate::feed::copies::{Copies, Fetched, Need, Published, Site};
use crate::feed::source::Life;
use crate::http::client::{Server, Trust, key_in};
use crate::metrics::Metrics;
use crate::snapshot::import::Built;
use progress::{Phase, Progress};

/// How long nobody is asked again after nothing could be fetched: feeds go on by themselves meanwhile.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// Takes generations over.
#[derive(Debug)]
pub struct CatchUp {
    generations: Arc<Generations>,
    /// In the order in which they are asked.
    origins: Vec<Origin>,
    progress: Progress,
    turn: Mutex<Turn>,
}

/// What has been tried.
#[derive(Debug, Default)]
struct Turn {
    failed_at: Option<Instant>,
    /// What was taken over, or refused: it is not taken over again.
    known: Vec<(String, Offered)>,
}

impl CatchUp {
    /// What `config` says of it, for the service that was `started` then.
    ///
    /// # Errors
    /// The object store or the other node cannot be asked as they are configured.
    pub(in crate::app) fn new(
        config: &Config,
        generations: &Arc<Generations>,
        started: Instant,
        metrics: &Metrics,
    ) -> Result<CatchUp, AppError> {
        let mut origins = Vec::new();
        if config.snapshots.catch_up {
            origins.extend(peer(config)?);
            origins.extend(Shelf::open(&config.snapshots)?.map(Origin::Shelf));
        }
        Ok(CatchUp {
            generations: Arc::clone(generations),
            origins,
            progress: Progress::register(started, metrics)?,
            turn: Mutex::default(),
        })
    }

    /// What takes them up.
    pub(super) fn generations(&self) -> &Arc<Generations> {
        &self.generations
    }

    /// For `/status`; `lag_ms` is how far feeds are behind.
    pub(super) fn status(&self, lag_ms: Option<u64>) -> Value {
        self.progress.to_json(lag_ms)
    }

    /// Takes the newest generation over, for `feed` or for nobody in particular; `tell` is told whence.
    fn take_over(&self, feed: Option<&str>, need: Need, tell: &dyn Fn(&str)) -> Fetched {
        // Whoever comes meanwhile finds what came of it.
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = self.generations.is_empty();
        let has_failed = turn.failed_at.is_some_and(|at| at.elapsed() < ASK_AGAIN);
        if self.origins.is_empty() || has_failed || (need == Need::New && !is_new) {
            return Fetched::Nothing;
        }
        let mut failures = Vec::new();
        for origin in &self.origins {
            tell(&origin.to_string());
            match self.from(origin, &mut turn, feed, need) {
                Ok(Some(published)) => {
                    self.progress.enter(match &published {
                        Published::Served => Phase::Following,
                        Published::Held { .. } => Phase::Held,
                    });
                    turn.failed_at = None;
                    return Fetched::Done(published);
                }
                Ok(None) => {}
                Err(FetchError::Ended) => return Fetched::Nothing,
                Err(error) => {
                    tracing::warn!(%error, "no generation can be fetched from there");
                    failures.push(error.to_string());
                }
            }
        }
        turn.failed_at = Some(Instant::now());
        if failures.is_empty() {
            self.progress.enter(Phase::Own);
            return Fetched::Nothing;
        }
        let failures = failures.join("; ");
        self.progress.fail(&failures);
        Fetched::Failed(failures)
    }

    /// Takes the newest generation of `origin` over; `None` where that was tried already.
    fn from(
        &self,
        origin: &Origin,
        turn: &mut Turn,
        feed: Option<&str>,
        need: Need,
    ) -> Result<Option<Published>, FetchError> {
        let from = origin.to_string();
        self.progress.ask(&from);
        origin.is_whole()?;
        if need == Need::Lost {
            origin.freshen(&|| self.generations.is_ending());
            if self.generations.is_ending() {
                return Err(FetchError::Ended);
            }
        }
        let offered = origin.newest()?;
        let known = (from, offered);
        if turn.known.contains(&known) {
            return Ok(None);
        }
        let (from, offered) = &known;
        let generation = offered.generation;
        if !self.generations.is_empty() && offered.created_at_ms <= self.generations.made_at_ms() {
            return Err(FetchError::Older {
                from: from.clone(),
                generation,
            });
        }
        tracing::info!(
            from,
            generation,
            bytes = offered.bytes,
            customers = offered.customers,
            "fetching a generation"
        );
        self.progress.fetch(offered.bytes);
        let begun = Instant::now();
        let mut at = |bytes| {
            self.progress.at(bytes);
            if bytes >= offered.bytes {
                self.progress.enter(Phase::Verifying);
            }
            !self.generations.is_ending()
        };
        let only_if_empty = need == Need::New;
        let published = self
            .generations
            .take_over(origin, offered, feed, only_if_empty, &mut at);
        if matches!(published, Err(FetchError::Fed)) {
            turn.known.push(known.clone());
        }
        let published = published?;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &published {
            Published::Served => tracing::info!(
                from,
                generation,
                bytes = offered.bytes,
                took_ms,
                "a generation was taken over; feeds go on from where it stands"
            ),
            Published::Held { generation, reasons } => tracing::warn!(
                from,
                generation,
                reasons,
                "a generation that was fetched waits for somebody's word: `ringside accept`, or `ringside accept --drop`"
            ),
        }
        turn.known.push(known);
        Ok(Some(published))
    }
}

impl Copies for CatchUp {
    fn begin(&self, feed: &str, life: &Life) -> Result<Site, String> {
        self.generations.begin(feed, life)
    }

    fn publish(&self, built: Built) -> Result<Published, String> {
        Copies::publish(&*self.generations, built)
    }

    fn waits(&self, generation: u64) -> bool {
        self.generations.waits(generation)
    }

    fn fetch(&self, feed: &str, need: Need, tell: &(dyn Fn(&str) + Sync)) -> Fetched {
        // Whoever reads a source does so in a runtime, which must not wait for another one.
        std::thread::scope(|scope| {
            let fetching = std::thread::Builder::new().name("fetch".into());
            let fetching = fetching.spawn_scoped(scope, || self.take_over(Some(feed), need, tell));
            let fetched = match fetching {
                Ok(fetching) => fetching
                    .join()
                    .map_err(|_| "it ended in a panic; please report what it said".to_owned()),
                Err(error) => Err(format!("no thread is to be had: {error}")),
            };
            fetched.unwrap_or_else(Fetched::Failed)
        })
    }
}

/// The other node, where there is one.
fn peer(config: &Config) -> Result<Option<Origin>, AppError> {
    let ha = &config.ha;
    if ha.peer.is_empty() {
        return Ok(None);
    }
    let server: Result<Server, String> = ha.peer.parse();
    let server = server.map_err(AppError::Peer)?;
    let has_key = !ha.peer_key_file.as_os_str().is_empty();
    let key = has_key.then(|| key_in(&ha.peer_key_file)).transpose()?;
    Ok(Some(Origin::Node(server, Trust::new(key, None)?)))
}
