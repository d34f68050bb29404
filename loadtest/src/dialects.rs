//! What each dialect costs beside the native lookup: server CPU a request, and p99 of one caller's answers.
//!
//! One server answers everything, in interleaved halves: the native lookup, the dialect, the dialect, the native lookup.
//! Every answer is checked to be that customer's. A dialect that this build does not answer is told as not run.

mod exchanges;

use std::io::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

use crate::Row;
use crate::client::{self, Connection, Exchange};
use crate::customers::{self, Profile};
use crate::pairs;
use crate::server::{self, Server};
use exchanges::{EXCHANGES, Kind, NATIVE};

/// Options of `loadtest dialects`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Interleaved pairs for each dialect.
    #[arg(long, default_value_t = 8)]
    pairs: usize,
    /// Requests in one half of a pair, for CPU.
    #[arg(long, default_value_t = 40_000)]
    requests: usize,
    /// Requests of one caller in one half of a pair, for p99.
    #[arg(long, default_value_t = 10_000)]
    timed: usize,
    /// Connections, each with one request at a time, for CPU.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// A look in a minute: 3 pairs of 4,000 requests.
    #[arg(long)]
    quick: bool,
    /// Only exchanges whose names contain this.
    #[arg(long)]
    only: Option<String>,
    /// Where the snapshots are kept between runs.
    #[arg(long, default_value = "target/loadtest")]
    folder: PathBuf,
}

const CUSTOMERS: u64 = 100_000;
/// Customers that are asked for, over and over.
const SAMPLE: usize = 4096;
/// The most that a dialect may cost, beside the native lookup.
const TARGET: f64 = 1.5;
/// Answers to the same request take from run to run what they take; the slowest of a hundred is what a caller plans for.
const PERCENTILE: usize = 99;

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>, Error> {
    server::pin_self(server::CLIENT_CORE)?;
    println!("building {CUSTOMERS} typical customers …");
    let (snapshot, _) = customers::snapshot(&options.folder, CUSTOMERS, Profile::Typical)
        .map_err(|error| Error::other(error.to_string()))?;
    let data = snapshot
        .parent()
        .and_then(|tenant| tenant.parent())
        .ok_or_else(|| Error::other("no folder"))?;
    let server = Server::patient(data)?;
    let options = &Options {
        pairs: if options.quick { 3 } else { options.pairs },
        requests: if options.quick { 4_000 } else { options.requests },
        timed: if options.quick { 2_000 } else { options.timed },
        only: options.only.clone(),
        folder: options.folder.clone(),
        ..*options
    };
    let native = asked(&NATIVE, server.address)?;
    let run = |exchanges: &[Exchange]| half(options, &server, exchanges);
    run(&native)?;
    let only = options.only.as_deref().unwrap_or_default();
    let mut rows = Vec::new();
    for kind in EXCHANGES.iter().filter(|kind| kind.what().contains(only)) {
        println!("measuring {} pairs: {} …", options.pairs, kind.what());
        let exchanges = match asked(kind, server.address) {
            Ok(exchanges) => exchanges,
            Err(error) => {
                rows.extend(not_run(kind, &error));
                continue;
            }
        };
        run(&exchanges)?;
        let (mut cpu, mut p99, mut p50) = (Vec::new(), Vec::new(), Vec::new());
        for pair in 0..options.pairs {
            let (dialect, beside) = if pair % 2 == 0 {
                let beside = run(&native)?;
                (run(&exchanges)?, beside)
            } else {
                let dialect = run(&exchanges)?;
                (dialect, run(&native)?)
            };
            cpu.push((dialect.cpu, beside.cpu));
            p99.push((dialect.p99, beside.p99));
            p50.push((dialect.p50, beside.p50));
        }
        for (name, taken) in kind.rows.into_iter().zip([cpu, p99]) {
            let scale = format!("{CUSTOMERS} customers");
            rows.push(Row::of_ratio(
                name,
                scale,
                options.pairs,
                pairs::of_pairs(&taken),
                TARGET,
            ));
        }
        let (dialect, beside) = pairs::of_pairs(&p50).nanos;
        if let Some(row) = rows.last_mut() {
            row.detail
                .push_str(&format!("; medians {dialect:.0} ns and {beside:.0} ns"));
        }
    }
    Ok(rows)
}

/// Nanoseconds of one half of a pair.
#[derive(Debug, Clone, Copy)]
struct Half {
    /// Of the server's CPU, a request.
    cpu: f64,
    /// From sending to the whole answer, of one caller.
    p99: f64,
    /// The same of the middle one: what p99 is where nobody else takes the cores.
    p50: f64,
}

fn half(options: &Options, server: &Server, exchanges: &[Exchange]) -> Result<Half, Error> {
    let before = server.cpu_nanos()?;
    client::exchanges(
        server.address,
        options.connections,
        options.requests,
        exchanges,
        |_| (),
    )?;
    let cpu = (server.cpu_nanos()? - before) as f64 / options.requests as f64;
    let mut taken = Vec::with_capacity(options.timed);
    client::exchanges(server.address, 1, options.timed, exchanges, |begun| {
        taken.push(Instant::now().duration_since(begun).as_nanos() as u64);
    })?;
    taken.sort_unstable();
    let p99 = taken[(taken.len() * PERCENTILE / 100).min(taken.len() - 1)] as f64;
    let p50 = taken[taken.len() / 2] as f64;
    Ok(Half { cpu, p99, p50 })
}

/// The exchanges of `kind` with each customer of the sample, having seen that the first is answered as it should be.
fn asked(kind: &Kind, address: SocketAddr) -> Result<Vec<Exchange>, Error> {
    let sample = (0..SAMPLE as u64).map(|nth| nth.wrapping_mul(0x2545_f491_4f6c_dd1d) % CUSTOMERS);
    let exchanges = match &kind.learned {
        None => sample.map(|nth| kind.exchange(nth, "")).collect(),
        Some(learned) => client::with_connection(address, async |connection: &mut Connection| {
            let mut exchanges = Vec::with_capacity(SAMPLE);
            for nth in sample {
                let (_, answer) = connection.exchange(&learned.request(nth)).await?;
                let id = learned.id(answer)?;
                exchanges.push(kind.exchange(nth, &id));
            }
            Ok(exchanges)
        })?,
    };
    client::exchanges(address, 1, 1, &exchanges, |_| ())?;
    Ok(exchanges)
}

fn not_run(kind: &Kind, error: &Error) -> Vec<Row> {
    kind.rows
        .into_iter()
        .map(|name| Row {
            status: "not_run",
            ..Row::of_figure(
                name,
                String::new(),
                f64::NAN,
                TARGET,
                error.to_string().chars().take(200).collect(),
            )
        })
        .collect()
}
