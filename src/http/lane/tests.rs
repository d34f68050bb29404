//! The lane beside hyper: whatever is sent, callers are told the same.

#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::{Future, Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper::{Request, Response};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::http::connection;
use crate::http::deadline::Watches;
use crate::http::ending::Ends;
use crate::http::meters::Meters;
use crate::http::reply::response;
use crate::http::settings::{Heads, Timeouts};
use crate::http::shadow::Outgoing;
use crate::metrics::Metrics;

/// Answers with what it was asked; at once where it has the lane.
struct Echo {
    has_lane: bool,
    /// Bytes behind what it says.
    more: usize,
}

const HEADS: Heads = Heads {
    max_bytes: 16 << 10,
    headers_max: 100,
    uri_max_bytes: 8 << 10,
};

/// Room for everything.
const ROOM: usize = 8 << 20;
/// Turns without an answer after which none will come: both sides are on one thread.
const IDLE: usize = 20;

impl Echo {
    fn say(&self, head: &Head<'_>, out: &mut BytesMut) -> Reply {
        write!(
            out,
            "{} {} {} {} {:?} {:?} {:?} {:?} {:?} {} {}",
            head.method,
            head.path,
            head.query,
            head.has_query,
            head.authority,
            head.host,
            head.content_type,
            head.diversion,
            head.offered.authorization,
            head.offered.has_api_key,
            head.fields
        )
        .unwrap();
        out.resize(out.len() + self.more, b'.');
        match head.path {
            "/elsewhere" => Reply {
                status: 302,
                location: Some(format!("https://crm.example.com/{}", head.query).into()),
                ..Reply::json(302)
            },
            "/nobody" => Reply {
                retry_after_s: Some(1),
                allow: Some("GET"),
                headers: &[("x-extra", "1")],
                ..Reply::json(503)
            },
            "/secret" => Reply::json(401),
            _ => Reply::json(200),
        }
    }
}

impl AtOnce for Echo {
    fn answer_at_once(&self, head: Head<'_>, out: &mut BytesMut) -> Option<Reply> {
        (self.has_lane && head.path != "/later").then(|| self.say(&head, out))
    }
}

impl Service<Request<Incoming>> for Echo {
    type Response = Response<Outgoing>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Outgoing>, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let mut out = BytesMut::new();
        let reply = self.say(&Head::of(&request), &mut out);
        ready(Ok(response(&reply, Bytes::from(out))))
    }
}

fn watches() -> Arc<Watches> {
    let timeouts = Timeouts {
        head: Duration::from_secs(600),
        idle: Duration::from_secs(600),
        write: Duration::from_secs(600),
    };
    let meters = Arc::new(Meters::register(&Metrics::new().unwrap()).unwrap());
    Watches::new(timeouts, &meters, &Arc::default())
}

/// What a server says to `pieces`, sent one by one, until it has said all; headers in order of their names and without
/// the date, so that what is left is what callers go by. `room` is how many bytes are under way to it and back at the most.
fn told(echo: Echo, pieces: &[&[u8]], room: (usize, usize)) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let raw = runtime.block_on(async move {
        let (mut writing, asked) = tokio::io::duplex(room.0);
        let (mut reading, answered) = tokio::io::duplex(room.1);
        let near = tokio::io::join(asked, answered);
        let watch = watches().watch();
        let (_running, ending) = Ends::new();
        let serving = connection::serve(near, echo, watch, HEADS, ending);
        let talking = async move {
            let raw = RefCell::new(Vec::new());
            let write = async {
                for piece in pieces {
                    // Nobody listens any more to who has sent nonsense.
                    let _gone = writing.write_all(piece).await;
                    // So that each piece is read apart, whose turn it is first in a round.
                    for _ in 0..4 {
                        tokio::task::yield_now().await;
                    }
                }
                // hyper drops what it has to say to whoever has said that there is nothing more to come.
                let mut seen = usize::MAX;
                while seen != raw.borrow().len() {
                    seen = raw.borrow().len();
                    for _ in 0..IDLE {
                        tokio::task::yield_now().await;
                    }
                }
                let _gone = writing.shutdown().await;
            };
            let read = async {
                let mut piece = [0; 4096];
                while let Ok(length @ 1..) = reading.read(&mut piece).await {
                    raw.borrow_mut().extend_from_slice(&piece[..length]);
                }
            };
            tokio::join!(write, read);
            raw.into_inner()
        };
        tokio::join!(serving, talking).1
    });
    let mut text = String::from_utf8_lossy(&raw).into_owned();
    let mut answers = Vec::new();
    while let Some((head, rest)) = text.split_once("\r\n\r\n") {
        let mut lines: Vec<&str> = head.lines().collect();
        let is_date = |line: &str| line.starts_with("date: ");
        assert!(lines.iter().any(|line| is_date(line)), "{head}");
        lines.retain(|line| !is_date(line));
        lines[1..].sort_unstable();
        let length = lines
            .iter()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.unwrap_or("0").parse().unwrap();
        answers.push(format!("{}\n{}", lines.join("\n"), &rest[..length]));
        text = rest[length..].to_owned();
    }
    assert_eq!(text, "", "half an answer");
    answers
}

fn both(pieces: &[&[u8]], more: usize, room: (usize, usize)) -> Vec<String> {
    let by_hyper = told(
        Echo {
            has_lane: false,
            more,
        },
        pieces,
        (ROOM, ROOM),
    );
    let by_lane = told(Echo { has_lane: true, more }, pieces, room);
    let text: Vec<_> = pieces
        .iter()
        .map(|piece| String::from_utf8_lossy(piece))
        .collect();
    assert_eq!(by_lane, by_hyper, "{text:?}");
    by_lane
}

#[test]
fn requests_behind_each_other_are_answered_in_order_by_whoever_can() {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: h\r\n\r\n").into_bytes();
    let requests = [
        get("/1?a=b"),
        get("/2"),
        get("/nobody"),
        get("/secret"),
        get("/elsewhere?x"),
        get("/elsewhere?x%0d"),
        get("/later"),
        get("/3"),
        get("/4"),
    ];
    let all = requests.concat();
    for room in [1, 7, 100, ROOM] {
        let answers = both(&[&all], 0, (room, ROOM));
        assert_eq!(answers.len(), requests.len());
        assert!(answers[8].contains("GET /4 "), "{answers:?}");
    }
    // Answers that are larger than what the caller takes at once.
    assert_eq!(both(&[&all], 300 << 10, (ROOM, 5000)).len(), requests.len());
    let bytes: Vec<&[u8]> = all.chunks(1).collect();
    assert_eq!(both(&bytes, 0, (64, ROOM)).len(), requests.len());
}

/// What one poll of a connection answers of a hundred requests that have come together.
#[test]
fn after_some_answers_it_is_anothers_turn() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (mut far, mut near) = tokio::io::duplex(ROOM);
        let requests = "GET /1 HTTP/1.1\r\n\r\n".repeat(100);
        far.write_all(requests.as_bytes()).await.unwrap();
        let mut echo = Echo {
            has_lane: true,
            more: 0,
        };
        let watch = watches().watch();
        let (_running, mut ending) = Ends::new();
        let mut serving = pin!(serve(&mut near, &mut echo, &watch, HEADS.max_bytes, &mut ending));
        let mut answered = 0;
        let mut polls = 0;
        while answered < 100 {
            poll_fn(|context| {
                assert!(serving.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
            let mut raw = vec![0; ROOM];
            let read = far.read(&mut raw).await.unwrap();
            let text = String::from_utf8_lossy(&raw[..read]);
            let now = text.matches("HTTP/1.1 200 OK").count();
            assert!((1..=TURN).contains(&now), "{now} answers in one turn");
            answered += now;
            polls += 1;
        }
        assert!(polls >= 100 / TURN);
    });
}

#[test]
fn targets_that_no_url_has_are_answered_as_ever() {
    let answers = both(&[b"GET /3?q=\"x\" HTTP/1.1\r\n\r\n"], 0, (ROOM, ROOM));
    assert!(answers[0].contains("GET /3 q=%22x%22 "), "{answers:?}");
}

#[test]
fn a_long_head_and_a_long_target_are_hypers() {
    let long = "x".repeat(12 << 10);
    let request = format!("GET /1 HTTP/1.1\r\nx-long: {long}\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
    let pieces: Vec<&[u8]> = request.as_bytes().chunks(1000).collect();
    assert_eq!(both(&pieces, 0, (ROOM, ROOM)).len(), 2);
    let too_long = format!("GET /1 HTTP/1.1\r\nx-long: {long}{long}\r\n\r\n");
    assert!(both(&[too_long.as_bytes()], 0, (ROOM, ROOM))[0].starts_with("HTTP/1.1 431"));
    // In two pieces of which each would have room.
    let twenty = format!("GET /1 HTTP/1.1\r\nx-long: {}\r\n\r\n", "x".repeat(20 << 10));
    let (one, other) = twenty.as_bytes().split_at(8000);
    assert!(both(&[one, other], 0, (ROOM, ROOM))[0].starts_with("HTTP/1.1 431"));
    let location = format!("GET /elsewhere?{} HTTP/1.1\r\n\r\n", "x".repeat(2000));
    assert_eq!(both(&[location.as_bytes()], 0, (ROOM, ROOM)).len(), 1);
}

/// Requests as callers, and those who are not well, send them.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![8 => Just("GET"), 1 => Just("POST"), 1 => Just("get"), 1 => "[A-F ]{0,4}".prop_map(|text| &*text.leak())];
    let target = prop_oneof![
        6 => "/[a-z0-9/.%~_-]{0,12}(\\?[a-z=&%+?/]{0,12})?",
        1 => "/[ !#-;=?-~]{0,8}",
        1 => Just("*".to_owned()),
        1 => Just("http://host/path?x".to_owned()),
        1 => "/[\\x00-\\x1f\\x7f-\\xff]{0,5}",
    ];
    let version =
        prop_oneof![10 => Just("HTTP/1.1"), 1 => Just("HTTP/1.0"), 1 => Just("HTTP/2.0"), 1 => Just("")];
    let name = prop_oneof![
        Just("Host"),
        Just("host"),
        Just("Connection"),
        Just("Content-Length"),
        Just("Transfer-Encoding"),
        Just("Expect"),
        Just("Upgrade"),
        Just("TE"),
        Just("Diversion"),
        Just("Authorization"),
        Just("X-Api-Key"),
        Just("Content-Type"),
        Just("User-Agent"),
        Just("bad name"),
        Just("")
    ];
    let value = prop_oneof![
        4 => "[ -~]{0,10}",
        1 => Just("keep-alive".to_owned()),
        1 => Just("close".to_owned()),
        1 => Just("0".to_owned()),
        1 => Just("chunked".to_owned()),
        1 => "\\PC{0,4}",
    ];
    let end = prop_oneof![6 => Just("\r\n"), 1 => Just("\n")];
    (
        method,
        target,
        version,
        prop::collection::vec((name, value), 0..5),
        end,
    )
        .prop_map(|(method, target, version, fields, end)| {
            let mut text = format!("{method} {target} {version}{end}");
            for (name, value) in fields {
                write!(text, "{name}: {value}{end}").unwrap();
            }
            text.push_str(end);
            text.into_bytes()
        })
}

proptest! {
    #[test]
    fn whatever_is_sent_callers_are_told_what_hyper_tells(
        requests in prop::collection::vec(request(), 1..4),
        cut in 0_usize..60,
        room in 1_usize..200,
    ) {
        let all = requests.concat();
        let (one, other) = all.split_at(cut.min(all.len()));
        both(&[one, other], 0, (room, ROOM));
    }
}
