//! Whatever strangers send: the server goes on, and its log holds no number of theirs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing step fails the test")]

#[path = "support/served.rs"]
mod served;
#[path = "support/centre.rs"]
mod support;
#[path = "support/wire.rs"]
mod wire;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use ringside::http::Settings;
use served::{address, log_to_file, serve_under, settings};
use support::{Plan, centre};
use wire::{PATIENCE, tcp};

const HIT: &str = "/v1/lookup?ani=+14806754110&format=text";
/// Fewer digits than these may stand in a log by chance.
const TELLING: usize = 7;

fn digits() -> impl Strategy<Value = String> {
    "[2-9][0-9]{9}"
}

fn method() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just("GET".to_owned()),
        4 => Just("POST".to_owned()),
        1 => Just("HEAD".to_owned()),
        1 => Just("PUT".to_owned()),
        1 => "[A-Z]{1,20}",
        1 => "\\PC{0,5}",
    ]
}

fn target(digits: String) -> impl Strategy<Value = String> {
    let ani = prop_oneof![
        Just(format!("%2B1{digits}")),
        Just(format!("+1{digits}")),
        Just(format!("sip:+1{digits}@example.org;user=phone")),
        Just(
            digits
                .bytes()
                .map(|byte| format!("%{byte:02x}"))
                .collect::<String>()
        ),
        "[%0-9a-fA-F+]{0,12}".prop_map(move |tail| format!("{digits}{tail}")),
    ];
    let path = prop_oneof![
        6 => Just("/v1/lookup?ani=".to_owned()),
        2 => Just("/v1/lookup/".to_owned()),
        1 => Just("//v1/customers/".to_owned()),
        1 => Just("/".to_owned()),
        1 => "/[!-~]{0,20}",
    ];
    let rest = prop_oneof![
        3 => Just(String::new()),
        2 => "&(format|fields|region|onmiss|verstat|dnis|call_id)=[!-~]{0,12}",
        2 => Just("&format=text".to_owned()),
        1 => "[!-~]{0,40}",
    ];
    (path, ani, rest).prop_map(|(path, ani, rest)| format!("{path}{ani}{rest}"))
}

fn fields() -> impl Strategy<Value = String> {
    let field = prop_oneof![
        Just("Host: x\r\n".to_owned()),
        Just("Expect: 100-continue\r\n".to_owned()),
        Just("Transfer-Encoding: chunked\r\n".to_owned()),
        Just("Connection: close\r\n".to_owned()),
        Just("Content-Type: application/json\r\n".to_owned()),
        "Content-Length: [0-9]{1,21}\r\n",
        "Content-Length: -?[0-9]{1,2}\r\n",
        "[!-~]{0,20}:[ -~]{0,40}\r\n",
        "\\PC{0,20}\n",
    ];
    prop::collection::vec(field, 0..6).prop_map(|fields| fields.concat())
}

fn body(digits: String) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        Just(format!("ani=%2B1{digits}").into_bytes()),
        Just(format!(r#"{{"ani":"+1{digits}"}}"#).into_bytes()),
        Just(format!(r#"{{"anis":["+1{digits}",{digits},null]}}"#).into_bytes()),
        Just(format!(r#"{{"ani":["{digits}"#).into_bytes()),
        Just(format!("a\r\nani={digits}\r\n0\r\n\r\n").into_bytes()),
        prop::collection::vec(any::<u8>(), 0..200),
    ]
}

/// The digits that it holds, and a request, or something like one.
fn request() -> impl Strategy<Value = (String, Vec<u8>)> {
    let mutation = prop::option::weighted(0.5, (any::<prop::sample::Index>(), any::<u8>()));
    digits().prop_flat_map(move |digits| {
        let parts = (
            method(),
            target(digits.clone()),
            fields(),
            body(digits.clone()),
            any::<bool>(),
        );
        (Just(digits), parts, mutation.clone()).prop_map(
            |(digits, (method, target, fields, body, has_length), mutation)| {
                let length = if has_length {
                    format!("Content-Length: {}\r\n", body.len())
                } else {
                    String::new()
                };
                let mut bytes = format!("{method} {target} HTTP/1.1\r\n{fields}{length}\r\n").into_bytes();
                bytes.extend_from_slice(&body);
                if let Some((at, byte)) = mutation {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
                (digits, bytes)
            },
        )
    })
}

/// Sends `bytes` and reads whatever comes until the other side ends the connection.
fn exchange(at: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // It may have been refused, and ended, in the midst of this.
    let _refused = stream.write_all(bytes);
    let _ended = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_ne!(
            error.kind(),
            std::io::ErrorKind::WouldBlock,
            "the connection stays open"
        );
    }
}

#[test]
fn nothing_that_strangers_send_stops_the_server_or_stands_in_its_log() {
    let log = log_to_file();
    let centre = centre(&Plan::default());
    let running = serve_under(
        &centre,
        Settings {
            body_timeout: Duration::from_secs(2),
            ..settings()
        },
    );
    let at = address(&running);
    let mut healthy = tcp(at);
    let sent = Mutex::new(Vec::new());
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let ran = runner.run(&request(), |(digits, bytes)| {
        exchange(at, &bytes);
        sent.lock().unwrap().push(digits);
        prop_assert_eq!(TcpStream::connect(at).is_ok(), true);
        Ok(())
    });
    ran.unwrap();
    assert_eq!(healthy.get(HIT).body, "Ada Lovelace");
    drop(healthy);
    running.drain();

    let log = std::fs::read_to_string(log).unwrap();
    assert!(
        log.contains("outcome=") && log.contains("refused"),
        "the log is not blind: {log}"
    );
    assert!(!log.contains("panic"), "{log}");
    for digits in sent.lock().unwrap().iter() {
        for part in 0..=digits.len() - TELLING {
            let part = &digits[part..part + TELLING];
            if let Some(line) = log.lines().find(|line| line.contains(part)) {
                panic!("{part} of {digits} is in the log: {line}");
            }
        }
    }
    assert!(!log.contains("Lovelace"));
}
