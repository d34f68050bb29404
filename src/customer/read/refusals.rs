//! What each field of a document is refused for, in which words.

use serde_json::json;

use super::tests::{import, with};

#[test]
fn each_field_is_refused_by_name() {
    let long = "x".repeat(1001);
    let bad_phone = "phones[0]: expected a phone number in quotation marks";
    let refused = [
        (json!([]), "document: expected an object, found a list of 0"),
        (json!({"name": "Ada"}), "id: expected an id, found nothing"),
        (
            json!({"id": "c"}),
            "name: expected a name or at least one phone, found nothing",
        ),
        (
            json!({"id": "c", "phones": ["", null]}),
            "name: expected a name or at least one phone, found nothing",
        ),
        (
            with("nmae", json!(1)),
            "nmae: expected something known, perhaps `name`, found an unknown key",
        ),
        (
            with("createdAt", json!(1)),
            "createdAt: expected something known, perhaps `created_at`",
        ),
        (
            with("shoe\nsize", json!(1)),
            "shoe\\nsize: expected one of id, name, created_at",
        ),
        (
            with("id", json!("x".repeat(257))),
            "id: expected an id of 1 to 256 bytes",
        ),
        (
            with("id", json!("é".repeat(129))),
            "id: expected an id of 1 to 256 bytes",
        ),
        (with("id", json!("a\"b")), "id: expected an id of 1 to 256 bytes"),
        (with("id", json!("a\\b")), "id: expected an id of 1 to 256 bytes"),
        (
            with("id", json!("a\u{7}b")),
            "id: expected an id of 1 to 256 bytes",
        ),
        (with("id", json!(1.5)), "id: expected an id of 1 to 256 bytes"),
        (with("id", json!("")), "id: expected an id, found nothing"),
        (
            with("name", json!(["Ada"])),
            "name: expected a text of at most 1000 characters, found a list of 1",
        ),
        (
            with("name", json!(long)),
            "name: expected a text of at most 1000 characters, found a text of 1001",
        ),
        (with("first_name", json!(long)), "first_name: expected a text"),
        (
            with("last_name", json!(true)),
            "last_name: expected a text of at most 1000 characters, found a bool",
        ),
        (
            with("company", json!({})),
            "company: expected a text of at most 1000 characters, found an object",
        ),
        (
            with("created_at", json!("2023-02-30T00:00:00Z")),
            "created_at: expected a moment in RFC 3339",
        ),
        (
            with("updated_at", json!("2026-11-18")),
            "updated_at: expected a moment in RFC 3339",
        ),
        (
            with("updated_at", json!(1763474400)),
            "updated_at: expected a moment in RFC 3339",
        ),
        (
            with("phones", json!("+1")),
            "phones: expected a list, found a text of 2 characters",
        ),
        (
            with("phones", json!(vec!["1"; 101])),
            "phones: expected at most 100 entries, found 101",
        ),
        (with("phones", json!([4806754110_u64])), bad_phone),
        (
            with("phones", json!(["1", long])),
            "phones[1]: expected a text of at most 1000 characters",
        ),
        (
            with("phones", json!([{"region": "GB"}])),
            "phones[0].number: expected a phone number, found nothing",
        ),
        (
            with("phones", json!([{"number": 1}])),
            "phones[0].number: expected a text",
        ),
        (
            with("phones", json!([{"number": "1", "regoin": "GB"}])),
            "phones[0].regoin: expected something known, perhaps `region`",
        ),
        (
            with("phones", json!([{"number": "1", "region": "GBR"}])),
            "phones[0].region: expected a region's two letters",
        ),
        (
            with("phones", json!([{"number": "1", "region": "é"}])),
            "phones[0].region: expected a region's two letters",
        ),
        (
            with("phones", json!([{"number": "1", "kind": []}])),
            "phones[0].kind: expected a text",
        ),
        (
            with("phones", json!([{"number": "1", "verified_at": "2023-02-30"}])),
            "phones[0].verified_at: expected a date that exists",
        ),
        (
            with("phones", json!([{"number": "1", "shared": "yes"}])),
            "phones[0].shared: expected true or false, found \"yes\"",
        ),
        (
            with("labels", json!(vec!["x"; 101])),
            "labels: expected at most 100 entries, found 101",
        ),
        (
            with("labels", json!([""])),
            "labels[0]: expected a label's name of 1 to 100 characters",
        ),
        (
            with("labels", json!(["x".repeat(101)])),
            "labels[0]: expected a label's name of 1 to 100 characters",
        ),
        (
            with("labels", json!([7])),
            "labels[0]: expected a label's name, or an object",
        ),
        (
            with("labels", json!([{"name": " "}])),
            "labels[0].name: expected a label's name of 1 to 100",
        ),
        (
            with("labels", json!([{"color": "gold"}])),
            "labels[0].name: expected the label's name, found nothing",
        ),
        (
            with("labels", json!([{"name": "VIP", "color": "#12"}])),
            "labels[0].color: expected #rgb, #rrggbb or a CSS colour word, found \"#12\"",
        ),
        (
            with("labels", json!([{"name": "VIP", "colour": "gold"}])),
            "labels[0].colour: expected something known, perhaps `color`",
        ),
        (with("flags", json!(true)), "flags: expected an object"),
        (
            with("flags", json!({"do_not_call": 1})),
            "flags.do_not_call: expected true or false, found 1",
        ),
        (
            with("flags", json!({"do_not_cal": true})),
            "flags.do_not_cal: expected something known, perhaps `do_not_call`",
        ),
        (
            with("attributes", json!([])),
            "attributes: expected an object, found a list of 0",
        ),
        (
            with("attributes", json!({"emial": "x"})),
            "attributes.emial: expected something known, perhaps `email`",
        ),
        (
            with("attributes", json!({"email": "ada"})),
            "attributes.email: expected an e-mail address, such as ada@example.org, found \"ada\"",
        ),
        (
            with("attributes", json!({"birthday": "2023-02-30"})),
            "attributes.birthday: expected a date that exists, such as 1815-12-10, found a text of 10 characters",
        ),
        (
            with("attributes", json!({"opted_out": "no"})),
            "attributes.opted_out: expected true or false",
        ),
        (
            with("attributes", json!({"notes": long})),
            "attributes.notes: expected a text of at most 1000 characters, found a text of 1001",
        ),
        (with("cases", json!({})), "cases: expected a list"),
        (
            with("cases", json!([{"id": "a"}, {"id": "b"}, {"id": "a"}])),
            "cases: expected an id of its own for each, found \"a\" twice",
        ),
        (
            with("cases", json!([{"id": "a", "created_at": "soon"}])),
            "cases[0].created_at: expected a moment",
        ),
        (
            with("cases", json!([{"title": "x"}])),
            "cases[0].id: expected an id, found nothing",
        ),
        (
            with("cases", json!([{"id": "a", "title": long}])),
            "cases[0].title: expected a text",
        ),
        (with("case", json!([])), "case: expected an object"),
        (
            with("interactions", json!([{"id": "i", "type": {}}])),
            "interactions[0].type: expected a text",
        ),
        (
            with("interactions", json!([{"id": "i", "duration_s": 1.5}])),
            "interactions[0].duration_s: expected whole seconds, 0 or more, found 1.5",
        ),
        (
            with(
                "interactions",
                json!([{"id": "i", "activities": [{"kind": "ivr", "agent": 1}]}]),
            ),
            "interactions[0].activities[0].agent: expected",
        ),
        (with("last_agent_id", json!({})), "last_agent_id: expected an id"),
        (
            json!({"id": "c", "name": "A", "case": {"id": "a"}, "cases": []}),
            "case: expected either `case` or `cases`, found both",
        ),
    ];
    for (json, message) in refused {
        let error = import(&json).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
        assert!(
            error.chars().count() < 400 && !error.chars().any(char::is_control),
            "{error}"
        );
    }
}
