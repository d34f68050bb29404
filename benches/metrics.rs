//! What counting one lookup costs: by each core apart, and by counters that all cores share; alone, and while another core
//! counts in the same ones.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark that cannot set up should stop"
)]

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ringside::metrics::Metrics;

/// A lookup in process takes about this long.
const TOOK: Duration = Duration::from_nanos(900);
const BUCKETS: [u64; 6] = [500, 1000, 2000, 5000, 10_000, 20_000];

fn counting(criterion: &mut Criterion) {
    let metrics = Metrics::new().unwrap();
    let labels = ["dialect", "outcome"];
    let family = metrics
        .counts("ringside_callers_lookups_total", "Own.", &labels, ["hit", "miss"])
        .unwrap();
    let counts = family.of(&["native"]);
    let durations = metrics
        .durations(
            "ringside_callers_lookup_seconds",
            "Own.",
            &BUCKETS.map(Duration::from_nanos),
        )
        .unwrap();
    let counter = metrics.counter("ringside_http_lookups_total", "Shared.").unwrap();
    let histogram = metrics
        .histogram(
            "ringside_http_lookup_seconds",
            "Shared.",
            &BUCKETS.map(|nanos| nanos as f64 / 1e9),
        )
        .unwrap();
    beside(criterion, "counter", "per core", || counts.inc(black_box(0)));
    beside(criterion, "counter", "shared", || counter.inc());
    beside(criterion, "duration", "per core", || {
        durations.observe(black_box(TOOK))
    });
    beside(criterion, "duration", "shared", || {
        histogram.observe(black_box(TOOK).as_secs_f64());
    });
}

/// Measures `count` alone, and beside a thread that does nothing else.
fn beside(criterion: &mut Criterion, group: &str, name: &str, count: impl Fn() + Sync) {
    let mut group = criterion.benchmark_group(group);
    group.bench_function(BenchmarkId::new(name, "alone"), |bencher| bencher.iter(&count));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                count();
            }
        });
        group.bench_function(BenchmarkId::new(name, "beside another core"), |bencher| {
            bencher.iter(&count);
        });
        is_over.store(true, Ordering::Relaxed);
    });
    group.finish();
}

criterion_group!(benches, counting);
criterion_main!(benches);
