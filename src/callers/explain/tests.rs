#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::io::Cursor;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::customer::Schema;
use crate::customer::document::{self, Limits, Strictness};
use crate::customer::record::{Origin, Record};
use crate::index::Index;
use crate::intake::Intake;
use crate::number::Settings;
use crate::snapshot::writer::{Facts, SnapshotWriter};
use crate::snapshot::{Snapshot, Stream};

fn numbering() -> Numbering {
    Numbering::new(&Settings::builtin()).unwrap()
}

/// Explains `written` among `customers`, of whom each stands in the row of its place, from 1.
fn explain(written: &str, customers: &[serde_json::Value], ownership: Ownership) -> Explanation {
    let intake = Intake::new(numbering(), Limits::default());
    let schema = Schema::default();
    let mut writer = SnapshotWriter::new(Cursor::new(Vec::new()), 1).unwrap();
    for (row, json) in (1_u64..).zip(customers) {
        let customer = document::read(json, &schema, Strictness::Import, Limits::default()).unwrap();
        let position = row.to_be_bytes();
        let origin = Origin {
            stream: 0,
            position: &position,
        };
        let recorded = intake
            .record(&customer.customer, &schema, origin, |_| row)
            .unwrap();
        writer.add(&Record::open(&recorded.bytes).unwrap()).unwrap();
    }
    let streams = [Stream {
        stream: "import".to_owned(),
        incarnation: "1".to_owned(),
        token: String::new(),
    }];
    let facts = Facts {
        generation: 4,
        seq: 9,
        created_at_ms: 0,
        schema: &schema,
        streams: &streams,
    };
    let (bytes, _) = writer.finish(&facts).unwrap();
    let snapshot = Snapshot::in_memory(bytes.into_inner()).unwrap();
    let (index, _writer) = Index::new(Arc::new(snapshot), ownership);
    index.read(|view| Explanation::of(written, None, &numbering(), view, ownership))
}

fn unique(owner: Owner, on_conflict: OnConflict) -> Ownership {
    Ownership {
        mode: Mode::Unique,
        owner,
        on_conflict,
    }
}

fn two() -> [serde_json::Value; 2] {
    [
        json!({"id": "old", "name": "Ada", "created_at": "2025-01-01T00:00:00Z", "phones": ["+14806754110"]}),
        json!({"id": "new", "name": "Bob", "created_at": "2024-01-01T00:00:00Z", "phones": ["480 675 4110"]}),
    ]
}

fn verdicts(explanation: &Explanation) -> Vec<(&str, &str)> {
    let claims = explanation.claims.iter();
    claims
        .map(|claim| (claim.customer_id.as_str(), claim.verdict))
        .collect()
}

#[test]
fn the_newer_claim_owns_and_the_older_one_is_told_why_not() {
    let found = explain(
        "(480) 675-4110",
        &two(),
        unique(Owner::NewestClaim, OnConflict::Move),
    );
    assert_eq!(found.number.as_deref(), Some("+14806754110"));
    assert_eq!(
        (found.country, found.valid, found.reason),
        (Some("US"), true, None)
    );
    assert_eq!((found.generation, found.seq), (4, 9));
    assert_eq!(verdicts(&found), [("new", "owner"), ("old", "outranked")]);
    let lost = &found.claims[1];
    assert!(
        lost.why
            .starts_with("new has the newer claim (seq 2, this one 1)"),
        "{}",
        lost.why
    );
    assert_eq!(
        (lost.stream.as_str(), lost.position.as_str(), lost.name.as_str()),
        ("import", "1", "Ada")
    );
    assert!(
        found.steps.iter().any(|step| step.contains("region US")),
        "{:?}",
        found.steps
    );
}

#[test]
fn other_rules_tell_other_reasons() {
    let found = explain(
        "+14806754110",
        &two(),
        unique(Owner::NewestCustomer, OnConflict::Replace),
    );
    assert_eq!(verdicts(&found), [("old", "owner"), ("new", "hidden")]);
    assert!(
        found.claims[1]
            .why
            .starts_with("old was created later, and on_conflict"),
        "{}",
        found.claims[1].why
    );
    let mode = Ownership {
        mode: Mode::Shared,
        ..unique(Owner::NewestClaim, OnConflict::Move)
    };
    let found = explain("+14806754110", &two(), mode);
    assert!(found.shared && found.claims.iter().all(|claim| claim.verdict == "owner"));
    let found = explain("+14806754110", &two()[..1], mode);
    assert_eq!(found.claims[0].why, "the only claim");
}

#[test]
fn what_matches_nobody_says_why() {
    let rules = unique(Owner::NewestClaim, OnConflict::Move);
    for (written, reason) in [
        ("+14155552671", "unknown"),
        ("anonymous", "anonymous"),
        ("112", "internal"),
        ("call me", "invalid"),
    ] {
        let found = explain(written, &two(), rules);
        assert_eq!((found.reason, found.claims.len()), (Some(reason), 0), "{written}");
        assert!(!found.steps.is_empty());
    }
}
