//! The process is killed while something is under way.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ringside::config::Config;
use ringside::metrics::Metrics;
use ringside::pop::outbox::{Item, Kind, Outbox};
use serde_json::json as value;

use crate::record::{Record, Reply, json};
use crate::site::Site;
use crate::wire::{get, until};

/// Accepts items as a server would, which is not running yet.
fn accept(site: &Site, items: usize) {
    let config = site.config();
    let config = Config::load(Some(Path::new(&config)), std::iter::empty()).unwrap();
    let dir = Path::new(site.data()).join("main/outbox");
    let metrics = Metrics::new().unwrap();
    let erase = Duration::from_secs(3600);
    let outbox = Outbox::open(&dir, &config.system_of_record, erase, &metrics).unwrap();
    for nth in 0..items {
        let lane = format!("call-{}", nth % 3);
        let body = value!({"call_id": lane, "nth": nth, "id": nth.to_string()});
        outbox
            .push(Item::new(format!("key-{nth}"), lane, Kind::Interaction, body))
            .unwrap();
    }
}

#[test]
fn after_any_kill_everything_is_told_with_its_key_and_in_its_order() {
    let is_well = Arc::new(AtomicBool::new(false));
    let well = Arc::clone(&is_well);
    // Every third is taken, and that is not heard; others are never answered.
    let record = Record::start(move |_, before| {
        if well.load(Ordering::Relaxed) || before % 3 == 1 {
            json(200, "{}")
        } else if before % 3 == 2 {
            Reply::Close
        } else {
            Reply::Never
        }
    });
    let site = Site::new(&record.config("timeout_ms = 600000"));
    accept(&site, 30);
    for round in 1..=3 {
        let before = record.requests().len();
        let (serving, _, _) = site.start(&[]);
        record.after(before + round);
        serving.stop("-KILL");
    }
    is_well.store(true, Ordering::Relaxed);
    let (serving, _, admin) = site.start(&[]);
    let waiting = || {
        let status = get(admin, "/status").json();
        status["outbox"]["waiting"].as_u64()
    };
    until(waiting, |waiting| *waiting == Some(0));
    serving.stop("-KILL");
    let requests = record.requests();
    for lane in 0..3 {
        let mut newest = 0;
        let of_lane = requests
            .iter()
            .filter(|request| request.body["callId"] == format!("call-{lane}"));
        let mut keys: Vec<usize> = Vec::new();
        for request in of_lane {
            let nth: usize = request.body["id"].as_str().unwrap().parse().unwrap();
            assert_eq!(request.key(), format!("key-{nth}"));
            assert!(nth >= newest, "{nth} came behind {newest}");
            newest = nth;
            keys.push(nth);
        }
        keys.dedup();
        assert_eq!(keys, (0..10).map(|nth| nth * 3 + lane).collect::<Vec<_>>());
    }
}
