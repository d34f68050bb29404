//! Snapshots from files: a real one, bad ones, and what a failure leaves behind.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing step fails the test")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use ringside::customer::document::Limits;
use ringside::customer::{Record, Schema};
use ringside::intake::Intake;
use ringside::number::{Numbering, Settings};
use ringside::snapshot::claimants::{Claimants, Order};
use ringside::snapshot::folder::{Folder, Held, resolve};
use ringside::snapshot::import::{Detected, Format, ImportError, Input, Mapping, Reject, Summary, build};
use ringside::snapshot::{MappedSnapshot, Snapshot, export};
use tempfile::TempDir;

const NOW_MS: i64 = 1_800_000_000_000;

fn numbering() -> Numbering {
    let numbering = Numbering::new(&Settings::builtin()).unwrap();
    numbering.for_source(Some("US".parse().unwrap()), None)
}

fn intake() -> Intake {
    Intake::new(numbering(), Limits::default())
}

/// A folder of its own for each test.
struct Place {
    dir: TempDir,
    held: Held,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let held = Folder::hold(Folder::of_tenant(dir.path()).dir()).unwrap();
        Place { dir, held }
    }

    fn build<R: Read + Send>(
        &self,
        reader: R,
        format: Format,
        mapping: &Mapping,
    ) -> Result<Summary, ImportError> {
        let input = Input {
            reader,
            bytes: None,
            format,
        };
        build(input, mapping, &intake(), &self.held, NOW_MS, |_| {})
    }

    fn csv(&self, text: impl AsRef<[u8]>, mapping: &str) -> Result<Summary, ImportError> {
        let mapping = Mapping::parse(mapping).unwrap();
        self.build(Cursor::new(text.as_ref().to_vec()), Format::Csv, &mapping)
    }

    fn ndjson(&self, text: &str, mapping: &str) -> Result<Summary, ImportError> {
        let mapping = Mapping::parse(mapping).unwrap();
        self.build(Cursor::new(text.as_bytes().to_vec()), Format::Ndjson, &mapping)
    }

    fn snapshot(&self) -> MappedSnapshot {
        let snapshot = Snapshot::map(&resolve(self.dir.path()).unwrap()).unwrap();
        snapshot.verify(|_| {}).unwrap();
        snapshot
    }

    /// Names in the tenant's folder.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.held.folder().dir()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn json(record: &Record<'_>) -> serde_json::Value {
    serde_json::from_slice(record.json()).unwrap()
}

fn rejects(summary: &Summary) -> Vec<serde_json::Value> {
    let Some(path) = &summary.rejects else {
        return Vec::new();
    };
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn hospitals() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hospitals.csv")
}

fn claimant_ids(snapshot: &MappedSnapshot, key: u64) -> Vec<String> {
    match snapshot.claimants(key) {
        Claimants::None => Vec::new(),
        Claimants::One(record) => vec![record.id().to_owned()],
        Claimants::Many(many) => many
            .references(Order::NewestClaim)
            .map(|reference| snapshot.claimant(reference).unwrap().id().to_owned())
            .collect(),
    }
}

#[test]
fn every_hospital_is_found_by_its_number_however_it_is_written() {
    // Counted without any code of ours, so that the snapshot is held to something else than itself.
    let mut by_digits: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut reader = csv::Reader::from_path(hospitals()).unwrap();
    let attributes = reader.headers().unwrap().len() - 3;
    let mut rows = 0;
    for row in reader.records() {
        let row = row.unwrap();
        let digits = row[7].chars().filter(char::is_ascii_digit).collect();
        by_digits.entry(digits).or_default().push(row[0].to_owned());
        rows += 1;
    }
    let contested = by_digits.values().filter(|ids| ids.len() > 1).count() as u64;
    assert_eq!((rows, contested), (4772, 16));

    let place = Place::new();
    let mut told = Vec::new();
    let input = Input::open(&hospitals(), Format::Csv).unwrap();
    let total = input.bytes;
    let summary = build(
        input,
        &Mapping::default(),
        &intake(),
        &place.held,
        NOW_MS,
        |progress| {
            told.push(progress);
        },
    )
    .unwrap();
    let last = told.last().unwrap();
    assert_eq!((last.rows, Some(last.bytes), last.total), (rows, total, total));
    assert_eq!(
        (summary.rows, summary.customers, summary.refused),
        (rows, rows, 0)
    );
    assert_eq!((summary.contested, summary.attributes), (contested, attributes));
    for (field, column) in [
        ("id", "Provider ID"),
        ("name", "Hospital Name"),
        ("phones[0]", "Phone Number"),
        ("attributes.zip_code", "ZIP Code"),
    ] {
        let detected = Detected {
            field: field.into(),
            column: column.into(),
        };
        assert!(summary.detected.contains(&detected), "{field}");
    }

    let snapshot = place.snapshot();
    assert_eq!(
        (snapshot.header().seq, snapshot.header().customers),
        (rows + 1, rows)
    );
    let numbering = numbering();
    let mut invalid = 0;
    for (digits, ids) in &by_digits {
        let stored = numbering.key_to_store(digits, None, false);
        let Ok(Some(_)) = stored else {
            invalid += ids.len() as u64;
            continue;
        };
        let (area, exchange, line) = (&digits[..3], &digits[3..6], &digits[6..]);
        for written in [
            digits.clone(),
            format!("+1{digits}"),
            format!("({area}) {exchange}-{line}"),
            format!("{area}.{exchange}.{line}"),
            format!("tel:+1-{area}-{exchange}-{line}"),
            format!("1 {area} {exchange} {line}"),
        ] {
            let key = numbering.read(&written, None).key().unwrap();
            // The newest claim, which is the latest row, comes first.
            let expected: Vec<String> = ids.iter().rev().cloned().collect();
            assert_eq!(claimant_ids(&snapshot, key.raw()), expected, "{written}");
        }
    }
    assert_eq!(summary.kept_phones, invalid);
    assert_eq!(summary.numbers, by_digits.len() as u64 - invalid);
    assert_eq!(summary.claims, rows - invalid);
    let kept = rejects(&summary);
    assert_eq!(kept.len() as u64, invalid);
    assert!(
        kept.iter()
            .all(|line| line["kept"] == true && line["column"] == "Phone Number"),
        "{kept:?}"
    );

    let first = json(&snapshot.customer("10005").unwrap());
    assert_eq!(first["name"], "MARSHALL MEDICAL CENTER SOUTH");
    assert_eq!(first["attributes"]["zip_code"], "35957");
    assert_eq!(
        first["attributes"]["location"],
        "2505 U S HIGHWAY 431 NORTH BOAZ, AL 35957"
    );
    assert_eq!(
        snapshot.customer("10005").unwrap().origin().position,
        2_u64.to_be_bytes()
    );
}

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

/// One row among good ones is refused, and says why.
#[test]
fn a_bad_row_is_refused_by_its_number_and_costs_nothing_else() {
    let typed = "[[attribute]]\nkey = 'born'\ntype = 'date'\n[[attribute]]\nkey = 'pin'\nsensitive = true\n\
                 [[attribute]]\nkey = 'mail'\ntype = 'email'\nsensitive = true\n";
    let long = format!("5,Eve,4806754114,{},,,", "x".repeat(1001));
    let cases: [(&[u8], &str, &str); 10] = [
        (b"5,Eve,4806754114,a,,", "expected 7 cells", ""),
        (b"5,Eve,4806754114,a,,,,", "found 8", ""),
        (b"5,Eve \"E\",4806754114,a,,,", "quotation mark", ""),
        (b"5,\"Eve\nE\"x,4806754114,a,,,", "lines up to 4", ""),
        (b"5,E\0e,4806754114,a,,,", "NUL", ""),
        (b"5,Ev\xe9,4806754114,a,,,", "0xe9 at byte 3", "Name"),
        (b"1,Eve,4806754114,a,,,", "found that of row 2", "id"),
        (long.as_bytes(), "1000 characters", "note"),
        (b"5,Eve,4806754114,a,2026-02-30,,", "a date that exists", "born"),
        (
            b"5,Eve,4806754114,a,,secret pin,secret at example",
            "e-mail",
            "mail",
        ),
    ];
    for (bad, reason, place_named) in cases {
        let place = Place::new();
        let mut text = b"\xef\xbb\xbfID,Name,Phone,note,born,pin,mail\r\n1,Ada,4806754110,,,,\r\n".to_vec();
        text.extend_from_slice(bad);
        text.extend_from_slice(b"\r\n9,Zoe,4806754119,,,,\r\n");
        let summary = place.csv(&text, typed).unwrap();
        let shown = String::from_utf8_lossy(bad);
        assert_eq!(
            (summary.rows, summary.customers, summary.refused),
            (3, 2, 1),
            "{shown}"
        );
        let rejects = rejects(&summary);
        assert_eq!(rejects.len(), 1, "{shown}");
        let line = rejects[0].to_string();
        assert_eq!(
            (&rejects[0]["row"], &rejects[0]["kept"]),
            (&3.into(), &false.into()),
            "{line}"
        );
        assert!(
            line.contains(reason) && line.contains(place_named),
            "{shown}: {line}"
        );
        assert!(
            !line.contains("secret"),
            "a sensitive value is never repeated: {line}"
        );
        let snapshot = place.snapshot();
        assert!(
            snapshot.customer("9").is_some() && snapshot.customer("1").is_some(),
            "{shown}"
        );
        assert_eq!(json(&snapshot.customer("1").unwrap())["name"], "Ada");
    }
}

/// What makes the whole file doubtful ends the import, says what to do, and leaves the folder as it was.
#[test]
fn a_bad_file_publishes_nothing() {
    let wide: String = (0..52).map(|column| format!(",c{column}")).collect();
    let fifty_one: String = (0..51).map(|n| format!("\"k{n}\":\"v\",")).collect();
    let fifty_one = format!(
        "{{\"id\":\"1\",\"name\":\"x\",\"attributes\":{{{}}}}}\n",
        fifty_one.trim_end_matches(',')
    );
    let csv: [(&str, Vec<u8>, &str, &[&str]); 14] = [
        (
            "unclosed quote",
            b"id,name,phone\n1,\"a,1\n2,b,2\n".to_vec(),
            "",
            &["row 2", "column 2", "never closed"],
        ),
        (
            "duplicate header",
            b"id,name,phone,name\n".to_vec(),
            "",
            &["\"name\"", "columns 2 and 4"],
        ),
        (
            "no id",
            b"key,name,phone\n1,a,2\n".to_vec(),
            "",
            &["key, name, phone", "[columns] id = "],
        ),
        (
            "no phones",
            b"id,name\n1,a\n".to_vec(),
            "",
            &["[columns] phones = ["],
        ),
        (
            "other delimiter",
            b"id;name;phone\n1;a;2\n".to_vec(),
            "",
            &["delimiter"],
        ),
        (
            "too many",
            format!("id,name,phone{wide}\n").into_bytes(),
            "",
            &["at most 50", "found 52", "only = true"],
        ),
        ("utf-16", b"\xfe\xff\0i\0d".to_vec(), "", &["UTF-16BE", "UTF-8"]),
        (
            "utf-16, no mark",
            b"i\0d\0,\0n\0\n\0".to_vec(),
            "",
            &["NUL", "UTF-16"],
        ),
        (
            "not utf-8",
            b"id,phone,n\xe9e\n".to_vec(),
            "",
            &["UTF-8", "latin1"],
        ),
        (
            "old line ends",
            b"id,phone\r1,2\r".to_vec(),
            "",
            &["carriage return"],
        ),
        ("empty", b"".to_vec(), "", &["headers", "empty"]),
        ("no rows", b"id,phone\n".to_vec(), "", &["0 rows"]),
        (
            "no good rows",
            b"id,name,phone\n,a,4806754110\n".to_vec(),
            "",
            &["1 rows", "row 2", "id"],
        ),
        (
            "no such column",
            b"id,name,phone\n".to_vec(),
            "[columns]\nname = 'Nmae'",
            &["\"Nmae\"", "did you mean \"name\"?"],
        ),
    ];
    let place = Place::new();
    let before = place.csv("id,phone\nold,4806754110\n", "").unwrap();
    let names = place.names();
    let check = |what: &str, result: Result<Summary, ImportError>, expected: &[&str]| {
        let error = match result {
            Ok(summary) => panic!("{what}: {summary:?}"),
            Err(error) => error.to_string(),
        };
        for part in expected {
            assert!(error.contains(part), "{what}: {part:?} in {error}");
        }
        assert_eq!(place.names(), names, "{what}");
        assert_eq!(
            place.held.folder().current().unwrap().as_ref(),
            Some(&before.path),
            "{what}"
        );
    };
    for (what, text, mapping, expected) in csv {
        check(what, place.csv(text, mapping), expected);
    }
    check(
        "51 keys",
        place.ndjson(&fifty_one, ""),
        &["row 1", "k50", "at most 50", "only = true"],
    );
    let broken = Cursor::new(b"id,phone\n1,4806754110\n".to_vec()).chain(Failing);
    check(
        "a disk that fails",
        place.build(broken, Format::Csv, &Mapping::default()),
        &["row 3", "the disk failed"],
    );
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk failed"))
    }
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

/// Customers as documents by id, with their claims but for when these began.
fn content(snapshot: &MappedSnapshot) -> BTreeMap<String, (serde_json::Value, Vec<(u64, bool)>)> {
    let customers = snapshot.records().map(|record| {
        let record = record.unwrap();
        let claims = record.claims().map(|claim| (claim.key, claim.shared)).collect();
        (record.id().to_owned(), (json(&record), claims))
    });
    customers.collect()
}

fn exported(snapshot: &MappedSnapshot) -> (String, String) {
    let mut lines = Vec::new();
    let customers = export::export(snapshot, &mut lines, |_| {}).unwrap();
    assert_eq!(customers, snapshot.header().customers);
    let schema: &Schema = snapshot.schema();
    (
        String::from_utf8(lines).unwrap(),
        export::mapping(schema).unwrap(),
    )
}

#[test]
fn hospitals_exported_and_built_again_are_the_same() {
    let place = Place::new();
    place
        .build(
            fs::File::open(hospitals()).unwrap(),
            Format::Csv,
            &Mapping::default(),
        )
        .unwrap();
    let first = place.snapshot();
    let (lines, mapping) = exported(&first);
    let summary = place.ndjson(&lines, &format!("only = true\n{mapping}")).unwrap();
    let second = place.snapshot();
    assert_eq!((summary.refused, second.schema()), (0, first.schema()));
    assert_eq!(content(&first), content(&second));
}

fn document() -> impl Strategy<Value = serde_json::Value> {
    let phone = prop_oneof![
        "\\+1480675[0-9]{4}".prop_map(serde_json::Value::from),
        ("[0-9() -]{3,12}1", any::<bool>()).prop_map(
            |(number, shared)| serde_json::json!({"number": number, "shared": shared, "kind": "work"})
        ),
    ];
    let text = "[ -~äß\u{1F600}]{0,12}";
    (
        "[a-d0-9]{1,3}",
        "[A-Za-zäß\"\\\\]{1,10}",
        prop::collection::vec(phone, 0..4),
        prop::option::of(text),
        prop::option::of(any::<bool>()),
        prop::collection::vec("[a-z]{1,4}", 0..3),
    )
        .prop_map(|(id, name, phones, note, vip, labels)| {
            serde_json::json!({
                "id": id, "name": name, "phones": phones, "labels": labels,
                "attributes": {"note": note, "vip": vip},
                "case": {"id": "c", "title": name, "status": "open"},
                "interactions": [{"id": "i", "started_at": "2026-11-18T14:02:11Z", "duration_s": 3}],
            })
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exported_and_built_again_is_the_same(documents in prop::collection::vec(document(), 1..20)) {
        let lines: String = documents.iter().map(|document| format!("{document}\n")).collect();
        let place = Place::new();
        place.ndjson(&lines, "").unwrap();
        let first = place.snapshot();
        let (lines, mapping) = exported(&first);
        let again = Place::new();
        let summary = again.ndjson(&lines, &mapping).unwrap();
        prop_assert_eq!(summary.refused, 0);
        let second = again.snapshot();
        prop_assert_eq!(first.schema(), second.schema());
        prop_assert_eq!(content(&first), content(&second));
        prop_assert_eq!(exported(&second).0, lines);
    }
}
