//! What `ringside deploy keepalived` prints, under a real keepalived in network namespaces: both families, both ways of
//! sending adverts, the watchdog's file, and words that reach the service. Needs root.

#[path = "address/link.rs"]
mod link;

use std::fs;
use std::process::Command;
use std::time::Duration;

use link::{Link, NODES, Way};
use servers::ringside::program;
use servers::wait::until;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// In which an address has to move once there is a reason, on a machine that tests keep busy.
const SOON: Duration = Duration::from_secs(30);

const V4: &[&str] = &["10.79.0.100/24"];
const V6: &[&str] = &["fd79::100/64"];
const BOTH: &[&str] = &["10.79.0.100/24", "10.79.0.101/24", "fd79::100/64"];

#[test]
fn keepalived_finds_no_fault_with_any_variant() {
    let link = Link::lay();
    for vips in [V4, V6, BOTH] {
        for is_multicast in [false, true] {
            for more in [
                &[][..],
                &["--advert-ms", "1000", "--router-id", "255", "--priority", "254"],
                &["--advert-ms", "10"],
                &["--move-script", "/bin/true"],
            ] {
                let way = Way { vips, is_multicast };
                for node in 0..2 {
                    let file = link.configure(node, way, more);
                    let mut command = Command::new("keepalived");
                    command.arg("--config-test").arg("--use-file").arg(&file);
                    let output = link.of(node).within(|| command.output().unwrap());
                    let told = String::from_utf8_lossy(&output.stderr);
                    assert!(output.status.success(), "{way:?} {more:?}: {told}");
                    // That a first IPv6 address be link-local is asked of whole routers.
                    let faults = told.lines().filter(|line| !line.contains("should be link local"));
                    assert_eq!(faults.collect::<Vec<_>>(), Vec::<&str>::new(), "{way:?} {more:?}");
                }
            }
        }
    }
}

#[test]
fn the_address_goes_where_the_track_file_lets_it() {
    for vips in [V4, V6, BOTH] {
        for is_multicast in [false, true] {
            moves(Way { vips, is_multicast });
        }
    }
}

fn moves(way: Way) {
    let mut link = Link::lay();
    for node in 0..2 {
        link.track(node, "0\n");
        link.keep(node, way);
    }
    let first = link.until_held(way, PATIENCE);
    let second = 1 - first;
    // As the watchdog writes.
    link.track(first, "1\n");
    link.until_held_by(second, way, SOON);
    link.until_told(first, "FAULT");
    link.until_told(second, "MASTER");
    // Well again, and it stays where it is.
    link.track(first, "0\n");
    link.until_told(first, "BACKUP");
    link.stays_at(second, way, SOON);
    // Neither has it where neither is well, and whoever is well first gets it.
    link.track(first, "1\n");
    link.track(second, "1\n");
    until("nobody has it", SOON, || match link.holders(way).is_empty() {
        true => Ok(()),
        false => Err(format!("{:?}", link.holders(way))),
    });
    link.track(first, "0\n");
    link.until_held_by(first, way, SOON);
    // An end in order says so, and needs no time-out.
    link.track(second, "0\n");
    link.until_told(second, "BACKUP");
    link.stop_keeping(first);
    link.until_held_by(second, way, SOON);
    link.until_told(first, "STOP");
}

#[test]
fn a_dead_or_frozen_service_loses_the_address_and_hears_what_it_missed() {
    let way = Way {
        vips: BOTH,
        is_multicast: false,
    };
    let mut link = Link::lay();
    for node in 0..2 {
        link.serve(node);
        link.watch(node);
        link.keep(node, way);
    }
    let first = link.until_held(way, PATIENCE);
    let second = 1 - first;
    for node in 0..2 {
        link.until_known(node, if node == first { "MASTER" } else { "BACKUP" });
    }
    link.answers(way);
    link.kill_service(first);
    link.until_held_by(second, way, SOON);
    link.answers(way);
    link.until_known(second, "MASTER");
    // It was dead when keepalived said so, and comes back without knowing.
    link.serve(first);
    link.until_told(first, "BACKUP");
    link.until_known(first, "BACKUP");
    link.stays_at(second, way, SOON);
    // Frozen, it takes connections on and never answers.
    link.freeze(second, "service", true);
    link.until_held_by(first, way, SOON);
    link.freeze(second, "service", false);
    link.until_known(second, "BACKUP");
    link.until_known(first, "MASTER");
    // So the watchdog, and the whole node with it: thawed, it must not claim what it had.
    for what in ["service", "watchdog", "keepalived"] {
        link.freeze(first, what, true);
    }
    link.until_held_beside(second, way, SOON);
    for what in ["keepalived", "watchdog", "service"] {
        link.freeze(first, what, false);
    }
    link.until_held(way, SOON);
    for node in 0..2 {
        let log = fs::read_to_string(link.folder(node).join("keepalived.log")).unwrap();
        assert!(!log.contains("Unsafe") && !log.contains("not found"), "{log}");
    }
}

#[test]
fn a_word_of_nobody_is_refused() {
    let output = Command::new(program())
        .args(["notify", "INSTANCE", "ringside", "QUEEN", "150", "--data", "."])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("MASTER, BACKUP, FAULT and STOP"), "{told}");
    assert_eq!(NODES.len(), 2);
}
