//! Signs that no URL holds, and that callers leave raw in it all the same.

use ringside::http::{Access, Running};

use crate::served::{address, guarded, serve_all};
use crate::support::{Plan, centre};
use crate::wire::tcp;

const RAW: &str = "GET /api/v2/search/contacts?query=\"phone:'+14806754110'\" HTTP/1.1\r\nHost: x\r\nX-Quoted: \"<>\"\r\n\r\n";

/// Serves every dialect.
fn serve() -> Running {
    let centre = centre(&Plan::default());
    let listener = guarded(&centre, "main", Access::default());
    serve_all(&centre, vec![listener], Access::default())
}

#[test]
fn raw_quotation_marks_are_read_as_they_are_meant() {
    let running = serve();
    let mut client = tcp(address(&running));
    // Again on the same connection, and behind a body with such signs in the segment of its head.
    for _ in 0..3 {
        client.send(RAW.as_bytes());
        let found = client.response(true);
        assert_eq!(found.status, 200, "{}", found.body);
        assert_eq!(found.json()["results"][0]["name"], "Ada Lovelace");
        let answer = client.post(
            "/v1/lookup",
            "application/json",
            br#"{"ani": "+14806754110", "x": "<>"}"#,
        );
        assert_eq!(answer.json()["name"], "Ada Lovelace");
    }
}

#[test]
fn a_line_may_come_in_pieces() {
    let running = serve();
    for cut in [1, 30, 34, 40, RAW.len() - 3] {
        let mut client = tcp(address(&running));
        let (one, other) = RAW.split_at(cut);
        client.send(one.as_bytes());
        // Another connection's answer: by then the first piece has been read.
        let mut witness = tcp(address(&running));
        assert_eq!(witness.get("/v1/lookup?ani=1").status, 200);
        client.send(other.as_bytes());
        assert_eq!(
            client.response(true).json()["results"][0]["name"],
            "Ada Lovelace",
            "{cut}"
        );
    }
}

/// Bytes of a body that nobody reads are counted by its length, whatever they look like: what is behind them is the next
/// request, or nothing at all.
#[test]
fn a_body_that_nobody_reads_is_left_as_it_is() {
    let running = serve();
    let next = "GET /v1/lookup?ani=+14806754110&format=text HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut answered = 0;
    for length in [0, 100, 8_000, 8_192, 9_000, 20_000] {
        let mut client = tcp(address(&running));
        let body = format!("{}\"<>\"", "x".repeat(length));
        let head = format!(
            "GET /v1/lookup?ani=+14806754110 HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        client.send(format!("{head}{body}{next}").as_bytes());
        assert_eq!(client.response(true).json()["name"], "Ada Lovelace");
        if !client.is_closed() {
            assert_eq!(client.response(true).body, "Ada Lovelace", "{length}");
            answered += 1;
        }
    }
    assert!(answered > 0, "every connection was ended");
}
