//! From a ring to the pop on a desktop, beside one HTTP round trip and one WebSocket echo: row 17.
//!
//! Thousands of desktops are connected to Ringside, half of them to events and half to WebSockets, and as many
//! connections to a bare server; both servers share one core, and this program has the other. Rings are posted when they
//! are due (a Poisson process), whatever became of those before, and each counts from when it was due to when its desktop
//! has the whole pop. The reference is due at such times too: a post that is answered with as many bytes, and then, on one
//! of its sockets, a frame of the pop's size that comes back. Halves of pairs are interleaved: A B B A.

mod board;
mod desktops;
pub(crate) mod reference;
mod rings;

use std::io::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::runtime;
use tokio::task::LocalSet;

use crate::Row;
use crate::customers::{self, Profile};
use crate::pairs;
use crate::server::{self, Server};
use board::Half;
use desktops::Kind;
use rings::Rings;

/// Options of `loadtest pops`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Desktops, each of an agent of its own.
    #[arg(long, default_value_t = 5000)]
    desktops: usize,
    /// Rings a second.
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
    /// Interleaved pairs.
    #[arg(long, default_value_t = 10)]
    pairs: usize,
    /// Length of one half of a pair, in seconds.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Of the arrivals.
    #[arg(long, default_value_t = 17)]
    seed: u64,
    /// Where the snapshots are kept between runs.
    #[arg(long, default_value = "target/loadtest")]
    folder: PathBuf,
}

const NAME: (&str, &str) = ("17", "p99 from ring to pop, beside one round trip and one echo");
const CUSTOMERS: u64 = 10_000;
const TARGET: f64 = 1.5;
/// The most that the generator's lateness may be of what it measures, both at the 99th percentile.
const LATE: f64 = 0.25;
/// How long desktops are left alone while it is seen what they cost.
const IDLE: Duration = Duration::from_secs(5);

/// What desktops cost that are told nothing.
struct Cost {
    bytes_a_desktop: f64,
    /// Share of a core.
    cpu: f64,
}

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>, Error> {
    server::pin_self(server::CLIENT_CORE)?;
    raise_files()?;
    let data = copied(&options.folder)?;
    let mut command = server::ringside(data.path())?;
    command
        .env("RINGSIDE__HTTP__CONNECTIONS_MAX", "100000")
        .env("RINGSIDE__HTTP__CONNECTIONS_PER_PEER_MAX", "0")
        .env("RINGSIDE__HTTP__OVERLOAD_AFTER_MS", "10000")
        .env("RINGSIDE__CALLS__CALLS_MAX", "1000000");
    let ringside = Server::start(command, "listening on ")?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        // Whoever waits for a pop looks at the sockets between any two steps.
        .event_interval(2)
        .build()?;
    LocalSet::new().block_on(&runtime, run(options, &ringside))
}

async fn run(options: &Options, ringside: &Server) -> Result<Vec<Row>, Error> {
    let sizes = rings::sizes(ringside.address).await?;
    let bare = Server::echoing(sizes.answer)?;
    println!(
        "a ring is {} bytes, its answer {}, its pop {}",
        sizes.ring, sizes.answer, sizes.pop
    );
    let before = ringside.anonymous()?;
    let (count, rate) = (options.desktops, options.rate);
    let rings = Rings::connect(ringside.address, count, Kind::Mixed, rate).await?;
    let cost = cost(ringside, before, options.desktops).await?;
    let reference = Rings::connect(bare.address, count, Kind::Echo(sizes.pop), rate).await?;
    println!(
        "measuring {} pairs with {} desktops …",
        options.pairs, options.desktops
    );
    let mut halves: Vec<(Half, Half)> = Vec::new();
    let length = Duration::from_secs_f64(options.seconds);
    // Once each ahead of what counts.
    rings.ring(options.seed, length / 2).await?;
    reference.ring(options.seed, length / 2).await?;
    for pair in 0..options.pairs {
        let seed = options.seed + 1 + pair as u64;
        halves.push(if pair % 2 == 0 {
            let pops = rings.ring(seed, length).await?;
            (pops, reference.ring(seed, length).await?)
        } else {
            let echoes = reference.ring(seed, length).await?;
            (rings.ring(seed, length).await?, echoes)
        });
    }
    Ok(rows(options, &halves, &cost))
}

/// What desktops cost that connected when the server had `before` bytes, and are left alone.
async fn cost(ringside: &Server, before: u64, desktops: usize) -> Result<Cost, Error> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    let cpu_before = ringside.cpu_nanos()?;
    tokio::time::sleep(IDLE).await;
    let cpu = ringside.cpu_nanos()? - cpu_before;
    let bytes = ringside.anonymous()?.saturating_sub(before);
    Ok(Cost {
        bytes_a_desktop: bytes as f64 / desktops as f64,
        cpu: cpu as f64 / IDLE.as_nanos() as f64,
    })
}

fn rows(options: &Options, halves: &[(Half, Half)], cost: &Cost) -> Vec<Row> {
    let scale = format!("{} desktops, {}/s", options.desktops, options.rate);
    let taken: Vec<(f64, f64)> = halves
        .iter()
        .map(|(pops, echoes)| (pops.latency(0.99), echoes.latency(0.99)))
        .collect();
    let median = |of: &dyn Fn(&(Half, Half)) -> f64| pairs::median(halves.iter().map(of).collect());
    let us = |nanos: f64| nanos / 1e3;
    let (lost, twice) = halves.iter().fold((0, 0), |(lost, twice), (pops, _)| {
        (lost + pops.lost, twice + pops.twice)
    });
    let told: usize = halves.iter().map(|(pops, _)| pops.count()).sum();
    let mut row = Row::of_ratio(
        NAME,
        scale.clone(),
        options.pairs,
        pairs::of_pairs(&taken),
        TARGET,
    );
    row.detail = format!(
        "p99 {:.0} µs beside {:.0} µs, medians {:.0} and {:.0} µs; {told} pops, {lost} lost, {twice} twice; \
         {:.1} KiB and {:.1} µs of CPU a second each while idle",
        us(median(&|half| half.0.latency(0.99))),
        us(median(&|half| half.1.latency(0.99))),
        us(median(&|half| half.0.latency(0.5))),
        us(median(&|half| half.1.latency(0.5))),
        cost.bytes_a_desktop / 1024.0,
        cost.cpu * 1e6 / options.desktops as f64,
    );
    let late = median(&|half| half.0.lateness(0.99) / half.0.latency(0.99));
    if late > LATE {
        row.status = "invalid";
        row.detail
            .push_str(&format!("; rings were posted {:.0} % of that late", late * 100.0));
    }
    if lost + twice > 0 {
        row.status = "missed";
    }
    let memory = Row::of_measure(
        ("desktop", "memory of a desktop that is told nothing, KiB"),
        scale.clone(),
        cost.bytes_a_desktop / 1024.0,
        "of the server's own, by its resident anonymous memory; the kernel's buffers are beside it".into(),
    );
    let idle = Row::of_measure(
        ("desktop", "CPU of desktops that are told nothing, % of a core"),
        scale,
        cost.cpu * 100.0,
        "heartbeats".into(),
    );
    vec![row, memory, idle]
}

/// A data folder of one's own with the made-up customers: calls are kept in it, and are not to be found by the next run.
fn copied(folder: &Path) -> Result<tempfile::TempDir, Error> {
    println!("building {CUSTOMERS} typical customers …");
    let (snapshot, _) = customers::snapshot(folder, CUSTOMERS, Profile::Typical)
        .map_err(|error| Error::other(error.to_string()))?;
    let tenant = snapshot.parent().ok_or_else(|| Error::other("no folder"))?;
    let data = tempfile::tempdir()?;
    let there = data.path().join(tenant.file_name().unwrap_or_default());
    std::fs::create_dir(&there)?;
    for entry in std::fs::read_dir(tenant)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), there.join(entry.file_name()))?;
        } else if entry.file_name() == "log" {
            std::fs::create_dir(there.join("log"))?;
            for segment in std::fs::read_dir(entry.path())? {
                let segment = segment?;
                std::fs::copy(segment.path(), there.join("log").join(segment.file_name()))?;
            }
        }
    }
    Ok(data)
}

/// Room for all the sockets.
pub(crate) fn raise_files() -> Result<(), Error> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).map_err(Error::from)
}
