//! What this version writes, byte by byte, and that it reads it. `RINGSIDE_WRITE_GOLDEN=1 cargo test --lib golden` writes
//! the files anew, which is only right with a new version of the format: a version's files stay, and are read by
//! later versions' tests.

use super::*;

/// Where the files of version 1 are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden/journal-1")
}

fn expected() -> Frames {
    let mut frames = vec![
        frame(1, "state of the first segment"),
        frame(1, "one"),
        frame(1, ""),
    ];
    frames.push((1, (0..=255).collect()));
    frames.push(frame(258, "state of the second segment"));
    frames.push(frame(258, "Zo\u{eb}"));
    frames
}

fn write(dir: &Path) {
    let (mut journal, ..) = open(dir);
    for (first, bytes) in expected() {
        if journal.segments().last().is_some_and(|(last, _)| last == first) {
            journal.append(&bytes).unwrap();
        } else {
            journal.roll(first, &bytes).unwrap();
        }
    }
}

#[test]
fn golden_files_are_what_is_written_and_are_read() {
    if std::env::var_os("RINGSIDE_WRITE_GOLDEN").is_some() {
        let _ = fs::remove_dir_all(folder());
        fs::create_dir_all(folder()).unwrap();
        write(&folder());
    }
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    assert_eq!(names(dir.path()), names(&folder()));
    let copy = tempfile::tempdir().unwrap();
    for name in names(&folder()) {
        let golden = fs::read(folder().join(&name)).unwrap();
        assert_eq!(fs::read(dir.path().join(&name)).unwrap(), golden, "{name}");
        fs::write(copy.path().join(&name), golden).unwrap();
    }
    let (_, recovered, frames) = open(copy.path());
    assert_eq!(frames, expected());
    assert_eq!(
        recovered,
        Recovered {
            frames: 6,
            ..Recovered::default()
        }
    );
}
