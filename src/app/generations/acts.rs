//! Accepting, going back and pinning, and what there is.

use serde::Deserialize;
use serde_json::{Value, json};

use super::building::{self, Outcome, Published};
use super::{ActError, Generations, Step, map, now_ms, read};
use crate::replica::Word;
use crate::snapshot::{Snapshot, SnapshotError};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    #[serde(default)]
    generation: Option<u64>,
    #[serde(default)]
    replace: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    feed: String,
    #[serde(default)]
    drop: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pin {
    generation: u64,
}

impl Generations {
    /// Publishes the candidate. Where another generation is present than the one that it was judged against, it is
    /// judged anew, and goes on waiting where something speaks against it that nobody was told.
    pub(super) fn accept(&self) -> Result<Value, ActError> {
        let act = self.busy.begin("an acceptance")?;
        let mut candidate = self.candidate()?;
        let generation = candidate.generation;
        let path = self.held.folder().candidate_file(generation);
        let snapshot = map(&path, generation)?;
        self.verify(&act, &snapshot)?;
        let customers = snapshot.header().customers;
        let present = self.present()?.map_or(0, |present| present.header().generation);
        let mut is_held = false;
        if candidate.base != present {
            let told = std::mem::take(&mut candidate.reasons);
            (candidate.comparison, candidate.reasons) = self.judge(&act, &snapshot, candidate.import)?;
            is_held = candidate
                .reasons
                .iter()
                .any(|reason| told.iter().all(|told| told.code != reason.code));
            (candidate.base, candidate.at_ms) = (present, now_ms());
        }
        if let Some(behind) = self.behind(&snapshot)?
            && candidate.reasons.iter().all(|told| told.code != behind.code)
        {
            candidate.reasons.push(behind);
            is_held = true;
        }
        let path = if is_held {
            self.held.write_candidate(&candidate)?;
            path
        } else {
            let mut path = path;
            self.take_up(snapshot, true, None, |base| {
                path = self.held.adopt_candidate(&candidate, base)?;
                Ok(())
            })?;
            path
        };
        let rejects = self.held.folder().rejects(generation);
        Ok(building::json(&Published {
            outcome: if is_held {
                Outcome::Held
            } else {
                Outcome::Published
            },
            generation,
            base: present,
            path,
            rejects: rejects.exists().then_some(rejects),
            reasons: candidate.reasons,
            comparison: candidate.comparison,
            customers,
        }))
    }

    pub(super) fn drop_candidate(&self) -> Result<Value, ActError> {
        let _act = self.busy.begin("the removal of a candidate")?;
        let dropped = self.held.drop_candidate()?.ok_or(ActError::NoCandidate)?;
        Ok(json!({"dropped": dropped}))
    }

    pub(super) fn rollback(&self, body: &[u8]) -> Result<Value, ActError> {
        let asked: Rollback = read(body)?;
        let act = self.busy.begin("a rollback")?;
        let present = self.held.present();
        let before = || -> Result<u64, ActError> {
            let generations = self.held.folder().generations()?;
            let before = generations.into_iter().rfind(|generation| *generation < present);
            before.ok_or(ActError::NothingBefore { present })
        };
        let generation = match asked.generation {
            Some(generation) => generation,
            None => before()?,
        };
        if generation == present {
            return Err(ActError::Present(generation));
        }
        if !self.held.folder().generations()?.contains(&generation) {
            return Err(self.held.folder().no_generation(generation).into());
        }
        let snapshot = map(&self.held.folder().snapshot(generation), generation)?;
        let place = snapshot.header().log;
        let is_kept = match &self.live {
            Some(live) => live.installer.goes_on_over(place).ok_or(ActError::Ended)?,
            // The next start applies what there is over it.
            None => self
                .present()?
                .is_some_and(|present| present.header().log.line == place.line),
        };
        if !self.feeds.is_empty() && !is_kept && !asked.replace {
            return Err(self.fed("that generation was made"));
        }
        self.verify(&act, &snapshot)?;
        let customers = snapshot.header().customers;
        self.take_up(snapshot, false, None, |base| self.held.point_to(generation, base))?;
        Ok(json!({"generation": generation, "before": present, "customers": customers}))
    }

    pub(super) fn pin(&self, body: &[u8]) -> Result<Value, ActError> {
        let Pin { generation } = read(body)?;
        let _act = self.busy.begin("pinning")?;
        self.held.pin(generation)?;
        Ok(json!({"pinned": self.held.folder().pins()?}))
    }

    pub(super) fn unpin(&self, body: &[u8]) -> Result<Value, ActError> {
        let Pin { generation } = read(body)?;
        let _act = self.busy.begin("unpinning")?;
        if !self.held.unpin(generation)? {
            return Err(ActError::NotPinned(generation));
        }
        Ok(json!({"pinned": self.held.folder().pins()?}))
    }

    /// Has a feed go on that was held.
    pub(super) fn release(&self, body: &[u8]) -> Result<Value, ActError> {
        let asked: Release = read(body)?;
        let live = self.live.as_ref().ok_or(ActError::NoService)?;
        let word = if asked.drop { Word::Drop } else { Word::Accept };
        let was_held = live.installer.release(&asked.feed, word);
        if !was_held.ok_or(ActError::Ended)? {
            return Err(ActError::NotHeld { feed: asked.feed });
        }
        tracing::warn!(
            feed = asked.feed,
            dropped = asked.drop,
            "a feed that was held goes on"
        );
        Ok(json!({"feed": asked.feed, "dropped": asked.drop}))
    }

    /// Has what changed since the present generation merged into the next, so that whoever takes that over has little to catch up
    /// with.
    pub(super) fn merge(&self) -> Result<Value, ActError> {
        let live = self.live.as_ref().ok_or(ActError::NoService)?;
        if !live.installer.merge() {
            return Err(ActError::Ended);
        }
        Ok(json!({"generation": self.held.present()}))
    }

    /// Every generation that is there, the newest first, and what is being done.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self) -> Result<Value, ActError> {
        let folder = self.held.folder();
        let pins = folder.pins()?;
        let candidate = folder.candidate()?;
        let present = self.held.present();
        let waiting = candidate.as_ref().map(|candidate| candidate.generation);
        let mut generations: Vec<u64> = folder.generations()?;
        generations.extend(waiting);
        generations.sort_unstable_by_key(|generation| std::cmp::Reverse(*generation));
        let generations: Vec<Value> = generations
            .into_iter()
            .map(|generation| {
                let is_waiting = waiting == Some(generation);
                let path = if is_waiting {
                    folder.candidate_file(generation)
                } else {
                    folder.snapshot(generation)
                };
                let state = match () {
                    () if is_waiting => "held",
                    () if generation == present => "present",
                    () => "kept",
                };
                let mut row = json!({
                    "generation": generation,
                    "state": state,
                    "pinned": pins.contains(&generation),
                    "path": path,
                });
                let about: Result<_, SnapshotError> = Snapshot::map(&path);
                match about {
                    Ok(snapshot) => {
                        let header = snapshot.header();
                        row["format_version"] = header.format_version.into();
                        row["customers"] = header.customers.into();
                        row["numbers"] = header.numbers.into();
                        row["created_at_ms"] = header.created_at_ms.into();
                        row["bytes"] = header.file_length.into();
                        row["seq"] = header.seq.into();
                    }
                    Err(error) => row["error"] = error.to_string().into(),
                }
                if let Some(candidate) = candidate.as_ref().filter(|_| is_waiting) {
                    row["reasons"] = building::json(&candidate.reasons);
                    row["comparison"] = building::json(&candidate.comparison);
                    row["input"] = candidate.input.as_str().into();
                    row["base"] = candidate.base.into();
                }
                row
            })
            .collect();
        Ok(json!({"present": present, "generations": generations, "doing": self.step()}))
    }

    /// What the act that goes on is doing, if one does.
    pub fn step(&self) -> Option<Step> {
        self.busy.step()
    }
}
