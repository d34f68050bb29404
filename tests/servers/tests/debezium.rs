//! Debezium's real connector for PostgreSQL, and Ringside behind it.

#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use serde_json::{Value, json};
use servers::debezium::{Database, Engine, Sink};
use servers::ringside::{PATIENCE, Ringside};
use servers::wait::until;

const TABLES: &str = "
    create table customers (
        id bigint primary key, name text not null, phones jsonb, balance numeric(12,2), born date, notes text
    );
    create table cases (id text primary key, customer_id bigint not null, title text not null);
    insert into customers values (1, 'Ada Lovelace', '[{\"number\": \"+14806754110\"}]', 12.34, '1980-05-17', null);
    insert into cases values ('5f', 1, 'Broken');
";

const MAPPING: &str = "
    [feed.main.customers]
    from = 'public.customers'
    attributes = [{ key = 'balance' }, { key = 'born', type = 'date' }]
    [feed.main.cases]
    from = 'public.cases'
";

fn named(ringside: &Ringside, number: &str) -> Value {
    ringside.lookup(number)["name"].clone()
}

fn until_named(ringside: &Ringside, number: &str, name: &Value) {
    until("the customer is there", PATIENCE, || {
        let now = named(ringside, number);
        if now == *name {
            return Ok(());
        }
        Err(format!("{number} is {now}; {}", ringside.status()))
    });
}

/// Everything that a table's rows can go through, ending with a row that says that all of it was read.
fn go_through(database: &Database) {
    database.sql(
        "insert into customers values (2, 'Grace Hopper', '[\"+1 202 555 0147\"]', 0.05, null, null);
         update customers set name = 'Ada King' where id = 1;
         begin;
         update customers set phones = '[]' where id = 2;
         insert into customers values (3, 'Mary Jackson', '[\"+12025550147\"]', null, null, null);
         commit;
         insert into cases values ('60', 3, 'Moved');
         update customers set id = 4 where id = 1;
         delete from cases where id = '5f';
         insert into customers values (99, 'the last', '[\"+12025550199\"]', null, null, null);",
    );
}

fn compare(ringside: &Ringside) {
    assert_eq!(named(ringside, "+14806754110"), "Ada King");
    assert_eq!(named(ringside, "+12025550147"), "Mary Jackson");
    assert_eq!(ringside.customer("1"), None, "it has another key now");
    let ada = ringside.customer("4").unwrap();
    assert_eq!(ada["attributes"]["balance"], "12.34", "{ada}");
    assert_eq!(ada["attributes"]["born"], "1980-05-17", "{ada}");
    let mary = ringside.customer("3").unwrap();
    assert_eq!(mary["cases"][0]["id"], "60", "{mary}");
}

#[test]
fn what_the_database_does_is_posted_and_served() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::start();
    database.sql(TABLES);
    let ringside = Ringside::start(
        folder.path(),
        &format!("[feed.main]\nkind = 'debezium'\n{MAPPING}"),
    );
    let url = format!("http://{}/v1/changes?feed=main", ringside.callers());
    let engine = Engine::start(folder.path(), &database, &Sink::Post(url), "");
    until_named(&ringside, "+14806754110", &json!("Ada Lovelace"));
    engine.until_streaming();
    go_through(&database);
    until_named(&ringside, "+12025550199", &json!("the last"));
    compare(&ringside);

    // A long value that did not change is not logged, and nobody reads it; one that is read costs the row.
    database.sql(
        "update customers set notes = (select string_agg(md5(i::text), '') from generate_series(1, 300) i) where id = 3;
         update customers set name = 'Mary Winston Jackson' where id = 3;",
    );
    until_named(&ringside, "+12025550147", &json!("Mary Winston Jackson"));

    database.sql("truncate cases");
    until_gap(&ringside);
    assert_eq!(named(&ringside, "+12025550147"), "Mary Winston Jackson");
    engine.stop();
}

#[test]
fn what_the_database_does_is_followed_in_a_file_across_kills_of_either_side() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::start();
    database.sql(TABLES);
    let events = folder.path().join("events.ndjson");
    let config = format!(
        "[feed.main]\nkind = 'debezium'\npath = {events:?}\npoll_ms = 10\n[feed.main.debezium]\ntransport = 'file'\n{MAPPING}"
    );
    let ringside = Ringside::start(folder.path(), &config);
    let without_schema = "key.converter.schemas.enable=false\nvalue.converter.schemas.enable=false\n\
                          converter.schemas.enable=false\ndecimal.handling.mode=string\ntime.precision.mode=isostring\n";
    let start = || {
        Engine::start(
            folder.path(),
            &database,
            &Sink::File(events.clone()),
            without_schema,
        )
    };
    let engine = start();
    until_named(&ringside, "+14806754110", &json!("Ada Lovelace"));
    engine.until_streaming();
    // It has noted its place once it follows and has said so.
    until("a heartbeat", PATIENCE, || {
        let written = std::fs::read_to_string(&events).unwrap();
        if written.matches("heartbeat").count() > 2 {
            return Ok(());
        }
        Err(written)
    });
    // A place that is noted within its first copy would have it copy anew, and say nothing of whom it missed.
    until("its place is one of the log", PATIENCE, || {
        let noted = std::fs::read(folder.path().join("offsets")).unwrap_or_default();
        let noted = String::from_utf8_lossy(&noted).into_owned();
        if noted.contains("lsn") && !noted.contains("snapshot") {
            return Ok(());
        }
        Err(noted)
    });
    // Killed while it follows: what it had sent and not noted comes again, which changes nothing.
    drop(engine);
    let engine = start();
    go_through(&database);
    until_named(&ringside, "+12025550199", &json!("the last"));
    let ringside = ringside.kill_and_start();
    compare_without_dates(&ringside);
    database.sql("delete from customers where id = 4");
    until_named(&ringside, "+14806754110", &Value::Null);
    engine.stop();
    assert_eq!(ringside.status()["gap"], false, "{}", ringside.status());

    // Without its place it begins anew, and says nothing of whom it missed.
    std::fs::remove_file(folder.path().join("offsets")).unwrap();
    database.sql(
        "delete from customers where id = 3; insert into customers values (5, 'E', null), (6, 'F', null)",
    );
    let engine = start();
    until_gap(&ringside);
    engine.stop();
}

fn until_gap(ringside: &Ringside) {
    until("the gap is told", PATIENCE, || {
        let status = ringside.status();
        if status["gap"] == true {
            Ok(())
        } else {
            Err(status.to_string())
        }
    });
}

fn compare_without_dates(ringside: &Ringside) {
    assert_eq!(named(ringside, "+14806754110"), "Ada King");
    assert_eq!(named(ringside, "+12025550147"), "Mary Jackson");
    assert_eq!(ringside.customer("1"), None);
    assert_eq!(ringside.customer("4").unwrap()["attributes"]["balance"], "12.34");
}

#[test]
fn deletions_without_keys_are_told_by_the_row_that_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::start();
    database.sql(TABLES);
    let ringside = Ringside::start(
        folder.path(),
        &format!("[feed.main]\nkind = 'debezium'\n{MAPPING}"),
    );
    let url = format!("http://{}/v1/changes?feed=main", ringside.callers());
    let engine = Engine::start(folder.path(), &database, &Sink::PostValues(url), "");
    until_named(&ringside, "+14806754110", &json!("Ada Lovelace"));
    engine.until_streaming();
    database.sql("delete from customers where id = 1");
    until_named(&ringside, "+14806754110", &Value::Null);
    engine.stop();
}
