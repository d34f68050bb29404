use std::fs::OpenOptions;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::json;

use crate::program::{run, text, write};
use crate::site::{Site, rule};
use crate::wire::{get, tcp, unix};

const ADA: &str = "/v1/lookup?ani=%2B14806754110";

/// Says that something is done, when dropped.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn reloads_under_load_lose_no_request() {
    let site = Site::new(&rule("gold"));
    let running = site.serve();
    let address = running.address("main").unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = tcp(address);
                    let mut seen = [0_u32; 2];
                    while !done.load(Ordering::Relaxed) {
                        let answer = client.get(ADA);
                        assert_eq!(answer.status, 200, "{}", answer.body);
                        match answer.json()["treatment"].as_str() {
                            Some("gold") => seen[0] += 1,
                            Some("silver") => seen[1] += 1,
                            _ => panic!("neither of the two: {}", answer.body),
                        }
                    }
                    seen
                })
            })
            .collect();
        // However this ends, those who ask must end too.
        let asked_enough = Done(&done);
        let mut client = tcp(address);
        for treatment in ["silver", "gold"].repeat(10) {
            site.configure(&rule(treatment));
            assert_eq!(running.reload().unwrap().taken_up, ["treatment"]);
            assert_eq!(client.get(ADA).json()["treatment"], treatment);
        }
        drop(asked_enough);
        for asked in asking {
            let [gold, silver] = asked.join().unwrap();
            assert!(gold + silver > 20, "{gold} and {silver}");
        }
    });
    let metrics = get(running.admin_address(), "/metrics").body;
    assert!(metrics.contains("ringside_config_reloads_total{outcome=\"taken_up\"} 20\n"));
    running.drain();
}

#[test]
fn a_configuration_with_a_fault_changes_nothing_and_is_told_loudly() {
    let site = Site::new(&rule("gold"));
    let running = site.serve();
    let (address, admin) = (running.address("main").unwrap(), running.admin_address());
    assert_eq!(get(admin, "/status").json()["reload"], json!(null));
    let told = |line: &str| get(admin, "/metrics").body.lines().any(|found| found == line);
    // What types refuse, what ranges refuse, and what is found out only when the rules are made.
    for (fault, place, named) in [
        ("[answers]\nmatches_maks = 1\n", 5, "matches_maks"),
        ("[answers]\nmatches_max = 0\n", 5, "`answers.matches_max`"),
        ("[numbers]\nown_numbers = ['x']\n", 5, "own_numbers"),
        (
            "[metrics]\ndnis = [\n'+18005550100', 'anonymous']\n",
            6,
            "`metrics.dnis[1]`",
        ),
    ] {
        site.configure(&format!("{fault}{}", rule("silver")));
        let answer = tcp(admin).post("/reload", "application/json", b"");
        assert_eq!(answer.status, 422, "{fault}: {}", answer.body);
        let answer = answer.json();
        let message = answer["error"]["message"].as_str().unwrap();
        assert_eq!(answer["error"]["code"], "invalid_configuration");
        assert!(message.contains(&format!("ringside.toml:{place}: ")), "{message}");
        assert!(message.contains(named), "{message}");
        let checked = run(&["config", "check", &site.config()]).failed(&[named]);
        assert!(checked.contains(message), "{checked} is not {message}");
        let reload = &get(admin, "/status").json()["reload"];
        assert_eq!(
            (&reload["outcome"], &reload["error"]),
            (&json!("refused"), &json!(message))
        );
        assert!(reload["at_ms"].as_i64().unwrap() > 1_700_000_000_000);
        assert!(told("ringside_config_refused_info 1"));
        assert_eq!(
            get(address, ADA).json()["treatment"],
            "gold",
            "the old rules hold"
        );
    }
    assert!(told("ringside_config_reloads_total{outcome=\"refused\"} 4"));
    site.configure(&rule("silver"));
    let answer = tcp(admin).post("/reload", "application/json", b"").json();
    assert_eq!(answer["taken_up"], json!(["treatment"]));
    assert_eq!(get(address, ADA).json()["treatment"], "silver");
    assert!(told("ringside_config_refused_info 0"));
    assert_eq!(get(admin, "/status").json()["reload"]["outcome"], "taken_up");
    assert_eq!(get(admin, "/reload").status, 405, "a look changes nothing");
    running.drain();
}

#[test]
fn what_needs_a_restart_is_named_until_there_is_one() {
    let site = Site::new("[log]\nlevel = 'info'\n");
    let running = site.serve();
    site.configure(
        "data.scrub_interval_s = 60\nlistener.main.region = 'GB'\n[log]\nlevel = 'warn'\n[feed.extra]\nkind = 'none'\n\
         [answers]\nmatches_max = 7\n",
    );
    let reloaded = running.reload().unwrap();
    assert_eq!(
        reloaded.taken_up,
        ["answers.matches_max", "listener.main.region", "log.level"]
    );
    assert_eq!(reloaded.needs_restart, ["data.scrub_interval_s", "feed.extra"]);
    assert_eq!((reloaded.note, reloaded.stored_by_old_rules), (None, vec![]));
    let again = running.reload().unwrap();
    assert_eq!(again.taken_up, [""; 0]);
    assert_eq!(again.needs_restart, ["data.scrub_interval_s", "feed.extra"]);
    // The listener's own region holds at once.
    let answer = get(running.address("main").unwrap(), "/v1/lookup?ani=02079460958");
    assert_eq!(answer.json()["name"], "Grace Hopper");
    site.configure("[log]\nlevel = 'info'\n");
    assert_eq!(running.reload().unwrap().needs_restart, [""; 0]);
    running.drain();
}

#[test]
fn lookups_explanations_and_feeds_read_numbers_by_the_new_rules() {
    let site = Site::new("");
    let changes = write(site.dir.path(), "changes.ndjson", "");
    let feed = format!("[feed.main]\nkind = 'file'\npath = {changes:?}\npoll_ms = 10\n");
    site.configure(&feed);
    let running = site.serve();
    let address = running.address("main").unwrap();
    let mut client = tcp(address);
    let british = "/v1/lookup?ani=020%207946%200958";
    assert_eq!(client.get(british).json()["found"], false);
    site.configure(&format!("{feed}[numbers]\ndefault_region = 'GB'\n"));
    let reloaded = running.reload().unwrap();
    assert_eq!(reloaded.stored_by_old_rules, ["numbers.default_region"]);
    assert!(reloaded.note.unwrap().contains("build or replay again"));
    assert_eq!(client.get(british).json()["name"], "Grace Hopper");
    let explained = get(running.admin_address(), "/explain?ani=02079460958").json();
    assert_eq!(explained["number"], "+442079460958");
    let mut file = OpenOptions::new().append(true).open(&changes).unwrap();
    let customer = json!({"id": "c-3", "name": "Alan Turing", "phones": ["020 7946 0959"]});
    let change = json!({"op": "upsert", "position": "1", "customer": customer});
    writeln!(file, "{change}").unwrap();
    let stored = (0..100_000).any(|_| client.get("/v1/lookup?ani=%2B442079460959").json()["found"] == true);
    assert!(stored, "the feed's number was not read as British");
    running.drain();
}

#[test]
fn dialled_numbers_are_counted_by_name_as_soon_as_they_are_named() {
    let site = Site::new("[metrics]\ndnis = ['+1 800 555 0100']\n");
    let running = site.serve();
    let ask = |dnis: &str| get(running.address("main").unwrap(), &format!("{ADA}&dnis={dnis}"));
    ask("8005550100");
    ask("%2B18005550101");
    site.configure("[metrics]\ndnis = ['+1 800 555 0100', '(800) 555-0101']\n");
    assert_eq!(running.reload().unwrap().taken_up, ["metrics.dnis"]);
    ask("%2B18005550101");
    ask("");
    let metrics = get(running.admin_address(), "/metrics").body;
    for line in [
        r#"ringside_callers_dnis_lookups_total{dnis="+18005550100",outcome="hit"} 1"#,
        r#"ringside_callers_dnis_lookups_total{dnis="+18005550101",outcome="hit"} 1"#,
        r#"ringside_callers_dnis_lookups_total{dnis="other",outcome="hit"} 1"#,
        r#"ringside_callers_dnis_lookups_total{dnis="none",outcome="hit"} 1"#,
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line} is not in\n{metrics}"
        );
    }
    running.drain();
}

#[test]
fn the_command_says_what_was_taken_up_and_what_was_not() {
    let site = Site::new(&rule("gold"));
    let running = site.serve();
    let admin = format!("http://{}", running.admin_address());
    let config = site.config();
    site.configure(&format!(
        "numbers.area_code = '480'\nhttp.drain_s = 3\n{}",
        rule("silver")
    ));
    let said = run(&["reload", "--config", &config]).ok();
    for line in [
        "taken up       numbers.area_code",
        "taken up       treatment",
        "needs a restart  http.drain_s keeps its old value until then",
    ] {
        assert!(
            said.lines().any(|found| found == line),
            "{line} is not in\n{said}"
        );
    }
    assert!(
        said.contains("numbers.area_code: what was stored before"),
        "{said}"
    );
    let said = run(&["reload", "--dir", site.data()]).ok();
    assert!(
        said.starts_with("no key has changed; certificates and keys of callers were read again\n"),
        "{said}"
    );
    let said = run(&["reload", "--admin", &admin, "--json"]).ok();
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["needs_restart"], json!(["http.drain_s"]));
    let status = run(&["status", "--admin", &admin]).ok();
    assert!(
        status.contains("taken up just now; http.drain_s wait for a restart"),
        "{status}"
    );
    assert!(
        status.contains("ready") && status.contains("2 customers"),
        "{status}"
    );

    site.configure("[http]\nworkers = 5000\n");
    let checked = run(&["config", "check", &config]).failed(&["ringside.toml:5"]);
    for arguments in [["--admin", &admin], ["--dir", site.data()], ["--config", &config]] {
        let refused = run(&["reload", arguments[0], arguments[1]]).failed(&["`http.workers`", "goes on"]);
        assert!(refused.contains(checked.trim()), "{refused} is not {checked}");
    }
    let status = run(&["status", "--admin", &admin]).ok();
    assert!(
        status.contains("REFUSED just now") && status.contains("ringside.toml:5"),
        "{status}"
    );
    // The address is asked of a file that cannot be read: say how to ask all the same.
    run(&["status", "--config", &config]).failed(&["ringside.toml:5", "--admin URL"]);
    let socket = site.dir.path().join("data/main/admin.sock");
    assert_eq!(unix(&socket).post("/reload", "application/json", b"").status, 422);
    running.drain();
    let nobody = text(&site.dir.path().join("elsewhere"));
    run(&["reload", "--dir", &nobody]).failed(&["cannot reach a server"]);
}
