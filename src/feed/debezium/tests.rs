//! Decoding what real engines said of PostgreSQL and MongoDB, and what Debezium's documentation says of MySQL and SQL
//! Server; `tests/data/debezium/README.md` tells how each was made.

#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

mod golden;
mod mutated;
mod shapes;

use super::super::mapping::{AttributeField, Cases, Customers, Interactions, Mapping};
use super::*;
use crate::customer::AttributeType;
use crate::replica::PartChange;

fn paths(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

fn mapping() -> Mapping {
    let attribute = |key: &str| AttributeField {
        key: key.into(),
        path: String::new(),
        label: String::new(),
        kind: AttributeType::Text,
        required: false,
        sensitive: false,
        help: String::new(),
    };
    Mapping {
        customers: Customers {
            from: "customers".into(),
            id: paths(&["_id", "id"]),
            name: paths(&["name"]),
            first_name: paths(&["firstName", "first_name"]),
            last_name: paths(&["lastName"]),
            created_at: paths(&["createdAt", "created_at"]),
            updated_at: paths(&["updated_at"]),
            phones: paths(&["phoneNumber", "phones", "numbers"]),
            do_not_call: paths(&["do_not_call"]),
            attributes: ["tier", "balance", "born", "opens", "limit_", "seen_at"]
                .map(attribute)
                .to_vec(),
            ..Customers::default()
        },
        cases: Cases {
            from: "cases".into(),
            id: paths(&["_id", "id"]),
            customer_id: paths(&["customer_id"]),
            title: paths(&["title"]),
            status: paths(&["status"]),
            created_at: paths(&["created_at"]),
            ..Cases::default()
        },
        interactions: Interactions {
            from: "public.calls".into(),
            id: paths(&["id"]),
            customer_id: paths(&["customer_id"]),
            ..Interactions::default()
        },
        ..Mapping::default()
    }
}

fn decoder() -> Debezium {
    Debezium::new(mapping(), &Settings::default())
}

fn items(value: &str) -> Vec<Item> {
    let mut items = Vec::new();
    decoder().decode(Message::of(value.as_bytes()), &mut items);
    items
}

/// An item as a line.
fn told(item: &Item) -> String {
    match item {
        Item::Nothing => "nothing".into(),
        Item::Anew(what) => format!("anew: {what}"),
        Item::Truncated(what) => format!("truncated: {what}"),
        Item::Refused(refused) => format!("refused: {}", refused.reason),
        Item::Change { change, .. } => match change {
            Change::Upsert { customer } => format!("upsert {}", customer.json().to_value()),
            Change::Delete { id } => format!("delete {id}"),
            Change::Heartbeat => "heartbeat".into(),
            Change::Part { customer_id, part } => match part {
                PartChange::Case(crate::replica::Part::Put(case)) => {
                    format!("case {} of {customer_id}", case.id)
                }
                PartChange::Interaction(crate::replica::Part::Put(interaction)) => {
                    format!("interaction {} of {customer_id}", interaction.id)
                }
                PartChange::Case(crate::replica::Part::Delete(id)) => {
                    format!("no case {id} of {customer_id}")
                }
                PartChange::Interaction(crate::replica::Part::Delete(id)) => {
                    format!("no interaction {id} of {customer_id}")
                }
            },
            other => format!("{other:?}"),
        },
    }
}

fn all_told(value: &str) -> Vec<String> {
    items(value).iter().map(told).collect()
}
