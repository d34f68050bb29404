//! Who may listen: keys, tickets, and whose page asks.

use serde_json::json;

use crate::desktop::{Desktop, EVENTS};
use crate::post;
use crate::program::run;
use crate::site::Site;
use crate::wire::until;

/// A service where the agent 1001 has a key; the site, and the key as a header.
fn keyed(more: &str) -> (Site, String) {
    let site = Site::new(more);
    let added = run(&[
        "key",
        "add",
        "desk",
        "--scope",
        "desktop:1001",
        "--dir",
        site.data(),
    ])
    .ok();
    let key = added
        .split_whitespace()
        .find(|word| word.starts_with("rs_"))
        .unwrap()
        .to_owned();
    (site, format!("Authorization: Bearer {key}\r\n"))
}

#[test]
fn a_ticket_opens_one_stream_of_its_agent() {
    let (site, key) = keyed("");
    let (_serving, at, _) = site.start(&[]);
    assert_eq!(Desktop::ask(at, EVENTS, "").status(), 401);
    assert_eq!(Desktop::handshake(at, EVENTS, "").status(), 401);
    assert_eq!(Desktop::ask(at, "/v1/agents/1002/events", &key).status(), 403);
    let asked = post(at, "/v1/agents/1001/ticket", "", &json!({}));
    assert_eq!(asked.status, 401, "{}", asked.body);
    let ticket = || {
        let answer = post(at, "/v1/agents/1001/ticket", &key, &json!({}));
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json()["expires_s"], 30);
        answer.json()["ticket"].as_str().unwrap().to_owned()
    };
    let of = |agent: &str, ticket: &str| format!("/v1/agents/{agent}/events?ticket={ticket}");
    let first = ticket();
    let opened = Desktop::ask(at, &of("1001", &first), "");
    assert_eq!(opened.status(), 200, "{}", opened.head);
    assert_eq!(Desktop::ask(at, &of("1001", &first), "").status(), 401, "once");
    let socket = Desktop::socket(at, &of("1001", &ticket()), "");
    drop(socket);
    let second = ticket();
    assert_eq!(Desktop::ask(at, &of("1002", &second), "").status(), 401);
    assert_eq!(Desktop::ask(at, &of("1001", "nonsense"), "").status(), 401);
    // It opens streams, and nothing else.
    let third = ticket();
    let current = Desktop::ask(at, &format!("/v1/agents/1001/current?ticket={third}"), "");
    assert_eq!(current.status(), 401);
}

#[test]
fn a_ticket_expires() {
    let (site, key) = keyed("desks.ticket_s = 1\ndesks.heartbeat_s = 1\n");
    let (_serving, at, _) = site.start(&[]);
    let answer = post(at, "/v1/agents/1001/ticket", &key, &json!({}));
    let ticket = answer.json()["ticket"].as_str().unwrap().to_owned();
    // Heartbeats are a second apart: between two of them it has expired.
    let mut clock = Desktop::ask(at, EVENTS, &key);
    clock.heartbeat();
    clock.heartbeat();
    let late = Desktop::ask(at, &format!("{EVENTS}?ticket={ticket}"), "");
    assert_eq!(late.status(), 401, "{}", late.head);
}

#[test]
fn a_key_that_is_revoked_ends_its_streams() {
    let (site, key) = keyed("desks.heartbeat_s = 1\n");
    let (serving, at, _) = site.start(&[]);
    let events = Desktop::ask(at, EVENTS, &key);
    let mut socket = Desktop::socket(at, EVENTS, &key);
    run(&["key", "revoke", "desk", "--dir", site.data()]).ok();
    serving.signal("-HUP");
    assert!(events.ends_whole());
    assert_eq!(socket.close_code(), 1012);
    until(
        || Desktop::ask(at, EVENTS, &key).status(),
        |status| *status == 401,
    );
}

/// Browsers let any page open a WebSocket to the agent's own machine, or to an address that trusts it.
#[test]
fn pages_of_others_do_not_listen() {
    let site = Site::new("[profile.main]\norigins = ['https://crm.example']\n");
    let (_serving, at, _) = site.start(&[]);
    let host = format!("Host: {at}\r\n");
    for (origin, status) in [
        (format!("http://{at}"), 101),
        ("https://crm.example".into(), 101),
        ("https://evil.example".into(), 403),
        ("null".into(), 403),
        ("http://127.0.0.1:1".into(), 403),
    ] {
        let headers = format!("{host}Origin: {origin}\r\n");
        let mut answer = Desktop::handshake(at, EVENTS, &headers);
        assert_eq!(answer.status(), status, "{origin}");
        if status == 403 {
            assert_eq!(answer.error()["error"]["code"], "origin");
        }
    }
}
