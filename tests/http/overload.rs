//! More work than can be done in time: who is told so, how, and that something is still done.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ringside::http::{Running, Settings};
use serde_json::{Value, json};

use crate::served::{address, serve_under, settings};
use crate::support::{Plan, centre};
use crate::wire::{Response, get, metric, tcp, until};

const BUSY: &str = r#"ringside_http_overload_total{reason="busy"}"#;

/// Threads that keep a server of one worker busier than it can be, until dropped.
struct Crowd {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<u64>>,
}

impl Crowd {
    fn gather(at: SocketAddr) -> Crowd {
        let stop = Arc::new(AtomicBool::new(false));
        let body = json!({ "anis": vec!["+14806754110"; 1000], "fields": "found" }).to_string();
        let threads = (0..8)
            .map(|_| {
                let (stop, body) = (Arc::clone(&stop), body.clone());
                std::thread::spawn(move || {
                    let mut answered = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let answer = tcp(at).post("/v1/lookup", "application/json", body.as_bytes());
                        match answer.status {
                            200 => answered += 1,
                            503 => assert_eq!(answer.json()["reason"], "overload"),
                            status => panic!("{status}: {}", answer.body),
                        }
                    }
                    answered
                })
            })
            .collect();
        Crowd { stop, threads }
    }

    /// Sends everybody home, and tells how many batches were answered.
    fn disperse(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    }
}

fn strained(overload_after: Duration) -> Running {
    serve_under(
        &centre(&Plan::default()),
        Settings {
            workers: 1,
            overload_after,
            ..settings()
        },
    )
}

fn keys(object: &Value) -> BTreeSet<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn overload_is_told_in_every_format_and_looks_like_no_customer() {
    // Less than a slice of a batch takes.
    let running = strained(Duration::from_micros(20));
    let at = address(&running);
    let miss = get(at, "/v1/lookup?ani=+14806754199").json();
    let flat_miss = get(at, "/v1/lookup?ani=+14806754199&format=flat").json();
    let pairs_miss = get(at, "/v1/lookup?ani=+14806754199&format=kv").body;
    let crowd = Crowd::gather(at);
    let overloaded = |query: &str, is_it: fn(&Response) -> bool| {
        until(|| get(at, &format!("/v1/lookup?ani=+14806754110{query}")), is_it)
    };

    let answer = overloaded("", |answer| answer.status == 503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    let json = answer.json();
    assert_eq!(keys(&json), keys(&miss));
    let told = [
        "found",
        "match",
        "reason",
        "count",
        "customer_id",
        "name",
        "customer",
        "matches",
        "ani",
    ]
    .map(|key| json[key].clone());
    let expected = json!([false, "none", "overload", 0, null, null, null, [], "+14806754110"]);
    assert_eq!(json!(told), expected);

    let flat = overloaded("&format=flat", |answer| answer.status == 503).json();
    assert_eq!(keys(&flat), keys(&flat_miss));
    assert_eq!(
        (&flat["found"], &flat["reason"]),
        (&json!("false"), &json!("overload"))
    );

    let text = overloaded("&format=text", |answer| answer.body.is_empty());
    assert_eq!(text.status, 200);

    let pairs = overloaded("&format=kv", |answer| answer.body.contains("reason=overload"));
    assert_eq!(pairs.status, 200);
    let names = |body: &str| -> Vec<String> {
        body.split('&')
            .map(|pair| pair.split('=').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&pairs.body), names(&pairs_miss));
    assert!(pairs.body.contains("&name=&"), "{}", pairs.body);

    let chosen = overloaded("&fields=found,reason", |answer| answer.status == 503);
    assert_eq!(chosen.body, r#"{"found":false,"reason":"overload"}"#);

    let customer = until(|| get(at, "/v1/customers/c-1842"), |answer| answer.status == 503);
    assert_eq!(customer.json()["error"]["code"], "overload");
    assert_eq!(customer.header("retry-after"), Some("1"));

    crowd.disperse();
    let admin = running.admin_address();
    assert!(metric(admin, BUSY) >= 6);
    assert!(
        metric(
            admin,
            r#"ringside_callers_lookups_total{dialect="native",outcome="overload"}"#
        ) >= 5
    );
    assert!(
        get(admin, "/status").json()["lookups"]["overload"]
            .as_u64()
            .unwrap()
            >= 5
    );
    let again = until(
        || get(at, "/v1/lookup?ani=+14806754110&format=text"),
        |answer| !answer.body.is_empty(),
    );
    assert_eq!(again.body, "Ada Lovelace", "when they have gone, all is well");
}

/// While the worker never comes to rest, batches are answered, and single lookups between them.
#[test]
fn something_is_done_under_permanent_overload() {
    let running = strained(Duration::from_millis(4));
    let at = address(&running);
    let crowd = Crowd::gather(at);
    let admin = running.admin_address();
    until(|| metric(admin, BUSY), |refused| *refused > 0);
    let mut client = tcp(at);
    for _ in 0..50 {
        until(
            || client.get("/v1/lookup?ani=+14806754110").status,
            |status| *status == 200,
        );
    }
    assert!(crowd.disperse() > 0);
}

#[test]
fn administration_answers_while_the_workers_cannot() {
    let running = strained(Duration::from_millis(1));
    let crowd = Crowd::gather(address(&running));
    let admin = running.admin_address();
    until(|| metric(admin, BUSY), |refused| *refused > 0);
    for _ in 0..100 {
        assert_eq!(get(admin, "/livez").status, 200);
    }
    assert!(metric(admin, BUSY) > 0);
    crowd.disperse();
}

/// A batch is answered in slices, so that a single lookup need not wait for all of it.
#[test]
fn a_batch_lets_others_go_between() {
    let running = strained(Duration::from_secs(300));
    let at = address(&running);
    let mut single = tcp(at);
    single.get("/v1/lookup?ani=+14806754110");
    const BATCHES: usize = 20;
    let body = json!({ "anis": vec!["+14806754110"; 1000], "fields": "found" }).to_string();
    let post = format!(
        "POST /v1/lookup HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut client = tcp(at);
    client.send(post.as_bytes());
    assert_eq!(client.response(true).status, 200);
    let batches = std::thread::spawn(move || {
        for _ in 0..BATCHES {
            // In one piece, or the system would wait with the second.
            client.send(post.as_bytes());
            let answer = client.response(true);
            assert_eq!((answer.status, answer.body.len()), (200, 15_013));
        }
    });
    let mut between = 0;
    while !batches.is_finished() {
        assert_eq!(single.get("/v1/lookup?ani=+14806754110").status, 200);
        between += 1;
    }
    batches.join().unwrap();
    // One for every slice would be 640; were a batch answered in one go, it would be a few for each batch.
    assert!(between > 10 * BATCHES, "{between} lookups went between");
}
