//! Allocations on the way of a lookup, from the parsed request to the response's body: none of ours.
//!
//! Numbers that are read by tables allocate nothing either; what the tables leave to the reference parser (letters for
//! digits, rare scripts) does, and is not counted here.

#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]
#![allow(unsafe_code, reason = "an allocator that counts is unsafe by its trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::BytesMut;
use ringside::callers::{Call, Flag, TreatmentRule, Verstat};
use ringside::number::{Numbering, Settings};
use serde_json::json;

#[path = "support/centre.rs"]
mod support;

use support::{Plan, ada, centre, person};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn note() {
    // A thread that ends may free and allocate after its counter is gone.
    let _gone = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: everything is handed to the system's allocator, as it came.
unsafe impl GlobalAlloc for Counting {
    // SAFETY: the caller's promises are the system allocator's.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    // SAFETY: as above.
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    // SAFETY: as above.
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Allocations of `run`, once it has run often enough that buffers have their sizes.
fn allocations(mut run: impl FnMut()) -> u64 {
    for _ in 0..16 {
        run();
    }
    let before = ALLOCATIONS.with(Cell::get);
    run();
    ALLOCATIONS.with(Cell::get) - before
}

fn plan() -> Plan {
    let rule = |treatment: &str| TreatmentRule {
        treatment: Some(treatment.to_owned()),
        ..TreatmentRule::default()
    };
    Plan {
        customers: vec![
            ada(),
            person("c-1", "First", json!(["+1 480 675 4111", "+1 480 675 4112"])),
            person("c-2", "Second", json!(["+1 480 675 4111"])),
            // A shared line of one, and of two.
            person("c-3", "Third", json!(["+1 480 675 4180", "+1 480 675 4181"])),
            person("c-4", "Fourth", json!(["+1 480 675 4181"])),
        ],
        shared_above: 5,
        suffix_digits: 9,
        rules: vec![
            TreatmentRule {
                label: Some("blacklist".into()),
                ..rule("refuse")
            },
            TreatmentRule {
                found: Some(true),
                attestation: Some(vec![Verstat::Failed]),
                may_greet: Some(false),
                ..rule("verify")
            },
            TreatmentRule {
                label: Some("VIP".into()),
                dnis: Some(vec!["+18005550100".into(), "hotline".into()]),
                last_agent_id: Some("1001".into()),
                ..rule("at once")
            },
            TreatmentRule {
                flag: Some(Flag::DoNotCall),
                ..rule("refuse")
            },
            TreatmentRule {
                attribute: Some("tier".into()),
                equals: Some("silver".into()),
                ..rule("soon")
            },
            TreatmentRule {
                label: Some("VIP".into()),
                ..rule("priority")
            },
        ],
        ..Plan::default()
    }
}

#[test]
fn a_lookup_allocates_nothing() {
    let centre = centre(&plan());
    // A hit, a miss, a number that two claim, and one whose customer has lost another number to a rival.
    for (number, expected) in [
        ("+14806754110", "\"treatment\":\"priority\""),
        ("+14806754199", "\"reason\":\"unknown\""),
        ("+14806754111", "\"customer_id\":\"c-2\""),
        ("+14806754112", "\"not_owned\":[\"+14806754111\"]"),
        ("+14806754180", "\"may_disclose\":false"),
        ("+14806754181", "\"reason\":\"ambiguous\""),
        // By its last nine digits.
        ("+14156806754110", "\"match\":\"suffix\""),
    ] {
        for query in [
            format!("ani={number}"),
            format!("ani=%2B{}&nocache=1", &number[1..]),
            format!("ani={number}&verstat=TN-Validation-Passed-A&call_id=7&format=json&onmiss=200"),
            format!("ani={number}&dnis=hotel&diversion=+14806754110"),
            format!("ani=+18005550199&diversion={number}"),
        ] {
            let call = Call {
                method: "GET",
                path: "/v1/lookup",
                query: &query,
                content_type: None,
                host: None,
                is_secure: false,
                diversion: None,
                body: &[],
            };
            let mut buffer = BytesMut::with_capacity(1 << 14);
            // As a connection does it: the body is handed on, and its memory is free when that has been sent.
            let mut answer = || {
                buffer.reserve(4 << 10);
                let reply = centre.native.answer(&call, &mut buffer).unwrap();
                (reply.status, buffer.split().freeze())
            };
            let all = allocations(|| drop(answer()));
            let (status, body) = answer();
            let body = std::str::from_utf8(&body).unwrap();
            assert_eq!(status, 200);
            assert!(body.contains(expected), "{body}");
            assert_eq!(all, 0, "{query}: {all} allocations");
        }
    }
}

#[test]
fn reading_a_number_allocates_nothing() {
    let numbering = Numbering::new(&Settings::builtin()).unwrap();
    for (written, region) in [
        ("+14155552671", "US"),
        ("(415) 555-2671", "US"),
        ("1 (415) 555-2671", "US"),
        ("020 7946 0958", "GB"),
        ("442079460958", "GB"),
        ("0039 06 698 12345", "DE"),
        ("011 15-2345-6789", "AR"),
        ("0 15 11 96123-4567", "BR"),
        ("221-1234", "TT"),
        ("882345", "SM"),
        ("+14155552671 x123", "US"),
        ("tel:+1-201-555-0123;ext=5", "US"),
        ("sip:+4930123456@host;user=phone", "US"),
        ("tel:30123456;phone-context=+49", "US"),
        ("\"Bob\" <sip:+4930123456@host>", "US"),
        ("1-800-FLOWERS", "US"),
        ("112", "US"),
        ("+999123456", "US"),
        ("1", "US"),
        ("anonymous", "US"),
        ("hotel", "US"),
        ("sip:alice@example.org", "US"),
    ] {
        let count = allocations(|| {
            let reading = numbering.read(written, Some(region));
            std::hint::black_box((reading.key(), reading.is_valid()));
        });
        assert_eq!(count, 0, "{written} {region}");
    }
    // What the tables leave to the reference is its own to allocate for.
    assert!(
        allocations(|| {
            std::hint::black_box(numbering.read("1-800-FLOWERS x5", Some("US")));
        }) > 0
    );
}

#[test]
fn the_count_is_not_blind() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(7_u64)))), 1);
}
