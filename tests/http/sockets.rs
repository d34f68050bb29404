//! Connections: kept alive, pipelined, over Unix sockets; ports in use; draining.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;

use ringside::http::HttpError;

use crate::served::{address, any_port, bind, listener, serve};
use crate::support::{Plan, centre};
use crate::wire::{get, tcp, unix};

const HIT: &str = "/v1/lookup?ani=+14806754110&format=text";

#[test]
fn a_connection_serves_many_requests() {
    let running = serve(&centre(&Plan::default()));
    let mut client = tcp(address(&running));
    for _ in 0..100 {
        assert_eq!(client.get(HIT).body, "Ada Lovelace");
        assert_eq!(client.get("/nothing").status, 404);
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let running = serve(&centre(&Plan::default()));
    let mut client = tcp(address(&running));
    let requests: String = (0..50)
        .map(|n| format!("GET /v1/lookup?ani=+14806754110&onmiss=404&fields=ani,name&n={n} HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/lookup?ani=%2B1480675{n:04}&fields=ani HTTP/1.1\r\nHost: x\r\n\r\n"))
        .collect();
    client.send(requests.as_bytes());
    for n in 0..50 {
        assert_eq!(
            client.response(true).body,
            r#"{"ani":"+14806754110","name":"Ada Lovelace"}"#
        );
        assert_eq!(
            client.response(true).body,
            format!(r#"{{"ani":"+1480675{n:04}"}}"#)
        );
    }
}

/// Old clients end a body with a line break that belongs to nobody, and others send the next request in two parts.
#[test]
fn what_follows_a_request_does_not_hold_up_its_answer() {
    let running = serve(&centre(&Plan::default()));
    for rest in ["\r\n", "GET /v1/loo"] {
        let mut client = tcp(address(&running));
        client.send(format!("GET {HIT} HTTP/1.1\r\nHost: x\r\n\r\n{rest}").as_bytes());
        assert_eq!(client.response(true).body, "Ada Lovelace", "{rest:?}");
        let mut client = tcp(address(&running));
        let post =
            "POST /v1/lookup?format=text HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\nani=%2B14806754110";
        client.send(format!("{post}{rest}").as_bytes());
        assert_eq!(client.response(true).body, "Ada Lovelace", "{rest:?}");
    }
}

#[test]
fn what_is_no_request_is_told_so() {
    let running = serve(&centre(&Plan::default()));
    let of = |length| {
        format!(
            "GET /v1/lookup?ani={} HTTP/1.1\r\nHost: x\r\n\r\n",
            "1".repeat(length)
        )
    };
    let (long, longer) = (of(10_000), of(70_000));
    let headers = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(200));
    for (bytes, status) in [
        ("NONSENSE\r\n\r\n", 400),
        (&*long, 414),
        (&*longer, 431),
        (&*headers, 431),
    ] {
        let mut client = tcp(address(&running));
        client.send(bytes.as_bytes());
        assert_eq!(client.response(true).status, status);
    }
}

#[test]
fn head_is_get_without_a_body() {
    let running = serve(&centre(&Plan::default()));
    let mut client = tcp(address(&running));
    let get = client.get(HIT);
    let head = client.request("HEAD", HIT, "", b"");
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, get.header("content-length"))
    );
    assert_eq!(
        client.get(HIT).body,
        "Ada Lovelace",
        "nothing of a body was left behind"
    );
}

#[test]
fn bytes_that_are_no_request_end_their_connection_alone() {
    let running = serve(&centre(&Plan::default()));
    let mut healthy = tcp(address(&running));
    healthy.get(HIT);
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        b"POST /v1/lookup HTTP/1.1\r\nContent-Length: nonsense\r\n\r\n",
        b"GET /v1/lookup?ani=%ff%00%&fields=%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"\r\n\r\n\r\n\r\nNONSENSE\r\n\r\n",
    ] {
        let mut client = tcp(address(&running));
        client.send(bytes);
        if !client.is_closed() {
            assert_eq!(client.response(true).status / 100, 4);
        }
    }
    assert_eq!(healthy.get(HIT).status, 200);
}

#[test]
fn a_port_in_use_is_an_error_that_names_it() {
    let first = serve(&centre(&Plan::default()));
    let taken = address(&first);
    let second = centre(&Plan::default());
    let error = bind(&second, listener(&second, Some(taken), None)).unwrap_err();
    assert!(matches!(error, HttpError::InUse { .. }), "{error}");
    let words = error.to_string();
    assert!(
        words.contains(&taken.to_string()) && words.contains("listener.main"),
        "{words}"
    );

    let other = TcpListener::bind(any_port()).unwrap();
    let third = centre(&Plan::default());
    let error = bind(&third, listener(&third, Some(other.local_addr().unwrap()), None)).unwrap_err();
    assert!(matches!(error, HttpError::InUse { .. }), "{error}");

    assert_eq!(get(taken, HIT).body, "Ada Lovelace");
    first.drain();
    let fourth = centre(&Plan::default());
    let again = bind(&fourth, listener(&fourth, Some(taken), None))
        .unwrap()
        .spawn()
        .unwrap();
    assert_eq!(
        get(address(&again), HIT).body,
        "Ada Lovelace",
        "the port is free at once"
    );
}

#[test]
fn all_workers_share_the_port() {
    let running = serve(&centre(&Plan::default()));
    // The kernel spreads connections by their ports; forty on one of two sockets come about once in 10^12 runs.
    let mut clients: Vec<_> = (0..40).map(|_| tcp(address(&running))).collect();
    for client in &mut clients {
        assert_eq!(client.get(HIT).body, "Ada Lovelace");
    }
}

#[test]
fn nothing_to_listen_on_is_an_error() {
    let centre = centre(&Plan::default());
    let error = bind(&centre, listener(&centre, None, None)).unwrap_err();
    assert!(matches!(error, HttpError::NoListener), "{error}");
}

#[test]
fn a_unix_socket_serves_and_is_cleared_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ringside.sock");
    // As a process that was killed leaves it.
    drop(UnixListener::bind(&path).unwrap());
    let first = centre(&Plan::default());
    let bound = bind(&first, listener(&first, None, Some(path.clone()))).unwrap();
    assert_eq!(bound.unix_paths(), [("main".to_owned(), path.clone())]);
    let running = bound.spawn().unwrap();
    let mut client = unix(&path);
    assert_eq!(client.get(HIT).body, "Ada Lovelace");

    let second = centre(&Plan::default());
    let error = bind(&second, listener(&second, None, Some(path.clone()))).unwrap_err();
    assert!(matches!(error, HttpError::UnixInUse { .. }), "{error}");
    assert_eq!(client.get(HIT).body, "Ada Lovelace");

    running.drain();
    assert!(!path.exists());
    std::fs::write(&path, "mine").unwrap();
    let third = centre(&Plan::default());
    let error = bind(&third, listener(&third, None, Some(path.clone()))).unwrap_err();
    assert!(matches!(error, HttpError::UnixTaken { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn a_drain_finishes_what_is_open_and_refuses_what_is_new() {
    let running = serve(&centre(&Plan::default()));
    let at = address(&running);
    let mut idle = tcp(at);
    assert_eq!(idle.get(HIT).status, 200);
    let mut open = tcp(at);
    open.send(b"POST /v1/lookup?format=text HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 18\r\n\r\n");
    // The server asks for the body: it has the request.
    open.until("100 Continue");
    let draining = std::thread::spawn(move || running.drain());
    assert!(idle.is_closed(), "a connection without a request is let go");
    // Until the last socket is closed, a connection may still be taken, or reset in the midst of that.
    while TcpStream::connect(at).err().map(|error| error.kind()) != Some(ErrorKind::ConnectionRefused) {
        std::thread::yield_now();
    }
    assert!(!draining.is_finished(), "a request is open");
    open.send(b"ani=%2B14806754110");
    assert_eq!(open.response(true).body, "Ada Lovelace");
    assert!(open.is_closed());
    draining.join().unwrap();
}

#[test]
fn a_drain_is_bounded() {
    let centre = centre(&Plan::default());
    let settings = ringside::http::Settings {
        drain_s: 0,
        ..crate::served::settings()
    };
    let admin = crate::served::admin(&centre, &Default::default(), None);
    let listeners = vec![listener(&centre, Some(any_port()), None)];
    let running = ringside::http::Server::bind(settings, listeners, admin, &centre.metrics)
        .unwrap()
        .spawn()
        .unwrap();
    let mut open = tcp(address(&running));
    open.send(b"POST /v1/lookup HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 17\r\n\r\n");
    open.until("100 Continue");
    running.drain();
    assert!(open.is_closed());
}
