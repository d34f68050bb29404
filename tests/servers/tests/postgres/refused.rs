//! What does not suit is refused with its remedy, nothing is made, and the application goes on writing.

use std::fs;

use ringside::feed::Secret;
use ringside::feed::postgres::{Settings, SslMode};
use ringside::feed::secure::Tls;
use servers::postgres::{Postgres, Sql};

use super::centre::{PUBLICATION, TABLES, centre, mapping, settings};
use super::follower::Follower;

/// What an application writes all day.
const WRITES: &str = "INSERT INTO customers VALUES (1, 'Ada', '{+1}'); UPDATE customers SET name = 'Bo', phones = '{+2}'; \
    DELETE FROM customers; INSERT INTO cases VALUES (1, 1, 'Late'); UPDATE cases SET title = 'Later', customer_id = 2; \
    DELETE FROM cases; INSERT INTO interactions VALUES (1, 1, 'voice'); UPDATE interactions SET type = 'chat'; \
    DELETE FROM interactions";

fn refused(settings: Settings) -> String {
    let mut follower = Follower::new(settings, mapping());
    follower
        .try_until("it is refused", |follower| !follower.known.is_empty())
        .expect_err("it was let pass")
}

fn nothing_is_made(sql: &mut Sql) {
    assert_eq!(sql.one("SELECT count(*) FROM pg_replication_slots"), "0");
}

#[test]
fn what_would_break_the_applications_writes_is_never_made() {
    // What the database has, and what is to be run.
    let unfit = [
        (
            "ALTER TABLE customers DROP CONSTRAINT customers_pkey",
            "add a primary key",
        ),
        (
            "ALTER TABLE cases REPLICA IDENTITY NOTHING",
            "REPLICA IDENTITY FULL",
        ),
        (
            "ALTER TABLE cases REPLICA IDENTITY DEFAULT",
            "ON public.cases (\"customer_id\", \"id\")",
        ),
        (
            "ALTER TABLE interactions REPLICA IDENTITY DEFAULT",
            "ON public.interactions",
        ),
        (
            "REVOKE SELECT ON cases FROM ringside",
            "GRANT SELECT ON public.cases TO \"ringside\"",
        ),
        ("ALTER TABLE customers ENABLE ROW LEVEL SECURITY", "BYPASSRLS"),
        (
            "ALTER ROLE ringside NOREPLICATION",
            "ALTER ROLE \"ringside\" REPLICATION",
        ),
        ("ALTER TABLE cases SET UNLOGGED", "SET LOGGED"),
        ("DROP TABLE interactions", "expected a table public.interactions"),
        (
            "ALTER TABLE customers RENAME COLUMN id TO number",
            "expected public.customers to have a column with an id",
        ),
    ];
    let server = Postgres::start();
    let mut sql = server.sql();
    for (spoil, remedy) in unfit {
        sql.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO ringside; ALTER ROLE ringside REPLICATION");
        sql.run(TABLES);
        sql.run(spoil);
        let makes = Settings {
            create_publication: true,
            ..settings(&server)
        };
        let why = refused(makes);
        assert!(why.contains(remedy), "{spoil}: {why}");
        assert_eq!(sql.one("SELECT count(*) FROM pg_publication"), "0", "{spoil}");
        nothing_is_made(&mut sql);
        if !spoil.contains("DROP TABLE") && !spoil.contains("RENAME") {
            sql.run(WRITES);
        }
    }
}

#[test]
fn a_publication_that_does_not_suit_is_refused() {
    let (server, mut sql) = centre();
    let cases = [
        (
            "DROP PUBLICATION ringside",
            "CREATE PUBLICATION ringside FOR TABLE public.cases",
        ),
        (
            "ALTER PUBLICATION ringside SET (publish = 'insert, update')",
            "SET (publish = 'insert, update, delete, truncate')",
        ),
        (
            "ALTER PUBLICATION ringside DROP TABLE cases",
            "ADD TABLE public.cases",
        ),
        (
            "ALTER PUBLICATION ringside SET TABLE customers (id, name, profile), cases, interactions",
            "found phones missing",
        ),
        (
            "ALTER PUBLICATION ringside SET TABLE customers (name, phones, profile), cases, interactions",
            "found id missing",
        ),
        (
            "ALTER PUBLICATION ringside SET TABLE customers, cases (id, customer_id, title), interactions",
            "found every column missing",
        ),
        (
            "ALTER PUBLICATION ringside SET TABLE customers WHERE (name <> ''), cases, interactions",
            "replica identity alone, found name",
        ),
    ];
    for (spoil, remedy) in cases {
        sql.run("DROP PUBLICATION IF EXISTS ringside");
        sql.run(PUBLICATION);
        sql.run(spoil);
        let why = refused(settings(&server));
        assert!(why.contains(remedy), "{spoil}: {why}");
        nothing_is_made(&mut sql);
    }
    // What is to be run mends it, and then the application writes and everything arrives.
    let statement = "ALTER PUBLICATION ringside DROP TABLE public.customers; ALTER PUBLICATION ringside ADD TABLE public.customers;";
    let why = refused(settings(&server));
    assert!(why.contains(statement), "{why}");
    assert!(sql.try_rows(WRITES).is_err(), "the publication broke them");
    sql.run(statement);
    sql.run(WRITES);
    let mut follower = Follower::new(settings(&server), mapping());
    follower.until_following();
    sql.run(WRITES);
    follower.until("everything has come", |follower| follower.replica.changes >= 9);
}

#[test]
fn a_filter_by_the_key_and_a_list_with_all_that_is_read_suit() {
    let (server, mut sql) = centre();
    sql.run(
        "ALTER PUBLICATION ringside SET TABLE customers WHERE (id < 100), cases, interactions (id, customer_id, type); \
         INSERT INTO customers VALUES (1, 'Ada'), (200, 'Bo'); INSERT INTO interactions VALUES (3, 1, 'voice')",
    );
    let mut follower = Follower::new(settings(&server), mapping());
    follower.until_following();
    let ids =
        |follower: &Follower| -> Vec<String> { follower.replica.state.customers.keys().cloned().collect() };
    assert_eq!(ids(&follower), ["1"]);
    sql.run("UPDATE customers SET id = id - 150 WHERE id = 200; UPDATE customers SET id = 300 WHERE id = 1");
    follower.until("one came in and one went out", |follower| ids(follower) == ["50"]);
}

#[test]
fn a_server_that_does_not_suit_is_refused() {
    let server = Postgres::start_with(&["wal_level = replica"]);
    server.sql().run(TABLES);
    let why = refused(settings(&server));
    assert!(why.contains("ALTER SYSTEM SET wal_level = 'logical'"), "{why}");

    let server = Postgres::start_with(&["max_replication_slots = 1", "synchronous_standby_names = ''"]);
    let mut sql = server.sql();
    sql.run(TABLES);
    sql.run(PUBLICATION);
    sql.run("SELECT pg_create_physical_replication_slot('other')");
    let why = refused(settings(&server));
    assert!(why.contains("SET max_replication_slots = 5"), "{why}");
    let taken = Settings {
        slot: "other".into(),
        ..settings(&server)
    };
    assert!(refused(taken).contains("expected slot other to use pgoutput"));
}

#[test]
fn whoever_is_not_let_in_is_told_what_to_correct() {
    let (server, _sql) = centre();
    let wrong = Settings {
        uri: Secret::from(server.url("ringside").replace("secret", "wrong") + "?sslmode=disable"),
        ..settings(&server)
    };
    let why = refused(wrong);
    assert!(why.contains("28P01") && why.contains("pg_hba.conf"), "{why}");
    assert!(!why.contains("wrong"), "{why}");
    let elsewhere = Settings {
        uri: Secret::from(server.url("ringside").replace("/postgres", "/nowhere") + "?sslmode=disable"),
        ..settings(&server)
    };
    assert!(refused(elsewhere).contains("correct the feed's database"));
    let secure = Settings {
        uri: Secret::from(server.url("ringside")),
        ..settings(&server)
    };
    assert!(refused(secure).contains("the server has no TLS"));
}

#[test]
fn a_certificate_has_to_name_the_host() {
    let mut server = Postgres::start();
    let mut sql = server.sql();
    sql.run(TABLES);
    sql.run(PUBLICATION);
    let folder = server.folder().to_owned();
    let certificate = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(folder.join("server.crt"), certificate.cert.pem()).unwrap();
    fs::write(folder.join("server.key"), certificate.signing_key.serialize_pem()).unwrap();
    for file in ["server.crt", "server.key"] {
        server.give(&folder.join(file));
    }
    drop(sql);
    server.set("ssl = on");
    server.set(&format!(
        "ssl_cert_file = '{}'",
        folder.join("server.crt").display()
    ));
    server.set(&format!(
        "ssl_key_file = '{}'",
        folder.join("server.key").display()
    ));
    server.kill_and_start();
    let ca = folder.join("ca.pem");
    fs::write(&ca, certificate.cert.pem()).unwrap();
    let of = |host: &str, sslmode: SslMode, ca: &str| {
        let by = Settings {
            uri: Secret::default(),
            host: host.into(),
            port: server.port(),
            user: "ringside".into(),
            database: "postgres".into(),
            password: Secret::from("secret".to_owned()),
            sslmode,
            ..Settings::default()
        };
        let tls = Tls {
            ca: ca.into(),
            ..Tls::default()
        };
        let mut follower = Follower::with(by, tls, mapping());
        let followed = follower.try_until("it follows", |follower| follower.replica.idle > 0);
        follower.close();
        followed
    };
    let ca = ca.to_str().unwrap();
    let why = of("127.0.0.1", SslMode::VerifyFull, ca).unwrap_err();
    assert!(why.contains("has to name the host"), "{why}");
    let why = of("localhost", SslMode::VerifyFull, "").unwrap_err();
    assert!(why.contains("lead to one in tls.ca"), "{why}");
    assert_eq!(of("localhost", SslMode::VerifyFull, ca), Ok(()));
    assert_eq!(of("127.0.0.1", SslMode::Require, ""), Ok(()));
}
