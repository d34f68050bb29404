//! From exec to the first correct answer, row 9, and what the server has in memory then.

use std::io::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::Row;
use crate::client;
use crate::customers::{self, Profile};
use crate::pairs;
use crate::server::Server;

/// Options of `loadtest startup`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Interleaved pairs.
    #[arg(long, default_value_t = 10)]
    pub(crate) pairs: usize,
    /// Customers of the large snapshot.
    #[arg(long, default_value_t = 10_000_000)]
    pub(crate) customers: u64,
    /// Where the snapshots are kept between runs.
    #[arg(long, default_value = "target/loadtest")]
    pub(crate) folder: PathBuf,
}

const FEW: u64 = 10_000;
const MOST_MORE_MS: f64 = 20.0;

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>, Error> {
    let data = |customers| -> Result<PathBuf, Error> {
        println!("building {customers} small customers …");
        let (path, snapshot) = customers::snapshot(&options.folder, customers, Profile::Small)
            .map_err(|error| Error::other(error.to_string()))?;
        snapshot
            .populate(0, u64::MAX)
            .map_err(|error| Error::other(error.to_string()))?;
        let folder = path
            .parent()
            .and_then(Path::parent)
            .ok_or_else(|| Error::other("no folder"))?;
        Ok(folder.to_owned())
    };
    let (many, few) = (data(options.customers)?, data(FEW)?);
    println!("measuring {} pairs …", options.pairs);
    let (mut taken, mut memory) = (Vec::new(), (0, 0));
    for pair in 0..=options.pairs {
        let (of_many, of_few) = if pair % 2 == 0 {
            let of_many = started(&many, options.customers)?;
            (of_many, started(&few, FEW)?)
        } else {
            let of_few = started(&few, FEW)?;
            (started(&many, options.customers)?, of_few)
        };
        memory = (of_many.anonymous, of_few.anonymous);
        // The first pair warms the page cache with the program itself.
        if pair > 0 {
            taken.push((of_many.millis, of_few.millis));
        }
    }
    let mut more: Vec<f64> = taken.iter().map(|(many, few)| many - few).collect();
    more.sort_unstable_by(f64::total_cmp);
    let ratio = pairs::of_pairs(&taken);
    let detail = format!("{:.1} ms beside {:.1} ms", ratio.nanos.0, ratio.nanos.1);
    let name = (
        "9",
        "exec to first correct answer, ms more than with 10 000 customers",
    );
    let scale = format!("{} customers", options.customers);
    let more_memory = memory.0 as f64 - memory.1 as f64;
    let anonymous = Row::of_measure(
        ("memory", "anonymous memory of a server, bytes a number"),
        scale.clone(),
        more_memory.max(0.0) / (options.customers - FEW) as f64,
        format!("{} KiB beside {} KiB with {FEW}", memory.0 >> 10, memory.1 >> 10),
    );
    let figure = Row::of_figure(name, scale, pairs::median(more.clone()), MOST_MORE_MS, detail);
    let startup = Row {
        pairs: options.pairs,
        low: more[0],
        high: more[more.len() - 1],
        ..figure
    };
    Ok(vec![startup, anonymous])
}

/// A server that has given its first answer.
struct Started {
    /// Since the program was started.
    millis: f64,
    /// Bytes of memory that is no file's.
    anonymous: u64,
}

/// Starts the program, and has it give its first answer, which must be right.
fn started(data: &Path, customers: u64) -> Result<Started, Error> {
    let nth = customers / 2;
    let start = Instant::now();
    let server = Server::ringside(data)?;
    let answer = client::get(
        server.address,
        &format!("/v1/lookup?ani=%2B{}", customers::number(nth)),
    )?;
    let taken: Duration = start.elapsed();
    let expected = format!("\"customer_id\":\"c-{nth}\"");
    if !String::from_utf8_lossy(&answer).contains(&expected) {
        return Err(Error::other(format!(
            "expected {expected}, found {}",
            String::from_utf8_lossy(&answer)
        )));
    }
    Ok(Started {
        millis: taken.as_secs_f64() * 1000.0,
        anonymous: server.anonymous()?,
    })
}
