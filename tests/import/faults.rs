//! Bad rows and bad files.

use std::io::{self, Cursor, Read};

use ringside::snapshot::import::{Format, ImportError, Mapping, Summary};

use super::place::{Place, json, rejects};

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
