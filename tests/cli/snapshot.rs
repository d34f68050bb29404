use std::fs;

use serde_json::Value;

use super::program::{built, built_of, program, run, text, write};

#[test]
fn a_build_tells_what_became_of_columns_and_rows() {
    let built = built(&[]);
    let said = &built.said;
    assert!(said.starts_with("Snapshot 1 is built: 3 customers in "), "{said}");
    for expected in [
        "rows        4\n",
        "refused     1\n",
        "numbers     2\n",
        "contested   1, claimed by several customers",
        "\"phone\"  phones[0]",
        "\"email\"  attributes.email",
        "1 row refused; ",
        "rejects-00000001.ndjson",
        "row 5",
        " snapshot inspect ",
    ] {
        assert!(said.contains(expected), "expected {expected:?} in:\n{said}");
    }
    let rejects = built.dir.path().join("data/main/rejects-00000001.ndjson");
    assert_eq!(fs::read_to_string(rejects).unwrap().lines().count(), 1);
}

#[test]
fn a_build_for_programs_is_one_line_of_json() {
    let built = built(&["--json", "--region", "US"]);
    let summary: Value = serde_json::from_str(&built.said).unwrap();
    assert_eq!(
        (&summary["customers"], &summary["refused"]),
        (&3.into(), &1.into())
    );
    assert_eq!(built.said.lines().count(), 1);
}

#[test]
fn builds_that_cannot_be_say_what_to_do_and_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let out = text(&dir.path().join("data"));
    let csv = |input: &str, more: &[&str]| {
        let mut arguments = vec![
            "snapshot", "build", "--format", "csv", "--input", input, "--out", &out,
        ];
        arguments.extend(more);
        run(&arguments)
    };
    let error = csv("missing.csv", &[]).failed(&["cannot open missing.csv", "correct the path"]);
    assert_eq!(error.matches("missing.csv").count(), 1, "{error}");
    csv(&text(dir.path()), &[]).failed(&["expected a file of customers, found a folder"]);
    assert!(!dir.path().join("data").exists());

    let input = write(dir.path(), "c.csv", "name,phone\nAda,+14806754110\n");
    csv(&input, &[]).failed(&["c.csv", "expected a column of id", "name, phone"]);
    let mapping = write(dir.path(), "m.toml", "[columns]\nfristname = 'x'\n");
    csv(&input, &["--mapping", &mapping]).failed(&[
        "m.toml",
        "`columns.fristname`",
        "did you mean `first_name`",
    ]);
    csv(&input, &["--mapping", "missing.toml"]).failed(&["read the mapping missing.toml"]);
    let ran = run(&[
        "snapshot", "build", "--input", &input, "--format", "xml", "--out", &out,
    ]);
    assert_eq!(ran.code, 2, "{}", ran.err);
}

#[test]
fn inspect_shows_sections_and_verify_reads_every_byte() {
    let built = built(&[]);
    let shown = run(&["snapshot", "inspect", &built.data]).ok();
    for expected in [
        "customers  3",
        "numbers    2",
        "records",
        "claimants",
        "email  email",
        "import, incarnation",
    ] {
        assert!(shown.contains(expected), "expected {expected:?} in:\n{shown}");
    }
    let json: Value =
        serde_json::from_str(&run(&["snapshot", "inspect", &built.data, "--json"]).ok()).unwrap();
    assert_eq!(json["sections"][0]["section"], "records");
    assert_eq!(json["attributes"][0]["key"], "email");

    let file = built.dir.path().join("data/main/snapshot-00000001.ringside");
    let good = run(&["snapshot", "verify", &text(&file)]).ok();
    assert!(
        good.contains("3 customers found again by id, 3 claims by number"),
        "{good}"
    );
    let mut bytes = fs::read(&file).unwrap();
    let json: Value =
        serde_json::from_str(&run(&["snapshot", "verify", &built.data, "--json"]).ok()).unwrap();
    assert_eq!(
        (&json["customers"], &json["collisions"]),
        (&3.into(), &serde_json::json!([]))
    );

    // A mapped file never changes: the damage is done to another.
    let damaged = built.dir.path().join("damaged");
    bytes[4096 + 40] ^= 1;
    fs::write(&damaged, &bytes).unwrap();
    run(&["snapshot", "verify", &text(&damaged)]).failed(&["damaged", "checksum", "build it again"]);
}

#[test]
fn what_is_no_snapshot_of_this_version_is_refused_by_name() {
    let built = built(&[]);
    let dir = built.dir.path();
    let other = write(dir, "other", &"x".repeat(5000));
    run(&["snapshot", "inspect", &other]).failed(&["expected a Ringside snapshot, found another file"]);
    run(&["snapshot", "inspect", &text(&dir.join("none"))]).failed(&["found nothing", "snapshot build"]);

    let mut bytes = fs::read(dir.join("data/main/snapshot-00000001.ringside")).unwrap();
    bytes[8] = 99;
    let newer = dir.join("newer");
    fs::write(&newer, &bytes).unwrap();
    run(&["snapshot", "inspect", &text(&newer)])
        .failed(&["expected a snapshot of format version 1 or older, found 99"]);
}

#[test]
fn an_export_builds_the_same_customers_again() {
    let built = built(&[]);
    let exported = text(&built.dir.path().join("out.ndjson"));
    let said = run(&["snapshot", "export", &built.data, "--out", &exported]);
    assert_eq!(said.code, 0);
    assert!(
        said.err.contains("3 customers in") && said.err.contains("--mapping"),
        "{}",
        said.err
    );
    let printed = run(&["snapshot", "export", &built.data]).ok();
    assert_eq!(printed, fs::read_to_string(&exported).unwrap());
    assert_eq!(printed.lines().count(), 3);

    let again = text(&built.dir.path().join("again"));
    let mapping = format!("{exported}.mapping.toml");
    run(&[
        "snapshot",
        "build",
        "--input",
        &exported,
        "--format",
        "ndjson",
        "--mapping",
        &mapping,
        "--out",
        &again,
    ])
    .ok();
    let same = run(&["snapshot", "diff", &built.data, &again]);
    assert!(
        same.err
            .contains("0 customers added, 0 removed, 0 changed; 0 numbers moved"),
        "{}",
        same.err
    );
    assert_eq!(same.ok(), "");
}

#[test]
fn what_cannot_be_printed_is_no_fault_of_the_snapshot() {
    let documents: String = (0..2000)
        .map(|nth| format!("{{\"id\":\"c-{nth}\",\"name\":\"A name that fills a buffer or two, {nth}\"}}\n"))
        .collect();
    let built = built_of(&documents, &[]);
    let full = fs::File::create("/dev/full").unwrap();
    let ran = program()
        .args(["snapshot", "export", &built.data])
        .stdout(full)
        .output()
        .unwrap();
    let err = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1));
    assert!(
        err.starts_with("ringside: cannot write standard output: ") && !err.contains("snapshot"),
        "{err}"
    );
}

#[test]
fn a_diff_names_customers_and_numbers_that_moved() {
    let before = built(&[]);
    let dir = before.dir.path();
    let input = write(
        dir,
        "later.csv",
        "id,name,phone,email,tags\n\
         c-3,Alan Turing,480-675-4110,alan@example.org,\n\
         c-1,Ada Lovelace,(480) 675-4110,ada@example.net,VIP\n\
         c-4,Edsger Dijkstra,+31 6 12345678,,\n",
    );
    let data = text(&dir.join("later"));
    run(&[
        "snapshot", "build", "--format", "csv", "--input", &input, "--out", &data,
    ])
    .ok();
    let diff = run(&["snapshot", "diff", &before.data, &data]).ok();
    let mut lines: Vec<&str> = diff.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "added\tc-4",
            "changed\tc-1",
            "moved\t+14806754110\tc-3\tc-1",
            "removed\tc-2"
        ]
    );
}
