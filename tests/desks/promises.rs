//! What nobody is promised while the servers that keep calls for two nodes are not to be reached.

use serde_json::{Value, json};

use crate::desktop::Desktop;
use crate::program::write;
use crate::site::Site;
use crate::wire::{Response, get, tcp, until};
use crate::{ADA, post};

/// One node of two, whose servers nobody runs, and a system of record.
fn lonely() -> Site {
    let site = Site::new("");
    write(site.dir.path(), "secret", &"5e".repeat(32));
    let (secret, told) = (site.dir.path().join("secret"), site.dir.path().join("told"));
    site.configure(&format!(
        "ha.node = 'a'\ncalls.store = 'jetstream'\n\
         calls.jetstream = {{ servers = ['nats://127.0.0.1:1'], secret_file = {secret:?} }}\n\
         system_of_record = {{ kind = 'file', file = {{ path = {told:?} }} }}\n"
    ));
    site
}

fn is_refused(answer: &Response) {
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.json()["error"]["code"], "not_replicated");
}

#[test]
fn calls_go_on_and_what_would_be_a_promise_is_refused_ahead_of_any_change() {
    let site = lonely();
    let running = site.serve();
    let at = running.address("main").unwrap();
    let (mut desktop, hello) = Desktop::events(at, None);
    assert_eq!(
        (&hello.data["epoch"], &hello.data["heartbeat_ms"]),
        (&json!(1), &json!(3000))
    );
    let ring = json!({"call_id": "call-1", "ani": ADA, "agent": "1001"});
    let answer = post(at, "/v1/rings", "", &ring);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let pop = desktop.event();
    assert_eq!(pop.data["call_id"], "call-1");
    // Whatever other nodes call their pops, none calls one so.
    assert!(
        pop.data["pop_id"].as_str().unwrap().starts_with("a."),
        "{}",
        pop.data
    );

    let put = |path: &str, body: &Value| {
        let headers = "Content-Type: application/json\r\n";
        tcp(at).ask("PUT", path, headers, body.to_string().as_bytes())
    };
    is_refused(&put("/v1/calls/call-1/link", &json!({"customer_id": "c-2"})));
    is_refused(&put(
        "/v1/agents/1001/calls/call-1/link",
        &json!({"customer_id": null}),
    ));
    is_refused(&tcp(at).ask("DELETE", "/v1/calls/call-1/link", "", b""));
    let customer = json!({"name": "Nobody", "phones": ["+14806754111"], "call_id": "call-1", "id": "draft"});
    is_refused(&post(at, "/v1/agents/1001/customers", "", &customer));
    let message = json!({"type": "sms", "customer_id": "c-1", "number": ADA, "text": "hello"});
    is_refused(&post(at, "/v1/agents/1001/interactions", "", &message));

    let current = get(at, "/v1/agents/1001/current").json();
    assert_eq!(current["pops"][0]["link"]["by"], "match", "{current}");
    assert_eq!(
        get(at, "/v1/agents/1001/customers?search=Nobody").json()["total"],
        0
    );
    assert_eq!(running.outbox().unwrap().state().waiting, 0);
    // An answer is no promise: it is told at once.
    let answered = post(
        at,
        "/v1/calls/call-1/events",
        "",
        &json!({"event": "answer", "agent": "1001"}),
    );
    assert_eq!(answered.status, 200, "{}", answered.body);
    assert_eq!(desktop.event().data["state"], "answered");
}

#[test]
fn a_node_that_is_alone_promises_as_before() {
    let site = Site::new("");
    let told = site.dir.path().join("told");
    site.configure(&format!(
        "system_of_record = {{ kind = 'file', file = {{ path = {told:?} }} }}\n"
    ));
    let running = site.serve();
    let at = running.address("main").unwrap();
    let customer = json!({"name": "Nobody", "phones": ["+14806754111"]});
    let answer = post(at, "/v1/agents/1001/customers", "", &customer);
    assert_eq!(answer.status, 202, "{}", answer.body);
    until(
        || std::fs::read_to_string(&told).unwrap_or_default(),
        |text| text.contains("Nobody"),
    );
}
