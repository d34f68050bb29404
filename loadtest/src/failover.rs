//! How long the address of a pair is silent when its node or Ringside on it dies, freezes, is cut off or hands over, as
//! seen by a thousand lookups a second: rows 16a, 16b and 16c.
//!
//! Two sets of machines stand in network namespaces: the pair as it is deployed (keepalived, watchdogs, Ringside, and
//! NATS on three machines), and beside it, as the floor, keepalived alone under the same configuration with a bare server
//! behind the address, where nothing of ours runs. The same callers ask both. Each act is done to the pair and its
//! counterpart to the floor by turns, A B B A; the pair is whole again, and the callers are answered, before the next.

mod act;
mod callers;
mod floor;
mod nodes;
mod run;
mod silence;
mod table;

use std::io::{Error, ErrorKind};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::geteuid;

use crate::Row;
use act::Act;
use floor::Floor;
use nodes::Nodes;
use run::Ran;

/// Options of `loadtest failover`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often each act is done, to the pair and to the floor.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// Twice each.
    #[arg(long, conflicts_with = "runs")]
    quick: bool,
    /// Time between two adverts of keepalived, in seconds.
    #[arg(long, default_value = "0.1", value_parser = seconds)]
    advert: f64,
    /// Only these acts.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Act>,
}

impl Options {
    fn runs(&self) -> u32 {
        if self.quick { 2 } else { self.runs }
    }
}

/// One act, and what came of it each time.
#[derive(Debug)]
struct Acted {
    act: Act,
    pair: Vec<Ran>,
    floor: Vec<Ran>,
}

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>, Error> {
    check()?;
    crate::pops::raise_files()?;
    let acts: Vec<Act> = Act::ALL
        .into_iter()
        .filter(|act| options.only.is_empty() || options.only.contains(act))
        .collect();
    println!("starting keepalived alone, and a pair of nodes …");
    let mut floor = Floor::start(options.advert)?;
    let mut pair = Nodes::start(options.advert)?;
    let mut acted: Vec<Acted> = acts
        .iter()
        .map(|act| Acted {
            act: *act,
            pair: Vec::new(),
            floor: Vec::new(),
        })
        .collect();
    let done = act_all(options, &mut acted, &mut pair, &mut floor);
    drop((pair, floor));
    // Also of what was done until something did not work.
    print!("{}", table::text(&acted, options.advert));
    done?;
    Ok(table::rows(&acted, options.advert))
}

/// Does each act as often as it is to be done, to the pair and the floor by turns.
fn act_all(options: &Options, acted: &mut [Acted], pair: &mut Nodes, floor: &mut Floor) -> Result<(), Error> {
    for nth in 0..options.runs() {
        for of in &mut *acted {
            let is_first = nth % 2 == 0;
            for is_pair in [is_first, !is_first] {
                if is_pair {
                    of.pair.push(run::run(pair, of.act)?);
                } else {
                    of.floor.push(run::run(floor, of.act)?);
                }
            }
            if let (Some(pair), Some(floor)) = (of.pair.last(), of.floor.last()) {
                println!(
                    "{} of {}: {}: {} ms, keepalived alone {} ms",
                    nth + 1,
                    options.runs(),
                    of.act.label(),
                    table::ms(pair.struck.silence),
                    table::ms(floor.struck.silence)
                );
            }
        }
    }
    Ok(())
}

/// Says what is missing.
fn check() -> Result<(), Error> {
    if !geteuid().is_root() {
        return Err(Error::new(
            ErrorKind::PermissionDenied,
            "expected to run as root, who alone makes network namespaces: run cargo build --release, then \
             sudo target/release/loadtest failover",
        ));
    }
    for (program, argument, script) in [
        ("ip", "-V", "keepalived.sh"),
        ("nft", "--version", "keepalived.sh"),
        ("keepalived", "--version", "keepalived.sh"),
        ("nats-server", "--version", "nats.sh"),
    ] {
        let ran = Command::new(program)
            .arg(argument)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if let Err(error) = ran {
            return Err(Error::new(
                error.kind(),
                format!("{program} cannot be run: {error}; tests/servers/install/{script} installs it"),
            ));
        }
    }
    Ok(())
}

/// A time between adverts: VRRP has them in hundredths of a second.
fn seconds(text: &str) -> Result<f64, String> {
    let expected = || format!("expected seconds from 0.01 to 40.95, found {text:?}");
    let seconds: f64 = text.parse().map_err(|_| expected())?;
    if (0.01..=40.95).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(expected())
    }
}

/// Lets `time` pass.
fn pass(time: Duration) {
    let begun = std::time::Instant::now();
    while let Some(left) = time.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adverts_are_as_far_apart_as_vrrp_knows() {
        assert!(seconds("0.02").is_ok_and(|seconds| (seconds - 0.02).abs() < 1e-9));
        for wrong in ["0", "41", "x", "", "NaN", "-1"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
