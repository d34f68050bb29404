use std::io::{BufRead, BufReader, Seek, Write};
use std::process::Stdio;

use super::program::{program, run, run_with};

#[test]
fn lines_are_read_in_their_region() {
    let out = run_with(
        &["normalize", "--region", "GB"],
        b"020 7946 0958\r\nanonymous\n\n112\ncall me\n",
    )
    .ok();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "020 7946 0958\t+442079460958\t");
    assert_eq!(lines[1], "anonymous\t\tanonymous");
    assert_eq!(lines[2], "\t\tanonymous");
    assert_eq!(lines[3], "112\t112\tinternal");
    assert!(lines[4].starts_with("call me\t\tinvalid: "), "{}", lines[4]);
    assert_eq!(lines.len(), 5);
}

#[test]
fn raw_is_the_references_parse() {
    let out = run_with(&["normalize", "--raw", "--region", "US"], b"anonymous1234\n").ok();
    assert_eq!(out, "anonymous1234\t+11234\t\n");
    let out = run_with(&["normalize", "--raw", "--region", "ZZ"], b"020 7946 0958").ok();
    assert!(out.starts_with("020 7946 0958\t\t"), "{out}");
}

#[test]
fn every_line_has_an_answer_whatever_its_bytes() {
    let mut input =
        b"\xff\xfe\n\0+14155552671\0\n+\n;ext=1;ext=2\nsip:%2B4930%20123456@host\n\xe2\x80\xaa+4930123456\n"
            .to_vec();
    input.extend_from_slice("\u{ff0b}１４１５５５５２６７１\n+٤٩٣٠١٢٣٤٥٦٧٨\n".as_bytes());
    input.extend(vec![b'7'; 10 << 20]);
    input.extend_from_slice(b"\n+14155552671");
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&input).unwrap();
    for raw in [false, true] {
        let arguments: &[&str] = if raw {
            &["normalize", "--raw"]
        } else {
            &["normalize"]
        };
        file.rewind().unwrap();
        let ran = program()
            .args(arguments)
            .stdin(file.try_clone().unwrap())
            .output()
            .unwrap();
        assert!(ran.status.success());
        let out = String::from_utf8_lossy(&ran.stdout);
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.len(), 10);
        let numbers: Vec<&str> = lines
            .iter()
            .map(|line| line.rsplit('\t').nth(1).unwrap())
            .collect();
        let expected = [
            "",
            "+14155552671",
            "",
            "",
            if raw { "" } else { "+4930123456" },
            "+4930123456",
            "+14155552671",
            "+493012345678",
            "",
            "+14155552671",
        ];
        assert_eq!(numbers, expected, "raw: {raw}");
        for (line, number) in lines.iter().zip(expected) {
            assert_ne!(
                line.ends_with('\t'),
                number.is_empty(),
                "raw: {raw}: a number or a reason"
            );
        }
    }
}

#[test]
fn the_environment_decides_the_region() {
    let mut child = program()
        .args(["normalize"])
        .env("RINGSIDE__NUMBERS__DEFAULT_REGION", "DE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The input stays open: an answer that came only at its end would never come.
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for (written, expected) in [("030 123456", "+4930123456"), ("030 123457", "+4930123457")] {
        writeln!(stdin, "{written}").unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, format!("{written}\t{expected}\t\n"));
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let mut child = program()
        .args(["normalize"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    // It ends before it has read all of this.
    while stdin.write_all(b"+14155552671\n").is_ok() {}
    drop(stdin);
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success());
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
}

#[test]
fn an_unknown_region_is_a_fault_of_usage() {
    let ran = run(&["normalize", "--region", "England"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("two letters such as US or GB"), "{}", ran.err);
}
