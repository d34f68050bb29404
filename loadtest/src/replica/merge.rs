//! Rows 10a and 11: a compaction beside copying as many bytes, and the memory that it and a build take.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Error, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ringside::customer::document::Limits;
use ringside::intake::Intake;
use ringside::number::{Numbering, Settings};
use ringside::snapshot::export;
use ringside::snapshot::import::{self, Format, Input, Mapping, Target};

use super::{anonymous, lines};
use crate::Row;
use crate::centre::{Centre, MEMORY, other};
use crate::pairs;

/// Bytes read and written at once where a file is copied.
const BUFFER: usize = 1 << 20;
/// Of customers, the share that has changed in an overlay that is merged: one in so many.
const CHANGED: u64 = 50;

pub(crate) fn measure(mut centre: Centre, customers: u64, pairs: usize) -> Result<Vec<Row>, Error> {
    println!("row 10a: {pairs} compactions …");
    let (mut taken, mut peak) = (Vec::new(), 0);
    for pair in 0..=pairs {
        let copied = |centre: &Centre| copy(centre);
        let ahead = if pair % 2 == 1 {
            Some(copied(&centre)?)
        } else {
            None
        };
        let changed = customers / CHANGED;
        let base = centre.index.snapshot();
        for line in lines::lines(&base, customers, changed * pair as u64, changed)? {
            centre.deliver(&line)?;
        }
        drop(base);
        centre.replica.commit().map_err(other)?;
        let begun = Instant::now();
        let (merged, more) = watched(|| centre.compact())?;
        merged?;
        let compacted = begun.elapsed();
        let copied = match ahead {
            Some(copied) => copied,
            None => copied(&centre)?,
        };
        // The first pair warms the page cache.
        if pair > 0 {
            peak = peak.max(more);
            taken.push((compacted.as_nanos() as f64, copied.as_nanos() as f64));
        }
    }
    let scale = format!("{customers} customers, one in {CHANGED} changed");
    let ratio = pairs::of_pairs(&taken);
    let bytes = centre.index.snapshot().header().file_length;
    let name = "compaction, beside copy + fsync of as many bytes";
    let mut compaction = Row::of_ratio(("10a", name), scale.clone(), pairs, ratio, 2.0);
    compaction.detail = format!(
        "{:.2} s beside {:.2} s, {:.2} GB",
        ratio.nanos.0 / 1e9,
        ratio.nanos.1 / 1e9,
        bytes as f64 / 1e9
    );
    println!("row 11: a build …");
    let built = build(&centre)?;
    let bound = (256 << 20) + 4 * customers;
    let row = |name, scale, peak: u64| {
        let detail = format!("{} MiB of {} MiB", peak >> 20, bound >> 20);
        Row::of_figure(("11", name), scale, peak as f64 / bound as f64, 1.0, detail)
    };
    Ok(vec![
        compaction,
        row(
            "peak anonymous memory of a compaction beside the overlay, as a share of the bound",
            scale,
            peak,
        ),
        row(
            "peak anonymous memory of a build, as a share of the bound",
            format!("{customers} customers"),
            built,
        ),
    ])
}

/// Copies the present snapshot; how long that and its fsync took.
fn copy(centre: &Centre) -> Result<Duration, Error> {
    let held = &centre.held;
    let copy = centre.dir().join("copy");
    let mut from = File::open(held.folder().snapshot(held.present()))?;
    let mut buffer = vec![0; BUFFER];
    let begun = Instant::now();
    let mut to = File::create(&copy)?;
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        to.write_all(&buffer[..read])?;
    }
    to.sync_all()?;
    let took = begun.elapsed();
    fs::remove_file(&copy)?;
    Ok(took)
}

/// Builds a snapshot of the present customers, from NDJSON and in this process; how much memory that took.
fn build(centre: &Centre) -> Result<u64, Error> {
    let snapshot = centre.index.snapshot();
    let input = centre.dir().join("customers.ndjson");
    export::export(&snapshot, &mut BufWriter::new(File::create(&input)?), |_| ()).map_err(other)?;
    let mapping = Mapping::parse(&export::mapping(snapshot.schema()).map_err(other)?).map_err(other)?;
    let intake = Intake::new(
        Numbering::new(&Settings::builtin()).map_err(other)?,
        Limits::default(),
    );
    let expected = snapshot.header().customers;
    drop(snapshot);
    let target = Target::new(centre.dir().join("build"), 1, 0, MEMORY);
    let (built, peak) = watched(|| {
        let input = Input::stream(BufReader::new(File::open(&input)?), Format::Ndjson);
        import::build(input, &mapping, &intake, target, |_| ()).map_err(other)
    })?;
    let summary = built?.summary().clone();
    clean(&input)?;
    if summary.customers == expected {
        Ok(peak)
    } else {
        Err(Error::other(format!(
            "expected {expected} customers, built {}",
            summary.customers
        )))
    }
}

fn clean(path: &Path) -> Result<(), Error> {
    fs::remove_file(path)
}

/// Does `work`; what came of it, and how many bytes of anonymous memory there were more than before at the worst moment.
fn watched<T>(work: impl FnOnce() -> T) -> Result<(T, u64), Error> {
    let before = anonymous()?;
    let (peak, stop) = (AtomicU64::new(before), AtomicBool::new(false));
    let done = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| -> Result<(), Error> {
            while !stop.load(Ordering::Relaxed) {
                peak.fetch_max(anonymous()?, Ordering::Relaxed);
                std::thread::park_timeout(Duration::from_millis(5));
            }
            Ok(())
        });
        let done = work();
        stop.store(true, Ordering::Relaxed);
        watcher
            .join()
            .map_err(|_| Error::other("the watcher panicked"))??;
        Ok::<T, Error>(done)
    })?;
    Ok((done, peak.into_inner() - before))
}
