//! What people and spreadsheets put into a cell for a phone: names, fractions, powers of ten, two numbers.

use serde_json::json;

use super::place::{Place, claimant_ids, json, rejects};

const FIRST: u64 = 14_155_552_671;
const SECOND: u64 = 14_155_552_672;

/// A cell in quotation marks.
fn cell(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[test]
fn names_behind_a_number_and_fractions_are_cut() {
    for written in [
        "+14155552671 Bob",
        "4155552671 Bob, Sales",
        "(415) 555-2671 (ask for Bob)",
        "14155552671.0",
        "+14155552671.00",
        "4155552671.0",
    ] {
        let place = Place::new();
        let summary = place.csv(format!("id,phone\n1,{}\n", cell(written)), "").unwrap();
        assert!(rejects(&summary).is_empty(), "{written}: {:?}", rejects(&summary));
        let snapshot = place.snapshot();
        assert_eq!(claimant_ids(&snapshot, FIRST), ["1"], "{written}");
        assert_eq!(snapshot.header().claims, 1, "{written}");
        let customer = json(&snapshot.customer("1").unwrap());
        assert_eq!(customer["phones"], json!([written]), "shown as it was written");
    }
}

#[test]
fn scientific_notation_is_refused_and_its_row_named() {
    for written in [
        "1.41556E+10",
        "1,41556E+10",
        "1.4e10",
        "1,4e+10",
        "+1.41556E+10",
        "1E10",
        " 1.41556E+10 ",
        "'1.41556E+10",
    ] {
        let csv = format!(
            "id,Home Phone,Mobile\n1,4806754110,\n2,4806754111,{}\n",
            cell(written)
        );
        let ndjson = format!(
            "{}\n{}\n",
            json!({"id": "1", "phones": ["4806754110"]}),
            json!({"id": "2", "phones": ["4806754111", written]})
        );
        for (mapping, kept) in [("", true), ("invalid_phones = 'refuse'", false)] {
            for (is_csv, row) in [(true, 3), (false, 2)] {
                let place = Place::new();
                let summary = if is_csv {
                    place.csv(&csv, mapping).unwrap()
                } else {
                    place.ndjson(&ndjson, mapping).unwrap()
                };
                let lines = rejects(&summary);
                assert_eq!(lines.len(), 1, "{written}: {lines:?}");
                assert_eq!(lines[0]["row"], row, "{written}");
                assert_eq!(lines[0]["field"], "phones[1]", "{written}");
                let column = if is_csv { json!("Mobile") } else { json!(null) };
                assert_eq!(lines[0]["column"], column, "{written}");
                assert_eq!(lines[0]["kept"], kept, "{written}");
                let reason = lines[0]["reason"].as_str().unwrap();
                assert!(reason.starts_with("scientific notation: "), "{written}: {reason}");
                let snapshot = place.snapshot();
                assert_eq!(snapshot.header().claims, 1 + u64::from(kept), "{written}");
                assert_eq!(snapshot.customer("2").is_some(), kept, "{written}");
            }
        }
    }
}

#[test]
fn two_numbers_in_a_cell_are_two_phones() {
    for written in [
        "+14155552671; +14155552672",
        "4155552671;4155552672",
        "+14155552671, (415) 555-2672",
        "415/555-2671 / 415/555-2672",
        "415-555-2671/415-555-2672",
        "+1 415 555 2671 or +1 415 555 2672",
        "+1 415 555 2671 | +1 415 555 2672",
        "+14155552671\n+14155552672",
        "4155552671\r\n4155552672\r\n",
        "+14155552671 Bob; +14155552672 Ann;",
        "+14155552671;ext=5, +14155552672 x7",
    ] {
        let csv = format!("id,phone\n1,{}\n", cell(written));
        let ndjson = json!({"id": "1", "phones": [written]}).to_string();
        for is_csv in [true, false] {
            let place = Place::new();
            let summary = if is_csv {
                place.csv(&csv, "").unwrap()
            } else {
                place.ndjson(&ndjson, "").unwrap()
            };
            assert!(rejects(&summary).is_empty(), "{written}: {:?}", rejects(&summary));
            let snapshot = place.snapshot();
            assert_eq!(claimant_ids(&snapshot, FIRST), ["1"], "{written}");
            assert_eq!(claimant_ids(&snapshot, SECOND), ["1"], "{written}");
            assert_eq!(snapshot.header().claims, 2, "{written}");
            let customer = json(&snapshot.customer("1").unwrap());
            assert_eq!(customer["phones"].as_array().unwrap().len(), 2, "{written}");
        }
    }
}

#[test]
fn the_parts_of_a_cell_are_what_its_column_is() {
    let place = Place::new();
    let mapping = r#"
        only = true
        region = "GB"
        [columns]
        id = "id"
        phones = [
            { column = "Home", kind = "home", shared = true },
            { column = "Desk", kind = "extension" },
            { column = "Mobile", kind = "mobile", region = "DE" },
        ]
        [[attribute]]
        key = "fax"
        type = "phone"
        column = "Fax"
    "#;
    let csv = "id,Home,Desk,Mobile,Fax\n\
        1,+14155552671 / 020 7946 0958,1001; 1002,0151 23456789,+442079460959; +442079460960\n";
    let summary = place.csv(csv, mapping).unwrap();
    assert!(rejects(&summary).is_empty(), "{:?}", rejects(&summary));
    let snapshot = place.snapshot();
    let record = snapshot.customer("1").unwrap();
    assert_eq!(
        json(&record)["phones"],
        json!([
            {"number": "+14155552671", "kind": "home", "shared": true, "region": "GB"},
            {"number": "020 7946 0958", "kind": "home", "shared": true, "region": "GB"},
            {"number": "1001", "kind": "extension", "region": "GB"},
            {"number": "1002", "kind": "extension", "region": "GB"},
            {"number": "0151 23456789", "kind": "mobile", "region": "DE"},
        ])
    );
    assert_eq!(
        json(&record)["attributes"]["fax"],
        "+442079460959; +442079460960",
        "an attribute has one value, and claims each number in it"
    );
    let shared: Vec<(u64, bool)> = record.claims().map(|claim| (claim.key, claim.shared)).collect();
    assert_eq!(shared[..2], [(FIRST, true), (442_079_460_958, true)]);
    assert_eq!(shared.len(), 7, "{shared:?}");
    for key in [442_079_460_959, 442_079_460_960, 4_915_123_456_789] {
        assert_eq!(claimant_ids(&snapshot, key), ["1"]);
    }
}

#[test]
fn a_row_with_a_cell_of_two_numbers_of_which_one_is_none_is_refused() {
    for written in [
        "+14155552671; +141555526",
        "+14155552671; 5552672",
        "+1 415 555 2671 or 72",
        "415 555 2671 / 72",
        "4155552671\n5552672",
        "4155552671 | 1.41556E+10",
    ] {
        // The cell before it is two phones; places are told as the row has them.
        let csv = format!(
            "id,Home Phone,Mobile\n1,4806754110,\n2,4806754111; 4806754112,{}\n",
            cell(written)
        );
        let place = Place::new();
        let summary = place.csv(csv, "invalid_phones = 'keep'").unwrap();
        assert_eq!((summary.customers, summary.refused), (1, 1), "{written}");
        let lines = rejects(&summary);
        assert_eq!(lines.len(), 1, "{written}: {lines:?}");
        assert_eq!(lines[0]["row"], 3, "{written}");
        assert_eq!(lines[0]["field"], "phones[1]", "{written}");
        assert_eq!(lines[0]["column"], "Mobile", "{written}");
        assert_eq!(lines[0]["kept"], false, "{written}");
        let reason = lines[0]["reason"].as_str().unwrap();
        assert!(
            reason.starts_with("several numbers in one place"),
            "{written}: {reason}"
        );
        let snapshot = place.snapshot();
        assert!(snapshot.customer("2").is_none(), "{written}");
        assert!(claimant_ids(&snapshot, FIRST).is_empty(), "{written}");
    }
}

#[test]
fn what_only_looks_like_two_numbers_is_one() {
    for written in [
        "415/555-2671",
        "+1 415/555-2671",
        "+14155552671;ext=5",
        "+14155552671,,5",
        "+14155552671,,2312345678#",
        "+14155552671 x123 / ext",
        "+14155552671; ext. 12",
        "+14155552671;npdi;rn=+14155552672",
        "tel:+1-415-555-2671;isub=12345678",
        "\"Doe, Bob\" <sip:+14155552671@10.0.0.1:5060;user=phone>;tag=1",
    ] {
        let place = Place::new();
        let summary = place.csv(format!("id,phone\n1,{}\n", cell(written)), "").unwrap();
        assert!(rejects(&summary).is_empty(), "{written}: {:?}", rejects(&summary));
        let snapshot = place.snapshot();
        assert_eq!(claimant_ids(&snapshot, FIRST), ["1"], "{written}");
        assert_eq!(snapshot.header().claims, 1, "{written}");
        let customer = json(&snapshot.customer("1").unwrap());
        assert_eq!(customer["phones"], json!([written]));
    }
}

#[test]
fn more_phones_than_a_customer_may_have_stay_in_one() {
    let numbers = |from: u32| -> Vec<String> {
        (from..from + 60)
            .map(|line| format!("+1480675{line:04}"))
            .collect()
    };
    let place = Place::new();
    let line = json!({"id": "1", "phones": [numbers(2000).join("; "), numbers(3000).join("; ")]});
    let summary = place.ndjson(&line.to_string(), "").unwrap();
    assert!(rejects(&summary).is_empty(), "{:?}", rejects(&summary));
    let snapshot = place.snapshot();
    let record = snapshot.customer("1").unwrap();
    assert_eq!(record.claims().len(), 120);
    assert_eq!(json(&record)["phones"].as_array().unwrap().len(), 61);
}
