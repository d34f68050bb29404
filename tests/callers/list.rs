//! Customers listed by name, number, label and attribute: what is asked, what is answered, what is refused.

use bytes::BytesMut;
use ringside::callers::{Call, SearchSettings};
use ringside::customer::Record;
use ringside::customer::record::Origin;
use serde_json::{Value, json};

use crate::support::{Centre, Plan, centre, person, record};

fn plan() -> Plan {
    let schema = json!([
        {"key": "email", "type": "email"},
        {"key": "tier", "type": "text"},
        {"key": "ssn", "type": "text", "sensitive": true},
    ]);
    let mut customers = vec![
        json!({"id": "c-1", "name": "Ada Lovelace", "company": "Analytical Engines",
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-03-01T00:00:00Z",
            "phones": ["+1 480 675 4110", {"number": "020 7946 0958", "region": "GB"}],
            "labels": [{"name": "VIP", "color": "#d4af37"}], "flags": {"do_not_sms": true},
            "attributes": {"email": "ada@example.org", "tier": "gold", "ssn": "078-05-1120"},
            "cases": [{"id": "k-1", "number": "CAS-1", "title": "Router", "status": "open",
                "created_at": "2026-02-01T00:00:00Z"}]}),
        json!({"id": "c-2", "name": "Adam Ångström", "created_at": "2026-01-03T00:00:00Z",
            "updated_at": "2026-02-01T00:00:00Z", "phones": ["+14806754180"],
            "attributes": {"tier": "Gold"}}),
        json!({"id": "c-3", "name": "<b>Ada</b> & \"Söhne\"", "created_at": "2026-01-02T00:00:00Z",
            "phones": ["+14806754180"], "attributes": {"tier": "blue"}}),
        json!({"id": "c-4", "name": "עדה לאבלייס", "first_name": "Ada"}),
    ];
    customers.push(person("c-5", "Zoë O'Neil", json!(["+14806754199"])));
    Plan {
        schema,
        customers,
        ..Plan::default()
    }
}

fn asked(centre: &Centre, query: &str) -> (u16, Value) {
    let mut out = BytesMut::new();
    let call = Call {
        path: "/v1/customers",
        query,
        ..Call::default()
    };
    let reply = centre.native.answer(&call, &mut out).unwrap();
    (reply.status, serde_json::from_slice(&out).unwrap())
}

/// The ids that `query` lists, all of them.
fn ids(centre: &Centre, query: &str) -> Vec<String> {
    let (status, list) = asked(centre, query);
    assert_eq!(status, 200, "{query}: {list}");
    let customers = list["customers"].as_array().unwrap();
    assert_eq!(list["total"], customers.len(), "{query}");
    assert_eq!(list["total_is_exact"], true, "{query}");
    let id = |customer: &Value| customer["customer_id"].as_str().unwrap().to_owned();
    customers.iter().map(id).collect()
}

#[test]
fn a_list_says_what_is_known_of_each_and_names_are_text() {
    let (status, list) = asked(&centre(&plan()), "search=LOVELACE");
    assert_eq!(status, 200);
    let mut ada = json!({
        "customer_id": "c-1", "name": "Ada Lovelace", "company": "Analytical Engines",
        "phones": ["+1 480 675 4110", "020 7946 0958"], "labels": [{"name": "VIP", "color": "#d4af37"}],
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-03-01T00:00:00Z", "pending": false,
    });
    ada["open_case"] = list["customers"][0]["open_case"].clone();
    assert_eq!(ada["open_case"]["number"], "CAS-1");
    let expected = json!({
        "total": 1, "total_is_exact": true, "page": 1, "pages": 1, "page_size": 20, "indexed": true,
        "customers": [ada], "generation": 12,
    });
    assert_eq!(list, expected);
    assert!(!list.to_string().contains("078-05-1120"));
    let (_, list) = asked(&centre(&plan()), "search=sohne");
    assert_eq!(list["customers"][0]["name"], "<b>Ada</b> & \"Söhne\"");
}

#[test]
fn words_are_found_by_their_beginnings_in_any_order_and_the_words_themselves_first() {
    let centre = centre(&plan());
    for (query, expected) in [
        ("search=ada", &["c-3", "c-1", "c-4", "c-2"][..]),
        ("search=ad&sort=name", &["c-3", "c-1", "c-2", "c-4"]),
        ("search=lov+ada", &["c-1"]),
        ("search=%D7%A2%D7%93", &["c-4"]),
        ("search=angstrom", &["c-2"]),
        ("search=%C3%85NGST", &["c-2"]),
        ("search=oneil", &["c-5"]),
        ("search=o%27neil", &["c-5"]),
        ("search=engines+ada", &["c-1"]),
        ("search=name:ada", &["c-3", "c-1", "c-2"]),
        ("search=first_name:ada", &["c-4"]),
        ("search=company:anal+ada", &["c-1"]),
        ("search=email:ADA@example.org", &["c-1"]),
        ("search=ssn:078-05-1120", &[]),
        ("search=lovelacex", &[]),
    ] {
        assert_eq!(ids(&centre, query), expected, "{query}");
    }
}

#[test]
fn a_number_in_any_form_finds_whoever_lists_it() {
    let centre = centre(&plan());
    for (query, expected) in [
        ("search=%2B14806754180", &["c-3", "c-2"][..]),
        ("search=+14806754180", &["c-3", "c-2"]),
        ("search=(480)%20675-4180&sort=-name", &["c-2", "c-3"]),
        ("search=tel:%2B1-480-675-4110", &["c-1"]),
        ("search=%2B442079460958", &["c-1"]),
        ("search=%2B14806754180&filter=tier:gold", &["c-2"]),
        ("search=4806754100", &[]),
    ] {
        assert_eq!(ids(&centre, query), expected, "{query}");
    }
}

#[test]
fn lists_are_sorted_filtered_and_paged() {
    let centre = centre(&plan());
    for (query, expected) in [
        ("", &["c-2", "c-3", "c-1", "c-4", "c-5"][..]),
        ("sort=created_at", &["c-1", "c-3", "c-2", "c-4", "c-5"]),
        ("sort=updated_at", &["c-2", "c-1", "c-3", "c-4", "c-5"]),
        ("sort=-tier", &["c-1", "c-2", "c-3", "c-4", "c-5"]),
        ("sort=tier", &["c-3", "c-1", "c-2", "c-4", "c-5"]),
        ("label=vip", &["c-1"]),
        ("label=VI", &[]),
        ("filter=tier:gold", &["c-2", "c-1"]),
        ("filter=tier:gold&filter=flag:do_not_sms", &["c-1"]),
        ("filter=flag:do_not_call", &[]),
        ("search=ad&label=VIP", &["c-1"]),
    ] {
        assert_eq!(ids(&centre, query), expected, "{query}");
    }
    let mut all = Vec::new();
    for page in 1..=4 {
        let (_, list) = asked(&centre, &format!("sort=name&page_size=2&page={page}"));
        assert_eq!((&list["total"], &list["pages"]), (&json!(5), &json!(3)));
        let customers = list["customers"].as_array().unwrap().clone();
        all.extend(customers.iter().map(|customer| customer["customer_id"].clone()));
    }
    assert_eq!(all, ["c-3", "c-1", "c-2", "c-5", "c-4"]);
}

#[test]
fn what_cannot_be_read_is_refused_by_its_name() {
    let centre = centre(&plan());
    let long = "x".repeat(201);
    for (query, field) in [
        ("page=0", "page"),
        ("page=x", "page"),
        ("page=1001", "page"),
        ("page_size=0", "page_size"),
        ("page_size=101", "page_size"),
        ("sort=shoe", "sort"),
        ("sort=-ssn", "sort"),
        ("filter=ssn:1", "filter"),
        ("filter=flag:tall", "filter"),
        ("filter=tier", "filter"),
        (&format!("search={long}"), "search"),
        (&format!("search={}", "a+".repeat(17)), "search"),
    ] {
        let (status, refused) = asked(&centre, query);
        assert_eq!(
            (status, &refused["error"]["field"]),
            (400, &json!(field)),
            "{query}"
        );
    }
    let (_, refused) = asked(&centre, "filter=ssn:078-05-1120");
    assert!(!refused.to_string().contains("078"), "{refused}");
}

#[test]
fn whoever_was_deleted_or_renamed_is_found_by_no_old_name() {
    let mut centre = centre(&plan());
    let schema = centre.tenant.index.schema();
    let origin = Origin {
        stream: 0,
        position: &[],
        marks: &[],
    };
    let renamed = json!({"id": "c-2", "name": "Eva Ångström", "phones": ["+14806754180"]});
    let new = json!({"id": "c-6", "name": "Ada Yonath", "created_at": "2026-05-01T00:00:00Z"});
    centre.writer.delete(101, "c-1", origin);
    for (seq, customer) in [(102, renamed), (103, new)] {
        let bytes = record(&customer, &schema, seq);
        centre.writer.upsert(seq, &Record::open(&bytes).unwrap());
    }
    assert_eq!(ids(&centre, "search=lovelace"), ["c-1"], "not visible yet");
    centre.writer.publish();
    assert_eq!(ids(&centre, "search=ada"), ["c-3", "c-6", "c-4"]);
    assert_eq!(ids(&centre, "search=lovelace"), [""; 0]);
    assert_eq!(ids(&centre, "search=angstrom"), ["c-2"]);
    assert_eq!(ids(&centre, "search=eva"), ["c-2"]);
    assert_eq!(ids(&centre, "search=%2B14806754110"), [""; 0]);
    assert_eq!(ids(&centre, ""), ["c-6", "c-3", "c-2", "c-4", "c-5"]);
    centre.writer.delete(104, "c-6", origin);
    centre.writer.publish();
    assert_eq!(ids(&centre, "search=yonath"), [""; 0]);
}

#[test]
fn more_than_may_be_looked_at_is_not_exact() {
    let mut plan = plan();
    plan.customers = (0..300)
        .map(|nth| person(&format!("c-{nth}"), &format!("Ada {nth}"), json!([])))
        .collect();
    plan.customers[299]["attributes"] = json!({"tier": "gold"});
    let mut centre = centre(&plan);
    let settings = SearchSettings {
        scan_max: 100,
        ..SearchSettings::BUILTIN
    };
    centre.native = centre.native.clone().searching(settings);
    let (_, list) = asked(&centre, "search=ada&page_size=5");
    assert_eq!(
        (&list["total"], &list["total_is_exact"]),
        (&json!(300), &json!(true))
    );
    let (_, list) = asked(&centre, "filter=tier:gold");
    assert_eq!(list["total_is_exact"], false);
    let (status, _) = asked(&centre, "search=ada&page_size=50&page=3");
    assert_eq!(status, 400);
    let (_, list) = asked(&centre, "search=ada&page_size=50&page=2");
    assert_eq!(list["customers"].as_array().unwrap().len(), 50);
}

#[test]
fn only_so_many_search_at_once() {
    let centre = centre(&plan());
    let lists = centre.native.lists();
    let turns: Vec<_> = (0..SearchSettings::BUILTIN.at_once_max)
        .map(|_| lists.begin().unwrap())
        .collect();
    assert_eq!(lists.begin().unwrap_err().code(), "overload");
    drop(turns);
    assert!(lists.begin().is_ok());
}
