use std::time::Instant;

use serde_json::Value;

use crate::serving::LEVEL;
use crate::site::{Site, rule};
use crate::wire::{get, tcp};

const ADA: &str = "/v1/lookup?ani=%2B14806754110";

#[test]
fn sighup_takes_up_the_configuration_and_the_level_of_the_log() {
    let site = Site::new(&rule("gold"));
    let (serving, callers, admin) = site.start(&[(LEVEL, "")]);
    assert_eq!(get(callers, ADA).json()["treatment"], "gold");
    assert!(!serving.logged().contains("lookup ani="));
    site.configure(&format!("log.level = 'debug'\n{}", rule("silver")));
    serving.signal("-HUP");
    let taken_up = (0..100_000).any(|_| get(admin, "/status").json()["reload"]["outcome"] == "taken_up");
    assert!(taken_up, "{}", serving.logged());
    assert_eq!(get(callers, ADA).json()["treatment"], "silver");
    site.configure("[log]\nformat = 'x'\n");
    serving.signal("-HUP");
    let refused = (0..100_000).any(|_| get(admin, "/status").json()["reload"]["outcome"] == "refused");
    assert!(refused);
    assert_eq!(get(callers, ADA).json()["treatment"], "silver");
    let logged = serving.logged();
    for told in [
        "configuration taken up taken_up=\"log.level,treatment\"",
        "lookup ani=",
        "configuration refused",
        "ringside.toml:5",
    ] {
        assert!(logged.contains(told), "{told:?} is not in\n{logged}");
    }
    assert!(serving.stop("-TERM"));
}

#[test]
fn the_environment_of_the_start_still_lies_over_the_file() {
    let site = Site::new("[log]\nlevel = 'warn'\n");
    let (serving, _, admin) = site.start(&[("RINGSIDE__ANSWERS__MATCHES_MAX", "7")]);
    site.configure("[answers]\nmatches_max = 8\n[log]\nlevel = 'info'\n");
    let reloaded = tcp(admin).post("/reload", "application/json", b"").json();
    assert_eq!(
        reloaded["taken_up"],
        serde_json::json!([]),
        "both are set in the environment"
    );
    assert!(serving.stop("-INT"));
}

#[test]
fn a_second_signal_cuts_what_still_drains() {
    let site = Site::new("http.drain_s = 600\n");
    let (mut serving, callers, admin) = site.start(&[]);
    let mut slow = tcp(callers);
    slow.send(
        b"POST /v1/lookup HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n",
    );
    slow.until("100 Continue");
    let begun = Instant::now();
    serving.signal("-TERM");
    let draining = (0..100_000).any(|_| get(admin, "/readyz").status == 503);
    assert!(draining, "administration answers while the service drains");
    serving.signal("-TERM");
    assert!(serving.wait().success());
    assert!(begun.elapsed().as_secs() < 60, "the drain was not cut");
    assert!(slow.is_closed());
    let logged = serving.logged();
    assert!(
        logged.contains("told to stop a second time: open connections are cut"),
        "{logged}"
    );
}

#[test]
fn what_happens_is_told_in_words_and_fields_that_stay() {
    let site = Site::new("log.format = 'json'\n");
    let (mut serving, callers, admin) = site.start(&[(LEVEL, "info")]);
    let taken_up = site.config();
    site.configure("log.format = 'json'\nanswers.matches_max = 7\nhttp.workers = 1\n");
    tcp(admin).post("/reload", "application/json", b"");
    site.configure("log.format = 'yaml'\n");
    tcp(admin).post("/reload", "application/json", b"");
    serving.signal("-TERM");
    assert!(serving.wait().success());
    let logged = serving.logged();
    let lines: Vec<Value> = logged
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told = |message: &str| {
        let line = lines.iter().find(|line| line["message"] == message);
        line.unwrap_or_else(|| panic!("{message:?} is not in\n{logged}"))
    };
    let serving = told("serving");
    assert_eq!(
        (&serving["generation"], &serving["customers"]),
        (&1.into(), &2.into())
    );
    assert_eq!(serving["version"], env!("CARGO_PKG_VERSION"));
    let listening = told("listening");
    assert_eq!(listening["listener"], "main");
    assert_eq!(listening["address"], format!("http://{callers}"));
    assert_eq!(told("administering")["address"], admin.to_string());
    let reloaded = told("configuration taken up");
    assert_eq!(reloaded["taken_up"], "answers.matches_max");
    assert_eq!(reloaded["needs_restart"], "http.workers");
    let refused = told("configuration refused; the one before stays");
    assert_eq!(refused["level"], "ERROR");
    assert!(
        refused["error"]
            .as_str()
            .unwrap()
            .starts_with(&format!("{taken_up}:4: "))
    );
    assert_eq!(told("draining")["signal"], "SIGTERM");
    told("stopped");
    for line in &lines {
        assert!(line["timestamp"].is_string() && line["target"].as_str().unwrap().starts_with("ringside::"));
    }
}
