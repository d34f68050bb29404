use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::program::{program, run, text, write};
use super::serving::{Serving, after};

#[test]
fn the_demonstration_answers_and_follows_its_changes_and_leaves_nothing() {
    let mut demo = Serving::start(&["demo", "--port", "0", "--admin-port", "0", "--customers", "100"]);
    let lines = demo.until("Ctrl-C ends it.");
    assert!(lines[0].starts_with("Built 100 customers in "), "{}", lines[0]);
    let server = format!("http://{}", after(&lines, "--server http://"));
    let admin = format!("http://{}", after(&lines, "--admin http://"));
    let changes = PathBuf::from(after(&lines, ">> "));
    let folder = changes.parent().unwrap().to_owned();

    for line in lines.iter().filter(|line| line.contains("curl ")) {
        assert!(line.contains("curl -s "), "no progress among the answers: {line}");
    }
    assert!(lines.iter().any(|line| line.starts_with("sleep 0.3; curl -s ")));

    // The first number is the VIP's, who has an open case.
    let vip = format!("+{}", after(&lines, "ani=%2B"));
    let shown = run(&["lookup", &vip, "--server", &server]).ok();
    for expected in [
        "Grace Okafor  [VIP]",
        "priority, queue vip",
        "CAS-01213",
        "Last contacts",
        "Other numbers",
    ] {
        assert!(shown.contains(expected), "expected {expected:?} in:\n{shown}");
    }

    let line = lines.iter().find(|line| line.starts_with("echo '")).unwrap();
    let change = line.split('\'').nth(1).unwrap();
    let mut file = OpenOptions::new().append(true).open(&changes).unwrap();
    writeln!(file, "{change}").unwrap();
    // The feed looks at its file now and then; each of these is a whole process, which takes its time.
    let renamed = (0..2000).any(|_| {
        let answer: Value =
            serde_json::from_str(&run(&["lookup", &vip, "--server", &server, "--json"]).ok()).unwrap();
        answer["name"] == "Grace Okafor (renamed)"
    });
    assert!(renamed, "the change is not seen");

    let contested = after(&lines, " explain ");
    let explained = run(&["explain", contested, "--admin", &admin]).ok();
    assert!(
        explained.contains("2 claims") && explained.contains("outranked"),
        "{explained}"
    );
    let status = run(&["status", "--admin", &admin]).ok();
    assert!(status.contains("ready") && status.contains("100"), "{status}");

    assert!(folder.join("customers.ndjson").exists());
    assert!(demo.stop("-INT"));
    assert!(!folder.exists());
}

#[test]
fn a_kept_demonstration_can_be_served_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = text(&dir.path().join("it's here"));
    let ran = run(&[
        "demo",
        "--no-serve",
        "--dir",
        &folder,
        "--customers",
        "60",
        "--port",
        "0",
        "--admin-port",
        "0",
    ]);
    assert!(
        ran.err.contains("the demonstration's folder stays"),
        "{}",
        ran.err
    );
    let said = ran.ok();
    assert!(said.contains(r"'\''s here/changes.ndjson"));
    assert!(
        said.lines()
            .any(|line| line.contains(" serve --config '") && line.ends_with(r"'\''s here/ringside.toml'")),
        "{said}"
    );
    let documents = fs::read_to_string(dir.path().join("it's here/customers.ndjson")).unwrap();
    assert_eq!(documents.lines().count(), 60);

    let config = text(&dir.path().join("it's here/ringside.toml"));
    let mut server = Serving::start(&["serve", "--config", &config]);
    let lines = server.until("administration");
    let listener = format!("http://{}", after(&lines, "http://"));
    let shown = run(&["lookup", "(201) 555-0100", "--server", &listener]).ok();
    assert!(shown.starts_with("Grace Okafor"), "{shown}");
    assert!(server.stop("-TERM"));
}

#[test]
fn a_terminal_that_closes_ends_a_demonstration_and_what_nohup_started_stays() {
    let arguments = ["demo", "--port", "0", "--admin-port", "0", "--customers", "50"];
    let mut demo = Serving::start(&arguments);
    let lines = demo.until("Ctrl-C ends it.");
    let folder = PathBuf::from(after(&lines, ">> ")).parent().unwrap().to_owned();
    assert!(demo.stop("-HUP"));
    assert!(!folder.exists());

    let mut nohup = Command::new("nohup");
    nohup.arg(program().get_program()).args(arguments);
    let mut demo = Serving::spawn(&mut nohup);
    let lines = demo.until("Ctrl-C ends it.");
    let admin = format!("http://{}", after(&lines, "--admin http://"));
    demo.signal("-HUP");
    run(&["status", "--admin", &admin]).ok();
    assert!(demo.stop("-TERM"));
}

#[test]
fn a_service_that_cannot_start_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let config = write(dir.path(), "r.toml", "[log]\nlevle = 'x'\n");
    run(&["serve", "--config", &config]).failed(&["r.toml:2", "`level`"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let data = text(&dir.path().join("data"));
    let config = write(
        dir.path(),
        "r.toml",
        &format!(
            "[data]\ndir = {data:?}\n[admin]\naddress = \"127.0.0.1:0\"\n[listener.main]\naddress = \"{address}\"\n"
        ),
    );
    run(&["serve", "--config", &config]).failed(&[&address.to_string()]);
}
