//! CPU of a lookup over HTTP beside the bare server: row 4.

use std::io::Error;
use std::path::PathBuf;

use crate::Row;
use crate::load::rows;
use crate::lookup;
use crate::pairs;
use crate::server;

/// Options of `loadtest cpu`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Interleaved pairs.
    #[arg(long, default_value_t = 12)]
    pub(crate) pairs: usize,
    /// Length of one half of a pair, in seconds.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) seconds: f64,
    /// Connections, each with one request at a time.
    #[arg(long, default_value_t = 16)]
    pub(crate) connections: usize,
    /// Where the snapshots are kept between runs.
    #[arg(long, default_value = "target/loadtest")]
    pub(crate) folder: PathBuf,
}

const MANY: u64 = 1_000_000;
const FEW: u64 = 10_000;
/// What a lookup over HTTP may take beside one in process, in nanoseconds.
const BEYOND: f64 = 300.0;

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>, Error> {
    server::pin_self(server::CLIENT_CORE)?;
    let lookup = lookup::nanos_of_a_hit(&options.folder, MANY)?;
    let taken = taken(options, MANY)?;
    let beyond: Vec<(f64, f64)> = taken
        .iter()
        .map(|(ring, bare)| (ring - bare, lookup + BEYOND))
        .collect();
    let mut many = Row::of_ratio(
        (
            "4a",
            "server CPU of an HTTP lookup beyond the bare server, beside row 1's lookup + 300 ns",
        ),
        format!("{MANY} customers"),
        options.pairs,
        pairs::of_pairs(&beyond),
        1.0,
    );
    many.detail.push_str(&format!(
        "; Ringside {:.0} ns, bare hyper {:.0} ns, lookup {lookup:.0} ns",
        pairs::median(taken.iter().map(|pair| pair.0).collect()),
        pairs::median(taken.iter().map(|pair| pair.1).collect())
    ));
    let few = Row::of_ratio(
        ("4b", "server CPU of an HTTP lookup beside the bare server"),
        format!("{FEW} customers"),
        options.pairs,
        pairs::of_pairs(&self::taken(options, FEW)?),
        1.05,
    );
    Ok(vec![many, few])
}

/// Pair by pair, of Ringside and of the bare server.
fn taken(options: &Options, customers: u64) -> Result<Vec<(f64, f64)>, Error> {
    println!("measuring {} pairs with {customers} customers …", options.pairs);
    rows::cpu(&rows::Options {
        pairs: options.pairs,
        seconds: options.seconds,
        connections: options.connections,
        customers,
        folder: options.folder.clone(),
        ..rows::Options::default()
    })
}
