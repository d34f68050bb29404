//! What matching by last digits costs a lookup, from the parsed request to the answer's bytes. Absolute times hold for one
//! machine; compare the rows.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a benchmark that cannot set up should stop, and what it sets up has sizes to tell"
)]

use std::hint::black_box;
use std::io::Cursor;
use std::sync::Arc;

use bytes::BytesMut;
use criterion::{Criterion, criterion_group, criterion_main};
use ringside::callers::{Answers, Attestation, Call, Meters, Native, Source, Treatment};
use ringside::customer::record::{Claim, Origin, Record, encode};
use ringside::customer::{Customer, Schema};
use ringside::index::{Index, Mode, OnConflict, Owner, Ownership, Writer};
use ringside::metrics::Metrics;
use ringside::number::{Numbering, Settings, SuffixDigits};
use ringside::replica::Freshness;
use ringside::snapshot::MappedSnapshot;
use ringside::snapshot::layout::SectionKind;
use ringside::snapshot::writer::{Facts, SnapshotWriter};
use ringside::tenant::Tenant;

const CUSTOMERS: u64 = 1_000_000;
/// Of each kind of number; more than a cache holds the records of.
const ASKED: u64 = 1 << 15;

/// North American, without two alike in their last nine digits.
fn number(nth: u64) -> u64 {
    12_000_000_000 + nth * 387_420_489 % 1_000_000_000
}

fn record(nth: u64) -> Vec<u8> {
    let customer = Customer {
        id: format!("c-{nth}"),
        name: format!("Customer {nth}"),
        ..Customer::default()
    };
    let claims = [Claim {
        key: number(nth),
        since: nth,
        shared: false,
    }];
    let origin = Origin {
        stream: 0,
        position: &[],
        marks: &[],
    };
    encode(&customer, &Schema::default(), &claims, origin).unwrap()
}

fn centre(digits: u8) -> (Native, Writer) {
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 1).unwrap();
    let mut writer = writer.by_suffix(SuffixDigits::new(digits));
    for nth in 0..CUSTOMERS {
        writer.add(&Record::open(&record(nth)).unwrap()).unwrap();
    }
    let facts = Facts {
        generation: 1,
        seq: CUSTOMERS,
        created_at_ms: 0,
        schema: &Schema::default(),
        streams: &[],
        log: ringside::snapshot::layout::LogPlace::default(),
    };
    let begun = std::time::Instant::now();
    let (bytes, header) = writer.finish(&facts).unwrap();
    eprintln!(
        "suffix_digits = {digits}: {} bytes of suffixes, {} of numbers, tables written in {} ms",
        header.section(SectionKind::Suffixes).length,
        header.section(SectionKind::Numbers).length,
        begun.elapsed().as_millis()
    );
    let ownership = Ownership {
        mode: Mode::Unique,
        owner: Owner::NewestClaim,
        on_conflict: OnConflict::Move,
        shared_above: 0,
        suffix_digits: digits,
    };
    let snapshot = MappedSnapshot::in_memory(bytes.into_inner()).unwrap();
    let (index, writer) = Index::new(Arc::new(snapshot), ownership);
    let numbering = Numbering::new(&Settings::builtin()).unwrap();
    let source = Source {
        tenant: Arc::new(Tenant {
            name: "main".into(),
            index,
            freshness: Arc::new(Freshness::without_feed()),
        }),
        treatment: Arc::new(Treatment::new(&[], &numbering).unwrap()),
        numbering,
        number_rules: Arc::default(),
        tap: None,
        answers: Answers {
            matches_max: 10,
            require_attestation: Attestation::None,
            stale_after_s: 0,
        },
        meters: Arc::new(Meters::register(&Metrics::new().unwrap()).unwrap()),
    };
    (Native::new(source, 1), writer)
}

fn lookups(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("suffix");
    let customer = |nth: u64| number(nth * 30 % CUSTOMERS);
    let queries = |number: &dyn Fn(u64) -> u64| -> Vec<String> {
        (0..ASKED)
            .map(|nth| format!("ani=%2B{}&fields=match,customer_id,name", number(nth)))
            .collect()
    };
    let hits = queries(&customer);
    // Nobody's, as a whole and by the last nine digits.
    let misses = queries(&|nth| number(CUSTOMERS + nth));
    // Another area's, with a customer's last nine digits.
    let alike = queries(&|nth| customer(nth) + 1_000_000_000);
    let mut overlaid = Vec::new();
    for (digits, name) in [(0, "off"), (9, "on")] {
        let (native, mut writer) = centre(digits);
        let mut bench = |what: String, queries: &[String], expected: &str| {
            let mut out = BytesMut::with_capacity(1 << 16);
            let mut answer = |query: &str| {
                out.clear();
                let call = Call {
                    path: "/v1/lookup",
                    query,
                    ..Call::default()
                };
                black_box(native.answer(&call, &mut out).unwrap().status);
                std::str::from_utf8(&out).unwrap().contains(expected)
            };
            assert!(answer(&queries[7]), "{what}: {}", queries[7]);
            let mut asked = queries.iter().cycle();
            group.bench_function(what, |bencher| {
                bencher.iter(|| answer(asked.next().unwrap()));
            });
        };
        let suffix = if digits == 0 { "none" } else { "suffix" };
        bench(format!("hit, {name}"), &hits, "exact");
        bench(format!("miss, {name}"), &misses, "none");
        bench(format!("last digits, {name}"), &alike, suffix);
        for nth in 0..CUSTOMERS / 100 {
            writer.upsert(writer.seq() + 1, &Record::open(&record(nth)).unwrap());
        }
        writer.publish();
        bench(format!("hit, 1 % in the overlay, {name}"), &hits, "exact");
        bench(format!("miss, 1 % in the overlay, {name}"), &misses, "none");
        overlaid.push(writer);
    }
    group.finish();
}

criterion_group!(benches, lookups);
criterion_main!(benches);
