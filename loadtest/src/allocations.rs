//! Row 3: allocations on the way of a lookup, from the parsed request to the body of the answer.

#![allow(unsafe_code, reason = "an allocator that counts is unsafe by its trait")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::io::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use clap::Args;
use mimalloc::MiMalloc;
use ringside::callers::{Answers, Attestation, Call, Meters, Native, Source, Treatment};
use ringside::index::{Index, Ownership};
use ringside::metrics::Metrics;
use ringside::number::{Numbering, Settings};
use ringside::replica::Freshness;
use ringside::snapshot::MappedSnapshot;
use ringside::tenant::Tenant;

use crate::Row;
use crate::centre::other;
use crate::customers::{self, Profile};

/// Options of `loadtest allocations`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Customers, with one number each.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) customers: u64,
    /// Lookups that are counted: half of them hits, half of them misses.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) lookups: u64,
    /// Where the snapshots are kept between runs.
    #[arg(long, default_value = "target/loadtest")]
    pub(crate) folder: PathBuf,
}

/// Ahead of counting, so that buffers have their sizes.
const WARM_UP: u64 = 64;
/// Bytes that a connection has for an answer.
const BUFFER: usize = 4 << 10;

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>, Error> {
    println!("building {} typical customers …", options.customers);
    let (_, snapshot) =
        customers::snapshot(&options.folder, options.customers, Profile::Typical).map_err(other)?;
    let native = native(snapshot)?;
    println!("counting in {} lookups …", options.lookups);
    // Requests are made ahead, so that only what answers is counted.
    let queries: Vec<String> = (0..options.lookups + WARM_UP)
        .map(|nth| {
            let number = if nth % 2 == 0 {
                customers::number(nth * 2_654_435_761 % options.customers)
            } else {
                customers::absent(nth)
            };
            format!("ani=%2B{number}")
        })
        .collect();
    let mut buffer = BytesMut::with_capacity(4 * BUFFER);
    let (mut bytes, mut found) = (0, 0_u64);
    let mut answer = |query: &str| -> Result<(), Error> {
        buffer.reserve(BUFFER);
        let call = Call {
            path: "/v1/lookup",
            query,
            ..Call::default()
        };
        let reply = native.answer(&call, &mut buffer);
        // The body is handed on as a connection does it, and its memory is free when that has been sent.
        let body = buffer.split().freeze();
        bytes += body.len();
        found += u64::from(body.starts_with(br#"{"found":true"#));
        if reply.is_none_or(|reply| reply.status != 200) {
            return Err(Error::other(format!("expected an answer to {query}, found none")));
        }
        Ok(())
    };
    let (warm, counted) = queries.split_at(WARM_UP as usize);
    for query in warm {
        answer(query)?;
    }
    let (done, allocations) = count(|| counted.iter().try_for_each(|query| answer(query)));
    done?;
    if found != (options.lookups + WARM_UP) / 2 {
        return Err(Error::other(format!(
            "expected half of {} lookups to find somebody, found {found}",
            options.lookups + WARM_UP
        )));
    }
    let name = (
        "3",
        "allocations of a lookup, from parsed request to response body",
    );
    let detail = format!(
        "{allocations} allocations in all, the number's reading with them; {} B an answer",
        bytes as u64 / (options.lookups + WARM_UP)
    );
    let scale = format!("{} lookups, {} customers", options.lookups, options.customers);
    let each = allocations as f64 / options.lookups as f64;
    Ok(vec![Row::of_figure(name, scale, each, 0.0, detail)])
}

/// The native dialect over `snapshot`, by the rules of the default configuration.
fn native(snapshot: MappedSnapshot) -> Result<Native, Error> {
    let numbering = Numbering::new(&Settings::builtin()).map_err(other)?;
    let (index, _writer) = Index::new(Arc::new(snapshot), Ownership::BUILTIN);
    let tenant = Tenant {
        name: "main".into(),
        index,
        freshness: Arc::new(Freshness::without_feed()),
    };
    let metrics = Metrics::new().map_err(other)?;
    let source = Source {
        tenant: Arc::new(tenant),
        number_rules: Arc::default(),
        answers: Answers {
            matches_max: 100,
            require_attestation: Attestation::None,
            stale_after_s: 0,
        },
        treatment: Arc::new(Treatment::new(&[], &numbering).map_err(other)?),
        meters: Arc::new(Meters::register(&metrics).map_err(other)?),
        tap: None,
        numbering,
    };
    Ok(Native::new(source, 1000))
}

/// Allocations of this thread while `run` runs.
fn count<T>(run: impl FnOnce() -> T) -> (T, u64) {
    let before = ALLOCATIONS.with(Cell::get);
    IS_COUNTING.store(true, Ordering::Relaxed);
    let done = run();
    IS_COUNTING.store(false, Ordering::Relaxed);
    (done, ALLOCATIONS.with(Cell::get) - before)
}

/// The program's allocator. Where nothing is counted it costs what one look at a flag costs.
struct Counting;

static IS_COUNTING: AtomicBool = AtomicBool::new(false);

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn note() {
    if IS_COUNTING.load(Ordering::Relaxed) {
        // A thread that ends may allocate after its counter is gone.
        let _gone = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
    }
}

// SAFETY: everything is handed to the program's allocator, as it came.
unsafe impl GlobalAlloc for Counting {
    // SAFETY: the caller's promises are that allocator's.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: as above.
        unsafe { MiMalloc.alloc(layout) }
    }

    // SAFETY: as above.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: as above.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    // SAFETY: as above.
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { MiMalloc.dealloc(at, layout) }
    }

    // SAFETY: as above.
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: as above.
        unsafe { MiMalloc.realloc(at, layout, size) }
    }
}

/// What runs in this process is measured as in the program's, and so is what it is measured beside.
#[global_allocator]
static COUNTING: Counting = Counting;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_allocates_nothing_and_the_count_is_not_blind() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            customers: 500,
            lookups: 1000,
            folder: folder.path().to_owned(),
        };
        let rows = measure(&options).unwrap();
        assert_eq!(
            (rows[0].status, rows[0].value),
            ("met", 0.0),
            "{}",
            rows[0].detail
        );
        let (_, counted) = count(|| drop(std::hint::black_box(Box::new(7_u64))));
        assert_eq!(counted, 1);
    }
}
