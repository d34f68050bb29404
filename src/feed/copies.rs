//! Copies of whole sources: what is read becomes the next generation, built beside what is served.

mod join;
mod lines;

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::source::{Life, Row, Rows, SourceError, Unreadable};
use crate::intake::Intake;
use crate::replica::Change;
use crate::snapshot::folder::Held;
use crate::snapshot::import::{self, Built, ImportError, Input, Mapping, Target};
use join::{Join, Orphan};
use lines::Lines;

/// Bytes of unreadable documents of a copy that are kept to be looked at.
const MOST_REFUSED: usize = 16 << 20;
/// How often a copy says how far it is.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Builds generations from copies and has them judged and served; what the administration does for those who import.
pub trait Copies: Send + Sync + std::fmt::Debug {
    /// A folder to build in, and what is to be built over: everything as of now.
    ///
    /// # Errors
    /// Why nothing can be built, and what to do.
    fn begin(&self, feed: &str, life: &Life) -> Result<Site, String>;

    /// Has what was built judged, and served where nothing speaks against it.
    ///
    /// # Errors
    /// Why it cannot be served.
    fn publish(&self, built: Built) -> Result<Published, String>;

    /// Whether a copy of the serial number `generation` waits for somebody's word.
    fn waits(&self, generation: u64) -> bool;

    /// Takes over a generation that somebody else has built, ahead of copying the source of `feed`; `tell` is told of each
    /// whom is asked. Takes its time. What is served then is another: feeds begin anew.
    fn fetch(&self, feed: &str, need: Need, tell: &(dyn Fn(&str) + Sync)) -> Fetched {
        let (_, _, _) = (feed, need, tell);
        Fetched::Nothing
    }
}

/// Why a generation of elsewhere is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// There may be no customers here yet; where there are, none is wanted.
    New,
    /// The source no longer has what comes next.
    Lost,
}

/// What came of asking for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// There is nobody to ask, or nothing that has not been tried.
    Nothing,
    /// It is here.
    Done(Published),
    /// Nothing can be had; why.
    Failed(String),
}

/// Where a copy is built.
#[derive(Debug)]
pub struct Site {
    /// The build folder.
    pub held: Held,
    /// What is to be built.
    pub target: Target,
    /// What takes customers in.
    pub intake: Intake,
}

/// What became of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// It is served.
    Served,
    /// It waits for somebody's word.
    Held {
        /// Its serial number.
        generation: u64,
        /// What speaks against it.
        reasons: String,
    },
}

/// A copy under way: rows go in, a finished generation comes out.
#[derive(Debug)]
pub(super) struct Copy {
    feed: String,
    join: Option<Join>,
    site: Option<Site>,
    schema: Vec<Value>,
    building: Option<Building>,
    refused: Vec<Unreadable>,
    refused_bytes: usize,
    rows: u64,
    expected: Option<u64>,
    told_at: Instant,
}

#[derive(Debug)]
struct Building {
    lines: Lines,
    thread: JoinHandle<Result<Built, ImportError>>,
}

impl Copy {
    /// A copy of the source of `feed`, built at `site`. Where customers and their parts come apart (`has_parts`), they wait for
    /// each other, in `memory` bytes at the most, and in the build folder beyond that.
    pub(super) fn new(feed: &str, site: Site, has_parts: bool, memory: usize) -> Copy {
        Copy {
            feed: feed.to_owned(),
            join: has_parts.then(|| Join::new(site.held.folder().dir(), memory)),
            site: Some(site),
            schema: Vec::new(),
            building: None,
            refused: Vec::new(),
            refused_bytes: 0,
            rows: 0,
            expected: None,
            told_at: Instant::now(),
        }
    }

    /// The finished generation, and parts whose customers have not been copied.
    ///
    /// # Errors
    /// It cannot be built.
    pub(super) fn finish(mut self) -> Result<(Built, Vec<Change>), SourceError> {
        let orphans = match self.join.take() {
            Some(join) => join.finish(&mut |line| self.line(line))?,
            None => Vec::new(),
        };
        self.begin()?;
        let Some(building) = self.building.take() else {
            return Err(SourceError::Stopped);
        };
        building.lines.end();
        match building.thread.join() {
            Ok(built) => {
                let built = built.map_err(|error| failed(&error))?;
                Ok((built, orphans.into_iter().filter_map(late).collect()))
            }
            Err(_) => Err(SourceError::Away(
                "building the copy ended in a panic; please report what it said".into(),
            )),
        }
    }

    /// What could not be read, some of it.
    pub(super) fn refused(&mut self) -> Vec<Unreadable> {
        std::mem::take(&mut self.refused)
    }

    /// Begins building, unless that has begun.
    fn begin(&mut self) -> Result<(), SourceError> {
        let Some(Site { held, target, intake }) = self.site.take() else {
            return Ok(());
        };
        let (lines, reader) = lines::pipe();
        let attributes = self
            .schema
            .iter()
            .map(|attribute| serde_json::from_value(attribute.clone()));
        let mapping = Mapping {
            only: true,
            attributes: attributes
                .collect::<Result<_, _>>()
                .map_err(|error| SourceError::Unfit(format!("the schema cannot be read: {error}")))?,
            ..Mapping::default()
        };
        let build = move || {
            let input = Input::stream(reader, import::Format::Ndjson);
            import::build_in(held, input, &mapping, &intake, target, |_| {})
        };
        let thread = std::thread::Builder::new().name("copy".into()).spawn(build);
        let thread = thread.map_err(|error| SourceError::Away(format!("no thread is to be had: {error}")))?;
        self.building = Some(Building { lines, thread });
        Ok(())
    }

    /// Sends a customer's line on its way.
    fn line(&mut self, line: &[u8]) -> Result<(), SourceError> {
        self.begin()?;
        let Some(building) = &mut self.building else {
            return Err(SourceError::Stopped);
        };
        if building.lines.send(line).is_ok() {
            return Ok(());
        }
        // Whoever builds has gone, and says why.
        let Some(building) = self.building.take() else {
            return Err(SourceError::Stopped);
        };
        Err(match building.thread.join() {
            Ok(Err(error)) => failed(&error),
            Ok(Ok(_)) | Err(_) => SourceError::Away("building the copy ended early".into()),
        })
    }

    fn tell(&mut self) {
        if self.told_at.elapsed() >= TELL_EVERY {
            self.told_at = Instant::now();
            tracing::info!(
                feed = self.feed,
                rows = self.rows,
                expected = self.expected,
                "copying"
            );
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // One that is not finished is of no use to anybody.
        if let Some(building) = self.building.take() {
            drop(building.lines);
            let _panicked = building.thread.join();
        } else if let Some(site) = self.site.take() {
            site.held.remove();
        }
    }
}

impl Rows for Copy {
    fn expect(&mut self, rows: u64) {
        self.expected = Some(self.expected.unwrap_or(0) + rows);
    }

    fn put(&mut self, row: Row) -> Result<(), SourceError> {
        self.rows += 1;
        self.tell();
        match (row, &mut self.join) {
            // Building has begun under another one; it comes again with the changes.
            (Row::Schema(_), _) if self.site.is_none() => Ok(()),
            (Row::Schema(schema), _) => {
                self.schema = schema.as_array().cloned().unwrap_or_default();
                Ok(())
            }
            (Row::Refused(unreadable), _) => {
                let bytes = size_of::<Unreadable>() + unreadable.reason.len() + unreadable.found.len();
                if self.refused_bytes + bytes <= MOST_REFUSED {
                    self.refused_bytes += bytes;
                    self.refused.push(unreadable);
                }
                Ok(())
            }
            (Row::Customer(customer), Some(join)) => join.customer(&customer).map_err(spill),
            (Row::Customer(customer), None) => self.line(customer.to_string().as_bytes()),
            (Row::Case { customer_id, case }, Some(join)) => {
                join.part(&customer_id, "cases", &case).map_err(spill)
            }
            (
                Row::Interaction {
                    customer_id,
                    interaction,
                },
                Some(join),
            ) => join
                .part(&customer_id, "interactions", &interaction)
                .map_err(spill),
            // Nobody said that there would be any.
            (Row::Case { .. } | Row::Interaction { .. }, None) => Ok(()),
        }
    }
}

/// The change by which a part waits for its customer.
fn late(orphan: Orphan) -> Option<Change> {
    let op = if orphan.list == "cases" {
        "case"
    } else {
        "interaction"
    };
    let line = serde_json::json!({"op": op, "customer_id": orphan.customer_id, op: orphan.part});
    Some(Change::decode_value(line).ok()?.change)
}

fn spill(error: std::io::Error) -> SourceError {
    SourceError::Away(format!(
        "what is copied cannot be kept in the build folder: {error}; look at the disk"
    ))
}

fn failed(error: &ImportError) -> SourceError {
    SourceError::Away(format!("the copy cannot be built: {error}"))
}
