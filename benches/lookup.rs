//! What one lookup costs in process, beside reads of the same memory that no lookup can do without; and what keeps the
//! index: overlay, snapshot, records.
//!
//! `cargo bench --bench lookup` takes a few minutes at 10 thousand and a million numbers; more are asked for by
//! `RINGSIDE_BENCH_NUMBERS=10000000,50000000` (50 million: 11 GB in `target/loadtest`, and as much memory). Each key depends on
//! the answer before, as calls do that do not wait for each other in one core. Absolute times hold for one machine; compare
//! the rows, or take `loadtest`'s ratios.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark that cannot set up should stop"
)]

use std::hint::black_box;
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ringside::customer::Record;
use ringside::index::{Found, Index, Writer};
use ringside::snapshot::layout::{LogPlace, SectionKind};
use ringside::snapshot::writer::{Facts, SnapshotWriter};
use ringside::snapshot::{MappedSnapshot, Snapshot};

#[path = "made/centre.rs"]
mod centre;

use centre::{Profile, below, customers, mix};

/// Changes a second beside lookups, and in how many they become visible at once.
const CHANGES_PER_S: u32 = 10_000;
const BATCH: u32 = 100;
/// Customers that change, so that the overlay does not grow for as long as somebody measures.
const CHANGING: u64 = 100_000;

/// A walk whose next step depends on what the last one read.
struct Chain<'a> {
    index: &'a Index,
    snapshot: &'a MappedSnapshot,
    count: u64,
    state: u64,
}

impl Chain<'_> {
    fn hit(&mut self) {
        let key = customers::number(below(self.state, self.count));
        let answer = self.index.read(|view| {
            Ok(match view.find(key)? {
                Found::One(record) => record.json().len() as u64 ^ u64::from(record.json()[10]),
                Found::Nobody | Found::Several(_) => panic!("a customer is not found"),
            })
        });
        self.state = mix(self.state ^ answer).wrapping_add(1);
    }

    fn miss(&mut self) {
        let key = customers::absent(below(self.state, self.count));
        let found = self.index.read(|view| Ok(view.find(key)?.is_somebody()));
        assert!(!found);
        self.state = mix(self.state ^ u64::from(found)).wrapping_add(1);
    }

    /// Reads a word in each of `sections`, one after the other.
    fn read(&mut self, sections: &[SectionKind]) {
        for kind in sections {
            let section = self.snapshot.section(*kind);
            let line = usize::try_from(below(self.state, section.len() as u64 / 64)).unwrap() * 64;
            let word = u64::from_le_bytes(section[line..line + 8].try_into().unwrap());
            self.state = mix(self.state ^ word).wrapping_add(1);
        }
    }
}

fn lookups(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lookup");
    group
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    for count in centre::sizes(&[10_000, 1_000_000]) {
        let snapshot = centre::snapshot(count, Profile::Small);
        let (index, mut writer) = centre::index(&snapshot);
        let mut chain = Chain {
            index: &index,
            snapshot: &snapshot,
            count,
            state: 1,
        };
        for (name, sections) in [
            ("one read", &[SectionKind::Numbers][..]),
            ("two reads", &[SectionKind::Numbers, SectionKind::Records]),
        ] {
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| chain.read(sections));
            });
        }
        group.bench_function(BenchmarkId::new("hit", count), |b| b.iter(|| chain.hit()));
        group.bench_function(BenchmarkId::new("miss", count), |b| b.iter(|| chain.miss()));
        change(&snapshot, &mut writer, count / 100);
        group.bench_function(BenchmarkId::new("hit, 1 % in the overlay", count), |b| {
            b.iter(|| chain.hit());
        });
        group.bench_function(BenchmarkId::new("miss, 1 % in the overlay", count), |b| {
            b.iter(|| chain.miss());
        });
        beside_changes(&snapshot, &mut writer, || {
            group.bench_function(BenchmarkId::new("hit, 10,000 changes/s beside it", count), |b| {
                b.iter(|| chain.hit());
            });
            group.bench_function(BenchmarkId::new("miss, 10,000 changes/s beside it", count), |b| {
                b.iter(|| chain.miss());
            });
        });
        black_box(chain.state);
    }
    group.finish();
}

/// Writes the first `count` customers of `snapshot` anew.
fn change(snapshot: &MappedSnapshot, writer: &mut Writer, count: u64) {
    for record in snapshot.records().take(usize::try_from(count).unwrap()) {
        writer.upsert(writer.seq() + 1, &record.unwrap());
    }
    writer.publish();
}

/// Measures while another thread changes customers.
fn beside_changes(snapshot: &MappedSnapshot, writer: &mut Writer, measure: impl FnOnce()) {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let changing = || snapshot.records().take(usize::try_from(CHANGING).unwrap());
            let mut records = changing();
            let mut due = Instant::now();
            while !is_over.load(Ordering::Relaxed) {
                for _ in 0..BATCH {
                    let record = records.next().unwrap_or_else(|| {
                        records = changing();
                        records.next().unwrap()
                    });
                    writer.upsert(writer.seq() + 1, &record.unwrap());
                }
                writer.publish();
                due += Duration::from_secs(1) * BATCH / CHANGES_PER_S;
                std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
            }
        });
        measure();
        is_over.store(true, Ordering::Relaxed);
    });
}

fn overlay(criterion: &mut Criterion) {
    let snapshot = centre::snapshot(10_000, Profile::Typical);
    let records: Vec<Record<'_>> = snapshot.records().map(Result::unwrap).collect();
    let (_index, mut writer) = centre::index(&snapshot);
    let mut changed = records.iter().cycle();
    criterion.bench_function("overlay/apply", |bencher| {
        bencher.iter(|| {
            writer.upsert(writer.seq() + 1, changed.next().unwrap());
            writer.publish();
        });
    });
}

fn built(records: &[Record<'_>], snapshot: &MappedSnapshot) -> Vec<u8> {
    let mut writer = SnapshotWriter::new(Cursor::new(Vec::new()), 1).unwrap();
    for record in records {
        writer.add(record).unwrap();
    }
    let facts = Facts {
        generation: 1,
        seq: snapshot.header().seq,
        created_at_ms: 0,
        schema: snapshot.schema(),
        streams: snapshot.streams(),
        log: LogPlace::default(),
    };
    writer.finish(&facts).unwrap().0.into_inner()
}

fn snapshots(criterion: &mut Criterion) {
    let count = 100_000;
    let (path, mapped) = customers::snapshot(&centre::folder(), count, Profile::Typical).unwrap();
    let records: Vec<Record<'_>> = mapped.records().map(Result::unwrap).collect();
    let mut group = criterion.benchmark_group("snapshot");
    group.sample_size(10).throughput(Throughput::Elements(count));
    group.bench_function("build in memory", |bencher| {
        bencher.iter(|| built(&records, &mapped).len());
    });
    group.bench_function("verify", |bencher| {
        bencher.iter(|| mapped.verify(|_| {}).unwrap().customers);
    });
    group.finish();
    criterion.bench_function("snapshot/open", |bencher| {
        bencher.iter(|| Snapshot::map(&path).unwrap().header().seq);
    });
}

fn records(criterion: &mut Criterion) {
    for profile in [Profile::Small, Profile::Typical] {
        let snapshot: Arc<MappedSnapshot> = centre::snapshot(10_000, profile);
        let bytes = snapshot.records().next().unwrap().unwrap().bytes();
        criterion.bench_function(format!("record/open, {} B", bytes.len()).as_str(), |bencher| {
            bencher.iter(|| Record::open(black_box(bytes)).unwrap().json().len());
        });
    }
}

criterion_group!(benches, lookups, overlay, snapshots, records);
criterion_main!(benches);
