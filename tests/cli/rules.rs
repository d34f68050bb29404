use serde_json::{Value, json};

use super::program::{Built, built_of, run, write};

const CUSTOMERS: &str = concat!(
    r#"{"id":"c-1","name":"Ada","phones":["+442079460958","+14806754180"],"labels":["VIP"],"last_agent_id":"7"}"#,
    "\n",
    r#"{"id":"c-2","name":"Bob","phones":["+14806754181"]}"#,
    "\n",
    r#"{"id":"c-3","name":"Cy","phones":["+14806754181"]}"#,
);

const RULES: &str = r#"
[listener.pbx]
address = "127.0.0.1:0"
region = "GB"

[numbers]
own_ranges = ["+18005550100-+18005550199"]
shared_lines = ["480 675 4180", "480 675 4181"]

[[treatment]]
label = "VIP"
dnis = ["+18005550100", "+18005550101"]
queue = "vip"
last_agent_id = "1001"
may_greet = false

[[treatment]]
attestation = ["failed", "absent"]
found = true
treatment = "careful"

[[treatment]]
treatment = "usual"
"#;

fn centre() -> (Built, String) {
    let built = built_of(CUSTOMERS, &[]);
    let config = write(built.dir.path(), "ringside.toml", RULES);
    (built, config)
}

fn explained(arguments: &[&str]) -> Value {
    let (built, config) = centre();
    let mut all = vec!["explain"];
    all.extend(arguments);
    all.extend(["--snapshot", &built.data, "--config", &config, "--json"]);
    serde_json::from_str(&run(&all).ok()).unwrap()
}

#[test]
fn a_call_is_explained_as_a_listener_hears_it() {
    let here = explained(&["020 7946 0958"]);
    assert_eq!(here["claims"], json!([]));
    let there = explained(&["020 7946 0958", "--listener", "pbx"]);
    assert_eq!(there["claims"][0]["customer_id"], "c-1");
    assert_eq!(
        (&here["number_rules"], &there["number_rules"]),
        (&json!([]), &json!(["listener.pbx.region"]))
    );
    let (built, config) = centre();
    run(&[
        "explain",
        "1",
        "--listener",
        "pbxx",
        "--snapshot",
        &built.data,
        "--config",
        &config,
    ])
    .failed(&[
        "listener: expected the name of a listener",
        "did you mean \"pbx\"?",
    ]);
}

#[test]
fn rules_are_tried_and_told_one_by_one() {
    let (built, config) = centre();
    let shown = run(&[
        "explain",
        "+442079460958",
        "--dnis",
        "800-555-0101",
        "--verstat",
        "A",
        "--snapshot",
        &built.data,
        "--config",
        &config,
    ])
    .ok();
    for expected in [
        "3 treatment rules\n",
        "  treatment[0] decides\n",
        "  treatment[1] does not hold; attestation is one of failed, absent: it is full\n",
        "  treatment[2] holds, behind the one that decides\n",
        "queue         vip\n",
        "last agent    1001\n",
        "may greet     no: treatment[0] takes it away\n",
    ] {
        assert!(shown.contains(expected), "expected {expected:?} in:\n{shown}");
    }
    let unknown = explained(&["+14155552671"]);
    assert_eq!(unknown["treatment"]["decided_by"], 2);
    assert_eq!(
        unknown["may_greet"],
        json!({"allowed": false, "why": "there is no one customer"})
    );
}

#[test]
fn shared_lines_and_diversions_are_told() {
    let line = explained(&["+14806754181"]);
    assert_eq!(
        (&line["shared"], &line["shared_by"]),
        (&json!(true), &json!("shared_lines"))
    );
    assert!(
        line["claims"][1]["why"]
            .as_str()
            .unwrap()
            .contains("numbers.shared_lines")
    );
    let one = explained(&["+14806754180"]);
    assert_eq!(one["may_disclose"]["why"], "others use this line too");
    assert_eq!(one["may_greet"]["allowed"], true);
    let own = explained(&["+18005550150"]);
    assert_eq!(
        (&own["reason"], &own["diverted"]),
        (&json!("own_number"), &json!(false))
    );
    let steps = own["steps"].to_string();
    assert!(
        steps.contains("within own_ranges: +18005550100-+18005550199"),
        "{steps}"
    );
    let diverted = explained(&[
        "+18005550150",
        "--diversion",
        "<sip:+442079460958@carrier>;reason=unconditional",
    ]);
    assert_eq!(
        (&diverted["number"], &diverted["diverted"]),
        (&json!("+442079460958"), &json!(true))
    );
}

#[test]
fn a_lookup_without_a_server_follows_the_rules_too() {
    let (built, config) = centre();
    let out = run(&[
        "lookup",
        "+14806754181",
        "--snapshot",
        &built.data,
        "--config",
        &config,
        "--json",
    ])
    .ok();
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&answer["reason"], &answer["treatment"]),
        (&json!("ambiguous"), &json!("careful"))
    );
}

#[test]
fn a_check_warns_of_attributes_that_the_schema_does_not_have() {
    let built = built_of(
        r#"{"id":"c-1","name":"Ada","phones":["+14806754110"],"attributes":{"tier":"gold"}}"#,
        &[],
    );
    let rules = |key: &str| {
        let dir = toml_text(&built.data);
        let text = format!("[data]\ndir = {dir}\n[[treatment]]\nattribute = '{key}'\nqueue = 'a'\n");
        let ran = run(&["config", "check", &write(built.dir.path(), "r.toml", &text)]);
        let err = ran.err.clone();
        assert!(ran.ok().ends_with("r.toml: good\n"));
        err
    };
    let warned = rules("teir");
    assert!(
        warned.contains(
            "warning: treatment[0].attribute: the present schema has no such attribute; did you mean `tier`?"
        ),
        "{warned}"
    );
    assert_eq!(rules("tier"), "");
}

#[test]
fn a_check_warns_of_attributes_that_no_page_is_told() {
    let built = built_of(
        r#"{"id":"c-1","name":"Ada","phones":["+14806754110"],"attributes":{"tier":"gold"}}"#,
        &[],
    );
    let warned = |attribute: &str| {
        let dir = toml_text(&built.data);
        let text = format!(
            "[data]\ndir = {dir}\n[dialect.finesse]\npop_url.customer = \"https://crm.example/{{attr:{attribute}}}\"\n"
        );
        let ran = run(&["config", "check", &write(built.dir.path(), "r.toml", &text)]);
        let err = ran.err.clone();
        assert!(ran.ok().ends_with("r.toml: good\n"));
        err
    };
    let said = warned("teir");
    assert!(
        said.contains(
            "warning: dialect.finesse.pop_url.customer: `{attr:teir}` stays empty: the present schema has no such attribute"
        ),
        "{said}"
    );
    assert_eq!(warned("tier"), "");
}

#[test]
fn the_pages_of_the_guide_are_a_good_configuration() {
    let guide = include_str!("../../docs/callers/finesse.md");
    let example = guide
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let dir = tempfile::tempdir().unwrap();
    let config = write(dir.path(), "ringside.toml", example.unwrap());
    assert!(run(&["config", "check", &config]).ok().ends_with("good\n"));
}

fn toml_text(text: &str) -> String {
    Value::from(text).to_string()
}

#[test]
fn the_documented_rules_by_source_are_a_good_configuration() {
    let docs = include_str!("../../docs/numbers.md");
    let section = docs.split("## By source").nth(1).unwrap();
    let example = section
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let dir = tempfile::tempdir().unwrap();
    let config = write(dir.path(), "ringside.toml", example.unwrap());
    assert!(run(&["config", "check", &config]).ok().ends_with("good\n"));
    // The command and its answer, as they stand there.
    let built = built_of(CUSTOMERS, &[]);
    let shown = section.split("```text\n").nth(1);
    let (command, lines) = shown
        .and_then(|rest| rest.split("```").next())
        .and_then(|shown| shown.split_once('\n'))
        .unwrap();
    assert!(!lines.is_empty());
    let quoted = command.strip_prefix("$ ringside explain '").unwrap();
    let (number, options) = quoted.split_once("' ").unwrap();
    let mut all = vec!["explain", number];
    all.extend(options.split(' '));
    all.extend(["--snapshot", &built.data, "--config", &config]);
    let explained = run(&all).ok();
    assert!(explained.starts_with(lines), "{explained}");
}
