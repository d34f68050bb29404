//! Servers that go away, say nothing, or are not the same any more.

use std::time::{Duration, Instant};

use ringside::feed::postgres::Settings;

use super::centre::{centre, difference, mapping, settings, truth};
use super::follower::Follower;

#[test]
fn a_server_that_was_killed_is_followed_from_where_it_was() {
    let (mut server, mut sql) = centre();
    let mut follower = Follower::new(settings(&server), mapping());
    follower.until_following();
    sql.run("INSERT INTO customers VALUES (1, 'Ada')");
    follower.until("the row has come", |follower| follower.replica.changes == 1);
    drop(sql);
    server.kill_and_start();
    let mut sql = server.sql();
    sql.run("INSERT INTO customers VALUES (2, 'Bo')");
    follower.until("the next row has come", |follower| {
        follower.replica.state.customers.contains_key("2")
    });
    assert_eq!(difference(&follower.replica.state, &truth(&mut sql)), None);
    assert_eq!(follower.copies.len(), 1, "{:?}", follower.copies);
}

#[test]
fn a_server_that_says_nothing_counts_as_gone() {
    let (server, _sql) = centre();
    let soon = Settings {
        silence_timeout_ms: 1500,
        connect_timeout_ms: 500,
        ..settings(&server)
    };
    let mut follower = Follower::new(soon, mapping());
    follower.until("it is idle", |follower| follower.replica.idle > 0);
    // Longer than the time-out, with nothing to say: that is no silence.
    let idle = follower.replica.idle;
    follower.until("it was idle for long", |follower| {
        follower.replica.idle > idle + 4
    });
    assert!(follower.away.is_empty(), "{:?}", follower.away);
    server.freeze(true);
    let began = Instant::now();
    follower.until("it was noticed", |follower| !follower.away.is_empty());
    // By default it would be 30 s.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    server.freeze(false);
    let idle = follower.replica.idle;
    follower.until("it goes on", |follower| follower.replica.idle > idle);
    assert_eq!(follower.copies.len(), 1, "{:?}", follower.copies);
}

#[test]
fn a_promoted_server_is_copied_again() {
    let (mut server, mut sql) = centre();
    let mut follower = Follower::new(settings(&server), mapping());
    follower.until_following();
    sql.run("INSERT INTO customers VALUES (1, 'Ada'); CHECKPOINT");
    follower.until("the row has come", |follower| follower.replica.changes == 1);
    follower.close();
    drop(sql);
    // As a failover leaves it: the same data on another timeline.
    server.kill();
    let signal = server.folder().join("data/standby.signal");
    std::fs::write(&signal, "").unwrap();
    server.give(&signal);
    server.start_again();
    let why = follower.try_until("a standby is refused", |_| false).unwrap_err();
    assert!(why.contains("connect to the primary"), "{why}");
    let mut sql = server.sql();
    sql.run("SELECT pg_promote()");
    sql.run("INSERT INTO customers VALUES (2, 'Bo')");
    follower.until("it has what is new", |follower| {
        follower.replica.state.customers.contains_key("2")
    });
    assert!(follower.copies[1].contains("timeline 2"), "{:?}", follower.copies);
    assert_eq!(difference(&follower.replica.state, &truth(&mut sql)), None);
}
