#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::io::Cursor;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::callers::settings::{Answers, Attestation, TreatmentRule, Verstat};
use crate::callers::treatment::Treatment;
use crate::callers::{Meters, Source};
use crate::customer::Schema;
use crate::customer::document::{self, Limits, Strictness};
use crate::customer::record::{Origin, Record};
use crate::index::{Index, Phones};
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::number::{Numbering, Settings, SuffixDigits};
use crate::replica::Freshness;
use crate::snapshot::writer::{Facts, SnapshotWriter};
use crate::snapshot::{Snapshot, Stream};
use crate::tenant::Tenant;

fn numbering() -> Numbering {
    Numbering::new(&Settings {
        own_numbers: vec!["+18005550199".to_owned()],
        ..Settings::builtin()
    })
    .unwrap()
}

/// Explains `written` among `customers`, of whom each stands in the row of its place, from 1.
fn explain(written: &str, customers: &[serde_json::Value], ownership: Ownership) -> Explanation {
    let request = Request {
        ani: written,
        ..Request::default()
    };
    judge(&request, customers, ownership.into(), &[])
}

/// Explains `request` under treatment rules and shared lines too.
fn judge(
    request: &Request<'_>,
    customers: &[serde_json::Value],
    phones: Phones,
    rules: &[TreatmentRule],
) -> Explanation {
    let intake = Intake::new(numbering(), Limits::default());
    let schema = Schema::default();
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 1).unwrap();
    let mut writer = writer.by_suffix(SuffixDigits::new(7));
    for (row, json) in (1_u64..).zip(customers) {
        let customer = document::read(json, &schema, Strictness::Import, Limits::default()).unwrap();
        let position = row.to_be_bytes();
        let origin = Origin {
            stream: 0,
            position: &position,
            marks: &[],
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
        log: crate::snapshot::layout::LogPlace::default(),
    };
    let (bytes, _) = writer.finish(&facts).unwrap();
    let snapshot = Snapshot::in_memory(bytes.into_inner()).unwrap();
    let (index, _writer) = Index::new(Arc::new(snapshot), phones);
    let source = Source {
        tenant: Arc::new(Tenant {
            name: "main".to_owned(),
            index: Arc::clone(&index),
            freshness: Arc::new(Freshness::without_feed()),
        }),
        numbering: numbering(),
        number_rules: Arc::default(),
        tap: None,
        answers: Answers {
            matches_max: 10,
            require_attestation: Attestation::NotFailed,
            stale_after_s: 0,
        },
        treatment: Arc::new(Treatment::new(rules, &numbering()).unwrap()),
        meters: Arc::new(Meters::register(&Metrics::new().unwrap()).unwrap()),
    };
    index.read(|view| Explanation::of(request, &source, view))
}

fn unique(owner: Owner, on_conflict: OnConflict) -> Ownership {
    Ownership {
        mode: Mode::Unique,
        owner,
        on_conflict,
        shared_above: 0,
        suffix_digits: 0,
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

#[test]
fn a_shared_line_says_what_makes_it_one() {
    let move_ = unique(Owner::NewestClaim, OnConflict::Move);
    let line = Phones::new(move_, [14_806_754_110]);
    let crowd = Ownership {
        shared_above: 1,
        ..move_
    };
    let request = Request {
        ani: "+14806754110",
        ..Request::default()
    };
    for (phones, by, why) in [
        (
            line.clone(),
            "shared_lines",
            "the line is one of numbers.shared_lines",
        ),
        (
            crowd.into(),
            "shared_above",
            "more customers than phones.shared_above",
        ),
    ] {
        let found = judge(&request, &two(), phones, &[]);
        assert_eq!((found.shared, found.shared_by), (true, Some(by)));
        assert!(
            found.claims.iter().all(|claim| claim.why.starts_with(why)),
            "{found:?}"
        );
        assert_eq!(found.may_greet.why, "there is no one customer");
    }
    let found = judge(&request, &two()[..1], line, &[]);
    assert!(found.may_greet.allowed && !found.may_disclose.allowed);
    assert_eq!(found.may_disclose.why, "others use this line too");
}

#[test]
fn treatment_rules_tell_which_condition_failed_and_which_rule_decides() {
    let rules = [
        TreatmentRule {
            label: Some("VIP".to_owned()),
            dnis: Some(vec!["+18005550100".to_owned()]),
            queue: Some("vip".to_owned()),
            ..TreatmentRule::default()
        },
        TreatmentRule {
            attestation: Some(vec![Verstat::Absent, Verstat::Failed]),
            found: Some(true),
            last_agent_id: Some("1001".to_owned()),
            may_greet: Some(false),
            ..TreatmentRule::default()
        },
        TreatmentRule {
            treatment: Some("usual".to_owned()),
            ..TreatmentRule::default()
        },
    ];
    let request = Request {
        ani: "+14806754110",
        verstat: Some("TN-Validation-Failed"),
        ..Request::default()
    };
    let move_ = unique(Owner::NewestClaim, OnConflict::Move);
    let found = judge(&request, &two(), move_.into(), &rules);
    let tried: Vec<(bool, String)> = found
        .treatment
        .rules
        .iter()
        .map(|rule| (rule.holds, rule.fails.join("; ")))
        .collect();
    assert_eq!(
        tried,
        [
            (
                false,
                "dnis is one of +18005550100: none was given; label = \"VIP\": the customer has none such"
                    .to_owned()
            ),
            (true, String::new()),
            (true, String::new()),
        ]
    );
    assert_eq!(found.treatment.decided_by, Some(1));
    assert_eq!(found.treatment.last_agent_id.as_deref(), Some("1001"));
    assert_eq!(
        found.may_greet.why,
        "the number's verification failed, and answers.require_attestation is set"
    );
    let request = Request {
        verstat: None,
        ..request
    };
    let found = judge(&request, &two(), move_.into(), &rules);
    assert_eq!(found.may_greet.why, "treatment[1] takes it away");
    let nobody = Request {
        ani: "+14155552671",
        ..request
    };
    let found = judge(&nobody, &two(), move_.into(), &rules);
    assert_eq!(found.treatment.rules[1].fails, ["found = true: nobody was found"]);
    assert_eq!(found.treatment.treatment.as_deref(), Some("usual"));
}

#[test]
fn a_diversion_is_told_step_by_step() {
    let move_ = unique(Owner::NewestClaim, OnConflict::Move);
    let request = Request {
        ani: "+18005550199",
        diversion: Some("<sip:queue@pbx>, <sip:+14806754110@carrier>;reason=unconditional"),
        verstat: Some("TN-Validation-Passed-A"),
        ..Request::default()
    };
    let rules = [TreatmentRule {
        attestation: Some(vec![Verstat::Full]),
        queue: Some("sure".to_owned()),
        ..TreatmentRule::default()
    }];
    let found = judge(&request, &two(), move_.into(), &rules);
    assert!(found.diverted);
    assert_eq!(found.number.as_deref(), Some("+14806754110"));
    assert_eq!(found.reason, None);
    let steps = found.steps.join("\n");
    for step in [
        "named in own_numbers",
        "diversion \"sip:queue@pbx\": no number, passed over",
        "diversion \"sip:+14806754110@carrier\": looked up in place of our own number",
        "key +14806754110, valid",
    ] {
        assert!(steps.contains(step), "{steps}");
    }
    // The network has vouched for our own number, not for the one that is looked up.
    assert_eq!(
        found.treatment.rules[0].fails,
        ["attestation is one of full: it is absent"]
    );
    let direct = Request {
        ani: "+14806754110",
        ..request
    };
    let found = judge(&direct, &two(), move_.into(), &rules);
    assert!(!found.diverted && found.treatment.decided_by == Some(0));
    assert!(
        found
            .steps
            .last()
            .unwrap()
            .contains("the diversion does not matter"),
        "{:?}",
        found.steps
    );
}

#[test]
fn last_digits_say_what_they_came_to() {
    let seven = Ownership {
        suffix_digits: 7,
        ..unique(Owner::NewestClaim, OnConflict::Move)
    };
    let last = |found: &Explanation| found.steps.last().unwrap().clone();
    let found = explain("675-4110", &two(), seven);
    assert_eq!((found.matched, found.reason), ("suffix", None));
    assert_eq!(found.matched_number.as_deref(), Some("+14806754110"));
    assert_eq!(verdicts(&found), [("new", "owner"), ("old", "outranked")]);
    assert_eq!(
        last(&found),
        "nobody has the whole number; +14806754110 alone has the same last 7 digits"
    );
    assert!(found.may_greet.allowed);
    assert_eq!(
        found.may_disclose.why,
        "the caller was found by the last digits alone"
    );
    let exact = explain("+14806754110", &two(), seven);
    assert_eq!((exact.matched, exact.matched_number), ("exact", exact.number));

    let mut others = two().to_vec();
    others.push(serde_json::json!({"id": "x", "name": "X", "phones": ["+1 415 675 4110"]}));
    let found = explain("6754110", &others, seven);
    assert_eq!((found.matched, found.reason), ("none", Some("invalid")));
    assert!(
        last(&found).contains("several numbers end so"),
        "{}",
        last(&found)
    );
    let found = explain("6754119", &two(), seven);
    assert_eq!(last(&found), "no number ends in its last 7 digits");
    let eight = Ownership {
        suffix_digits: 8,
        ..seven
    };
    let found = explain("06754110", &two(), eight);
    assert_eq!(found.matched, "none");
    assert!(
        last(&found).contains("with the next merge or import"),
        "{}",
        last(&found)
    );
    for written in ["675411", "anonymous", "alice@example.org", "112"] {
        let found = explain(written, &two(), seven);
        assert!(!last(&found).contains("digits"), "{written}: {}", last(&found));
    }
}
