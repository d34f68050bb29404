//! Folders that this version and those before wrote, kept for the tests of later ones: snapshot, change log, and what they
//! come to.
//!
//! `RINGSIDE_WRITE_GOLDEN=1 cargo test --lib golden` writes it anew, which is right only where the format's version changes,
//! into a folder of another name.

use std::fs;
use std::path::{Path, PathBuf};

use super::crash::{Node, over};
use super::*;
use crate::durable::{Journal, JournalError};
use crate::replica::LOG;
use crate::snapshot::Snapshot;
use crate::snapshot::folder::Folder;
use crate::snapshot::layout::FORMAT_VERSION;

/// What this version writes.
const PRESENT: &str = "node-2";

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/golden")
        .join(name)
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

fn apply_all(node: &mut Node, stream: &str, lines: &[Value]) {
    let stream = node.replica.stream(stream, "one").unwrap();
    for line in lines {
        let decoded = Change::decode(line.to_string().as_bytes()).unwrap();
        let position = decoded.position.unwrap().to_be_bytes();
        let outcome = node.replica.apply(stream, &position, decoded.change);
        assert!(
            matches!(outcome, Outcome::Applied(_) | Outcome::Parked),
            "{outcome:?}"
        );
    }
    node.replica
        .resume_from(stream, format!("behind {}", lines.len()));
    node.replica.commit().unwrap();
}

fn upsert(id: &str, position: u64, number: &str, tier: &str) -> Value {
    json!({"op": "upsert", "position": position, "customer": {"id": id, "name": format!("Name of {id}"),
        "phones": [{"number": number, "shared": false}], "attributes": {"tier": tier},
        "labels": [{"name": "VIP", "color": "#d4af37"}]}})
}

fn case(position: u64, customer: &str, title: &str) -> Value {
    json!({"op": "case", "position": position, "customer_id": customer, "case": {"id": "k", "title": title}})
}

/// Two streams, a schema, a generation, and behind it a deletion, parts, a part that waits, and a deletion by one stream
/// of what the other had delivered.
fn write(dir: &Path) {
    let mut node = Node::open(dir).unwrap();
    let schema =
        json!({"op": "schema", "position": 1, "schema": [{"key": "tier", "label": "Tier", "type": "text"}]});
    apply_all(
        &mut node,
        "crm",
        &[
            schema,
            upsert("a", 2, NUMBERS[0], "gold"),
            upsert("b", 3, NUMBERS[1], "silver"),
            upsert("c", 4, NUMBERS[2], "bronze"),
        ],
    );
    node.merge().unwrap();
    apply_all(
        &mut node,
        "tickets",
        &[case(7, "a", "newest"), case(8, "unknown", "waits")],
    );
    let swapped = [
        json!({"op": "delete", "position": 5, "id": "c"}),
        upsert("a", 6, NUMBERS[1], "gold"),
        upsert("b", 7, NUMBERS[0], "silver"),
    ];
    apply_all(&mut node, "crm", &swapped);
    node.replica.gap("tickets");
    node.replica.commit().unwrap();
    apply_all(&mut node, "tickets", &[upsert("d", 9, NUMBERS[3], "tin")]);
    let gone = json!({"op": "delete", "position": 8, "id": "d"});
    apply_all(&mut node, "crm", &[gone]);
}

#[test]
fn what_this_version_wrote_is_read() {
    if std::env::var_os("RINGSIDE_WRITE_GOLDEN").is_some() {
        let _none = fs::remove_dir_all(golden(PRESENT));
        fs::create_dir_all(golden(PRESENT)).unwrap();
        write(&golden(PRESENT));
        let _lock = fs::remove_file(golden(PRESENT).join("LOCK"));
    }
    let (_dir, mut node) = is_read(PRESENT, ["", "behind 1", "behind 1"]);
    assert_eq!(document(&node.index, "d"), None);
    let tickets = node.replica.stream("tickets", "one").unwrap();
    let again = upsert("d", 9, NUMBERS[3], "tin");
    assert!(matches!(apply(&mut node.replica, tickets, &again), Outcome::Seen));
}

/// Its snapshot is of version 0; its log is as it is written now.
#[test]
fn what_was_written_before_snapshots_were_stable_is_read() {
    is_read("node-1", ["", "behind 1", "behind 1"]);
}

/// A deletion knew of its own stream alone then.
#[test]
fn what_version_0_wrote_is_read() {
    is_read("node-0", ["", "behind 3", "behind 2"]);
}

/// An older file stays as it is until there is something to merge with it; what is written then is of the present version.
#[test]
fn an_older_generation_is_rewritten_by_the_next_merge() {
    for (name, places) in [
        ("node-0", ["", "behind 3", "behind 2"]),
        ("node-1", ["", "behind 1", "behind 1"]),
    ] {
        let (_dir, mut node) = is_read(name, places);
        assert_eq!(node.index.snapshot().header().format_version, 0, "{name}");
        node.merge().unwrap();
        let merged = node.index.snapshot();
        assert_eq!(merged.header().format_version, FORMAT_VERSION, "{name}");
        merged.verify(|_| ()).unwrap();
        assert_eq!(document(&node.index, "c"), None);
        assert_eq!(owner(&node.index, NUMBERS[1]).as_deref(), Some("a"));
    }
}

/// One who cannot know what is in it must not go on without it, nor throw it away.
#[test]
fn a_log_of_a_version_to_come_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    copy(&golden(PRESENT), dir.path());
    let visit = |_, _: &[u8]| Ok::<(), JournalError>(());
    let (mut journal, _) = Journal::open(&dir.path().join(LOG), visit).unwrap();
    journal.append(&[2, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    drop(journal);
    let path = Folder::open(dir.path()).current().unwrap().unwrap();
    let (_, replica) = over(Arc::new(Snapshot::map(&path).unwrap()));
    let error = replica.recover(&dir.path().join(LOG), 0).unwrap_err().to_string();
    assert!(
        error.contains("version 1 or older, found 2") && error.contains("move the folder log away"),
        "{error}"
    );
}

fn is_read(name: &str, places: [&str; 3]) -> (tempfile::TempDir, Node) {
    let dir = tempfile::tempdir().unwrap();
    copy(&golden(name), dir.path());
    let mut node = Node::open_with_gaps(dir.path()).unwrap();
    assert_eq!(node.index.snapshot().header().customers, 3);
    assert_eq!(owner(&node.index, NUMBERS[0]).as_deref(), Some("b"));
    assert_eq!(owner(&node.index, NUMBERS[1]).as_deref(), Some("a"));
    assert_eq!(document(&node.index, "c"), None);
    let a = document(&node.index, "a").unwrap();
    assert_eq!(
        (&a["attributes"]["tier"], &a["cases"][0]["title"]),
        (&json!("gold"), &json!("newest"))
    );
    assert_eq!(since(&node.index, "a", NUMBERS[1]), Some(7));
    assert_eq!(node.replica.state.parked.of("unknown").len(), 1);
    assert_eq!(node.replica.gaps().collect::<Vec<_>>(), ["tickets"]);
    let tokens: Vec<&str> = node
        .replica
        .streams()
        .iter()
        .map(|stream| stream.token.as_str())
        .collect();
    assert_eq!(tokens, places);
    // What was seen is seen, by customer, by part, and of who is gone.
    for (stream, line) in [
        ("crm", upsert("a", 6, NUMBERS[3], "x")),
        ("crm", upsert("c", 4, NUMBERS[3], "x")),
        ("tickets", case(7, "a", "again")),
        ("tickets", case(8, "unknown", "again")),
    ] {
        let stream = node.replica.stream(stream, "one").unwrap();
        assert!(
            matches!(apply(&mut node.replica, stream, &line), Outcome::Seen),
            "{line}"
        );
    }
    (dir, node)
}
