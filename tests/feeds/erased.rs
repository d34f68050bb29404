//! What was deleted leaves every file in time.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::site::{Site, phone, until};
use crate::wire;

/// Strings that stand nowhere else.
const MARKERS: [&str; 3] = ["Zebedee Quixotic", "9f3c-unmistakable", "14806750777"];
/// Seconds within which they have to go.
const WITHIN: u64 = 6;

/// The files below `dir` that hold one of the markers.
fn holding(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path));
        } else if let Ok(bytes) = fs::read(&path) {
            let has = |marker: &&str| memchr::memmem::find(&bytes, marker.as_bytes()).is_some();
            if MARKERS.iter().any(has) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[test]
fn a_deleted_customer_leaves_every_file_in_time_and_does_not_come_back() {
    let site = Site::new();
    site.build(&site.people("a.csv", 0, 20, "v0"), &[]).ok();
    let within = WITHIN.to_string();
    let server = site.serve_with(&[
        ("RINGSIDE__DATA__ERASE_WITHIN_S", &within),
        ("RINGSIDE__DATA__OVERLAY_MAX_MIB", "1"),
        ("RINGSIDE__LOG__LEVEL", "info"),
        ("RINGSIDE__FEED__MAIN__KIND", "http"),
    ]);
    let post = |lines: &[String]| {
        let body = lines.join("\n");
        let answer = wire::tcp(server.callers).post("/v1/changes", "application/x-ndjson", body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    };
    let customer = json!({"op": "upsert", "customer": {"id": MARKERS[1], "name": MARKERS[0],
        "phones": [phone(777)], "company": "x".repeat(900)}});
    let padding = |nth: u64| {
        json!({"op": "upsert", "customer": {"id": format!("p{nth}"), "name": "padding",
            "company": "x".repeat(900), "phones": [phone(1000 + nth)]}})
        .to_string()
    };
    let fill = |from: u64| (from..from + 1200).map(padding).collect::<Vec<_>>();
    let present = || site.present();

    // In the log, then in a generation, which is pinned; and once among the rejects.
    post(&[customer.to_string()]);
    post(&fill(0));
    until("it is merged", || present() > 1);
    let generation = present();
    site.run(&["pin", &generation.to_string()]).ok();
    let nonsense = json!({"op": "upsert", "customer": {"id": "r", "name": MARKERS[0], "phones": 7}});
    assert_eq!(post(&[nonsense.to_string()])["rejected"], 1);
    assert!(
        holding(&site.folder()).len() >= 3,
        "{:?}",
        holding(&site.folder())
    );

    post(&[json!({"op": "delete", "id": MARKERS[1]}).to_string()]);
    let deleted = Instant::now();
    assert_eq!(server.name(777), None);
    // While the generation that has it is there still, going back does not bring it back.
    site.run(&["rollback", &generation.to_string()])
        .failed(&["present one already"]);
    post(&fill(1200));
    until("it is merged again", || present() > generation);
    site.run(&["rollback", &generation.to_string()]).ok();
    assert_eq!(server.name(777), None, "a rollback masks what was deleted later");
    assert_eq!(
        server.name(2000).as_deref(),
        Some("padding"),
        "and loses nothing else"
    );

    until("its bytes are gone", || holding(&site.folder()).is_empty());
    assert!(
        deleted.elapsed() < Duration::from_secs(WITHIN),
        "{:?} after the deletion",
        deleted.elapsed()
    );
    assert_eq!(server.name(777), None);
    assert_eq!(server.name(7).as_deref(), Some("Ada v0"));
    assert_eq!(server.name(2000).as_deref(), Some("padding"));
    server.kill();
    let server = site.serve_with(&[("RINGSIDE__FEED__MAIN__KIND", "http")]);
    assert_eq!(server.name(777), None);
    assert_eq!(server.name(7).as_deref(), Some("Ada v0"));
    assert!(holding(&site.folder()).is_empty());
}
