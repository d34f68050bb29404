//! Taking over the present generation of another node.

use serde_json::json;

use crate::program::run;
use crate::site::{Server, Site};
use crate::wire;

const FED: [(&str, &str); 1] = [("RINGSIDE__FEED__MAIN__KIND", "http")];

fn post(server: &Server, id: &str, nth: u64) {
    let number = format!("+{}", 14_806_750_000 + nth);
    let line = json!({"op": "upsert", "customer": {"id": id, "name": id, "phones": [number]}}).to_string();
    let answer = wire::tcp(server.callers).post("/v1/changes", "application/x-ndjson", line.as_bytes());
    assert_eq!(answer.json()["accepted"], 1, "{}", answer.body);
}

#[test]
fn a_node_takes_over_what_another_serves() {
    let (from, to) = (Site::new(), Site::new());
    from.build(&from.people("a.csv", 0, 50, "v1"), &[]).ok();
    to.build(&to.people("b.csv", 0, 10, "v0"), &[]).ok();
    let other = from.serve();
    let server = to.serve_with(&FED);
    post(&server, "earlier", 200);
    let url = format!("http://{}", other.admin);
    let copy = ["snapshot", "copy", "--from", &url, "--out", &to.data, "--json"];

    run(&copy).failed(&["409", "changes arrive here from main", "--replace"]);
    assert_eq!(server.name(7).as_deref(), Some("Ada v0"));
    let said = run(&[&copy[..], &["--replace"]].concat()).ok();
    assert!(said.contains("\"outcome\":\"published\""), "{said}");
    assert_eq!(server.name(7).as_deref(), Some("Ada v1"));
    assert_eq!(server.name(49).as_deref(), Some("Ada v1"));
    assert_eq!(server.name(200), None, "it takes the place of everything");

    // Changes go on over it, through a kill and back, and nothing is missing.
    post(&server, "later", 201);
    server.kill();
    let server = to.serve_with(&FED);
    assert_eq!(server.name(201).as_deref(), Some("later"));
    assert_eq!(server.name(7).as_deref(), Some("Ada v1"));
    let ready = wire::get(server.admin, "/readyz");
    assert_eq!(ready.status, 200, "{}", ready.body);
    to.run(&["rollback", "1"]).failed(&["409", "--replace"]);
    to.run(&["rollback", "1", "--replace"]).ok();
    assert_eq!(server.name(7).as_deref(), Some("Ada v0"));
}

/// What the two logs say of the same seqs is not the same, though both go on over the same generation.
#[test]
fn a_second_copy_takes_the_place_of_what_came_over_the_first() {
    let (from, to) = (Site::new(), Site::new());
    from.build(&from.people("a.csv", 0, 10, "v1"), &[]).ok();
    to.build(&to.people("b.csv", 0, 10, "v0"), &[]).ok();
    let other = from.serve();
    let server = to.serve_with(&FED);
    let url = format!("http://{}", other.admin);
    let copy = [
        "snapshot",
        "copy",
        "--from",
        &url,
        "--out",
        &to.data,
        "--replace",
        "--accept",
    ];
    run(&copy).ok();
    for nth in 0..10 {
        post(&server, &format!("here-{nth}"), 300 + nth);
    }
    run(&copy).ok();
    assert_eq!(server.name(7).as_deref(), Some("Ada v1"));
    for nth in 0..10 {
        assert_eq!(server.name(300 + nth), None, "the copy has no such customer");
    }
}

#[test]
fn a_copy_that_looks_wrong_waits_and_one_of_nothing_is_refused() {
    let (from, to) = (Site::new(), Site::new());
    from.build(&from.people("a.csv", 0, 10, "v1"), &[]).ok();
    to.build(&to.people("b.csv", 0, 2000, "v0"), &[]).ok();
    let other = from.serve();
    let url = format!("http://{}", other.admin);
    let copied = run(&["snapshot", "copy", "--from", &url, "--out", &to.data]);
    assert_eq!(copied.code, 3, "{}", copied.err);
    assert_eq!(to.present(), 1);
    to.run(&["accept"]).ok();
    assert_eq!(to.present(), 2);

    let nothing = Site::new();
    let empty = nothing.serve();
    let url = format!("http://{}", empty.admin);
    run(&["snapshot", "copy", "--from", &url, "--out", &to.data])
        .failed(&["expected a server with a present generation"]);
}
