//! Keys from the command line: made, shown, replaced, revoked, and taken up by a server that runs.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::program::{Built, built, program, run, text, write};
use super::serving::{Serving, after};

const HIT: &str = "+14806754110";

fn list(dir: &str) -> Vec<Value> {
    let listed = run(&["key", "list", "--dir", dir, "--json"]).ok();
    serde_json::from_str(&listed).unwrap()
}

fn data() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let data = text(&dir.path().join("data"));
    (dir, data)
}

/// The service over `built`, on free ports, with `variables` set.
fn serve(built: &Built, variables: &[(&str, &str)]) -> (Serving, Vec<String>) {
    let mut command = program();
    command
        .arg("serve")
        .env("RINGSIDE__DATA__DIR", &built.data)
        .env("RINGSIDE__LISTENER__MAIN__ADDRESS", "127.0.0.1:0")
        .env("RINGSIDE__ADMIN__ADDRESS", "127.0.0.1:0")
        .env("RINGSIDE__LOG__LEVEL", "debug")
        .envs(variables.iter().copied());
    let mut serving = Serving::spawn(&mut command);
    let lines = serving.until("administration on ");
    (serving, lines)
}

/// Standard output of a command with `key` in the environment.
fn with_key(key: &str, arguments: &[&str]) -> (bool, String) {
    let ran = program()
        .args(arguments)
        .env("RINGSIDE_KEY", key)
        .output()
        .unwrap();
    let said = [ran.stdout, ran.stderr].concat();
    (ran.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn a_key_is_shown_once_and_kept_as_a_hash() {
    let (_dir, data) = data();
    let added = run(&[
        "key",
        "add",
        "pbx",
        "--scope",
        "lookup",
        "--scope",
        "desktop:1001",
        "--expires",
        "90d",
        "--dir",
        &data,
    ]);
    assert!(added.err.contains("no server runs"), "{}", added.err);
    let token = added.ok();
    let token = token.trim_end();
    assert!(token.starts_with("rs_") && token.len() == 55, "{token}");
    let file = Path::new(&data).join("keys.json");
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(!kept.contains(&token[12..]));

    let shown = run(&["key", "list", "--dir", &data]).ok();
    assert!(
        shown.contains("valid") && shown.contains("pbx  lookup, desktop:1001"),
        "{shown}"
    );
    let [key] = list(&data).try_into().unwrap();
    assert_eq!((&key["name"], &key["state"]), (&"pbx".into(), &"valid".into()));
    assert_eq!(
        key["expires_s"].as_u64().unwrap() - key["created_s"].as_u64().unwrap(),
        90 * 86_400
    );
    assert!(key.get("sha256").is_none());
    assert_eq!(&token[3..11], key["id"].as_str().unwrap());

    run(&["key", "revoke", "nobody", "--dir", &data]).failed(&["ringside key list"]);
    let revoked = run(&["key", "revoke", &token[3..11], "--dir", &data]).ok();
    assert!(revoked.contains("of pbx"), "{revoked}");
    assert_eq!(list(&data)[0]["state"], "revoked");
}

#[test]
fn a_key_takes_the_place_of_another_after_a_while() {
    let (_dir, data) = data();
    let add = |more: &[&str]| {
        let arguments = ["key", "add", "pbx", "--scope", "lookup", "--dir", &data, "--json"];
        let told = run(&[&arguments, more].concat()).ok();
        serde_json::from_str::<Value>(&told).unwrap()
    };
    assert_eq!(add(&[])["ending"], 0);
    let second = add(&["--expires", "1h"]);
    assert_eq!(
        second["expires_s"].as_u64().unwrap() - second["created_s"].as_u64().unwrap(),
        3600
    );
    let third = add(&["--replaces-after", "24h"]);
    assert_eq!(
        (&third["ending"], &third["server"]["took"]),
        (&2.into(), &false.into())
    );
    let keys = list(&data);
    assert!(
        keys.iter().all(|key| key["state"] == "valid"),
        "all overlap: {keys:?}"
    );
    let made = third["created_s"].as_u64().unwrap();
    assert_eq!(keys[0]["expires_s"], made + 86_400);
    assert_eq!(
        keys[1]["expires_s"], second["expires_s"],
        "it would have ended before"
    );
    assert_eq!(keys[2]["expires_s"], Value::Null);
    add(&["--replaces-after", "0s"]);
    let states: Vec<Value> = list(&data).iter().map(|key| key["state"].clone()).collect();
    assert_eq!(states, ["expired", "expired", "expired", "valid"]);
}

#[test]
fn what_is_no_scope_name_or_time_is_a_fault_of_usage() {
    let (_dir, data) = data();
    for (arguments, part) in [
        (["pbx", "--scope", "lokup"], "did you mean \"lookup\"?"),
        (["pbx", "--scope", "desktop:"], "desktop:*"),
        (["pbx", "--expires", "soon"], "90d"),
        (["pbx", "--expires", "0s"], "1s or more"),
    ] {
        let ran = run(&[&["key", "add", "--dir", &data], &arguments[..]].concat());
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
    run(&["key", "add", " ", "--scope", "lookup", "--dir", &data]).failed(&["name of a key"]);
    assert!(!Path::new(&data).join("keys.json").exists());
}

#[test]
fn keys_made_at_once_are_all_kept() {
    let (_dir, data) = data();
    let children: Vec<_> = (0..8)
        .map(|nth| {
            let name = format!("k{nth}");
            program()
                .args(["key", "add", &name, "--scope", "lookup", "--dir", &data])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(list(&data).len(), 8);
}

#[test]
fn a_running_server_takes_keys_up_and_logs_none() {
    let built = built(&[]);
    let (mut serving, lines) = serve(&built, &[]);
    let server = format!("http://{}", after(&lines, "listening on http://"));
    let admin = format!("http://{}", after(&lines, "administration on http://"));
    run(&["lookup", HIT, "--server", &server]).ok();

    let added = run(&["key", "add", "pbx", "--scope", "lookup", "--dir", &built.data]);
    assert!(
        added.err.contains("has taken it up; it knows 1 key"),
        "{}",
        added.err
    );
    assert!(added.err.contains("it is the first key"), "{}", added.err);
    let token = added.ok().trim_end().to_owned();
    run(&["lookup", HIT, "--server", &server]).failed(&["expected a key", "--key-file", "RINGSIDE_KEY"]);
    let (done, said) = with_key(&token, &["lookup", HIT, "--server", &server]);
    assert!(done && said.contains("Alan Turing"), "{said}");
    let file = write(built.dir.path(), "key", &format!("{token}\n"));
    run(&["lookup", HIT, "--server", &server, "--key-file", &file]).ok();
    run(&["lookup", HIT, "--server", &server, "--key-file", "no/such"]).failed(&["no/such"]);

    run(&["explain", HIT, "--admin", &admin]).failed(&["expected a key", "RINGSIDE_KEY"]);
    run(&["reload", "--admin", &admin]).failed(&["expected a key", "RINGSIDE_KEY"]);
    let boss = run(&["key", "add", "boss", "--scope", "admin", "--dir", &built.data]);
    assert!(!boss.err.contains("first key"), "{}", boss.err);
    let (done, said) = with_key(boss.ok().trim_end(), &["reload", "--admin", &admin]);
    assert!(done && said.contains("no key has changed"), "{said}");
    let (_, said) = with_key(&token, &["explain", HIT, "--admin", &admin]);
    assert!(said.contains("403") && said.contains("scope admin"), "{said}");
    let socket = format!("unix:{}/main/admin.sock", built.data);
    run(&["explain", HIT, "--admin", &socket]).ok();
    run(&["status", "--admin", &admin]).ok();

    let keys = Path::new(&built.data).join("keys.json");
    let whole = std::fs::read(&keys).unwrap();
    std::fs::write(&keys, "{").unwrap();
    run(&["key", "add", "ivr", "--scope", "lookup", "--dir", &built.data])
        .failed(&["keys.json", "restore it"]);
    std::fs::write(&keys, whole).unwrap();
    let revoked = run(&["key", "revoke", "pbx", "--dir", &built.data, "--json"]).ok();
    let revoked: Value = serde_json::from_str(&revoked).unwrap();
    assert_eq!(revoked["server"]["took"], true);
    let (done, said) = with_key(&token, &["lookup", HIT, "--server", &server]);
    assert!(!done && said.contains("revoked"), "{said}");

    serving.signal("-TERM");
    serving.wait();
    let log = serving.logged();
    assert!(log.contains("there are no keys: only this machine"), "{log}");
    let audit = "ringside::audit: act act=\"/reload-keys\" by=\"socket\" peer=socket outcome=200";
    assert_eq!(log.matches(audit).count(), 3, "{log}");
    assert!(log.contains("reason=\"missing_key\""), "{log}");
    assert!(
        !log.contains(&token[12..]) && !log.contains("4806754110"),
        "{log}"
    );
}

#[test]
fn a_server_over_another_file_of_keys_is_told_apart() {
    let built = built(&[]);
    let other = text(&built.dir.path().join("other.json"));
    let (_serving, _) = serve(&built, &[("RINGSIDE__KEYS__FILE", &other)]);
    let added = run(&["key", "add", "pbx", "--scope", "lookup", "--dir", &built.data]);
    assert!(
        added.err.contains("NOT taken it up") && added.err.contains("keys.file"),
        "{}",
        added.err
    );
}

#[test]
fn other_machines_are_not_served_without_keys() {
    let built = built(&[]);
    let config = |more: &str| {
        let text = format!(
            "[listener.main]\naddress = \"0.0.0.0:0\"\n{more}\n[admin]\naddress = \"127.0.0.1:0\"\n[data]\ndir = {:?}\n",
            built.data
        );
        write(built.dir.path(), "ringside.toml", &text)
    };
    let file = config("");
    let remedy = [
        "listener.main",
        "0.0.0.0:0",
        "ringside key add NAME --scope lookup",
    ];
    run(&["config", "check", &file]).failed(&remedy);
    run(&["serve", "--config", &file]).failed(&remedy);
    run(&["config", "check", &config("keys = \"optional\"")]).failed(&["empty `sources`"]);
    run(&[
        "config",
        "check",
        &config("keys = \"optional\"\nsources = [\"10.0.0.0/8\"]"),
    ])
    .ok();
    run(&["config", "check", &config("keys = \"required\"")]).ok();

    let file = config("");
    run(&["key", "add", "cim", "--scope", "lookup", "--config", &file]).ok();
    run(&["key", "revoke", "cim", "--config", &file]).ok();
    run(&["config", "check", &file]).failed(&["no valid key"]);
    run(&["key", "add", "pbx", "--scope", "lookup", "--config", &file]).ok();
    run(&["config", "check", &file]).ok();
    let admin = std::fs::read_to_string(&file)
        .unwrap()
        .replace("\"127.0.0.1:0\"", "\"[::]:0\"");
    let file = write(built.dir.path(), "ringside.toml", &admin);
    run(&["config", "check", &file]).failed(&["admin", "--scope admin"]);
    run(&["key", "add", "ops", "--scope", "admin", "--config", &file]).ok();
    run(&["config", "check", &file]).ok();
}

#[test]
fn a_server_with_a_certificate_is_asked_by_https() {
    let built = built(&[]);
    let signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = write(built.dir.path(), "server.pem", &signed.cert.pem());
    let key = write(
        built.dir.path(),
        "server.key",
        &signed.signing_key.serialize_pem(),
    );
    let tls = [
        ("RINGSIDE__LISTENER__MAIN__TLS__CERTIFICATE", certificate.as_str()),
        ("RINGSIDE__LISTENER__MAIN__TLS__KEY", key.as_str()),
    ];
    let (_serving, lines) = serve(&built, &tls);
    let port = after(&lines, "listening on https://127.0.0.1:");
    let server = format!("https://localhost:{port}");
    let asked = run(&["lookup", HIT, "--server", &server, "--ca", &certificate]).ok();
    assert!(asked.contains("Alan Turing"), "{asked}");
    run(&["lookup", HIT, "--server", &server]).failed(&["--ca FILE"]);
    let stranger = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let stranger = write(built.dir.path(), "stranger.pem", &stranger.cert.pem());
    run(&["lookup", HIT, "--server", &server, "--ca", &stranger]).failed(&["certificate", "; name the file"]);
    let check = |certificate: &str, key: &str| {
        let ran: &mut Command = &mut program();
        ran.args(["config", "check", &write(built.dir.path(), "r.toml", "")])
            .env(tls[0].0, certificate)
            .env(tls[1].0, key);
        let ran = ran.output().unwrap();
        (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
    };
    let (code, said) = check(&stranger, &key);
    assert!(code == Some(1) && said.contains("another one's"), "{said}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, said) = check(&certificate, &key);
    assert!(code == Some(0) && said.contains("chmod o-rw"), "{said}");
}

#[test]
fn a_secret_of_another_system_is_entered_and_shown_nowhere() {
    const SECRET: &str = "abc8Q~2.0aZ_4mPq7Rs-TuVwXyZ0123456789abc";
    let built = built(&[]);
    let (mut serving, lines) = serve(&built, &[]);
    let server = format!("http://{}", after(&lines, "listening on http://"));
    let dir = built.data.as_str();
    let file = write(built.dir.path(), "secret", &format!("{SECRET}\n"));
    let add = [
        "key",
        "add",
        "crm",
        "--scope",
        "lookup",
        "--dir",
        dir,
        "--secret-file",
    ];
    let added = run(&[&add[..], &[&file]].concat());
    assert!(added.err.contains("the secret that was entered"), "{}", added.err);
    assert!(!added.err.contains(SECRET));
    assert_eq!(added.ok(), "", "its owner has it");
    run(&["lookup", HIT, "--server", &server, "--key-file", &file]).ok();
    run(&["lookup", HIT, "--server", &server]).failed(&["expected a key"]);
    run(&[&add[..], &[&file]].concat()).failed(&["found one that counts"]);

    let keys = list(dir);
    assert_eq!(
        (&keys[0]["chosen"], &keys[0]["name"]),
        (&true.into(), &"crm".into())
    );
    let shown = run(&["key", "list", "--dir", dir]).ok();
    assert!(shown.contains("entered"), "{shown}");

    let short = write(built.dir.path(), "short", "secret");
    run(&[&add[..], &[&short]].concat()).failed(&["32 to 255 bytes", "found 6"]);
    run(&[&add[..], &["no/such"]].concat()).failed(&["no/such"]);
    let mut piped = program()
        .args(add)
        .args(["-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let other = SECRET.replace('~', "!");
    std::io::Write::write_all(&mut piped.stdin.take().unwrap(), other.as_bytes()).unwrap();
    let told = piped.wait_with_output().unwrap();
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(
        (&told["token"], &told["server"]["took"]),
        (&Value::Null, &true.into())
    );
    let (done, said) = with_key(&other, &["lookup", HIT, "--server", &server]);
    assert!(done, "{said}");
    serving.signal("-TERM");
    serving.wait();
    let log = serving.logged();
    assert!(!log.contains(&SECRET[8..]), "{log}");
}
