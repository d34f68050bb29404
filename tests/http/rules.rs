//! Rules of the contact centre: diverted calls, shared lines, treatment and what may be said.

use ringside::callers::{Attestation, TreatmentRule, Verstat};
use ringside::index::Mode;
use serde_json::{Value, json};

use crate::served::{address, serve};
use crate::support::{Plan, ada, centre, person};
use crate::wire::{Response, get, tcp};

/// One of our own numbers, by itself and of the block.
const PILOT: &str = "+18005550199";
const OF_BLOCK: &str = "+14155550123";

fn treated(rule: TreatmentRule) -> TreatmentRule {
    TreatmentRule {
        treatment: Some("t".into()),
        ..rule
    }
}

/// A lookup whose request has further header lines.
fn with_headers(at: std::net::SocketAddr, target: &str, headers: &str) -> Response {
    let mut client = tcp(at);
    client.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n{headers}\r\n").as_bytes());
    client.response(true)
}

#[test]
fn who_diverted_the_call_is_looked_up_in_place_of_our_own_number() {
    let running = serve(&centre(&Plan::default()));
    let at = address(&running);
    let uri = "%3Csip:%2B14806754110@carrier%3E;reason=unconditional";
    for own in [PILOT, OF_BLOCK] {
        let alone = get(at, &format!("/v1/lookup?ani={own}")).json();
        assert_eq!(
            (&alone["reason"], &alone["ani"], &alone["found"]),
            (&json!("own_number"), &json!(own), &json!(false))
        );
        for diversion in [
            "+14806754110",
            "%2B14806754110",
            "(480)+675-4110",
            uri,
            "%3Csip:8005550199@pbx%3E,%3Ctel:%2B14806754110%3E",
        ] {
            let answer = get(at, &format!("/v1/lookup?ani={own}&diversion={diversion}")).json();
            assert_eq!(answer["customer_id"], "c-1842", "{diversion}");
            assert_eq!(
                (&answer["ani"], &answer["reason"]),
                (&json!("+14806754110"), &json!(null))
            );
        }
        for diversion in [
            "",
            own,
            "nobody",
            "anonymous",
            "%3Csip:%2B14806754110@x%3E;privacy=full",
        ] {
            let answer = get(at, &format!("/v1/lookup?ani={own}&diversion={diversion}")).json();
            assert_eq!(
                (&answer["reason"], &answer["ani"]),
                (&json!("own_number"), &json!(own)),
                "{diversion}"
            );
        }
    }
    let miss = get(at, &format!("/v1/lookup?ani={PILOT}&diversion=+14806754199")).json();
    assert_eq!(
        (&miss["reason"], &miss["ani"]),
        (&json!("unknown"), &json!("+14806754199"))
    );
}

#[test]
fn a_diversion_matters_to_calls_from_our_own_numbers_alone() {
    let running = serve(&centre(&Plan::default()));
    for (ani, reason) in [
        ("+14806754199", "unknown"),
        ("", "anonymous"),
        ("1234", "internal"),
        ("x", "invalid"),
    ] {
        let answer = get(
            address(&running),
            &format!("/v1/lookup?ani={ani}&diversion=+14806754110"),
        )
        .json();
        assert_eq!(answer["reason"], reason, "{ani}");
    }
}

#[test]
fn a_diversion_comes_as_a_parameter_or_as_a_header() {
    let running = serve(&centre(&Plan::default()));
    let at = address(&running);
    let form = format!("ani=%2B{}&diversion=%2B14806754110", &PILOT[1..]);
    let object = json!({"ani": PILOT, "diversion": "\"Ada\" <tel:+14806754110>"}).to_string();
    let batch = json!({"anis": [PILOT, "+14806754199"], "diversion": "+14806754110"}).to_string();
    let id = |response: Response| response.json()["customer_id"].clone();
    assert_eq!(
        id(tcp(at).post("/v1/lookup", "application/x-www-form-urlencoded", form.as_bytes())),
        "c-1842"
    );
    assert_eq!(
        id(tcp(at).post("/v1/lookup", "application/json", object.as_bytes())),
        "c-1842"
    );
    let results = tcp(at)
        .post("/v1/lookup", "application/json", batch.as_bytes())
        .json();
    assert_eq!(
        (
            &results["results"][0]["customer_id"],
            &results["results"][1]["reason"]
        ),
        (&json!("c-1842"), &json!("unknown"))
    );

    let target = format!("/v1/lookup?ani={PILOT}");
    for (headers, expected) in [
        (
            "Diversion: <sip:+14806754110@carrier;user=phone>;reason=unconditional;counter=1\r\n",
            json!("c-1842"),
        ),
        (
            "diversion: \"Zo\u{eb}\" <sip:+14806754110@c>\r\n",
            json!("c-1842"),
        ),
        (
            "Diversion: <sip:+14155550100@pbx>\r\nDiversion: <sip:+14806754110@c>\r\n",
            json!("c-1842"),
        ),
        (
            "Diversion: <sip:+14806754199@a>\r\nDiversion: <sip:+14806754110@b>\r\n",
            json!(null),
        ),
        ("Diversion: \r\n", json!(null)),
        ("", json!(null)),
    ] {
        assert_eq!(id(with_headers(at, &target, headers)), expected, "{headers}");
    }
    let both = format!("{target}&diversion=+14806754199");
    let answer = with_headers(at, &both, "Diversion: <tel:+14806754110>\r\n").json();
    assert_eq!(
        answer["ani"], "+14806754199",
        "the parameter goes before the header"
    );
}

#[test]
fn nobody_vouches_for_who_diverted_the_call() {
    let plan = Plan {
        attestation: Attestation::A,
        rules: vec![
            treated(TreatmentRule {
                verstat: Some("A".into()),
                ..TreatmentRule::default()
            }),
            TreatmentRule {
                attestation: Some(vec![Verstat::Failed]),
                queue: Some("failed".into()),
                ..TreatmentRule::default()
            },
        ],
        ..Plan::default()
    };
    let running = serve(&centre(&plan));
    let said = |query: &str| {
        let answer = get(address(&running), &format!("/v1/lookup?{query}")).json();
        assert_eq!(answer["customer_id"], "c-1842");
        [
            &answer["treatment"],
            &answer["queue"],
            &answer["may_greet"],
            &answer["may_disclose"],
        ]
        .map(Value::clone)
    };
    let none = json!(null);
    assert_eq!(
        said("ani=+14806754110&verstat=A"),
        [json!("t"), none.clone(), json!(true), json!(true)]
    );
    let diverted = format!("ani={PILOT}&diversion=+14806754110&verstat");
    assert_eq!(
        said(&format!("{diverted}=A")),
        [none.clone(), none.clone(), json!(true), json!(false)]
    );
    assert_eq!(
        said(&format!("{diverted}=TN-Validation-Failed")),
        [none, json!("failed"), json!(false), json!(false)]
    );
}

#[test]
fn all_who_list_a_declared_line_answer_and_nothing_is_disclosed_there() {
    for mode in [Mode::Unique, Mode::Shared] {
        let plan = Plan {
            customers: vec![
                ada(),
                person(
                    "c-1",
                    "First",
                    json!(["+14806754180", "+14806754181", "+14806754101"]),
                ),
                person("c-2", "Second", json!(["+14806754181"])),
            ],
            mode,
            ..Plan::default()
        };
        let running = serve(&centre(&plan));
        let one = get(address(&running), "/v1/lookup?ani=+14806754180").json();
        assert_eq!(one["customer_id"], "c-1");
        assert_eq!(
            (&one["may_greet"], &one["may_disclose"]),
            (&json!(true), &json!(false))
        );
        assert_eq!(one["not_owned"], json!([]), "a shared line is everybody's");
        let two = get(address(&running), "/v1/lookup?ani=480+675+4181").json();
        assert_eq!((&two["reason"], &two["count"]), (&json!("ambiguous"), &json!(2)));
        assert_eq!((&two["may_greet"], &two["name"]), (&json!(false), &json!(null)));
        assert_eq!(two["matches"][0]["customer_id"], "c-2");
        let own = get(address(&running), "/v1/lookup?ani=+14806754101").json();
        assert_eq!(own["may_disclose"], true);
    }
}

#[test]
fn a_number_that_too_many_list_is_a_shared_line() {
    let people = |count: usize| {
        let person = |n| person(&format!("c-{n}"), "x", json!(["+14806754101"]));
        (0..count).map(person).collect::<Vec<_>>()
    };
    for (count, shared_above, reason) in [
        (3, 3, json!(null)),
        (4, 3, json!("ambiguous")),
        (4, 0, json!(null)),
    ] {
        let plan = Plan {
            customers: people(count),
            shared_above,
            ..Plan::default()
        };
        let running = serve(&centre(&plan));
        let answer = get(address(&running), "/v1/lookup?ani=+14806754101").json();
        assert_eq!(answer["reason"], reason, "{count} of {shared_above}");
        let expected = if reason.is_null() { 1 } else { count };
        assert_eq!(answer["count"], expected);
    }
}

#[test]
fn a_rule_asks_for_attestation_for_numbers_dialled_and_for_whether_anybody_was_found() {
    let plan = Plan {
        customers: vec![
            ada(),
            person("c-1", "a", json!(["+14806754181"])),
            person("c-2", "b", json!(["+14806754181"])),
        ],
        rules: vec![
            TreatmentRule {
                attestation: Some(vec![Verstat::Failed, Verstat::Passed]),
                queue: Some("check".into()),
                ..TreatmentRule::default()
            },
            TreatmentRule {
                dnis: Some(vec!["(800) 555-0100".into(), "+1 800 555 0101".into()]),
                queue: Some("sales".into()),
                ..TreatmentRule::default()
            },
            TreatmentRule {
                found: Some(false),
                queue: Some("new".into()),
                last_agent_id: Some("9000".into()),
                ..TreatmentRule::default()
            },
            TreatmentRule {
                found: Some(true),
                queue: Some("known".into()),
                last_agent: Some(false),
                ..TreatmentRule::default()
            },
        ],
        ..Plan::default()
    };
    let running = serve(&centre(&plan));
    for (query, queue, agent) in [
        (
            "ani=+14806754110&verstat=TN-Validation-Failed-C",
            "check",
            json!("1001"),
        ),
        ("ani=+14806754199&verstat=B", "check", json!(null)),
        ("ani=+14806754110&verstat=A", "known", json!(null)),
        ("ani=+14806754110&dnis=8005550101", "sales", json!("1001")),
        ("ani=+14806754110&dnis=8005550102", "known", json!(null)),
        ("ani=+14806754181", "known", json!(null)),
        ("ani=+14806754199", "new", json!("9000")),
        ("ani=anonymous", "new", json!("9000")),
    ] {
        let answer = get(address(&running), &format!("/v1/lookup?{query}")).json();
        assert_eq!(
            (&answer["queue"], &answer["last_agent_id"]),
            (&json!(queue), &agent),
            "{query}"
        );
    }
}

#[test]
fn a_rule_takes_permissions_away_and_a_name_with_them_where_nothing_else_is_read() {
    let rule = |greet, disclose, label: Option<&str>| TreatmentRule {
        label: label.map(str::to_owned),
        may_greet: greet,
        may_disclose: disclose,
        ..TreatmentRule::default()
    };
    for (rules, greet, disclose) in [
        (vec![], true, true),
        (vec![rule(None, Some(false), Some("VIP"))], true, false),
        (vec![rule(Some(false), None, Some("VIP"))], false, false),
        (vec![rule(Some(false), None, Some("other"))], true, true),
        // The first one that holds decides alone.
        (
            vec![
                rule(None, Some(false), Some("VIP")),
                rule(Some(false), None, None),
            ],
            true,
            false,
        ),
    ] {
        let plan = Plan {
            rules,
            ..Plan::default()
        };
        let running = serve(&centre(&plan));
        let ask = |format: &str| {
            let target =
                format!("/v1/lookup?ani=+14806754110&format={format}&fields=name,may_greet,may_disclose");
            get(address(&running), &target)
        };
        assert_eq!(
            ask("json").json(),
            json!({"name": "Ada Lovelace", "may_greet": greet, "may_disclose": disclose})
        );
        assert_eq!(
            ask("kv").body,
            format!("name=Ada%20Lovelace&may_greet={greet}&may_disclose={disclose}")
        );
        assert_eq!(ask("text").body, if greet { "Ada Lovelace" } else { "" });
    }
}
