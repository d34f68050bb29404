//! Copies of whole sources, by feeds: built as imports are, judged as imports are.

use std::sync::Arc;

use serde_json::json;

use super::building::{Outcome, Published as Act, Reserved};
use super::{ActError, Generations, Live, map, now_ms};
use crate::feed::copies::{Copies, Published, Site};
use crate::feed::source::Life;
use crate::intake::Intake;
use crate::number::SuffixDigits;
use crate::snapshot::import::{Built, Target};

/// What copies are built with.
#[derive(Debug, Clone)]
pub struct Copying {
    /// What takes customers in.
    pub intake: Intake,
    /// Memory that a build may take, bytes.
    pub memory_bytes: u64,
    /// Last digits by which numbers are to be found, too.
    pub suffix_digits: Option<SuffixDigits>,
}

impl Copies for Generations {
    fn begin(&self, feed: &str, life: &Life) -> Result<Site, String> {
        self.begin_copy(feed, life).map_err(|error| error.to_string())
    }

    fn publish(&self, built: Built) -> Result<Published, String> {
        self.publish_copy(&built)
            .inspect(|_| built.discard())
            .map_err(|error| error.to_string())
    }

    fn waits(&self, generation: u64) -> bool {
        self.waiting()
            .is_some_and(|candidate| candidate.generation == generation)
    }
}

impl Generations {
    fn begin_copy(&self, feed: &str, life: &Life) -> Result<Site, ActError> {
        let Some(Live { copying, .. }) = &self.live else {
            return Err(ActError::Ended);
        };
        let held = self.held.folder().hold_build()?;
        let dir = held.folder().dir().to_owned();
        let asked = json!({
            "input": format!("the source of feed {feed}"),
            "dir": dir.file_name().map(|name| name.to_string_lossy()),
            "replace": true,
            "copy_of": feed,
        });
        let reserved = self.reserve(asked.to_string().as_bytes())?;
        let reserved: Reserved = serde_json::from_value(reserved).map_err(ActError::Body)?;
        let base = match reserved.base_path {
            Some(path) => Some(map(&path, reserved.base)?.into()),
            None => None,
        };
        let mut streams = reserved.streams;
        let is_this = |stream: &crate::snapshot::Stream| {
            stream.stream == feed && stream.incarnation == life.incarnation
        };
        // Whoever asks has had the life taken down first.
        let place = streams.iter().position(is_this);
        if let Some(stream) = place.and_then(|place| streams.get_mut(place)) {
            stream.token.clone_from(&life.token);
        }
        // The first of the list, which these stand behind, is the import.
        let copy_of = place.and_then(|place| u16::try_from(place + 1).ok());
        let target = Target {
            base,
            seq: reserved.seq,
            streams,
            log: reserved.log,
            copy_of,
            suffix_digits: copying.suffix_digits,
            stop: Arc::clone(&self.ending),
            ..Target::new(dir, reserved.generation, now_ms(), copying.memory_bytes)
        };
        Ok(Site {
            held,
            target,
            intake: copying.intake.of_feed(feed),
        })
    }

    fn publish_copy(&self, built: &Built) -> Result<Published, ActError> {
        let summary = built.summary();
        let name = |path: &std::path::Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let asked = json!({
            "build": summary.generation,
            "snapshot": name(&summary.path),
            "rejects": summary.rejects.as_deref().and_then(name),
            "rows": summary.rows,
            "refused": summary.refused,
        });
        let done = self.publish(asked.to_string().as_bytes())?;
        let done: Act = serde_json::from_value(done).map_err(ActError::Body)?;
        Ok(done.into())
    }
}

impl From<Act> for Published {
    fn from(done: Act) -> Published {
        match done.outcome {
            Outcome::Published => Published::Served,
            Outcome::Held => Published::Held {
                generation: done.generation,
                reasons: done
                    .reasons
                    .iter()
                    .map(|reason| reason.message.as_str())
                    .collect::<Vec<_>>()
                    .join("; "),
            },
        }
    }
}

#[cfg(test)]
mod tests;
