//! What desktops are told of a ring.

use crate::desktop::{Desktop, EVENTS};
use crate::site::Site;
use crate::{post, ring};
use serde_json::json;

#[test]
fn a_ring_comes_to_every_desktop_of_its_agent_with_its_customer() {
    let site = Site::new("");
    let (serving, at, _) = site.start(&[]);
    let (mut events, hello) = Desktop::events(at, None);
    for field in [
        "content-type: text/event-stream",
        "cache-control: no-store",
        "x-accel-buffering: no",
    ] {
        assert!(events.head.contains(field), "{}", events.head);
    }
    assert_eq!(
        (&hello.data["reset"], &hello.data["pops"]),
        (&json!(true), &json!(0))
    );
    let mut socket = Desktop::socket(at, EVENTS, "");
    let mut other = Desktop::socket(at, "/v1/agents/1001/socket", "Origin: http://desk\r\n");
    let mut stranger = Desktop::socket(at, "/v1/agents/1002/socket", "");
    let rung = ring(at, "call-1");
    let pop = events.event();
    assert_eq!((pop.kind.as_str(), &pop.data["pop_id"]), ("pop", &rung["pop_id"]));
    assert_eq!(pop.id, pop.data["id"].as_u64());
    assert_eq!(pop.data["lookup"]["customer"]["name"], "Ada Lovelace");
    assert_eq!(socket.json(), pop.data);
    assert_eq!(other.json(), pop.data);

    // The same ring again tells nothing; the tab that is first shows it, and the others learn it.
    assert_eq!(ring(at, "call-1")["pop_id"], rung["pop_id"]);
    let pop_id = rung["pop_id"].as_str().unwrap();
    socket.say(&format!(r#"{{"type":"ack","pop_id":"{pop_id}","tab":"t1"}}"#));
    let update = events.event();
    assert_eq!(
        (update.kind.as_str(), &update.data["shown_by"]),
        ("update", &json!("t1"))
    );
    assert!(update.id > pop.id);
    assert_eq!(other.json(), update.data);
    let ended = post(
        at,
        "/v1/calls/call-1/events",
        "",
        &json!({"event": "end", "agent": "1001"}),
    );
    assert_eq!(ended.status, 200, "{}", ended.body);
    assert!(events.event().id > update.id);

    // Nothing of it was for another agent: the first that she is told is her own.
    post(
        at,
        "/v1/rings",
        "",
        &json!({"call_id": "call-2", "ani": "+442079460958", "agent": "1002"}),
    );
    assert_eq!(stranger.json()["call_id"], "call-2");
    assert!(serving.stop("-TERM"));
}

#[test]
fn heartbeats_come_as_often_as_is_configured() {
    let site = Site::new("desks.heartbeat_s = 1\n");
    let (_serving, at, _) = site.start(&[]);
    let (mut events, _) = Desktop::events(at, None);
    events.heartbeat();
    events.heartbeat();
}

/// A question with a body, and one that nobody would ask, are no streams.
#[test]
fn other_requests_for_a_stream_are_refused() {
    let site = Site::new("");
    let (_serving, at, _) = site.start(&[]);
    assert_eq!(post(at, EVENTS, "", &json!({})).status, 405);
    for (target, headers, status, code) in [
        ("/v1/agents/1001/socket", "", 400, "no_websocket"),
        ("/v1/agents/1001/socket", "Upgrade: h2c\r\n", 400, "no_websocket"),
    ] {
        let mut refused = Desktop::ask(at, target, headers);
        assert_eq!(refused.status(), status, "{}", refused.head);
        assert_eq!(refused.error()["error"]["code"], code);
    }
    let mut old = Desktop::ask(
        at,
        EVENTS,
        "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n",
    );
    assert_eq!(old.status(), 426, "{}", old.head);
    assert!(old.head.contains("sec-websocket-version: 13"), "{}", old.head);
    assert_eq!(old.error()["error"]["code"], "websocket_version");
}
