//! What becomes of the slot, and what it keeps.

use super::centre::{PUBLICATION, TABLES, centre, difference, mapping, settings, truth};
use super::follower::{Follower, PATIENCE};
use ringside::feed::Secret;
use ringside::feed::postgres::Settings;
use servers::postgres::{Postgres, Sql};
use servers::wait::until;

const SLOT: &str = "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'ringside'";

/// Writes that no followed table has, and that cannot be compressed.
fn churn(sql: &mut Sql, times: u32) {
    for _ in 0..times {
        sql.run("INSERT INTO elsewhere SELECT md5(random()::text) FROM generate_series(1, 20000)");
    }
}

fn until_free(sql: &mut Sql) {
    until("the slot is free", PATIENCE, || {
        let active = sql.one("SELECT count(*) FROM pg_replication_slots WHERE active");
        if active == "0" { Ok(()) } else { Err(active) }
    });
}

#[test]
fn an_idle_slot_holds_nothing_back() {
    let (server, mut sql) = centre();
    sql.run("CREATE TABLE elsewhere (text text)");
    let chatty = Settings {
        silence_timeout_ms: 1500,
        ..settings(&server)
    };
    let mut follower = Follower::new(chatty, mapping());
    follower.until_following();
    let behind =
        "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint FROM pg_replication_slots";
    churn(&mut sql, 10);
    let held: u64 = sql.one(behind).parse().unwrap();
    assert!(held > 10_000_000, "there was something to hold: {held}");
    let mut watch = server.sql();
    follower.until("the slot has gone on", |_| {
        watch.one(behind).parse::<u64>().unwrap() < 100_000
    });
    follower.until("nothing is missing", |follower| {
        follower.replica.lag_ms == Some(0)
    });
    assert_eq!(follower.replica.changes, 0);
    // What is not durable here is not let go there, and is still followed from where it is.
    follower.confirms = false;
    let confirmed = sql.one(SLOT);
    sql.run("INSERT INTO customers VALUES (1, 'Ada')");
    follower.until("the row has come", |follower| follower.replica.changes == 1);
    // The server has heard of us meanwhile, several times.
    let idle = follower.replica.idle;
    follower.until("it was idle for a while", |follower| {
        follower.replica.idle > idle + 2
    });
    assert_eq!(sql.one(SLOT), confirmed);
    follower.kill(settings(&server), mapping());
    follower.known.last_mut().unwrap().token = confirmed;
    sql.run("INSERT INTO customers VALUES (2, 'Bo')");
    follower.until("both have come", |follower| follower.replica.changes == 3);
    assert_eq!(follower.copies.len(), 1, "{:?}", follower.copies);
}

#[test]
fn how_far_the_server_is_is_known_though_it_has_nothing_to_send() {
    let (server, mut sql) = centre();
    sql.run("CREATE TABLE elsewhere (text text)");
    // Nobody asks whether the other is still there until long after this test has given up.
    let taciturn = Settings {
        silence_timeout_ms: 600_000,
        ..settings(&server)
    };
    let mut follower = Follower::new(taciturn, mapping());
    follower.until_following();
    churn(&mut sql, 3);
    let idle = follower.replica.idle;
    follower.until("nothing is missing", |follower| {
        follower.replica.idle > idle + 1 && follower.replica.lag_ms == Some(0)
    });
}

#[test]
fn a_slot_that_is_gone_is_made_again() {
    let (server, mut sql) = centre();
    sql.run("INSERT INTO customers VALUES (1, 'Ada')");
    let mut follower = Follower::new(settings(&server), mapping());
    follower.until_following();
    follower.close();
    until_free(&mut sql);
    sql.run("SELECT pg_drop_replication_slot('ringside'); DELETE FROM customers; INSERT INTO customers VALUES (2, 'Bo')");
    follower.until_following();
    assert!(
        follower.copies[1].contains("slot ringside does not exist"),
        "{:?}",
        follower.copies
    );
    assert_eq!(difference(&follower.replica.state, &truth(&mut sql)), None);
    // Made by somebody else meanwhile, and gone on without us.
    follower.close();
    until_free(&mut sql);
    sql.run("SELECT pg_drop_replication_slot('ringside'); INSERT INTO customers VALUES (3, 'Cy')");
    sql.run("SELECT pg_create_logical_replication_slot('ringside', 'pgoutput')");
    follower.until_following();
    assert!(follower.copies[2].contains("without us"), "{:?}", follower.copies);
    assert_eq!(difference(&follower.replica.state, &truth(&mut sql)), None);
}

#[test]
fn a_slot_whose_log_was_thrown_away_is_made_again() {
    let server = Postgres::start_with(&[
        "max_slot_wal_keep_size = '1MB'",
        "max_wal_size = '32MB'",
        "min_wal_size = '32MB'",
    ]);
    let mut sql = server.sql();
    sql.run(TABLES);
    sql.run(PUBLICATION);
    sql.run("CREATE TABLE elsewhere (text text)");
    let mut follower = Follower::new(settings(&server), mapping());
    follower.until_following();
    follower.close();
    until_free(&mut sql);
    sql.run("INSERT INTO customers VALUES (1, 'Ada')");
    until("the slot is lost", PATIENCE, || {
        churn(&mut sql, 2);
        sql.run("SELECT pg_switch_wal(); CHECKPOINT");
        match sql.one("SELECT wal_status FROM pg_replication_slots").as_str() {
            "lost" => Ok(()),
            other => Err(other.to_owned()),
        }
    });
    follower.until_following();
    assert!(
        follower.copies[1].contains("max_slot_wal_keep_size"),
        "{:?}",
        follower.copies
    );
    assert_eq!(difference(&follower.replica.state, &truth(&mut sql)), None);
}

#[test]
fn two_cannot_have_one_slot() {
    let (server, mut sql) = centre();
    let mut first = Follower::new(settings(&server), mapping());
    first.until_following();
    let pid = sql.one("SELECT active_pid FROM pg_replication_slots");
    let mut second = Follower::new(settings(&server), mapping());
    let why = second.try_until("it follows", |_| false).unwrap_err();
    assert!(
        why.contains(&format!("process {pid} (ringside_ringside)")),
        "{why}"
    );
    let mut other = Follower::new(
        Settings {
            slot: "second".into(),
            ..settings(&server)
        },
        mapping(),
    );
    other.until_following();
    sql.run("INSERT INTO customers VALUES (1, 'Ada')");
    for follower in [&mut first, &mut other] {
        follower.until("the row has come", |follower| follower.replica.changes == 1);
    }
}

#[test]
fn what_is_altered_while_it_is_away_is_copied_again() {
    let (server, mut sql) = centre();
    let mut follower = Follower::new(settings(&server), mapping());
    follower.until_following();
    follower.close();
    until_free(&mut sql);
    // Nothing of this is in the stream.
    sql.run(
        "ALTER PUBLICATION ringside DROP TABLE cases; INSERT INTO cases VALUES (7, 1, 'Late'); \
         ALTER PUBLICATION ringside ADD TABLE cases",
    );
    follower.until_following();
    assert!(follower.copies[1].contains("are others"), "{:?}", follower.copies);
    assert_eq!(difference(&follower.replica.state, &truth(&mut sql)), None);
    let mut mapped = mapping();
    mapped.customers.company = vec!["unread".into()];
    follower.close();
    until_free(&mut sql);
    follower.kill(settings(&server), mapped);
    follower.until_following();
    assert!(follower.copies[2].contains("are others"), "{:?}", follower.copies);
}

#[test]
fn a_publication_is_made_where_that_is_asked_for() {
    let server = Postgres::start();
    let mut sql = server.sql();
    sql.run(TABLES);
    sql.run("GRANT CREATE ON DATABASE postgres TO ringside");
    let makes = |user: &str| Settings {
        uri: Secret::from(format!("{}?sslmode=disable", server.url(user))),
        create_publication: true,
        ..settings(&server)
    };
    let mut foreign = Follower::new(makes("ringside"), mapping());
    let why = foreign.try_until("it follows", |_| false).unwrap_err();
    assert!(why.contains("CREATE PUBLICATION ringside FOR TABLE"), "{why}");
    assert_eq!(sql.one("SELECT count(*) FROM pg_replication_slots"), "0");
    let mut follower = Follower::new(makes("postgres"), mapping());
    follower.until_following();
    sql.run("INSERT INTO customers VALUES (1, 'Ada')");
    follower.until("the row has come", |follower| follower.replica.changes == 1);
}
