//! What one lookup costs in process, step by step. Absolute times hold for one machine; ratios are `loadtest`'s.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark that cannot set up should stop"
)]

use std::hint::black_box;
use std::io::Cursor;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ringside::customer::record::{Claim, Origin, Record, encode};
use ringside::customer::{Customer, Phone, Schema};
use ringside::index::{Index, Ownership, Writer};
use ringside::number::{Numbering, Settings};
use ringside::snapshot::MappedSnapshot;
use ringside::snapshot::writer::{Facts, SnapshotWriter};

const OWNERSHIP: Ownership = Ownership::BUILTIN;

fn key(nth: u64) -> u64 {
    10_000_000_000 + (nth.wrapping_mul(0x9e37_79b9_7f4a_7c15) & ((1 << 40) - 1))
}

fn record(nth: u64) -> Vec<u8> {
    let customer = Customer {
        id: format!("c-{nth}"),
        name: format!("Customer {nth}"),
        phones: vec![Phone {
            number: format!("+{}", key(nth)),
            ..Phone::default()
        }],
        ..Customer::default()
    };
    let claims = [Claim {
        key: key(nth),
        since: nth,
        shared: false,
    }];
    encode(
        &customer,
        &Schema::default(),
        &claims,
        Origin {
            stream: 0,
            position: &[],
            marks: &[],
        },
    )
    .unwrap()
}

fn index(customers: u64) -> (Arc<Index>, Writer) {
    let mut writer = SnapshotWriter::new(Cursor::new(Vec::new()), 1).unwrap();
    for nth in 0..customers {
        writer.add(&Record::open(&record(nth)).unwrap()).unwrap();
    }
    let facts = Facts {
        generation: 1,
        seq: customers,
        created_at_ms: 0,
        schema: &Schema::default(),
        streams: &[],
        log: ringside::snapshot::layout::LogPlace::default(),
    };
    let bytes = writer.finish(&facts).unwrap().0.into_inner();
    Index::new(Arc::new(MappedSnapshot::in_memory(bytes).unwrap()), OWNERSHIP)
}

fn lookups(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lookup");
    for customers in [10_000, 1_000_000] {
        let (index, mut writer) = index(customers);
        let mut nth = 0_u64;
        let mut next = move || {
            nth = nth.wrapping_add(0x9e37_79b9_7f4a_7c15);
            nth % customers
        };
        group.bench_function(BenchmarkId::new("hit", customers), |bencher| {
            bencher.iter(|| index.read(|view| Ok(black_box(view.find(key(next()))?).is_somebody())));
        });
        group.bench_function(BenchmarkId::new("miss", customers), |bencher| {
            bencher
                .iter(|| index.read(|view| Ok(black_box(view.find(key(next() + customers))?).is_somebody())));
        });
        for changed in 0..customers / 100 {
            let bytes = record(changed);
            writer.upsert(writer.seq() + 1, &Record::open(&bytes).unwrap());
        }
        writer.publish();
        group.bench_function(
            BenchmarkId::new("hit, 1 % in the overlay", customers),
            |bencher| {
                bencher.iter(|| index.read(|view| Ok(black_box(view.find(key(next()))?).is_somebody())));
            },
        );
    }
    group.finish();
}

fn records(criterion: &mut Criterion) {
    let bytes = record(7);
    criterion.bench_function("record/open", |bencher| {
        bencher.iter(|| Record::open(black_box(&bytes)).unwrap().json().len());
    });
    criterion.bench_function("record/encode", |bencher| bencher.iter(|| record(black_box(7))));
}

fn numbers(criterion: &mut Criterion) {
    let numbering = Numbering::new(&Settings::builtin()).unwrap();
    let mut group = criterion.benchmark_group("number");
    for written in [
        "+14155552671",
        "(415) 555-2671",
        "sip:+14155552671@example.org;user=phone",
    ] {
        group.bench_function(written, |bencher| {
            bencher.iter(|| numbering.read(black_box(written), None).key())
        });
    }
    group.finish();
}

criterion_group!(benches, lookups, records, numbers);
criterion_main!(benches);
