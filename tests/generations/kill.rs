//! `kill -9` at many moments of an import: what is served is the old generation or the new one, whole, and nothing of
//! what was half done stays.

use std::process::{Child, Stdio};
use std::time::Duration;

use crate::program::run;
use crate::site::{Server, Site, until};
use crate::wire;

const PEOPLE: u64 = 3_000;

/// Checks everything, with a service that was just started over the folder.
fn check(site: &Site, server: &Server, old: &str, new: &str) -> String {
    run(&["snapshot", "verify", &site.data]).ok();
    let name = server.name(0).unwrap();
    assert!(
        name == format!("Ada {old}") || name == format!("Ada {new}"),
        "{name}"
    );
    for nth in [1, PEOPLE / 2, PEOPLE - 1] {
        assert_eq!(server.name(nth).as_ref(), Some(&name));
    }
    for entry in std::fs::read_dir(site.folder()).unwrap() {
        let entry = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            !entry.starts_with('.') && !entry.starts_with("candidate"),
            "{entry}"
        );
    }
    name
}

fn spawn(site: &Site, input: &str) -> Child {
    let mut command = site.command(input, &[]);
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_killed_build_leaves_what_is_served_and_the_next_one_goes_on() {
    let site = Site::new();
    site.build(&site.people("in.csv", 0, PEOPLE, "v0"), &[]).ok();
    let server = site.serve();
    let mut present = "v0".to_owned();
    for round in 1..=8_u64 {
        let version = format!("v{round}");
        let input = site.people("in.csv", 0, PEOPLE, &version);
        let mut child = spawn(&site, &input);
        // Ever later: while it starts, reads, sorts, is verified, compared and published.
        std::thread::park_timeout(Duration::from_millis(round * 15));
        child.kill().unwrap();
        child.wait().unwrap();
        until("the service has nothing to do", || {
            wire::get(server.admin, "/generations").json()["doing"].is_null()
        });
        check(&site, &server, &present, &version);
        site.build(&input, &[]).ok();
        assert_eq!(
            check(&site, &server, &version, &version),
            format!("Ada {version}")
        );
        present = version;
    }
    let left = std::fs::read_dir(site.folder()).unwrap();
    let folders = left
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir());
    let folders: Vec<_> = folders.map(|entry| entry.file_name()).collect();
    assert_eq!(folders, ["calls"], "no build folder stays");
}

#[test]
fn a_service_that_is_killed_while_it_publishes_serves_one_of_the_two() {
    let site = Site::new();
    site.build(&site.people("in.csv", 0, PEOPLE, "v0"), &[]).ok();
    let mut server = site.serve();
    let mut present = "v0".to_owned();
    let mut taken_up = 0;
    for round in 1..=10_u64 {
        let version = format!("v{round}");
        let input = site.people("in.csv", 0, PEOPLE, &version);
        let mut child = spawn(&site, &input);
        until("the service verifies", || {
            let doing = wire::get(server.admin, "/generations").json()["doing"].clone();
            !doing.is_null() || child.try_wait().unwrap().is_some()
        });
        std::thread::park_timeout(Duration::from_millis((round - 1) * 6));
        server.kill();
        child.wait().unwrap();
        server = site.serve();
        let name = check(&site, &server, &present, &version);
        taken_up += usize::from(name == format!("Ada {version}"));
        site.build(&input, &[]).ok();
        check(&site, &server, &version, &version);
        present = version;
    }
    assert!(taken_up < 10, "it was never killed early enough");
}
