//! Callers that read no status, while there is more to do than can be done, and while the program stops.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};
use serde_json::json;
use servers::curl::{Fetched, curl};

use crate::centre::Centre;

const TARGETS: [&str; 3] = [
    "/cid?number=+14806754110",
    "/v1/lookup?format=text&ani=+14806754110",
    "//cid?number=%2B14806754110",
];
const LONG: Duration = Duration::from_secs(60);

/// A name or nothing; that nothing came at all is curl's to say.
#[track_caller]
fn assert_harmless(fetched: &Fetched) {
    let is_answer = fetched.status == 200 && ["", "Ada Lovelace"].contains(&&*fetched.body);
    // Refused, nothing in time, nothing at all, reset.
    let is_nothing = [7, 28, 52, 56].contains(&fetched.exit) && fetched.body.is_empty();
    assert!(is_answer || is_nothing, "{fetched:?}");
}

#[test]
fn overload_is_no_name() {
    let centre = Centre::start("[http]\nworkers = 1\noverload_after_ms = 1\n");
    let batch = json!({"anis": vec!["+14806754110"; 1000], "fields": "found"}).to_string();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let url = centre.url("/v1/lookup");
                    let fetched = curl(&["--max-time", "10", "--json", &batch, &url]);
                    assert!([200, 503].contains(&fetched.status), "{fetched:?}");
                }
            });
        }
        let began = Instant::now();
        let mut empty = 0;
        while empty < 3 {
            for target in TARGETS {
                let fetched = curl(&["--max-time", "5", &centre.url(target)]);
                assert_harmless(&fetched);
                empty += u32::from(fetched.status == 200 && fetched.body.is_empty());
            }
            if began.elapsed() > LONG {
                stop.store(true, Ordering::Relaxed);
                panic!("it was never too much");
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    let fetched = curl(&[&centre.url(TARGETS[0])]);
    assert_harmless(&fetched);
}

#[test]
fn a_program_that_stops_says_no_names_of_errors() {
    let centre = Centre::start("");
    for target in TARGETS {
        assert_eq!(curl(&[&centre.url(target)]).body, "Ada Lovelace");
    }
    thread::scope(|scope| {
        let asking: Vec<_> = TARGETS
            .iter()
            .map(|target| {
                let url = centre.url(target);
                scope.spawn(move || {
                    let began = Instant::now();
                    let mut named = 0;
                    loop {
                        let fetched = curl(&["--max-time", "2", &url]);
                        assert_harmless(&fetched);
                        named += u32::from(fetched.body == "Ada Lovelace");
                        // Refused: it is gone.
                        if fetched.exit == 7 {
                            return named;
                        }
                        assert!(began.elapsed() < LONG, "it does not stop");
                    }
                })
            })
            .collect();
        kill_process(centre.ringside.pid(), Signal::TERM).unwrap();
        for asking in asking {
            asking.join().unwrap();
        }
    });
}

#[test]
fn what_is_switched_off_is_no_name() {
    let centre = Centre::start("[dialect.cid]\nenabled = false\n");
    for target in [TARGETS[0], TARGETS[2], "/cid?number=+14806754110&format=kv"] {
        let fetched = curl(&[&centre.url(target)]);
        let nobody = if target.contains("kv") { "name=&id=" } else { "" };
        assert_eq!((fetched.status, &*fetched.body), (200, nobody), "{target}");
    }
}
