//! Who may ring, and whose desktop one may be.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::ADA;
use crate::PATIENT;
use crate::program::run;
use crate::site::Site;
use crate::wire::{Response, tcp};

pub(crate) fn key(site: &Site, name: &str, scopes: &[&str]) -> String {
    let mut arguments = vec!["key", "add", name, "--dir", site.data()];
    arguments.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
    let ran = run(&arguments);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let key = ran.out.split_whitespace().find(|word| word.starts_with("rs_"));
    key.unwrap_or_else(|| panic!("no key in {}", ran.out)).to_owned()
}

pub(crate) fn ask(at: SocketAddr, key: &str, method: &str, target: &str, body: &Value) -> Response {
    let headers = format!("Content-Type: application/json\r\nAuthorization: Bearer {key}\r\n");
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    tcp(at).ask(method, target, &headers, body.as_bytes())
}

#[test]
fn a_desktop_is_its_agents_alone() {
    let site = Site::new("");
    let phones = key(&site, "phones", &["ring"]);
    let mine = key(&site, "desk-1001", &["desktop:1001"]);
    let theirs = key(&site, "desk-1002", &["desktop:1002"]);
    let trusted = key(&site, "desk-1003", &["desktop:1003", "sensitive"]);
    let lookup = key(&site, "ivr", &["lookup"]);
    let (_serving, at, _) = site.start(&PATIENT);
    let ring = json!({"call_id": "call-1", "ani": ADA, "agent": "1001"});
    for (key, status) in [(&lookup, 403), (&mine, 403), (&phones, 200)] {
        assert_eq!(ask(at, key, "POST", "/v1/rings", &ring).status, status);
    }
    for target in [
        "/v1/agents/1001/current",
        "/v1/agents/1001/desk",
        "/v1/agents/1001/customers?search=ada",
        "/v1/agents/1001/customers/c-1",
        // Another spelling is the same agent.
        "/v1/agents/%31001/current",
    ] {
        let status = |key: &str| ask(at, key, "GET", target, &Value::Null).status;
        let found = [&mine, &theirs, &trusted, &phones, &lookup].map(|key| status(key));
        assert_eq!(found, [200, 403, 403, 403, 403], "{target}");
        assert_eq!(tcp(at).get(target).status, 401, "{target}");
    }
    for (method, target, body) in [
        ("POST", "/v1/agents/1001/ticket", Value::Null),
        (
            "PUT",
            "/v1/agents/1001/calls/call-1/link",
            json!({"customer_id": "c-2"}),
        ),
        (
            "POST",
            "/v1/agents/1001/calls/call-1/events",
            json!({"event": "end"}),
        ),
        (
            "POST",
            "/v1/agents/1001/customers",
            json!({"name": "Katherine", "phones": ["+14806754199"]}),
        ),
        ("PUT", "/v1/agents/1001/session", json!({"extension": "4411"})),
    ] {
        assert_eq!(
            ask(at, &theirs, method, target, &body).status,
            403,
            "{method} {target}"
        );
    }
    // Nor of a call that never was theirs, at their own desk.
    let answer = ask(
        at,
        &theirs,
        "PUT",
        "/v1/agents/1002/calls/call-1/link",
        &json!({"customer_id": "c-2"}),
    );
    assert!(
        [403, 404].contains(&answer.status),
        "{}: {}",
        answer.status,
        answer.body
    );
}

#[test]
fn a_ticket_opens_one_stream_of_one_agent() {
    let site = Site::new("");
    let mine = key(&site, "desk-1001", &["desktop:1001"]);
    let (_serving, at, _) = site.start(&PATIENT);
    let answer = ask(at, &mine, "POST", "/v1/agents/1001/ticket", &Value::Null);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let ticket = answer.json()["ticket"].as_str().unwrap().to_owned();
    let open = |agent: &str, ticket: &str| {
        let mut client = tcp(at);
        let head = format!("GET /v1/agents/{agent}/events?ticket={ticket} HTTP/1.1\r\nHost: x\r\n\r\n");
        client.send(head.as_bytes());
        let mut line = String::new();
        let mut reader = std::io::BufReader::new(client.stream().try_clone().unwrap());
        std::io::BufRead::read_line(&mut reader, &mut line).unwrap();
        line.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    assert_eq!(open("1002", &ticket), 401);
    assert_eq!(open("1001", "made-up"), 401);
    // A key is no ticket, and nothing else is open to one.
    assert_eq!(open("1001", &mine), 401);
    let again = ask(at, &mine, "POST", "/v1/agents/1001/ticket", &Value::Null).json();
    let again = again["ticket"].as_str().unwrap();
    assert_eq!(
        tcp(at)
            .get(&format!("/v1/agents/1001/current?ticket={again}"))
            .status,
        401
    );
    assert_eq!(open("1001", again), 200);
    assert_eq!(open("1001", again), 401);
}

/// What the page may load needs no key; what is in it does.
#[test]
fn the_page_itself_needs_no_key() {
    let site = Site::new("");
    let _any = key(&site, "desk-1001", &["desktop:1001"]);
    let (_serving, at, _) = site.start(&PATIENT);
    for target in [
        "/gadget?agent=1001",
        "/gadget/ringside-desk.js",
        "/gadget/finesse.xml",
    ] {
        let answer = tcp(at).get(target);
        assert_eq!(answer.status, 200, "{target}");
        assert!(!answer.body.contains("Lovelace"));
    }
    for target in [
        "/gadget/../v1/rings",
        "/gadget/%2e%2e/%2e%2e/etc/passwd",
        "/gadget/none.js",
    ] {
        assert_eq!(tcp(at).get(target).status, 404, "{target}");
    }
    assert_eq!(tcp(at).get("/v1/agents/1001/desk").status, 401);
}
