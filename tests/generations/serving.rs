//! Publications beside traffic.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::site::{Site, finish, name_in, rows, slow_build, target};
use crate::wire;

#[test]
fn no_request_is_dropped_while_generations_come_and_go() {
    let site = Site::new();
    site.build(&site.people("0.csv", 0, 200, "v0"), &[]).ok();
    let server = site.serve();
    let (done, newest) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let mut callers = Vec::new();
        for caller in 0..2_u64 {
            let (done, newest, address) = (&done, &newest, server.callers);
            callers.push(scope.spawn(move || {
                let mut client = wire::tcp(address);
                let mut answered = 0_u64;
                while !done.load(Ordering::Acquire) {
                    let answer = client.get(&target((answered * 7 + caller) % 200));
                    assert_eq!(answer.status, 200, "{}", answer.body);
                    let name = name_in(&answer).expect("every customer is in every generation");
                    let version: u64 = name.strip_prefix("Ada v").unwrap().parse().unwrap();
                    assert!(version <= newest.load(Ordering::Acquire), "{name}");
                    answered += 1;
                }
                answered
            }));
        }
        for version in 1..=5 {
            newest.fetch_max(version, Ordering::AcqRel);
            let input = site.people(&format!("{version}.csv"), 0, 200, &format!("v{version}"));
            let said = site.build(&input, &[]).ok();
            assert!(said.contains("It is served now."), "{said}");
            assert_eq!(server.name(7).unwrap(), format!("Ada v{version}"));
        }
        for (back, version) in [(5, 4), (6, 5)] {
            site.run(&["rollback", &back.to_string()]).ok();
            assert_eq!(server.name(7).unwrap(), format!("Ada v{version}"));
        }
        done.store(true, Ordering::Release);
        for caller in callers {
            assert!(caller.join().unwrap() > 100);
        }
    });
    // The present one, two that are kept, and nothing of any build.
    let mut names: Vec<String> = std::fs::read_dir(site.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "CURRENT",
            "LOCK",
            "admin.sock",
            "calls",
            "snapshot-00000004.ringside",
            "snapshot-00000005.ringside",
            "snapshot-00000006.ringside"
        ]
    );
}

#[test]
fn a_service_without_customers_takes_up_the_first_import() {
    let site = Site::new();
    let server = site.serve();
    assert_eq!(wire::get(server.admin, "/electable").status, 503);
    assert_eq!(server.name(0), None);
    site.build(&site.people("a.csv", 0, 10, "v1"), &[]).ok();
    assert_eq!(wire::get(server.admin, "/electable").status, 200);
    assert_eq!(server.name(0).as_deref(), Some("Ada v1"));
    assert_eq!(wire::get(server.admin, "/status").json()["generation"], 1);
}

#[test]
fn of_two_builds_at_a_time_the_slower_is_told_and_not_lost() {
    let site = Site::new();
    site.build(&site.people("0.csv", 0, 10, "v0"), &[]).ok();
    let server = site.serve();
    let slow = slow_build(&site, "pipe", &[]);
    site.build(&site.people("1.csv", 0, 10, "v1"), &[]).ok();
    let present = site.present();
    finish(slow, &rows(0, 10, "v2")).failed(&[
        "built over generation 1,",
        &format!("generation {present} was published meanwhile"),
        "ringside accept",
    ]);
    assert_eq!(server.name(3).as_deref(), Some("Ada v1"));

    // It is compared with what is there now, and nothing speaks against it.
    site.run(&["accept"]).ok();
    assert_eq!(server.name(3).as_deref(), Some("Ada v2"));
    site.run(&["accept"])
        .failed(&["404", "found none", "ringside generations"]);
}

#[test]
fn requests_that_are_none_are_refused_and_change_nothing() {
    let site = Site::new();
    site.build(&site.people("0.csv", 0, 10, "v0"), &[]).ok();
    let server = site.serve();
    let post = |path: &str, body: &str| {
        let answer =
            wire::unix(&site.folder().join("admin.sock")).post(path, "application/json", body.as_bytes());
        let code = answer.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (answer.status, code)
    };
    let refused = |status, code: &str| (status, code.to_owned());
    assert_eq!(post("/builds", "{"), refused(400, "invalid_body"));
    let away = r#"{"input": "x", "dir": "../../etc"}"#;
    assert_eq!(post("/builds", away), refused(400, "invalid"));
    let unknown = r#"{"build": 7, "snapshot": "records", "rows": 1, "refused": 0}"#;
    assert_eq!(post("/builds/publish", unknown), refused(404, "no_such_build"));
    assert_eq!(post("/builds", r#"{"input": "x", "dir": "build"}"#).0, 200);
    for name in ["../CURRENT", "", ".", ".."] {
        let out = format!(r#"{{"build": 2, "snapshot": "{name}", "rows": 1, "refused": 0}}"#);
        assert_eq!(post("/builds/publish", &out), refused(400, "invalid"), "{name}");
    }
    let missing = r#"{"build": 2, "snapshot": "records", "rows": 1, "refused": 0}"#;
    assert_eq!(post("/builds/publish", missing), refused(422, "unfit"));
    assert_eq!(wire::get(server.admin, "/builds/2").status, 200);
    assert_eq!(post("/builds/drop", r#"{"build": 2}"#).0, 200);
    assert_eq!(wire::get(server.admin, "/builds/2").status, 404);
    assert_eq!(
        post("/rollback", r#"{"generation": 9}"#),
        refused(404, "no_such_generation")
    );
    assert_eq!(post("/rollback", "{}"), refused(404, "no_such_generation"));
    assert_eq!(
        post("/pin", r#"{"generation": 9}"#),
        refused(404, "no_such_generation")
    );
    assert_eq!(post("/unpin", r#"{"generation": 1}"#), refused(404, "not_pinned"));
    assert_eq!(post("/accept", "{}"), refused(404, "no_candidate"));
    assert_eq!(post("/drop-candidate", "{}"), refused(404, "no_candidate"));
    assert_eq!(post("/generations", "{}"), refused(405, "method_not_allowed"));
    assert_eq!(wire::get(server.admin, "/rollback").status, 405);
    assert_eq!(server.name(0).as_deref(), Some("Ada v0"));
}
