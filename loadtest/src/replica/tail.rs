//! Rows 7 and 8: how long the slowest lookups take while others write.

use std::hint::black_box;
use std::io::Error;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ringside::index::{Found, Index};
use rustix::thread::{CpuSet, sched_setaffinity};

use super::lines;
use crate::Row;
use crate::centre::{Centre, other};
use crate::customers;
use crate::pairs::{self, median};

/// The rate of row 7, and how many changes are committed at once.
const RATE: u64 = 10_000;
const BATCH: u64 = 100;
/// Swaps of row 8.
const SWAPS: usize = 6;

pub(crate) fn measure(
    mut centre: Centre,
    customers: u64,
    pairs: usize,
    seconds: u64,
) -> Result<Vec<Row>, Error> {
    let mut rows = vec![beside_changes(&mut centre, customers, pairs, seconds)?];
    rows.push(swapping(centre, customers, seconds)?);
    Ok(rows)
}

fn beside_changes(centre: &mut Centre, customers: u64, pairs: usize, seconds: u64) -> Result<Row, Error> {
    println!("row 7: {pairs} pairs of {seconds} s …");
    let base = centre.index.snapshot();
    let mut next = 0;
    let mut late = 0;
    let mut half = |centre: &mut Centre, is_applied: bool| -> Result<f64, Error> {
        let lines = lines::lines(&base, customers, next, RATE * seconds)?;
        next += RATE * seconds;
        let index = std::sync::Arc::clone(&centre.index);
        let (nanos, lateness) = beside(&index, customers, || {
            let begun = Instant::now();
            let mut lateness = Duration::ZERO;
            for (nth, batch) in (0_u64..).zip(lines.chunks(BATCH as usize)) {
                let due = Duration::from_micros(nth * BATCH * 1_000_000 / RATE);
                wait_until(begun + due);
                lateness = lateness.max(begun.elapsed().saturating_sub(due));
                for line in batch {
                    if is_applied {
                        centre.deliver(line)?;
                    } else {
                        lines::discard(line)?;
                    }
                }
                if is_applied {
                    centre.replica.commit().map_err(other)?;
                }
            }
            Ok(lateness)
        })?;
        late = late.max(lateness.as_millis());
        Ok(quantile(nanos.into_iter().flatten().collect(), 0.999))
    };
    half(centre, true)?;
    let mut taken = Vec::new();
    for pair in 0..pairs {
        taken.push(if pair % 2 == 0 {
            let applied = half(centre, true)?;
            (applied, half(centre, false)?)
        } else {
            let decoded = half(centre, false)?;
            (half(centre, true)?, decoded)
        });
    }
    let scale = format!("{customers} customers, {RATE} changes/s in commits of {BATCH}");
    let name = "p99.9 of in-process reads beside changes, as a share of that beside decoding";
    let mut row = Row::of_ratio(("7", name), scale, pairs, pairs::of_pairs(&taken), 1.10);
    row.detail = format!("{}; at most {late} ms behind", row.detail);
    Ok(row)
}

fn swapping(mut centre: Centre, customers: u64, seconds: u64) -> Result<Row, Error> {
    println!("row 8: {SWAPS} swaps …");
    centre.compact()?;
    let base = centre.index.snapshot();
    let bytes = base.header().file_length;
    let changed = lines::lines(&base, customers, 0, BATCH)?;
    let index = std::sync::Arc::clone(&centre.index);
    let mut swaps = Vec::new();
    let (windows, begun) = beside(&index, customers, || {
        let begun = Instant::now();
        for nth in 0..SWAPS {
            wait_until(Instant::now() + Duration::from_secs(seconds));
            for line in &changed {
                centre.deliver(line)?;
            }
            centre.replica.commit().map_err(other)?;
            let from = begun.elapsed();
            if !centre.swap(1 + nth as u64 % 2)? {
                return Err(Error::other("a generation is missing"));
            }
            swaps.push((from, begun.elapsed()));
        }
        wait_until(Instant::now() + Duration::from_secs(seconds));
        Ok(begun)
    })?;
    let _ = begun;
    let is_swap = |second: usize| {
        let second = second as u64;
        // The reader began a moment earlier than the clock of the swaps.
        swaps
            .iter()
            .any(|(from, to)| (from.as_secs()..=to.as_secs() + 1).contains(&second))
    };
    let (mut steady, mut worst, mut slowest) = (Vec::new(), Vec::new(), 0);
    let last = windows.len() - 1;
    for (second, nanos) in windows.into_iter().enumerate() {
        // The first one warms up and the last one is no whole one.
        if second == 0 || second == last {
            continue;
        }
        if is_swap(second) {
            slowest = slowest.max(nanos.iter().copied().max().unwrap_or(0));
            worst.push(quantile(nanos, 0.999));
        } else {
            steady.push(quantile(nanos, 0.999));
        }
    }
    if steady.is_empty() || worst.is_empty() {
        return Err(Error::other("too few seconds: give more with --seconds"));
    }
    let steady = median(steady);
    let greatest = worst.iter().copied().fold(0.0, f64::max);
    let took: Vec<f64> = swaps
        .iter()
        .map(|(from, to)| (*to - *from).as_secs_f64() * 1e3)
        .collect();
    let detail = format!(
        "p99.9 {greatest:.0} ns beside {steady:.0} ns; no error; a swap takes {:.0} ms, the slowest lookup {:.2} ms",
        median(took),
        f64::from(slowest) / 1e6
    );
    let name = "worst second's p99.9 of in-process reads while a generation is swapped in";
    let scale = format!(
        "{customers} customers, {:.1} GB, {SWAPS} swaps",
        bytes as f64 / 1e9
    );
    let row = Row::of_figure(("8", name), scale, greatest / steady, 1.5, detail);
    Ok(Row {
        pairs: worst.len(),
        low: worst.iter().copied().fold(f64::INFINITY, f64::min) / steady,
        ..row
    })
}

/// Reads on one core while `work` goes on on another one; nanoseconds of each lookup, by the second.
fn beside<T: Send>(
    index: &Index,
    customers: u64,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> Result<(Vec<Vec<u32>>, T), Error> {
    let stop = AtomicBool::new(false);
    let windows = Mutex::new(Vec::new());
    let done = std::thread::scope(|scope| {
        let reader = scope.spawn(|| -> Result<(), Error> {
            pin(1)?;
            *windows.lock().unwrap_or_else(PoisonError::into_inner) = read(index, customers, &stop)?;
            Ok(())
        });
        let worker = scope.spawn(|| {
            pin(0)?;
            work()
        });
        let done = worker.join().map_err(|_| Error::other("the work panicked"));
        stop.store(true, Ordering::Relaxed);
        reader.join().map_err(|_| Error::other("the reader panicked"))??;
        done
    })??;
    Ok((windows.into_inner().unwrap_or_else(PoisonError::into_inner), done))
}

fn read(index: &Index, customers: u64, stop: &AtomicBool) -> Result<Vec<Vec<u32>>, Error> {
    let mut windows = vec![Vec::with_capacity(2_000_000)];
    let begun = Instant::now();
    let mut state = 1_u64;
    while !stop.load(Ordering::Relaxed) {
        state = state
            .wrapping_mul(0xd6e8_feb8_6659_fd93)
            .wrapping_add(0x9e37_79b9_7f4a_7c15);
        let nth = ((u128::from(state ^ (state >> 32)) * u128::from(customers)) >> 64) as u64;
        let key = customers::number(nth);
        let from = Instant::now();
        let bytes = index.read(|view| {
            Ok(match view.find(key)? {
                Found::One(record) => black_box(record.json()).len(),
                Found::Nobody | Found::Several(_) => 0,
            })
        });
        let to = Instant::now();
        if bytes == 0 {
            return Err(Error::other(format!("customer {nth} was not found")));
        }
        let second = (to - begun).as_secs() as usize;
        while windows.len() <= second {
            windows.push(Vec::with_capacity(2_000_000));
        }
        windows[second].push(u32::try_from((to - from).as_nanos()).unwrap_or(u32::MAX));
    }
    Ok(windows)
}

pub(super) fn pin(core: usize) -> Result<(), Error> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}

pub(super) fn wait_until(moment: Instant) {
    loop {
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::park_timeout(left);
    }
}

pub(super) fn quantile(mut nanos: Vec<u32>, quantile: f64) -> f64 {
    if nanos.is_empty() {
        return f64::NAN;
    }
    let nth = ((nanos.len() - 1) as f64 * quantile) as usize;
    f64::from(*nanos.select_nth_unstable(nth).1)
}
