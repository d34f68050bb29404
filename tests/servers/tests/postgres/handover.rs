//! The initial copy and the stream behind it are the source, whoever writes meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use super::centre::{centre, difference, mapping, settings, truth, writer};
use super::follower::Follower;

/// Tells writers to stop, when a step fails too.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Writers at once.
const WRITERS: u64 = 4;
/// Changes that are followed while all of them write.
const FOLLOWED: u64 = 2000;

#[test]
fn a_copy_and_the_stream_behind_it_are_the_source() {
    let trials = std::env::var("RINGSIDE_TRIALS").map_or(3, |trials| trials.parse().unwrap());
    let (server, mut sql) = centre();
    sql.run(
        "INSERT INTO customers SELECT i, 'first', ARRAY['+1480' || i] FROM generate_series(0, 3000) i;
         INSERT INTO cases SELECT i, i % 90, 'first' FROM generate_series(0, 3000) i;
         INSERT INTO interactions SELECT i, i % 90, 'first' FROM generate_series(0, 3000) i",
    );
    for trial in 0..trials {
        let stop = AtomicBool::new(false);
        let mut follower = Follower::new(settings(&server), mapping());
        std::thread::scope(|scope| {
            let _stop = Stop(&stop);
            for seed in 1..=WRITERS {
                let (server, stop) = (&server, &stop);
                scope.spawn(move || writer(server, trial * WRITERS + seed, stop));
            }
            follower.until("it has followed while others wrote", |follower| {
                follower.replica.changes > FOLLOWED
            });
        });
        let fence = format!("fence{trial}");
        sql.run(&format!("INSERT INTO customers VALUES (-1 - {trial}, '{fence}')"));
        let key = format!("{}", -1 - i64::try_from(trial).unwrap());
        follower.until("the fence has come", |follower| {
            follower.replica.state.customers.contains_key(&key)
        });
        let truth = truth(&mut sql);
        assert_eq!(difference(&follower.replica.state, &truth), None, "trial {trial}");
        assert!(truth.customers.len() > 20 && truth.cases.len() > 20 && truth.interactions.len() > 20);
        assert_eq!(follower.copies.len(), 1, "{:?}", follower.copies);
        assert_eq!(
            (follower.replica.refused, follower.away.len()),
            (0, 0),
            "{:?}",
            follower.away
        );
        follower.close();
    }
}

#[test]
fn kills_on_both_sides_lose_nothing() {
    let (mut server, mut sql) = centre();
    let mut follower = Follower::new(settings(&server), mapping());
    for round in 0..4_u64 {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let _stop = Stop(&stop);
            for seed in 1..=2 {
                let (server, stop) = (&server, &stop);
                scope.spawn(move || writer(server, 100 + round * 2 + seed, stop));
            }
            let before = follower.replica.changes;
            follower.until("it follows", |follower| follower.replica.changes > before + 100);
            follower.kill(settings(&server), mapping());
            follower.until("it goes on", |follower| follower.replica.changes > before + 200);
        });
        drop(sql);
        server.kill_and_start();
        sql = server.sql();
    }
    sql.run("INSERT INTO customers VALUES (-1, 'fence')");
    follower.until("the fence has come", |follower| {
        follower.replica.state.customers.contains_key("-1")
    });
    assert_eq!(difference(&follower.replica.state, &truth(&mut sql)), None);
    assert_eq!(follower.copies.len(), 1, "{:?}", follower.copies);
    assert!(!follower.away.is_empty(), "the server was away");
}
