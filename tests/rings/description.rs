//! What `/openapi.json` says of rings, calls and desktops is what is answered, and nothing of it is never answered.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::described::Described;
use crate::desktop::Desktop;
use crate::record::{self, Record};
use crate::rights::{ask, key};
use crate::serving::Serving;
use crate::site::Site;
use crate::wire::{Response, tcp};
use crate::{ADA, JSON, PATIENT, send};

const RINGS: &str = "/v1/rings";
const LINK: &str = "/v1/calls/{call_id}/link";
const EVENTS: &str = "/v1/calls/{call_id}/events";
const STREAM: &str = "/v1/agents/{agent}/events";
const SOCKET: &str = "/v1/agents/{agent}/socket";
const TICKET: &str = "/v1/agents/{agent}/ticket";
const CURRENT: &str = "/v1/agents/{agent}/current";
const ACK: &str = "/v1/agents/{agent}/ack";
const DESK: &str = "/v1/agents/{agent}/desk";
const SESSION: &str = "/v1/agents/{agent}/session";
const OWN_LINK: &str = "/v1/agents/{agent}/calls/{call_id}/link";
const OWN_EVENTS: &str = "/v1/agents/{agent}/calls/{call_id}/events";
const CUSTOMERS: &str = "/v1/agents/{agent}/customers";
const CUSTOMER: &str = "/v1/agents/{agent}/customers/{id}";
const OLDER: &str = "/v1/agents/{agent}/customers/{id}/interactions";
const INTERACTIONS: &str = "/v1/agents/{agent}/interactions";

/// Ada has a case and a history, Grace wants no messages, and Ida and Ann share a number.
const PEOPLE: &str = concat!(
    r#"{"id":"c-1","name":"Ada Lovelace","phones":["+14806754110"],"labels":[{"name":"VIP","color":"gold"}],"#,
    r#""attributes":{"email":"ada@example.org"},"cases":[{"id":"k-1","number":"CAS-1","status":"open"}],"#,
    r#""interactions":[{"id":"i-1","started_at":"2026-11-18T14:02:11Z","direction":"inbound","duration_s":61}]}"#,
    "\n",
    r#"{"id":"c-2","name":"Grace Hopper","phones":["+442079460958"],"flags":{"do_not_sms":true}}"#,
    "\n",
    r#"{"id":"c-3","name":"Ida Rhodes","phones":[{"number":"+14806754180","shared":true}]}"#,
    "\n",
    r#"{"id":"c-4","name":"Ann Ott","phones":[{"number":"+14806754180","shared":true}]}"#,
    "\n",
);
const ATTRIBUTES: &str = "[[attribute]]\nkey = 'email'\nlabel = 'E-mail'\ntype = 'email'\n";
const SWITCH: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const AGENT: &str = "1001";

/// A service, and what is described of it and was seen.
struct Asking {
    at: SocketAddr,
    described: Described,
}

impl Asking {
    /// Sends `body` to `path` of the call `call` and the customer `id`, and checks the answer.
    #[track_caller]
    fn of(&mut self, method: &str, path: &str, (call, id): (&str, &str), body: &Value) -> Response {
        let response = send(self.at, method, &target(path, call, id), body);
        self.described.check(path, &method.to_lowercase(), &response);
        response
    }

    #[track_caller]
    fn ask(&mut self, method: &str, path: &str, query: &str, body: &Value, status: u16) -> Value {
        let target = target(path, "call-1", "c-1") + query;
        let response = send(self.at, method, &target, body);
        assert_eq!(response.status, status, "{method} {target}: {}", response.body);
        self.described.check(path, &method.to_lowercase(), &response);
        match response.body.as_str() {
            "" => Value::Null,
            _ => response.json(),
        }
    }

    /// Checks the answer whose head alone has come.
    #[track_caller]
    fn begun(&mut self, path: &str, desktop: &Desktop) {
        let response = Response {
            status: desktop.status(),
            head: desktop.head.clone(),
            body: String::new(),
        };
        self.described.check(path, "get", &response);
    }

    /// Every path, method and status of the screen pop that is described.
    fn answers(&self) -> Vec<(String, String, String)> {
        self.described.answers(Described::is_of_the_pop)
    }
}

fn target(path: &str, call: &str, id: &str) -> String {
    path.replace("{agent}", AGENT)
        .replace("{call_id}", call)
        .replace("{id}", id)
}

fn ring(call: &str, more: Value) -> Value {
    let mut ring = json!({"call_id": call, "ani": ADA, "dnis": "+18005550100"});
    let Value::Object(more) = more else {
        panic!("{more}")
    };
    ring.as_object_mut().unwrap().extend(more);
    ring
}

#[test]
fn every_answer_is_as_described_and_every_status_occurs() {
    let record = Record::start(|request, _| {
        let interaction = json!({"_id": "1", "startTime": "2026-11-01T00:00:00Z", "direction": "INBOUND",
            "duration": 31, "activities": [{"type": "agent", "agentId": 1001}]});
        match request.path.as_str() {
            path if path.contains("/c-2/") => record::json(500, ""),
            path if path.contains("before=") => record::json(200, &json!([interaction]).to_string()),
            _ => record::json(201, r#"{"_id": "r-1"}"#),
        }
    });
    let more = record.config(
        "sms_path = '/sms'\nhistory_path = '/customers/{customer_id}/interactions?before={before}&limit={limit}'",
    );
    let folder = tempfile::tempdir().unwrap();
    let mapping = folder.path().join("mapping.toml");
    std::fs::write(&mapping, ATTRIBUTES).unwrap();
    let more = format!("[profile.main.pop_url]\ncustomer = 'https://crm.example/{{customer_id}}'\n{more}");
    let site = Site::of(PEOPLE, &["--mapping", mapping.to_str().unwrap()], &more);
    let (_serving, at, _) = site.start(&PATIENT);
    let described = Described::by(tcp(at).get("/openapi.json").json());
    let mut asking = Asking { at, described };
    for path in [OLDER, OWN_EVENTS] {
        assert!(asking.answers().iter().any(|(known, ..)| known == path), "{path}");
    }

    let mut stream = Desktop::ask(at, &target(STREAM, "", ""), "");
    asking.begun(STREAM, &stream);
    asking.described.check_schema("Hello", &stream.event().data);
    reasons(&mut asking);
    pages(&mut asking);
    a_call(&mut asking, &mut stream);
    desks(&mut asking);
    customers(&mut asking);
    streams(&mut asking);
    bounds(&mut asking);
    refusals_for_what_is_asked(&mut asking);
    refusals_for_who_asks(&mut asking);
    let unseen = asking.described.unseen(Described::is_of_the_pop);
    assert_eq!(unseen, Vec::<String>::new(), "never seen");
}

/// Every reason that is described occurs, and no other.
fn reasons(asking: &mut Asking) {
    let mut seen = Vec::new();
    for (nth, more) in [
        json!({"agent": "1009", "direction": "in", "event": "ALERTING", "variables": {"note": 7, "none": null}}),
        json!({"agent": "1009", "direction": "out"}),
        json!({"agent": "1009", "call_type": "CONSULT"}),
        json!({"agent": "1009", "call_type": "SUPERVISOR_MONITOR"}),
        json!({"agent": "1009", "call_type": "AGENT_INSIDE"}),
        json!({"agent": "1009", "call_type": "RESERVATION_PREVIEW"}),
        json!({"queue": "support"}),
        json!({}),
        json!({"extension": "9999"}),
    ]
    .into_iter()
    .enumerate()
    {
        let rung = ring(&format!("reason-{nth}"), more);
        asking.described.check_schema("Ring", &rung);
        seen.push(asking.ask("POST", RINGS, "", &rung, 200)["reason"].clone());
    }
    let known = asking
        .described
        .at("/components/schemas/Rung/properties/reason/enum");
    assert_eq!(known, &Value::from(seen));
    let form = "call_id=form-1&ani=%2B14806754110&agent=1009";
    let response = tcp(asking.at).post(RINGS, "application/x-www-form-urlencoded", form.as_bytes());
    assert_eq!(response.status, 200, "{}", response.body);
    asking.described.check(RINGS, "post", &response);
    asking.ask("POST", RINGS, "", &json!({"ani": ADA, "agent": "1001"}), 400);
    let unfit = ring("call-1", json!({"direction": "sideways"}));
    assert!(!asking.described.is_valid("Ring", &unfit));
    asking.ask("POST", RINGS, "", &unfit, 400);
}

/// Every page that is described occurs.
fn pages(asking: &mut Asking) {
    let mut seen = Vec::new();
    for ani in [ADA, "+442079460958", "+14806754180", "+14806754199", "anonymous"] {
        let agent = format!("20{}", seen.len());
        let rung = ring(&format!("page-{agent}"), json!({"ani": ani, "agent": agent}));
        asking.ask("POST", RINGS, "", &rung, 200);
        let response = tcp(asking.at).get(&format!("/v1/agents/{agent}/current"));
        asking.described.check(CURRENT, "get", &response);
        seen.push(response.json()["pops"][0]["page"].clone());
    }
    let known = asking
        .described
        .at("/components/schemas/Pop/properties/page/enum");
    assert_eq!(known, &Value::from(seen));
}

/// One call from ring to wrap-up, as the desktop sees it.
fn a_call(asking: &mut Asking, stream: &mut Desktop) {
    let joan = json!({"extension": "4411", "name": "Joan", "team": "Support"});
    asking.described.check_schema("Session", &joan);
    asking.ask("PUT", SESSION, "", &joan, 200);
    asking.ask("PUT", SESSION, "", &json!({"expires_s": 0}), 400);
    let rung = ring(
        "call-1",
        json!({"agents": ["1001", "1002"], "variables": {"a": "b"}}),
    );
    let rung = asking.ask("POST", RINGS, "", &rung, 200);
    assert_eq!(rung["url"], "https://crm.example/c-1");
    let shown = json!({"pop_id": rung["pop_id"], "tab": "t-1"});
    asking.described.check_schema("Acknowledging", &shown);
    asking.ask("POST", ACK, "", &shown, 200);
    asking.ask("POST", ACK, "", &json!({"pop_id": "none", "tab": "t-1"}), 404);
    asking.ask("POST", ACK, "", &json!({"pop_id": "none", "tab": ""}), 400);
    for (link, event, is_own) in [(LINK, EVENTS, false), (OWN_LINK, OWN_EVENTS, true)] {
        let by = |mut said: Value| {
            if !is_own {
                said["agent"] = AGENT.into();
            }
            said
        };
        for customer in [json!("c-2"), Value::Null] {
            let linking = by(json!({"customer_id": customer}));
            asking.described.check_schema("Linking", &linking);
            asking.ask("PUT", link, "", &linking, 200);
            asking.ask("GET", CURRENT, "", &Value::Null, 200);
        }
        asking.ask("DELETE", link, "", &Value::Null, 200);
        asking.ask("PUT", link, "", &json!({}), 400);
        asking.ask("PUT", link, "", &json!({"customer_id": "nobody"}), 404);
        let none = ("none", "");
        asking.of("PUT", link, none, &json!({"customer_id": "c-1"}));
        asking.of("DELETE", link, none, &Value::Null);
        asking.of("POST", event, none, &by(json!({"event": "answer"})));
        asking.ask("POST", event, "", &json!({"event": "explode"}), 400);
        for said in [
            json!({"event": "answer"}),
            json!({"event": "conference", "to_agent": "1003", "secondary_id": "call-2"}),
            json!({"event": "refuse"}),
            json!({"event": "wrap_up", "wrap_up": "Billing"}),
            json!({"event": "end"}),
        ] {
            let said = by(said);
            asking.described.check_schema("Happening", &said);
            asking.ask("POST", event, "", &said, 200);
        }
    }
    let heard = asking.of("POST", EVENTS, ("machine", ""), &json!({"event": "ivr"}));
    assert_eq!(heard.json()["state"], "waiting");
    let transfer = json!({"event": "transfer", "to_agent": AGENT});
    asking.of("POST", EVENTS, ("call-1", ""), &transfer);
    // Whoever else it rings at is told that it is over.
    let both = ring("call-3", json!({"agents": [AGENT, "1002"]}));
    asking.ask("POST", RINGS, "", &both, 200);
    let answered = json!({"event": "answer", "agent": "1002"});
    asking.of("POST", EVENTS, ("call-3", ""), &answered);
    let mut kinds = Vec::new();
    while !kinds.contains(&"clear".to_owned()) {
        let event = stream.event();
        asking.described.check_schema("Pop", &event.data);
        assert_eq!(event.data["type"], event.kind.as_str());
        kinds.push(event.kind);
    }
    assert!(
        kinds.contains(&"pop".to_owned()) && kinds.contains(&"update".to_owned()),
        "{kinds:?}"
    );
    asking
        .described
        .check_schema("Heartbeat", &json!({"type": "heartbeat"}));
}

fn desks(asking: &mut Asking) {
    let desk = asking.ask("GET", DESK, "", &Value::Null, 200);
    assert_eq!(
        (&desk["name"], &desk["schema"][0]["key"]),
        (&json!("Joan"), &json!("email"))
    );
    assert_eq!(
        (&desk["may_text"], &desk["has_history"]),
        (&json!(true), &json!(true))
    );
    asking.ask("DELETE", SESSION, "", &Value::Null, 204);
    asking.ask("GET", DESK, "?profile=main", &Value::Null, 200);
    asking.ask("POST", TICKET, "", &Value::Null, 200);
}

fn customers(asking: &mut Asking) {
    for query in ["", "?search=ada", "?search=%2B14806754180&sort=-name&page_size=1"] {
        asking.ask("GET", CUSTOMERS, query, &Value::Null, 200);
    }
    asking.ask("GET", CUSTOMERS, "?page=0", &Value::Null, 400);
    asking.ask("GET", CUSTOMER, "", &Value::Null, 200);
    asking.of("GET", CUSTOMER, ("", "nobody"), &Value::Null);
    asking.ask(
        "POST",
        RINGS,
        "",
        &ring("call-new", json!({"ani": "+14806754199", "agent": AGENT})),
        200,
    );
    let new = json!({"first_name": "Katherine", "last_name": "Johnson", "company": null,
        "phones": ["+14806754199", {"number": "+14806754198", "kind": "home"}], "labels": ["VIP"],
        "attributes": {"email": "katherine@example.org"}, "call_id": "call-new"});
    asking.described.check_schema("NewCustomer", &new);
    let created = asking.ask("POST", CUSTOMERS, "", &new, 202);
    let id = created["customer_id"].as_str().unwrap();
    let pops = asking.ask("GET", CURRENT, "", &Value::Null, 200);
    assert_eq!(pops["pops"][0]["pending"], created["customer"]);
    let found = asking.ask("GET", CUSTOMERS, "?search=kath", &Value::Null, 200);
    assert_eq!(
        found["customers"][0]["phones"],
        json!(["+14806754199", "+14806754198"])
    );
    asking.ask("POST", CUSTOMERS, "", &json!({"name": "Mary Jackson"}), 202);
    let found = asking.ask("GET", CUSTOMERS, "?search=mary", &Value::Null, 200);
    assert_eq!(found["customers"][0]["phones"], json!([]));
    let found = asking.of("GET", CUSTOMER, ("", id), &Value::Null);
    assert_eq!(found.json()["pending"], true);
    asking.ask("POST", CUSTOMERS, "", &json!({"id": "c-1"}), 400);
    asking.ask(
        "POST",
        CUSTOMERS,
        "",
        &json!({"name": "Mary Jackson", "call_id": "none"}),
        404,
    );

    let page = asking.ask(
        "GET",
        OLDER,
        "?before=2026-11-18T14:02:11Z&limit=5",
        &Value::Null,
        200,
    );
    assert_eq!(page["interactions"].as_array().unwrap().len(), 1);
    asking.ask("GET", OLDER, "?limit=0", &Value::Null, 400);
    asking.of("GET", OLDER, ("", "nobody"), &Value::Null);
    let silent = asking.of("GET", OLDER, ("", "c-2"), &Value::Null);
    assert_eq!(silent.json()["error"]["code"], "unavailable");

    let sms =
        |id: &str| json!({"type": "sms", "customer_id": id, "number": ADA, "text": "Hello", "id": "m-1"});
    asking.described.check_schema("Sms", &sms("c-1"));
    asking.ask("POST", INTERACTIONS, "", &sms("c-1"), 202);
    asking.ask("POST", INTERACTIONS, "", &sms("nobody"), 404);
    asking.ask("POST", INTERACTIONS, "", &sms("c-2"), 409);
    asking.ask("POST", INTERACTIONS, "", &json!({"type": "fax"}), 400);
}

fn streams(asking: &mut Asking) {
    for path in [STREAM, SOCKET] {
        let target = target(path, "", "");
        let mut desktop = Desktop::handshake(asking.at, &target, "");
        asking.begun(path, &desktop);
        asking.described.check_schema("Hello", &desktop.json());
        let pop = desktop.json();
        asking.described.check_schema("Pop", &pop);
        let shown = json!({"type": "ack", "pop_id": pop["pop_id"], "tab": "t-9"});
        asking.described.check_schema("ShownHere", &shown);
        let old = SWITCH.replace("Version: 13", "Version: 8");
        let strange = SWITCH.replace("Connection: Upgrade", "Connection: close");
        let stranger = format!("{SWITCH}Origin: https://stranger.example\r\n");
        for (headers, status) in [(old, 426), (strange, 400), (stranger, 403)] {
            let response = tcp(asking.at).ask("GET", &target, &headers, b"");
            assert_eq!(response.status, status, "{}", response.body);
            asking.described.check(path, "get", &response);
        }
    }
}

/// A service that has little of everything, no system of record among it.
fn bounds(asking: &mut Asking) {
    let site = Site::new(
        "desks.streams_per_agent_max = 1\ndesks.tickets_max = 1\nhttp.body_max_bytes = 65536\nhttp.body_timeout_s = 1\n",
    );
    let (_serving, at, _) = site.start(&PATIENT);
    let usual = std::mem::replace(&mut asking.at, at);
    let only = Desktop::ask(at, &target(STREAM, "", ""), "");
    asking.ask("GET", STREAM, "", &Value::Null, 429);
    let refused = tcp(at).ask("GET", &target(SOCKET, "", ""), SWITCH, b"");
    assert_eq!(refused.status, 429, "{}", refused.body);
    asking.described.check(SOCKET, "get", &refused);
    drop(only);
    asking.ask("POST", TICKET, "", &Value::Null, 200);
    asking.ask("POST", TICKET, "", &Value::Null, 429);
    asking.ask("GET", OLDER, "", &Value::Null, 404);
    asking.ask("POST", CUSTOMERS, "", &json!({"name": "Mary Jackson"}), 404);

    let mut late = Vec::new();
    for (path, method, status) in asking.answers() {
        let length = match status.as_str() {
            "408" => 9,
            "413" => 100_000,
            _ => continue,
        };
        let mut client = tcp(at);
        let head = format!(
            "{} {} HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: {length}\r\n\r\n",
            method.to_uppercase(),
            target(&path, "call-1", "c-1")
        );
        client.send(head.as_bytes());
        late.push((path, method, status, client));
    }
    for (path, method, status, mut client) in late {
        let response = client.response(true);
        assert_eq!(
            response.status.to_string(),
            status,
            "{method} {path}: {}",
            response.body
        );
        asking.described.check(&path, &method, &response);
    }
    asking.at = usual;
}

/// Targets and heads that are too long, agents who are none, and a dialect that is switched off.
fn refusals_for_what_is_asked(asking: &mut Asking) {
    let off = Site::new("dialect.native.enabled = false\n");
    let (_serving, off, _): (Serving, _, _) = off.start(&[]);
    let (long, fields) = ("1".repeat(9000), "X-Filler: y\r\n".repeat(70));
    let nobody = "x".repeat(65);
    for (path, method, status) in asking.answers() {
        let right = target(&path, "call-1", "c-1");
        let (at, target, headers) = match status.as_str() {
            "414" => (asking.at, format!("{right}?x={long}"), ""),
            "431" => (asking.at, right, &*fields),
            "503" => (off, right, ""),
            "400" if path.contains("{agent}") && !path.contains("{call_id}") => {
                (asking.at, right.replace(AGENT, &nobody), "")
            }
            _ => continue,
        };
        let response = tcp(at).ask(&method.to_uppercase(), &target, headers, b"");
        assert_eq!(
            response.status.to_string(),
            status,
            "{method} {path}: {}",
            response.body
        );
        asking.described.check(&path, &method, &response);
    }
}

fn refusals_for_who_asks(asking: &mut Asking) {
    let site = Site::new("");
    let other = key(&site, "ivr", &["lookup"]);
    let (_serving, at, _) = site.start(&PATIENT);
    for (path, method, status) in asking.answers() {
        let (target, method) = (target(&path, "call-1", "c-1"), method.to_uppercase());
        let response = match status.as_str() {
            "401" => tcp(at).ask(&method, &target, "", b""),
            "403" => ask(at, &other, &method, &target, &Value::Null),
            _ => continue,
        };
        assert_eq!(
            response.status.to_string(),
            status,
            "{method} {path}: {}",
            response.body
        );
        asking.described.check(&path, &method.to_lowercase(), &response);
    }
}
