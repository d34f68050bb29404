//! How fast changes are decoded, applied, made durable and brought back, and what they cost in bytes.

use std::fs::{self, File};
use std::io::{Error, Write};
use std::time::Instant;

use ringside::replica::BATCH_BYTES;

use super::{anonymous, lines};
use crate::Row;
use crate::centre::{Centre, other};
use crate::pairs;

/// Changes of one half of a pair of row 14.
const HALF: u64 = 20_000;
/// Sizes of commits, and how many of each are measured in one half of a pair.
const COMMITS: [(u64, u64); 3] = [(1, 100), (100, 20), (10_000, 1)];
/// Changes that are made up at once, so that they need not all be in memory.
const CHUNK: u64 = 10_000;

pub(crate) fn measure(
    mut centre: Centre,
    customers: u64,
    pairs: usize,
    changes: u64,
) -> Result<Vec<Row>, Error> {
    let base = centre.index.snapshot();
    let scale = format!("{customers} customers");
    println!("bytes of {HALF} changes …");
    let changed = lines::lines(&base, customers, 0, HALF)?;
    let sent: usize = changed.iter().map(Vec::len).sum();
    let (memory, log) = (anonymous()?, centre.replica.log_bytes());
    for batch in changed.chunks(1000) {
        for line in batch {
            centre.deliver(line)?;
        }
        centre.replica.commit().map_err(other)?;
    }
    let each = |bytes: u64| bytes as f64 / HALF as f64;
    let of_log = each(centre.replica.log_bytes() - log);
    let of_memory = each(anonymous()?.saturating_sub(memory));
    let counted = each(centre.index.overlay_size().1);
    let mut rows = vec![
        Row::of_measure(
            ("log bytes", "bytes of the change log, a change"),
            scale.clone(),
            of_log,
            format!("a line has {:.0} B", each(sent as u64)),
        ),
        Row::of_measure(
            ("overlay bytes", "bytes of memory of the overlay, a change"),
            scale.clone(),
            of_memory,
            format!("{counted:.0} B as the overlay counts itself"),
        ),
    ];
    let mut next = HALF;

    println!("row 14: {pairs} pairs …");
    let mut taken = Vec::new();
    for pair in 0..=pairs {
        let changed = lines::lines(&base, customers, next, HALF)?;
        next += HALF;
        let decoded = || -> Result<f64, Error> {
            let begun = Instant::now();
            for line in &changed {
                lines::discard(line)?;
            }
            Ok(begun.elapsed().as_nanos() as f64 / HALF as f64)
        };
        let ahead = if pair % 2 == 1 { Some(decoded()?) } else { None };
        let begun = Instant::now();
        for line in &changed {
            centre.deliver(line)?;
            if centre.replica.uncommitted_bytes() >= BATCH_BYTES {
                centre.replica.commit().map_err(other)?;
            }
        }
        centre.replica.commit().map_err(other)?;
        let applied = begun.elapsed().as_nanos() as f64 / HALF as f64;
        let decoded = match ahead {
            Some(decoded) => decoded,
            None => decoded()?,
        };
        if pair > 0 {
            taken.push((applied, decoded));
        }
    }
    let ratio = pairs::of_pairs(&taken);
    let name = "decoding, applying and committing a change, beside decoding it";
    let mut row = Row::of_ratio(("14, in process", name), scale.clone(), pairs, ratio, 2.0);
    row.detail = format!(
        "{}; {:.0} changes/s, {:.2} of the rate",
        row.detail,
        1e9 / ratio.nanos.0,
        1.0 / ratio.median
    );
    rows.push(row);

    for (batch, commits) in COMMITS {
        println!("commits of {batch} …");
        rows.push(commit(
            &mut centre,
            customers,
            &mut next,
            (batch, commits),
            pairs,
        )?);
    }
    drop(base);
    rows.push(recover(centre, customers, next, changes)?);
    Ok(rows)
}

/// Commits a second beside as many appends and fsyncs of as many bytes.
fn commit(
    centre: &mut Centre,
    customers: u64,
    next: &mut u64,
    (batch, commits): (u64, u64),
    pairs: usize,
) -> Result<Row, Error> {
    let base = centre.index.snapshot();
    let path = centre.dir().join("bare");
    let mut bare = File::create(&path)?;
    let mut taken = Vec::new();
    for _ in 0..pairs {
        let (mut durable, mut plain) = (0, 0);
        for _ in 0..commits {
            for line in lines::lines(&base, customers, *next, batch)? {
                centre.deliver(&line)?;
            }
            *next += batch;
            let bytes = vec![7; centre.replica.uncommitted_bytes()];
            let begun = Instant::now();
            centre.replica.commit().map_err(other)?;
            durable += begun.elapsed().as_nanos();
            let begun = Instant::now();
            bare.write_all(&bytes)?;
            bare.sync_data()?;
            plain += begun.elapsed().as_nanos();
        }
        taken.push((durable as f64 / commits as f64, plain as f64 / commits as f64));
    }
    fs::remove_file(&path)?;
    let ratio = pairs::of_pairs(&taken);
    let detail = format!(
        "{:.0} commits/s, {:.0} changes/s; {:.2} ms beside {:.2} ms of a bare write and fsync",
        1e9 / ratio.nanos.0,
        1e9 / ratio.nanos.0 * batch as f64,
        ratio.nanos.0 / 1e6,
        ratio.nanos.1 / 1e6
    );
    let name = ("commits", "a commit, beside writing and syncing as many bytes");
    let row = Row::of_measure(name, format!("{batch} changes each"), ratio.median, detail);
    Ok(Row {
        pairs,
        low: ratio.low,
        high: ratio.high,
        ..row
    })
}

/// How long a start takes that brings back `changes` changes.
fn recover(mut centre: Centre, customers: u64, mut next: u64, changes: u64) -> Result<Row, Error> {
    println!("bringing back {changes} changes …");
    let base = centre.index.snapshot();
    let before = centre.index.seq();
    let first = base.header().log.follows;
    while centre.index.seq() - first < changes {
        let count = CHUNK.min(changes - (centre.index.seq() - first));
        for line in lines::lines(&base, customers, next, count)? {
            centre.deliver(&line)?;
        }
        next += count;
        centre.replica.commit().map_err(other)?;
    }
    let (seq, bytes) = (centre.index.seq(), centre.replica.log_bytes());
    let of_overlay = centre.index.overlay_size().1;
    drop(base);
    let begun = Instant::now();
    let centre = centre.restart()?;
    let took = begun.elapsed().as_secs_f64();
    if centre.index.seq() != seq {
        return Err(Error::other(format!(
            "expected the change {seq} after the start, found {}",
            centre.index.seq()
        )));
    }
    let detail = format!(
        "{:.0} changes/s; {:.2} GB of log, {:.2} GB of overlay; {} of them were measured before",
        (seq - first) as f64 / took,
        bytes as f64 / 1e9,
        of_overlay as f64 / 1e9,
        before - first
    );
    Ok(Row::of_measure(
        ("recovery", "seconds from start to serving, with the log"),
        format!("{} changes", seq - first),
        took,
        detail,
    ))
}
