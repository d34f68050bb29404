//! A contact centre in memory, made of documents, for tests of what callers see.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::io::Cursor;
use std::sync::Arc;

use ringside::callers::{
    Answers, Attestation, Dialect, Meters, Native, Source, Speakers, Speaking, Treatment, TreatmentRule,
};
use ringside::customer::document::{self, Limits, Strictness};
use ringside::customer::identity::canonical;
use ringside::customer::record::{Origin, encode};
use ringside::customer::{Claim, Record, Schema};
use ringside::index::{Index, Mode, OnConflict, Owner, Ownership, Phones, Writer};
use ringside::metrics::Metrics;
use ringside::number::{Key, Numbering, Settings, SuffixDigits};
use ringside::replica::Freshness;
use ringside::snapshot::writer::{Facts, SnapshotWriter};
use ringside::snapshot::{MappedSnapshot, Stream};
use ringside::tenant::Tenant;
use serde_json::{Value, json};

pub(crate) const BATCH_MAX: usize = 1000;

/// What a centre is made of; the parts that a test does not name are those of [`Plan::default`].
pub(crate) struct Plan {
    pub(crate) schema: Value,
    pub(crate) customers: Vec<Value>,
    pub(crate) mode: Mode,
    pub(crate) shared_above: u32,
    pub(crate) suffix_digits: u8,
    pub(crate) rules: Vec<TreatmentRule>,
    pub(crate) attestation: Attestation,
    pub(crate) matches_max: usize,
}

pub(crate) struct Centre {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) source: Source,
    pub(crate) writer: Writer,
    pub(crate) native: Native,
}

impl Centre {
    /// Every dialect, as it is spoken where the configuration says nothing.
    pub(crate) fn speakers(&self) -> Speakers {
        let mut speakers = Speakers::none();
        for dialect in Dialect::ALL {
            let speaking = Speaking {
                enabled: true,
                customer_id: if dialect.is_crm() { "auto" } else { "" }.to_owned(),
                batch_max: BATCH_MAX,
                ..Speaking::default()
            };
            let source = Source {
                meters: Arc::new(self.meters.for_dialect(dialect.name())),
                ..self.source.clone()
            };
            speakers.add(dialect, source, &speaking).unwrap();
        }
        speakers
    }
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            schema: json!([
                {"key": "email", "type": "email"},
                {"key": "tier", "type": "text"},
                {"key": "ssn", "type": "text", "sensitive": true},
                {"key": "opted_out", "type": "bool"},
            ]),
            customers: vec![ada()],
            mode: Mode::Unique,
            shared_above: 0,
            suffix_digits: 0,
            rules: Vec::new(),
            attestation: Attestation::None,
            matches_max: 100,
        }
    }
}

pub(crate) fn ada() -> Value {
    json!({
        "id": "c-1842", "name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace",
        "phones": ["+1 480 675 4110", {"number": "020 7946 0958", "region": "GB"}],
        "labels": [{"name": "VIP", "color": "#d4af37"}],
        "flags": {"do_not_call": false, "do_not_sms": true},
        "attributes": {"email": "ada@example.org", "tier": "gold", "ssn": "078-05-1120"},
        "cases": [
            {"id": "k-2", "number": "CAS-2", "title": "Closed since", "status": "closed", "created_at": "2026-11-03T09:30:00Z"},
            {"id": "k-1", "number": "CAS-1", "title": "Router reboots", "status": "open", "created_at": "2026-11-02T09:30:00Z"}
        ],
        "last_agent_id": "1001"
    })
}

/// A customer with an id, a name and phones.
pub(crate) fn person(id: &str, name: &str, phones: Value) -> Value {
    json!({"id": id, "name": name, "phones": phones})
}

pub(crate) fn numbering() -> Numbering {
    Numbering::new(&Settings {
        own_numbers: vec!["+1 800 555 0199".to_owned()],
        own_ranges: vec!["+14155550100-+14155550199".to_owned()],
        shared_lines: vec!["(480) 675-4180".to_owned(), "+14806754181".to_owned()],
        extension_lengths: vec![4],
        ..Settings::builtin()
    })
    .unwrap()
}

/// `document`'s record, whose claims began at `since`.
pub(crate) fn record(document: &Value, schema: &Schema, since: u64) -> Vec<u8> {
    let read = document::read(document, schema, Strictness::Import, Limits::default()).unwrap();
    let numbering = numbering();
    let mut claims: Vec<Claim> = Vec::new();
    for number in read.customer.numbers(schema) {
        let key = numbering
            .key_to_store(number.written.as_ref(), number.region, number.extension)
            .unwrap()
            .unwrap()
            .raw();
        claims.push(Claim {
            key,
            since,
            shared: number.shared,
        });
    }
    // The one attribute that customers are found by here.
    if let Some(value) = document["attributes"]["crm_id"].as_str() {
        let value = canonical(value).unwrap();
        claims.push(Claim {
            key: Key::attribute("crm_id", &value).raw(),
            since,
            shared: false,
        });
    }
    let origin = Origin {
        stream: 0,
        position: &[],
        marks: &[],
    };
    encode(&read.customer, schema, &claims, origin).unwrap()
}

pub(crate) fn centre(plan: &Plan) -> Centre {
    let schema = Schema::from_json(1, &plan.schema).unwrap();
    let mut writer = SnapshotWriter::new(Cursor::new(Vec::new()), 42)
        .unwrap()
        .by_suffix(SuffixDigits::new(plan.suffix_digits));
    for (since, document) in (1..).zip(&plan.customers) {
        let bytes = record(document, &schema, since);
        writer.add(&Record::open(&bytes).unwrap()).unwrap();
    }
    let streams = [Stream {
        stream: "import".into(),
        incarnation: "a".into(),
        token: String::new(),
    }];
    let facts = Facts {
        generation: 12,
        seq: 100,
        created_at_ms: 5,
        schema: &schema,
        streams: &streams,
        log: ringside::snapshot::layout::LogPlace::default(),
    };
    let bytes = writer.finish(&facts).unwrap().0.into_inner();
    let ownership = Ownership {
        mode: plan.mode,
        owner: Owner::NewestClaim,
        on_conflict: OnConflict::Move,
        shared_above: plan.shared_above,
        suffix_digits: plan.suffix_digits,
    };
    let shared_lines = numbering().shared_lines().to_vec();
    let phones = Phones::new(ownership, shared_lines.iter().map(|key| key.raw()));
    let snapshot = MappedSnapshot::in_memory(bytes).unwrap();
    let (index, writer) = Index::new(Arc::new(snapshot), phones);
    let tenant = Arc::new(Tenant {
        name: "main".into(),
        index,
        freshness: Arc::new(Freshness::without_feed()),
    });
    let metrics = Arc::new(Metrics::new().unwrap());
    let meters = Arc::new(Meters::register(&metrics).unwrap());
    let source = Source {
        numbering: numbering(),
        number_rules: Arc::default(),
        tap: None,
        answers: Answers {
            matches_max: plan.matches_max,
            require_attestation: plan.attestation,
            stale_after_s: 0,
        },
        treatment: Arc::new(Treatment::new(&plan.rules, &numbering()).unwrap()),
        meters: Arc::clone(&meters),
        tenant: Arc::clone(&tenant),
    };
    Centre {
        tenant,
        metrics,
        meters,
        native: Native::new(source.clone(), BATCH_MAX),
        source,
        writer,
    }
}
