//! Row 14: changes that waited while nobody was there, and how fast they are applied.

use std::io::Error;
use std::ops::Range;
use std::time::{Duration, Instant};

use servers::ringside::Ringside;

use super::single::Eye;
use super::{Centre, Options, threads};
use crate::Row;
use crate::pairs;

/// Between two looks at how far Ringside is.
const BETWEEN: Duration = Duration::from_millis(50);
/// Longer than all changes take.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) fn measure(centre: &mut Centre, row: &'static str, options: &Options) -> Result<Vec<Row>, Error> {
    let (mut taken, mut spent) = (Vec::new(), String::new());
    for pair in 0..options.pairs {
        let changes = centre.take(options.changes);
        let (ringside, bare) = if centre.source.is_posted() {
            posted(centre, changes, pair)?
        } else {
            waiting(centre, changes, pair)?
        };
        println!(
            "  {:.1} µs a change beside {:.1} µs; CPU: {}; the bare receiver's thread {}",
            ringside.0 / 1e3,
            bare.0 / 1e3,
            ringside.1,
            bare.1
        );
        spent = format!("CPU a change: {}; bare {}", ringside.1, bare.1);
        taken.push((ringside.0, bare.0));
    }
    let ratio = pairs::of_pairs(&taken);
    let name = "catching up a change, durable and visible, beside a bare receiver that decodes it";
    let scale = format!("{} changes", options.changes);
    let mut row = Row::of_ratio((row, name), scale, options.pairs, ratio, 2.0);
    row.detail = format!(
        "{:.0} changes/s beside {:.0}, {:.2} of the rate; {spent}",
        1e9 / ratio.nanos.0,
        1e9 / ratio.nanos.1,
        1.0 / ratio.median
    );
    Ok(vec![row])
}

/// Nanoseconds of a change, and CPU of it by thread.
type Taken = (f64, String);

/// Of what waits in the stream.
fn waiting(centre: &mut Centre, changes: Range<u64>, pair: usize) -> Result<(Taken, Taken), Error> {
    let (first, last) = (changes.start, changes.end - 1);
    let bare = centre.source.bare()?;
    centre.source.put_all(changes)?;
    let of_bare = move || -> Result<Taken, Error> {
        let receiver =
            std::thread::Builder::new()
                .name("bare".into())
                .spawn(move || -> Result<_, Error> {
                    let (mut begun, mut before) = (None, 0);
                    bare(&mut |nth| {
                        if nth >= first && begun.is_none() {
                            begun = Some((nth, Instant::now()));
                            before = own_cpu();
                        }
                        nth < last
                    })?;
                    let (from, begun) = begun.ok_or_else(|| Error::other("nothing was received"))?;
                    let count = (last - from) as f64;
                    let cpu = (own_cpu() - before) as f64 / count / 1000.0;
                    Ok((begun.elapsed().as_nanos() as f64 / count, format!("{cpu:.1} µs")))
                })?;
        receiver
            .join()
            .map_err(|_| Error::other("the bare receiver ended"))?
    };
    if pair.is_multiple_of(2) {
        let ringside = catch_up(centre, last)?;
        Ok((ringside, of_bare()?))
    } else {
        let bare = of_bare()?;
        Ok((catch_up(centre, last)?, bare))
    }
}

/// Starts Ringside, and takes the time from when one first sees that it moves until it stands still with `last` visible.
fn catch_up(centre: &Centre, last: u64) -> Result<Taken, Error> {
    let ringside = centre.start();
    let pid = pid(&ringside);
    let seq = || ringside.status()["seq"].as_u64().unwrap_or(0);
    let begun = Instant::now();
    let from = seq();
    let (mut first, mut newest) = (None, (from, Instant::now()));
    loop {
        let now = (seq(), Instant::now());
        if now.0 > newest.0 {
            if first.is_none() {
                first = Some((now, threads::cpu(pid)?));
            }
            newest = now;
        } else if first.is_some() && newest.1.elapsed() > Duration::from_secs(2) {
            break;
        }
        if begun.elapsed() > PATIENCE {
            return Err(Error::other(format!(
                "it does not catch up: {}",
                ringside.status()
            )));
        }
        std::thread::park_timeout(BETWEEN);
    }
    Eye::new(ringside.callers())?.wait_for(last)?;
    let Some(((from, begun), before)) = first.filter(|((from, _), _)| newest.0 > *from) else {
        return Err(Error::other("it caught up within one look; take more changes"));
    };
    let count = (newest.0 - from) as f64;
    let cpu = threads::between(&before, &threads::cpu(pid)?, count);
    Ok((newest.1.duration_since(begun).as_nanos() as f64 / count, cpu))
}

/// Of what is posted: whoever posts waits until each post is answered.
fn posted(centre: &mut Centre, changes: Range<u64>, pair: usize) -> Result<(Taken, Taken), Error> {
    let count = (changes.end - changes.start) as f64;
    let last = changes.end - 1;
    let of_ringside = |centre: &mut Centre| -> Result<Taken, Error> {
        let ringside = centre.start();
        centre.source.post_to(ringside.callers())?;
        let before = threads::cpu(pid(&ringside))?;
        let begun = Instant::now();
        centre.source.put_all(changes.clone())?;
        let taken = begun.elapsed().as_nanos() as f64 / count;
        Eye::new(ringside.callers())?.wait_for(last)?;
        let after = threads::cpu(pid(&ringside))?;
        Ok((taken, threads::between(&before, &after, count)))
    };
    let of_bare = |centre: &mut Centre| -> Result<Taken, Error> {
        let bare = centre.source.bare()?;
        let receiver = std::thread::spawn(move || -> Result<u64, Error> {
            let before = own_cpu();
            bare(&mut |nth| nth < last)?;
            Ok(own_cpu() - before)
        });
        let begun = Instant::now();
        centre.source.put_all(changes.clone())?;
        let taken = begun.elapsed().as_nanos() as f64 / count;
        let cpu = receiver
            .join()
            .map_err(|_| Error::other("the bare receiver ended"))??;
        Ok((taken, format!("{:.1} µs", cpu as f64 / count / 1000.0)))
    };
    if pair.is_multiple_of(2) {
        let ringside = of_ringside(centre)?;
        Ok((ringside, of_bare(centre)?))
    } else {
        let bare = of_bare(centre)?;
        Ok((of_ringside(centre)?, bare))
    }
}

fn pid(ringside: &Ringside) -> u32 {
    ringside.pid().as_raw_nonzero().get().unsigned_abs()
}

/// Nanoseconds of CPU of this thread.
fn own_cpu() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat.split_whitespace().next();
    nanos.and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}
