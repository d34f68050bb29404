//! Rolling upgrades: nodes on the files of an older version beside nodes on the new one's.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::program::run;
use crate::site::{Server, Site, until};
use crate::wire;

/// A site whose data folder is what an older version, or this one, has left.
fn left(name: &str) -> Site {
    let site = Site::new();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/golden")
        .join(name);
    copy(&golden, &site.folder());
    site
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Who answers for each number, and what is told of them.
fn answers(server: &Server) -> Vec<Value> {
    let numbers = ["14806754110", "12565938310", "12568453150", "13343762205"];
    let told = numbers.map(|number| {
        let answer = wire::get(server.callers, &format!("/v1/lookup?ani=%2B{number}")).json();
        json!([
            answer["outcome"],
            answer["customer_id"],
            answer["name"],
            answer["labels"]
        ])
    });
    told.into()
}

fn format_of(site: &Site) -> Value {
    site.list()["generations"][0]["format_version"].clone()
}

/// A site whose only generation is the golden file of that version of the format.
fn at_version(version: u32) -> Site {
    let site = Site::new();
    fs::create_dir_all(site.folder()).unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden");
    let name = "snapshot-00000003.ringside";
    fs::copy(
        golden.join(format!("snapshot-{version}.ringside")),
        site.folder().join(name),
    )
    .unwrap();
    fs::write(site.folder().join("CURRENT"), format!("{name}\n")).unwrap();
    site
}

#[test]
fn nodes_on_files_of_both_versions_answer_alike_and_take_over_from_each_other() {
    let (old, new) = (at_version(0), at_version(1));
    let (before, now) = (old.serve(), new.serve());
    assert_eq!((format_of(&old), format_of(&new)), (json!(0), json!(1)));
    let expected = answers(&now);
    assert_eq!(expected[0][1], "a", "{expected:?}");
    assert_eq!(answers(&before), expected);

    // A new node takes over what either has. What an older one wrote is of the older version still, and is read.
    for (from, version) in [(&before, 0), (&now, 1)] {
        let third = Site::new();
        let url = format!("http://{}", from.admin);
        let server = third.serve_with(&[("RINGSIDE__HA__NODE", "c"), ("RINGSIDE__HA__PEER", &url)]);
        until("it is served", || answers(&server) == expected);
        assert_eq!(format_of(&third), json!(version));
    }
}

/// The next merge writes the present version, of what was there and of what came.
#[test]
fn an_older_nodes_file_becomes_the_present_version_with_the_next_merge() {
    let site = at_version(0);
    let server = site.serve_with(&[("RINGSIDE__FEED__CRM__KIND", "http")]);
    let expected = answers(&server);
    let line = json!({"op": "upsert", "customer": {"id": "e", "name": "Eve", "phones": ["+13343762206"]}})
        .to_string();
    let target = "/v1/changes?feed=crm";
    let posted = wire::tcp(server.callers).post(target, "application/x-ndjson", line.as_bytes());
    assert_eq!(posted.json()["accepted"], 1, "{}", posted.body);
    let merged = wire::tcp(server.admin).post("/merge", "application/json", b"{}");
    assert_eq!(
        (merged.status, merged.json()["generation"].clone()),
        (200, json!(4)),
        "{}",
        merged.body
    );
    assert_eq!(format_of(&site), json!(1));
    assert_eq!(answers(&server), expected);
    server.kill();
    let path = site.folder().join("snapshot-00000004.ringside");
    run(&["snapshot", "verify", path.to_str().unwrap()]).ok();
    let server = site.serve();
    assert_eq!(answers(&server), expected);
}

/// Snapshot and change log with it: of each version there is one, and the present one's says the same.
#[test]
fn nodes_that_older_versions_left_go_on_where_they_were() {
    let now = left("node-2").serve();
    let expected = answers(&now);
    assert_eq!(expected[1][1], "a", "{expected:?}");
    for name in ["node-0", "node-1"] {
        let site = left(name);
        let server = site.serve();
        assert_eq!(answers(&server), expected, "{name}");
        // What was deleted in it was to be erased long ago.
        until("it is rewritten", || format_of(&site) == json!(1));
        assert_eq!(answers(&server), expected, "{name}");
    }
}

#[test]
fn files_of_a_version_to_come_are_refused_by_name_at_the_start() {
    let site = left("node-2");
    let path = site.folder().join("snapshot-00000001.ringside");
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 2;
    fs::write(&path, bytes).unwrap();
    let config = site.dir.path().join("c.toml");
    fs::write(&config, format!("[data]\ndir = {:?}\n", site.data)).unwrap();
    run(&["serve", "--config", config.to_str().unwrap()])
        .failed(&["version 1 or older, found 2, which a newer Ringside wrote; use that one"]);
}
