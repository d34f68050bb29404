use serde_json::Value;

use super::program::{built, built_of, run, text, write};

#[test]
fn a_name_from_outside_is_shown_and_steers_nothing() {
    let built = built_of(
        r#"{"id":"c-1","name":"Ada\u001b[8m\u202eecalevoL\nNobody","phones":["+14806754110"],"labels":["V\u001b[2JIP"]}"#,
        &[],
    );
    let shown = run(&["lookup", "+14806754110", "--snapshot", &built.data]).ok();
    assert!(
        shown.starts_with("Ada\u{fffd}[8mecalevoL Nobody  [V\u{fffd}[2JIP]\n"),
        "{shown}"
    );
    let shown = run(&["explain", "+14806754110", "--snapshot", &built.data]).ok();
    assert!(
        shown.contains("owner: Ada\u{fffd}[8mecalevoL Nobody (c-1)\n"),
        "{shown}"
    );
}

#[test]
fn a_person_reads_who_is_calling() {
    let built = built(&[]);
    let shown = run(&[
        "lookup",
        "020 7946 0958",
        "--region",
        "GB",
        "--snapshot",
        &built.data,
    ])
    .ok();
    assert!(shown.starts_with("Grace Hopper\n"), "{shown}");
    for expected in [
        "+442079460958, 020 7946 0958 · GB (exact match)",
        "c-2",
        "grace@example.org",
        "generation 1",
    ] {
        assert!(shown.contains(expected), "expected {expected:?} in:\n{shown}");
    }
    let shown = run(&["lookup", "+14806754110", "--snapshot", &built.data]).ok();
    assert!(shown.starts_with("Alan Turing\n"), "{shown}");
    let shown = run(&["lookup", "+14155552671", "--snapshot", &built.data]).ok();
    assert!(
        shown.starts_with("Nobody\n") && shown.contains("no customer lists it"),
        "{shown}"
    );
    let shown = run(&["lookup", "anonymous", "--snapshot", &built.data]).ok();
    assert!(shown.contains("withheld"), "{shown}");
    let shown = run(&["lookup", "", "--snapshot", &built.data]).ok();
    assert!(
        shown.contains("  an empty number: the number is withheld"),
        "{shown}"
    );
}

#[test]
fn programs_read_the_native_answer() {
    let built = built(&[]);
    let out = run(&["lookup", "+442079460958", "--snapshot", &built.data, "--json"]).ok();
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["match"], "exact");
    assert_eq!(answer["customer"]["attributes"]["email"], "grace@example.org");
    assert_eq!((&answer["generation"], &answer["count"]), (&1.into(), &1.into()));
    assert!(answer["age_ms"].is_null(), "nothing feeds a file");
}

#[test]
fn an_explanation_names_rows_and_losers() {
    let built = built(&[]);
    let shown = run(&["explain", "480 675 4110", "--snapshot", &built.data]).ok();
    for expected in [
        "region US",
        "+14806754110",
        "2 claims, the strongest first",
        "owner: Alan Turing (c-3)",
        "outranked: Ada Lovelace (c-1)",
        "c-3 has the newer claim (seq 4, this one 2)",
        "import 2",
    ] {
        assert!(shown.contains(expected), "expected {expected:?} in:\n{shown}");
    }
    let out = run(&["explain", "call me", "--snapshot", &built.data, "--json"]).ok();
    let explained: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(explained["reason"], "invalid");
}

#[test]
fn what_cannot_be_reached_says_what_to_do() {
    run(&["lookup", "1", "--snapshot", "no/such/place"]).failed(&["no/such/place", "found nothing"]);
    // Nobody listens on port 0.
    run(&["lookup", "1", "--server", "http://127.0.0.1:0"]).failed(&["http://127.0.0.1:0", "ringside serve"]);
    run(&["explain", "1", "--admin", "unix:/no/such/socket"]).failed(&["unix:/no/such/socket"]);
    run(&["status", "--admin", "http://127.0.0.1:0"]).failed(&["ringside serve"]);
    let ran = run(&["lookup", "1", "--server", "ftp://example.org"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("https://HOST:PORT or unix:/PATH"), "{}", ran.err);
    assert_eq!(run(&["lookup"]).code, 2);
    for command in ["lookup", "explain"] {
        let ran = run(&[command, "--jsn", "--snapshot", "no/such/place"]);
        assert_eq!(ran.code, 2);
        assert!(
            ran.err.contains("--jsn") && ran.err.contains("unknown option"),
            "{}",
            ran.err
        );
    }
    run(&["lookup", "-1", "--snapshot", "no/such/place"]).failed(&["found nothing"]);
    assert_eq!(
        run(&["lookup", "1", "--snapshot", "a", "--server", "h:1"]).code,
        2
    );
}

#[test]
fn phones_are_shown_as_the_build_read_them() {
    let built = built_of(
        r#"{"id":"c-1","name":"Ada","phones":["020 7946 0958","07400 123456","0900 1"]}"#,
        &["--region", "GB"],
    );
    assert!(
        built.said.contains(" lookup NUMBER --region GB --snapshot ")
            && built
                .said
                .contains("RINGSIDE__NUMBERS__DEFAULT_REGION=GB RINGSIDE__DATA__DIR="),
        "{}",
        built.said
    );
    let shown = run(&["lookup", "+442079460958", "--snapshot", &built.data]).ok();
    let (_, others) = shown.split_once("Other numbers\n").unwrap();
    let lines: Vec<&str> = others.lines().take(2).map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "+447400123456  07400 123456 · GB",
            "0900 1         no valid number"
        ]
    );
}

#[test]
fn a_damaged_record_is_no_miss() {
    let built = built(&[]);
    let file = built.dir.path().join("data/main/snapshot-00000001.ringside");
    let mut bytes = std::fs::read(file).unwrap();
    let at = bytes
        .windows(12)
        .position(|part| part == b"Grace Hopper")
        .unwrap();
    bytes[at] = b'T';
    let damaged = built.dir.path().join("damaged");
    std::fs::write(&damaged, &bytes).unwrap();
    let damaged = text(&damaged);
    for more in [&[][..], &["--json"][..]] {
        for command in ["lookup", "explain"] {
            let arguments = [&[command, "+442079460958", "--snapshot", &damaged][..], more].concat();
            let ran = run(&arguments);
            assert!(!ran.out.is_empty());
            ran.failed(&["damaged one", "snapshot verify"]);
        }
    }
    run(&["lookup", "+14806754110", "--snapshot", &damaged]).ok();
}

#[test]
fn last_digits_are_told_from_whole_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(folder.path(), "r.toml", "phones.suffix_digits = 7");
    let one = r#"{"id":"c-1","name":"Ada","phones":["+14806754110"]}"#;
    let before = built_of(one, &[]);
    let lookup = [
        "lookup",
        "6754110",
        "--config",
        &config,
        "--snapshot",
        &before.data,
    ];
    assert!(
        run(&lookup).ok().starts_with("Nobody\n"),
        "built without the table"
    );
    let shown = run(&[
        "explain",
        "6754110",
        "--config",
        &config,
        "--snapshot",
        &before.data,
    ])
    .ok();
    assert!(shown.contains("with the next merge or import"), "{shown}");

    let built = built_of(one, &["--config", &config]);
    let shown = run(&[
        "lookup",
        "6754110",
        "--config",
        &config,
        "--snapshot",
        &built.data,
    ])
    .ok();
    assert!(
        shown.starts_with("Ada\n") && shown.contains("6754110 (suffix match)"),
        "{shown}"
    );
    let shown = run(&[
        "explain",
        "6754110",
        "--config",
        &config,
        "--snapshot",
        &built.data,
    ])
    .ok();
    for expected in [
        "nobody has the whole number; +14806754110 alone has the same last 7 digits",
        "1 claim on +14806754110 (suffix match), the strongest first",
    ] {
        assert!(shown.contains(expected), "expected {expected:?} in:\n{shown}");
    }
    // Off again, at once.
    let shown = run(&["lookup", "6754110", "--snapshot", &built.data]).ok();
    assert!(shown.starts_with("Nobody\n"), "{shown}");
    let shown = run(&["snapshot", "inspect", &built.data]).ok();
    assert!(shown.contains("suffixes"), "{shown}");
    run(&["snapshot", "verify", &built.data]).ok();
    let shown = run(&["snapshot", "inspect", &before.data]).ok();
    assert!(!shown.contains("suffixes"), "{shown}");
}
