//! What it is told.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ringside::app::Running;
use ringside::pop::outbox::{Item, Kind, Outbox, OutboxError};
use serde_json::{Value, json as value};

use crate::record::{Record, Reply, Request, json};
use crate::site::Site;
use crate::wire::until;

fn outbox(running: &Running) -> &Arc<Outbox> {
    running.outbox().unwrap()
}

fn customer(id: &str) -> Item {
    let body = value!({
        "customer_id": id, "first_name": "Ada", "last_name": "Lovelace", "company": null,
        "phones": ["+14806754110", {"number": "+442079460958", "kind": "mobile"}],
        "attributes": {"email": "ada@example.org", "opted_out": false, "firstName": "not this"},
    });
    Item::new(format!("customer:{id}"), id, Kind::Customer, body)
}

fn link(call: &str, customer: &str) -> Item {
    let body = value!({"call_id": call, "customer_id": customer, "agent": "1001", "by": "agent", "at": "2026-11-21T10:00:00Z"});
    Item::new(format!("link:{call}:{customer}"), call, Kind::Link, body)
}

fn interaction(call: &str, nth: usize) -> Item {
    let body = value!({
        "id": format!("{call}@{nth}"), "call_id": call, "customer_id": "c-1", "started_at": "2026-11-21T10:00:00Z",
        "direction": "inbound", "type": "finesse", "ani": "+14806754110", "duration_s": 12,
        "activities": [{"kind": "agent", "agent_id": "1001", "team": "Support", "started_at": "2026-11-21T10:00:02Z",
                        "duration_s": 10, "wrap_up": "Billing"}],
    });
    Item::new(format!("interaction:{call}:{nth}"), call, Kind::Interaction, body)
}

fn nothing_waits(running: &Running) {
    until(|| outbox(running).state(), |state| state.waiting == 0);
}

/// Answers a customer with its id, and everything else with nothing.
fn takes(request: &Request) -> Reply {
    if request.path == "/api/customers" {
        return json(201, r#"{"_id": {"$oid": "64f0"}}"#);
    }
    json(204, "")
}

#[test]
fn a_customer_a_link_and_an_interaction_come_in_its_own_words_and_under_its_own_id() {
    let record = Record::start(|request, _| takes(request));
    let secret = tempfile::tempdir().unwrap();
    let token = secret.path().join("token");
    fs::write(&token, "s3cret\n").unwrap();
    let auth = format!("[system_of_record.auth]\nkind = 'bearer'\nfile = {token:?}");
    let site = Site::new(&record.config(&auth));
    let running = site.serve();
    let outbox = outbox(&running);
    assert_eq!(outbox.push(customer("new-1")).unwrap(), 1);
    outbox.push(link("call/7", "new-1")).unwrap();
    assert_eq!(outbox.push(customer("new-1")).unwrap(), 1, "the same key");
    outbox.push(interaction("call/7", 1)).unwrap();
    nothing_waits(&running);
    let requests = record.requests();
    let [made, linked, told] = requests.as_slice() else {
        panic!("{requests:#?}")
    };
    assert_eq!((&*made.method, &*made.path), ("POST", "/api/customers"));
    assert_eq!(
        made.body,
        value!({"firstName": "Ada", "lastName": "Lovelace", "phoneNumber": ["+14806754110", "+442079460958"],
                "email": "ada@example.org", "opted_out": false, "isAnonymous": false})
    );
    assert_eq!(made.key(), "customer:new-1");
    assert_eq!(made.header("authorization"), "Bearer s3cret");
    assert_eq!(made.header("content-type"), "application/json");
    assert_eq!(
        (&*linked.method, &*linked.path),
        ("PUT", "/api/interactions/call%2F7/link")
    );
    assert_eq!(
        linked.body,
        value!({"callId": "call/7", "customerId": "64f0", "agentId": "1001", "by": "agent", "at": "2026-11-21T10:00:00Z"})
    );
    assert_eq!((&*told.method, &*told.path), ("POST", "/api/interactions"));
    assert_eq!(told.body["startTime"], "2026-11-21T10:00:00Z");
    assert_eq!(told.body["activities"][0]["wrapUp"], "Billing");
    assert_eq!(outbox.assigned("new-1").as_deref(), Some("64f0"));
    running.drain();
}

#[test]
fn whatever_it_answers_an_item_comes_again_with_its_key_until_it_is_taken() {
    let replies: [fn() -> Reply; 9] = [
        || json(500, "{}"),
        || Reply::Garbage,
        || Reply::Half,
        || Reply::Close,
        || Reply::Never,
        || json(200, "<html>Log in</html>"),
        || json(502, ""),
        || json(401, ""),
        || Reply::Status(302, "Location: /elsewhere\r\n", String::new()),
    ];
    let record = Record::start(move |request, before| match replies.get(before) {
        Some(reply) => reply(),
        None => takes(request),
    });
    let site = Site::new(&record.config("timeout_ms = 200"));
    let running = site.serve();
    outbox(&running).push(customer("new-1")).unwrap();
    outbox(&running).push(link("a", "new-1")).unwrap();
    nothing_waits(&running);
    let requests = record.requests();
    let (last, tries) = requests.split_last().unwrap();
    assert!(tries.len() > replies.len(), "{}", tries.len());
    assert!(
        tries
            .iter()
            .all(|request| request.key() == "customer:new-1" && request.path == "/api/customers")
    );
    assert_eq!(last.body["customerId"], "64f0");
    assert_eq!(outbox(&running).state().dead, 0);
    running.drain();
}

#[test]
fn when_it_is_too_busy_it_is_left_alone_for_as_long_as_it_asks() {
    let record = Record::start(|request, before| match before {
        0 => Reply::Status(429, "Retry-After: 1\r\n", String::new()),
        1 => Reply::Status(503, "Retry-After: 86400\r\n", String::new()),
        _ => takes(request),
    });
    let site = Site::new(&record.config("retry_after_max_s = 1"));
    let running = site.serve();
    let begin = std::time::Instant::now();
    outbox(&running).push(link("a", "c-1")).unwrap();
    record.after(2);
    outbox(&running).push(link("b", "c-2")).unwrap();
    record.after(4);
    assert!(begin.elapsed().as_millis() >= 1900, "{:?}", begin.elapsed());
    nothing_waits(&running);
    running.drain();
}

#[test]
fn what_it_refuses_is_dead_and_holds_nothing_up_but_what_depends_on_it() {
    let record = Record::start(|request, _| {
        let status = match request.key() {
            "customer:bad" => 422,
            "customer:there" => return json(409, r#"{"_id": "64f1", "message": "exists"}"#),
            "customer:conflict" => return json(409, r#"{"id": "trace-1", "message": "another's phone"}"#),
            "interaction:a:1" => 400,
            "interaction:a:2" => 409,
            _ => 200,
        };
        json(status, "")
    });
    let site = Site::new(&record.config(""));
    let running = site.serve();
    let outbox = outbox(&running);
    for item in [
        customer("bad"),
        customer("there"),
        customer("conflict"),
        link("x", "bad"),
        link("y", "there"),
        interaction("a", 1),
        interaction("a", 2),
        interaction("a", 3),
    ] {
        outbox.push(item).unwrap();
    }
    nothing_waits(&running);
    let dead: Vec<(String, Option<String>)> = outbox
        .list(true)
        .into_iter()
        .map(|item| (item.key, item.last_error))
        .collect();
    let error = |key: &str, error: &str| (key.to_owned(), Some(error.to_owned()));
    assert_eq!(
        dead,
        [
            error("customer:bad", "status 422"),
            error("customer:conflict", "status 409"),
            error("link:x:bad", "the customer that it is about could not be made"),
            error("interaction:a:1", "status 400"),
        ]
    );
    assert_eq!(outbox.assigned("there").as_deref(), Some("64f1"));
    let keys: Vec<String> = record
        .requests()
        .iter()
        .map(|request| request.key().to_owned())
        .collect();
    let place = |key: &str| keys.iter().position(|found| found == key).unwrap();
    assert!(place("interaction:a:2") < place("interaction:a:3"));
    assert!(!keys.contains(&"link:x:bad".to_owned()));
    running.drain();
}

#[test]
fn too_much_is_refused_and_what_is_none_too() {
    let record = Record::start(|_, _| Reply::Never);
    let site = Site::new(&record.config("items_max = 2"));
    let running = site.serve();
    let outbox = outbox(&running);
    outbox.push(interaction("a", 1)).unwrap();
    outbox.push(interaction("a", 2)).unwrap();
    let full = outbox.push(interaction("b", 3)).unwrap_err();
    assert!(
        full.is_temporary() && matches!(full, OutboxError::Full { waiting: 2 }),
        "{full}"
    );
    let of = |key: &str, lane: &str, kind| outbox.push(Item::new(key, lane, kind, value!({}))).unwrap_err();
    assert!(matches!(
        of("k", "l", Kind::Sms),
        OutboxError::NotTaken(Kind::Sms)
    ));
    assert!(matches!(of("a b", "l", Kind::Link), OutboxError::Key(3)));
    assert!(matches!(of("", "l", Kind::Link), OutboxError::Key(0)));
    assert!(matches!(of("k", "", Kind::Link), OutboxError::Lane(0)));
    running.drain();
}

#[test]
fn a_webhook_gets_what_its_template_says_without_what_is_sensitive() {
    let record = Record::start(|_, _| json(200, "thank you"));
    let template = r#"{"what": "{kind}", "who": "{first_name} {last_name}", "mail": "{attributes.email}",
                       "pin": "{attributes.pin}", "all": "{body}", "numbers": "{phones}"}"#;
    let site = Site::new(&format!(
        "[system_of_record]\nkind = 'webhook'\nurl = 'http://{}/hook?a=b'\n[system_of_record.webhook]\n\
         template = '''{template}'''\nheaders = {{ X-Source = 'ringside' }}\nkinds = ['customer']\n\
         [feed.main]\nkind = 'http'\n",
        record.address
    ));
    let running = site.serve();
    let schema = value!({"op": "schema", "schema": [
        {"key": "email", "label": "E-mail", "type": "email"},
        {"key": "pin", "label": "PIN", "type": "text", "sensitive": true}]});
    let mut client = crate::wire::tcp(running.address("main").unwrap());
    let posted = client.post(
        "/v1/changes",
        "application/x-ndjson",
        schema.to_string().as_bytes(),
    );
    assert_eq!(posted.status, 200, "{posted:?}");
    let mut item = customer("new-1");
    item.body["attributes"] = value!({"email": "\"}\nada", "pin": "1234"});
    outbox(&running).push(item).unwrap();
    assert!(matches!(
        outbox(&running).push(link("a", "b")),
        Err(OutboxError::NotTaken(Kind::Link))
    ));
    nothing_waits(&running);
    let requests = record.requests();
    let [request] = requests.as_slice() else {
        panic!("{requests:#?}")
    };
    assert_eq!(
        (&*request.path, request.header("x-source")),
        ("/hook?a=b", "ringside")
    );
    let body = &request.body;
    assert_eq!(
        (&body["what"], &body["who"], &body["mail"], &body["pin"]),
        (
            &value!("customer"),
            &value!("Ada Lovelace"),
            &value!("\"}\nada"),
            &Value::Null
        )
    );
    assert_eq!(body["numbers"][0], "+14806754110");
    assert!(!body.to_string().contains("1234"), "{body}");
    running.drain();
}

#[test]
fn a_file_gets_a_line_for_each() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("told.ndjson");
    let site = Site::new(&format!(
        "[system_of_record]\nkind = 'file'\n[system_of_record.file]\npath = {path:?}\n"
    ));
    let running = site.serve();
    for nth in 1..=3 {
        outbox(&running).push(interaction("a", nth)).unwrap();
    }
    nothing_waits(&running);
    running.drain();
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let keys: Vec<&str> = lines.iter().map(|line| line["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["interaction:a:1", "interaction:a:2", "interaction:a:3"]);
    assert_eq!(lines[0]["body"]["activities"][0]["wrap_up"], "Billing");
}

fn holds(dir: &Path, text: &str) -> bool {
    fs::read_dir(dir).unwrap().any(|file| {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn what_was_told_leaves_the_files() {
    let record = Record::start(|request, before| match before {
        0 => json(503, ""),
        _ => takes(request),
    });
    let patient = record.config("").replace("_ms = 10\n", "_ms = 60000\n");
    let site = Site::new(&patient.replace("_ms = 40\n", "_ms = 60000\n"));
    let dir = Path::new(site.data()).join("main/outbox");
    let running = site.serve();
    outbox(&running).push(customer("new-1")).unwrap();
    record.after(1);
    assert!(holds(&dir, "Lovelace"));
    running.drain();
    let running = site.serve();
    nothing_waits(&running);
    running.drain();
    // A start, too, writes only what is needed.
    let running = site.serve();
    assert!(!holds(&dir, "Lovelace"));
    assert!(holds(&dir, "64f0"), "which ids were given is remembered");
    assert_eq!(
        outbox(&running).push(customer("new-1")).unwrap(),
        1,
        "and which keys there were"
    );
    assert_eq!(outbox(&running).state().waiting, 0);
    running.drain();
}
