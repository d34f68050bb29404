//! Row 18: every answer checked against an oracle of versions, while customers change, overlays are merged and generations
//! are swapped.
//!
//! Readers look customers and numbers up, one at a time or several in one view. What a view gives must have been true at
//! once, at a seq between the one that was visible before the lookup and the one that the view tells.

mod changes;
mod oracle;
mod truth;

use std::io::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use clap::Args;
use ringside::customer::Record;
use ringside::customer::record::Field;
use ringside::index::{Found, Index, View};
use ringside::overlay::Superseded;

use crate::Row;
use crate::centre::Centre;
use crate::customers;
use changes::{Changes, Done};
use oracle::{Answer, Asked, Oracle, Verdict, Version};

/// Customers, as many of them numbers, and those among both to whom half of it happens.
const PEOPLE: usize = 4096;
const NUMBERS: usize = 4096;
const HOT: usize = 12;
/// Lookups in one view, where it is several.
const TOGETHER: usize = 6;
/// Fewer merges and swaps than this show nothing.
const LEAST: u64 = 3;

#[derive(Args)]
pub(crate) struct Options {
    /// Lookups, of all readers together.
    #[arg(long, default_value_t = 10_000_000)]
    count: u64,
    /// Threads that read.
    #[arg(long, default_value_t = 2)]
    readers: usize,
    /// What happens follows from it, but for how threads meet.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where folders are made for a while.
    #[arg(long, default_value = "target/loadtest")]
    folder: PathBuf,
}

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>, Error> {
    Ok(vec![count(
        &options.folder,
        options.count,
        options.readers,
        options.seed,
    )?])
}

/// What was read.
#[derive(Debug, Default)]
struct Tally {
    lookups: AtomicU64,
    found: AtomicU64,
    earlier: AtomicU64,
    wrong: AtomicU64,
}

/// Row 18 of `lookups` lookups, which is missed where an answer was wrong.
///
/// # Errors
/// Something could not be done.
pub(crate) fn count(within: &Path, lookups: u64, readers: usize, seed: u64) -> Result<Row, Error> {
    println!("checking {lookups} lookups by {readers} readers …");
    let mut centre = Centre::new(within, None)?;
    let index = std::sync::Arc::clone(&centre.index);
    let oracle = Oracle::new(PEOPLE, NUMBERS, readers);
    let (tally, stop) = (Tally::default(), AtomicBool::new(false));
    let begun = Instant::now();
    let done = std::thread::scope(|scope| {
        for nth in 0..readers {
            let reader = Reader {
                index: &index,
                oracle: &oracle,
                tally: &tally,
                nth,
                random: Random(seed + 1 + nth as u64),
            };
            let stop = &stop;
            scope.spawn(move || reader.run(stop));
        }
        let mut changed = || -> Result<Done, Error> {
            let mut changes = Changes::new(&mut centre, &oracle, seed)?;
            while tally.lookups.load(Ordering::Relaxed) < lookups
                || changes.done.merges < LEAST
                || changes.done.swaps < LEAST
            {
                changes.batch()?;
            }
            Ok(changes.end())
        };
        let done = changed();
        stop.store(true, Ordering::Relaxed);
        done
    })?;
    let total = tally.lookups.load(Ordering::Relaxed);
    let (wrong, earlier) = (
        tally.wrong.load(Ordering::Relaxed),
        tally.earlier.load(Ordering::Relaxed),
    );
    let detail = format!(
        "{wrong} wrong, {earlier} views told as newer than they are; {:.1} s, {} of somebody, {} changes in {} batches, {} \
         merges, {} swaps",
        begun.elapsed().as_secs_f64(),
        tally.found.load(Ordering::Relaxed),
        done.changes,
        done.batches,
        done.merges,
        done.swaps
    );
    let name = ("18", "wrong or stale answers, by an oracle of versions");
    Ok(Row::of_figure(
        name,
        format!("{total} lookups"),
        (wrong + earlier) as f64,
        0.0,
        detail,
    ))
}

struct Reader<'a> {
    index: &'a Index,
    oracle: &'a Oracle,
    tally: &'a Tally,
    nth: usize,
    random: Random,
}

impl Reader<'_> {
    fn run(mut self, stop: &AtomicBool) {
        let mut asked = Vec::with_capacity(TOGETHER);
        let mut given = Vec::with_capacity(TOGETHER);
        while !stop.load(Ordering::Relaxed) {
            // Counted now and then, since readers would meet at the counter.
            let (mut lookups, mut found) = (0, 0);
            for _ in 0..256 {
                let many = if self.random.below(4) == 0 { TOGETHER } else { 1 };
                asked.clear();
                asked.extend((0..many).map(|_| self.ask()));
                let begun = self.index.seq();
                self.oracle.begins(self.nth, begun);
                let told = self.index.read(|view| {
                    given.clear();
                    for asked in &asked {
                        given.push((*asked, look_up(view, *asked)?));
                    }
                    Ok(view.seq())
                });
                lookups += given.len() as u64;
                found += given.iter().filter(|(_, answer)| answer.is_some()).count() as u64;
                self.judge(&given, begun, told);
            }
            self.tally.lookups.fetch_add(lookups, Ordering::Relaxed);
            self.tally.found.fetch_add(found, Ordering::Relaxed);
        }
    }

    fn judge(&self, given: &[(Asked, Answer)], begun: u64, told: u64) {
        let verdict = self.oracle.judge(given, begun, told);
        let counter = match verdict {
            Verdict::Right => return,
            Verdict::Earlier => &self.tally.earlier,
            Verdict::Wrong => &self.tally.wrong,
        };
        if counter.fetch_add(1, Ordering::Relaxed) == 0 {
            println!("{verdict:?} at {told}, since {begun}: {given:?}");
        }
    }

    fn ask(&mut self) -> Asked {
        let few = self.random.below(2) == 0;
        if self.random.below(2) == 0 {
            Asked::Person(self.random.below(if few { HOT } else { PEOPLE }))
        } else {
            Asked::Number(self.random.below(if few { HOT } else { NUMBERS }))
        }
    }
}

/// A version that cannot be: what was found is not as anybody wrote it.
const NONSENSE: Version = Version {
    person: usize::MAX,
    tag: 0,
};

fn look_up(view: &View<'_>, asked: Asked) -> Result<Answer, Superseded> {
    Ok(match asked {
        Asked::Person(person) => view
            .customer(&id(person))?
            .map(|record| version(&record).unwrap_or(NONSENSE)),
        Asked::Number(nth) => match view.find(number(nth))? {
            Found::Nobody => None,
            Found::One(record) => Some(version(&record).unwrap_or(NONSENSE)),
            Found::Several(_) => Some(NONSENSE),
        },
    })
}

/// Which version `record` is, by its name; its origin must say the same.
fn version(record: &Record<'_>) -> Option<Version> {
    let name = std::str::from_utf8(record.field(Field::Name)?).ok()?;
    let tag: u64 = name.strip_prefix("\"v")?.strip_suffix('"')?.parse().ok()?;
    let person = record.id().strip_prefix("p-")?.parse().ok()?;
    (record.origin().position == tag.to_be_bytes()).then_some(Version { person, tag })
}

fn id(person: usize) -> String {
    format!("p-{person}")
}

fn number(nth: usize) -> u64 {
    customers::number(nth as u64)
}

/// SplitMix64.
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(mixed ^ (mixed >> 31)) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_answer_is_wrong_or_stale() {
        let folder = tempfile::tempdir().unwrap();
        let row = count(folder.path(), 300_000, 2, 7).unwrap();
        assert_eq!(row.status, "met", "{}", row.detail);
    }
}
