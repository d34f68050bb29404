//! Generations in an object store that speaks S3: published, replaced, removed, and a node that comes back from them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use servers::moto::Moto;
use servers::ringside::{PATIENCE, Ringside, program};
use servers::wait::until;

const SECRET: &str = "hush-hush-secret";

/// What says where the store is; the key's secret is in a file.
fn shelf(moto: &Moto, folder: &Path) -> String {
    let secret = folder.join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    format!(
        "[snapshots]\nstore = \"s3://bucket/centre/main\"\nendpoint = {:?}\nregion = \"eu-west-1\"\nkey_id = \"someone\"\n\
         secret_file = {secret:?}\nkept = 2\nevery_s = 0\n",
        moto.endpoint()
    )
}

/// A file of `count` customers, whose names say `version`.
fn people(folder: &Path, count: u64, version: &str) -> String {
    let mut csv = String::from("id,name,phone\n");
    for nth in 0..count {
        csv += &format!(
            "c-{nth},Ada {version} {},+{}\n",
            "x".repeat(200),
            14_806_750_000 + nth
        );
    }
    let path = folder.join(format!("{version}.csv"));
    std::fs::write(&path, csv).unwrap();
    path.to_str().unwrap().to_owned()
}

fn run(arguments: &[&str]) -> String {
    let output = Command::new(program()).args(arguments).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

fn build(folder: &Path, input: &str) {
    let data = folder.join("data");
    run(&[
        "snapshot",
        "build",
        "--format",
        "csv",
        "--input",
        input,
        "--accept",
        "--out",
        data.to_str().unwrap(),
    ]);
}

/// How many objects the bucket has below `part`.
fn objects(moto: &Moto, part: &str) -> usize {
    let listed = moto.get(&format!("/bucket?list-type=2&prefix=centre/main/{part}/"));
    listed.matches("<Key>").count()
}

fn until_served(node: &Ringside, name: &str) {
    until("customers are served", PATIENCE, || {
        let answer = node.ask(("GET", "/v1/lookup?ani=%2B14806750007"), None, &Value::Null);
        let told: Value = answer.unwrap().json();
        match told["name"].as_str() {
            Some(told) if told.starts_with(name) => Ok(()),
            _ => Err(format!("{told}; {}", node.status()["catch_up"])),
        }
    });
}

#[test]
fn generations_are_published_in_a_bucket_and_a_node_without_a_disk_comes_back_from_it() {
    let moto = Moto::start("bucket");
    let (first, second, third) = (
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
    );
    // More than one part of an upload, and more than one piece of a fetch.
    build(first.path(), &people(first.path(), 40_000, "v1"));
    let node = Ringside::start(first.path(), &shelf(&moto, first.path()));
    let published = |count: f64| {
        until("it is published", PATIENCE, || {
            let found = node.metric("ringside_snapshot_published_total{outcome=\"done\"}");
            if found >= count {
                Ok(())
            } else {
                Err(format!("{found}: {}", node.log()))
            }
        });
    };
    published(1.0);
    for (nth, version) in ["v2", "v3", "v4"].into_iter().enumerate() {
        build(first.path(), &people(first.path(), 40_000, version));
        published(nth as f64 + 2.0);
    }
    assert_eq!(
        (objects(&moto, "generations"), objects(&moto, "manifests")),
        (2, 3)
    );
    assert!(!node.log().contains(SECRET));

    let other = Ringside::start(second.path(), &shelf(&moto, second.path()));
    until_served(&other, "Ada v4");
    let state = other.status()["catch_up"].clone();
    assert_eq!(state["from"], "s3://bucket/centre/main", "{state}");
    assert!(state["total_bytes"].as_u64().unwrap() > 8 << 20, "{state}");
    assert_eq!(state["bytes"], state["total_bytes"], "{state}");

    // The server refuses, and what is served goes on.
    let config = shelf(&moto, third.path()).replace("bucket/centre", "nosuch/centre");
    let lost = Ringside::start(third.path(), &config);
    until("it is told", Duration::from_secs(60), || {
        let state = lost.status()["catch_up"].clone();
        let error = state["error"].as_str().unwrap_or_default();
        if state["phase"] == "failed" && error.contains("the object store s3://nosuch/centre/main") {
            Ok(())
        } else {
            Err(state.to_string())
        }
    });
    assert!(!lost.log().contains(SECRET));
}

/// Whoever comes second finds the list of the first, and neither is lost.
#[test]
fn two_nodes_that_publish_at_a_time_are_both_in_the_list() {
    let moto = Moto::start("bucket");
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let publishing: Vec<_> = folders
        .iter()
        .enumerate()
        .map(|(nth, folder)| {
            build(folder.path(), &people(folder.path(), 100, "v1"));
            let config = folder.path().join("c.toml");
            let data = folder.path().join("data");
            let text = format!(
                "[data]\ndir = {data:?}\n[ha]\nnode = \"n{nth}\"\n{}",
                shelf(&moto, folder.path()).replace("kept = 2", "kept = 9")
            );
            std::fs::write(&config, text).unwrap();
            let mut command = Command::new(program());
            command
                .args(["snapshot", "publish", "--json", "--config"])
                .arg(&config);
            command.spawn().unwrap()
        })
        .collect();
    for mut child in publishing {
        assert!(child.wait().unwrap().success());
    }
    // What the list does not name is removed with the next publication, here of what is the newest anyway.
    let newest = folders[2].path().join("c.toml");
    run(&["snapshot", "publish", "--config", newest.to_str().unwrap()]);
    let listed = moto.get("/bucket?list-type=2&prefix=centre/main/generations/");
    for node in ["-n0-", "-n1-", "-n2-"] {
        assert!(listed.contains(node), "{node}: {listed}");
    }
    assert_eq!(objects(&moto, "generations"), 3);
}
