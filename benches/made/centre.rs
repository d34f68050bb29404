//! The contact centre that benchmarks ask: `loadtest`'s customers, in the snapshots that it keeps.
//!
//! Sizes and places come from the environment, so that a plain `cargo bench` ends within minutes: `RINGSIDE_BENCH_NUMBERS` (a
//! list such as `10000,50000000`) and `RINGSIDE_BENCH_FOLDER`.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::path::PathBuf;
use std::sync::Arc;

use ringside::callers::{Answers, Attestation, Meters, Native, Source, Speakers, Treatment};
use ringside::index::{Index, Ownership, Writer};
use ringside::metrics::Metrics;
use ringside::number::{Numbering, Settings};
use ringside::replica::Freshness;
use ringside::snapshot::MappedSnapshot;
use ringside::tenant::Tenant;

#[allow(unused_imports, reason = "its tests are `loadtest`'s to run")]
#[path = "../../loadtest/src/customers.rs"]
pub(crate) mod customers;

pub(crate) use customers::Profile;

/// Numbers that one request may ask for.
const BATCH_MAX: usize = 1000;

/// How many numbers to measure with: those that the environment names, or else `usual`.
pub(crate) fn sizes(usual: &[u64]) -> Vec<u64> {
    let Ok(named) = std::env::var("RINGSIDE_BENCH_NUMBERS") else {
        return usual.to_vec();
    };
    let sizes = named.split(',').map(|size| size.trim().replace('_', "").parse());
    sizes
        .collect::<Result<_, _>>()
        .expect("RINGSIDE_BENCH_NUMBERS: expected whole numbers, joined by commas")
}

/// Where snapshots are kept between runs; `loadtest`'s folder, so that both use the same.
pub(crate) fn folder() -> PathBuf {
    let named = std::env::var_os("RINGSIDE_BENCH_FOLDER");
    named.map_or_else(|| PathBuf::from("target/loadtest"), PathBuf::from)
}

/// The snapshot of `count` customers, in the page cache, with its pages mapped.
pub(crate) fn snapshot(count: u64, profile: Profile) -> Arc<MappedSnapshot> {
    let (_, snapshot) = customers::snapshot(&folder(), count, profile).expect("a snapshot");
    snapshot.populate(0, u64::MAX).expect("Linux 5.14 or later");
    Arc::new(snapshot)
}

/// An index over `snapshot` alone.
pub(crate) fn index(snapshot: &Arc<MappedSnapshot>) -> (Arc<Index>, Writer) {
    Index::new(Arc::clone(snapshot), Ownership::BUILTIN)
}

/// The native dialect of a listener over `index`, as a configuration without anything in it has it.
pub(crate) fn native(index: Arc<Index>) -> Native {
    let numbering = Numbering::new(&Settings::builtin()).expect("the built-in settings");
    let meters = Meters::register(&Metrics::new().expect("an empty registry")).expect("an empty registry");
    let source = Source {
        tenant: Arc::new(Tenant {
            name: "main".into(),
            index,
            freshness: Arc::new(Freshness::without_feed()),
        }),
        treatment: Arc::new(Treatment::new(&[], &numbering).expect("no rules")),
        numbering,
        number_rules: Arc::default(),
        tap: None,
        answers: Answers {
            matches_max: 10,
            require_attestation: Attestation::None,
            stale_after_s: 0,
        },
        meters: Arc::new(meters),
    };
    Native::new(source, BATCH_MAX)
}

/// What a listener speaks that has the native dialect alone.
pub(crate) fn speakers(index: Arc<Index>) -> Speakers {
    Speakers::native(native(index))
}

/// The place of the `nth` of `count` in an order that no cache foresees.
pub(crate) fn scattered(nth: u64, count: u64) -> u64 {
    below(mix(nth.wrapping_add(0x9e37_79b9_7f4a_7c15)), count)
}

/// `state` mapped to below `bound`.
pub(crate) fn below(state: u64, bound: u64) -> u64 {
    u64::try_from((u128::from(state) * u128::from(bound)) >> 64).expect("below `bound`")
}

/// A word whose bits all depend on all bits of `state`.
pub(crate) fn mix(state: u64) -> u64 {
    let mixed = (state ^ (state >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ (mixed >> 32)
}
