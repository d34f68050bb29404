//! Builds that are ended half way and go on.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ringside::snapshot::Snapshot;
use ringside::snapshot::import::{Built, Event, Format, ImportError, Input, Mapping, Target, build};
use ringside::snapshot::layout::SectionKind;
use tempfile::TempDir;

use super::place::{MEMORY, NOW_MS, Place, intake};

/// Rows that take ten batches, with everything that a build remembers of rows: ids that come twice, contested numbers,
/// phones that are kept, refused rows, and an attribute that begins late.
const ROWS: u64 = 2500;

fn ndjson(path: &Path) {
    let mut text = String::new();
    for row in 1..=ROWS {
        let id = if row % 200 == 0 { row - 150 } else { row };
        let phone = match row % 50 {
            0 => "12".to_owned(),
            1 => "+14806754110".to_owned(),
            _ => format!("+1480675{:04}", 2000 + row),
        };
        let city = if row > 1500 {
            r#","attributes":{"city":"Delft"}"#
        } else {
            ""
        };
        match row % 333 {
            0 => text.push_str("{\n"),
            _ => writeln!(
                text,
                r#"{{"id":"c{id}","name":"N {row}","phones":["{phone}"]{city}}}"#
            )
            .unwrap(),
        }
    }
    fs::write(path, text).unwrap();
}

fn csv(path: &Path) {
    let mut text = "\u{feff}id,name,phone,note\r\n".to_owned();
    for row in 1..=ROWS / 2 {
        let id = if row % 90 == 0 { 7 } else { row };
        write!(
            text,
            "c{id},\"N\r\n{row}\",480675{:04},\"a \"\"b\"\"\"\r\n",
            2000 + row % 900
        )
        .unwrap();
    }
    fs::write(path, text).unwrap();
}

/// An input and folders to build it in.
struct Bench {
    dir: TempDir,
    input: PathBuf,
    format: Format,
}

impl Bench {
    fn new(format: Format) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let input = dir.path().join("input");
        match format {
            Format::Ndjson => ndjson(&input),
            Format::Csv => csv(&input),
        }
        Bench { dir, input, format }
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn copy(&self, from: &str, to: &str) -> PathBuf {
        fs::create_dir(self.folder(to)).unwrap();
        for entry in fs::read_dir(self.folder(from)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), self.folder(to).join(entry.file_name())).unwrap();
        }
        self.folder(to)
    }

    /// Builds in the folder `name` with a checkpoint behind each batch, up to the batch `kill_at`.
    fn run(&self, name: &str, mapping: &Mapping, kill_at: usize) -> (Option<Built>, Vec<Event>) {
        let target = Target {
            checkpoint_bytes: 1,
            ..Target::new(self.folder(name), 1, NOW_MS, MEMORY)
        };
        let (mut told, mut batches) = (Vec::new(), 0);
        let input = Input::open(&self.input, self.format).unwrap();
        let built = catch_unwind(AssertUnwindSafe(|| {
            build(input, mapping, &intake(), target, |event| match event {
                Event::At(_) => {
                    batches += 1;
                    if batches == kill_at {
                        resume_unwind(Box::new("killed"));
                    }
                }
                other => told.push(other),
            })
        }));
        let built = built.ok().map(|built: Result<Built, ImportError>| built.unwrap());
        (built, told)
    }

    fn finished(&self, name: &str) -> (Outcome, Vec<Event>) {
        let (built, told) = self.run(name, &Mapping::default(), usize::MAX);
        (Outcome::of(&built.unwrap()), told)
    }
}

#[derive(Debug, PartialEq)]
struct Outcome {
    snapshot: Vec<u8>,
    rejects: String,
    counts: [u64; 4],
}

impl Outcome {
    fn of(built: &Built) -> Outcome {
        let summary = built.summary();
        Outcome {
            snapshot: fs::read(built.path()).unwrap(),
            rejects: summary
                .rejects
                .as_ref()
                .map_or_else(String::new, |path| fs::read_to_string(path).unwrap()),
            counts: [
                summary.rows,
                summary.customers,
                summary.refused,
                summary.kept_phones,
            ],
        }
    }

    /// All that does not depend on the seed, which every build has of its own.
    fn essence(&self) -> (Vec<u8>, String, [u64; 4]) {
        let snapshot = Snapshot::open(self.snapshot.as_slice()).unwrap();
        snapshot.verify(|_| ()).unwrap();
        (
            snapshot.section(SectionKind::Records).to_vec(),
            self.rejects.clone(),
            self.counts,
        )
    }
}

#[test]
fn a_build_that_is_killed_behind_any_batch_comes_to_the_same_file() {
    for format in [Format::Ndjson, Format::Csv] {
        let bench = Bench::new(format);
        let (whole, told) = bench.finished("whole");
        assert_eq!(told, []);
        assert!(whole.counts[2] > 5, "{:?}", whole.counts);

        assert!(bench.run("killed", &Mapping::default(), 1).0.is_none());
        bench.copy("killed", "reference");
        let (reference, told) = bench.finished("reference");
        assert!(matches!(told[..], [Event::Resumed { row: 256.. }]), "{told:?}");
        assert_eq!(reference.essence(), whole.essence());

        let mut kill_at = 1;
        loop {
            let name = format!("killed-{kill_at}");
            bench.copy("killed", &name);
            if bench.run(&name, &Mapping::default(), kill_at).0.is_some() {
                break;
            }
            let (again, told) = bench.finished(&name);
            assert!(matches!(told[..], [Event::Resumed { .. }]), "{told:?}");
            assert!(again == reference, "batch {kill_at} of {format:?}");
            kill_at += 1;
        }
        assert!(kill_at > 4, "{kill_at}");
    }
}

#[test]
fn what_is_another_now_starts_over_and_is_named() {
    let bench = Bench::new(Format::Ndjson);
    assert!(bench.run("killed", &Mapping::default(), 5).0.is_none());
    let other = Mapping::parse("invalid_phones = 'refuse'").unwrap();
    bench.copy("killed", "mapping");
    let (built, told) = bench.run("mapping", &other, usize::MAX);
    assert!(
        matches!(&told[..], [Event::StartedOver { why }] if why.contains("mapping")),
        "{told:?}"
    );
    assert_eq!(built.unwrap().summary().kept_phones, 0);

    // As many bytes, and a time that differs.
    let text = fs::read_to_string(&bench.input).unwrap();
    fs::write(&bench.input, text.replacen("N 1\"", "M 1\"", 1)).unwrap();
    let file = fs::File::options().write(true).open(&bench.input).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    bench.copy("killed", "time");
    let (again, told) = bench.finished("time");
    assert!(
        matches!(&told[..], [Event::StartedOver { why }] if why.contains("time of change")),
        "{told:?}"
    );
    assert_eq!(again.essence(), bench.finished("whole").0.essence());

    fs::write(&bench.input, format!("{text}\n")).unwrap();
    let (_, told) = bench.finished("killed");
    assert!(
        matches!(&told[..], [Event::StartedOver { why }] if why.contains("size")),
        "{told:?}"
    );
}

#[test]
fn torn_and_flipped_files_of_a_build_are_not_believed() {
    let bench = Bench::new(Format::Ndjson);
    let whole = bench.finished("whole").0.essence();
    assert!(bench.run("killed", &Mapping::default(), 7).0.is_none());
    let mut names: Vec<String> = fs::read_dir(bench.folder("killed"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["LOCK", "manifest", "notes", "records"]);
    for name in ["manifest", "notes", "records"] {
        for part in [0.0, 0.3, 0.5, 0.99] {
            for flip in [false, true] {
                let damaged = format!("{name}-{part}-{flip}");
                let path = bench.copy("killed", &damaged).join(name);
                let mut file = fs::File::options().read(true).write(true).open(&path).unwrap();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    clippy::cast_precision_loss,
                    reason = "a place in a small file"
                )]
                // A flip in the page of the header does not count: it is written at the end.
                let at = ((file.metadata().unwrap().len() as f64 * part) as u64).max(if name == "records" {
                    4100
                } else {
                    0
                });
                if flip {
                    let mut bytes = fs::read(&path).unwrap();
                    bytes[usize::try_from(at).unwrap()] ^= 1;
                    file.seek(SeekFrom::Start(0)).unwrap();
                    file.write_all(&bytes).unwrap();
                } else {
                    file.set_len(at).unwrap();
                }
                let (again, told) = bench.finished(&damaged);
                assert!(
                    matches!(&told[..], [Event::StartedOver { why }] if why.contains("damaged")),
                    "{damaged}: {told:?}"
                );
                assert!(again.essence() == whole, "{damaged}");
            }
        }
    }
}

#[test]
fn a_build_that_is_stopped_goes_on() {
    let bench = Bench::new(Format::Ndjson);
    let target = Target {
        checkpoint_bytes: 1,
        ..Target::new(bench.folder("stopped"), 1, NOW_MS, MEMORY)
    };
    let stop = Arc::clone(&target.stop);
    let input = Input::open(&bench.input, bench.format).unwrap();
    let stopped = build(input, &Mapping::default(), &intake(), target, |_| {
        stop.store(true, Ordering::Relaxed);
    });
    assert!(matches!(stopped, Err(ImportError::Stopped)), "{stopped:?}");
    let (again, told) = bench.finished("stopped");
    assert!(matches!(told[..], [Event::Resumed { row: 512 }]), "{told:?}");
    assert_eq!(again.essence(), bench.finished("whole").0.essence());
}

#[test]
fn two_builds_do_not_share_a_folder() {
    let bench = Bench::new(Format::Csv);
    let (built, _) = bench.run("one", &Mapping::default(), usize::MAX);
    let other = Target {
        checkpoint_bytes: 1,
        ..Target::new(bench.folder("one"), 1, NOW_MS, MEMORY)
    };
    let input = Input::open(&bench.input, Format::Csv).unwrap();
    let error = build(input, &Mapping::default(), &intake(), other, |_| {})
        .unwrap_err()
        .to_string();
    assert!(error.contains("in use by"), "{error}");
    let place = Place::new();
    let summary = built.unwrap().publish(&place.held).unwrap();
    assert!(!bench.folder("one").exists());
    assert_eq!(place.snapshot().header().customers, summary.customers);
    assert!(summary.rejects.unwrap().starts_with(place.held.folder().dir()));
}

#[test]
fn a_serial_number_that_is_used_is_not_replaced() {
    let bench = Bench::new(Format::Csv);
    let place = Place::new();
    let before = place.csv("id,phone\nold,4806754110\n", "").unwrap();
    let (built, _) = bench.run("one", &Mapping::default(), usize::MAX);
    let error = built.unwrap().publish(&place.held).unwrap_err().to_string();
    assert!(error.contains("found one"), "{error}");
    assert_eq!(place.held.folder().current().unwrap(), Some(before.path));
    assert!(place.snapshot().customer("old").is_some());
    assert!(
        bench.folder("one").join("manifest").exists(),
        "another try goes on from there"
    );
}

/// The program itself, ended by a signal that it cannot catch.
#[test]
fn a_killed_program_goes_on_when_it_is_typed_again() {
    let dir = tempfile::tempdir().unwrap();
    let (input, data) = (dir.path().join("in.ndjson"), dir.path().join("data"));
    {
        let mut file = std::io::BufWriter::new(fs::File::create(&input).unwrap());
        let customers = |file: &mut dyn Write, range: std::ops::Range<u32>| {
            for n in range {
                writeln!(
                    file,
                    r#"{{"id":"c{n}","name":"N","phones":["+1480{:07}"]}}"#,
                    2_000_000 + n
                )
                .unwrap();
            }
        };
        customers(&mut file, 0..300);
        // Lines that are refused at their first byte bring a checkpoint near.
        let junk = "x".repeat(8 << 20);
        for _ in 0..9 {
            writeln!(file, "{junk}").unwrap();
        }
        customers(&mut file, 300..12_000);
    }
    let command = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringside"));
        command.args(["snapshot", "build", "--format", "ndjson", "--input"]);
        command
            .arg(&input)
            .arg("--out")
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    };
    let mut child = command().spawn().unwrap();
    let manifest = data.join("main/build/manifest");
    while !manifest.exists() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before a checkpoint"
        );
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!data.join("main/CURRENT").exists());

    let mut child = command().spawn().unwrap();
    let said: Vec<String> = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .collect();
    assert!(child.wait().unwrap().success(), "{said:?}");
    assert!(said.iter().any(|line| line.contains("resuming")), "{said:?}");
    let snapshot = Snapshot::map(&ringside::snapshot::folder::resolve(&data).unwrap()).unwrap();
    snapshot.verify(|_| {}).unwrap();
    assert_eq!(snapshot.header().customers, 12_000);
    assert!(!data.join("main/build").exists());
}
