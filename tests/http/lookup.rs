//! The native lookup: what is read, what is answered.

use ringside::callers::{Attestation, Flag, TreatmentRule};
use ringside::customer::record::Origin;
use ringside::customer::{Record, Schema};
use ringside::index::Mode;
use serde_json::json;

use crate::served::{address, serve};
use crate::support::{Plan, ada, centre, person, record};
use crate::wire::{get, tcp};
use crate::{ask, ask_of};

/// Ada as her record has her.
const ADA: &str = r##"{"id":"c-1842","name":"Ada Lovelace","first_name":"Ada","last_name":"Lovelace","phones":["+1 480 675 4110",{"number":"020 7946 0958","region":"GB"}],"labels":[{"name":"VIP","color":"#d4af37"}],"flags":{"do_not_call":false,"do_not_sms":true},"attributes":{"email":"ada@example.org","tier":"gold","ssn":"078-05-1120"},"cases":[{"id":"k-2","number":"CAS-2","title":"Closed since","status":"closed","created_at":"2026-11-03T09:30:00Z"},{"id":"k-1","number":"CAS-1","title":"Router reboots","status":"open","created_at":"2026-11-02T09:30:00Z"}],"last_agent_id":"1001"}"##;

#[test]
fn a_hit_is_told_whole_and_in_order() {
    let answer = ask(&Plan::default(), "/v1/lookup?ani=%2B14806754110");
    let expected = format!(
        r#"{{"found":true,"match":"exact","reason":null,"ani":"+14806754110","count":1,"customer_id":"c-1842","name":"Ada Lovelace","customer":{ADA},"case":{{"id":"k-2","number":"CAS-2","title":"Closed since","status":"closed","created_at":"2026-11-03T09:30:00Z"}},"open_case":{{"id":"k-1","number":"CAS-1","title":"Router reboots","status":"open","created_at":"2026-11-02T09:30:00Z"}},"treatment":null,"queue":null,"last_agent_id":"1001","may_greet":true,"may_disclose":true,"matches":[{{"customer_id":"c-1842","name":"Ada Lovelace","company":null,"last_agent_id":"1001"}}],"not_owned":[],"pop_url":null,"generation":12,"position":null,"age_ms":null,"stale":false,"connected":false,"source_lag_ms":null}}"#
    );
    assert_eq!(answer.body, expected);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[test]
fn every_miss_has_the_shape_of_a_hit() {
    let running = serve(&centre(&Plan::default()));
    for (ani, repeated, reason) in [
        ("%2B14806754199", r#""+14806754199""#, "unknown"),
        ("", "null", "anonymous"),
        ("anonymous", "null", "anonymous"),
        ("%2B18005550199", r#""+18005550199""#, "own_number"),
        ("4411", r#""4411""#, "internal"),
        ("%2B9981%22%0A", r#""+9981\"\n""#, "invalid"),
        ("sip:nobody@example.org", r#""nobody""#, "unknown"),
    ] {
        let answer = get(address(&running), &format!("/v1/lookup?ani={ani}"));
        let expected = format!(
            r#"{{"found":false,"match":"none","reason":"{reason}","ani":{repeated},"count":0,"customer_id":null,"name":null,"customer":null,"case":null,"open_case":null,"treatment":null,"queue":null,"last_agent_id":null,"may_greet":false,"may_disclose":false,"matches":[],"not_owned":[],"pop_url":null,"generation":12,"position":null,"age_ms":null,"stale":false,"connected":false,"source_lag_ms":null}}"#
        );
        assert_eq!((answer.status, answer.body), (200, expected), "{ani}");
    }
}

#[test]
fn a_number_is_found_however_it_is_sent() {
    let running = serve(&centre(&Plan::default()));
    for target in [
        "/v1/lookup?ani=%2B14806754110",
        "/v1/lookup?ani=+14806754110",
        "/v1/lookup?ani=%2014806754110",
        "/v1/lookup?ani=(480)%20675-4110",
        "/v1/lookup?nocache=1712&ani=4806754110&x",
        "/v1/lookup?ani=sip:%2B14806754110%40gateway;user%3Dphone",
        "/v1/lookup?ani=020%207946%200958&region=GB",
        "/v1/lookup/%2B14806754110",
        "/v1/lookup/+14806754110?ani=1",
        "/v1/lookup/?ani=+14806754110",
        "//v1/lookup?ani=+14806754110",
        "///v1/lookup/4806754110",
    ] {
        let answer = get(address(&running), target);
        assert_eq!(
            answer.json()["customer_id"],
            "c-1842",
            "{target}: {}",
            answer.body
        );
    }
    let mut client = tcp(address(&running));
    for (content_type, body) in [
        ("application/x-www-form-urlencoded", "ani=%2B14806754110"),
        (
            "application/x-www-form-urlencoded; charset=UTF-8",
            "x=1&ani=+14806754110",
        ),
        (
            "application/json",
            r#"{"ani": "+1 480 675 4110", "dnis": null, "other": {}}"#,
        ),
        ("text/json", r#" {"ani": 14806754110}"#),
        ("", r#"{"ani": "+14806754110"}"#),
        ("", "ani=+14806754110"),
    ] {
        let answer = client.post("/v1/lookup", content_type, body.as_bytes());
        assert_eq!(answer.json()["customer_id"], "c-1842", "{body}: {}", answer.body);
    }
    let answer = client.post("/v1/lookup?ani=+14806754110&format=text", "", b"");
    assert_eq!(answer.body, "Ada Lovelace");
}

#[test]
fn extensions_and_sip_users_match_exactly() {
    let plan = Plan {
        customers: vec![
            person("c-1", "Desk", json!([{"number": "4411", "kind": "extension"}])),
            person("c-2", "Alice", json!(["sip:alice@example.org"])),
        ],
        ..Plan::default()
    };
    let running = serve(&centre(&plan));
    for (ani, id) in [
        ("4411", json!("c-1")),
        ("sip:alice@elsewhere.net", json!("c-2")),
        ("sip:Alice@example.org", json!(null)),
    ] {
        let answer = get(address(&running), &format!("/v1/lookup?ani={ani}"));
        assert_eq!(answer.json()["customer_id"], id, "{ani}");
    }
}

fn rivals() -> Plan {
    Plan {
        customers: vec![
            person("c-1", "First", json!(["+14806754111", "+14806754112"])),
            person("c-2", "Second", json!(["+14806754111"])),
            person(
                "c-3",
                "Third",
                json!([{"number": "+14806754113", "shared": true}]),
            ),
            person("c-4", "Fourth", json!(["+14806754113"])),
            person(
                "c-5",
                "Fifth",
                json!([{"number": "+14806754114", "shared": true}]),
            ),
        ],
        ..Plan::default()
    }
}

#[test]
fn the_owner_answers_for_a_contested_number() {
    let running = serve(&centre(&rivals()));
    let contested = get(address(&running), "/v1/lookup?ani=+14806754111").json();
    assert_eq!(
        (&contested["customer_id"], &contested["count"]),
        (&json!("c-2"), &json!(1))
    );
    let loser = get(address(&running), "/v1/lookup?ani=+14806754112").json();
    assert_eq!(
        (&loser["customer_id"], &loser["not_owned"]),
        (&json!("c-1"), &json!(["+14806754111"]))
    );
    let by_id = get(address(&running), "/v1/customers/c-1");
    assert_eq!(
        by_id.body,
        r#"{"customer":{"id":"c-1","name":"First","phones":["+14806754111","+14806754112"]},"not_owned":["+14806754111"],"generation":12,"position":null,"age_ms":null,"stale":false,"connected":false,"source_lag_ms":null}"#
    );
}

#[test]
fn several_matches_greet_nobody_and_are_all_listed() {
    let shared = Plan {
        mode: Mode::Shared,
        ..rivals()
    };
    for (plan, ani, ids) in [
        (rivals(), "+14806754113", ["c-4", "c-3"]),
        (shared, "+14806754111", ["c-2", "c-1"]),
    ] {
        let answer = ask(&plan, &format!("/v1/lookup?ani={ani}")).json();
        for null in [
            "customer_id",
            "name",
            "customer",
            "case",
            "open_case",
            "last_agent_id",
        ] {
            assert_eq!(answer[null], json!(null), "{null}");
        }
        let told = [
            "found",
            "match",
            "reason",
            "count",
            "may_greet",
            "may_disclose",
            "not_owned",
        ]
        .map(|key| answer[key].clone());
        assert_eq!(
            json!(told),
            json!([true, "exact", "ambiguous", 2, false, false, []])
        );
        let listed: Vec<_> = answer["matches"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["customer_id"].clone())
            .collect();
        assert_eq!(listed, ids);
    }
    let plan = Plan {
        matches_max: 1,
        ..rivals()
    };
    let answer = ask(&plan, "/v1/lookup?ani=+14806754113").json();
    assert_eq!(
        (&answer["count"], answer["matches"].as_array().unwrap().len()),
        (&json!(2), 1)
    );
}

#[test]
fn a_shared_line_is_greeted_but_told_nothing() {
    let answer = ask(&rivals(), "/v1/lookup?ani=+14806754114").json();
    assert_eq!(
        (&answer["may_greet"], &answer["may_disclose"]),
        (&json!(true), &json!(false))
    );
}

#[test]
fn attestation_decides_what_may_be_said() {
    let plan = Plan {
        attestation: Attestation::A,
        ..Plan::default()
    };
    let running = serve(&centre(&plan));
    for (verstat, greet, disclose) in [
        ("TN-Validation-Passed-A", true, true),
        ("TN-Validation-Passed-B", true, false),
        ("", true, false),
        ("TN-Validation-Failed", false, false),
    ] {
        let target = format!("/v1/lookup?ani=+14806754110&verstat={verstat}");
        let answer = get(address(&running), &target).json();
        assert_eq!(
            (&answer["may_greet"], &answer["may_disclose"]),
            (&json!(greet), &json!(disclose)),
            "{verstat}"
        );
    }
}

#[test]
fn the_first_rule_that_holds_decides() {
    let rule = |treatment: &str| TreatmentRule {
        treatment: Some(treatment.into()),
        ..TreatmentRule::default()
    };
    let plan = Plan {
        customers: vec![
            json!({"id": "1", "name": "a", "phones": ["+14806754101"], "labels": [{"name": "Not VIP"}, {"name": "VIP", "color": "#fff"}]}),
            json!({"id": "2", "name": "{\"name\":\"VIP\"", "phones": ["+14806754102"], "labels": [{"name": "VIP2"}, {"name": "x{\"name\":\"VIP\"}"}]}),
            json!({"id": "3", "name": "c", "phones": ["+14806754103"], "flags": {"do_not_call": true, "do_not_sms": false}, "attributes": {"tier": "gold"}}),
            json!({"id": "4", "name": "d", "phones": ["+14806754104"], "attributes": {"tier": "gold", "opted_out": true}}),
            json!({"id": "5", "name": "e", "phones": ["+14806754105"], "attributes": {"tier": "golden", "opted_out": false}}),
        ],
        rules: vec![
            TreatmentRule {
                verstat: Some("TN-Validation-Failed".into()),
                ..rule("verify")
            },
            TreatmentRule {
                label: Some("VIP".into()),
                queue: Some("vip \"1\"".into()),
                ..rule("priority")
            },
            TreatmentRule {
                flag: Some(Flag::DoNotCall),
                ..rule("careful")
            },
            TreatmentRule {
                attribute: Some("opted_out".into()),
                equals: Some("true".into()),
                ..rule("out")
            },
            TreatmentRule {
                attribute: Some("tier".into()),
                equals: Some("gold".into()),
                ..rule("gold")
            },
            TreatmentRule {
                attribute: Some("tier".into()),
                ..rule("some tier")
            },
            TreatmentRule {
                dnis: Some(vec!["+18005550100".into()]),
                treatment: None,
                queue: Some("sales".into()),
                ..rule("")
            },
        ],
        ..Plan::default()
    };
    let running = serve(&centre(&plan));
    for (query, treatment, queue) in [
        ("ani=+14806754101", json!("priority"), json!("vip \"1\"")),
        (
            "ani=+14806754101&verstat=tn-validation-failed",
            json!("verify"),
            json!(null),
        ),
        ("ani=+14806754102", json!(null), json!(null)),
        ("ani=+14806754103", json!("careful"), json!(null)),
        ("ani=+14806754104", json!("out"), json!(null)),
        ("ani=+14806754105", json!("some tier"), json!(null)),
        ("ani=&dnis=8005550100", json!(null), json!("sales")),
        ("ani=+14806754199&dnis=+18005550100", json!(null), json!("sales")),
        ("ani=+14806754199&dnis=+18005550101", json!(null), json!(null)),
    ] {
        let answer = get(address(&running), &format!("/v1/lookup?{query}")).json();
        assert_eq!(
            (&answer["treatment"], &answer["queue"]),
            (&treatment, &queue),
            "{query}"
        );
    }
}

#[test]
fn a_record_of_an_older_schema_is_told_in_the_present_order() {
    let mut centre = centre(&Plan::default());
    let schema = json!([
        {"key": "tier", "type": "text"}, {"key": "new", "type": "text"}, {"key": "email", "type": "email"}
    ]);
    let schema = Schema::from_json(2, &schema).unwrap();
    centre.writer.set_schema(101, schema.clone());
    let late = json!({"id": "c-2", "name": "Late", "phones": ["+14806754111"], "attributes": {"new": "n", "tier": "t"}});
    let bytes = record(&late, &schema, 102);
    centre.writer.upsert(102, &Record::open(&bytes).unwrap());
    centre.writer.publish();
    let running = serve(&centre);
    let older = get(address(&running), "/v1/lookup?ani=+14806754110").body;
    assert!(
        older.contains(r#""attributes":{"tier":"gold","email":"ada@example.org"},"cases":[{"id":"k-2""#),
        "{older}"
    );
    serde_json::from_str::<serde_json::Value>(&older).unwrap();
    let newer = get(address(&running), "/v1/lookup?ani=+14806754111").body;
    assert!(
        newer.contains(r#""attributes":{"tier":"t","new":"n"}"#),
        "{newer}"
    );
    let part = get(
        address(&running),
        "/v1/lookup?ani=+14806754110&fields=customer.attributes.email,customer.attributes.new",
    )
    .body;
    assert_eq!(
        part,
        r#"{"customer":{"attributes":{"new":null,"email":"ada@example.org"}}}"#
    );
}

#[test]
fn a_customer_who_is_deleted_is_gone() {
    let mut centre = centre(&Plan::default());
    centre.writer.delete(101, "c-1842", Origin::default());
    centre.writer.publish();
    let running = serve(&centre);
    assert_eq!(
        get(address(&running), "/v1/lookup?ani=+14806754110").json()["reason"],
        "unknown"
    );
    let gone = get(address(&running), "/v1/customers/c-1842");
    assert_eq!(
        (gone.status, &gone.json()["error"]["code"]),
        (404, &json!("no_such_customer"))
    );
}

#[test]
fn ids_are_decoded() {
    let plan = Plan {
        customers: vec![json!({"id": "a/b c", "name": "x"}), ada()],
        ..Plan::default()
    };
    let centre = centre(&plan);
    assert_eq!(
        ask_of(&centre, "/v1/customers/a%2Fb%20c").json()["customer"]["name"],
        "x"
    );
}
