//! An upstream that is dead, slow or crowded: the caller gets its failure, and nobody is answered in its place.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use ringside::http::{Access, ShadowSettings};

use crate::record::{Act, SystemOfRecord, ok};
use crate::stage::{ADA, Stage, before};
use crate::wire::{tcp, until};

#[test]
fn a_dead_upstream_is_told_and_counted() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let stage = Stage::new(format!("http://{address}"));
    let failed = stage.get("/v1/lookup?ani=%2B14806754110");
    assert_eq!(
        (failed.status, &failed.json()["error"]["code"]),
        (502, &"upstream_failed".into())
    );
    // Whoever reads no status reads no name.
    let plain = stage.get(&format!("/cid?number={ADA}"));
    assert_eq!((plain.status, plain.body.as_str()), (200, ""));
    stage.name("+14806759999");
    let report = stage.report(3);
    assert_eq!(report["causes"]["upstream_error"], 3);
    assert_eq!(report["upstream_failed_and_known"], 2);
    assert_eq!(report["agreement_percent"], serde_json::Value::Null);
}

#[test]
fn a_late_upstream_is_not_waited_for() {
    let record = SystemOfRecord::new(|_| Act::Hang);
    let settings = ShadowSettings {
        timeout_ms: 50,
        ..before(record.url())
    };
    let stage = Stage::of(settings, Access::default());
    let failed = stage.get("/v1/lookup?ani=%2B14806754110");
    assert_eq!(
        (failed.status, &failed.json()["error"]["code"]),
        (504, &"upstream_late".into())
    );
    let report = stage.report(1);
    assert_eq!(report["causes"]["upstream_timeout"], 1);
    assert_eq!(report["differences"][0]["cause"], "upstream_timeout");
    assert_eq!(report["waiting"], 0);
}

#[test]
fn as_many_wait_as_may() {
    let record = SystemOfRecord::new(|_| Act::Hang);
    let settings = ShadowSettings {
        in_flight_max: 1,
        ..before(record.url())
    };
    let stage = Stage::of(settings, Access::default());
    let mut first = tcp(stage.at);
    first.send(b"GET /v1/lookup?ani=1 HTTP/1.1\r\nHost: x\r\n\r\n");
    until(|| record.count(), |count| *count == 1);
    let second = stage.get("/v1/lookup?ani=%2B14806754110");
    assert_eq!(
        (second.status, &second.json()["error"]["code"]),
        (503, &"upstream_busy".into())
    );
    assert_eq!(stage.report(1)["causes"]["overload"], 1);
    // Whoever gives up makes room.
    drop(first);
    until(|| stage.report(1)["waiting"].clone(), |waiting| *waiting == 0);
}

#[test]
fn a_connection_that_was_closed_meanwhile_is_made_again() {
    let seen = AtomicUsize::new(0);
    let record = SystemOfRecord::new(move |_| match seen.fetch_add(1, Ordering::Relaxed) {
        // The second request on the first connection finds it closing.
        1 => Act::Last(Vec::new()),
        _ => Act::Answer(ok("text/plain", "Ada")),
    });
    let stage = Stage::new(record.url());
    let mut client = tcp(stage.at);
    for _ in 0..2 {
        assert_eq!(client.get("/cid?number=1").body, "Ada");
    }
    let connections: Vec<usize> = record.asked().iter().map(|asked| asked.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
}

#[test]
fn what_may_have_been_acted_upon_is_not_sent_twice() {
    let record = SystemOfRecord::new(|asked| match asked.line().starts_with("POST") {
        true => Act::Last(Vec::new()),
        false => Act::Answer(ok("text/plain", "Ada")),
    });
    let stage = Stage::new(record.url());
    let mut client = tcp(stage.at);
    client.get("/cid?number=1");
    assert_eq!(client.post("/v1/lookup", "text/plain", b"ani=1").status, 502);
    assert_eq!(record.count(), 2);
}

#[test]
fn what_is_no_http_is_a_failure() {
    let record = SystemOfRecord::new(|_| Act::Last(b"220 mail.example ESMTP\r\n".to_vec()));
    let stage = Stage::new(record.url());
    assert_eq!(stage.get("/v1/lookup?ani=1").status, 502);
    let record =
        SystemOfRecord::new(|_| Act::Last(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_vec()));
    let stage = Stage::new(record.url());
    assert_eq!(stage.get("/v1/lookup?ani=1").status, 502);
}
