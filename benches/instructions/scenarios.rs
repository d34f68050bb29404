//! What is counted. To count something else, add a [`Scenario`] to [`all`], and accept its count.

use std::hint::black_box;

use bytes::BytesMut;
use ringside::callers::{Call, Dialect, Speakers};
use ringside::customer::Record;
use ringside::index::Index;
use ringside::number::{Numbering, Settings};
use serde_json::{Value, json};

use super::support::{Centre, Plan, centre, person, record};

/// Customers of the snapshot, and calls in a round.
pub(crate) const CALLS: u64 = 1000;

/// Something that is called [`CALLS`] times in a round.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) round: Box<dyn FnMut()>,
}

impl Scenario {
    /// What takes nothing.
    pub(crate) fn nothing() -> Scenario {
        Scenario {
            name: "nothing",
            round: Box::new(|| ()),
        }
    }
}

/// Numbers of the same plan, that do not come in the order of customers.
fn number(nth: u64) -> u64 {
    14_800_000_000 + 2_000_000 + nth * 387_421 % 7_999_993
}

/// A customer of usual size: some 600 B of native JSON.
fn customer(nth: u64) -> Value {
    let mut customer = person(
        &format!("c-{nth:07}"),
        &format!("Customer {nth}"),
        json!([format!("+{}", number(nth))]),
    );
    customer["company"] = json!("Lovelace & Daughters, Analytical Engines");
    customer["labels"] = json!([{"name": "VIP", "color": "#d4af37"}]);
    customer["attributes"] = json!({"email": format!("customer-{nth}@example.org"), "tier": "gold"});
    customer["cases"] = json!([
        {"id": format!("k-{nth}"), "number": format!("CAS-{nth}"), "title": "Router reboots", "status": "open"}
    ]);
    customer["last_agent_id"] = json!("1001");
    customer
}

/// A centre of [`CALLS`] customers whose numbers are their own, and of two that share one.
fn made() -> Centre {
    let mut customers: Vec<Value> = (0..CALLS).map(customer).collect();
    for id in ["shared-1", "shared-2"] {
        customers.push(person(id, "Two at one number", json!(["+1 480 675 4181"])));
    }
    centre(&Plan {
        customers,
        ..Plan::default()
    })
}

pub(crate) fn all() -> Vec<Scenario> {
    let mut all = lookups();
    all.extend(answers());
    all.extend(numbers());
    all
}

/// Lookups in process: from a key to a verified record.
fn lookups() -> Vec<Scenario> {
    fn find(name: &'static str, centre: &Centre, key: fn(u64) -> u64, expected: bool) -> Scenario {
        let index = std::sync::Arc::clone(&centre.tenant.index);
        let find = move |index: &Index, nth| {
            let found = index.read(|view| Ok(black_box(view.find(black_box(key(nth)))?).is_somebody()));
            assert_eq!(found, expected);
        };
        Scenario {
            name,
            round: Box::new(move || (0..CALLS).for_each(|nth| find(&index, nth))),
        }
    }
    let quiet = made();
    let mut changed = made();
    for nth in 0..CALLS {
        let bytes = record(&customer(nth), &changed.tenant.index.schema(), 7);
        let seq = changed.writer.seq() + 1;
        changed.writer.upsert(seq, &Record::open(&bytes).unwrap());
    }
    changed.writer.publish();
    vec![
        find("index: hit", &quiet, number, true),
        find("index: miss", &quiet, |nth| number(nth) + 1, false),
        find("index: several", &quiet, |_| 14_806_754_181, true),
        find("index: hit in the overlay", &changed, number, true),
        find(
            "index: miss beside an overlay",
            &changed,
            |nth| number(nth) + 1,
            false,
        ),
    ]
}

/// Native lookups: from a parsed call to the body's bytes, counted in the metrics.
fn answers() -> Vec<Scenario> {
    fn answer(
        name: &'static str,
        speakers: &Speakers,
        query: impl Fn(u64) -> String,
        expected: &str,
    ) -> Scenario {
        let native = speakers.get(Dialect::Native).unwrap().clone();
        let queries: Vec<String> = (0..CALLS).map(query).collect();
        let expected = expected.to_owned();
        let mut buffer = BytesMut::new();
        let mut answer = move |query: &str| {
            let call = Call {
                path: "/v1/lookup",
                query,
                ..Call::default()
            };
            // As a connection does it.
            buffer.reserve(4 << 10);
            let reply = native.answer(black_box(&call), &mut buffer).unwrap();
            let body = buffer.split().freeze();
            assert!(reply.status == 200 && body.starts_with(expected.as_bytes()));
        };
        Scenario {
            name,
            round: Box::new(move || queries.iter().for_each(|query| answer(query))),
        }
    }
    let speakers = made().speakers();
    let ask = |nth| format!("ani=%2B{}", number(nth));
    vec![
        answer(
            "answer: hit",
            &speakers,
            ask,
            r#"{"found":true,"match":"exact","reason":null"#,
        ),
        answer(
            "answer: miss",
            &speakers,
            |nth| format!("ani=%2B{}", number(nth) + 1),
            r#"{"found":false,"match":"none","reason":"unknown""#,
        ),
        answer(
            "answer: several",
            &speakers,
            |_| "ani=%2B14806754181".to_owned(),
            r#"{"found":true,"match":"exact","reason":"ambiguous""#,
        ),
        answer(
            "answer: hit, three fields",
            &speakers,
            |nth| format!("{}&fields=found,customer_id,name", ask(nth)),
            r#"{"found":true,"customer_id":"c-"#,
        ),
    ]
}

/// Numbers as people and systems write them.
fn numbers() -> Vec<Scenario> {
    let read = |name, written: &'static str, region: &'static str| {
        let numbering = Numbering::new(&Settings::builtin()).unwrap();
        Scenario {
            name,
            round: Box::new(move || {
                for _ in 0..CALLS {
                    let reading = numbering.read(black_box(written), Some(black_box(region)));
                    assert!(black_box(reading.key()).is_some());
                }
            }),
        }
    };
    vec![
        read("number: E.164", "+14155552671", "US"),
        read("number: national, US", "(415) 555-2671", "US"),
        read("number: national, GB", "020 7946 0958", "GB"),
        read("number: national, AR", "011 15-2345-6789", "AR"),
        read("number: with letters", "1-800-FLOWERS", "US"),
        read("number: SIP", "sip:+14155552671@example.org;user=phone", "US"),
        read("number: by the reference", "1-800-FLOWERS x5", "US"),
    ]
}
