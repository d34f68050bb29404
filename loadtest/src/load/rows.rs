//! Rows 5, 6a and 6b: Ringside beside a bare hyper server, Redis and PostgreSQL, all asked by the same generator.

use std::io;
use std::path::PathBuf;

use super::MILLISECOND;
use super::engine::{Aim, Engine, Manner, Pace, Ran};
use super::error::Error;
use super::schedule::{Choice, Keys, Schedule};
use super::tally::SECOND;
use super::target::{Kind, Over, Stock, Target};
use crate::Row;
use crate::outcome::Phase;
use crate::pairs::{self, Ratio};
use crate::server;

/// Options of `loadtest rivals`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Interleaved pairs: many short ones, so that what disturbs the machine disturbs some of them.
    #[arg(long, default_value_t = PAIRS)]
    pub(crate) pairs: usize,
    /// Length of one half of a pair, in seconds.
    #[arg(long, default_value_t = SECONDS)]
    pub(crate) seconds: f64,
    /// Customers, with a number each.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) customers: u64,
    /// Connections, each with one request at a time.
    #[arg(long, default_value_t = 16)]
    pub(crate) connections: usize,
    /// Ten pairs of a fifth of a second.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only these rows: 5, 6a, 6b, postgresql.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Where the snapshots are kept between runs.
    #[arg(long, default_value = "target/loadtest")]
    pub(crate) folder: PathBuf,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            pairs: PAIRS,
            seconds: SECONDS,
            customers: 1_000_000,
            connections: 16,
            quick: false,
            only: Vec::new(),
            folder: PathBuf::from("target/loadtest"),
        }
    }
}

/// Pairs, and seconds of a half.
const PAIRS: usize = 20;
const SECONDS: f64 = 0.5;
/// Share of what the bare server carries that row 5 offers.
const SHARE: f64 = 0.2;
/// Row 5 is invalid where the generator's lateness is more than this share of the latency, both at p99 …
const LATE: f64 = 0.25;
/// … or differs by more than this share between the two.
const APART: f64 = 0.1;
/// A row is invalid where more requests than this share of the answers were refused, failed or timed out.
const LOST: f64 = 0.001;
/// Rows 6 are invalid where the generator had nothing to do for less than this share of the time: it is measured itself then.
const IDLE: f64 = 0.03;
/// Time for an answer.
const TIMEOUT_NS: u64 = 1000 * MILLISECOND;
/// One answer of so many is compared byte for byte.
const CHECK_EVERY: u64 = 100;
/// Seconds that warm connections and caches before each half.
const WARM_UP: f64 = 0.1;

const ROW_5: (&str, &str) = (
    "5",
    "p99 of HTTP lookups beside the bare server's, open loop at a fifth of what that carries",
);
const ROW_6A: (&str, &str) = (
    "6a",
    "Redis's GET/s beside lookups/s, TCP, closed loop: at most 1 where Ringside answers as many",
);
const ROW_6B: (&str, &str) = (
    "6b",
    "Redis's GET/s beside lookups/s, Unix socket, closed loop: at most 1 where Ringside answers as many",
);
const ROW_POSTGRESQL: (&str, &str) = (
    "6-postgresql",
    "PostgreSQL's prepared selects/s by primary key beside lookups/s, TCP, closed loop",
);

/// What one half of a pair gave.
#[derive(Debug, Clone, Copy)]
struct Half {
    /// Answers a second.
    rate: f64,
    p50: f64,
    p99: f64,
    late_p99: f64,
    /// Share of the generator's time in which it had nothing to do.
    idle: f64,
    /// CPU of the server for each answer, in nanoseconds; not a number where it is not one process.
    cpu: f64,
    /// Requests without the answer that they should have had.
    lost: u64,
    checked: u64,
    answers: u64,
}

/// How a half is driven.
#[derive(Debug, Clone, Copy)]
enum Drive {
    /// So many requests a second.
    Open(f64),
    /// As many as come back.
    Closed,
}

/// The rows, each `not_run` with the reason where a server is missing.
pub(crate) fn measure(options: &Options) -> Result<Vec<Row>, io::Error> {
    rows(options).map_err(io::Error::from)
}

fn rows(options: &Options) -> Result<Vec<Row>, Error> {
    server::pin_self(server::CLIENT_CORE)?;
    let options = &Options {
        pairs: if options.quick { 10 } else { options.pairs },
        seconds: if options.quick { 0.2 } else { options.seconds },
        only: options.only.clone(),
        folder: options.folder.clone(),
        ..*options
    };
    let is_wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    println!("building {} typical customers …", options.customers);
    let stock = Stock::new(&options.folder, options.customers)?;
    let ring = stock.serve(Kind::RingsideTcp, &Over::default())?;
    let mut rows = Vec::new();
    if is_wanted("5") {
        let bare = stock.serve(Kind::Hyper, &Over::default())?;
        rows.push(beside_the_bare(options, &ring, &bare)?);
    }
    if is_wanted("6a") || is_wanted("6b") {
        println!("filling Redis …");
        let redis = stock.serve(Kind::Redis, &Over::default());
        for (row, through_socket) in [(ROW_6A, false), (ROW_6B, true)] {
            if !is_wanted(row.0) {
                continue;
            }
            let of = |target: &Target| match through_socket {
                true => target.through_socket(),
                false => Ok(target.clone()),
            };
            rows.push(match &redis {
                Ok(redis) => beside_a_rival(options, row, &of(&ring)?, &of(redis)?, Some(1.0))?,
                Err(error) => not_run(options, row, 1.0, error),
            });
        }
    }
    if is_wanted("postgresql") {
        println!("filling PostgreSQL …");
        rows.push(match stock.serve(Kind::Postgresql, &Over::default()) {
            Ok(rival) => beside_a_rival(options, ROW_POSTGRESQL, &ring, &rival, None)?,
            Err(error) => not_run(options, ROW_POSTGRESQL, f64::NAN, &error),
        });
    }
    Ok(rows)
}

/// Nanoseconds of the server's CPU for an answer of Ringside's and of the bare server's, pair by pair. The generator never
/// sleeps, so that neither server is charged for waking it.
pub(crate) fn cpu(options: &Options) -> Result<Vec<(f64, f64)>, io::Error> {
    let stock = Stock::new(&options.folder, options.customers)?;
    let ring = stock.serve(Kind::RingsideTcp, &Over::default())?;
    let bare = stock.serve(Kind::Hyper, &Over::default())?;
    let taken = interleaved(options, &ring, &bare, Drive::Closed)?;
    if let Some((ring, bare)) = taken.iter().find(|(ring, bare)| ring.lost + bare.lost > 0) {
        let lost = ring.lost + bare.lost;
        return Err(io::Error::other(format!(
            "expected an answer to every request, {lost} had none"
        )));
    }
    Ok(taken.iter().map(|(ring, bare)| (ring.cpu, bare.cpu)).collect())
}

fn scale(options: &Options) -> String {
    format!("{} customers", options.customers)
}

fn not_run(options: &Options, name: (&'static str, &'static str), target: f64, error: &Error) -> Row {
    Row {
        status: "not_run",
        ..Row::of_figure(name, scale(options), f64::NAN, target, error.to_string())
    }
}

/// Row 5.
fn beside_the_bare(options: &Options, ring: &Target, bare: &Target) -> Result<Row, Error> {
    let most = half(options, bare, Drive::Closed, 0)?.rate;
    let rate = most * SHARE;
    println!("row 5: {} pairs at {rate:.0} requests a second …", options.pairs);
    let taken = interleaved(options, ring, bare, Drive::Open(rate))?;
    let p99 = ratio(&taken, |half| half.p99);
    let (of_ring, of_bare) = (each(&taken, |two| two.0), each(&taken, |two| two.1));
    let late = (
        median(&of_ring, |half| half.late_p99),
        median(&of_bare, |half| half.late_p99),
    );
    let detail = format!(
        "{}; {}; {rate:.0} requests a second of {most:.0} that the bare server carries",
        said("Ringside", &of_ring),
        said("bare hyper", &of_bare)
    );
    let mut row = Row::of_ratio(ROW_5, scale(options), options.pairs, p99, 1.1);
    row.detail = detail;
    if let Some(why) = invalid(late, p99.nanos) {
        row.status = "invalid";
        row.detail = format!("{why}; {}", row.detail);
    }
    Ok(checked(row, &of_ring, &of_bare))
}

/// Why lateness, both at p99 and of the two, does not let their latencies be compared.
fn invalid(late: (f64, f64), latency: (f64, f64)) -> Option<String> {
    if late.0 > LATE * latency.0 || late.1 > LATE * latency.1 {
        return Some(format!("requests were sent late by more than {LATE} of the p99"));
    }
    let apart = (late.0 - late.1).abs() / late.0.max(late.1).max(1.0);
    (apart > APART).then(|| format!("lateness differs by {:.0} % between the two", 100.0 * apart))
}

/// Rows 6a and 6b, and PostgreSQL's, which has no target.
fn beside_a_rival(
    options: &Options,
    name: (&'static str, &'static str),
    ring: &Target,
    rival: &Target,
    target: Option<f64>,
) -> Result<Row, Error> {
    println!("row {}: {} pairs …", name.0, options.pairs);
    let taken = interleaved(options, ring, rival, Drive::Closed)?;
    let swapped: Vec<(Half, Half)> = taken.iter().map(|(ring, rival)| (*rival, *ring)).collect();
    let rates = ratio(&swapped, |half| half.rate);
    let p99 = ratio(&taken, |half| half.p99);
    let (of_ring, of_rival) = (each(&taken, |two| two.0), each(&taken, |two| two.1));
    let mut row = Row::of_ratio(
        name,
        scale(options),
        options.pairs,
        rates,
        target.unwrap_or(f64::NAN),
    );
    row.detail = format!(
        "{}; {}; Ringside's p99 is {:.2} ({:.2}–{:.2}) of its",
        said("Ringside", &of_ring),
        said(rival.kind.name(), &of_rival),
        p99.median,
        p99.low,
        p99.high
    );
    if target.is_none() {
        row.status = "measured";
    } else if p99.median > 1.0 {
        row.status = "missed";
    }
    let idle = median(&of_ring, |half| half.idle).min(median(&of_rival, |half| half.idle));
    if idle < IDLE && target.is_some() {
        row.status = "invalid";
        row.detail = format!("the generator had too much to do; {}", row.detail);
    }
    Ok(checked(row, &of_ring, &of_rival))
}

/// `row`, which is invalid where too many requests were not answered as they should have been.
fn checked(mut row: Row, of_ring: &[Half], of_other: &[Half]) -> Row {
    let lost: u64 = of_ring.iter().chain(of_other).map(|half| half.lost).sum();
    let checked: u64 = of_ring.iter().chain(of_other).map(|half| half.checked).sum();
    row.detail
        .push_str(&format!("; {checked} answers compared, none wrong"));
    let answers: f64 = of_ring
        .iter()
        .chain(of_other)
        .map(|half| half.answers as f64)
        .sum();
    if lost as f64 > LOST * answers {
        row.status = "invalid";
    }
    if lost > 0 {
        row.detail = format!(
            "{lost} requests were refused, failed or timed out; {}",
            row.detail
        );
    }
    row
}

fn said(name: &str, halves: &[Half]) -> String {
    format!(
        "{name} {:.0}/s, p50 {:.1} µs, p99 {:.1} µs, sent late at p99 {:.1} µs, generator idle {:.0} %",
        median(halves, |half| half.rate),
        median(halves, |half| half.p50) / 1e3,
        median(halves, |half| half.p99) / 1e3,
        median(halves, |half| half.late_p99) / 1e3,
        median(halves, |half| half.idle) * 100.0
    )
}

fn each(taken: &[(Half, Half)], of: impl Fn(&(Half, Half)) -> Half) -> Vec<Half> {
    taken.iter().map(of).collect()
}

fn median(halves: &[Half], of: impl Fn(&Half) -> f64) -> f64 {
    pairs::median(halves.iter().map(of).collect())
}

fn ratio(taken: &[(Half, Half)], of: impl Fn(&Half) -> f64) -> Ratio {
    let taken: Vec<(f64, f64)> = taken.iter().map(|(a, b)| (of(a), of(b))).collect();
    pairs::of_pairs(&taken)
}

/// The pairs, A B B A …, behind one pair that is left out.
fn interleaved(options: &Options, a: &Target, b: &Target, drive: Drive) -> Result<Vec<(Half, Half)>, Error> {
    let mut taken = Vec::new();
    for pair in 0..=options.pairs {
        // Both halves of a pair have the same arrivals.
        let seed = pair as u64 + 1;
        let of_a = || half(options, a, drive, seed);
        let of_b = || half(options, b, drive, seed);
        let two = if pair % 2 == 0 {
            let first = of_a()?;
            (first, of_b()?)
        } else {
            let first = of_b()?;
            (of_a()?, first)
        };
        if pair > 0 {
            taken.push(two);
        }
    }
    Ok(taken)
}

/// One half of a pair, over connections of its own.
fn half(options: &Options, target: &Target, drive: Drive, seed: u64) -> Result<Half, Error> {
    let aim = Aim {
        place: &target.place,
        wire: target.wire(false),
        oracle: &target.oracle,
    };
    let manner = Manner {
        connections: options.connections,
        new_connections: false,
        timeout_ns: TIMEOUT_NS,
        check_every: CHECK_EVERY,
    };
    let mut engine = Engine::new(aim, manner)?;
    let mut driven = |seconds: f64, seed: u64| {
        let length_ns = (seconds * SECOND as f64) as u64;
        let mut keys = Keys::new(seed, target.customers, Choice::default());
        match drive {
            Drive::Open(rate) => {
                let room = (rate * seconds * 1.2) as usize / CHECK_EVERY as usize + 100;
                let mut schedule = Schedule::new(seed, rate, length_ns, keys);
                engine.run(seconds, Pace::Open(&mut schedule), room, None)
            }
            // As many as no server here reaches.
            Drive::Closed => {
                let room = (300_000.0 * seconds) as usize / CHECK_EVERY as usize;
                engine.run(seconds, Pace::Closed(&mut keys, length_ns), room, None)
            }
        }
    };
    driven(WARM_UP, seed ^ 0xaaaa)?;
    let before = target.cpu_nanos();
    let ran = driven(options.seconds, seed)?;
    let cpu = target.cpu_nanos().zip(before).map(|(now, before)| now - before);
    of_ran(target, &ran, options.seconds, cpu)
}

fn of_ran(target: &Target, ran: &Ran, seconds: f64, cpu: Option<u64>) -> Result<Half, Error> {
    let (wrong, example) = target.oracle.wrong(&ran.samples)?;
    if wrong + ran.plainly_wrong > 0 {
        let example = example.unwrap_or_else(|| "found where nobody is, or the other way round".to_owned());
        return Err(Error::target(
            target.kind.name(),
            format!("a wrong answer: {example}"),
        ));
    }
    let phase: Phase = ran.tally.phase("half", seconds, 0.0);
    Ok(Half {
        rate: phase.answered as f64 / (ran.took_ns as f64 / SECOND as f64),
        p50: phase.latency.p50_ns as f64,
        p99: phase.latency.p99_ns as f64,
        late_p99: phase.lateness.p99_ns as f64,
        idle: ran.idle,
        cpu: cpu.map_or(f64::NAN, |cpu| cpu as f64 / phase.answered.max(1) as f64),
        lost: phase.refused + phase.failed + phase.timed_out,
        checked: ran.samples.len(),
        answers: phase.answered,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_5_is_invalid_where_the_generator_was_late_or_unlike() {
        assert_eq!(invalid((10.0, 10.5), (100.0, 100.0)), None);
        assert!(invalid((26.0, 26.0), (100.0, 110.0)).is_some(), "late");
        assert!(invalid((10.0, 12.0), (100.0, 100.0)).is_some(), "unlike");
    }
}
