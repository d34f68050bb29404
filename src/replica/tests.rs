//! The replica, change by change.

mod crash;
mod deliveries;
mod golden;
mod gone;
mod model;
mod tombstones;

use std::io::Cursor;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Change, Counters, Outcome, PartGone, Replica, Settings, StreamId, guard};
use crate::customer::document::Limits;
use crate::customer::{Record, Schema};
use crate::index::{Found, Index, Ownership};
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::number::Numbering;
use crate::snapshot::sort::Room;
use crate::snapshot::writer::{Facts, SnapshotWriter};
use crate::snapshot::{MappedSnapshot, Stream};

const NUMBERS: [&str; 4] = ["+14806754110", "+12565938310", "+12568453150", "+13343762205"];

const BOUNDS: Settings = Settings {
    guard: guard::Settings {
        max_percent: 100,
        window_s: 60,
        ignore_below: 0,
    },
    parked_max: 100,
};

fn replica() -> (Arc<Index>, Replica, StreamId) {
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 1).unwrap();
    let streams = [Stream {
        stream: "import".into(),
        incarnation: String::new(),
        token: String::new(),
    }];
    let facts = Facts {
        generation: 1,
        seq: 0,
        created_at_ms: 0,
        schema: &Schema::default(),
        streams: &streams,
        log: crate::snapshot::layout::LogPlace::default(),
    };
    let bytes = writer.finish(&facts).unwrap().0.into_inner();
    let ownership = Ownership::BUILTIN;
    let (index, writer) = Index::new(Arc::new(MappedSnapshot::in_memory(bytes).unwrap()), ownership);
    let intake = intake();
    let counters = Counters::register(&Metrics::new().unwrap()).unwrap();
    let mut replica = Replica::new(writer, intake, BOUNDS, counters);
    let stream = replica.stream("main", "one").unwrap();
    (index, replica, stream)
}

/// One for all, since the tables of numbers take a while to make.
fn intake() -> Intake {
    use std::sync::LazyLock;
    static NUMBERING: LazyLock<Numbering> =
        LazyLock::new(|| Numbering::new(&crate::number::Settings::builtin()).unwrap());
    Intake::new(NUMBERING.clone(), Limits::default())
}

fn apply(replica: &mut Replica, stream: StreamId, line: &Value) -> Outcome {
    let decoded = Change::decode(line.to_string().as_bytes()).unwrap();
    let position = decoded.position.unwrap().to_be_bytes();
    let outcome = replica.apply(stream, &position, decoded.change);
    replica.commit().unwrap();
    outcome
}

/// Seals and merges, and leaves it to the caller when that is taken up.
fn merged(replica: &mut Replica) -> Option<Arc<MappedSnapshot>> {
    let (merge, streams) = replica.seal().unwrap()?;
    let generation = replica.index().snapshot().header().generation + 1;
    let (out, _) = merge
        .write(
            Cursor::new(Vec::new()),
            &Room::new("", u64::MAX),
            generation,
            0,
            &streams,
        )
        .unwrap();
    Some(Arc::new(MappedSnapshot::in_memory(out.into_inner()).unwrap()))
}

fn merge(replica: &mut Replica) {
    if let Some(merged) = merged(replica) {
        replica.install(merged);
    }
}

fn document(index: &Index, id: &str) -> Option<Value> {
    index.read(|view| {
        Ok(view
            .customer(id)?
            .map(|record| serde_json::from_slice(record.json()).unwrap()))
    })
}

fn owner(index: &Index, number: &str) -> Option<String> {
    let key = number[1..].parse().unwrap();
    index.read(|view| {
        Ok(match view.find(key)? {
            Found::One(record) => Some(record.id().to_owned()),
            _ => None,
        })
    })
}

fn since(index: &Index, id: &str, number: &str) -> Option<u64> {
    let key = number[1..].parse().unwrap();
    index.read(|view| {
        Ok(view
            .customer(id)?
            .and_then(|record: Record<'_>| Some(record.claim(key)?.since)))
    })
}

#[test]
fn an_unbroken_claim_keeps_its_beginning_and_a_broken_one_begins_again() {
    let (index, mut replica, stream) = replica();
    let upsert = |position: u64, phones: &[&str]| json!({"op": "upsert", "position": position, "customer": {"id": "a", "name": "A", "phones": phones}});
    apply(&mut replica, stream, &upsert(1, &NUMBERS[..1]));
    apply(&mut replica, stream, &upsert(2, &NUMBERS[..2]));
    assert_eq!(
        (since(&index, "a", NUMBERS[0]), since(&index, "a", NUMBERS[1])),
        (Some(1), Some(2))
    );
    merge(&mut replica);
    apply(&mut replica, stream, &upsert(3, &NUMBERS[1..2]));
    apply(&mut replica, stream, &upsert(4, &NUMBERS[..2]));
    assert_eq!(
        (since(&index, "a", NUMBERS[0]), since(&index, "a", NUMBERS[1])),
        (Some(4), Some(2))
    );
}

#[test]
fn an_upsert_keeps_the_parts_that_it_does_not_speak_of() {
    let (index, mut replica, stream) = replica();
    let mut upsert = |position: u64, extra: Value| {
        let mut customer = json!({"id": "a", "name": "A"});
        customer
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        apply(
            &mut replica,
            stream,
            &json!({"op": "upsert", "position": position, "customer": customer}),
        );
        let found = document(&index, "a").unwrap();
        (
            found["cases"].as_array().map_or(0, Vec::len),
            found["interactions"].as_array().map_or(0, Vec::len),
        )
    };
    assert_eq!(
        upsert(1, json!({"cases": [{"id": "k"}], "interactions": [{"id": "i"}]})),
        (1, 1)
    );
    assert_eq!(upsert(2, json!({})), (1, 1));
    assert_eq!(upsert(3, json!({"cases": []})), (0, 1));
}

#[test]
fn a_new_schema_types_the_changes_after_it() {
    let (index, mut replica, stream) = replica();
    let schema = json!({"op": "schema", "position": 1, "schema": [{"key": "tier", "type": "text"}]});
    assert!(matches!(
        apply(&mut replica, stream, &schema),
        Outcome::Applied(1)
    ));
    let upsert = json!({"op": "upsert", "position": 2, "customer":
        {"id": "a", "name": "A", "attributes": {"tier": "gold", "unknown": 1}}});
    apply(&mut replica, stream, &upsert);
    assert_eq!(
        document(&index, "a").unwrap()["attributes"],
        json!({"tier": "gold"})
    );
    assert_eq!(replica.counters().left_out(), 1);
    assert_eq!(index.schema().version, 1);
}

#[test]
fn a_schema_that_is_delivered_again_does_not_come_back() {
    let (index, mut replica, stream) = replica();
    let schema = |position: u64, key: &str| json!({"op": "schema", "position": position, "schema": [{"key": key, "type": "text"}]});
    apply(&mut replica, stream, &schema(1, "old"));
    apply(&mut replica, stream, &schema(2, "new"));
    for position in [1, 2] {
        let outcome = apply(&mut replica, stream, &schema(position, "old"));
        assert!(matches!(outcome, Outcome::Seen), "{outcome:?}");
    }
    assert_eq!((index.schema().version, index.seq()), (2, 2));
    assert!(index.schema().position("new").is_some());
}

#[test]
fn a_null_member_is_an_absent_one_and_ids_may_be_any_whole_number() {
    for (line, id) in [
        (r#"{"op":"delete","id":-5}"#, "-5"),
        (r#"{"op":"delete","id":"a","at":null,"customer":null}"#, "a"),
    ] {
        let decoded = Change::decode(line.as_bytes()).unwrap();
        assert_eq!(decoded.change, Change::Delete { id: id.into() }, "{line}");
    }
    let line = br#"{"op":"case","customer_id":"a","case":null,"delete":"k"}"#;
    assert!(Change::decode(line).is_ok());
}

#[test]
fn a_merge_takes_the_schema_along() {
    let (index, mut replica, stream) = replica();
    let schema = json!({"op": "schema", "position": 1, "schema": [{"key": "tier", "type": "text"}]});
    apply(&mut replica, stream, &schema);
    let upsert = json!({"op": "upsert", "position": 2, "customer": {"id": "a", "name": "A"}});
    apply(&mut replica, stream, &upsert);
    merge(&mut replica);
    let keys: Vec<String> = index
        .snapshot()
        .schema()
        .attributes
        .iter()
        .map(|attribute| attribute.key.clone())
        .collect();
    assert_eq!(keys, ["tier"]);
}

#[test]
fn what_cannot_be_applied_changes_nothing_and_says_why() {
    let (index, mut replica, stream) = replica();
    for nth in 0..=BOUNDS.parked_max {
        let unknown = json!({"op": "case", "position": 1, "customer_id": format!("unknown-{nth}"), "case": {"id": "k"}});
        match apply(&mut replica, stream, &unknown) {
            Outcome::Parked if nth < BOUNDS.parked_max => {}
            Outcome::Refused(refused) if nth == BOUNDS.parked_max => {
                assert!(refused.to_string().contains("customer_id"), "{refused}");
            }
            outcome => panic!("{outcome:?}"),
        }
    }
    let nameless = json!({"op": "upsert", "position": 2, "customer": {"id": "secret-id"}});
    let Outcome::Refused(refused) = apply(&mut replica, stream, &nameless) else {
        panic!("applied")
    };
    assert!(
        !refused.without_content().contains("secret"),
        "{}",
        refused.without_content()
    );
    assert_eq!(index.seq(), 0);
    for (line, expected) in [
        (
            r#"{"op":"upsert"}"#,
            "customer: expected a customer, found nothing",
        ),
        (
            r#"{"op":"upset"}"#,
            "op: expected one of upsert, delete, case, interaction, schema, heartbeat, sample, found upset",
        ),
        (
            r#"{"op":"delete","id":"a","position":-1}"#,
            "position: expected a decimal whole number",
        ),
        (
            r#"{"op":"delete","id":"a","postion":1}"#,
            "postion: expected one of the members",
        ),
        (
            r#"{"op":"case","customer_id":"a"}"#,
            "case: expected either case or delete, found neither",
        ),
        (
            r#"{"op":"delete","id":"a\u0000"}"#,
            "id: expected an id of 1 to 256 bytes",
        ),
        ("[]", "expected a JSON object"),
        ("{", "expected a JSON object"),
    ] {
        let error = Change::decode(line.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{line}: {error}");
    }
}

#[test]
fn what_is_logged_of_a_refusal_repeats_nothing_of_the_document() {
    let (_, mut replica, stream) = replica();
    let customers = [
        json!({"id": "a", "name": "Ada", "+14806754110": 1}),
        json!({"id": "a", "name": "Ada", "phones": [{"number": "+14806754110", "14806754110": 1}]}),
        json!({"id": "a", "name": ["14806754110"]}),
        json!({"id": "a", "phones": [{"region": "14806754110", "number": "1"}]}),
    ];
    for customer in customers {
        let line = json!({"op": "upsert", "position": 1, "customer": customer});
        let Outcome::Refused(refused) = apply(&mut replica, stream, &line) else {
            panic!("applied: {line}")
        };
        let logged = refused.without_content();
        assert!(
            logged.contains("expected") && !logged.contains("4806754110"),
            "{logged}"
        );
    }
    for line in [
        r#"{"op":"delete","14806754110":1}"#,
        r#"{"op":"14806754110"}"#,
        "14806754110",
    ] {
        let logged = Change::decode(line.as_bytes()).unwrap_err().without_content();
        assert!(!logged.contains("4806754110"), "{logged}");
    }
}

#[test]
fn a_merge_of_what_was_replaced_is_not_taken_up() {
    let (index, mut replica, stream) = replica();
    let upsert = |id: &str, position: u64| {
        json!({"op": "upsert", "position": position.to_string(),
               "customer": {"id": id, "name": id, "phones": [NUMBERS[0]]}})
    };
    apply(&mut replica, stream, &upsert("a", 1));
    let earlier = merged(&mut replica).unwrap();
    assert!(replica.install(Arc::clone(&earlier)));
    apply(&mut replica, stream, &upsert("b", 2));
    let late = merged(&mut replica).unwrap();
    replica.replace(&earlier, false).unwrap();
    assert!(!replica.is_merging() && !replica.install(late));
    assert!(Arc::ptr_eq(&index.snapshot(), &earlier));
    assert_eq!(owner(&index, NUMBERS[0]).as_deref(), Some("a"));
    assert_eq!(document(&index, "b"), None);

    // What came since the earlier one is delivered again, and is no repetition.
    let seq = index.seq();
    assert!(matches!(
        apply(&mut replica, stream, &upsert("a", 1)),
        Outcome::Seen
    ));
    let again = apply(&mut replica, stream, &upsert("b", 2));
    assert!(
        matches!(again, Outcome::Applied(applied) if applied > seq),
        "{again:?}"
    );
    assert_eq!(owner(&index, NUMBERS[0]).as_deref(), Some("b"));
    merge(&mut replica);
    assert_eq!(index.snapshot().header().customers, 2);
}
