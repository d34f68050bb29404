//! A contact centre whose system of record is MongoDB, and how it is compared with what is served.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mongodb::bson::{Bson, Document, doc};
use serde_json::Value;
use servers::mongod::{DATABASE, Store};
use servers::ringside::{PATIENCE, Ringside};
use servers::wait::until;

/// Starts the program on the database at `uri`; `further` is more of its configuration.
pub(crate) fn follow(folder: &Path, uri: &str, further: &str) -> Ringside {
    Ringside::start(
        folder,
        &format!(
            "[feed.main]\nkind = \"mongodb\"\n\
             [feed.main.mongodb]\nuri = {uri:?}\ndatabase = {DATABASE:?}\nconnect_timeout_ms = 3000\nsilence_ms = 5000\n\
             [feed.main.cases]\nfrom = \"cases\"\n\
             [feed.main.interactions]\nfrom = \"interactions\"\n{further}"
        ),
    )
}

/// The `nth` of a number's two spellings of customer `n`, below 5000.
pub(crate) fn phone(n: u32, nth: u32) -> String {
    format!("+1480675{:04}", n * 2 + nth % 2)
}

/// Customer `n` at its `revision`.
pub(crate) fn customer(n: u32, revision: u32) -> Document {
    doc! {
        "_id": format!("c-{n}"),
        "name": format!("Customer {n} Revision {revision}"),
        "phoneNumber": [phone(n, revision)],
    }
}

/// Case `n` of a customer, at its `revision`.
pub(crate) fn case(n: u32, of: u32, revision: u32) -> Document {
    doc! {
        "_id": format!("k-{n}"),
        "customerId": format!("c-{of}"),
        "title": format!("Case {n} Revision {revision}"),
    }
}

/// Waits until a customer of `id` is served under `name`; `None`: until nobody is.
pub(crate) fn until_named(ringside: &Ringside, id: &str, name: Option<&str>) {
    until("a change is served", PATIENCE, || {
        let found = ringside.customer(id);
        let found = found.as_ref().and_then(|customer| customer["name"].as_str());
        if found == name {
            Ok(())
        } else {
            let status = ringside.status();
            Err(format!(
                "expected {name:?}, found {found:?}\n{status}\n{}",
                ringside.log()
            ))
        }
    });
}

/// Waits until the log says `words`.
pub(crate) fn until_logged(ringside: &Ringside, words: &str) {
    until("the log says it", PATIENCE, || {
        let log = ringside.log();
        if log.contains(words) {
            Ok(())
        } else {
            Err(format!("{words:?} is missing:\n{log}"))
        }
    });
}

/// Waits until everything written until now is served.
pub(crate) fn until_here(ringside: &Ringside, store: &Store, fence: &str) {
    let id = format!("fence-{fence}");
    store.put_for_good("customers", &doc! {"_id": &id, "name": fence});
    until_named(ringside, &id, Some(fence));
}

/// A customer as far as it is compared: name, numbers, and the titles of cases by their ids.
type Seen = (String, BTreeSet<String>, BTreeMap<String, String>);

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn served(customer: &Value) -> Seen {
    let list = |key: &str| customer[key].as_array().cloned().unwrap_or_default();
    let number = |phone: &Value| text(phone.get("number").unwrap_or(phone));
    (
        text(&customer["name"]),
        list("phones").iter().map(number).collect(),
        list("cases")
            .iter()
            .map(|case| (text(&case["id"]), text(&case["title"])))
            .collect(),
    )
}

fn stored(customer: &Document, cases: &BTreeMap<String, Document>) -> Seen {
    let id = customer.get_str("_id").unwrap();
    let phones = customer
        .get_array("phoneNumber")
        .map(Vec::as_slice)
        .unwrap_or_default();
    let of_this = |(_, case): &(&String, &Document)| case.get_str("customerId").is_ok_and(|of| of == id);
    let title = |case: &Document| case.get_str("title").unwrap().to_owned();
    (
        customer.get_str("name").unwrap().to_owned(),
        phones
            .iter()
            .filter_map(Bson::as_str)
            .map(str::to_owned)
            .collect(),
        cases
            .iter()
            .filter(of_this)
            .map(|(id, case)| (id.clone(), title(case)))
            .collect(),
    )
}

/// Compares every customer that is, or that `ids` say may have been, with what is served, and every number of those with
/// whom calls from it are said to be from.
pub(crate) fn compare(ringside: &Ringside, store: &Store, ids: impl Iterator<Item = u32>) {
    let (customers, cases) = (store.all("customers"), store.all("cases"));
    let mut expected: BTreeMap<String, Option<Seen>> = BTreeMap::new();
    let mut owners: BTreeMap<String, Option<String>> = BTreeMap::new();
    for n in ids {
        expected.insert(format!("c-{n}"), None);
        owners.extend([0, 1].map(|nth| (phone(n, nth), None)));
    }
    for (id, customer) in &customers {
        let customer = stored(customer, &cases);
        owners.extend(customer.1.iter().map(|number| (number.clone(), Some(id.clone()))));
        expected.insert(id.clone(), Some(customer));
    }
    let found: BTreeMap<String, Option<Seen>> = expected
        .keys()
        .map(|id| (id.clone(), ringside.customer(id).as_ref().map(served)))
        .collect();
    let differ: Vec<_> = expected
        .iter()
        .filter_map(|(id, expected)| {
            let found = &found[id];
            (found != expected).then(|| format!("{id}: expected {expected:?}, found {found:?}"))
        })
        .collect();
    assert!(
        differ.is_empty(),
        "{} of {} differ:\n{}\n{}",
        differ.len(),
        expected.len(),
        differ.join("\n"),
        ringside.status()
    );
    let numbers: Vec<String> = owners.keys().cloned().collect();
    assert_eq!(ringside.owners(&numbers), owners);
}
