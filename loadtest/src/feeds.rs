//! Rows 13 and 14: how long a change takes from the source to a lookup, and how fast an outage is made up for, beside a bare
//! receiver of the same stream that only decodes. Servers of the sources are started and ended here.

mod jetstream;
mod mongodb;
mod postgres;

use std::io::{Error, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use servers::ringside::Ringside;

use crate::pairs::{Ratio, of_pairs};
use crate::row::Row;

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(600);
/// Slack that row 13 allows beside a quarter more.
const SLACK: Duration = Duration::from_millis(1);

#[derive(Args)]
pub(crate) struct Options {
    /// Measure this feed alone.
    #[arg(long)]
    only: Option<Source>,
    /// Changes of row 13, one after the other, in each of the rounds.
    #[arg(long, default_value_t = 400)]
    changes: u64,
    /// Changes of row 14 that wait while Ringside is down, in each of the rounds.
    #[arg(long, default_value_t = 100_000)]
    waiting: u64,
    /// Rounds.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Source {
    Mongodb,
    Postgres,
    Jetstream,
}

/// A source under measurement.
trait Bench {
    /// Names of its rows 13 and 14, and what they are.
    fn rows(&self) -> [(&'static str, &'static str); 2];

    /// What Ringside needs to follow it.
    fn config(&self) -> String;

    /// Writes the customers `ids` at `version`, and returns once they are committed.
    fn write(&mut self, ids: Range<u64>, version: u64);

    /// Receives from now on: the moment at which each change had been received and decoded.
    fn listen(&mut self) -> Receiver<Instant>;

    /// Takes hold of a place in the stream.
    fn hold(&mut self);

    /// Receives and decodes `count` changes from the place that is held.
    fn drain(&mut self, count: u64) -> Duration;
}

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    let is_wanted = |source| options.only.is_none_or(|only| only == source);
    if is_wanted(Source::Mongodb) {
        rows.extend(of(&mut mongodb::Mongodb::start(), options)?);
    }
    if is_wanted(Source::Postgres) {
        rows.extend(of(&mut postgres::Postgres::start(), options)?);
    }
    if is_wanted(Source::Jetstream) {
        rows.extend(of(&mut jetstream::JetStream::start()?, options)?);
    }
    Ok(rows)
}

/// The number of customer `id`.
fn number(id: u64) -> String {
    format!("+1480{}", 2_000_000 + id)
}

/// The name of a customer at `version`.
fn name(version: u64) -> String {
    format!("Version {version}")
}

fn of(bench: &mut dyn Bench, options: &Options) -> Result<Vec<Row>, Error> {
    let [visible, rate] = bench.rows();
    let folder = tempfile::tempdir()?;
    let config = format!(
        "{}\n[log]\nlevel = \"warn\"\n[guard]\nmax_percent = 100\n",
        bench.config()
    );
    bench.write(0..10, 0);
    let ringside = Ringside::start(folder.path(), &config);
    ringside.until_fresh();
    let mut rows = vec![visibility(bench, &ringside, options, visible)?];
    rows.push(catching_up(bench, ringside, folder.path(), options, rate)?);
    Ok(rows)
}

fn visibility(
    bench: &mut dyn Bench,
    ringside: &Ringside,
    options: &Options,
    names: (&'static str, &'static str),
) -> Result<Row, Error> {
    let mut caller = Caller::new(ringside.callers())?;
    let received = bench.listen();
    let mut version = 0;
    let mut round = |count: u64| -> Result<(Duration, Duration), Error> {
        let (mut bare, mut visible) = (Vec::new(), Vec::new());
        for _ in 0..count {
            version += 1;
            bench.write(1..2, version);
            let committed = Instant::now();
            let (expected, began) = (name(version), Instant::now());
            while !caller.lookup(&number(1))?.contains(&expected) {
                if began.elapsed() > PATIENCE {
                    return Err(Error::other("a change was never served"));
                }
            }
            visible.push(committed.elapsed());
            let at = received
                .recv_timeout(PATIENCE)
                .map_err(|_| Error::other("the bare receiver received nothing"))?;
            // It may be faster than the word that the change is committed.
            bare.push(at.saturating_duration_since(committed));
        }
        Ok((p99(&mut visible), p99(&mut bare)))
    };
    round(50)?;
    let mut rounds = Vec::new();
    for _ in 0..options.rounds {
        rounds.push(round(options.changes)?);
    }
    let taken: Vec<(f64, f64)> = rounds
        .iter()
        .map(|(visible, bare)| (visible.as_secs_f64(), (*bare * 5 / 4 + SLACK).as_secs_f64()))
        .collect();
    let Ratio {
        median, low, high, ..
    } = of_pairs(&taken);
    let micros = |of: fn(&(Duration, Duration)) -> Duration| {
        crate::pairs::median(rounds.iter().map(|round| of(round).as_secs_f64() * 1e6).collect())
    };
    let detail = format!(
        "p99 {:.0} µs beside {:.0} µs of a bare receiver, of which a quarter more and 1 ms are allowed",
        micros(|round| round.0),
        micros(|round| round.1)
    );
    let scale = format!("{} changes a round, one at a time", options.changes);
    Ok(Row {
        pairs: options.rounds,
        low,
        high,
        ..Row::of_figure(names, scale, median, 1.0, detail)
    })
}

fn catching_up(
    bench: &mut dyn Bench,
    mut ringside: Ringside,
    folder: &Path,
    options: &Options,
    names: (&'static str, &'static str),
) -> Result<Row, Error> {
    let count = options.waiting;
    let config = std::fs::read_to_string(folder.join("ringside.toml"))?;
    let mut taken = Vec::new();
    for round in 0..options.rounds as u64 {
        let version = 1_000_000 + round;
        drop(ringside);
        bench.hold();
        bench.write(10..10 + count, version);
        let bare = bench.drain(count);
        let began = Instant::now();
        ringside = Ringside::start_again(folder);
        let mut caller = Caller::new(ringside.callers())?;
        let (last, expected) = (number(9 + count), name(version));
        while !caller.lookup(&last)?.contains(&expected) {
            if began.elapsed() > PATIENCE {
                return Err(Error::other(format!("never caught up under {config}")));
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        taken.push((began.elapsed().as_secs_f64(), bare.as_secs_f64()));
    }
    let ratio = of_pairs(&taken);
    let rate = |seconds: f64| count as f64 / seconds / 1000.0;
    let detail = format!(
        "{:.0} k changes/s from its start to the last one served, durably, beside {:.0} k/s received and decoded",
        rate(ratio.nanos.0),
        rate(ratio.nanos.1)
    );
    let scale = format!("{count} changes that waited");
    Ok(Row {
        detail,
        ..Row::of_ratio(names, scale, options.rounds, ratio, 2.0)
    })
}

fn p99(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() * 99 / 100).copied().unwrap_or_default()
}

/// Somebody who asks on one connection.
struct Caller {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Caller {
    fn new(at: SocketAddr) -> Result<Caller, Error> {
        let stream = TcpStream::connect(at)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Caller {
            stream,
            buffer: vec![0; 64 << 10],
        })
    }

    /// The answer to a call from `ani`.
    fn lookup(&mut self, ani: &str) -> Result<String, Error> {
        let ani = ani.replace('+', "%2B");
        let request = format!("GET /v1/lookup?ani={ani} HTTP/1.1\r\nHost: x\r\n\r\n");
        self.stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        loop {
            let read = self.stream.read(&mut self.buffer)?;
            if read == 0 {
                return Err(Error::other("the connection was closed"));
            }
            answer.extend_from_slice(&self.buffer[..read]);
            let text = String::from_utf8_lossy(&answer);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse::<usize>()
                    .ok()
            });
            if length.is_some_and(|length| body.len() >= length) {
                return Ok(body.to_owned());
            }
        }
    }
}
