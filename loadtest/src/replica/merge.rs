//! Rows 10a and 11: a compaction beside copying as many bytes, and the memory that it takes.

use std::fs::{self, File};
use std::io::{Error, Read, Write};
use std::time::{Duration, Instant};

use super::lines;
use crate::Row;
use crate::centre::{Centre, other};
use crate::memory::{bound, watched};
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
        // The space of a generation that is no longer kept is given back beside what comes next; not beside the copy.
        centre.held.wait_for_space();
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
    let bound = bound(customers);
    let name = "peak anonymous memory of a compaction beside the overlay, as a share of the bound";
    let detail = format!("{} MiB of {} MiB", peak >> 20, bound >> 20);
    let memory = Row::of_figure(("11", name), scale, peak as f64 / bound as f64, 1.0, detail);
    Ok(vec![compaction, memory])
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
