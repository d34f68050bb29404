//! What a native lookup costs from the parsed call to the body's bytes, beside the index's part of it.
//!
//! `cargo bench --bench answer`; sizes as in `made/centre.rs`. For counts of instructions, which do not depend on who else uses
//! the machine: `RINGSIDE_BENCH_COUNT=hit:1000000 perf stat -e instructions:u target/release/deps/answer-…`, less that of
//! `none:1000000`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a benchmark that cannot set up should stop"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use criterion::{BenchmarkId, Criterion, criterion_group};
use ringside::callers::{Call, Dialect, Speakers};
use ringside::index::{Found, Index};

#[path = "made/centre.rs"]
mod centre;

use centre::{Profile, customers};

/// Different numbers that are asked for: more than caches keep the records of.
const ASKED: u64 = 1 << 16;

struct Bench {
    index: Arc<Index>,
    speakers: Speakers,
    hits: Vec<(u64, String)>,
    misses: Vec<(u64, String)>,
    out: BytesMut,
    next: usize,
}

impl Bench {
    fn new(count: u64) -> Bench {
        let (index, _writer) = centre::index(&centre::snapshot(count, Profile::Typical));
        let asked = |key: fn(u64) -> u64| {
            let asked = (0..ASKED).map(|nth| key(centre::scattered(nth, count)));
            asked.map(|key| (key, format!("ani=%2B{key}"))).collect()
        };
        Bench {
            speakers: centre::speakers(Arc::clone(&index)),
            index,
            hits: asked(customers::number),
            misses: asked(customers::absent),
            out: BytesMut::with_capacity(1 << 20),
            next: 0,
        }
    }

    fn place(&mut self) -> usize {
        self.next = (self.next + 1) % self.hits.len();
        self.next
    }

    /// A call for `query`, as `http` makes it, whose body is handed on and let go.
    fn call(&mut self, method: &str, query: &str, body: &[u8]) -> usize {
        let call = Call {
            method,
            path: "/v1/lookup",
            query,
            content_type: (!body.is_empty()).then_some("application/json"),
            host: Some("localhost"),
            body,
            ..Call::default()
        };
        self.out.reserve(4 << 10);
        let spoken = self.speakers.get(Dialect::Native).unwrap();
        let reply = spoken.answer(black_box(&call), &mut self.out).unwrap();
        assert_eq!(reply.status, 200);
        self.out.split().len()
    }

    fn find(&self, key: u64) -> usize {
        self.index.read(|view| {
            Ok(match view.find(black_box(key))? {
                Found::One(record) => record.json().len(),
                Found::Nobody | Found::Several(_) => 0,
            })
        })
    }

    /// One of what has a name; gives the bytes of its answer.
    fn once(&mut self, what: &str) -> usize {
        let nth = self.place();
        match what {
            "none" => black_box(nth),
            "index hit" => self.find(self.hits[nth].0),
            "index miss" => self.find(self.misses[nth].0),
            "hit" | "flat" | "text" | "fields" => {
                let mut query = std::mem::take(&mut self.hits[nth].1);
                let bare = query.len();
                query.push_str(match what {
                    "flat" => "&format=flat",
                    "text" => "&format=text",
                    "fields" => "&fields=name,queue,customer.company",
                    _ => "",
                });
                let written = self.call("GET", &query, &[]);
                query.truncate(bare);
                self.hits[nth].1 = query;
                written
            }
            "miss" => {
                let query = std::mem::take(&mut self.misses[nth].1);
                let written = self.call("GET", &query, &[]);
                self.misses[nth].1 = query;
                written
            }
            "batch of 256" => {
                let asked = self
                    .hits
                    .iter()
                    .cycle()
                    .skip(nth * 256 % self.hits.len())
                    .take(256);
                let asked: Vec<String> = asked.map(|(key, _)| format!("\"+{key}\"")).collect();
                let body = format!("{{\"anis\":[{}]}}", asked.join(","));
                self.call("POST", "", body.as_bytes())
            }
            _ => panic!(
                "expected none, index hit, index miss, hit, miss, flat, text, fields or batch of 256, found {what}"
            ),
        }
    }
}

fn answers(criterion: &mut Criterion) {
    for count in centre::sizes(&[10_000, 1_000_000]) {
        let mut bench = Bench::new(count);
        let mut group = criterion.benchmark_group("answer");
        group
            .warm_up_time(Duration::from_secs(1))
            .measurement_time(Duration::from_secs(3));
        for what in [
            "index hit",
            "hit",
            "index miss",
            "miss",
            "flat",
            "text",
            "fields",
            "batch of 256",
        ] {
            group.bench_function(BenchmarkId::new(what, count), |bencher| {
                bencher.iter(|| bench.once(what));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, answers);

fn main() {
    let Ok(counted) = std::env::var("RINGSIDE_BENCH_COUNT") else {
        benches();
        return Criterion::default().configure_from_args().final_summary();
    };
    let (what, times) = counted
        .rsplit_once(':')
        .expect("RINGSIDE_BENCH_COUNT: expected WHAT:TIMES");
    let mut bench = Bench::new(centre::sizes(&[10_000])[0]);
    let begun = Instant::now();
    let times: u32 = times.parse().unwrap();
    let mut bytes = 0;
    for _ in 0..times {
        bytes += black_box(bench.once(what));
    }
    eprintln!(
        "{what}: {:.1} ns, {} bytes",
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(times),
        bytes / times as usize
    );
}
