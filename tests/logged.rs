//! People stay out of the log: of a server that meets every kind of request, and, where `RINGSIDE_LOGS` names a folder,
//! of all servers and commands that logged there. `tests/all` names the folder in which the other tests leave their logs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing step fails the test")]

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::json;

#[path = "cli/program.rs"]
mod program;
#[path = "support/redaction.rs"]
mod redaction;
#[path = "support/serving.rs"]
mod serving;
#[path = "operations/site.rs"]
mod site;
#[path = "support/wire.rs"]
mod wire;

use redaction::People;
use site::{Site, rule};
use wire::{get, tcp};

/// A log that can be read back.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_server_that_meets_everything_tells_of_nobody() {
    let log = Log::default();
    let writer = log.clone();
    let lines = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false);
    lines.with_writer(move || writer.clone()).init();

    let site = Site::new("");
    let changes = program::write(site.dir.path(), "changes.ndjson", "");
    let feed = format!("[feed.main]\nkind = 'file'\npath = {changes:?}\npoll_ms = 10\n");
    site.configure(&(feed.clone() + &rule("gold")));
    let running = site.serve();
    let address = running.address("main").unwrap();
    let mut caller = tcp(address);
    // Hits, misses, what is no number, and what is no request.
    for query in [
        "ani=%2B14806754110&dnis=%2B18005550100&call_id=%2B14806754110&verstat=TN-Validation-Passed",
        "ani=(480)%20675-4110&format=text",
        "ani=14806754199&format=kv",
        "ani=0014806754199x&format=flat",
        "ani=Ada%20Lovelace",
        "ani=sip:ada@example.org",
        "ani=%22Ada%20Lovelace%22%20%3Csip:+14806754110@pbx%3E",
        "ani=%2B14806754110&region=Ada%20Lovelace",
        "ani=%2B14806754110&format=Hopper",
        "ani=%2B14806754110&fields=%2B14806754110",
        "dnis=%2B14806754110",
        "ani=%FF%FE14806754110",
    ] {
        caller.get(&format!("/v1/lookup?{query}"));
    }
    for path in [
        "/v1/lookup/+14806754110",
        "/v1/customers/c-1",
        "/v1/customers/+14806754110",
        "/v1/customers/Ada%20Lovelace",
        "/+14806754110",
        "/v1/lookup?ani=%2B14806754110&key=rs_0123456789abcdef",
    ] {
        caller.get(path);
    }
    for (kind, body) in [
        (
            "application/json",
            r#"{"ani": "+14806754110", "caller": "Ada Lovelace"}"#,
        ),
        (
            "application/json",
            r#"{"anis": ["+14806754110", "(480) 675-4199", "Ada Lovelace"]}"#,
        ),
        ("application/json", r#"{"ani": "+14806754110", "Ada Lovelace"#),
        (
            "application/json",
            r#"{"anis": {"+14806754110": "Ada Lovelace"}}"#,
        ),
        (
            "application/x-www-form-urlencoded",
            "ani=%2B14806754110&name=Ada+Lovelace",
        ),
        ("text/plain", "+14806754110 Ada Lovelace"),
    ] {
        tcp(address).post("/v1/lookup", kind, body.as_bytes());
    }
    tcp(address).request(
        "PUT",
        "/v1/lookup?ani=%2B14806754110",
        "text/plain",
        b"Ada Lovelace",
    );
    tcp(address).send(b"GET /v1/lookup?ani=+14806754110 Ada Lovelace\r\n\r\n");

    // Changes that are applied, refused, and none at all.
    let customer = json!({"id": "c-9", "name": "Alan Turing", "phones": ["+1 480 675 4177", "Turing", "12"]});
    for line in [
        json!({"op": "upsert", "position": "1", "customer": customer}).to_string(),
        json!({"op": "upsert", "position": "2", "customer": {"id": "", "name": "Grace Hopper"}}).to_string(),
        json!({"op": "upsert", "position": "3", "customer": {"id": "+14806754110", "phones": "+14806754110"}})
            .to_string(),
        json!({"op": "delete", "position": "4", "id": "+14806754110"}).to_string(),
        json!({"op": "Grace Hopper", "position": "+14806754110"}).to_string(),
        r#"{"op": "upsert", "customer": {"name": "Grace Hopper", "phones": ["+14806754110"#.to_owned(),
        json!({"op": "upsert", "position": "5", "customer": {"id": "c-10", "name": "Last"}}).to_string(),
    ] {
        let mut file = fs::OpenOptions::new().append(true).open(&changes).unwrap();
        writeln!(file, "{line}").unwrap();
    }
    let applied = (0..100_000).any(|_| caller.get("/v1/customers/c-10").status == 200);
    assert!(applied, "the changes are not seen");

    let admin = running.admin_address();
    for page in [
        "/explain?ani=%2B14806754110",
        "/explain?ani=Ada%20Lovelace",
        "/status",
        "/metrics",
        "/readyz",
        "/+14806754110",
    ] {
        get(admin, page);
    }
    site.configure(&(feed + &rule("silver") + "verstat = ''\n"));
    running.reload().unwrap_err();
    running.drain();

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for expected in ["lookup ani=", "refused", "configuration refused"] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    assert_eq!(leaks_of("the log", &text), Vec::<String>::new());
}

#[test]
fn the_logs_of_all_tests_tell_of_nobody() {
    let Some(folder) = std::env::var_os("RINGSIDE_LOGS") else {
        return;
    };
    let mut files = Vec::new();
    redaction::walk(Path::new(&folder), &mut files);
    let logs = files
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    let texts: Vec<_> = logs.map(|path| (path, fs::read(path).unwrap())).collect();
    let lines: usize = texts
        .iter()
        .map(|(_, text)| text.split(|byte| *byte == b'\n').count())
        .sum();
    assert!(
        lines > 300,
        "the tests have logged {lines} lines in {} files",
        texts.len()
    );
    let leaks: Vec<String> = texts
        .iter()
        .flat_map(|(path, text)| leaks_of(&path.display().to_string(), &String::from_utf8_lossy(text)))
        .collect();
    assert_eq!(leaks, Vec::<String>::new());
}

/// Where `text` tells of somebody, as `name:line: what`.
fn leaks_of(name: &str, text: &str) -> Vec<String> {
    let people = People::of_tests();
    assert!(
        people.numbers() > 50,
        "only {} numbers of tests are known",
        people.numbers()
    );
    let lines = text.lines().zip(1..);
    lines
        .flat_map(|(line, nth)| {
            let leaks = people.leaks(line).into_iter();
            leaks
                .map(|leak| format!("{name}:{nth}: {leak} in: {line}"))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn the_search_finds_people_and_lets_our_own_numbers_pass() {
    for line in [
        "lookup ani=+14806754110",
        "lookup ani=%2B14806754110",
        "refused \"(480) 675-4110\"",
        "read 480.675.4110 as a number",
        "read 0049 30 123456789",
        "position=14806754110",
        "hello ada LOVELACE",
        "key rs_0123456789abcdef",
        "a number of nobody's: 987654321",
    ] {
        assert!(!leaks_of("x", line).is_empty(), "{line}");
    }
    for line in [
        "2026-11-21T05:23:39.887468Z DEBUG ringside: lookup ani=+14•••••••10 micros=109",
        "{\"timestamp\":\"2026-11-21T05:23:39.887468Z\",\"position\":\"1700000000123\"}",
        "serving seq=730918264 bytes=5000000321 position=987654321987",
        "records: expected checksum cc68b3dc11504e90, found 04bdf3fde7792b01",
        "listening on 127.0.0.1:32921 in /tmp/.tmpAbC730918264x",
        "parse_errors rs_info 12345678",
        "cannot create main/log/00000000000000000011.log: it does not exist",
    ] {
        assert_eq!(leaks_of("x", line), Vec::<String>::new());
    }
}
