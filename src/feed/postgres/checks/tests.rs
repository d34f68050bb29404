//! What servers may answer, and what is said of it.

use std::collections::{BTreeMap, BTreeSet};

use pgwire_replication::Lsn;

use super::super::facts::{Column, Holder, Named};
use super::*;
use crate::feed::mapping::{Cases, Customers};

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A table whose first column is its primary key.
pub(in crate::feed::postgres) fn table(columns: &[&str]) -> Table {
    Table {
        oid: 20_000 + u32::try_from(columns.len()).unwrap(),
        kind: TableKind::Plain,
        is_logged: true,
        may_select: true,
        hides_rows: false,
        rows: Some(3),
        columns: columns
            .iter()
            .zip(1..)
            .map(|(name, number)| Column {
                name: (*name).to_owned(),
                number,
                type_oid: 25,
                is_not_null: number == 1,
                is_generated: false,
            })
            .collect(),
        identities: vec![Identity {
            table: "public.it".into(),
            by: IdentityBy::Columns(set(&columns[..1])),
        }],
    }
}

pub(in crate::feed::postgres) fn mapping() -> Mapping {
    let paths = |path: &str| vec![path.to_owned()];
    Mapping {
        customers: Customers {
            from: "customers".into(),
            id: paths("id"),
            name: paths("name"),
            phones: paths("phones"),
            ..Customers::default()
        },
        cases: Cases {
            from: "cases".into(),
            id: paths("id"),
            customer_id: paths("customer_id"),
            title: paths("title"),
            ..Cases::default()
        },
        ..Mapping::default()
    }
}

pub(in crate::feed::postgres) fn facts() -> Facts {
    let mut cases = table(&["id", "customer_id", "title", "status"]);
    cases.identities[0].by = IdentityBy::Full;
    let customers = table(&["id", "name", "phones"]);
    Facts {
        server: Server {
            version: 150_004,
            in_recovery: false,
            wal_level: "logical".into(),
            slots_max: 10,
            slots_used: 10,
            role: "ringside".into(),
            may_replicate: true,
            database: "crm".into(),
            synchronous_standbys: String::new(),
            system: "7300000000000000001".into(),
            timeline: 1,
            end: Lsn(1000),
        },
        publication: Some(Publication {
            version: "1 2 ".into(),
            insert: true,
            update: true,
            delete: true,
            truncate: true,
            via_root: false,
            tables: [("public", "customers"), ("public", "cases")]
                .map(|(schema, name)| (schema.to_owned(), name.to_owned()))
                .into(),
            named: BTreeMap::from([(customers.oid, Named::default()), (cases.oid, Named::default())]),
        }),
        tables: vec![
            (Target::new(Entity::Customer, "customers"), Some(customers)),
            (Target::new(Entity::Case, "cases"), Some(cases)),
        ],
        slot: Some(Slot {
            plugin: "pgoutput".into(),
            database: "crm".into(),
            holder: Some(Holder {
                pid: "7".into(),
                name: String::new(),
            }),
            is_lost: false,
            is_lasting: true,
            confirmed: Some(Lsn(900)),
        }),
    }
}

fn publication(facts: &mut Facts) -> &mut Publication {
    facts.publication.as_mut().unwrap()
}

fn customers(facts: &mut Facts) -> &mut Table {
    facts.tables[0].1.as_mut().unwrap()
}

fn cases(facts: &mut Facts) -> &mut Table {
    facts.tables[1].1.as_mut().unwrap()
}

fn named(facts: &mut Facts) -> &mut Named {
    let oid = customers(facts).oid;
    publication(facts).named.get_mut(&oid).unwrap()
}

#[test]
fn what_suits_is_let_pass() {
    assert_eq!(check(&facts(), &Settings::default(), &mapping()), Ok(()));
    let mut listed = facts();
    named(&mut listed).columns = Some(set(&["id", "name", "phones"]));
    assert_eq!(check(&listed, &Settings::default(), &mapping()), Ok(()));
    let mut filtered = facts();
    named(&mut filtered).filter = Some("(id > 5)".into());
    named(&mut filtered).uses = set(&["id"]);
    assert_eq!(check(&filtered, &Settings::default(), &mapping()), Ok(()));
}

#[test]
fn each_thing_that_does_not_suit_comes_with_its_remedy() {
    type Spoil = fn(&mut Facts);
    let unfit: [(&str, Spoil); 26] = [
        ("upgrade", |facts| facts.server.version = 120_000),
        ("connect to the primary", |facts| facts.server.in_recovery = true),
        ("ALTER SYSTEM SET wal_level = 'logical'", |facts| {
            facts.server.wal_level = "replica".into();
        }),
        ("ALTER ROLE \"ringside\" REPLICATION", |facts| {
            facts.server.may_replicate = false;
        }),
        ("SET max_replication_slots = 14", |facts| facts.slot = None),
        ("synchronous_standby_names = ", |facts| {
            facts.server.synchronous_standbys = "ANY 1 (a, *)".into();
        }),
        ("correct `from`", |facts| facts.tables[0].1 = None),
        ("found public.customers twice", |facts| {
            facts.tables[1].0 = Target::new(Entity::Case, "customers");
        }),
        ("map the tables below it", |facts| {
            customers(facts).kind = TableKind::Other;
        }),
        ("SET LOGGED", |facts| customers(facts).is_logged = false),
        ("GRANT SELECT ON public.customers TO \"ringside\"", |facts| {
            customers(facts).may_select = false;
        }),
        ("BYPASSRLS", |facts| customers(facts).hides_rows = true),
        ("found none of id", |facts| {
            customers(facts).columns.remove(0);
        }),
        ("add a primary key", |facts| {
            customers(facts).identities[0].by = IdentityBy::Nothing;
        }),
        ("REPLICA IDENTITY FULL", |facts| {
            cases(facts).identities[0].by = IdentityBy::Columns(set(&["id"]));
        }),
        ("ON public.it (\"customer_id\", \"id\")", |facts| {
            cases(facts).identities[0].by = IdentityBy::Columns(set(&["id"]));
        }),
        ("map the columns that it is made of", |facts| {
            customers(facts).columns[2].is_generated = true;
        }),
        ("SET (publish = 'insert, update, delete, truncate')", |facts| {
            publication(facts).truncate = false;
        }),
        ("publish_via_partition_root = true", |facts| {
            cases(facts).kind = TableKind::Partitioned;
        }),
        ("ADD TABLE public.cases;", |facts| {
            publication(facts).tables.pop_first();
        }),
        ("found name missing", |facts| {
            named(facts).columns = Some(set(&["id", "phones"]));
        }),
        ("found id missing", |facts| {
            named(facts).columns = Some(set(&["name", "phones"]));
        }),
        ("found every column missing", |facts| {
            customers(facts).identities[0].by = IdentityBy::Full;
            named(facts).columns = Some(set(&["id", "name", "phones"]));
        }),
        ("replica identity alone, found name", |facts| {
            named(facts).filter = Some("(name <> '')".into());
            named(facts).uses = set(&["id", "name"]);
        }),
        ("another `slot`", |facts| {
            facts.slot.as_mut().unwrap().plugin = "wal2json".into();
        }),
        ("found other", |facts| {
            facts.slot.as_mut().unwrap().database = "other".into();
        }),
    ];
    for (remedy, spoil) in unfit {
        let mut spoilt = facts();
        spoil(&mut spoilt);
        match check(&spoilt, &Settings::default(), &mapping()) {
            Err(SourceError::Unfit(said)) => assert!(said.contains(remedy), "{remedy}: {said}"),
            other => panic!("{remedy}: {other:?}"),
        }
    }
}

#[test]
fn a_publication_is_made_only_where_that_is_asked_for() {
    let mut none = facts();
    none.publication = None;
    let said = check(&none, &Settings::default(), &mapping())
        .unwrap_err()
        .to_string();
    let statement = "CREATE PUBLICATION ringside FOR TABLE public.customers, public.cases;";
    assert!(said.contains(statement), "{said}");
    let makes = Settings {
        create_publication: true,
        ..Settings::default()
    };
    assert_eq!(check(&none, &makes, &mapping()), Ok(()));
    // What would break the application's writes is refused all the more.
    customers(&mut none).identities[0].by = IdentityBy::Nothing;
    assert!(check(&none, &makes, &mapping()).is_err());
    cases(&mut none).kind = TableKind::Partitioned;
    let statement = create_publication(&none, &makes);
    assert!(
        statement.ends_with("WITH (publish_via_partition_root = true)"),
        "{statement}"
    );
}
