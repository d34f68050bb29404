//! What a lookup costs, and how many bytes it needs, from ten thousand numbers to a hundred million.
//!
//! Up to ten million customers have one number each. The larger ones have eight, and nothing is known of them but their
//! names: so the table of numbers has its full size, every lookup goes all its way, and a machine with 24 GiB holds it.

mod picture;

use std::fs;
use std::io::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use ringside::index::{Index, Ownership};
use ringside::snapshot::layout::SectionKind;
use serde::{Deserialize, Serialize};

use crate::centre::other;
use crate::customers::{self, Profile};
use crate::lookup::Chain;
use crate::row::number;
use crate::{machine, pairs};

/// Options of `loadtest scale`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The most numbers.
    #[arg(long, default_value_t = 100_000_000)]
    pub(crate) max: u64,
    /// Interleaved pairs.
    #[arg(long, default_value_t = 10)]
    pub(crate) pairs: usize,
    /// Lookups in one half of a pair.
    #[arg(long, default_value_t = 300_000)]
    pub(crate) lookups: u64,
    /// Draw the figures to this file, such as docs/pictures/scale.svg.
    #[arg(long)]
    pub(crate) svg: Option<PathBuf>,
    /// Draw those that were written here with --json, and measure nothing.
    #[arg(long, requires = "svg")]
    pub(crate) from: Option<PathBuf>,
    /// Keep snapshots of more than ten million numbers for the next run, 4 GB in all.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Where the snapshots are kept between runs.
    #[arg(long, default_value = "target/loadtest")]
    pub(crate) folder: PathBuf,
}

/// Customers, and the numbers that each has.
const SIZES: [(u64, u64); 6] = [
    (10_000, 1),
    (100_000, 1),
    (1_000_000, 1),
    (10_000_000, 1),
    (6_250_000, 8),
    (12_500_000, 8),
];

/// What was found at one size. Times are in nanoseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Point {
    numbers: u64,
    customers: u64,
    /// A chained lookup that finds somebody, checksum and number verified.
    hit_ns: f64,
    /// One that finds nobody.
    miss_ns: f64,
    /// Two dependent reads of the same map.
    reads_ns: f64,
    /// The hit beside the two reads: median, and spread over the pairs.
    hit_beside_reads: [f64; 3],
    /// The miss beside the hit.
    miss_beside_hit: [f64; 3],
    /// Bytes of the number index a number, of the id index a customer, and of the whole file a customer.
    number_index_bytes: f64,
    id_index_bytes: f64,
    file_bytes: f64,
}

/// What is written as JSON.
#[derive(Debug, Serialize, Deserialize)]
struct Curve {
    schema: u32,
    machine: serde_json::Value,
    command: String,
    points: Vec<Point>,
}

/// Measures, or reads what was measured, and tells, writes and draws it.
///
/// # Errors
/// Something cannot be built, read or written.
pub(crate) fn run(options: &Options, json: Option<&Path>) -> Result<(), Error> {
    let curve = match &options.from {
        Some(path) => serde_json::from_slice(&fs::read(path)?).map_err(other)?,
        None => Curve {
            schema: 1,
            machine: machine::facts(),
            command: machine::command(),
            points: measured(options)?,
        },
    };
    println!(
        "| numbers | customers | hit | miss | two reads | hit beside reads | miss beside hit | number index | id index | file |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for point in &curve.points {
        let [hit, hit_low, hit_high] = point.hit_beside_reads.map(number);
        let [miss, miss_low, miss_high] = point.miss_beside_hit.map(number);
        println!(
            "| {} | {} | {:.0} ns | {:.0} ns | {:.0} ns | {hit} ({hit_low}–{hit_high}) | {miss} ({miss_low}–{miss_high}) | {:.2} B a number | {:.2} B a customer | {:.0} B a customer |",
            point.numbers,
            point.customers,
            point.hit_ns,
            point.miss_ns,
            point.reads_ns,
            point.number_index_bytes,
            point.id_index_bytes,
            point.file_bytes
        );
    }
    if let Some(path) = json {
        fs::write(path, serde_json::to_vec_pretty(&curve).map_err(other)?)?;
    }
    if let Some(path) = &options.svg {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, picture::svg(&curve.points))?;
    }
    Ok(())
}

fn measured(options: &Options) -> Result<Vec<Point>, Error> {
    SIZES
        .iter()
        .filter(|(customers, each)| customers * each <= options.max)
        .map(|&(customers, each)| point(options, customers, each))
        .collect()
}

fn point(options: &Options, customers: u64, each: u64) -> Result<Point, Error> {
    let numbers = customers * each;
    println!("building {customers} customers with {numbers} numbers …");
    let (path, snapshot) = if each == 1 {
        customers::snapshot(&options.folder, customers, Profile::Small).map_err(other)?
    } else {
        customers::crowded(&options.folder, customers, each).map_err(other)?
    };
    // The page cache must hold the map, or this measures the disk.
    snapshot.populate(0, u64::MAX).map_err(other)?;
    let snapshot = Arc::new(snapshot);
    let (index, _writer) = Index::new(Arc::clone(&snapshot), Ownership::BUILTIN);
    let chain = Chain {
        index: &index,
        snapshot: &snapshot,
        customers: numbers,
        lookups: options.lookups,
    };
    println!("measuring {} pairs …", options.pairs);
    let hit = pairs::measure(options.pairs, options.lookups, || chain.hits(), || chain.reads());
    let miss = pairs::measure(options.pairs, options.lookups, || chain.misses(), || chain.hits());
    let header = snapshot.header();
    let bytes = |kind| header.section(kind).length as f64;
    let point = Point {
        numbers,
        customers,
        hit_ns: hit.nanos.0,
        miss_ns: miss.nanos.0,
        reads_ns: hit.nanos.1,
        hit_beside_reads: [hit.median, hit.low, hit.high],
        miss_beside_hit: [miss.median, miss.low, miss.high],
        number_index_bytes: (bytes(SectionKind::Numbers) + bytes(SectionKind::Claimants)) / numbers as f64,
        id_index_bytes: bytes(SectionKind::Ids) / customers as f64,
        file_bytes: header.file_length as f64 / customers as f64,
    };
    if each > 1 && !options.keep {
        // Its own folder, beneath the one that snapshots are kept in.
        let folder = path
            .parent()
            .and_then(Path::parent)
            .filter(|folder| folder.starts_with(&options.folder));
        if let Some(folder) = folder {
            fs::remove_dir_all(folder)?;
        }
    }
    Ok(point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_measured_written_and_drawn_again() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mut options = Options {
            max: 10_000,
            pairs: 2,
            lookups: 500,
            svg: Some(at("pictures/scale.svg")),
            from: None,
            keep: false,
            folder: at("kept"),
        };
        run(&options, Some(&at("scale.json"))).unwrap();
        let drawn = fs::read_to_string(at("pictures/scale.svg")).unwrap();
        fs::remove_file(at("pictures/scale.svg")).unwrap();
        options.from = Some(at("scale.json"));
        run(&options, None).unwrap();
        assert_eq!(fs::read_to_string(at("pictures/scale.svg")).unwrap(), drawn);
        let curve: Curve = serde_json::from_slice(&fs::read(at("scale.json")).unwrap()).unwrap();
        assert_eq!(curve.points.len(), 1);
        assert!(curve.points[0].number_index_bytes < 12.0 && curve.points[0].hit_ns > 0.0);
    }

    #[test]
    fn customers_with_several_numbers_are_found_by_each_and_leave_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            max: 0,
            pairs: 1,
            lookups: 2000,
            svg: None,
            from: None,
            keep: false,
            folder: folder.path().to_owned(),
        };
        let point = point(&options, 100, 8).unwrap();
        assert_eq!((point.numbers, point.customers), (800, 100));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
