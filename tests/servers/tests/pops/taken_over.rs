//! The node that the page talks to dies, and another one has its address.

use std::time::Duration;

use serde_json::{Value, json};
use servers::chromium::Browser;
use servers::wait::until;

use crate::desk::Desk;
use crate::pair::{Pair, Which};
use crate::people::{ADA, GRACE};

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(60);
/// Remembers what the page says to whoever hears it.
const LISTEN: &str = "
    window.heard = [];
    const said = document.getElementById('said');
    new MutationObserver(() => window.heard.push(said.textContent)).observe(said, {childList: true, characterData: true, subtree: true})";

/// How often the page has told of a call from `who`.
fn told(desk: &Desk<'_>, who: &str) -> usize {
    let heard = desk.evaluate("return window.heard", &[]);
    let heard = heard.as_array().unwrap();
    heard
        .iter()
        .filter(|text| text.as_str().unwrap().contains(who))
        .count()
}

/// The epoch of what the node shows, once it shows something: the other one's entries reach it a moment later.
fn epoch(pair: &Pair, which: Which) -> u64 {
    let mut epoch = None;
    until("a node shows a pop", PATIENCE, || {
        let current = pair.done(which, "GET", "/v1/agents/1001/current", &Value::Null);
        epoch = current["pops"][0]["epoch"].as_u64();
        epoch.map(|_| ()).ok_or_else(|| current.to_string())
    });
    epoch.unwrap()
}

#[test]
fn a_call_that_rings_while_its_node_dies_is_shown_once_and_so_is_the_next() {
    let mut pair = Pair::open(["", ""]);
    let browser = Browser::open();
    for meant in [
        "ERR_EMPTY_RESPONSE",
        "ERR_CONNECTION",
        "ERR_INCOMPLETE_CHUNKED_ENCODING",
    ] {
        browser.expect(meant);
    }
    let desk = Desk::at(browser.blank(), &pair.url("/gadget?agent=1001"));
    desk.until_is("stream", "live");
    desk.evaluate(LISTEN, &[]);
    let rung = pair.ring_at(Which::A, "call-1", ADA, "1001");
    assert_eq!(rung["replicated"], true, "{rung}");
    desk.until_shows("case", "ringing");
    let (pop, before) = (desk.is("pop"), epoch(&pair, Which::A));
    assert_eq!(rung["pop_id"], pop.as_str());

    pair.dies(Which::A);
    pair.takes_over(Which::B);
    until("a newer term has begun", PATIENCE, || {
        let now = epoch(&pair, Which::B);
        (now > before).then_some(()).ok_or_else(|| now.to_string())
    });
    // The page hears nothing yet, and the phone system goes on. That two heartbeats are missing is all that tells the page.
    let again = pair.ring_at(Which::B, "call-1", ADA, "1001");
    assert_eq!(
        again["pop_id"],
        pop.as_str(),
        "a ring that is told again is the same pop"
    );
    pair.ring_at(Which::B, "call-2", GRACE, "1001");
    desk.hears("card", "Grace O'Hopper");
    desk.until_is("stream", "live");
    assert_eq!(
        (desk.is("pop"), desk.is("call")),
        (pop.clone(), "ringing".to_owned())
    );
    assert_eq!(desk.all("card").len(), 1);

    // It goes on at the other node as if nothing had been.
    let answered = json!({"agent": "1001", "event": "answer"});
    pair.done(Which::B, "POST", "/v1/calls/call-1/events", &answered);
    desk.until_is("call", "answered");
    assert_eq!(desk.is("pop"), pop);
    pair.done(
        Which::B,
        "POST",
        "/v1/calls/call-2/events",
        &json!({"event": "end"}),
    );
    desk.loses("card");
    assert_eq!(
        (told(&desk, "Ada Lovelace"), told(&desk, "Grace O'Hopper")),
        (1, 1)
    );
}

#[test]
fn what_an_agent_wrote_down_is_told_by_the_node_that_takes_over() {
    // A's way to the system of record is cut.
    let mut pair = Pair::open([
        "[system_of_record]\nkind = \"cim\"\nurl = \"http://127.0.0.1:9\"\n",
        "[system_of_record]\nkind = \"file\"\n[system_of_record.file]\npath = \"FOLDER/told\"\n",
    ]);
    pair.ring_at(Which::A, "call-1", crate::people::NOBODY, "1001");
    let customer =
        json!({"name": "Mary Anning", "phones": [crate::people::NOBODY], "call_id": "call-1", "id": "draft"});
    let made = pair.done(Which::A, "POST", "/v1/agents/1001/customers", &customer);
    let id = made["customer_id"].as_str().unwrap();
    pair.dies(Which::A);
    pair.takes_over(Which::B);
    until("the other node has read what was written down", PATIENCE, || {
        let current = pair.done(Which::B, "GET", "/v1/agents/1001/current", &Value::Null);
        let is_there = current["pops"][0]["link"]["customer_id"] == id;
        is_there.then_some(()).ok_or_else(|| current.to_string())
    });
    // Written down there too, and of the call.
    let found = pair.done(
        Which::B,
        "GET",
        &format!("/v1/agents/1001/customers/{id}"),
        &Value::Null,
    );
    assert_eq!(
        (&found["customer"]["name"], &found["pending"]),
        (&json!("Mary Anning"), &json!(true))
    );
    let told = pair.folder(Which::B).join("told");
    let mut kinds = Vec::new();
    until("the other node tells it", PATIENCE, || {
        let text = std::fs::read_to_string(&told).unwrap_or_default();
        // The last line may be under way.
        let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
        let lines = lines.map_err(|error| format!("{error}: {text}"))?;
        kinds = lines.iter().map(|line| line["kind"].clone()).collect();
        (kinds.len() >= 2).then_some(()).ok_or(text)
    });
    assert_eq!(kinds, ["customer", "link"], "each once");
}
