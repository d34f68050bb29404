//! What one caller may send and how long it may take: heads, bodies, time.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use ringside::http::{Running, Settings};

use crate::served::{BODY_MAX, address, serve, serve_under, settings};
use crate::support::{Plan, centre};
use crate::wire::{get, metric, over, tcp, until};

const HIT: &str = "/v1/lookup?ani=+14806754110&format=text";
/// Time enough for whoever hurries.
const SHORT: Duration = Duration::from_millis(200);

fn serving(settings: Settings) -> Running {
    serve_under(&centre(&Plan::default()), settings)
}

#[test]
fn a_head_has_limits_and_whoever_reads_no_status_gets_a_miss() {
    let running = serve(&centre(&Plan::default()));
    let long = "1".repeat(9000);
    let fields = "X-Filler: y\r\n".repeat(70);
    for (target, fields, status, begin) in [
        (
            format!("/v1/lookup?ani={long}"),
            "",
            414,
            r#"{"error":{"code":"target_too_long""#,
        ),
        (format!("/v1/lookup?format=text&ani={long}"), "", 200, ""),
        (
            format!("/v1/lookup?format=kv&ani={long}"),
            "",
            200,
            "found=false&match=none&reason=",
        ),
        (
            "/v1/lookup?ani=1".to_owned(),
            &*fields,
            431,
            r#"{"error":{"code":"too_many_headers""#,
        ),
        ("/v1/lookup?ani=1&format=text".to_owned(), &*fields, 200, ""),
    ] {
        let mut client = tcp(address(&running));
        client.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n").as_bytes());
        let answer = client.response(true);
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.body.starts_with(begin), "{}", answer.body);
        assert_eq!(answer.body.is_empty(), begin.is_empty(), "{}", answer.body);
        assert_eq!(
            client.get(HIT).body,
            "Ada Lovelace",
            "the connection is as good as before"
        );
    }
    let mut client = tcp(address(&running));
    client.send(format!("GET {HIT} HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(20_000)).as_bytes());
    let answer = client.response(true);
    assert_eq!((answer.status, &*answer.body), (431, ""));
    assert!(client.is_closed());
    let most = format!("GET {HIT} HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(64));
    let mut client = tcp(address(&running));
    client.send(most.as_bytes());
    assert_eq!(client.response(true).body, "Ada Lovelace");
}

/// What the head tells is refused by the head: nothing asks for the body, and nothing waits for it.
#[test]
fn what_cannot_be_answered_is_refused_before_its_body() {
    let running = serve(&centre(&Plan::default()));
    let huge = "Content-Length: 100000000000";
    for (method, target, length, status, body) in [
        ("POST", "/v1/lookup", huge, 413, "too_large"),
        ("POST", "/v1/lookup?format=text", huge, 200, ""),
        ("POST", "/v1/lookup?format=kv", huge, 200, "found=false"),
        ("POST", "/nothing", "Content-Length: 10", 404, "no_such_path"),
        (
            "POST",
            "/v1/customers/c-1842",
            "Content-Length: 10",
            405,
            "method_not_allowed",
        ),
        (
            "PUT",
            "/v1/lookup",
            "Content-Length: 10",
            405,
            "method_not_allowed",
        ),
        ("PUT", "/v1/lookup?format=text", "Content-Length: 10", 200, ""),
        (
            "POST",
            "/v1/lookup/1?format=text",
            "Transfer-Encoding: chunked",
            200,
            "",
        ),
    ] {
        let mut client = tcp(address(&running));
        let head =
            format!("{method} {target} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n{length}\r\n\r\n");
        client.send(head.as_bytes());
        let answer = client.response(true);
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.body);
        assert!(answer.body.contains(body), "{method} {target}: {}", answer.body);
        assert_eq!(answer.body.is_empty(), body.is_empty(), "{}", answer.body);
        assert_eq!(answer.header("connection"), Some("close"), "{method} {target}");
        assert!(client.is_closed());
    }
}

#[test]
fn a_body_in_chunks_has_the_same_limit() {
    let running = serve(&centre(&Plan::default()));
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    for (target, status, body) in [
        ("/v1/lookup", 413, "too_large"),
        ("/v1/lookup?format=text", 200, ""),
    ] {
        let mut client = tcp(address(&running));
        client.send(
            format!("POST {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").as_bytes(),
        );
        for _ in 0..=BODY_MAX / 0x1000 {
            client.send(chunk.as_bytes());
        }
        let answer = client.response(true);
        assert_eq!((answer.status, answer.body.contains(body)), (status, true));
        assert!(client.is_closed());
    }
}

/// An answer reaches whoever goes on sending: the connection is not closed on what is on its way.
#[test]
fn whoever_sends_all_of_a_body_that_is_refused_reads_why() {
    let running = serve(&centre(&Plan::default()));
    let body = vec![b'x'; 8 << 20];
    for _ in 0..20 {
        let answer = tcp(address(&running)).post("/v1/lookup", "", &body);
        assert_eq!(answer.status, 413);
    }
}

#[test]
fn bodies_together_have_a_limit() {
    let running = serving(Settings {
        bodies_max_mib: 1,
        body_max_bytes: 1 << 20,
        ..settings()
    });
    let (admin, at) = (running.admin_address(), address(&running));
    let body = |length: usize| format!("ani=%2B14806754110&x={}", "x".repeat(length)).into_bytes();
    let (first, rest) = (body(900 << 10), body(600 << 10));
    let mut slow = tcp(at);
    slow.send(
        format!(
            "POST /v1/lookup?format=text HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
            first.len()
        )
        .as_bytes(),
    );
    slow.send(&first[..700 << 10]);
    let held = || get(admin, "/status").json()["bodies"]["bytes"].as_u64();
    until(held, |held| *held == Some(700 << 10));
    let refused = tcp(at).post("/v1/lookup", "", &rest);
    assert_eq!(refused.status, 503);
    assert_eq!(refused.json()["reason"], "overload");
    assert_eq!(refused.header("retry-after"), Some("1"));
    let plain = tcp(at).post("/v1/lookup?format=text", "", &rest);
    assert_eq!((plain.status, &*plain.body), (200, ""));
    assert!(metric(admin, r#"ringside_http_overload_total{reason="bodies"}"#) >= 2);
    assert_eq!(
        tcp(at)
            .post("/v1/lookup?format=text", "", b"ani=%2B14806754110")
            .body,
        "Ada Lovelace"
    );
    slow.send(&first[700 << 10..]);
    assert_eq!(
        slow.response(true).body,
        "Ada Lovelace",
        "what was begun is finished"
    );
    assert_eq!(held(), Some(0));
    let after = tcp(at).post("/v1/lookup?format=text", "", &rest);
    assert_eq!(after.body, "Ada Lovelace", "and its room is free");
}

#[test]
fn a_head_has_its_time() {
    let running = serving(Settings {
        head_timeout: SHORT,
        ..settings()
    });
    let mut first = tcp(address(&running));
    let begin = Instant::now();
    first.send(b"GET /v1/lookup?ani=1 HTT");
    let mut second = tcp(address(&running));
    assert_eq!(second.get(HIT).body, "Ada Lovelace");
    second.send(b"G");
    assert!(first.is_closed());
    assert!(begin.elapsed() >= SHORT);
    assert!(second.is_closed());
    let cut = r#"ringside_http_cut_total{reason="head"}"#;
    assert_eq!(metric(running.admin_address(), cut), 2);

    let mut admin = tcp(running.admin_address());
    admin.send(b"GET /live");
    assert!(admin.is_closed(), "administration keeps the same times");
}

#[test]
fn a_body_has_its_time() {
    let running = serving(Settings {
        body_timeout: SHORT,
        ..settings()
    });
    for (target, status, body) in [
        ("/v1/lookup", 408, "too_slow"),
        ("/v1/lookup?format=text", 200, ""),
        ("/v1/lookup?format=kv", 200, "found=false&match=none"),
    ] {
        let mut client = tcp(address(&running));
        let begin = Instant::now();
        client.send(format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nani=").as_bytes());
        let answer = client.response(true);
        assert!(begin.elapsed() >= SHORT);
        assert_eq!(
            (answer.status, answer.body.contains(body)),
            (status, true),
            "{}",
            answer.body
        );
        assert!(client.is_closed());
    }
    let cut = r#"ringside_http_cut_total{reason="body"}"#;
    assert_eq!(metric(running.admin_address(), cut), 3);
}

#[test]
fn a_connection_without_a_request_has_its_time() {
    let running = serving(Settings {
        idle_timeout: SHORT,
        ..settings()
    });
    let mut fresh = tcp(address(&running));
    let mut used = tcp(address(&running));
    assert_eq!(used.get(HIT).body, "Ada Lovelace");
    let begin = Instant::now();
    assert!(used.is_closed());
    assert!(
        begin.elapsed() >= SHORT - Duration::from_millis(100),
        "{:?}",
        begin.elapsed()
    );
    assert!(fresh.is_closed());
    let cut = r#"ringside_http_cut_total{reason="idle"}"#;
    assert_eq!(metric(running.admin_address(), cut), 2);
}

#[test]
fn whoever_does_not_read_its_answers_is_cut() {
    let running = serving(Settings {
        write_timeout: SHORT,
        ..settings()
    });
    let anis = vec!["+14806754110"; 1000];
    let body = serde_json::json!({ "anis": anis }).to_string();
    let post = format!(
        "POST /v1/lookup HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut client = tcp(address(&running));
    // Several times what the system keeps on the way.
    client.send(post.repeat(15).as_bytes());
    let admin = running.admin_address();
    let cut = r#"ringside_http_cut_total{reason="write"}"#;
    until(|| metric(admin, cut), |cut| *cut == 1);
    assert!(client.ends());
    until(
        || metric(admin, r#"ringside_http_connections_count{listener="main"}"#),
        |open| *open == 0,
    );
}

/// Requests whose answers nobody takes are not read either, so that answers do not pile up.
#[test]
fn whoever_sends_on_and_on_without_reading_is_held_up_and_cut() {
    let running = serving(Settings {
        write_timeout: SHORT,
        ..settings()
    });
    let stream = TcpStream::connect(address(&running)).unwrap();
    stream.set_write_timeout(Some(SHORT)).unwrap();
    let mut client = over(stream);
    // Answers without a body, which are the ones that nothing else holds back.
    let flood = "GET /v1/lookup?ani=1&format=text HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
    let mut sent = 0;
    while client.try_send(flood.as_bytes()).is_ok() {
        sent += flood.len();
        assert!(sent < 64 << 20, "far more than the system keeps on the way");
    }
    let cut = r#"ringside_http_cut_total{reason="write"}"#;
    until(|| metric(running.admin_address(), cut), |cut| *cut == 1);
}
