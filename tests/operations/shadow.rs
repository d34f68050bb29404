//! Shadow mode as its configuration and its command see it.

use serde_json::Value;

use crate::program::{Ran, run};
use crate::record::SystemOfRecord;
use crate::site::Site;
use crate::wire::{get, until};

fn configured(record: &SystemOfRecord, more: &str) -> String {
    format!("[listener.main.shadow]\nupstream = '{}'\n{more}\n", record.url())
}

#[test]
fn the_command_reports_and_switches_and_a_reload_takes_up_what_changed() {
    let record = SystemOfRecord::json(r#"{"found":true,"name":"From the CRM"}"#);
    let site = Site::new(&configured(&record, ""));
    let running = site.serve();
    let (at, admin) = (running.address("main").unwrap(), running.admin_address());
    let url = format!("http://{admin}");
    let shadow = |arguments: &[&str]| -> Ran { run(&[&["shadow"], arguments, &["--admin", &url]].concat()) };
    let name = || get(at, "/v1/lookup?ani=%2B14806754110").json()["name"].clone();
    assert_eq!(name(), "From the CRM");
    let compared = |report: &Ran| report.out.contains("other_customer");
    let report = until(|| shadow(&[]), compared);
    assert_eq!(report.code, 0, "{}", report.err);
    for told in [
        "Ringside answers nobody",
        "1 since",
        "agreement  0 %",
        "•10  name:  F••• | A•••",
    ] {
        assert!(report.out.contains(told), "{told} is not in\n{}", report.out);
    }
    let revealed = shadow(&["--reveal"]).out;
    assert!(
        revealed.contains("+14806754110  name:  From the CRM | Ada Lovelace"),
        "{revealed}"
    );

    let set = shadow(&["set", "--percent", "100"]);
    assert_eq!(set.code, 0, "{}", set.err);
    assert!(
        set.out
            .contains("main: Ringside answers 100 % of the numbers\nbefore: Ringside answers nobody\n"),
        "{}",
        set.out
    );
    assert!(
        set.out.contains("holds until the next restart, or a reload"),
        "{}",
        set.out
    );
    assert_eq!(name(), "Ada Lovelace");
    let json: Value = serde_json::from_str(&shadow(&["--json"]).out).unwrap();
    assert_eq!(json["listeners"]["main"]["by_command"], true);

    // A reload of something else leaves it so.
    site.configure(&configured(&record, "differences_kept = 3"));
    assert_eq!(
        running.reload().unwrap().taken_up,
        ["listener.main.shadow.differences_kept"]
    );
    assert_eq!(name(), "Ada Lovelace");
    let back = shadow(&["set", "--off"]);
    assert!(
        back.out.contains("before: Ringside answers 100 %"),
        "{}",
        back.out
    );
    assert_eq!(name(), "From the CRM");
    let dialled = shadow(&["set", "--dnis", "+18005550100, 8005550101"]).out;
    assert!(
        dialled.contains("0 % of the numbers, and all calls for +18005550100, 8005550101"),
        "{dialled}"
    );
    assert_eq!(shadow(&["reset"]).out, "a new report has begun\n");

    site.configure(&configured(&record, "percent = 100"));
    running.reload().unwrap();
    assert_eq!(name(), "Ada Lovelace");
    site.configure("");
    running.reload().unwrap();
    assert!(shadow(&[]).out.contains("no listener is in shadow mode"));
    assert_eq!(shadow(&["set", "--percent", "5"]).code, 1);
    assert_eq!(shadow(&["set"]).code, 2);
    assert_eq!(shadow(&["set", "--off", "--percent", "5"]).code, 2);
    running.drain();
}

#[test]
fn what_makes_no_sense_stops_the_start() {
    for (line, expected) in [
        (
            "upstream = 'crm.example'",
            "listener.main.shadow.upstream`: expected http://HOST",
        ),
        (
            "percent = 101",
            "listener.main.shadow.percent`: expected a whole number from 0 to 100, found 101",
        ),
        (
            "timeout_ms = 1",
            "listener.main.shadow.timeout_ms`: expected a whole number",
        ),
        (
            "upstream = 'https://a.example'\nca = '/nowhere.pem'",
            "listener.main.shadow.ca: expected certificates",
        ),
        (
            "upstream = 'http://a.example'\ndnis = ['nobody']",
            "listener.main.shadow.dnis[0]: expected a phone number",
        ),
    ] {
        let site = Site::new(&format!("[listener.main.shadow]\n{line}\n"));
        let checked = run(&["config", "check", &site.config()]);
        assert_eq!(checked.code, 1, "{line}");
        assert!(checked.err.contains(expected), "{line}: {}", checked.err);
    }
}
