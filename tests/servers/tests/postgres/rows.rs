//! Rows of every kind, one transaction after the other.

use serde_json::json;

use super::centre::{PUBLICATION, TABLES, centre, difference, mapping, settings, truth};
use super::follower::Follower;
use servers::postgres::Postgres;

#[test]
fn keys_that_change_and_parts_that_move_leave_nothing_behind() {
    let (server, mut sql) = centre();
    sql.run(
        "INSERT INTO customers VALUES (1, 'Ada', '{+14806754110}'), (2, 'Bo', NULL);
         INSERT INTO cases VALUES (7, 1, 'Late'); INSERT INTO interactions VALUES (8, 1, 'voice')",
    );
    let mut follower = Follower::new(settings(&server), mapping());
    follower.until_following();
    assert_eq!(difference(&follower.replica.state, &truth(&mut sql)), None);
    sql.run(
        "BEGIN; UPDATE customers SET id = 3 WHERE id = 1; UPDATE cases SET customer_id = 3 WHERE id = 7;
         UPDATE interactions SET customer_id = 3 WHERE id = 8; UPDATE cases SET id = 9 WHERE id = 7; COMMIT;
         DELETE FROM customers WHERE id = 2; INSERT INTO customers VALUES (-1, 'fence')",
    );
    follower.until("the fence has come", |follower| {
        follower.replica.state.customers.contains_key("-1")
    });
    let truth = truth(&mut sql);
    assert_eq!(difference(&follower.replica.state, &truth), None);
    assert!(truth.cases.contains_key(&("3".to_owned(), "9".to_owned())));
}

#[test]
fn a_transaction_of_many_rows_is_complete_at_its_end() {
    let (server, mut sql) = centre();
    let mut follower = Follower::new(settings(&server), mapping());
    follower.until_following();
    let before = follower.known.last().unwrap().token.clone();
    sql.run(
        "INSERT INTO customers SELECT i, 'n' || i, ARRAY['+1480' || i] FROM generate_series(1, 100000) i",
    );
    follower.until("the first rows have come", |follower| {
        follower.replica.changes > 10 && follower.replica.changes < 100_000
    });
    let within = follower.known.last().unwrap().token.clone();
    follower.until("all rows have come", |follower| {
        follower.replica.changes == 100_000 && follower.known.last().unwrap().token != within
    });
    assert_eq!(difference(&follower.replica.state, &truth(&mut sql)), None);
    // There was no place to go on from within it.
    let lsn = |token: &str| u64::from_str_radix(token.split_once('/').unwrap().1, 16).unwrap();
    assert!(
        lsn(&within) < lsn(&follower.known.last().unwrap().token),
        "{before} {within}"
    );
}

#[test]
fn what_is_not_sent_again_is_read_again() {
    let (server, mut sql) = centre();
    let big = "jsonb_build_object('company', 'Acme', 'more', (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 500)))";
    sql.run(&format!("INSERT INTO customers VALUES (1, 'Ada', NULL, {big})"));
    let mut follower = Follower::new(settings(&server), mapping());
    follower.until_following();
    sql.run("UPDATE customers SET name = 'Bo' WHERE id = 1");
    follower.until("the change has come", |follower| follower.replica.changes == 1);
    assert_eq!(follower.replica.state.customers["1"], "Bo||Acme");
    // Gone, or another one, by the time it is read.
    follower.close();
    sql.run(
        "UPDATE customers SET name = 'Cy' WHERE id = 1; UPDATE customers SET id = 2 WHERE id = 1;
         UPDATE customers SET name = 'Di' WHERE id = 2; DELETE FROM customers WHERE id = 2;
         INSERT INTO customers VALUES (-1, 'fence')",
    );
    follower.until("the fence has come", |follower| {
        follower.replica.state.customers.contains_key("-1")
    });
    assert_eq!(difference(&follower.replica.state, &truth(&mut sql)), None);
    assert_eq!(follower.copies.len(), 1);
}

#[test]
fn a_row_is_not_read_again_before_its_transaction_is_visible() {
    let (server, mut sql) = centre();
    let big = "jsonb_build_object('company', 'Acme', 'more', (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 500)))";
    sql.run(&format!("INSERT INTO customers VALUES (1, 'Ada', NULL, {big})"));
    let mut follower = Follower::new(settings(&server), mapping());
    follower.until_following();
    // A commit that waits for a standby is in the log, and nobody sees it.
    sql.run("CREATE TABLE unread (id bigint)");
    sql.run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    sql.run("SELECT pg_reload_conf()");
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let mut too_early = 0;
    std::thread::scope(|scope| {
        // The server takes its settings up when it likes: commits wait from the first one on that does.
        loop {
            let probe = scope.spawn(|| server.sql().run("INSERT INTO unread VALUES (1)"));
            while !probe.is_finished() && sql.one(waiting) != "1" {
                std::thread::yield_now();
            }
            if !probe.is_finished() {
                break;
            }
        }
        scope.spawn(|| server.sql().run("UPDATE customers SET name = 'Bo' WHERE id = 1"));
        let mut looks = 0;
        follower.until("the commit has waited for a while", |follower| {
            looks += i32::from(sql.one(waiting) == "2");
            too_early = follower.replica.changes;
            looks > 30
        });
        sql.run("ALTER SYSTEM RESET synchronous_standby_names");
        sql.run("SELECT pg_reload_conf()");
    });
    assert_eq!(too_early, 0, "what was read is older than what has come");
    follower.until("the change has come", |follower| follower.replica.changes == 1);
    assert_eq!(follower.replica.state.customers["1"], "Bo||Acme");
}

#[test]
fn a_truncated_table_is_copied_again() {
    let (server, mut sql) = centre();
    sql.run("INSERT INTO customers VALUES (1, 'Ada'); INSERT INTO cases VALUES (7, 1, 'Late')");
    let mut follower = Follower::new(settings(&server), mapping());
    follower.until_following();
    sql.run("TRUNCATE cases");
    follower.until("it was copied again", |follower| {
        follower.replica.state.cases.is_empty()
    });
    assert!(
        follower.copies[1].contains("public.cases was truncated"),
        "{:?}",
        follower.copies
    );
    assert_eq!(difference(&follower.replica.state, &truth(&mut sql)), None);
}

#[test]
fn a_column_that_is_altered_under_us_is_copied_again() {
    let (server, mut sql) = centre();
    sql.run("INSERT INTO customers VALUES (1, 'Ada')");
    let mut follower = Follower::new(settings(&server), mapping());
    follower.until_following();
    // A column that nobody reads may come and go.
    sql.run(
        "ALTER TABLE customers ADD COLUMN more text DEFAULT 'x'; ALTER TABLE customers DROP COLUMN unread; \
             INSERT INTO customers (id, name) VALUES (2, 'Bo')",
    );
    follower.until("the row has come", |follower| follower.replica.changes == 1);
    assert_eq!(follower.copies.len(), 1);
    // Rewrites every row, and none of them is in the stream.
    sql.run(
        "ALTER TABLE customers ALTER COLUMN name TYPE varchar(50) USING upper(name); \
             INSERT INTO customers (id, name) VALUES (3, 'Cy')",
    );
    follower.until("it was copied again", |follower| follower.copies.len() > 1);
    follower.until_following();
    assert!(
        follower.copies[1].contains("were altered"),
        "{:?}",
        follower.copies
    );
    assert_eq!(difference(&follower.replica.state, &truth(&mut sql)), None);
    assert_eq!(follower.replica.state.customers["1"], "ADA||");
}

#[test]
fn a_partitioned_table_is_one() {
    let server = Postgres::start();
    let mut sql = server.sql();
    sql.run(&TABLES.replace(
        "cases (id bigint PRIMARY KEY, customer_id bigint, title text)",
        "cases (id bigint PRIMARY KEY, customer_id bigint, title text) PARTITION BY HASH (id)",
    ));
    sql.run(
        "CREATE TABLE cases_0 PARTITION OF cases FOR VALUES WITH (MODULUS 2, REMAINDER 0);
         CREATE TABLE cases_1 PARTITION OF cases FOR VALUES WITH (MODULUS 2, REMAINDER 1);
         ALTER TABLE cases_0 REPLICA IDENTITY FULL;
         INSERT INTO cases SELECT i, 1, 't' || i FROM generate_series(1, 20) i",
    );
    sql.run(PUBLICATION);
    let mut follower = Follower::new(settings(&server), mapping());
    let follows = |follower: &Follower| !follower.known.is_empty();
    let why = follower.try_until("it follows", follows).unwrap_err();
    assert!(
        why.contains("ALTER TABLE public.cases_1 REPLICA IDENTITY FULL"),
        "{why}"
    );
    sql.run("ALTER TABLE cases_1 REPLICA IDENTITY FULL");
    let why = follower.try_until("it follows", follows).unwrap_err();
    assert!(why.contains("publish_via_partition_root = true"), "{why}");
    sql.run("ALTER PUBLICATION ringside SET (publish_via_partition_root = true)");
    follower.until_following();
    sql.run(
        "UPDATE cases SET customer_id = 2 WHERE id < 5; UPDATE cases SET id = id + 100 WHERE id > 15; \
         DELETE FROM cases WHERE id IN (7, 8); INSERT INTO customers VALUES (-1, 'fence')",
    );
    follower.until("the fence has come", |follower| {
        follower.replica.state.customers.contains_key("-1")
    });
    assert_eq!(difference(&follower.replica.state, &truth(&mut sql)), None);
}

#[test]
fn a_schema_that_changes_is_read_whole() {
    let server = Postgres::start();
    let mut sql = server.sql();
    sql.run(TABLES);
    sql.run(
        "CREATE TYPE kind AS ENUM ('text', 'email'); CREATE DOMAIN word AS text;
         CREATE TABLE attributes (key word PRIMARY KEY, label text, type kind, required boolean);
         GRANT SELECT ON attributes TO ringside; INSERT INTO attributes VALUES ('mail', 'Mail', 'email', true);
         CREATE PUBLICATION ringside FOR TABLE customers, cases, interactions, attributes",
    );
    let mut mapping = mapping();
    mapping.schema.from = "attributes".into();
    mapping.schema.under = "profile".into();
    for (paths, name) in [
        (&mut mapping.schema.key, "key"),
        (&mut mapping.schema.label, "label"),
        (&mut mapping.schema.kind, "type"),
        (&mut mapping.schema.required, "required"),
    ] {
        *paths = vec![name.to_owned()];
    }
    let mut follower = Follower::new(settings(&server), mapping);
    follower.until_following();
    let keys = |follower: &Follower| -> Vec<String> {
        let schema = follower.replica.schema.as_ref().unwrap().as_array().unwrap();
        schema
            .iter()
            .map(|attribute| attribute["key"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(keys(&follower), ["mail"]);
    assert_eq!(
        follower.replica.schema.as_ref().unwrap()[0]["required"],
        json!(true)
    );
    sql.run("BEGIN; INSERT INTO attributes VALUES ('street', 'Street', 'text', false); INSERT INTO customers VALUES (1, 'Ada'); COMMIT");
    follower.until("the schema has come", |follower| {
        keys(follower) == ["mail", "street"]
    });
    assert_eq!(follower.replica.state.customers["1"], "Ada||");
    sql.run("DELETE FROM attributes WHERE key = 'mail'");
    follower.until("it has come again", |follower| keys(follower) == ["street"]);
    assert_eq!(follower.copies.len(), 1);
}
