//! What a caller may choose: formats, fields, statuses, batches; and what is refused.

use serde_json::{Value, json};

use crate::ask;
use crate::served::{BODY_MAX, address, serve};
use crate::support::{BATCH_MAX, Plan, centre, person};
use crate::wire::{get, tcp};

#[test]
fn flat_is_strings_only() {
    let answer = ask(&Plan::default(), "/v1/lookup?ani=+14806754110&format=flat");
    assert_eq!(
        answer.body,
        r#"{"found":"true","match":"exact","reason":"","ani":"+14806754110","count":"1","customer_id":"c-1842","name":"Ada Lovelace","treatment":"","queue":"","last_agent_id":"1001","may_greet":"true","may_disclose":"true","pop_url":"","generation":"12","position":"","age_ms":"","stale":"false","connected":"false","source_lag_ms":""}"#
    );
}

#[test]
fn pairs_are_encoded_and_a_miss_overwrites_all_of_them() {
    let running = serve(&centre(&Plan::default()));
    let hit = get(address(&running), "/v1/lookup?ani=+14806754110&format=kv");
    assert_eq!(hit.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(
        hit.body.starts_with("found=true&match=exact&reason=&ani=%2B14806754110&count=1&customer_id=c-1842&name=Ada%20Lovelace&"),
        "{}",
        hit.body
    );
    let names = |body: &str| -> Vec<String> {
        body.split('&')
            .map(|pair| pair.split('=').next().unwrap().to_owned())
            .collect()
    };
    for miss in [
        "ani=anonymous&format=kv",
        "format=kv",
        "ani=1&format=kv&fields=nonsense",
        "ani=1&region=XX1&format=kv",
    ] {
        let miss = get(address(&running), &format!("/v1/lookup?{miss}"));
        assert_eq!((miss.status, names(&miss.body)), (200, names(&hit.body)));
        assert!(miss.body.contains("&name=&"), "{}", miss.body);
    }
}

#[test]
fn text_is_a_harmless_name_or_nothing() {
    let plan = Plan {
        customers: vec![
            person("1", "Ada\r\nX: ${SHELL(rm)} 100%s", json!(["+14806754101"])),
            person("2", "Zoë 'Z' O'Neil", json!(["+14806754102"])),
        ],
        ..Plan::default()
    };
    let running = serve(&centre(&plan));
    for (query, status, body) in [
        ("ani=+14806754101&format=text", 200, "Ada X: SHELL rm 100s"),
        ("ani=+14806754102&format=TEXT", 200, "Zoë 'Z' O'Neil"),
        ("ani=+14806754199&format=text", 200, ""),
        ("ani=+14806754199&format=text&onmiss=404", 404, ""),
        ("format=text", 200, ""),
        ("ani=1&format=text&onmiss=nonsense", 200, ""),
    ] {
        let answer = get(address(&running), &format!("/v1/lookup?{query}"));
        assert_eq!((answer.status, answer.body.as_str()), (status, body), "{query}");
    }
    let broken = tcp(address(&running)).post("/v1/lookup?format=text", "application/json", b"{");
    assert_eq!((broken.status, broken.body.as_str()), (200, ""));
}

#[test]
fn fields_choose_parts() {
    let running = serve(&centre(&Plan::default()));
    for (query, body) in [
        ("fields=name,found", r#"{"found":true,"name":"Ada Lovelace"}"#),
        (
            "fields=customer.company,customer.name,count",
            r#"{"count":1,"customer":{"name":"Ada Lovelace","company":null}}"#,
        ),
        (
            "fields=customer.attributes.tier,customer.attributes.opted_out",
            r#"{"customer":{"attributes":{"tier":"gold","opted_out":null}}}"#,
        ),
        (
            "fields=customer.attributes.teir,customer.attributes.tier",
            r#"{"customer":{"attributes":{"tier":"gold","teir":null}}}"#,
        ),
        (
            "fields=customer.attributes,customer.attributes.tier",
            r#"{"customer":{"attributes":{"email":"ada@example.org","tier":"gold","ssn":"078-05-1120"}}}"#,
        ),
        (
            "fields=name,customer.first_name,customer.attributes.tier,customer.attributes.ssn,customer.labels&format=flat",
            r#"{"name":"Ada Lovelace","customer_first_name":"Ada","customer_attributes_tier":"gold","customer_attributes_ssn":""}"#,
        ),
        (
            "fields=name,customer.attributes.ssn,customer.attributes.email&format=kv",
            "name=Ada%20Lovelace&customer_attributes_email=ada%40example.org&customer_attributes_ssn=",
        ),
    ] {
        let answer = get(address(&running), &format!("/v1/lookup?ani=+14806754110&{query}"));
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{query}");
    }
    let miss = get(
        address(&running),
        "/v1/lookup?ani=+14806754199&fields=name,customer.name",
    )
    .body;
    assert_eq!(miss, r#"{"name":null,"customer":null}"#);
    let whole = get(
        address(&running),
        "/v1/lookup?ani=+14806754110&fields=customer,customer.name",
    )
    .json();
    assert_eq!(whole["customer"]["last_agent_id"], "1001");
}

#[test]
fn a_miss_may_be_a_404() {
    let running = serve(&centre(&Plan::default()));
    for (query, status) in [
        ("ani=+14806754199&onmiss=404", 404),
        ("ani=+14806754199&onmiss=200", 200),
        ("ani=+14806754110&onmiss=404", 200),
    ] {
        let answer = get(address(&running), &format!("/v1/lookup?{query}"));
        assert_eq!(answer.status, status, "{query}");
        assert!(answer.body.starts_with(r#"{"found":"#), "the shape stays");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let running = serve(&centre(&Plan::default()));
    let mut client = tcp(address(&running));
    for (method, target, kind, body, status, code, field, words) in [
        (
            "GET",
            "/v1/lookup",
            "",
            "",
            400,
            "missing",
            json!("ani"),
            "calling number",
        ),
        (
            "GET",
            "/v1/lookup?ani=1&fields=nmae",
            "",
            "",
            400,
            "invalid",
            json!("fields"),
            "did you mean \"name\"?",
        ),
        (
            "GET",
            "/v1/lookup?ani=1&format=jsn",
            "",
            "",
            400,
            "invalid",
            json!("format"),
            "did you mean \"json\"?",
        ),
        (
            "GET",
            "/v1/lookup?ani=1&onmiss=500",
            "",
            "",
            400,
            "invalid",
            json!("onmiss"),
            "200 or 404",
        ),
        (
            "GET",
            "/v1/lookup?ani=1&region=Germany",
            "",
            "",
            400,
            "invalid",
            json!("region"),
            "two letters",
        ),
        (
            "POST",
            "/v1/lookup",
            "application/json",
            "{\"ani\": ",
            400,
            "invalid_body",
            json!(null),
            "line 1, column",
        ),
        (
            "POST",
            "/v1/lookup",
            "application/json",
            "[]",
            400,
            "invalid_body",
            json!(null),
            "JSON object",
        ),
        (
            "POST",
            "/v1/lookup",
            "",
            "{\"ani\": []}",
            400,
            "invalid_body",
            json!(null),
            "`ani`",
        ),
        (
            "POST",
            "/v1/lookup",
            "",
            "{\"anis\": \"1\"}",
            400,
            "invalid_body",
            json!(null),
            "`anis`",
        ),
        (
            "POST",
            "/v1/lookup",
            "",
            "{\"anis\": [{}]}",
            400,
            "invalid_body",
            json!(null),
            "`anis`",
        ),
        (
            "POST",
            "/v1/lookup",
            "",
            "{\"anis\": [], \"format\": \"text\"}",
            200,
            "",
            json!(null),
            "",
        ),
        (
            "POST",
            "/v1/lookup",
            "",
            "",
            400,
            "missing",
            json!("ani"),
            "calling number",
        ),
        (
            "PUT",
            "/v1/lookup?ani=1",
            "",
            "",
            405,
            "method_not_allowed",
            json!(null),
            "GET, HEAD, POST",
        ),
        (
            "POST",
            "/v1/lookup/1",
            "",
            "",
            405,
            "method_not_allowed",
            json!(null),
            "GET, HEAD",
        ),
        (
            "DELETE",
            "/v1/customers/c-1842",
            "",
            "",
            405,
            "method_not_allowed",
            json!(null),
            "GET, HEAD",
        ),
        (
            "GET",
            "/v1/customers/nobody",
            "",
            "",
            404,
            "no_such_customer",
            json!(null),
            "id of a customer",
        ),
        (
            "GET",
            "/v1/lookups",
            "",
            "",
            404,
            "no_such_path",
            json!(null),
            "/v1/lookup?ani=",
        ),
        (
            "GET",
            "/v1/lookup/1/2",
            "",
            "",
            404,
            "no_such_path",
            json!(null),
            "/v1/customers/{id}",
        ),
        (
            "GET",
            "/",
            "",
            "",
            404,
            "no_such_path",
            json!(null),
            "/v1/lookup?ani=",
        ),
    ] {
        let answer = client.request(method, target, kind, body.as_bytes());
        assert_eq!(answer.status, status, "{method} {target} {body}: {}", answer.body);
        if status == 200 {
            assert_eq!(answer.body, "");
            continue;
        }
        let error = &answer.json()["error"];
        assert_eq!(
            (&error["code"], &error["field"]),
            (&json!(code), &field),
            "{target} {body}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
        if status == 405 {
            assert_eq!(answer.header("allow"), Some(words));
        }
    }
}

#[test]
fn a_batch_is_answered_in_order() {
    let plan = Plan {
        customers: (0..3)
            .map(|n| person(&format!("c-{n}"), "x", json!([format!("+1480675410{n}")])))
            .collect(),
        ..Plan::default()
    };
    let running = serve(&centre(&plan));
    let mut client = tcp(address(&running));
    let body = json!({"anis": ["+14806754102", "+14806754199", null, "+14806754100"]}).to_string();
    let answer = client
        .post("/v1/lookup", "application/json", body.as_bytes())
        .json();
    let ids: Vec<&Value> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["customer_id"])
        .collect();
    assert_eq!(json!(ids), json!(["c-2", null, null, "c-0"]));
    let answer = client.post(
        "/v1/lookup?fields=ani&format=flat",
        "",
        b"{\"anis\":[\"+14806754102\",\"\"]}",
    );
    assert_eq!(answer.body, r#"{"results":[{"ani":"+14806754102"},{"ani":""}]}"#);

    let batch =
        |count: usize| json!({"anis": vec!["+14806754101"; count], "fields": "customer_id"}).to_string();
    let full = client.post("/v1/lookup", "application/json", batch(BATCH_MAX).as_bytes());
    assert_eq!(
        (full.status, full.json()["results"].as_array().unwrap().len()),
        (200, BATCH_MAX)
    );
    let over = client.post("/v1/lookup", "application/json", batch(BATCH_MAX + 1).as_bytes());
    assert_eq!(
        (over.status, &over.json()["error"]["code"]),
        (400, &json!("too_many"))
    );
}

#[test]
fn a_body_has_a_limit() {
    let running = serve(&centre(&Plan::default()));
    let mut body = b"ani=+14806754110&x=".to_vec();
    body.resize(BODY_MAX, b'x');
    assert_eq!(tcp(address(&running)).post("/v1/lookup", "", &body).status, 200);
    body.push(b'x');
    let answer = tcp(address(&running)).post("/v1/lookup", "", &body);
    assert_eq!(
        (answer.status, &answer.json()["error"]["code"]),
        (413, &json!("too_large"))
    );
}
