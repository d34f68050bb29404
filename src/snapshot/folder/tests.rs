#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::io::Write;

use super::*;

fn publish(held: &Held, content: &str) -> Result<PathBuf, FolderError> {
    let generation = held.reserve()?;
    let mut staged = held.stage(generation)?;
    staged.writer().unwrap().write_all(content.as_bytes()).unwrap();
    held.publish(staged, generation, held.present())
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
    held.remove_old(0);
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
    held.publish(staged, 2, 1).unwrap_err();
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

#[test]
fn a_publication_takes_the_place_of_what_it_was_built_over_alone() {
    let dir = tempfile::tempdir().unwrap();
    let held = Folder::hold(dir.path()).unwrap();
    publish(&held, "x").unwrap();
    publish(&held, "y").unwrap();
    let mut late = held.stage(3).unwrap();
    late.writer().unwrap().write_all(b"z").unwrap();
    let error = held.publish(late, 3, 1).unwrap_err();
    assert!(
        matches!(error, FolderError::Conflict { base: 1, present: 2 }),
        "{error}"
    );
    assert_eq!(held.folder().present().unwrap(), 2);
    held.discard(3);
    assert_eq!(held.folder().generations().unwrap(), [1, 2]);

    let build = tempfile::tempdir_in(dir.path()).unwrap();
    let file = build.path().join("records");
    fs::write(&file, "built").unwrap();
    let error = held.adopt(&file, None, 7, 1).unwrap_err();
    assert!(matches!(error, FolderError::Conflict { .. }), "{error}");
    assert!(file.exists(), "what was built is not lost");
    held.adopt(&file, None, 7, 2).unwrap();
    assert_eq!((held.present(), held.folder().present().unwrap()), (7, 7));
    held.point_to(2, 7).unwrap();
    assert_eq!(held.present(), 2);
    let error = held.point_to(5, 2).unwrap_err().to_string();
    assert!(error.contains("found 1, 2, 7; name one"), "{error}");
    drop(held);
    assert_eq!(Folder::hold(dir.path()).unwrap().present(), 2);
}

#[test]
fn no_number_is_given_away_twice() {
    let dir = tempfile::tempdir().unwrap();
    let held = Folder::hold(dir.path()).unwrap();
    assert_eq!((held.reserve().unwrap(), held.reserve().unwrap()), (1, 2));
    fs::write(held.folder().candidate_file(8), "").unwrap();
    assert_eq!(held.reserve().unwrap(), 9);
}

#[test]
fn pinned_generations_stay_beside_those_that_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let held = Folder::hold(dir.path()).unwrap().keeping(2);
    publish(&held, "x").unwrap();
    held.pin(1).unwrap();
    let error = held.pin(9).unwrap_err().to_string();
    assert!(error.contains("generation 9, found 1;"), "{error}");
    drop(held);
    let held = Folder::hold(dir.path()).unwrap().keeping(2);
    for _ in 2..=5 {
        publish(&held, "x").unwrap();
    }
    assert_eq!(held.folder().generations().unwrap(), [1, 4, 5]);
    assert!(held.unpin(1).unwrap() && !held.unpin(1).unwrap());
    assert_eq!(held.folder().generations().unwrap(), [4, 5]);

    fs::write(dir.path().join(PINS), "no json").unwrap();
    publish(&held, "x").unwrap();
    assert_eq!(
        held.folder().generations().unwrap(),
        [4, 5, 6],
        "what is pinned is not known, so nothing goes"
    );
    assert!(held.pin(4).unwrap_err().to_string().contains("PINS"));
}

fn candidate(generation: u64) -> Candidate {
    Candidate {
        generation,
        base: 1,
        at_ms: 0,
        input: "people.csv".to_owned(),
        reasons: Vec::new(),
        comparison: None,
        import: crate::snapshot::judge::Rows::default(),
    }
}

#[test]
fn one_candidate_waits_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let held = Folder::hold(dir.path()).unwrap();
    publish(&held, "x").unwrap();
    for generation in [2, 3] {
        let build = held.folder().build();
        fs::create_dir_all(&build).unwrap();
        for name in ["records", "rejects"] {
            fs::write(build.join(name), "x").unwrap();
        }
        held.hold_back(
            &build.join("records"),
            Some(&build.join("rejects")),
            &candidate(generation),
        )
        .unwrap();
    }
    let folder = held.folder().clone();
    assert!(!folder.candidate_file(2).exists() && !folder.rejects(2).exists());
    // As a crash leaves them that comes ahead of what is known of the candidate, or behind its publication.
    fs::write(folder.candidate_file(7), "x").unwrap();
    fs::write(dir.path().join("candidate-00000009.json"), "{}").unwrap();
    drop(held);

    let held = Folder::hold(dir.path()).unwrap();
    assert_eq!(folder.candidate().unwrap(), Some(candidate(3)));
    assert!(folder.candidate_file(3).exists() && folder.rejects(3).exists());
    assert!(!folder.candidate_file(7).exists());
    assert_eq!(folder.generations().unwrap(), [1], "a candidate is no generation");
    held.adopt_candidate(&candidate(3), 1).unwrap();
    assert_eq!((held.present(), folder.candidate().unwrap()), (3, None));
    assert!(folder.rejects(3).exists());
    assert_eq!(held.drop_candidate().unwrap(), None);
}
