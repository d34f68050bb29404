//! The list of what is published: numbered files, each of which takes the place of the one before.
//!
//! ```text
//! PREFIX/manifests/00000000000000000042.json   the greatest number counts
//! PREFIX/generations/NAME.ringside             what it names; anything else there belongs to nobody
//! ```
//!
//! A manifest is written only where there is none of its number: of two nodes that publish at a time the second is told, and
//! writes the next. Nothing is ever written anew under a name.

use serde::{Deserialize, Serialize};

use super::ShelfError;

/// The version of the list, which is stable.
pub(super) const VERSION: u32 = 1;
/// How long what no list names is left alone: somebody may be sending it, or about to name it.
pub(super) const GRACE_MS: i64 = 3_600_000;

/// What is published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the list.
    pub version: u32,
    /// Its number; 0 where nothing was published yet.
    pub number: u64,
    /// What is published, the newest first.
    pub generations: Vec<Entry>,
}

/// A generation that is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Name of its object.
    pub name: String,
    /// The node that published it; empty where it stands alone.
    pub node: String,
    /// The line of change logs that goes on over it there.
    pub line: u64,
    /// Its serial number there.
    pub generation: u64,
    /// The version of the format that the file is in.
    pub format_version: u32,
    /// The newest change that it holds.
    pub seq: u64,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was published, in milliseconds since 1970.
    pub published_at_ms: i64,
    /// Customers in it.
    pub customers: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Which published generations stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeping<'a> {
    /// So many, the newest among them.
    pub kept: usize,
    /// But none that was made before this moment, in milliseconds since 1970: customers may be in it that have been deleted.
    pub since_ms: i64,
    /// What no list names goes where it was written before this moment, in milliseconds since 1970: what is newer may be about to
    /// be named.
    pub unnamed_since_ms: i64,
    /// The node, line and serial number of the one that is served here: what is to be erased leaves that in time.
    pub served: (&'a str, u64, u64),
}

impl Manifest {
    /// The manifest in `bytes`.
    ///
    /// # Errors
    /// It is of a version that is not known, or none.
    pub(super) fn read(bytes: &[u8]) -> Result<Manifest, ShelfError> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let unfit = |error: serde_json::Error| ShelfError::Manifest(error.to_string());
        let head: Head = serde_json::from_slice(bytes).map_err(unfit)?;
        if head.version != VERSION {
            return Err(ShelfError::Version {
                newest: VERSION,
                found: head.version,
            });
        }
        serde_json::from_slice(bytes).map_err(unfit)
    }

    /// The next manifest, with `added` in its place where there is one, and without what does not stay; and what that is.
    pub(super) fn next(&self, added: Option<&Entry>, keeping: Keeping<'_>) -> (Manifest, Vec<Entry>) {
        let before = self.generations.iter();
        let before = before.filter(|entry| added.is_none_or(|added| added.name != entry.name));
        let mut all: Vec<Entry> = added.into_iter().chain(before).cloned().collect();
        all.sort_by(|one, other| {
            let of = |entry: &Entry| (entry.created_at_ms, entry.name.clone());
            of(other).cmp(&of(one))
        });
        let (mut stay, mut go) = (Vec::new(), Vec::new());
        for entry in all {
            if stay.len() < keeping.kept && keeping.keeps(&entry) && !keeping.was_left(&entry) {
                stay.push(entry);
            } else {
                go.push(entry);
            }
        }
        let next = Manifest {
            version: VERSION,
            number: self.number.saturating_add(1),
            generations: stay,
        };
        (next, go)
    }
}

impl<'a> Keeping<'a> {
    /// Those of a prefix that what was deleted leaves within `erase_within_s`, as of `now_ms`, milliseconds since 1970.
    pub fn within(erase_within_s: u64, now_ms: i64, kept: usize, served: (&'a str, u64, u64)) -> Keeping<'a> {
        let within_ms = i64::try_from(erase_within_s.saturating_mul(1000)).unwrap_or(i64::MAX);
        Keeping {
            kept,
            since_ms: now_ms.saturating_sub(within_ms / 10 * 8),
            // Of the fifth that is left then, a part: what is broken off has to leave, too.
            unnamed_since_ms: now_ms.saturating_sub(GRACE_MS.min(within_ms / 20)),
            served,
        }
    }

    fn keeps(&self, entry: &Entry) -> bool {
        entry.created_at_ms >= self.since_ms
            || (entry.node.as_str(), entry.line, entry.generation) == self.served
    }
}

impl Keeping<'_> {
    /// Whether the publisher has gone back from it: nobody should begin with what was found wrong.
    fn was_left(&self, entry: &Entry) -> bool {
        let (node, line, generation) = self.served;
        entry.node == node && entry.line == line && entry.generation > generation
    }
}

impl Entry {
    /// The name of the object of this generation: nobody else's, and in the order in which they were made.
    pub fn named(self) -> Entry {
        let (at, line, generation) = (self.created_at_ms.max(0), self.line, self.generation);
        let node = if self.node.is_empty() { "alone" } else { &self.node };
        Entry {
            name: format!("{at:014}-{node}-{line:016x}-{generation:08}.ringside"),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;

    fn entry(generation: u64) -> Entry {
        let created_at_ms = i64::try_from(generation * 1000).unwrap();
        Entry {
            name: String::new(),
            node: "a".into(),
            line: 7,
            generation,
            format_version: 1,
            seq: 0,
            created_at_ms,
            published_at_ms: created_at_ms,
            customers: 1,
            bytes: 1,
        }
        .named()
    }

    fn list(manifest: &[Entry]) -> Vec<u64> {
        manifest.iter().map(|entry| entry.generation).collect()
    }

    const ALL: Keeping<'_> = Keeping {
        kept: 3,
        since_ms: 0,
        unnamed_since_ms: 0,
        served: ("", 0, 0),
    };

    #[test]
    fn the_newest_stay_and_older_ones_go() {
        let mut manifest = Manifest::default();
        for generation in 1..=4 {
            manifest = manifest.next(Some(&entry(generation)), ALL).0;
        }
        assert_eq!((manifest.number, list(&manifest.generations)), (4, vec![4, 3, 2]));
        let (next, gone) = manifest.next(Some(&entry(5)), ALL);
        assert_eq!((list(&next.generations), list(&gone)), (vec![5, 4, 3], vec![2]));
        // Once more is no second one.
        let (next, gone) = next.next(Some(&entry(5)), ALL);
        assert_eq!((list(&next.generations), gone.len()), (vec![5, 4, 3], 0));
        // Nor is one the newest because it is published last.
        let (next, _) = next.next(Some(&entry(7)), ALL);
        let (next, gone) = next.next(Some(&entry(6)), ALL);
        assert_eq!((list(&next.generations), list(&gone)), (vec![7, 6, 5], vec![4]));
        let (next, gone) = next.next(Some(&entry(1)), ALL);
        assert_eq!((list(&next.generations), list(&gone)), (vec![7, 6, 5], vec![1]));
    }

    #[test]
    fn what_was_rolled_back_from_is_not_given_to_anybody() {
        let (manifest, _) = Manifest::default().next(Some(&entry(1)), ALL);
        let (manifest, _) = manifest.next(Some(&entry(2)), ALL);
        let serving = |generation| Keeping {
            kept: 1,
            served: ("a", 7, generation),
            ..ALL
        };
        let (next, gone) = manifest.next(Some(&entry(1)), serving(1));
        assert_eq!((list(&next.generations), list(&gone)), (vec![1], vec![2]));
        let (next, gone) = next.next(Some(&entry(2)), serving(2));
        assert_eq!((list(&next.generations), list(&gone)), (vec![2], vec![1]));
    }

    #[test]
    fn what_may_hold_deleted_customers_goes_unless_it_is_served() {
        let (manifest, _) = Manifest::default().next(Some(&entry(1)), ALL);
        let (manifest, _) = manifest.next(Some(&entry(2)), ALL);
        let erasing = |served| Keeping {
            since_ms: 5_000,
            served,
            ..ALL
        };
        let (next, gone) = manifest.next(None, erasing(("a", 7, 2)));
        assert_eq!((list(&next.generations), list(&gone)), (vec![2], vec![1]));
        // Another line's second generation is another one.
        let (next, gone) = manifest.next(None, erasing(("a", 8, 2)));
        assert_eq!((list(&next.generations), list(&gone)), (vec![], vec![2, 1]));
    }

    #[test]
    fn a_list_of_another_version_is_refused_by_name() {
        let (manifest, _) = Manifest::default().next(Some(&entry(1)), ALL);
        let mut json = serde_json::to_value(&manifest).unwrap();
        assert_eq!(Manifest::read(json.to_string().as_bytes()).unwrap(), manifest);
        json["version"] = 2.into();
        let error = Manifest::read(json.to_string().as_bytes())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("version 1") && error.contains("found 2"),
            "{error}"
        );
        assert!(Manifest::read(b"{}").is_err());
    }
}
