//! Customers by an id that another system has for them.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::{IDS, Merge, ids, merged};
use crate::customer::document::{self, Limits, Strictness};
use crate::customer::record::{Origin, Record};
use crate::customer::{AttributeType, Schema};
use crate::index::{Index, Mode, OnConflict, Ownership, Writer};
use crate::intake::Intake;
use crate::number::{Numbering, Settings};
use crate::snapshot::MappedSnapshot;
use crate::snapshot::layout::LogPlace;
use crate::snapshot::writer::{Facts, SnapshotWriter};

fn schema() -> Schema {
    Schema::from_json(
        1,
        &json!([{"key": "tier", "type": "text"}, {"key": "crm_id", "type": "text"}]),
    )
    .expect("a schema")
}

fn intake() -> Intake {
    let numbering = Numbering::new(&Settings::builtin()).expect("a numbering");
    Intake::new(numbering, Limits::default()).finding_by(&["crm_id".to_owned()])
}

/// A customer with a number of its own, and an id of another system's unless that is blank.
fn customer(id: &str, crm_id: &str, intake: &Intake) -> Vec<u8> {
    let json = json!({
        "id": id, "name": id,
        "phones": [format!("+1480675411{}", id.len() + usize::from(id.as_bytes()[1] - b'0'))],
        "attributes": {"tier": "gold", "crm_id": crm_id},
    });
    let customer = document::read(&json, &schema(), Strictness::Feed, Limits::default())
        .expect("a customer")
        .customer;
    intake
        .record(&customer, &schema(), Origin::default(), |_| 1)
        .expect("fits")
        .bytes
}

fn empty() -> Arc<MappedSnapshot> {
    let writer = SnapshotWriter::new(Cursor::new(Vec::new()), 1).expect("memory");
    let facts = Facts {
        generation: 1,
        seq: 0,
        created_at_ms: 0,
        schema: &schema(),
        streams: &[],
        log: LogPlace::default(),
    };
    let bytes = writer.finish(&facts).expect("memory").0.into_inner();
    Arc::new(MappedSnapshot::in_memory(bytes).expect("a snapshot"))
}

fn upsert(writer: &mut Writer, record: &[u8]) {
    let seq = writer.seq() + 1;
    writer.upsert(seq, &Record::open(record).expect("whole"));
}

fn found(index: &Index, value: &str) -> Vec<String> {
    let mut found = index.read(|view| view.by_attribute("crm_id", value).map(ids));
    found.sort_unstable();
    found
}

#[derive(Debug, Clone)]
enum Step {
    Upsert { id: usize, crm_id: usize },
    Delete { id: usize },
    Publish,
    Seal,
    Install,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..IDS, 0..CRM_IDS.len()).prop_map(|(id, crm_id)| Step::Upsert { id, crm_id }),
        2 => (0..IDS).prop_map(|id| Step::Delete { id }),
        3 => Just(Step::Publish),
        1 => Just(Step::Seal),
        1 => Just(Step::Install),
    ]
}

const CRM_IDS: [&str; 4] = [
    "",
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "0035e00000QvQ3MAAV",
    "n/a",
];

fn run(ownership: Ownership, steps: &[Step]) -> Result<(), TestCaseError> {
    let intake = intake();
    let (index, mut writer) = Index::new(empty(), ownership);
    let mut written: BTreeMap<String, usize> = BTreeMap::new();
    let mut published = written.clone();
    let mut waiting: Option<Merge> = None;
    let mut generation = 1;
    for step in steps {
        match step {
            Step::Upsert { id, crm_id } => {
                let id = format!("c{id}");
                upsert(&mut writer, &customer(&id, CRM_IDS[*crm_id], &intake));
                written.insert(id, *crm_id);
            }
            Step::Delete { id } => {
                let id = format!("c{id}");
                writer.delete(writer.seq() + 1, &id, Origin::default());
                written.remove(&id);
            }
            Step::Publish => {
                writer.publish();
                published = written.clone();
            }
            Step::Seal => {
                if let Some(merge) = writer.seal() {
                    waiting = Some(merge);
                }
                published = written.clone();
            }
            Step::Install => {
                if let Some(merge) = waiting.take() {
                    generation += 1;
                    writer.install(merged(&merge, generation));
                }
            }
        }
        for (crm_id, value) in CRM_IDS.iter().enumerate() {
            let expected: Vec<String> = published
                .iter()
                .filter(|(_, has)| crm_id != 0 && **has == crm_id)
                .map(|(id, _)| id.clone())
                .collect();
            prop_assert_eq!(&found(&index, value), &expected, "{:?}", value);
        }
        // Whatever ids are shared, nobody is hidden and nobody loses a number.
        for id in published.keys() {
            prop_assert!(index.read(|view| Ok(view.customer(id)?.is_some())));
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn equals_the_model(
        steps in prop::collection::vec(step(), 1..60),
        on_conflict in prop_oneof![Just(OnConflict::Move), Just(OnConflict::Replace)],
        mode in prop_oneof![Just(Mode::Unique), Just(Mode::Shared)],
    ) {
        run(Ownership { mode, on_conflict, shared_above: 1, ..Ownership::BUILTIN }, &steps)?;
    }
}

#[test]
fn an_id_is_found_however_it_is_written_and_by_its_attribute_alone() {
    let (index, mut writer) = Index::new(empty(), Ownership::BUILTIN);
    upsert(&mut writer, &customer("c1", CRM_IDS[1], &intake()));
    upsert(&mut writer, &customer("c2", CRM_IDS[2], &intake()));
    writer.publish();
    assert_eq!(found(&index, "{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}"), ["c1"]);
    assert_eq!(found(&index, "0035e00000QvQ3M"), ["c2"]);
    assert!(
        found(&index, "0035E00000QVQ3M").is_empty(),
        "case counts in Salesforce's ids"
    );
    for name in ["tier", "other"] {
        let by = |value| index.read(|view| view.by_attribute(name, value).map(ids));
        assert!(by("gold").is_empty() && by(CRM_IDS[1]).is_empty(), "{name}");
    }
}

#[test]
fn what_is_sensitive_finds_nobody_and_an_older_schema_is_no_matter() {
    let (index, mut writer) = Index::new(empty(), Ownership::BUILTIN);
    upsert(&mut writer, &customer("c1", "4711", &intake()));
    writer.publish();
    let mut schema = schema();
    schema.version = 2;
    schema.attributes.reverse();
    writer.set_schema(writer.seq() + 1, schema.clone());
    writer.publish();
    assert_eq!(found(&index, "4711"), ["c1"]);
    schema.version = 3;
    schema.attributes[0].sensitive = true;
    assert_eq!(schema.attributes[0].kind, AttributeType::Text);
    writer.set_schema(writer.seq() + 1, schema);
    writer.publish();
    assert!(found(&index, "4711").is_empty());
}

#[test]
fn ids_are_counted_apart_from_numbers() {
    let (index, mut writer) = Index::new(empty(), Ownership::BUILTIN);
    for id in ["c1", "c2", "c3"] {
        upsert(&mut writer, &customer(id, "4711", &intake()));
    }
    upsert(&mut writer, &customer("c4", "4712", &intake()));
    let merge = writer.seal().expect("changes");
    writer.install(merged(&merge, 2));
    let snapshot = index.snapshot();
    let header = snapshot.header();
    assert_eq!((header.numbers, header.attributes, header.contested), (4, 2, 0));
    assert_eq!(header.claims, 8);
    assert_eq!(found(&index, "4711").len(), 3);
    assert_eq!(found(&index, "4712"), ["c4"]);
}
