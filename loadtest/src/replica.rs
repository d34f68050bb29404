//! What keeping customers current costs: rows 7, 8, 10a, 11, 14 in process and 18, and the sizes and rates of the change log.
//!
//! Everything is in process, over customers of about 600 bytes; nothing goes through a socket.

mod gone;
mod lines;
mod maps;
mod merge;
mod rates;
mod tail;

use std::io::Error;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::Row;
use crate::centre::Centre;
use crate::customers::{self, Profile};
use crate::memory::anonymous;
use crate::reads;

#[derive(Args)]
pub(crate) struct Options {
    /// Customers, with one number each.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) customers: u64,
    /// Ten million customers, which takes 10 GB of memory and 30 GB of disk.
    #[arg(long)]
    pub(crate) full: bool,
    /// Interleaved pairs.
    #[arg(long, default_value_t = 10)]
    pub(crate) pairs: usize,
    /// Seconds of one half of a pair of row 7, and between two swaps of row 8.
    #[arg(long, default_value_t = 2)]
    pub(crate) seconds: u64,
    /// Changes that are brought back from the log.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) changes: u64,
    /// Lookups that are checked by the oracle.
    #[arg(long, default_value_t = 10_000_000)]
    pub(crate) reads: u64,
    /// Only these parts.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<Part>,
    /// Where snapshots are kept between runs, and logs for a while: on the disk that is to be measured.
    #[arg(long, default_value = "target/loadtest")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Rows 7 and 8.
    Tail,
    /// Rows 10a and 11.
    Merge,
    /// Row 14 and the change log.
    Rates,
    /// Parts that are gone without a word whose they were.
    Gone,
    /// Of which map the overlay should be made.
    Maps,
    /// Row 18.
    Reads,
}

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>, Error> {
    let customers = if options.full {
        10_000_000
    } else {
        options.customers
    };
    let is_in = |part| options.only.is_empty() || options.only.contains(&part);
    if options.only == [Part::Maps] {
        return maps::measure(options.pairs, options.seconds);
    }
    println!("building {customers} typical customers …");
    let (path, _) = customers::snapshot(&options.folder, customers, Profile::Typical)
        .map_err(|error| Error::other(error.to_string()))?;
    let centre = || Centre::new(&options.folder, Some(&path));
    let mut rows = Vec::new();
    if is_in(Part::Tail) {
        rows.extend(tail::measure(
            centre()?,
            customers,
            options.pairs,
            options.seconds,
        )?);
    }
    if is_in(Part::Merge) {
        rows.extend(merge::measure(centre()?, customers, options.pairs)?);
    }
    if is_in(Part::Rates) {
        rows.extend(rates::measure(
            centre()?,
            customers,
            options.pairs,
            options.changes,
        )?);
    }
    if is_in(Part::Gone) {
        rows.extend(gone::measure(centre()?, customers, options.pairs)?);
    }
    if is_in(Part::Maps) {
        rows.extend(maps::measure(options.pairs, options.seconds)?);
    }
    if is_in(Part::Reads) {
        rows.push(reads::count(&options.folder, options.reads, 2, 1)?);
    }
    Ok(rows)
}
