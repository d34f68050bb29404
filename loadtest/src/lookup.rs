//! Lookups in process: rows 1, 2 and 12.

use std::hint::black_box;
use std::io::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringside::index::{Found, Index, Ownership};
use ringside::snapshot::MappedSnapshot;
use ringside::snapshot::layout::SectionKind;

use crate::Row;
use crate::customers::{self, Profile};
use crate::pairs;

/// Options of `loadtest lookup`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Customers, with one number each.
    #[arg(long, default_value_t = 1_000_000)]
    customers: u64,
    /// Interleaved pairs.
    #[arg(long, default_value_t = 12)]
    pairs: usize,
    /// Lookups in one half of a pair.
    #[arg(long, default_value_t = 500_000)]
    lookups: u64,
    /// Where the snapshots are kept between runs.
    #[arg(long, default_value = "target/loadtest")]
    folder: PathBuf,
}

/// Bytes of a claim in a record.
const CLAIM: usize = 16;

const OWNERSHIP: Ownership = Ownership::BUILTIN;

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>, Error> {
    let other = |error: Box<dyn std::error::Error>| Error::other(error.to_string());
    println!(
        "building {} small customers in {} …",
        options.customers,
        options.folder.display()
    );
    let (_, snapshot) =
        customers::snapshot(&options.folder, options.customers, Profile::Small).map_err(other)?;
    // The page cache must hold the map, or this measures the disk.
    snapshot
        .populate(0, u64::MAX)
        .map_err(|error| Error::other(error.to_string()))?;
    let snapshot = Arc::new(snapshot);
    let ownership = Ownership::BUILTIN;
    let (index, _writer) = Index::new(Arc::clone(&snapshot), ownership);
    let chain = Chain {
        index: &index,
        snapshot: &snapshot,
        customers: options.customers,
        lookups: options.lookups,
    };
    let scale = format!("{} customers", options.customers);

    println!("measuring {} pairs …", options.pairs);
    let hit = pairs::measure(options.pairs, options.lookups, || chain.hits(), || chain.reads());
    let miss = pairs::measure(options.pairs, options.lookups, || chain.misses(), || chain.hits());
    let mut rows = vec![
        Row::of_ratio(
            ("1", "lookup hit beside two dependent reads"),
            scale.clone(),
            options.pairs,
            hit,
            1.3,
        ),
        Row::of_ratio(
            ("2", "lookup miss beside the hit"),
            scale.clone(),
            options.pairs,
            miss,
            0.7,
        ),
    ];

    let sample = options.customers.min(100_000);
    let (_, typical) = customers::snapshot(&options.folder, sample, Profile::Typical).map_err(other)?;
    let header = snapshot.header();
    let bytes = |kind| header.section(kind).length as f64;
    let (json, places, beside) = overhead(&typical);
    rows.extend([
        Row::of_figure(
            ("12a", "number index, bytes a number"),
            scale.clone(),
            (bytes(SectionKind::Numbers) + bytes(SectionKind::Claimants)) / header.numbers as f64,
            12.0,
            "numbers and claimants sections".into(),
        ),
        Row::of_figure(
            ("12b", "id index, bytes a customer"),
            scale,
            bytes(SectionKind::Ids) / header.customers as f64,
            8.0,
            "ids section".into(),
        ),
        Row::of_figure(
            (
                "12c",
                "record header, places and checksum, as a share of the JSON",
            ),
            format!("{sample} typical customers"),
            places / json,
            0.15,
            format!(
                "{places:.1} B beside {json:.1} B; with claims, origin and padding {beside:.1} B, {:.3}",
                beside / json
            ),
        ),
        of_file(&snapshot, options.customers, "small"),
        of_file(&typical, sample, "typical"),
    ]);
    Ok(rows)
}

/// What a customer takes of the mapped file.
fn of_file(snapshot: &MappedSnapshot, customers: u64, profile: &str) -> Row {
    let header = snapshot.header();
    let each = |bytes: u64| bytes as f64 / customers as f64;
    let part = |kind| each(header.section(kind).length);
    Row::of_measure(
        ("memory", "mapped file, bytes a customer"),
        format!("{customers} {profile} customers"),
        each(header.file_length),
        format!(
            "records {:.1} B, numbers {:.1} B, claimants {:.1} B, ids {:.1} B",
            part(SectionKind::Records),
            part(SectionKind::Numbers),
            part(SectionKind::Claimants),
            part(SectionKind::Ids)
        ),
    )
}

/// Median nanoseconds of a chained hit among `customers` customers, on this machine now.
pub(crate) fn nanos_of_a_hit(folder: &Path, customers: u64) -> Result<f64, Error> {
    let (_, snapshot) = customers::snapshot(folder, customers, Profile::Typical)
        .map_err(|error| Error::other(error.to_string()))?;
    let snapshot = Arc::new(snapshot);
    let (index, _writer) = Index::new(Arc::clone(&snapshot), OWNERSHIP);
    let chain = Chain {
        index: &index,
        snapshot: &snapshot,
        customers,
        lookups: 200_000,
    };
    Ok(pairs::measure(5, chain.lookups, || chain.hits(), || chain.hits())
        .nanos
        .0)
}

/// Mean bytes of a record's JSON; of its header, checksum and places; and of all that is not JSON.
fn overhead(snapshot: &MappedSnapshot) -> (f64, f64, f64) {
    let customers = snapshot.header().customers as f64;
    let (mut json, mut places) = (0, 0);
    for record in snapshot.records().flatten() {
        json += record.json().len();
        let payload = record.json().len() + record.claims().len() * CLAIM + record.origin().position.len();
        places += record.bytes().len() - payload;
    }
    let all = snapshot.header().section(SectionKind::Records).length as f64;
    (
        json as f64 / customers,
        places as f64 / customers,
        (all - json as f64) / customers,
    )
}

/// Lookups and reads of which each depends on the one before.
pub(crate) struct Chain<'a> {
    pub(crate) index: &'a Index,
    pub(crate) snapshot: &'a MappedSnapshot,
    /// Numbers that somebody has.
    pub(crate) customers: u64,
    pub(crate) lookups: u64,
}

impl Chain<'_> {
    /// Lookups whose key depends on the answer before.
    pub(crate) fn hits(&self) {
        let mut state = 1;
        for nth in 0..self.lookups {
            let key = customers::number(below(state, self.customers));
            let answer = self.index.read(|view| {
                Ok(match view.find(key)? {
                    Found::One(record) => record.json().len() as u64 ^ u64::from(record.json()[10]),
                    Found::Nobody | Found::Several(_) => u64::MAX,
                })
            });
            assert!(answer != u64::MAX, "customer of {key} not found");
            state = mix(state ^ answer ^ nth);
        }
        black_box(state);
    }

    pub(crate) fn misses(&self) {
        let mut state = 1;
        for nth in 0..self.lookups {
            let key = customers::absent(below(state, self.customers));
            let answer = self
                .index
                .read(|view| Ok(u64::from(matches!(view.find(key)?, Found::Nobody))));
            assert!(answer == 1, "{key} found");
            state = mix(state ^ answer ^ nth);
        }
        black_box(state);
    }

    /// What no lookup of two steps can beat: one read in the number table and one in the records, each at a place
    /// that depends on what was read before.
    pub(crate) fn reads(&self) {
        let numbers = self.snapshot.section(SectionKind::Numbers);
        let records = self.snapshot.section(SectionKind::Records);
        let mut state = 1;
        for nth in 0..self.lookups {
            for section in [numbers, records] {
                let line = below(state, section.len() as u64 / 64) as usize * 64;
                let mut word = [0; 8];
                word.copy_from_slice(&section[line..line + 8]);
                state = mix(state ^ u64::from_le_bytes(word) ^ nth);
            }
        }
        black_box(state);
    }
}

fn below(state: u64, bound: u64) -> u64 {
    ((u128::from(state) * u128::from(bound)) >> 64) as u64
}

fn mix(state: u64) -> u64 {
    let mixed = (state ^ (state >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ (mixed >> 32)
}
