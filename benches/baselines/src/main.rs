//! The lookup from a number to its customer's record by other indexes, beside Ringside's own, in one interleaved run.
//!
//! ```text
//! cargo run --release -p baselines                                   # a million numbers
//! cargo run --release -p baselines -- --numbers 10000000
//! cargo run --release -p baselines -- --numbers 50000000 --without redb,lmdb
//! ```
//!
//! Every index leads to the same bytes: records of id, name and phone, as `loadtest` makes them (and in the snapshots that it
//! keeps in `target/loadtest`). Whatever is found is read as Ringside reads it: its checksum is verified, its archive
//! validated, and the number looked for among its claims. Keys are chained: each depends on the answer before. Indexes in
//! memory lead into the map of the snapshot; redb and LMDB hold the records themselves, within one read transaction that stays
//! open, which they would have to renew to see changes. Ringside takes a view for each lookup.
//!
//! What a row tells: nanoseconds of a hit and of a miss (medians of the rounds), either as a multiple of two dependent reads of
//! the same map (the least that any index outside of the record costs), bytes a number beside the records, and seconds to
//! build.
#![allow(
    clippy::print_stdout,
    clippy::panic,
    reason = "a measuring program's output is its purpose, and a wrong answer must stop it"
)]

mod memory;
mod ring;
mod stores;

#[allow(
    dead_code,
    unused_imports,
    reason = "these customers are `loadtest`'s, who uses more of them"
)]
#[path = "../../../loadtest/src/customers.rs"]
mod customers;

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use ringside::customer::Record;
use ringside::snapshot::MappedSnapshot;
use ringside::snapshot::layout::SectionKind;
use serde::Serialize;

use customers::Profile;

#[derive(Parser)]
#[command(about = "The lookup by other indexes beside Ringside's own", version)]
struct Options {
    /// Numbers, with one customer each.
    #[arg(long, default_value_t = 1_000_000)]
    numbers: u64,
    /// Rounds; in each, every index is asked once.
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// Hits, and as many misses, of each index in a round.
    #[arg(long, default_value_t = 100_000)]
    lookups: u64,
    /// Indexes to leave out, joined by commas.
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Where snapshots are kept between runs, and stores built that have files.
    #[arg(long, default_value = "target/loadtest")]
    folder: PathBuf,
    /// Also write the rows as JSON to this file.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// An index from a number to its record.
pub(crate) trait Index {
    /// What the record of `key` says, by [`verified`]; `None` where nobody has the number.
    fn answer(&self, key: u64) -> Option<u64>;

    /// Bytes beside the records.
    fn bytes(&self) -> u64;

    /// Lookups of which each depends on the one before, from `state` on; gives the last state. Compiled for each index, so
    /// that no lookup costs a call.
    fn chain(&self, plan: &Plan<'_>, wanted: Wanted, mut state: u64) -> u64 {
        for nth in 0..plan.lookups {
            let chosen = below(state, plan.numbers);
            let answer = match wanted {
                Wanted::Hits => self.answer(customers::number(chosen)),
                Wanted::Misses => self.answer(customers::absent(chosen)),
            };
            assert_eq!(answer.is_some(), wanted == Wanted::Hits, "a wrong answer");
            state = mix(state ^ answer.unwrap_or(1) ^ nth);
        }
        state
    }
}

/// What of it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Hits,
    Misses,
}

/// What all indexes are asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub(crate) snapshot: &'a MappedSnapshot,
    pub(crate) numbers: u64,
    pub(crate) lookups: u64,
}

/// A number and the offset of its record in the snapshot's file.
pub(crate) type Place = (u64, u64);

/// One index's figures.
#[derive(Serialize)]
struct Row {
    index: &'static str,
    hit_ns: f64,
    hit_beside_two_reads: f64,
    miss_ns: f64,
    miss_beside_hit: f64,
    bytes_a_number: f64,
    build_s: f64,
}

/// What the record at the beginning of `bytes` says, by which the next key is chosen; `None` where it is not the record of
/// `key`.
#[inline]
pub(crate) fn verified(bytes: &[u8], key: u64) -> Option<u64> {
    let record = Record::open(bytes).ok()?;
    record.claim(key)?;
    Some(said(&record))
}

#[inline]
pub(crate) fn said(record: &Record<'_>) -> u64 {
    record.json().len() as u64 ^ record.json().get(10).copied().map_or(0, u64::from)
}

/// The least that an index outside of the records costs: a read of it, and one of the record.
fn two_reads(plan: &Plan<'_>, mut state: u64) -> u64 {
    for nth in 0..plan.lookups {
        for kind in [SectionKind::Numbers, SectionKind::Records] {
            let section = plan.snapshot.section(kind);
            let line = usize::try_from(below(state, section.len() as u64 / 64)).unwrap_or(0) * 64;
            let word = section.get(line..line + 8).and_then(|word| word.try_into().ok());
            state = mix(state ^ u64::from_le_bytes(word.unwrap_or_default()) ^ nth);
        }
    }
    state
}

fn below(state: u64, bound: u64) -> u64 {
    u64::try_from((u128::from(state) * u128::from(bound)) >> 64).unwrap_or(0)
}

fn mix(state: u64) -> u64 {
    let mixed = (state ^ (state >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ (mixed >> 32)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

type Built = Result<Box<dyn Index>, Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    println!(
        "preparing {} customers in {} …",
        options.numbers,
        options.folder.display()
    );
    let (path, snapshot) = customers::snapshot(&options.folder, options.numbers, Profile::Small)?;
    snapshot.populate(0, u64::MAX)?;
    // It lives as long as the program, as it does in a server.
    let snapshot: &'static MappedSnapshot = Box::leak(Box::new(snapshot));
    let plan = Plan {
        snapshot,
        numbers: options.numbers,
        lookups: options.lookups,
    };
    let places = memory::places(snapshot);
    let scratch = tempfile::tempdir_in(&options.folder)?;
    let makers: [(&'static str, &dyn Fn() -> Built); 7] = [
        ("ringside", &|| ring::built(&path)),
        ("hashbrown", &|| memory::hashbrown(snapshot, &places)),
        ("ptrhash", &|| memory::ptrhash(snapshot, &places)),
        ("sorted", &|| memory::sorted(snapshot, &places)),
        ("fst", &|| memory::fst(snapshot, &places)),
        ("redb", &|| stores::redb(scratch.path(), snapshot, &places)),
        ("lmdb", &|| stores::lmdb(scratch.path(), snapshot, &places)),
    ];
    let mut indexes = Vec::new();
    for (name, make) in makers {
        if options.without.iter().any(|without| without == name) {
            continue;
        }
        println!("building {name} …");
        let begun = Instant::now();
        let index = make()?;
        indexes.push((name, index, begun.elapsed().as_secs_f64()));
    }
    println!(
        "measuring {} rounds of {} lookups …",
        options.rounds, options.lookups
    );
    let rows = measured(&plan, &indexes, options.rounds);
    report(&rows, options.numbers);
    if let Some(path) = &options.json {
        let told = serde_json::json!({ "schema": 1, "numbers": options.numbers, "rounds": options.rounds, "rows": rows });
        std::fs::write(path, serde_json::to_vec_pretty(&told)?)?;
    }
    Ok(())
}

/// Asks every index in every round, the last one first in every other.
fn measured(plan: &Plan<'_>, indexes: &[(&'static str, Box<dyn Index>, f64)], rounds: usize) -> Vec<Row> {
    let mut state = 1;
    let mut timed = |run: &mut dyn FnMut(u64) -> u64| {
        let begun = Instant::now();
        state = run(state);
        begun.elapsed().as_nanos() as f64 / plan.lookups as f64
    };
    let (mut reads, mut hits, mut misses) = (
        Vec::new(),
        vec![Vec::new(); indexes.len()],
        vec![Vec::new(); indexes.len()],
    );
    for round in 0..=rounds {
        let read = timed(&mut |state| two_reads(plan, state));
        // The first round warms caches up.
        if round > 0 {
            reads.push(read);
        }
        for nth in 0..indexes.len() {
            let nth = if round % 2 == 0 {
                nth
            } else {
                indexes.len() - 1 - nth
            };
            let index = &indexes[nth].1;
            let hit = timed(&mut |state| index.chain(plan, Wanted::Hits, state));
            let miss = timed(&mut |state| index.chain(plan, Wanted::Misses, state));
            if round > 0 {
                hits[nth].push(hit);
                misses[nth].push(miss);
            }
        }
    }
    let reads = median(reads);
    println!("two dependent reads: {reads:.1} ns");
    indexes
        .iter()
        .zip(hits.into_iter().zip(misses))
        .map(|((name, index, build_s), (hits, misses))| {
            let (hit_ns, miss_ns) = (median(hits), median(misses));
            Row {
                index: name,
                hit_ns,
                hit_beside_two_reads: hit_ns / reads,
                miss_ns,
                miss_beside_hit: miss_ns / hit_ns,
                bytes_a_number: index.bytes() as f64 / plan.numbers as f64,
                build_s: *build_s,
            }
        })
        .collect()
}

fn report(rows: &[Row], numbers: u64) {
    println!(
        "| index, {numbers} numbers | hit | beside two reads | miss | beside the hit | bytes a number | build |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for row in rows {
        println!(
            "| {} | {:.0} ns | {:.2} | {:.0} ns | {:.2} | {:.1} | {:.2} s |",
            row.index,
            row.hit_ns,
            row.hit_beside_two_reads,
            row.miss_ns,
            row.miss_beside_hit,
            row.bytes_a_number,
            row.build_s
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_finds_every_number_and_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let (path, snapshot) = customers::snapshot(folder.path(), 3000, Profile::Small).unwrap();
        let snapshot: &'static MappedSnapshot = Box::leak(Box::new(snapshot));
        let places = memory::places(snapshot);
        let indexes = [
            ring::built(&path).unwrap(),
            memory::hashbrown(snapshot, &places).unwrap(),
            memory::ptrhash(snapshot, &places).unwrap(),
            memory::sorted(snapshot, &places).unwrap(),
            memory::fst(snapshot, &places).unwrap(),
            stores::redb(folder.path(), snapshot, &places).unwrap(),
            stores::lmdb(folder.path(), snapshot, &places).unwrap(),
        ];
        let plan = Plan {
            snapshot,
            numbers: 3000,
            lookups: 3000,
        };
        for index in indexes {
            for nth in 0..3000 {
                assert!(index.answer(customers::number(nth)).is_some());
                assert!(index.answer(customers::absent(nth)).is_none());
            }
            index.chain(&plan, Wanted::Hits, 1);
            index.chain(&plan, Wanted::Misses, 1);
            assert!(index.bytes() > 0);
        }
    }
}
