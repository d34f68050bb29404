//! A contact centre's database: customers, their cases and interactions, and who writes to it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use ringside::feed::Secret;
use ringside::feed::mapping::{Cases, Customers, Interactions, Mapping};
use ringside::feed::postgres::Settings;
use servers::postgres::{Postgres, Sql};

use super::follower::State;

/// Tables of every kind of identity: a key, the whole row, an index.
pub(super) const TABLES: &str = "
    CREATE TABLE customers (id bigint PRIMARY KEY, name text, phones text[], profile jsonb, unread text);
    CREATE TABLE cases (id bigint PRIMARY KEY, customer_id bigint, title text);
    ALTER TABLE cases REPLICA IDENTITY FULL;
    CREATE TABLE interactions (id bigint PRIMARY KEY, customer_id bigint NOT NULL, type text);
    CREATE UNIQUE INDEX interactions_identity ON interactions (id, customer_id);
    ALTER TABLE interactions REPLICA IDENTITY USING INDEX interactions_identity;
    GRANT SELECT ON customers, cases, interactions TO ringside;";

/// What a person runs for it.
pub(super) const PUBLICATION: &str = "CREATE PUBLICATION ringside FOR TABLE customers, cases, interactions;";

/// How it is followed.
pub(super) fn settings(server: &Postgres) -> Settings {
    Settings {
        uri: Secret::from(format!("{}?sslmode=disable", server.url("ringside"))),
        ..Settings::default()
    }
}

pub(super) fn mapping() -> Mapping {
    let paths = |path: &str| vec![path.to_owned()];
    Mapping {
        customers: Customers {
            from: "public.customers".into(),
            id: paths("id"),
            name: paths("name"),
            phones: paths("phones"),
            company: paths("profile.company"),
            ..Customers::default()
        },
        cases: Cases {
            from: "cases".into(),
            id: paths("id"),
            customer_id: paths("customer_id"),
            title: paths("title"),
            ..Cases::default()
        },
        interactions: Interactions {
            from: "interactions".into(),
            id: paths("id"),
            customer_id: paths("customer_id"),
            kind: paths("type"),
            ..Interactions::default()
        },
        ..Mapping::default()
    }
}

/// A server with the tables and the publication.
pub(super) fn centre() -> (Postgres, Sql) {
    let server = Postgres::start();
    let mut sql = server.sql();
    sql.run(TABLES);
    sql.run(PUBLICATION);
    (server, sql)
}

/// Everything that the database has.
pub(super) fn truth(sql: &mut Sql) -> State {
    let mut state = State::default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    for row in sql.rows("SELECT id, name, array_to_string(phones, ' '), profile->>'company' FROM customers") {
        let rest = format!("{}|{}|{}", text(&row[1]), text(&row[2]), text(&row[3]));
        state.customers.insert(text(&row[0]), rest);
    }
    for row in sql.rows("SELECT customer_id, id, title FROM cases") {
        state.cases.insert((text(&row[0]), text(&row[1])), text(&row[2]));
    }
    for row in sql.rows("SELECT customer_id, id, type FROM interactions") {
        state
            .interactions
            .insert((text(&row[0]), text(&row[1])), text(&row[2]));
    }
    state
}

/// Numbers that look random and are the same every time.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Customers that several writers write at once.
const CUSTOMERS: u64 = 200;

/// A statement or transaction of an application; some fail, as applications' do.
pub(super) fn write(dice: &mut Dice) -> String {
    let (id, other, word) = (
        dice.below(CUSTOMERS),
        dice.below(CUSTOMERS),
        dice.below(1_000_000),
    );
    // Random, so that it cannot be compressed, and is kept apart from its row.
    let profile = format!(
        "jsonb_build_object('company', 'c{word}', 'more', (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 200)))"
    );
    match dice.below(12) {
        0 | 1 => format!(
            "INSERT INTO customers VALUES ({id}, 'n{word}', ARRAY['+1480{word}'], {profile}, 'x') \
             ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, profile = EXCLUDED.profile"
        ),
        2 | 3 => format!("UPDATE customers SET name = 'u{word}' WHERE id = {id}"),
        4 => format!("UPDATE customers SET id = {other}, name = 'k{word}' WHERE id = {id}"),
        5 => format!("DELETE FROM customers WHERE id = {id}"),
        6 => format!(
            "INSERT INTO cases VALUES ({id}, {other}, 't{word}') ON CONFLICT (id) DO UPDATE SET \
             customer_id = EXCLUDED.customer_id, title = EXCLUDED.title"
        ),
        7 => format!(
            "DELETE FROM cases WHERE id = {id}; UPDATE cases SET customer_id = {id} WHERE id = {other}"
        ),
        8 => format!(
            "INSERT INTO interactions VALUES ({id}, {other}, 'i{word}') ON CONFLICT (id) DO UPDATE SET \
             customer_id = EXCLUDED.customer_id"
        ),
        9 => format!(
            "BEGIN; DELETE FROM interactions WHERE id = {id}; DELETE FROM customers WHERE id < {other}; ROLLBACK"
        ),
        10 => format!(
            "INSERT INTO customers SELECT i, 'many{word}', ARRAY['+1480' || i], {profile} FROM \
             generate_series({id}, {id} + 40) i ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name"
        ),
        _ => format!(
            "BEGIN; UPDATE customers SET phones = ARRAY['+49{word}'] WHERE id = {id}; SAVEPOINT a; DELETE FROM customers \
             WHERE id = {other}; ROLLBACK TO a; UPDATE interactions SET customer_id = {other} WHERE id = {id}; COMMIT"
        ),
    }
}

/// Writes until told to stop, and says how often.
pub(super) fn writer(server: &Postgres, seed: u64, stop: &AtomicBool) -> u64 {
    let mut sql = server.sql();
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut written = 0;
    while !stop.load(Ordering::Relaxed) {
        // Two writers may wait for each other, and a key may be taken.
        if sql.try_rows(&write(&mut dice)).is_err() {
            let _ended = sql.try_rows("ROLLBACK");
        }
        written += 1;
    }
    written
}

/// What both have, or where they differ.
pub(super) fn difference(served: &State, truth: &State) -> Option<String> {
    fn of<K: Ord + std::fmt::Debug>(
        what: &str,
        served: &BTreeMap<K, String>,
        truth: &BTreeMap<K, String>,
    ) -> Vec<String> {
        let keys = served.keys().chain(truth.keys());
        let mut differing: Vec<String> = keys
            .filter(|key| served.get(*key) != truth.get(*key))
            .map(|key| format!("{what} {key:?}: {:?}, not {:?}", served.get(key), truth.get(key)))
            .collect();
        differing.dedup();
        differing
    }
    let mut all = of("customer", &served.customers, &truth.customers);
    all.extend(of("case", &served.cases, &truth.cases));
    all.extend(of("interaction", &served.interactions, &truth.interactions));
    (!all.is_empty()).then(|| format!("{} differ: {}", all.len(), all[..all.len().min(5)].join("; ")))
}
