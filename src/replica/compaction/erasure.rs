//! Erasure: what was deleted leaves every file within a time that the configuration says.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Kept, Other, kept};
use crate::replica::Replica;
use crate::snapshot::folder::Held;

/// Decides what has to go.
#[derive(Debug, Clone, Copy)]
pub struct Erasure {
    within_ms: i64,
}

/// What has to be done about deletions.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Due {
    /// The present generation has to be merged with them.
    merge: bool,
    /// These have to go, whoever pinned them.
    generations: Vec<u64>,
}

impl Erasure {
    /// What was deleted is gone `within_s` seconds later.
    pub fn new(within_s: u64) -> Erasure {
        Erasure {
            within_ms: i64::try_from(within_s.saturating_mul(1000)).unwrap_or(i64::MAX),
        }
    }

    /// How often to have a look.
    pub fn every(self) -> Duration {
        let within = Duration::from_millis(self.within_ms.unsigned_abs());
        (within / 20).clamp(Duration::from_millis(50), Duration::from_secs(60))
    }

    /// Removes from `folder` what is too old at `now_ms`, milliseconds since 1970. Whether the overlay has to be merged,
    /// so that the present generation can go later.
    pub fn erase(self, replica: &Replica, folder: &Held, now_ms: i64) -> bool {
        let (kept, mut others) = match kept(folder, replica.log_place().line) {
            Ok(kept) => kept,
            Err(error) => {
                tracing::error!(%error, "nothing can be erased: the generations that are kept are not known");
                return false;
            }
        };
        // What was deleted since they were made is no longer known where the log was too long to keep.
        let (kept, forgotten): (Vec<Kept>, Vec<Kept>) = kept
            .into_iter()
            .partition(|kept| kept.is_present || replica.remembers_behind(kept.follows));
        others.extend(forgotten.into_iter().map(Other::from));
        let due = self.due(&kept, now_ms, |seq| replica.first_deletion_behind(seq));
        // What a log of before has deleted since they were made is not known.
        let others = others
            .into_iter()
            .filter(|other| now_ms.saturating_sub(other.created_at_ms) >= self.within_ms / 10 * 8)
            .map(|other| other.generation);
        for generation in due.generations.into_iter().chain(others) {
            match folder.erase(generation) {
                Ok(()) => {
                    replica.counters().erased.inc();
                    tracing::info!(
                        generation,
                        "a generation was erased: it held customers that have been deleted"
                    );
                }
                Err(error) => tracing::error!(generation, %error, "a generation cannot be erased"),
            }
        }
        let before =
            SystemTime::now().checked_sub(Duration::from_millis(self.within_ms.unsigned_abs()) * 9 / 10);
        if let Some(before) = before {
            sweep(folder.folder().dir(), before);
        }
        due.merge
    }

    fn due(self, kept: &[Kept], now_ms: i64, first_deletion_behind: impl Fn(u64) -> Option<i64>) -> Due {
        let age = |kept: &Kept| first_deletion_behind(kept.follows).map(|at| now_ms.saturating_sub(at));
        let mut due = Due {
            merge: false,
            generations: Vec::new(),
        };
        // A deletion that no generation has seen is in the log alone, with what it deletes.
        due.merge = kept.iter().all(|kept| !kept.is_present)
            && first_deletion_behind(0).is_some_and(|at| now_ms.saturating_sub(at) >= self.within_ms / 2);
        for generation in kept {
            let Some(age) = age(generation) else { continue };
            if generation.is_present {
                due.merge |= age >= self.within_ms / 2;
            } else if age >= self.within_ms / 10 * 8 {
                due.generations.push(generation.generation);
            }
        }
        due
    }
}

/// Removes what was left in `dir` before the time `before` and belongs to no generation: damaged logs that were set aside,
/// and builds and candidates that nobody went on with.
fn sweep(dir: &Path, before: SystemTime) {
    let entries = |dir: &Path| -> Vec<PathBuf> {
        let found = fs::read_dir(dir).into_iter().flatten().flatten();
        found.map(|entry| entry.path()).collect()
    };
    let is_old = |path: &Path| {
        let changed = fs::metadata(path).and_then(|metadata| metadata.modified());
        changed.is_ok_and(|changed| changed < before)
    };
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let mut old: Vec<PathBuf> = entries(&dir.join(crate::replica::LOG))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "damaged"))
        .collect();
    for path in entries(dir) {
        let name = name(&path).unwrap_or_default();
        if name.starts_with("candidate-") {
            old.push(path);
        } else if name.starts_with("build") && path.is_dir() {
            old.extend(entries(&path).into_iter().filter(|path| path.is_file()));
        }
    }
    for path in old.into_iter().filter(|path| is_old(path)) {
        match fs::remove_file(&path) {
            Ok(()) => {
                tracing::info!(path = %path.display(), "erased: it may hold customers that have been deleted")
            }
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "what may have to be erased cannot be removed")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_is_merged_in_half_the_time_and_gone_from_older_generations_in_four_fifths() {
        let erasure = Erasure::new(100);
        let kept = [
            Kept {
                generation: 1,
                follows: 5,
                is_present: false,
                created_at_ms: 0,
            },
            Kept {
                generation: 2,
                follows: 9,
                is_present: true,
                created_at_ms: 0,
            },
        ];
        // Deleted by the change 7 at 1 000 and by the change 12 at 41 000.
        let first = |seq| match seq {
            0..7 => Some(1_000),
            7..12 => Some(41_000),
            _ => None,
        };
        let due = |seconds: i64| {
            let due = erasure.due(&kept, seconds * 1000, first);
            (due.merge, due.generations)
        };
        assert_eq!(due(80), (false, vec![]));
        assert_eq!(due(81), (false, vec![1]));
        assert_eq!(due(91), (true, vec![1]));
        let log_alone = |seconds: i64| erasure.due(&[], seconds * 1000, first).merge;
        assert!(!log_alone(50) && log_alone(51));
    }
}
