//! Builds by another process: a number and a base for it, and publishing what came of it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ActError, Generations, map, now_ms, read};
use crate::snapshot::Stream;
use crate::snapshot::folder::Candidate;
use crate::snapshot::judge::{Comparison, Reason, Rows};
use crate::snapshot::layout::LogPlace;

/// Builds that are remembered; of more, the oldest is forgotten, as one whose process has ended.
const MOST_BUILDS: usize = 16;

/// A build that was begun.
#[derive(Debug, Clone)]
pub(super) struct Build {
    dir: PathBuf,
    input: String,
    /// The feed of whose source it is a copy.
    copy_of: Option<String>,
    /// Whether it was built elsewhere.
    is_fetched: bool,
    /// Whether it is of no use once anything has come here.
    only_if_empty: bool,
    /// The present generation when it began, 0 for none, and the last one that was no merge.
    base: u64,
    root: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reserve {
    input: String,
    /// Name of the build folder, which whoever builds holds.
    dir: String,
    #[serde(default)]
    replace: bool,
    #[serde(default)]
    copy_of: Option<String>,
    #[serde(default)]
    fetched: bool,
    #[serde(default)]
    only_if_empty: bool,
}

/// What a build needs to know.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reserved {
    /// What the build is called.
    pub build: u64,
    /// The serial number of what is built.
    pub generation: u64,
    /// The present generation; 0 for none.
    pub base: u64,
    /// Its file.
    pub base_path: Option<PathBuf>,
    /// The newest change that is applied.
    pub seq: u64,
    /// The feeds' streams, as far as they are.
    pub streams: Vec<Stream>,
    /// The change log that goes on over what is built.
    #[serde(default)]
    pub log: LogPlace,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Publish {
    build: u64,
    /// Name of the finished file in the build folder.
    snapshot: String,
    /// Name of the file of rejects in it, where there are any.
    #[serde(default)]
    rejects: Option<String>,
    rows: u64,
    refused: u64,
    /// Publish it whatever it looks like.
    #[serde(default)]
    accept: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Drop {
    build: u64,
}

/// What became of a finished build or a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is served.
    Published,
    /// It waits for somebody to accept it.
    Held,
}

/// What became of a finished build or a candidate, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// What became of it.
    pub outcome: Outcome,
    /// Its serial number.
    pub generation: u64,
    /// The generation that was present before; 0 for none.
    pub base: u64,
    /// Where it is.
    pub path: PathBuf,
    /// Where its rejects are, if there are any.
    pub rejects: Option<PathBuf>,
    /// What speaks against it; of one that is published, what was accepted.
    pub reasons: Vec<Reason>,
    /// How it differs from the generation before; `None` where there was none.
    pub comparison: Option<Comparison>,
    /// Customers in it.
    pub customers: u64,
}

impl Generations {
    pub(super) fn reserve(&self, body: &[u8]) -> Result<Value, ActError> {
        let Reserve {
            input,
            dir,
            replace,
            copy_of,
            fetched,
            only_if_empty,
        } = read(body)?;
        let folder = self.held.folder();
        let dir = folder
            .builds()
            .find(|build| build.file_name().is_some_and(|name| *name == *dir))
            .ok_or(ActError::Value {
                field: "dir",
                expected: "the name of a build folder, such as \"build\"",
            })?;
        // Ahead of the base, which may have more than that, and never less.
        let places = match &self.live {
            Some(live) => live.installer.places().ok_or(ActError::Ended)?,
            None => {
                let present = self.present()?;
                let header = present.as_ref().map(|present| present.header().seq);
                let streams = present.as_ref().map_or(&[][..], |present| present.streams());
                crate::feed::Places {
                    seq: header.unwrap_or(0),
                    streams: streams.iter().skip(1).cloned().collect(),
                    log: LogPlace::default(),
                }
            }
        };
        // Where nobody serves, and no feed has brought anything, nothing of theirs can be lost.
        let has_brought = |stream: &Stream| self.feeds.contains(&stream.stream);
        let is_fed =
            !self.feeds.is_empty() && (self.live.is_some() || places.streams.iter().any(has_brought));
        if is_fed && !replace {
            return Err(self.fed("the build begins"));
        }
        let base = match &self.live {
            Some(live) => live.index.snapshot().header().generation,
            None => self.held.present(),
        };
        let generation = self.held.reserve()?;
        let mut line = self.line();
        // A feed makes one copy at a time: others of its own came to nothing, and must not push a person's build out.
        line.builds
            .retain(|_, build| copy_of.is_none() || build.copy_of != copy_of);
        while line.builds.len() >= MOST_BUILDS {
            line.builds.pop_first();
        }
        let root = line.root;
        let build = Build {
            dir,
            input,
            copy_of,
            is_fetched: fetched,
            only_if_empty,
            base,
            root,
        };
        line.builds.insert(generation, build);
        drop(line);
        Ok(json(&Reserved {
            build: generation,
            generation,
            base,
            base_path: (base > 0).then(|| folder.snapshot(base)),
            seq: places.seq,
            streams: places.streams,
            log: places.log,
        }))
    }

    pub(super) fn fed(&self, since: &'static str) -> ActError {
        ActError::Feed {
            feeds: self.feeds.join(", "),
            since,
        }
    }

    pub(super) fn drop_build(&self, body: &[u8]) -> Result<Value, ActError> {
        let Drop { build } = read(body)?;
        let removed = self.line().builds.remove(&build);
        removed
            .map(|_| serde_json::json!({"dropped": build}))
            .ok_or(ActError::NoBuild { build })
    }

    pub(super) fn publish(&self, body: &[u8]) -> Result<Value, ActError> {
        let asked: Publish = read(body)?;
        let act = self.busy.begin("a publication")?;
        let generation = asked.build;
        let build = self.line().builds.get(&generation).cloned();
        let build = build.ok_or(ActError::NoBuild { build: generation })?;
        let file = within(&build.dir, &asked.snapshot, "snapshot")?;
        let rejects = asked.rejects.as_deref();
        let rejects = rejects
            .map(|name| within(&build.dir, name, "rejects"))
            .transpose()?;
        let snapshot = map(&file, generation)?;
        if snapshot.header().generation != generation {
            return Err(ActError::Value {
                field: "snapshot",
                expected: "the snapshot of that build",
            });
        }
        self.verify(&act, &snapshot)?;
        let import = Rows {
            rows: asked.rows,
            refused: asked.refused,
        };
        let customers = snapshot.header().customers;
        let mut candidate = Candidate {
            generation,
            base: build.base,
            at_ms: now_ms(),
            input: build.input.clone(),
            reasons: Vec::new(),
            comparison: None,
            import,
        };
        let root = self.line().root;
        if root != build.root {
            let message = format!(
                "built over generation {}, but {root} was published meanwhile",
                build.base
            );
            candidate.reasons = vec![Reason::new("conflict", message)];
            self.held.hold_back(&file, rejects.as_deref(), &candidate)?;
            self.forget(generation, &build.dir);
            return Err(ActError::Conflict {
                base: build.base,
                present: self.held.present(),
                built: generation,
            });
        }
        (candidate.comparison, candidate.reasons) = self.judge(&act, &snapshot, import)?;
        candidate.reasons.extend(self.behind(&snapshot)?);
        // The log does not go on over what was built elsewhere: a change that is taken behind these looks would be lost with it.
        let halt = match &self.live {
            Some(live) if build.is_fetched => {
                self.populate(&snapshot);
                Some(live.installer.halt().ok_or(ActError::Ended)?)
            }
            _ => None,
        };
        if build.only_if_empty && halt.as_ref().is_some_and(|halt| !halt.is_empty) {
            return Err(ActError::Came);
        }
        if let Some(feed) = &build.copy_of {
            let fetched = build.is_fetched.then_some(&snapshot);
            candidate
                .reasons
                .extend(self.others(feed, fetched, halt.as_ref())?);
        }
        let is_held = !candidate.reasons.is_empty() && !asked.accept;
        let (path, rejects) = if is_held {
            tracing::warn!(
                generation,
                reasons = candidate.reasons.len(),
                "an import waits to be accepted"
            );
            self.held.hold_back(&file, rejects.as_deref(), &candidate)?
        } else {
            let mut adopted = (PathBuf::new(), None);
            self.take_up(snapshot, true, halt, |base| {
                adopted = self.held.adopt(&file, rejects.as_deref(), generation, base)?;
                Ok(())
            })?;
            adopted
        };
        self.forget(generation, &build.dir);
        Ok(json(&Published {
            outcome: if is_held {
                Outcome::Held
            } else {
                Outcome::Published
            },
            generation,
            base: build.base,
            path,
            rejects,
            reasons: candidate.reasons,
            comparison: candidate.comparison,
            customers,
        }))
    }

    /// The build is no more, and nothing can go on from what is left of it.
    fn forget(&self, build: u64, dir: &Path) {
        self.line().builds.remove(&build);
        crate::snapshot::folder::spend_build(dir);
    }
}

/// The file `name` of the folder `dir`, and of no other.
fn within(dir: &Path, name: &str, field: &'static str) -> Result<PathBuf, ActError> {
    if name.is_empty() || name.starts_with('.') || name.contains('/') {
        return Err(ActError::Value {
            field,
            expected: "the name of a file of the build folder",
        });
    }
    Ok(dir.join(name))
}

pub(super) fn json(value: &impl Serialize) -> Value {
    // Strings, numbers and lists of our own always are JSON.
    serde_json::to_value(value).unwrap_or_default()
}
