//! Imports where changes arrive from a feed.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use crate::program::text;
use crate::site::{Site, finish, phone, rows, slow_build, until};

fn append(path: &Path, id: &str, nth: u64) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    let phone = phone(nth);
    writeln!(
        file,
        r#"{{"op":"upsert","customer":{{"id":"{id}","name":"{id}","phones":["{phone}"]}}}}"#
    )
    .unwrap();
}

#[test]
fn an_import_takes_the_place_of_changes_only_when_it_is_told_to() {
    let site = Site::new();
    site.build(&site.people("0.csv", 0, 10, "v0"), &[]).ok();
    let changes = site.dir.path().join("changes.ndjson");
    let path = text(&changes);
    let feed = [
        ("RINGSIDE__FEED__MAIN__KIND", "file"),
        ("RINGSIDE__FEED__MAIN__PATH", path.as_str()),
        ("RINGSIDE__FEED__MAIN__POLL_MS", "10"),
    ];
    let server = site.serve_with(&feed);
    append(&changes, "before", 100);
    until("the change is seen", || server.name(100).is_some());

    let input = site.people("1.csv", 0, 10, "v1");
    site.build(&input, &[])
        .failed(&["409", "changes arrive here from main", "--replace"]);
    assert_eq!(server.name(1).as_deref(), Some("Ada v0"));

    let slow = slow_build(&site, "pipe", &["--replace"]);
    append(&changes, "during", 200);
    until("the change is seen", || server.name(200).is_some());
    finish(slow, &rows(0, 10, "v1")).ok();
    assert_eq!(server.name(1).as_deref(), Some("Ada v1"));
    assert_eq!(
        server.name(100),
        None,
        "the file is the truth as of when its build began"
    );
    assert!(server.name(200).is_some(), "what came since the build began");
    append(&changes, "after", 300);
    until("what comes later is there", || server.name(300).is_some());

    // A restart is no different: the places are in the generation.
    server.kill();
    let server = site.serve_with(&feed);
    until("what came since is there", || {
        server.name(200).is_some() && server.name(300).is_some()
    });
    assert_eq!(server.name(100), None);

    // Going back loses nothing of what the feed has brought: the change log goes on over that generation too.
    site.run(&["rollback"]).ok();
    assert_eq!(server.name(1).as_deref(), Some("Ada v0"));
    assert!(server.name(100).is_some() && server.name(200).is_some() && server.name(300).is_some());
}
