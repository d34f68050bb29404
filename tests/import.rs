//! Snapshots from files: a real one, bad ones, and what a failure leaves behind.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing step fails the test")]

use ringside::snapshot::import::Reject;

use place::{Place, claimant_ids, json, rejects};

#[path = "import/cells.rs"]
mod cells;
#[path = "import/faults.rs"]
mod faults;
#[path = "import/hospitals.rs"]
mod hospitals;
#[path = "import/place.rs"]
mod place;
#[path = "import/repeats.rs"]
mod repeats;
#[path = "import/resume.rs"]
mod resume;
#[path = "import/round_trip.rs"]
mod round_trip;

#[test]
fn a_mapping_names_everything() {
    let place = Place::new();
    let mapping = r#"
        only = true
        delimiter = ";"
        [columns]
        id = "Nr"
        first_name = "Vorname"
        last_name = "Name"
        created_at = "Seit"
        region = "Land"
        do_not_call = "Sperre"
        phones = ["Telefon", { column = "Mobil", kind = "mobile", region = "DE", shared = true }]
        labels = { column = "Marken", separator = "/" }
        case.number = "Fall"
        case.title = "Betreff"
        [[attribute]]
        key = "fax"
        type = "phone"
        column = "Fax"
        [[attribute]]
        key = "member"
        label = "Mitglied"
        type = "bool"
    "#;
    let csv = "Nr;Vorname;Name;Seit;Land;Sperre;Telefon;Mobil;Marken;Fall;Betreff;Fax;Mitglied;Notiz\n\
        1;Ada;Lovelace;2024-05-01;GB;yes;020 7946 0958;0151 23456789;VIP, gold/x;F-1;Router;+49 30 901820;No;geheim\n\
        2;;;;;;+49 30 901820;;;;;;;\n";
    let summary = place.csv(csv, mapping).unwrap();
    assert_eq!(
        (summary.customers, summary.refused, summary.kept_phones),
        (2, 0, 0),
        "{:?}",
        rejects(&summary)
    );
    let snapshot = place.snapshot();
    assert_eq!(
        json(&snapshot.customer("1").unwrap()),
        serde_json::json!({
            "id": "1", "name": "Ada Lovelace", "created_at": "2024-05-01T00:00:00Z",
            "first_name": "Ada", "last_name": "Lovelace",
            "phones": [
                {"number": "020 7946 0958", "region": "GB"},
                {"number": "0151 23456789", "region": "DE", "kind": "mobile", "shared": true},
            ],
            "labels": [{"name": "VIP, gold"}, {"name": "x"}],
            "flags": {"do_not_call": true, "do_not_sms": false},
            "attributes": {"fax": "+49 30 901820", "member": false},
            "cases": [{"id": "F-1", "number": "F-1", "title": "Router"}],
        })
    );
    assert_eq!(claimant_ids(&snapshot, 442079460958), ["1"]);
    assert_eq!(
        claimant_ids(&snapshot, 4930901820),
        ["2", "1"],
        "an attribute of type phone claims too"
    );
}

#[test]
fn latin1_is_read_where_the_mapping_says_so() {
    let place = Place::new();
    place
        .csv(b"id,name,phone\n1,Ren\xe9e,4806754110\n", "encoding = 'latin1'")
        .unwrap();
    assert_eq!(json(&place.snapshot().customer("1").unwrap())["name"], "Renée");
}

#[test]
fn an_invalid_phone_is_kept_or_refused_as_told() {
    let csv = "id,name,phone\n1,Ada,4806754110\n2,Eve,5551\n3,Zoe,anonymous\n";
    let place = Place::new();
    let summary = place.csv(csv, "").unwrap();
    assert_eq!(
        (summary.customers, summary.kept_phones, summary.claims),
        (3, 1, 1)
    );
    assert_eq!(
        json(&place.snapshot().customer("2").unwrap())["phones"][0],
        "5551"
    );
    let lines = rejects(&summary);
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (
            &lines[0]["row"],
            &lines[0]["field"],
            &lines[0]["column"],
            &lines[0]["kept"]
        ),
        (&3.into(), &"phones[0]".into(), &"phone".into(), &true.into())
    );

    let summary = place.csv(csv, "invalid_phones = 'refuse'").unwrap();
    assert_eq!(
        (summary.generation, summary.customers, summary.refused),
        (2, 2, 1)
    );
    assert!(place.snapshot().customer("2").is_none());
    assert_eq!(rejects(&summary)[0]["kept"], false);
}

#[test]
fn a_moment_in_another_form_is_left_out_only_where_nobody_said_that_it_is_one() {
    let csv = "id,name,phone,Created On\n1,Ada,4806754110,5/1/2024\n2,Eve,4806754111,2024-05-01 08:00:00\n";
    let place = Place::new();
    let summary = place.csv(csv, "").unwrap();
    assert_eq!(
        (summary.customers, summary.refused, rejects(&summary).len()),
        (2, 0, 1)
    );
    let snapshot = place.snapshot();
    assert!(json(&snapshot.customer("1").unwrap()).get("created_at").is_none());
    assert_eq!(
        json(&snapshot.customer("2").unwrap())["created_at"],
        "2024-05-01T08:00:00Z"
    );
    let summary = place.csv(csv, "[columns]\ncreated_at = 'Created On'").unwrap();
    assert_eq!((summary.customers, summary.refused), (1, 1));
    assert_eq!(rejects(&summary)[0]["column"], "Created On");
}

#[test]
fn documents_bring_their_schema_with_them() {
    let lines = concat!(
        r#"{"id":"1","name":"Ada","attributes":{"zeta":"z","blank":" ","vip":true,"none":null}}"#,
        "\n\n",
        r#"{"id":"2","phones":["4806754110"],"attributes":{"alpha":"a","vip":false}}"#,
        "\nnot json\n",
        r#"{"id":"3","name":"Eve","attributes":{"vip":"maybe"}}"#,
        "\n",
        r#"{"id":"4","nmae":"Zoe"}"#,
    );
    let place = Place::new();
    let summary = place.ndjson(lines, "").unwrap();
    assert_eq!((summary.rows, summary.customers, summary.refused), (5, 2, 3));
    let snapshot = place.snapshot();
    let keys: Vec<&str> = snapshot
        .schema()
        .attributes
        .iter()
        .map(|a| a.key.as_str())
        .collect();
    assert_eq!(keys, ["zeta", "vip", "alpha"], "in the order in which they came");
    assert_eq!(
        snapshot.customer("2").unwrap().attribute(1),
        Some(b"false".as_slice())
    );
    let rejects = rejects(&summary);
    let rows: Vec<u64> = rejects.iter().map(|line| line["row"].as_u64().unwrap()).collect();
    assert_eq!(rows, [4, 5, 6]);
    assert_eq!(rejects[1]["field"], "attributes.vip");

    let only = "only = true\n[[attribute]]\nkey = 'vip'\ntype = 'bool'";
    place.ndjson(lines, only).unwrap();
    let snapshot = place.snapshot();
    assert_eq!(
        json(&snapshot.customer("1").unwrap())["attributes"],
        serde_json::json!({"vip": true})
    );
}

#[test]
fn the_schemas_version_grows_only_with_a_change() {
    let place = Place::new();
    let mut versions = Vec::new();
    for header in ["id,phone,a", "id,phone,a", "id,phone,b"] {
        place.csv(format!("{header}\n1,4806754110,x\n"), "").unwrap();
        let snapshot = place.snapshot();
        versions.push((snapshot.header().generation, snapshot.schema().version));
        assert_eq!(
            snapshot.customer("1").unwrap().schema_version(),
            snapshot.schema().version
        );
    }
    assert_eq!(versions, [(1, 1), (2, 1), (3, 2)]);
}

#[test]
fn a_reject_reads_as_a_sentence() {
    let reject = Reject {
        row: 7,
        field: "attributes.born".into(),
        column: Some("Birthday".into()),
        reason: "expected a date, found nothing".into(),
        kept: false,
    };
    assert_eq!(
        reject.to_string(),
        "row 7, column \"Birthday\", attributes.born: expected a date, found nothing"
    );
}
