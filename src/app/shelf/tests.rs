#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::fs;

use super::*;

const KEEPING: Keeping<'_> = Keeping {
    kept: 2,
    since_ms: 0,
    unnamed_since_ms: 0,
    served: ("", 0, 0),
};

fn open(folder: &FilePath) -> Shelf {
    let settings = Snapshots {
        store: format!("file://{}", folder.display()),
        kept: 2,
        ..Snapshots::default()
    };
    Shelf::open(&settings).unwrap().unwrap()
}

fn entry(node: &str, generation: u64, bytes: &[u8]) -> Entry {
    Entry {
        name: String::new(),
        node: node.into(),
        line: 7,
        generation,
        format_version: 1,
        seq: 0,
        created_at_ms: i64::try_from(generation * 1000).unwrap(),
        published_at_ms: 0,
        customers: 1,
        bytes: bytes.len() as u64,
    }
    .named()
}

fn publish(shelf: &Shelf, dir: &FilePath, node: &str, generation: u64, keeping: Keeping<'_>) {
    let bytes = vec![u8::try_from(generation).unwrap(); 100_000];
    let path = dir.join("file");
    fs::write(&path, &bytes).unwrap();
    let entry = entry(node, generation, &bytes);
    shelf.publish(&path, &entry, keeping, &mut |_| true).unwrap();
}

fn there(dir: &FilePath, part: &str) -> Vec<String> {
    let found = fs::read_dir(dir.join(part)).into_iter().flatten();
    let mut names: Vec<String> = found
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_is_published_is_read_again_and_older_ones_go() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("shelf");
    let shelf = open(&folder);
    assert_eq!(shelf.manifest().unwrap(), Manifest::default());
    for generation in 1..=4 {
        publish(&shelf, dir.path(), "a", generation, KEEPING);
    }
    let manifest = shelf.manifest().unwrap();
    let list: Vec<u64> = manifest
        .generations
        .iter()
        .map(|entry| entry.generation)
        .collect();
    assert_eq!((manifest.number, list), (4, vec![4, 3]));
    assert_eq!(there(&folder, "generations").len(), 2);
    assert_eq!(there(&folder, "manifests").len(), 3);
    let newest = &manifest.generations[0];
    assert_eq!(shelf.piece(newest, 99_990, 1 << 20).unwrap(), [4; 10][..]);
    assert_eq!(shelf.piece(newest, 0, 3).unwrap(), [4; 3][..]);
    // Another process reads the same.
    assert_eq!(open(&folder).manifest().unwrap(), manifest);
}

#[test]
fn of_two_who_publish_at_a_time_neither_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("shelf");
    let keeping = Keeping { kept: 20, ..KEEPING };
    std::thread::scope(|scope| {
        for node in ["a", "b"] {
            let (folder, own) = (&folder, dir.path().join(node));
            fs::create_dir(&own).unwrap();
            scope.spawn(move || {
                let shelf = open(folder);
                for generation in 1..=8 {
                    publish(&shelf, &own, node, generation, keeping);
                }
            });
        }
    });
    let shelf = open(&folder);
    let manifest = shelf.manifest().unwrap();
    for entry in &manifest.generations {
        assert!(shelf.has(entry).unwrap(), "{}", entry.name);
    }
    let mut list: Vec<(String, u64)> = manifest
        .generations
        .into_iter()
        .map(|entry| (entry.node, entry.generation))
        .collect();
    list.sort();
    let all = ["a", "b"].map(|node| (1..=8).map(move |generation| (node.to_owned(), generation)));
    assert_eq!(list, all.into_iter().flatten().collect::<Vec<_>>());
}

#[test]
fn what_is_to_be_erased_leaves_the_store_with_what_nobody_names() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("shelf");
    let shelf = open(&folder);
    publish(&shelf, dir.path(), "a", 1, KEEPING);
    publish(&shelf, dir.path(), "a", 2, KEEPING);
    // What somebody left half done.
    fs::write(folder.join("generations/00000000000001-b-left.ringside"), "x").unwrap();
    // What a process was killed over; the library lists none of it.
    let staged = [
        "generations/00000000000001-b-left.ringside#1",
        "manifests/00000000000000000009.json#12",
    ];
    for name in staged {
        fs::write(folder.join(name), "x").unwrap();
    }
    shelf.tidy(KEEPING).unwrap();
    assert_eq!(
        there(&folder, "generations").len(),
        4,
        "somebody may be about to name them"
    );
    let erasing = Keeping {
        since_ms: i64::MAX,
        unnamed_since_ms: i64::MAX,
        served: ("a", 7, 2),
        ..KEEPING
    };
    shelf.tidy(erasing).unwrap();
    assert_eq!(shelf.manifest().unwrap().generations.len(), 1);
    assert_eq!(there(&folder, "generations").len(), 1);
    assert!(there(&folder, "manifests").iter().all(|name| !name.contains('#')));
    let erasing = Keeping {
        served: ("a", 7, 3),
        ..erasing
    };
    shelf.tidy(erasing).unwrap();
    assert!(shelf.manifest().unwrap().generations.is_empty());
    assert!(there(&folder, "generations").is_empty());
    let number = shelf.manifest().unwrap().number;
    shelf.tidy(erasing).unwrap();
    assert_eq!(shelf.manifest().unwrap().number, number, "nothing changed");
}

#[test]
fn one_that_is_being_sent_by_somebody_else_stays() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("shelf");
    let shelf = open(&folder);
    publish(&shelf, dir.path(), "a", 1, KEEPING);
    // One node has merged later than the other, and its disk is slower.
    let sent = ["00000000009999", "00000000000999"].map(|at| {
        let sent = folder.join(format!("generations/{at}-b-0000000000000007-00000009.ringside"));
        fs::write(&sent, "not named yet").unwrap();
        sent
    });
    publish(&shelf, dir.path(), "a", 2, KEEPING);
    assert!(sent.iter().all(|sent| sent.exists()));
}

#[test]
fn one_that_somebody_has_removed_is_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("shelf");
    let shelf = open(&folder);
    publish(&shelf, dir.path(), "a", 1, KEEPING);
    let entry = shelf.manifest().unwrap().generations.remove(0);
    fs::remove_file(folder.join("generations").join(&entry.name)).unwrap();
    assert!(!shelf.has(&entry).unwrap());
    publish(&shelf, dir.path(), "a", 1, KEEPING);
    assert!(shelf.has(&entry).unwrap());
}

#[test]
fn what_an_upload_has_left_goes_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("shelf");
    publish(&open(&folder), dir.path(), "a", 1, KEEPING);
    let left = ["old#1", "new#1", "no-number#x"].map(|name| folder.join("generations").join(name));
    for path in &left {
        fs::write(path, "x").unwrap();
    }
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(7200);
    let old = fs::File::options().write(true).open(&left[0]).unwrap();
    old.set_modified(long_ago).unwrap();
    drop(open(&folder));
    assert_eq!(left.map(|path| path.exists()), [false, true, true]);
}

#[test]
fn a_list_that_does_not_read_is_passed_over_and_its_place_taken() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("shelf");
    let shelf = open(&folder);
    let broken = |number: u64| folder.join(format!("manifests/{number:020}.json"));
    publish(&shelf, dir.path(), "a", 1, KEEPING);
    fs::write(broken(2), "{\"version\": 1, \"gen").unwrap();
    let manifest = shelf.manifest().unwrap();
    assert_eq!((manifest.number, manifest.generations.len()), (2, 1));
    publish(&shelf, dir.path(), "a", 2, KEEPING);
    let manifest = shelf.manifest().unwrap();
    assert_eq!((manifest.number, manifest.generations.len()), (3, 2));
    // Not one of a version to come, which whoever wrote it goes on with.
    fs::write(broken(4), "{\"version\": 2}").unwrap();
    assert!(matches!(
        shelf.manifest(),
        Err(ShelfError::Version { found: 2, .. })
    ));
    // Nor is everything forgotten where none reads.
    for number in 1..=4 {
        fs::write(broken(number), "").unwrap();
    }
    assert!(matches!(shelf.manifest(), Err(ShelfError::Manifest(_))));
}

#[test]
fn a_publication_that_is_ended_leaves_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("shelf");
    let shelf = open(&folder);
    publish(&shelf, dir.path(), "a", 1, KEEPING);
    let path = dir.path().join("file");
    let entry = entry("a", 2, &fs::read(&path).unwrap());
    let ended = shelf.publish(&path, &entry, KEEPING, &mut |_| false);
    assert!(matches!(ended, Err(ShelfError::Ended)));
    assert_eq!(shelf.manifest().unwrap().generations.len(), 1);
    assert_eq!(there(&folder, "generations").len(), 1);
}

#[test]
fn a_secret_is_the_first_line_of_its_file_and_is_not_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    fs::write(&file, "hush-hush \nmore\n").unwrap();
    assert_eq!(secret(&file).unwrap(), "hush-hush");
    fs::write(&file, "\nhush-hush").unwrap();
    let told = secret(&file).unwrap_err().to_string();
    assert!(told.contains("an empty one") && !told.contains("hush"), "{told}");
    fs::write(&file, "hush-hush").unwrap();
    let settings = Snapshots {
        store: "s3://bucket/prefix".into(),
        endpoint: "http://127.0.0.1:1".into(),
        region: "x".into(),
        key_id: "id".into(),
        secret_file: Some(file),
        ..Snapshots::default()
    };
    let shelf = Shelf::open(&settings).unwrap().unwrap();
    assert!(!format!("{shelf:?}").contains("hush"));
}
