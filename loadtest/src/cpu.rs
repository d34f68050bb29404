//! CPU of a lookup over HTTP beside the bare server: row 4.

use std::io::Error;
use std::path::PathBuf;

use crate::Row;
use crate::customers::{self, Profile};
use crate::pairs;
use crate::server::{self, Server};
use crate::{client, lookup};

/// Options of `loadtest cpu`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Interleaved pairs.
    #[arg(long, default_value_t = 10)]
    pairs: usize,
    /// Requests in one half of a pair.
    #[arg(long, default_value_t = 100_000)]
    requests: u64,
    /// Connections, each with one request at a time.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Where the snapshots are kept between runs.
    #[arg(long, default_value = "target/loadtest")]
    folder: PathBuf,
}

/// How the answer to a known number begins.
const HIT: &[u8] = br#"{"found":true"#;
const MANY: u64 = 1_000_000;
const FEW: u64 = 10_000;

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>, Error> {
    server::pin_self(server::CLIENT_CORE)?;
    let lookup = lookup::nanos_of_a_hit(&options.folder, MANY)?;
    let (ring, bare) = taken(options, MANY, |nth| path(nth, MANY))?;
    let beyond: Vec<(f64, f64)> = ring
        .iter()
        .zip(&bare)
        .map(|(ring, bare)| (ring - bare, lookup + 300.0))
        .collect();
    let mut rows = vec![Row::of_ratio(
        (
            "4a",
            "server CPU of an HTTP lookup beyond the bare server, beside row 1's lookup + 300 ns",
        ),
        format!("{MANY} customers"),
        options.pairs,
        pairs::of_pairs(&beyond),
        1.0,
    )];
    rows[0].detail.push_str(&format!(
        "; Ringside {:.0} ns, bare hyper {:.0} ns, lookup {lookup:.0} ns",
        pairs::median(ring),
        pairs::median(bare)
    ));
    let (ring, bare) = taken(options, FEW, |nth| path(nth, FEW))?;
    let ratios: Vec<(f64, f64)> = ring.into_iter().zip(bare).collect();
    rows.push(Row::of_ratio(
        ("4b", "server CPU of an HTTP lookup beside the bare server"),
        format!("{FEW} customers"),
        options.pairs,
        pairs::of_pairs(&ratios),
        1.05,
    ));
    Ok(rows)
}

fn path(nth: u64, customers: u64) -> String {
    let scattered = nth.wrapping_mul(0x2545_f491_4f6c_dd1d) % customers;
    format!("/v1/lookup?ani=%2B{}", customers::number(scattered))
}

/// CPU nanoseconds a request of Ringside and of the bare server, pair by pair.
fn taken(options: &Options, customers: u64, path: fn(u64) -> String) -> Result<(Vec<f64>, Vec<f64>), Error> {
    println!("building {customers} typical customers …");
    let (snapshot, _) = customers::snapshot(&options.folder, customers, Profile::Typical)
        .map_err(|error| Error::other(error.to_string()))?;
    let data = snapshot
        .parent()
        .and_then(|tenant| tenant.parent())
        .ok_or_else(|| Error::other("no folder"))?;
    let ring = Server::ringside(data)?;
    let answer = client::get(ring.address, &path(0))?;
    if !answer.starts_with(br#"{"found":true"#) {
        return Err(Error::other(format!(
            "expected a hit, found {}",
            String::from_utf8_lossy(&answer)
        )));
    }
    let bare = Server::bare(answer.len())?;
    println!(
        "measuring {} pairs of {} requests, {} B each …",
        options.pairs,
        options.requests,
        answer.len()
    );
    let run = |server: &Server, expected: &'static [u8]| {
        let before = server.cpu_nanos()?;
        client::closed_loop(
            server.address,
            options.connections,
            options.requests,
            path,
            expected,
        )?;
        Ok::<_, Error>((server.cpu_nanos()? - before) as f64 / options.requests as f64)
    };
    run(&ring, HIT)?;
    run(&bare, b"")?;
    let (mut of_ring, mut of_bare) = (Vec::new(), Vec::new());
    for pair in 0..options.pairs {
        if pair % 2 == 0 {
            of_ring.push(run(&ring, HIT)?);
            of_bare.push(run(&bare, b"")?);
        } else {
            of_bare.push(run(&bare, b"")?);
            of_ring.push(run(&ring, HIT)?);
        }
    }
    Ok((of_ring, of_bare))
}
