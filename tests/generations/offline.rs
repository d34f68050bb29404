//! The same acts on a folder that nobody serves.

use std::sync::Arc;

use ringside::app::generations::Generations;
use ringside::config::Config;
use ringside::snapshot::folder::Folder;

use crate::site::{Site, finish, rows, slow_build};

#[test]
fn generations_are_listed_pinned_and_gone_back_to() {
    let site = Site::new();
    site.run(&["generations"])
        .failed(&["found nothing", "snapshot build"]);
    for version in 1..=5 {
        let input = site.people("in.csv", 0, 10, &format!("v{version}"));
        site.build(&input, &[]).ok();
        if version == 1 {
            site.run(&["pin", "1"]).ok();
        }
    }
    let numbers = |site: &Site| -> Vec<u64> {
        let list = site.list();
        let rows = list["generations"].as_array().unwrap().iter();
        rows.map(|row| row["generation"].as_u64().unwrap()).collect()
    };
    assert_eq!(numbers(&site), [5, 4, 3, 1]);
    let said = site.run(&["rollback"]).ok();
    assert!(
        said.contains("Generation 4 is the present one: 10 customers"),
        "{said}"
    );
    assert_eq!(site.present(), 4);
    site.run(&["rollback", "4"])
        .failed(&["generation 4 is the present one already"]);
    site.run(&["rollback", "2"]).failed(&["found 1, 3, 4, 5"]);
    site.run(&["pin", "2"]).failed(&["found 1, 3, 4, 5"]);
    site.run(&["pin", "--remove", "3"]).failed(&["not pinned"]);

    // The next one is above all, and what was gone back from stays.
    site.build(&site.people("in.csv", 0, 10, "v6"), &[]).ok();
    assert_eq!(numbers(&site), [6, 5, 4, 1]);
    site.run(&["pin", "1", "--remove"]).ok();
    assert_eq!(numbers(&site), [6, 5, 4]);
    let shown = site.run(&["generations"]).ok();
    assert!(
        shown.contains("present") && shown.contains("10 customers"),
        "{shown}"
    );
}

#[test]
fn nobody_goes_back_to_what_is_damaged() {
    let site = Site::new();
    for version in ["v1", "v2"] {
        site.build(&site.people("in.csv", 0, 50, version), &[]).ok();
    }
    let path = site.folder().join("snapshot-00000001.ringside");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&path, bytes).unwrap();
    let server = site.serve();
    site.run(&["rollback"])
        .failed(&["422", "generation 1", "damaged"]);
    assert_eq!(server.name(1).as_deref(), Some("Ada v2"));
    assert_eq!(site.present(), 2);
}

#[test]
fn a_folder_that_a_build_holds_is_said_to_be_in_use() {
    let site = Site::new();
    // It leaves its socket.
    site.serve().kill();
    assert!(site.folder().join("admin.sock").exists());
    let slow = slow_build(&site, "pipe", &[]);
    let input = site.people("in.csv", 0, 10, "v1");
    let holder = format!("in use by process {}", slow.0.id());
    site.build(&input, &[]).failed(&[&holder]);
    finish(slow, &rows(0, 10, "v2")).ok();
    site.build(&input, &[]).ok();
}

#[test]
fn acts_end_with_the_service_and_change_nothing() {
    let site = Site::new();
    for version in ["v1", "v2"] {
        site.build(&site.people("in.csv", 0, 10, version), &[]).ok();
    }
    let held = Arc::new(Folder::hold(site.folder()).unwrap());
    let config = Config::load(None, std::iter::empty()).unwrap();
    let generations = Generations::new(Arc::clone(&held), &config, None);
    generations.end();
    let error = generations.perform("/rollback", b"{}").unwrap().unwrap_err();
    assert_eq!((error.status(), error.code()), (503, "stopping"));
    assert_eq!((held.present(), generations.step()), (2, None));
}
