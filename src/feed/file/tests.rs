use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use super::*;

struct Place {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    Place {
        path: folder.path().join("changes.ndjson"),
        _folder: folder,
    }
}

#[expect(clippy::disallowed_methods, reason = "what others do to their files")]
fn rename(from: &Path, to: &Path) {
    fs::rename(from, to).unwrap();
}

fn append(path: &Path, text: &str) {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

/// What a snapshot remembers of the follower.
fn remembered(follower: &Follower) -> Vec<Life> {
    follower
        .lives()
        .map(|life| Life::new(&life.incarnation, &life.place.unwrap().to_string()))
        .collect()
}

/// Lines as `life:number:text`, until nothing more comes in two looks; lives counted in the order of appearance.
fn drain(follower: &mut Follower, lives: &mut Vec<String>) -> Vec<String> {
    let (mut seen, mut idle) = (Vec::new(), 0);
    while idle < 3 {
        match follower.look().unwrap() {
            Look::Lines(batch) => {
                idle = 0;
                if !lives.contains(&batch.incarnation) {
                    lives.push(batch.incarnation.clone());
                }
                let life = lives.iter().position(|life| *life == batch.incarnation).unwrap();
                for line in batch.lines {
                    let text = if line.bytes.len() > 20 {
                        format!("{} bytes", line.bytes.len())
                    } else {
                        String::from_utf8_lossy(&line.bytes).into_owned()
                    };
                    seen.push(format!("{life}:{}:{text}", line.number));
                }
                for _ in 0..batch.too_long {
                    seen.push(format!("{life}:too long"));
                }
            }
            Look::Gap => seen.push("gap".into()),
            Look::Idle | Look::Missing => idle += 1,
        }
    }
    seen
}

#[test]
fn whole_lines_are_given_once_as_the_file_grows() {
    let Place { path, _folder } = place();
    let (mut follower, mut lives) = (Follower::new(&path, vec![]), vec![]);
    assert_eq!(follower.look().unwrap(), Look::Missing);
    append(&path, "one\ntwo\nthr");
    assert_eq!(drain(&mut follower, &mut lives), ["0:1:one", "0:2:two"]);
    append(&path, "ee\r\n\n");
    assert_eq!(drain(&mut follower, &mut lives), ["0:3:three", "0:4:"]);
    assert_eq!(drain(&mut follower, &mut lives), Vec::<String>::new());
}

#[test]
fn a_renamed_file_is_read_to_its_end_before_its_successor() {
    let Place { path, _folder } = place();
    let (mut follower, mut lives) = (Follower::new(&path, vec![]), vec![]);
    append(&path, "one\n");
    assert_eq!(drain(&mut follower, &mut lives), ["0:1:one"]);
    let old = path.with_extension("1");
    fs::hard_link(&path, &old).unwrap();
    fs::remove_file(&path).unwrap();
    append(&old, "two\n");
    append(&path, "new\n");
    append(&old, "three, without a newline");
    assert_eq!(
        drain(&mut follower, &mut lives),
        ["0:2:two", "0:3:24 bytes", "1:1:new"]
    );
}

#[test]
fn a_file_that_is_gone_is_waited_for() {
    let Place { path, _folder } = place();
    let (mut follower, mut lives) = (Follower::new(&path, vec![]), vec![]);
    append(&path, "one\n");
    drain(&mut follower, &mut lives);
    fs::remove_file(&path).unwrap();
    assert_eq!(follower.look().unwrap(), Look::Missing);
    append(&path, "two\n");
    assert_eq!(drain(&mut follower, &mut lives), ["1:1:two"]);
}

#[test]
fn a_cut_file_and_a_rewritten_one_are_new_lives() {
    let Place { path, _folder } = place();
    let (mut follower, mut lives) = (Follower::new(&path, vec![]), vec![]);
    append(&path, "one\ntwo\n");
    drain(&mut follower, &mut lives);
    fs::write(&path, "1\n").unwrap();
    assert_eq!(drain(&mut follower, &mut lives), ["1:1:1"]);
    fs::write(&path, "longer than before\n").unwrap();
    assert_eq!(drain(&mut follower, &mut lives), ["2:1:longer than before"]);
}

#[test]
fn a_restart_goes_on_where_the_token_says() {
    let Place { path, _folder } = place();
    let (mut follower, mut lives) = (Follower::new(&path, vec![]), vec![]);
    append(&path, "one\ntwo\n");
    drain(&mut follower, &mut lives);
    let known = remembered(&follower);
    append(&path, "three\n");
    let mut again = Follower::new(&path, known.clone());
    assert_eq!(drain(&mut again, &mut lives), ["0:3:three"]);

    fs::write(&path, "other\nlines\nall\n").unwrap();
    let mut again = Follower::new(&path, known);
    assert_eq!(
        drain(&mut again, &mut lives),
        ["gap", "1:1:other", "1:2:lines", "1:3:all"]
    );
}

#[test]
fn a_line_that_is_too_long_is_passed_over() {
    let Place { path, _folder } = place();
    let (mut follower, mut lives) = (Follower::new(&path, vec![]), vec![]);
    append(&path, "one\n");
    append(&path, &"x".repeat(LONGEST_LINE - 1));
    append(&path, "\n");
    append(&path, &"x".repeat(LONGEST_LINE + 5));
    append(&path, "\ntwo\n");
    let expected = ["0:1:one", "0:2:16777215 bytes", "0:4:two", "0:too long"];
    assert_eq!(drain(&mut follower, &mut lives), expected);
}

#[test]
fn a_look_that_fails_does_not_lose_the_place() {
    let Place { path, _folder } = place();
    let folder = path.with_file_name("folder");
    fs::create_dir(&folder).unwrap();
    let path = folder.join("changes.ndjson");
    let (mut follower, mut lives) = (Follower::new(&path, vec![]), vec![]);
    append(&path, "one\n");
    drain(&mut follower, &mut lives);
    let away = folder.with_extension("away");
    rename(&folder, &away);
    fs::write(&folder, "in the way").unwrap();
    follower.look().unwrap_err();
    fs::remove_file(&folder).unwrap();
    rename(&away, &folder);
    append(&path, "two\n");
    assert_eq!(drain(&mut follower, &mut lives), ["0:2:two"]);
}

#[test]
fn a_restart_reads_the_rest_of_a_file_that_was_renamed_meanwhile() {
    let Place { path, _folder } = place();
    let (mut follower, mut lives) = (Follower::new(&path, vec![]), vec![]);
    append(&path, "one\n");
    drain(&mut follower, &mut lives);
    let known = remembered(&follower);
    append(&path, "two\n");
    let old = path.with_extension("1");
    rename(&path, &old);
    let mut again = Follower::new(&path, known.clone());
    assert_eq!(drain(&mut again, &mut lives), ["0:2:two"]);
    append(&path, "new\n");
    assert_eq!(drain(&mut again, &mut lives), ["1:1:new"]);

    // It is known to have ended, so that its disappearance is no gap any more.
    let ended = remembered(&again);
    fs::remove_file(&old).unwrap();
    append(&path, "more\n");
    let mut again = Follower::new(&path, ended);
    assert_eq!(drain(&mut again, &mut lives), ["1:2:more"]);

    // Where it is gone before its rest was read, that is said.
    let mut again = Follower::new(&path, known);
    assert_eq!(drain(&mut again, &mut lives), ["gap", "1:1:new", "1:2:more"]);
}

#[test]
fn a_restart_after_a_cut_that_left_nothing_begins_a_new_life() {
    let Place { path, _folder } = place();
    let (mut follower, mut lives) = (Follower::new(&path, vec![]), vec![]);
    append(&path, "one\n");
    drain(&mut follower, &mut lives);
    fs::write(&path, "").unwrap();
    assert_eq!(drain(&mut follower, &mut lives), Vec::<String>::new());
    let mut again = Follower::new(&path, remembered(&follower));
    append(&path, "two\n");
    assert_eq!(drain(&mut again, &mut lives), ["1:1:two"]);
}

#[test]
fn a_line_longer_than_any_buffer_is_passed_over_in_pieces() {
    let Place { path, _folder } = place();
    let (mut follower, mut lives) = (Follower::new(&path, vec![]), vec![]);
    for _ in 0..3 {
        append(&path, &"x".repeat(LONGEST_LINE - 7));
        assert_eq!(drain(&mut follower, &mut lives), Vec::<String>::new());
    }
    append(&path, "\ntwo\n");
    assert_eq!(drain(&mut follower, &mut lives), ["0:2:two", "0:too long"]);
}

/// Opening a pipe waits for whoever writes to it, and a folder opens and cannot be read.
#[test]
fn what_is_no_file_is_refused_without_waiting() {
    let Place { path, _folder } = place();
    std::fs::create_dir(&path).unwrap();
    let error = Follower::new(&path, vec![]).look().unwrap_err();
    assert!(error.to_string().contains("expected a file"), "{error}");
    std::fs::remove_dir(&path).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
    let error = Follower::new(&path, vec![]).look().unwrap_err();
    assert!(error.to_string().contains("expected a file"), "{error}");
}
