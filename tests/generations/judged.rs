//! Imports that look wrong.

use serde_json::Value;

use crate::program::write;
use crate::site::{Site, phone, until};

#[test]
fn an_import_of_other_customers_waits_until_it_is_accepted() {
    let site = Site::new();
    site.build(&site.people("0.csv", 0, 1000, "v0"), &[]).ok();
    let server = site.serve();
    let ran = site.build(&site.people("1.csv", 500, 1000, "v1"), &[]);
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("500 of the 1000 present customers"),
        "{}",
        ran.out
    );
    assert!(ran.err.contains(" accept --dir "), "{}", ran.err);
    assert_eq!(server.name(600).as_deref(), Some("Ada v0"));

    // It survives the service.
    server.kill();
    let server = site.serve();
    let list = site.list();
    assert_eq!(
        (&list["present"], &list["generations"][0]["state"]),
        (&1.into(), &"held".into())
    );
    let shown = site.run(&["generations"]).ok();
    assert!(
        shown.contains("held") && shown.contains("500 of the 1000"),
        "{shown}"
    );
    site.run(&["accept"]).ok();
    assert_eq!(server.name(600).as_deref(), Some("Ada v1"));
    assert_eq!(server.name(100), None);
    assert_eq!(site.present(), 2);
}

#[test]
fn what_waits_can_be_dropped_and_the_doubtful_be_published_at_once() {
    let site = Site::new();
    site.build(&site.people("0.csv", 0, 1000, "v0"), &[]).ok();
    let input = site.people("1.csv", 500, 1000, "v1");
    for _ in 0..2 {
        let ran = site.build(&input, &["--json"]);
        assert_eq!(ran.code, 3, "{}", ran.err);
        let summary: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(
            (&summary["outcome"], &summary["reasons"][0]["code"]),
            (&"held".into(), &"vanished".into())
        );
    }
    let waiting = site.list()["generations"].as_array().unwrap().len();
    assert_eq!(waiting, 2, "the present one, and one that waits");
    site.run(&["accept", "--drop"]).ok();
    assert_eq!(site.list()["generations"].as_array().unwrap().len(), 1);

    let said = site.build(&input, &["--accept", "--json"]).ok();
    let summary: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(summary["outcome"], "published");
    assert_eq!(summary["comparison"]["vanished"], 500);
}

#[test]
fn phones_in_the_wrong_column_are_caught() {
    let site = Site::new();
    site.build(&site.people("0.csv", 0, 1000, "v0"), &[]).ok();
    let mut csv = String::from("id,name,phone\n");
    for nth in 0..1000 {
        csv += &format!("c-{nth},Ada,{}\n", phone((nth + 1) % 1000));
    }
    let ran = site.build(&write(site.dir.path(), "1.csv", &csv), &[]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(
        ran.out.contains("1000 of the 1000 present numbers"),
        "{}",
        ran.out
    );
}

#[test]
fn a_file_without_a_column_or_without_customers_is_caught() {
    let site = Site::new();
    let wide = "id,name,phone,email\nc-1,Ada,+14806754110,ada@example.org\n";
    site.build(&write(site.dir.path(), "0.csv", wide), &[]).ok();
    let narrow = write(site.dir.path(), "1.csv", "id,name,phone\nc-1,Ada,+14806754110\n");
    let ran = site.build(&narrow, &[]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.out.contains("missing: email"), "{}", ran.out);
    let empty = write(site.dir.path(), "2.csv", "id,name,phone\n");
    site.build(&empty, &[])
        .failed(&["expected customers, found 0 rows"]);
    assert_eq!(site.present(), 1);
}

#[test]
fn what_was_held_against_an_earlier_generation_is_judged_anew() {
    let site = Site::new();
    site.build(&site.people("0.csv", 0, 1000, "v0"), &[]).ok();
    let server = site.serve();
    let input = site.people("1.csv", 500, 1000, "v1");
    assert_eq!(site.build(&input, &[]).code, 3);
    // Meanwhile somebody publishes what is near to it.
    let near = site.people("2.csv", 500, 900, "v2");
    site.build(&near, &["--accept"]).ok();
    site.run(&["accept"]).ok();
    until("it is served", || server.name(1400).as_deref() == Some("Ada v1"));
}
