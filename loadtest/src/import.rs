//! Row 10b, and row 11 of a build: an import of NDJSON beside one pass of `serde_json` over the same file.
//!
//! The pass is what any import has to do at the least: the file is cut at ends of lines into as many parts as an import
//! has workers, and on as many threads each line is read and parsed into a `serde_json::Value`, which is dropped. The import
//! is the whole of what a person waits for: it ends with a snapshot whose tables are built and whose bytes are durable.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufRead, BufReader, BufWriter, Error, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ringside::customer::Schema;
use ringside::customer::document::Limits;
use ringside::intake::Intake;
use ringside::number::{Numbering, Settings};
use ringside::snapshot::export;
use ringside::snapshot::import::{self, Format, Input, Mapping, Target};
use serde_json::Value;

use crate::Row;
use crate::centre::{MEMORY, other};
use crate::customers::{self, Profile};
use crate::memory::{bound, watched};
use crate::pairs;

/// Options of `loadtest import`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Customers.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) customers: u64,
    /// Ten million customers, which takes 30 GB of disk.
    #[arg(long)]
    pub(crate) full: bool,
    /// Interleaved pairs.
    #[arg(long, default_value_t = 10)]
    pub(crate) pairs: usize,
    /// Where snapshots are kept between runs, and what is imported and built for a while.
    #[arg(long, default_value = "target/loadtest")]
    pub(crate) folder: PathBuf,
}

/// Bytes read of the file at a time, as an import reads them.
const READ: usize = 1 << 18;
/// Threads that an import parses on, at the most.
const MOST_THREADS: usize = 8;

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>, Error> {
    let customers = if options.full {
        10_000_000
    } else {
        options.customers
    };
    println!("building {customers} typical customers …");
    let (_, snapshot) = customers::snapshot(&options.folder, customers, Profile::Typical)
        .map_err(|error| Error::other(error.to_string()))?;
    let dir = tempfile::tempdir_in(&options.folder)?;
    crate::processes::remove_with_us(dir.path());
    let input = dir.path().join("customers.ndjson");
    export::export(&snapshot, &mut BufWriter::new(File::create(&input)?), |_| ()).map_err(other)?;
    File::open(&input)?.sync_all()?;
    let importing = Importing {
        mapping: mapping(snapshot.schema())?,
        intake: Intake::new(
            Numbering::new(&Settings::builtin()).map_err(other)?,
            Limits::default(),
        ),
        dir: dir.path().join("build"),
        customers,
        input,
    };
    drop(snapshot);
    importing.rows(options.pairs)
}

fn mapping(schema: &Schema) -> Result<Mapping, Error> {
    Mapping::parse(&export::mapping(schema).map_err(other)?).map_err(other)
}

struct Importing {
    mapping: Mapping,
    intake: Intake,
    dir: PathBuf,
    customers: u64,
    input: PathBuf,
}

impl Importing {
    fn rows(&self, pairs: usize) -> Result<Vec<Row>, Error> {
        let threads = std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(MOST_THREADS);
        println!("row 10b: {pairs} pairs, {threads} threads …");
        let (mut taken, mut peak) = (Vec::new(), 0);
        for pair in 0..=pairs {
            let ahead = if pair % 2 == 1 {
                Some(self.parsed(threads)?)
            } else {
                None
            };
            let (built, more) = watched(|| self.imported())?;
            let imported = built?;
            let parsed = match ahead {
                Some(parsed) => parsed,
                None => self.parsed(threads)?,
            };
            peak = peak.max(more);
            // The first pair warms the page cache.
            if pair > 0 {
                taken.push((imported.as_nanos() as f64, parsed.as_nanos() as f64));
            }
        }
        let ratio = pairs::of_pairs(&taken);
        let scale = format!("{} customers, {threads} threads", self.customers);
        let name = "import of NDJSON, beside one pass of serde_json into values on as many threads";
        let mut row = Row::of_ratio(("10b", name), scale.clone(), pairs, ratio, 2.0);
        row.detail = format!(
            "{:.2} s beside {:.2} s, {:.2} GB; {:.0} customers/s",
            ratio.nanos.0 / 1e9,
            ratio.nanos.1 / 1e9,
            fs::metadata(&self.input)?.len() as f64 / 1e9,
            self.customers as f64 * 1e9 / ratio.nanos.0
        );
        let bound = bound(self.customers);
        let name = "peak anonymous memory of an import, as a share of the bound";
        let detail = format!("{} MiB of {} MiB", peak >> 20, bound >> 20);
        let memory = Row::of_figure(("11", name), scale, peak as f64 / bound as f64, 1.0, detail);
        Ok(vec![row, memory])
    }

    /// How long an import takes.
    fn imported(&self) -> Result<Duration, Error> {
        let target = Target::new(self.dir.clone(), 1, 0, MEMORY);
        let begun = Instant::now();
        let input = Input::open(&self.input, Format::Ndjson).map_err(other)?;
        let built = import::build(input, &self.mapping, &self.intake, target, |_| ()).map_err(other)?;
        let took = begun.elapsed();
        let found = built.summary().customers;
        drop(built);
        fs::remove_dir_all(&self.dir)?;
        if found == self.customers {
            Ok(took)
        } else {
            Err(Error::other(format!(
                "expected {} customers, built {found}",
                self.customers
            )))
        }
    }

    /// How long the pass takes.
    fn parsed(&self, threads: usize) -> Result<Duration, Error> {
        let begun = Instant::now();
        let parts = parts(&self.input, threads)?;
        let lines = std::thread::scope(|scope| {
            let parsing: Vec<_> = parts
                .windows(2)
                .map(|part| scope.spawn(|| parse(&self.input, part[0], part[1])))
                .collect();
            parsing.into_iter().try_fold(0, |lines, thread| {
                let parsed = thread.join().map_err(|_| Error::other("a parser panicked"))??;
                Ok::<u64, Error>(lines + parsed)
            })
        })?;
        if lines == self.customers {
            Ok(begun.elapsed())
        } else {
            Err(Error::other(format!(
                "expected {} lines, parsed {lines}",
                self.customers
            )))
        }
    }
}

/// Where each of `count` parts of the file begins, at a line's beginning, and where the last one ends.
fn parts(path: &Path, count: usize) -> Result<Vec<u64>, Error> {
    let mut file = BufReader::new(File::open(path)?);
    let length = file.get_ref().metadata()?.len();
    let mut parts = vec![0];
    for nth in 1..count as u64 {
        let near = file.seek(SeekFrom::Start(length * nth / count as u64))?;
        let behind = file.skip_until(b'\n')? as u64;
        parts.push(near + behind);
    }
    parts.push(length);
    Ok(parts)
}

/// Parses the lines from byte `from` to byte `to`; how many there are.
fn parse(path: &Path, from: u64, to: u64) -> Result<u64, Error> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut lines = BufReader::with_capacity(READ, file).take(to - from);
    let (mut line, mut count) = (Vec::new(), 0);
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(count);
        }
        black_box(serde_json::from_slice::<Value>(&line)?);
        count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_every_line_once() -> Result<(), Error> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("lines");
        let lines: String = (0..100).map(|nth| format!("{{\"id\":{nth}}}\n")).collect();
        fs::write(&path, lines)?;
        for count in 1..9 {
            let parts = parts(&path, count)?;
            let mut lines = 0;
            for part in parts.windows(2) {
                lines += parse(&path, part[0], part[1])?;
            }
            assert_eq!((parts.len(), lines), (count + 1, 100));
        }
        Ok(())
    }
}
