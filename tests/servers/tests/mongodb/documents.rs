//! Documents as systems of record have them: of every type, strange, large, hot, and parts that move.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Decimal128, Document, doc};
use servers::mongod::{ReplicaSet, Store};
use servers::ringside::Ringside;

use crate::centre::{case, compare, customer, follow, until_here, until_named};

/// Documents that are no trouble to anybody's database, and the number by which each is to be found.
fn odd() -> Vec<(Document, Option<&'static str>)> {
    let nested = (0..80).fold(doc! {"end": 1}, |inner, _| doc! {"in": inner});
    let decimal: Decimal128 = "14806759004".parse().unwrap();
    vec![
        (
            doc! {"_id": "long", "name": "Long", "phoneNumber": 14_806_759_001_i64},
            Some("+14806759001"),
        ),
        (
            doc! {"_id": "double", "name": "Double", "phoneNumber": 4.806_759_002e9},
            Some("+14806759002"),
        ),
        (
            doc! {"_id": "list", "name": "List", "phoneNumber": [14_806_759_003.0, Bson::Null, true, {"no": 1}]},
            Some("+14806759003"),
        ),
        (
            doc! {"_id": "decimal", "name": "Decimal", "phoneNumber": decimal},
            Some("+14806759004"),
        ),
        (
            doc! {"_id": 17_i32, "name": "Whole id", "phoneNumber": "+14806759005"},
            Some("+14806759005"),
        ),
        (
            doc! {"_id": {"a": 1}, "name": "Id that is none", "phoneNumber": "+14806759006"},
            None,
        ),
        (
            doc! {"_id": "binary", "name": "Binary", "phoneNumber": "+14806759007", "image":
            Binary { subtype: BinarySubtype::Generic, bytes: vec![0; 100_000] }},
            Some("+14806759007"),
        ),
        (
            doc! {"_id": "deep", "name": "Deep", "phoneNumber": "+14806759008", "nested": nested},
            Some("+14806759008"),
        ),
        (
            doc! {"_id": "nobody", "name": Bson::Null, "phoneNumber": Bson::Null},
            None,
        ),
        (
            doc! {"_id": "early", "name": "Early", "phoneNumber": "+14806759009", "createdAt": DateTime::MIN},
            Some("+14806759009"),
        ),
        (
            doc! {"_id": "x".repeat(900), "name": "Id too long", "phoneNumber": "+14806759010"},
            None,
        ),
        (
            doc! {"_id": "odd", "name": ["a", 1], "phoneNumber": {"number": "+14806759011"}, "dot.dot": 1, "": 2},
            Some("+14806759011"),
        ),
    ]
}

fn until_odd(ringside: &Ringside, store: &Store, fence: &str) {
    until_here(ringside, store, fence);
    for (document, number) in odd() {
        if let Some(number) = number {
            let answer = ringside.lookup(number);
            assert_eq!(answer["found"], true, "{document}: {answer}");
        }
    }
    assert_eq!(ringside.lookup("+14806759006")["found"], false);
}

#[test]
fn odd_documents_are_read_or_refused_whether_copied_or_followed() {
    let set = ReplicaSet::single();
    let store = set.store();
    let object = ObjectId::new();
    for (document, _) in odd() {
        store.put("customers", &document);
    }
    store.put("customers", &doc! {"_id": object, "name": "Object"});
    store.put(
        "cases",
        &doc! {"_id": object, "customerId": object, "title": "Of an object"},
    );
    store.put("cases", &doc! {"_id": "nobody's", "title": "Nobody's"});
    let folder = tempfile::tempdir().unwrap();
    let ringside = follow(folder.path(), &set.uri(), "");
    ringside.until_fresh();
    until_odd(&ringside, &store, "copied");
    let customer = ringside.customer(&object.to_hex()).unwrap();
    assert_eq!(customer["cases"][0]["title"], "Of an object");
    let made = object.timestamp().timestamp_millis() / 1000;
    assert!(customer["created_at"].is_string(), "made at {made}: {customer}");

    for (document, _) in odd() {
        store.put(
            "customers",
            &doc! {"_id": document.get("_id").unwrap(), "name": "Nobody in particular"},
        );
    }
    until_here(&ringside, &store, "between");
    assert_eq!(ringside.lookup("+14806759001")["found"], false);
    for (document, _) in odd() {
        store.put("customers", &document);
    }
    until_odd(&ringside, &store, "followed");
    assert_eq!(ringside.customer("nobody"), None);
    assert_eq!(ringside.log().matches("everything is to be copied").count(), 1);
}

#[test]
fn what_many_write_at_once_ends_as_the_last_one_wrote_it() {
    let set = ReplicaSet::single();
    let store = set.store();
    store.put("customers", &customer(1, 0));
    let folder = tempfile::tempdir().unwrap();
    let ringside = follow(folder.path(), &set.uri(), "[guard]\nmax_percent = 100\n");
    ringside.until_fresh();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let store = store.clone();
            scope.spawn(move || {
                for revision in 0..250 {
                    match revision % 10 {
                        9 => store.remove("customers", "c-1"),
                        _ => store.put("customers", &customer(1, revision * 4 + writer)),
                    }
                }
                // So that it is there in the end.
                store.put("customers", &customer(1, 10_000 + writer));
            });
        }
    });
    until_here(&ringside, &store, "hot");
    compare(&ringside, &store, 0..2);
}

/// Cases change hands and are closed.
fn parts_move(has_pre_images: bool) {
    let set = ReplicaSet::single();
    let store = set.store();
    store.run(doc! {"create": "cases"});
    if has_pre_images {
        store.run(doc! {"collMod": "cases", "changeStreamPreAndPostImages": {"enabled": true}});
    }
    for n in 0..10 {
        store.put("customers", &customer(n, 0));
        store.put("cases", &case(n, n, 0));
    }
    let folder = tempfile::tempdir().unwrap();
    let ringside = follow(folder.path(), &set.uri(), "");
    ringside.until_fresh();
    compare(&ringside, &store, 0..10);
    let cases = store.collection("cases");
    let set_owner = |k: u32, n: u32| {
        let set = doc! {"$set": {"customerId": format!("c-{n}")}};
        store
            .wait(cases.update_one(doc! {"_id": format!("k-{k}")}, set))
            .unwrap();
    };
    set_owner(0, 1);
    store.put("cases", &case(2, 3, 1));
    store.remove("cases", "k-4");
    set_owner(5, 6);
    set_owner(5, 7);
    set_owner(5, 5);
    store.remove("cases", "k-8");
    store.put("cases", &case(8, 9, 2));
    store.remove("customers", "c-9");
    store.put("cases", &case(8, 1, 3));
    until_here(&ringside, &store, "moved");
    compare(&ringside, &store, 0..10);
}

#[test]
fn cases_change_hands_and_are_closed_with_pre_images() {
    parts_move(true);
}

#[test]
fn cases_change_hands_and_are_closed_without_pre_images() {
    parts_move(false);
}

#[test]
fn a_change_too_large_for_an_event_does_not_end_the_feed() {
    let set = ReplicaSet::single();
    let store = set.store();
    store.run(doc! {"create": "customers"});
    store.run(doc! {"collMod": "customers", "changeStreamPreAndPostImages": {"enabled": true}});
    let large = |name: &str| doc! {"_id": "large", "name": name, "notes": "x".repeat(9 << 20)};
    store.put("customers", &large("First"));
    let folder = tempfile::tempdir().unwrap();
    let ringside = follow(folder.path(), &set.uri(), "");
    ringside.until_fresh();
    // What it was and what it is are more than 16 MiB together.
    store.put("customers", &large("Second"));
    until_named(&ringside, "large", Some("Second"));
    until_here(&ringside, &store, "large");
}
