//! Rows 13 and 14: how soon a change that was committed in a source is in a lookup's answer, and how fast changes are
//! applied that waited, each beside a bare receiver of the same stream.
//!
//! The sources are real servers, started here on free ports of the loopback and killed at the end; Ringside is the program
//! that was built with this one. While one of the two is measured the other is not there.

mod bulk;
mod documents;
mod file;
mod http;
mod jetstream;
mod mongodb;
mod postgres;
mod single;
mod source;
mod threads;

use std::io::Error;

use clap::{Args, ValueEnum};
use servers::ringside::Ringside;
use tempfile::TempDir;

use crate::Row;
use source::Source;

#[derive(Args)]
pub(crate) struct Options {
    /// Interleaved pairs.
    #[arg(long, default_value_t = 3)]
    pairs: usize,
    /// Changes of one half of a pair of row 13, behind a tenth as many that warm up.
    #[arg(long, default_value_t = 2000)]
    singles: u64,
    /// Changes a second of row 13, Poisson.
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
    /// Changes that wait in one half of a pair of row 14.
    #[arg(long, default_value_t = 200_000)]
    changes: u64,
    /// Only these kinds of feed.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Kind>,
}

/// What delivers the changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Mongodb,
    Postgres,
    Jetstream,
    File,
    Http,
}

impl Kind {
    /// What its rows are called.
    fn rows(self) -> (&'static str, &'static str) {
        match self {
            Kind::Mongodb => ("13-mongodb", "14-mongodb"),
            Kind::Postgres => ("13-postgres", "14-postgres"),
            Kind::Jetstream => ("13-jetstream", "14-jetstream"),
            Kind::File => ("13-file", "14-file"),
            Kind::Http => ("13-http", "14-http"),
        }
    }

    fn source(self) -> Result<Box<dyn Source>, Error> {
        Ok(match self {
            Kind::Mongodb => Box::new(mongodb::MongoDb::start()),
            Kind::Postgres => Box::new(postgres::Postgres::start()?),
            Kind::Jetstream => Box::new(jetstream::JetStream::start()?),
            Kind::File => Box::new(file::Lines::start()?),
            Kind::Http => Box::new(http::Posts::start()?),
        })
    }
}

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for kind in Kind::value_variants() {
        if !(options.only.is_empty() || options.only.contains(kind)) {
            continue;
        }
        let (single, bulk) = kind.rows();
        println!("{kind:?}: starting its server …");
        let mut centre = Centre::new(kind.source()?)?;
        println!(
            "row {single}: {} pairs of {} changes …",
            options.pairs, options.singles
        );
        rows.push(single::measure(&mut centre, single, options)?);
        println!(
            "row {bulk}: {} pairs of {} changes …",
            options.pairs, options.changes
        );
        rows.extend(bulk::measure(&mut centre, bulk, options)?);
    }
    Ok(rows)
}

/// A source, and Ringside's folder over it.
struct Centre {
    source: Box<dyn Source>,
    folder: TempDir,
    /// The next change, counted from 0.
    next: u64,
}

impl Centre {
    /// All customers in the source, and served once.
    fn new(source: Box<dyn Source>) -> Result<Centre, Error> {
        let mut centre = Centre {
            source,
            folder: tempfile::tempdir()?,
            next: 0,
        };
        let first = centre.take(documents::CUSTOMERS);
        if centre.source.is_posted() {
            let ringside = centre.start();
            centre.source.post_to(ringside.callers())?;
            centre.source.put_all(first)?;
        } else {
            centre.source.put_all(first)?;
            let _ringside = centre.served()?;
        }
        Ok(centre)
    }

    /// The next `count` changes.
    fn take(&mut self, count: u64) -> std::ops::Range<u64> {
        let first = self.next;
        self.next += count;
        first..self.next
    }

    fn start(&self) -> Ringside {
        Ringside::start(self.folder.path(), &self.source.config())
    }

    /// Ringside, once it serves every change.
    fn served(&self) -> Result<Ringside, Error> {
        let ringside = self.start();
        single::Eye::new(ringside.callers())?.wait_for(self.next - 1)?;
        Ok(ringside)
    }
}
