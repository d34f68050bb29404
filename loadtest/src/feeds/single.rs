//! Row 13: changes one at a time, from the commit until a lookup over HTTP answers with them.

use std::fs::File;
use std::io::{Error, Write};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tokio::runtime::{self, Runtime};

use super::{Centre, Options, documents};
use crate::Row;
use crate::client::Connection;
use crate::pairs;

/// Longer than a change takes that comes at all.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks whether a change is there.
const BETWEEN: Duration = Duration::from_micros(50);
/// Of row 13's target: so many times the bare receiver's time, and so much more.
const TIMES: f64 = 1.25;
const MORE_NS: f64 = 1e6;

pub(super) fn measure(centre: &mut Centre, row: &'static str, options: &Options) -> Result<Row, Error> {
    let (mut taken, mut medians, mut synced) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..options.pairs {
        let (ringside, bare) = if pair % 2 == 0 {
            let ringside = of_ringside(centre, options)?;
            (ringside, of_bare(centre, options)?)
        } else {
            let bare = of_bare(centre, options)?;
            (of_ringside(centre, options)?, bare)
        };
        let disk = of_disk(centre, options)?;
        println!(
            "  {:.2} ms beside {:.2} ms; medians {:.2} ms and {:.2} ms; the disk's fsync {:.2} ms, median {:.2} ms",
            ringside.1 / 1e6,
            bare.1 / 1e6,
            ringside.0 / 1e6,
            bare.0 / 1e6,
            disk.1 / 1e6,
            disk.0 / 1e6
        );
        synced.push(disk);
        taken.push((ringside.1, bare.1));
        medians.push((ringside.0, bare.0));
    }
    let of_target: Vec<(f64, f64)> = taken
        .iter()
        .map(|(ringside, bare)| (*ringside, TIMES * bare + MORE_NS))
        .collect();
    let (ratio, p99, p50, disk) = (
        pairs::of_pairs(&of_target),
        pairs::of_pairs(&taken),
        pairs::of_pairs(&medians),
        pairs::of_pairs(&synced),
    );
    let name = "p99 from commit to a lookup's answer, as a share of 1.25 times a bare receiver's + 1 ms";
    let scale = format!("{} changes, {}/s", options.singles, options.rate);
    let mut row = Row::of_ratio((row, name), scale, options.pairs, ratio, 1.0);
    row.detail = format!(
        "p99 {:.2} ms beside {:.2} ms, {:.2} times ({:.2}–{:.2}); median {:.2} ms beside {:.2} ms; \
         a write and fsync alone {:.2} ms, median {:.2} ms",
        p99.nanos.0 / 1e6,
        p99.nanos.1 / 1e6,
        p99.median,
        p99.low,
        p99.high,
        p50.nanos.0 / 1e6,
        p50.nanos.1 / 1e6,
        disk.nanos.1 / 1e6,
        disk.nanos.0 / 1e6
    );
    Ok(row)
}

/// Median and p99 in nanoseconds of Ringside.
fn of_ringside(centre: &mut Centre, options: &Options) -> Result<(f64, f64), Error> {
    let ringside = if centre.source.is_posted() {
        let ringside = centre.start();
        centre.source.post_to(ringside.callers())?;
        ringside
    } else {
        centre.served()?
    };
    let mut eye = Eye::new(ringside.callers())?;
    let (told, committed) = channel();
    let seen = std::thread::spawn(move || -> Result<Vec<(u64, Instant)>, Error> {
        committed
            .iter()
            .map(|nth| eye.wait_for(nth).map(|()| (nth, Instant::now())))
            .collect()
    });
    let changes = centre.take(options.singles + options.singles / 10);
    let written = write(centre, changes, options.rate, |nth| {
        // Whoever looks has ended with an error, which is told below.
        let _gone = told.send(nth);
    })?;
    drop(told);
    let seen = seen.join().map_err(|_| Error::other("whoever looks ended"))??;
    spread(&written, &seen, options)
}

/// The same of the bare receiver.
fn of_bare(centre: &mut Centre, options: &Options) -> Result<(f64, f64), Error> {
    let bare = centre.source.bare()?;
    let changes = centre.take(options.singles + options.singles / 10);
    let last = changes.end - 1;
    let (told, received): (_, Receiver<(u64, Instant)>) = channel();
    let receiver = std::thread::spawn(move || {
        bare(&mut |nth| {
            let _gone = told.send((nth, Instant::now()));
            nth < last
        })
    });
    let written = write(centre, changes, options.rate, |_| {})?;
    receiver
        .join()
        .map_err(|_| Error::other("the bare receiver ended"))??;
    spread(&written, &received.iter().collect::<Vec<_>>(), options)
}

/// Commits `changes`, whose times are Poisson's, and gives when each was committed; of what is posted, when it was sent.
fn write(
    centre: &mut Centre,
    changes: Range<u64>,
    rate: f64,
    mut committed: impl FnMut(u64),
) -> Result<Vec<(u64, Instant)>, Error> {
    let mut pace = Pace::new(changes.start, rate);
    let mut written = Vec::new();
    for nth in changes {
        pace.wait();
        let sent = Instant::now();
        centre.source.put(nth)?;
        let at = if centre.source.is_posted() {
            sent
        } else {
            Instant::now()
        };
        written.push((nth, at));
        committed(nth);
    }
    Ok(written)
}

/// Median and p99 in nanoseconds of writing and syncing a few bytes beside the change log, a quarter as often as there are
/// changes: what no durable change comes without.
fn of_disk(centre: &Centre, options: &Options) -> Result<(f64, f64), Error> {
    let mut file = File::create(centre.folder.path().join("synced"))?;
    let mut pace = Pace::new(centre.next, options.rate);
    let mut nanos = Vec::new();
    for _ in 0..options.singles.div_ceil(4) {
        pace.wait();
        let begun = Instant::now();
        file.write_all(&[7; 750])?;
        file.sync_data()?;
        nanos.push(begun.elapsed().as_nanos() as f64);
    }
    Ok(middle_and_end(nanos))
}

/// Moments of Poisson's.
struct Pace {
    random: u64,
    rate: f64,
    due: Instant,
}

impl Pace {
    fn new(seed: u64, rate: f64) -> Pace {
        Pace {
            random: seed,
            rate,
            due: Instant::now() + Duration::from_millis(500),
        }
    }

    fn wait(&mut self) {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let uniform = ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
        self.due += Duration::from_secs_f64(-(1.0 - uniform).ln() / self.rate);
        let left = || {
            let left = self.due.checked_duration_since(Instant::now());
            left.filter(|left| !left.is_zero())
        };
        while let Some(left) = left() {
            std::thread::park_timeout(left);
        }
    }
}

/// Median and p99 in nanoseconds of the measured changes.
fn spread(
    written: &[(u64, Instant)],
    seen: &[(u64, Instant)],
    options: &Options,
) -> Result<(f64, f64), Error> {
    let seen: std::collections::BTreeMap<u64, Instant> = seen.iter().copied().collect();
    let warm = (options.singles / 10) as usize;
    let mut nanos = Vec::new();
    for (nth, committed) in &written[warm..] {
        let at = seen
            .get(nth)
            .ok_or_else(|| Error::other(format!("the change {nth} did not arrive")))?;
        nanos.push(at.saturating_duration_since(*committed).as_nanos() as f64);
    }
    Ok(middle_and_end(nanos))
}

/// The median and the p99 of `values`, of which there is one at least.
fn middle_and_end(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share) as usize];
    (at(0.5), at(0.99))
}

/// Somebody who looks up again and again.
pub(super) struct Eye {
    runtime: Runtime,
    connection: Connection,
}

impl Eye {
    pub(super) fn new(address: SocketAddr) -> Result<Eye, Error> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let connection = runtime.block_on(Connection::open(address))?;
        Ok(Eye { runtime, connection })
    }

    /// Looks the customer of the change `nth` up until the answer has the change.
    pub(super) fn wait_for(&mut self, nth: u64) -> Result<(), Error> {
        let path = format!("/v1/lookup?ani=%2B{}", documents::number(nth));
        let expected = format!("\"name\":\"{}\"", documents::name(nth));
        let begun = Instant::now();
        loop {
            let answer = self.runtime.block_on(self.connection.get(&path))?;
            if answer
                .windows(expected.len())
                .any(|window| window == expected.as_bytes())
            {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err(Error::other(format!(
                    "expected {expected}, found {}",
                    String::from_utf8_lossy(answer)
                )));
            }
            std::thread::park_timeout(BETWEEN);
        }
    }
}
