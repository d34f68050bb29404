//! Who answers: shares, dialled numbers, and the way back.

use ringside::http::{Access, Plan, ShadowSettings};
use serde_json::json;

use crate::record::SystemOfRecord;
use crate::stage::{ADA, Stage, before};
use crate::support::numbering;
use crate::wire::metric;

/// The numbers of a few callers, one of whom Ringside knows.
fn numbers() -> Vec<String> {
    (4100..4140).map(|line| format!("+1480675{line}")).collect()
}

/// Those that Ringside answers: the other side knows everybody.
fn ours(stage: &Stage) -> Vec<String> {
    let ours = numbers()
        .into_iter()
        .filter(|number| stage.name(number) != "From the CRM");
    ours.collect()
}

#[test]
fn a_share_is_switched_forth_and_back_with_one_command_each() {
    let record = SystemOfRecord::text("From the CRM");
    let stage = Stage::new(record.url());
    assert_eq!(ours(&stage), Vec::<String>::new());
    let half = stage.act("/shadow", json!({"percent": 50})).json();
    assert_eq!(half["before"], json!({"percent": 0, "dnis": []}));
    assert_eq!(half["now"]["percent"], 50);
    let some = ours(&stage);
    assert!(some.len() > 8 && some.len() < 32, "{} of 40", some.len());
    assert!(some.contains(&ADA.to_owned()));
    assert_eq!(stage.name(ADA), "Ada Lovelace");
    // However it is written, and from whatever connection.
    for written in ["4806754110", "%2B1(480)675-4110", " 14806754110"] {
        let written = written.replace(' ', "%20");
        assert_eq!(stage.name(&written), "Ada Lovelace", "{written}");
    }
    assert_eq!(ours(&stage), some, "a number stays on its side");
    stage.act("/shadow", json!({"percent": 75}));
    let more = ours(&stage);
    assert!(
        some.iter().all(|number| more.contains(number)),
        "a larger share has the smaller one"
    );
    assert!(more.len() > some.len());
    stage.act("/shadow", json!({"percent": 100}));
    assert_eq!(ours(&stage), numbers());
    assert_eq!(stage.name("anonymous"), "");
    let off = stage.act("/shadow", json!({"off": true})).json();
    assert_eq!(
        (&off["before"]["percent"], &off["now"]["percent"]),
        (&100.into(), &0.into())
    );
    assert_eq!(ours(&stage), Vec::<String>::new());
    assert_eq!(stage.name("anonymous"), "From the CRM");
    assert!(metric(stage.admin, "ringside_shadow_requests_total{side=\"ringside\"}") > 40);
}

#[test]
fn dialled_numbers_are_answered_whole() {
    let record = SystemOfRecord::json(r#"{"found":true,"name":"From the CRM"}"#);
    let stage = Stage::new(record.url());
    let set = stage.act("/shadow", json!({"dnis": ["+1 800 555 0100", "800-555-0101"]}));
    assert_eq!(set.status, 200, "{}", set.body);
    let name = |dnis: &str| stage.get(&format!("/v1/lookup?ani=%2B14806754111{dnis}")).json()["name"].clone();
    assert_eq!(name("&dnis=8005550100"), "Bob");
    assert_eq!(name("&dnis=%2B18005550101"), "Bob");
    assert_eq!(name("&dnis=%2B18005550102"), "From the CRM");
    assert_eq!(name(""), "From the CRM");
    // Percent and dialled numbers are switched each on its own.
    let set = stage.act("/shadow", json!({"percent": 1})).json();
    assert_eq!(set["now"]["dnis"], json!(["+1 800 555 0100", "800-555-0101"]));
    stage.act("/shadow", json!({"dnis": []}));
    assert_eq!(name("&dnis=8005550100"), "From the CRM");
}

#[test]
fn what_makes_no_sense_changes_nothing() {
    let record = SystemOfRecord::text("");
    let stage = Stage::new(record.url());
    for (body, status) in [
        (json!({}), 400),
        (json!({"percent": 101}), 400),
        (json!({"percent": 300}), 400),
        (json!({"percent": 5, "off": true}), 400),
        (json!({"dnis": ["nobody"]}), 400),
        (json!({"percnt": 5}), 400),
        (json!({"percent": 5, "listener": "other"}), 404),
    ] {
        let refused = stage.act("/shadow", body.clone());
        assert_eq!(refused.status, status, "{body}: {}", refused.body);
    }
    assert_eq!(crate::wire::get(stage.admin, "/shadow/reset").status, 405);
    let report = stage.report(0);
    assert_eq!(
        (&report["percent"], &report["by_command"]),
        (&0.into(), &false.into())
    );
}

#[test]
fn a_switch_by_command_holds_until_the_configuration_says_otherwise() {
    let record = SystemOfRecord::text("");
    let settings = before(record.url());
    let stage = Stage::of(settings.clone(), Access::default());
    stage.act("/shadow", json!({"percent": 20}));
    let take_up = |settings: &ShadowSettings| {
        let plan = Plan::new(settings, &numbering()).unwrap();
        stage.shadows.take_up("main", plan.as_ref());
        stage.report(0)["percent"].clone()
    };
    let other = ShadowSettings {
        timeout_ms: 777,
        differences_kept: 1,
        ..settings.clone()
    };
    assert_eq!(take_up(&other), 20, "a reload that says nothing of it");
    assert_eq!(stage.report(0)["by_command"], true);
    let other = ShadowSettings {
        percent: 5,
        ..settings.clone()
    };
    assert_eq!(take_up(&other), 5);
    stage.act("/shadow", json!({"percent": 20}));
    assert_eq!(take_up(&settings), 0);
    let none = ShadowSettings {
        upstream: String::new(),
        ..settings
    };
    let plan = Plan::new(&none, &numbering()).unwrap();
    assert!(stage.shadows.take_up("main", plan.as_ref()).is_none());
    let refused = stage.act("/shadow", json!({"percent": 20}));
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (404, &"no_shadow".into())
    );
}
