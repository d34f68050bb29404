//! A node that is new, or has lost its disk: it takes over what the other node or the object store has.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::program::run;
use crate::site::{Server, Site, until};
use crate::wire;

fn status(server: &Server) -> Value {
    wire::get(server.admin, "/status").json()
}

fn phase(server: &Server) -> String {
    status(server)["catch_up"]["phase"].as_str().unwrap().to_owned()
}

/// A node whose other node is at `peer`.
fn beside(site: &Site, peer: &str, more: &[(&str, &str)]) -> Server {
    let pair = [("RINGSIDE__HA__NODE", "b"), ("RINGSIDE__HA__PEER", peer)];
    site.serve_with(&[&pair[..], more].concat())
}

fn store(site: &Site) -> String {
    format!("file://{}", site.dir.path().join("store").display())
}

#[test]
fn a_new_node_takes_over_what_the_other_serves() {
    let (from, to) = (Site::new(), Site::new());
    from.build(&from.people("a.csv", 0, 50, "v1"), &[]).ok();
    let other = from.serve();
    let server = beside(&to, &format!("http://{}", other.admin), &[]);
    until("the new node serves", || {
        server.name(7).as_deref() == Some("Ada v1")
    });
    until("it is ready", || {
        status(&server)["catch_up"]["ready_after_ms"].is_u64()
    });
    let state = &status(&server)["catch_up"];
    assert_eq!(state["phase"], "following");
    assert_eq!(state["bytes"], state["total_bytes"]);
    assert_eq!(state["from"], format!("http://{}", other.admin));
    let metrics = wire::get(server.admin, "/metrics").body;
    let total = state["total_bytes"].as_u64().unwrap();
    assert!(metrics.contains(&format!("ringside_snapshot_fetched_bytes {total}")));
    assert!(!metrics.contains("ringside_process_ready_seconds 0"));
    let told = run(&["status", "--admin", &format!("http://{}", server.admin)]).ok();
    assert!(
        told.contains("catching up") && told.contains("after the start"),
        "{told}"
    );

    // From here on it has a disk of its own.
    server.kill();
    let server = beside(&to, "http://127.0.0.1:1", &[]);
    assert_eq!(server.name(7).as_deref(), Some("Ada v1"));
    assert_eq!(phase(&server), "own");
}

#[test]
fn generations_are_published_and_both_nodes_come_back_from_them() {
    let (from, to) = (Site::new(), Site::new());
    let store = store(&from);
    let published = [
        ("RINGSIDE__SNAPSHOTS__STORE", store.as_str()),
        ("RINGSIDE__SNAPSHOTS__EVERY_S", "0"),
    ];
    from.build(&from.people("a.csv", 0, 50, "v1"), &[]).ok();
    let first = from.serve_with(&published);
    let list = || {
        let manifests = from.dir.path().join("store/manifests");
        let mut names: Vec<_> = fs::read_dir(manifests)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            // What is being written is called otherwise.
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .collect();
        names.sort();
        let newest = names.pop()?;
        serde_json::from_slice::<Value>(&fs::read(newest).ok()?).ok()
    };
    let newest = || list().map(|list| list["generations"][0]["generation"].clone());
    until("the first is published", || newest() == Some(json!(1)));
    from.build(&from.people("b.csv", 0, 60, "v2"), &["--accept"]).ok();
    until("the second is published", || newest() == Some(json!(2)));
    first.kill();

    // Both nodes are gone with their disks.
    let server = to.serve_with(&published);
    until("a new node serves", || {
        server.name(55).as_deref() == Some("Ada v2")
    });
    assert_eq!(status(&server)["catch_up"]["from"], store);
    server.kill();

    // By hand, without a service.
    let third = Site::new();
    run(&["snapshot", "copy", "--from", &store, "--out", &third.data]).ok();
    assert_eq!(third.present(), 1);
    third
        .build(&third.people("c.csv", 0, 60, "v3"), &["--accept"])
        .ok();
    let told = run(&["snapshot", "publish", "--to", &store, "--dir", &third.data]).ok();
    assert!(told.contains("published generation 2, 60 customers"), "{told}");
    assert_eq!(list().unwrap()["generations"][0]["customers"], 60);
    run(&["snapshot", "publish", "--dir", &third.data]).failed(&["expected an object store, found none"]);
    run(&["snapshot", "publish", "--to", "ftp://x", "--dir", &third.data]).failed(&["s3://BUCKET/PREFIX"]);
}

/// An administration that says what a test wants, and remembers what it was asked.
struct Peer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    fn answering(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        // Ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (mut head, mut byte) = (Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
                    head.extend(byte);
                }
                let head = String::from_utf8(head).unwrap();
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                let body = answer(&path);
                noted.lock().unwrap().push(path);
                let length = body.len();
                let _gone = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                let _gone = stream.write_all(&body);
            }
        });
        Peer { address, asked }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn was_asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// What a node says that offers `bytes`, whose format it says nothing of or names.
fn offering(bytes: Vec<u8>, version: Option<u32>) -> Peer {
    Peer::answering(move |path| match path.split('?').next().unwrap() {
        "/status" => b"{\"gap\": false}".to_vec(),
        "/generations" => {
            let mut row = json!({"generation": 4, "bytes": bytes.len(), "customers": 3, "created_at_ms": 1});
            if let Some(version) = version {
                row["format_version"] = version.into();
            }
            json!({"present": 4, "generations": [row]})
                .to_string()
                .into_bytes()
        }
        _ => bytes.clone(),
    })
}

#[test]
fn what_a_newer_node_writes_is_refused_by_name_and_the_store_serves_instead() {
    let (from, first, second) = (Site::new(), Site::new(), Site::new());
    let store = store(&from);
    from.build(&from.people("a.csv", 0, 50, "v1"), &[]).ok();
    run(&["snapshot", "publish", "--to", &store, "--dir", &from.data]).ok();
    let mut newer = fs::read("tests/data/golden/snapshot-1.ringside").unwrap();
    newer[8] = 2;

    // It is told by the list where that says so, and by the file's first page where it does not.
    let named = offering(newer.clone(), Some(2));
    let server = beside(&first, &named.url(), &[]);
    until("it is refused", || phase(&server) == "failed");
    let told = status(&server)["catch_up"]["error"].as_str().unwrap().to_owned();
    assert!(
        told.contains("version 1 or older, found 2, which a newer Ringside wrote"),
        "{told}"
    );
    assert!(
        named
            .was_asked()
            .iter()
            .all(|path| !path.starts_with("/snapshots"))
    );
    assert_eq!(server.name(7), None);

    let unnamed = offering(newer, None);
    let server = beside(&second, &unnamed.url(), &[("RINGSIDE__SNAPSHOTS__STORE", &store)]);
    until("the store's is served", || {
        server.name(7).as_deref() == Some("Ada v1")
    });
    assert!(
        unnamed
            .was_asked()
            .iter()
            .any(|path| path.starts_with("/snapshots"))
    );
    assert_eq!(status(&server)["catch_up"]["from"], store);
}

#[test]
fn nothing_is_taken_over_where_changes_are_missing_or_bytes_are_wrong() {
    let (first, second) = (Site::new(), Site::new());
    let gap = Peer::answering(|_| b"{\"gap\": true, \"gap_feeds\": [\"crm\"]}".to_vec());
    let server = beside(&first, &gap.url(), &[]);
    until("it is refused", || phase(&server) == "failed");
    let told = status(&server)["catch_up"]["error"].as_str().unwrap().to_owned();
    assert!(told.contains("changes are missing there too, of crm"), "{told}");

    let mut damaged = fs::read("tests/data/golden/snapshot-1.ringside").unwrap();
    damaged[4096 + 40] ^= 1;
    let damaged = offering(damaged, Some(1));
    let server = beside(&second, &damaged.url(), &[]);
    until("it is refused", || phase(&server) == "failed");
    let told = status(&server)["catch_up"]["error"].as_str().unwrap().to_owned();
    assert!(told.contains("checksum"), "{told}");
    assert_eq!(status(&server)["generation"], 0);
    let left: Vec<_> = fs::read_dir(second.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().contains("snapshot")),
        "{left:?}"
    );
}

#[test]
fn a_node_with_customers_asks_nobody() {
    let site = Site::new();
    site.build(&site.people("a.csv", 0, 50, "v1"), &[]).ok();
    let peer = offering(
        fs::read("tests/data/golden/snapshot-1.ringside").unwrap(),
        Some(1),
    );
    let server = beside(&site, &peer.url(), &[]);
    until("it is ready", || {
        status(&server)["catch_up"]["ready_after_ms"].is_u64()
    });
    assert_eq!(server.name(7).as_deref(), Some("Ada v1"));
    let asked = peer.was_asked();
    assert!(
        asked
            .iter()
            .all(|path| !path.starts_with("/snapshots") && path != "/generations"),
        "{asked:?}"
    );
}
