//! The outbox's files.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::settings;
use crate::metrics::Metrics;
use crate::pop::outbox::queue::Answer;
use crate::pop::outbox::store::Store;
use crate::pop::outbox::{Inner, Item, Kind, Outbox, OutboxError, Which, limits};

fn open(dir: &Path) -> Result<Outbox, OutboxError> {
    let settings = settings("kind = 'file'\nfile.path = 'never written'\nitems_max = 10");
    Outbox::open(
        &dir.join("outbox"),
        &settings,
        Duration::from_secs(60),
        &Metrics::new().unwrap(),
    )
}

fn item(nth: usize) -> Item {
    let body = json!({"customer_id": format!("c-{nth}"), "text": "Lovelace"});
    Item::new(
        format!("key-{nth}"),
        format!("lane-{nth}"),
        Kind::Interaction,
        body,
    )
}

/// Has the item come to an end, as the runner does.
fn settle(outbox: &Outbox, answer: Answer) {
    let now = outbox.now();
    let mut inner = outbox.locked();
    let Inner { queue, store } = &mut *inner;
    let sent = queue.due(now, Timestamp::now()).send;
    let entries = queue.settle(now, Timestamp::now(), sent[0].id, answer);
    store.write(now, &entries).unwrap();
    entries.into_iter().for_each(|entry| queue.apply(now, entry));
}

fn holds(dir: &Path, text: &str) -> bool {
    let files = std::fs::read_dir(dir.join("outbox")).unwrap();
    files
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[test]
fn what_is_pushed_is_there_whenever_the_process_ends() {
    let dir = tempfile::tempdir().unwrap();
    for nth in 1..=5 {
        let outbox = open(dir.path()).unwrap();
        assert_eq!(outbox.state().waiting, nth - 1);
        assert_eq!(outbox.push(item(nth)).unwrap(), nth as u64);
        assert_eq!(outbox.push(item(1)).unwrap(), 1);
    }
    let outbox = open(dir.path()).unwrap();
    let keys: Vec<String> = outbox.list(false).into_iter().map(|shown| shown.key).collect();
    assert_eq!(keys, ["key-1", "key-2", "key-3", "key-4", "key-5"]);
    assert_eq!(outbox.show(3).unwrap().body.unwrap()["customer_id"], "c-3");
    assert_eq!(outbox.forget("c-3").unwrap(), 1);
    assert_eq!((outbox.give_up(4).unwrap(), outbox.give_up(4).unwrap()), (1, 0));
    drop(outbox);
    let outbox = open(dir.path()).unwrap();
    assert_eq!(outbox.state().waiting, 3);
    assert_eq!(outbox.push(item(3)).unwrap(), 3, "its key is remembered");
}

#[test]
fn what_was_told_leaves_the_files_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    outbox.push(item(1)).unwrap();
    settle(&outbox, Answer::Delivered { assigned_id: None });
    assert!(holds(dir.path(), "Lovelace"));
    let mut inner = outbox.locked();
    let Inner { queue, store } = &mut *inner;
    let at = store.rewrite_at(queue, 0, 60_000).unwrap();
    assert!((30_000..40_000).contains(&at), "{at}");
    store.rewrite(queue).unwrap();
    assert_eq!(store.rewrite_at(queue, u64::MAX, 60_000), None);
    assert!(!holds(dir.path(), "Lovelace"));
}

#[test]
fn dead_letters_survive_and_are_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    outbox.push(item(1)).unwrap();
    outbox.push(item(2)).unwrap();
    let refused = Answer::Refused {
        error: "status 422".to_owned(),
        answer: Some("no".to_owned()),
    };
    settle(&outbox, refused);
    drop(outbox);
    let outbox = open(dir.path()).unwrap();
    assert_eq!((outbox.state().dead, outbox.state().waiting), (1, 1));
    assert_eq!(outbox.show(1).unwrap().last_answer.as_deref(), Some("no"));
    assert_eq!(outbox.replay(Which::One(2)).unwrap(), 0);
    assert_eq!(outbox.replay(Which::All).unwrap(), 1);
    assert_eq!(outbox.state().waiting, 2);
}

#[test]
fn files_of_something_else_are_refused_and_stay() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("outbox");
    let (mut journal, _) = crate::durable::Journal::open::<OutboxError>(&folder, |_, _| Ok(())).unwrap();
    journal.roll(1, b"{\"state\": {\"version\": 2, \"next_id\": 1, \"waiting\": [], \"dead\": [], \"keys\": [], \"assigned\": []}}").unwrap();
    drop(journal);
    let error = open(dir.path()).unwrap_err().to_string();
    assert!(
        error.contains("version 2") && error.contains("move the folder away"),
        "{error}"
    );
    assert!(holds(dir.path(), "\"version\": 2"));
}

#[test]
fn a_write_that_failed_is_made_up_for() {
    let dir = tempfile::tempdir().unwrap();
    let limits = limits(&settings(""));
    let (mut store, mut queue) = Store::open(&dir.path().join("outbox"), limits).unwrap();
    let (_, entry) = queue.pushed(item(1));
    queue.apply(0, entry);
    store.falls_behind(0);
    assert_eq!(store.rewrite_at(&queue, 0, 60_000), Some(0));
    store.rewrite(&queue).unwrap();
    let (_, again) = Store::open(&dir.path().join("outbox"), limits).unwrap();
    assert_eq!(again.state(), queue.state());
}
