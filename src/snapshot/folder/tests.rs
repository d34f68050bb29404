#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::io::Write;

use super::*;

fn publish(held: &Held, content: &str) -> Result<PathBuf, FolderError> {
    let mut staged = held.stage(held.folder().next_generation()?)?;
    staged.writer().unwrap().write_all(content.as_bytes()).unwrap();
    held.publish(staged, held.folder().present()?.unwrap_or(0))
}

#[test]
fn the_newest_generations_stay_and_names_are_not_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let held = Folder::hold(dir.path().join("data/main")).unwrap();
    assert_eq!(held.folder().current().unwrap(), None);
    fs::write(held.folder().rejects(1), "of a build that failed").unwrap();
    for generation in 1..=5 {
        publish(&held, "x").unwrap();
        assert!(!held.folder().rejects(generation).exists());
        fs::write(held.folder().rejects(generation), "{}").unwrap();
    }
    assert_eq!(held.folder().generations().unwrap(), [3, 4, 5]);
    assert_eq!(held.folder().current().unwrap(), Some(held.folder().snapshot(5)));
    assert!(!held.folder().rejects(2).exists() && held.folder().rejects(3).exists());
    assert_eq!(held.folder().next_generation().unwrap(), 6);
}

#[test]
fn going_back_keeps_the_present_generation() {
    let dir = tempfile::tempdir().unwrap();
    let held = Folder::hold(dir.path()).unwrap();
    for _ in 0..3 {
        publish(&held, "x").unwrap();
    }
    Current::publish(dir.path(), "snapshot-00000001.ringside").unwrap();
    // As a publication leaves it that fails in its last step.
    std::fs::write(held.folder().snapshot(4), "x").unwrap();
    assert_eq!(held.folder().next_generation().unwrap(), 5);
    held.remove_old();
    assert_eq!(
        held.folder().generations().unwrap(),
        [1, 2, 3, 4],
        "the first is old, and served"
    );
}

#[test]
fn a_second_writer_is_refused_and_told_who_holds_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let held = Folder::hold(dir.path()).unwrap();
    let error = Folder::hold(dir.path()).unwrap_err().to_string();
    assert!(
        error.contains(&format!("process {}", std::process::id())),
        "{error}"
    );
    drop(held);
    Folder::hold(dir.path()).unwrap();
}

#[test]
fn what_a_killed_writer_leaves_is_not_published_and_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let held = Folder::hold(dir.path()).unwrap();
    let first = publish(&held, "whole").unwrap();
    let mut half = held.stage(2).unwrap();
    half.writer().unwrap().write_all(b"half").unwrap();
    half.writer().unwrap().flush().unwrap();
    // A killed process runs no destructor.
    std::mem::forget(half);
    drop(held);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4);

    let held = Folder::hold(dir.path()).unwrap();
    assert_eq!(held.folder().current().unwrap(), Some(first));
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        3,
        "LOCK, CURRENT and one snapshot"
    );
}

#[test]
fn a_build_that_nothing_can_go_on_from_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let build = Folder::open(dir.path()).build();
    fs::create_dir(&build).unwrap();
    fs::write(build.join("records"), "half").unwrap();
    let building = FolderLock::acquire(&build).unwrap();
    drop(Folder::hold(dir.path()).unwrap());
    assert!(build.join("records").exists(), "somebody builds there");
    drop(building);
    fs::write(build.join(MANIFEST), "how far it is").unwrap();
    drop(Folder::hold(dir.path()).unwrap());
    assert!(build.join("records").exists(), "another try goes on from there");
    fs::remove_file(build.join(MANIFEST)).unwrap();
    drop(Folder::hold(dir.path()).unwrap());
    assert!(!build.exists());
}

#[test]
fn a_failed_publication_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let held = Folder::hold(dir.path()).unwrap();
    let first = publish(&held, "whole").unwrap();
    let staged = held.stage(2).unwrap();
    // A folder of that name makes the rename fail, whoever runs the test.
    fs::create_dir(held.folder().snapshot(2)).unwrap();
    held.publish(staged, 1).unwrap_err();
    assert_eq!(held.folder().current().unwrap(), Some(first));
}

#[test]
fn a_path_may_be_a_data_folder_a_tenants_folder_or_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let error = resolve(dir.path()).unwrap_err().to_string();
    assert!(
        error.contains("a folder without one") && error.contains("snapshot build"),
        "{error}"
    );
    let held = Folder::hold(Folder::of_tenant(dir.path()).dir()).unwrap();
    let file = publish(&held, "x").unwrap();
    for path in [dir.path(), held.folder().dir(), file.as_path()] {
        assert_eq!(resolve(path).unwrap(), file);
    }
    let second = publish(&held, "y").unwrap();
    fs::remove_file(second).unwrap();
    let error = resolve(dir.path()).unwrap_err().to_string();
    for part in [
        "main/CURRENT",
        "names, snapshot-00000002.ringside",
        "beside it snapshot-00000001.ringside:",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let error = resolve(&dir.path().join("none")).unwrap_err().to_string();
    assert!(error.contains("found nothing"), "{error}");
}
