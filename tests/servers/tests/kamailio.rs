//! Kamailio asks who calls, for every INVITE, as `ringside config example kamailio` has it; the name is asserted where
//! the called telephone receives it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Signal, kill_process};
use serde_json::json;
use servers::free_port;
use servers::ringside::{Ringside, program};
use servers::sip::{Kamailio, Put};

/// A busy machine must not refuse what a test asks for.
const CONFIG: &str = "[feed.main]\nkind = \"http\"\n";
const NOTHING: &str = "X-Nothing: 1";
/// The limit of the example, and what SIPp and a busy machine take.
const IN_TIME: Duration = Duration::from_secs(4);

/// What a person pastes, for a Ringside at `port`.
fn example(port: u16) -> String {
    let printed = Command::new(program())
        .args(["config", "example", "kamailio"])
        .output()
        .unwrap();
    let text = String::from_utf8(printed.stdout).unwrap();
    assert!(text.contains("//127.0.0.1:7464/"), "{text}");
    text.replace("//127.0.0.1:7464/", &format!("//127.0.0.1:{port}/"))
}

fn fill(ringside: &Ringside) {
    let customers = [
        json!({"id": "c-1", "name": "Ada Lovelace", "phones": ["+14806754110"]}),
        json!({"id": "c-2", "name": "Zoë \"Z\" O'Neil\r\nX-Injected: $(1)", "phones": ["+442079460958"]}),
        json!({"id": "c-3", "name": "Ida Rhodes", "phones": ["+14806754180"]}),
        json!({"id": "c-4", "name": "Ann Ott", "phones": ["+14806754180"]}),
    ];
    let lines = customers.map(|customer| json!({"op": "upsert", "customer": customer}).to_string());
    let (status, answer) = ringside.push("/v1/changes", lines.join("\n").as_bytes());
    assert_eq!((status, &answer["accepted"]), (200, &json!(4)), "{answer}");
}

#[track_caller]
fn assert_name(put: &Put, name: Option<&str>) {
    assert_eq!(put.name.as_deref(), name, "{put:?}");
}

#[test]
fn every_way_of_writing_a_caller_has_its_name_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("[phones]\nmode = \"shared\"\n{CONFIG}");
    let ringside = Ringside::start(folder.path(), &config);
    fill(&ringside);
    let kamailio = Kamailio::start(&example(ringside.callers().port()));
    let (ada, zoe) = (Some("Ada Lovelace"), Some("Zoë 'Z' O'Neil X-Injected: 1"));
    for (caller, more, name) in [
        ("<sip:+14806754110@carrier.example>", NOTHING, ada),
        // Nobody knows the next one: what Kamailio holds of the one before has to go.
        ("<sip:+14806754199@carrier.example>", NOTHING, None),
        ("<sip:4806754110@pbx.example>", NOTHING, ada),
        ("<sip:anonymous@anonymous.invalid>", NOTHING, None),
        ("<tel:+14806754110>", NOTHING, ada),
        ("<tel:+1-480-675-4110>", NOTHING, ada),
        ("\"Somebody\" <sip:00@x>", "X-Caller-Name: Eve", None),
        (
            "<sip:+442079460958@carrier.example;user=phone>",
            "X-Caller-Name: Eve",
            zoe,
        ),
        ("<sip:011442079460958@pbx.example>", NOTHING, zoe),
        (
            "<sip:1001@pbx.example>",
            "P-Asserted-Identity: <sip:+14806754110@carrier.example>",
            ada,
        ),
        (
            "<sip:1001@pbx.example>",
            "P-Asserted-Identity: <tel:+442079460958>",
            zoe,
        ),
        (
            "<sip:anonymous@anonymous.invalid>",
            "Privacy: id\r\nP-Asserted-Identity: <sip:+14806754110@carrier.example>",
            None,
        ),
        (
            "<sip:1001@pbx.example>",
            "Privacy: none\r\nP-Asserted-Identity: <sip:+14806754110@carrier.example>",
            ada,
        ),
        // Two share it.
        ("<sip:+14806754180@carrier.example>", NOTHING, None),
        ("<sip:a%26onmiss=404%26format=json%20@x>", NOTHING, None),
        ("<sip:+14806754110@carrier.example>", NOTHING, ada),
    ] {
        let put = kamailio.call(caller, more);
        assert_eq!(
            put.name.as_deref(),
            name,
            "{caller} {more}: {put:?}\n{}",
            kamailio.log()
        );
    }
}

#[test]
fn calls_go_on_while_nobody_answers_and_names_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let ringside = Ringside::start_on(folder.path(), port, CONFIG, &[]);
    fill(&ringside);
    let kamailio = Kamailio::start(&example(port));
    let call = || kamailio.call("<sip:+14806754110@carrier.example>", NOTHING);
    assert_name(&call(), Some("Ada Lovelace"));

    // Connections are accepted, and nothing comes.
    kill_process(ringside.pid(), Signal::STOP).unwrap();
    let put = call();
    kill_process(ringside.pid(), Signal::CONT).unwrap();
    assert_name(&put, None);
    assert!(
        put.took > Duration::from_millis(900),
        "the limit was not tried: {put:?}"
    );
    assert!(put.took < IN_TIME, "{put:?}");
    assert_name(&call(), Some("Ada Lovelace"));

    drop(ringside);
    let put = call();
    assert_name(&put, None);
    assert!(put.took < IN_TIME, "{put:?}");

    let _ringside = Ringside::start_on(folder.path(), port, CONFIG, &[]);
    assert_name(&call(), Some("Ada Lovelace"));
}

/// What is believed of Kamailio, and rests on nothing of ours: a raw plus, and that an error's body is not a name.
#[test]
fn the_plus_is_sent_raw_and_an_error_page_is_no_name() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at: SocketAddr = listener.local_addr().unwrap();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend_from_slice(&byte);
        }
        let page = b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>";
        stream.write_all(page).unwrap();
        String::from_utf8(head).unwrap()
    });
    let kamailio = Kamailio::start(&example(at.port()));
    let put = kamailio.call("<sip:+14806754110@carrier.example>", NOTHING);
    let head = answering.join().unwrap();
    assert!(head.contains("=+14806754110 HTTP/1.1\r\n"), "{head}");
    assert_name(&put, None);
}
