//! What documents are taken, what a feed leaves out of them, and what no refusal may say.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::customer::AttributeType;

fn schema() -> Schema {
    Schema::from_json(
        1,
        &json!([
            {"key": "email", "type": "email"},
            {"key": "birthday", "type": "date", "sensitive": true},
            {"key": "opted_out", "type": "bool"},
            {"key": "notes", "type": "text"}
        ]),
    )
    .unwrap()
}

pub(super) fn import(json: &Value) -> Result<Customer, Refusal> {
    read(json, &schema(), Strictness::Import, Limits::default()).map(|read| read.customer)
}

/// A document with one more field.
pub(super) fn with(key: &str, value: Value) -> Value {
    let mut json = json!({"id": "c-1", "name": "Ada"});
    json[key] = value;
    json
}

#[test]
fn a_whole_document_is_read() {
    let customer = import(&json!({
        "id": "c-1842", "name": "Ada Lovelace",
        "created_at": "2024-05-01T08:00:00Z", "updated_at": "2026-11-18T14:10:00Z",
        "first_name": "Ada", "last_name": "Lovelace", "company": null,
        "phones": [
            "+1 480 675 4110",
            {"number": "020 7946 0958", "region": "GB", "kind": "mobile", "verified_at": "2026-03-01", "shared": true}
        ],
        "labels": [{"name": "VIP", "color": "#d4af37"}, "blacklist"],
        "flags": {"do_not_call": false, "do_not_sms": true},
        "attributes": {"opted_out": false, "email": "ada@example.org", "birthday": "1815-12-10", "notes": 42},
        "cases": [{"id": "5f", "number": "CAS-01213", "title": "Router keeps rebooting", "status": "open",
                   "priority": "high", "created_at": "2026-11-02T09:30:00Z"}],
        "interactions": [{"id": "i-9", "started_at": "2026-11-18T14:02:11Z", "activities": [{"kind": "ivr"}]}],
        "last_agent_id": "1001"
    }))
    .unwrap();
    assert_eq!(
        (customer.id.as_str(), customer.name.as_str()),
        ("c-1842", "Ada Lovelace")
    );
    assert_eq!(customer.created_at.as_deref(), Some("2024-05-01T08:00:00Z"));
    assert_eq!(customer.updated_at.as_deref(), Some("2026-11-18T14:10:00Z"));
    assert_eq!(
        (customer.first_name.as_deref(), customer.last_name.as_deref()),
        (Some("Ada"), Some("Lovelace"))
    );
    assert_eq!(customer.company, None);
    let bare = Phone {
        number: "+1 480 675 4110".into(),
        ..Phone::default()
    };
    let full = Phone {
        number: "020 7946 0958".into(),
        region: Some("GB".into()),
        kind: Some("mobile".into()),
        verified_at: Some("2026-03-01".into()),
        shared: true,
    };
    assert_eq!(customer.phones, [bare, full]);
    let vip = Label {
        name: "VIP".into(),
        color: Some("#d4af37".into()),
    };
    assert_eq!(
        customer.labels,
        [
            vip,
            Label {
                name: "blacklist".into(),
                color: None
            }
        ]
    );
    assert_eq!(
        customer.flags,
        Flags {
            do_not_call: false,
            do_not_sms: true
        }
    );
    let attributes: Vec<_> = customer
        .attributes
        .iter()
        .map(|(at, json)| (*at, json.as_str()))
        .collect();
    assert_eq!(
        attributes,
        [
            (0, "\"ada@example.org\""),
            (1, "\"1815-12-10\""),
            (2, "false"),
            (3, "\"42\"")
        ]
    );
    assert_eq!(customer.cases.unwrap()[0].number.as_deref(), Some("CAS-01213"));
    assert_eq!(customer.interactions.unwrap()[0].activities[0].kind, "ivr");
    assert_eq!(customer.last_agent_id.as_deref(), Some("1001"));
}

#[test]
fn a_name_is_composed_where_there_is_none() {
    let named = [
        (
            json!({"id": 7, "first_name": " Ada ", "last_name": "Lovelace", "company": "Engines"}),
            "Ada Lovelace",
        ),
        (json!({"id": 7, "name": "", "last_name": "Lovelace"}), "Lovelace"),
        (
            json!({"id": 7, "name": null, "company": "Engines Ltd"}),
            "Engines Ltd",
        ),
        (json!({"id": 7, "phones": ["1"]}), ""),
        (json!({"id": 7, "name": "A", "first_name": "Ada"}), "A"),
    ];
    for (json, name) in named {
        let customer = import(&json).unwrap();
        assert_eq!(
            (customer.id.as_str(), customer.name.as_str()),
            ("7", name),
            "{json}"
        );
    }
    let long = "é".repeat(1000);
    let customer = import(&json!({"id": "c", "first_name": long, "last_name": long})).unwrap();
    assert_eq!(customer.name.chars().count(), MOST_CHARACTERS);
}

#[test]
fn nulls_and_blanks_are_absent() {
    let nothing = json!({
        "id": "c-1", "name": "Ada", "created_at": null, "phones": null, "labels": null, "flags": null, "case": null,
        "attributes": {"email": null, "birthday": ""}, "cases": null, "interactions": null, "last_agent_id": " "
    });
    assert_eq!(import(&nothing), import(&json!({"id": "c-1", "name": "Ada"})));
    assert_eq!(import(&nothing).unwrap().cases, None);
    let phones = import(&with(
        "phones",
        json!([null, "", "1", {"number": "2", "region": ""}]),
    ))
    .unwrap()
    .phones;
    assert_eq!(
        phones
            .iter()
            .map(|phone| phone.number.as_str())
            .collect::<Vec<_>>(),
        ["1", "2"]
    );
    assert_eq!(import(&with("cases", json!([]))).unwrap().cases, Some(vec![]));
}

#[test]
fn parts_are_newest_first_and_no_more_than_the_limits() {
    let json = json!({
        "id": "c", "name": "Ada",
        "cases": [{"id": "undated"}, {"id": "a", "created_at": "2026-01-01T00:00:00Z"},
                  {"id": "b", "created_at": "2026-01-01T00:00:00+00:00"},
                  {"id": "c", "created_at": "2026-01-01T00:30:00+01:00"},
                  {"id": "d", "created_at": "2026-01-02T00:00:00Z"}],
        "interactions": [{"id": "1"}, {"id": "2"}, {"id": "3", "started_at": "2026-01-02T00:00:00Z"}]
    });
    let limits = Limits {
        cases: 4,
        interactions: 2,
    };
    let customer = read(&json, &schema(), Strictness::Feed, limits).unwrap().customer;
    let cases: Vec<_> = customer
        .cases
        .iter()
        .flatten()
        .map(|case| case.id.as_str())
        .collect();
    assert_eq!(cases, ["d", "a", "b", "c"]);
    let interactions: Vec<_> = customer
        .interactions
        .iter()
        .flatten()
        .map(|part| part.id.as_str())
        .collect();
    assert_eq!(interactions, ["3", "1"]);
    assert_eq!(
        import(&with("case", json!({"id": "x"})))
            .unwrap()
            .cases
            .unwrap()
            .len(),
        1
    );
    let many: Vec<_> = (0..25).map(|n| json!({"id": n})).collect();
    assert_eq!(
        import(&with("cases", json!(many))).unwrap().cases.unwrap().len(),
        10
    );
    assert_eq!(
        import(&with("interactions", json!(many)))
            .unwrap()
            .interactions
            .unwrap()
            .len(),
        20
    );
}

#[test]
fn limits_are_inclusive() {
    let taken = [
        with("id", json!("x".repeat(256))),
        with("name", json!("é".repeat(1000))),
        with("phones", json!(vec!["1"; 100])),
        with("labels", json!(vec!["x"; 100])),
        with("labels", json!(["é".repeat(100)])),
        with("attributes", json!({"notes": "é".repeat(1000)})),
        with(
            "interactions",
            json!([{"id": "i", "activities": vec![json!({"kind": "ivr"}); 200]}]),
        ),
    ];
    for json in taken {
        assert!(import(&json).is_ok());
    }
}

#[test]
fn a_feed_leaves_out_what_an_import_refuses() {
    let schema = Schema::from_json(
        1,
        &json!([{"key": "email", "type": "email", "required": true}, {"key": "tier", "type": "text", "required": true},
                {"key": "notes", "type": "text"}]),
    )
    .unwrap();
    let json = with(
        "attributes",
        json!({"email": "ada", "shoe_size": 5, "notes": "kept"}),
    );
    let read_as = |strictness| read(&json, &schema, strictness, Limits::default());
    let Read { customer, left_out } = read_as(Strictness::Feed).unwrap();
    assert_eq!(customer.attributes, [(2, "\"kept\"".to_owned())]);
    let fields: Vec<_> = left_out.iter().map(|refusal| refusal.field.as_str()).collect();
    assert_eq!(
        fields,
        ["attributes.shoe_size", "attributes.email", "attributes.tier"]
    );
    assert_eq!(
        read_as(Strictness::Import).unwrap_err().field,
        "attributes.shoe_size"
    );
    let missing = read(
        &with("name", json!("A")),
        &schema,
        Strictness::Import,
        Limits::default(),
    )
    .unwrap_err();
    assert_eq!(missing.field, "attributes.email");
    assert!(
        missing
            .to_string()
            .ends_with("as the schema requires one, found nothing"),
        "{missing}"
    );
    // Only attributes are left out: a feed whose dates are wrong is a feed that is wrong.
    let broken = read(
        &with("updated_at", json!("soon")),
        &schema,
        Strictness::Feed,
        Limits::default(),
    );
    assert_eq!(broken.unwrap_err().field, "updated_at");
}

/// JSON of the keys that documents know, so that a wrong value is found at every depth.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("2026-11-18T14:02:11Z")),
        Just(json!("1815-12-10")),
        Just(json!("GB")),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        let mut keys = KNOWN.to_vec();
        keys.extend([
            "number",
            "region",
            "kind",
            "verified_at",
            "shared",
            "color",
            "do_not_call",
            "email",
            "notes",
        ]);
        keys.extend([
            "activities",
            "started_at",
            "duration_s",
            "type",
            "direction",
            "birthday",
            "unknown",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(keys), inner, 0..10).prop_map(|entries| entries
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

/// Documents that are mostly right, with one field of anything.
fn nearly_right() -> impl Strategy<Value = Value> {
    (prop::sample::select(KNOWN.to_vec()), any_json()).prop_map(|(key, value)| with(key, value))
}

proptest! {
    #[test]
    fn no_document_panics(json in prop_oneof![any_json(), nearly_right()]) {
        for strictness in [Strictness::Import, Strictness::Feed] {
            match read(&json, &schema(), strictness, Limits { cases: 2, interactions: 3 }) {
                Ok(Read { customer, left_out }) => {
                    prop_assert!((1..=256).contains(&customer.id.len()));
                    prop_assert!(!customer.name.is_empty() || !customer.phones.is_empty());
                    prop_assert!(customer.attributes.is_sorted_by(|a, b| a.0 < b.0));
                    prop_assert!(customer.cases.as_ref().is_none_or(|cases| cases.len() <= 2));
                    prop_assert!(customer.interactions.as_ref().is_none_or(|parts| parts.len() <= 3));
                    prop_assert!(left_out.is_empty() || strictness == Strictness::Feed);
                }
                Err(refusal) => prop_assert!(!refusal.to_string().chars().any(char::is_control)),
            }
        }
        let _ = Schema::from_json(1, &json);
    }

    #[test]
    fn no_refusal_tells_a_sensitive_value(
        kind in prop::sample::select(AttributeType::ALL.to_vec()),
        secret in prop_oneof![
            "xyzzy[a-z@.:/ -]{0,40}".prop_map(Value::from),
            (700_000_000_i64..800_000_000).prop_map(Value::from),
            Just(json!(["xyzzy"])),
            Just(json!({"xyzzy": "xyzzy"})),
            Just(json!("xyzzy".repeat(300))),
        ],
    ) {
        let schema = Schema::from_json(1, &json!([{"key": "pin", "type": kind.name(), "sensitive": true}])).unwrap();
        let json = with("attributes", json!({"pin": secret, "pni": secret}));
        let mut told = read(&json, &schema, Strictness::Feed, Limits::default()).unwrap().left_out;
        told.extend(read(&json, &schema, Strictness::Import, Limits::default()).err());
        prop_assert!(!told.is_empty());
        for refusal in told {
            let text = format!("{refusal} {refusal:?}");
            prop_assert!(!text.contains("xyzzy"), "{}", text);
            prop_assert!(secret.as_i64().is_none_or(|number| !text.contains(&number.to_string())), "{}", text);
        }
    }
}
