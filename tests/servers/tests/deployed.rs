//! The files of `deploy/` under what they are made for: three NATS servers as `deploy/nats/nats.conf` configures them, with the
//! permissions that it gives, and a node that shares calls through them. Needs root.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use servers::http::send;
use servers::pair::host::Host;
use servers::pair::namespace::Namespace;
use servers::ringside::program;
use servers::wait::until;

const PATIENCE: Duration = Duration::from_secs(60);
const ANSWER: Duration = Duration::from_secs(5);
const SERVERS: [&str; 3] = ["a", "b", "c"];

fn deployed(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    fs::read_to_string(folder.join(file)).unwrap()
}

/// Starts server `nth` of the three as the file has it, but for addresses, folder and passwords.
fn start(host: &mut Host, namespace: &Namespace, nth: usize) {
    let address = format!("127.0.0.{}", nth + 1);
    let folder = host.folder().join(SERVERS[nth]);
    fs::create_dir_all(&folder).unwrap();
    let text = deployed("nats/nats.conf")
        .replace("0.0.0.0:4222", &format!("{address}:4222"))
        .replace("0.0.0.0:6222", &format!("{address}:6222"))
        .replace("127.0.0.1:8222", &format!("{address}:8222"))
        .replace("10.0.0.", "127.0.0.")
        .replace("/var/lib/nats", folder.join("data").to_str().unwrap())
        .replace("\"CHANGE-ME\"", "\"secret-of-the-test\"");
    let file = folder.join("nats.conf");
    fs::write(&file, text).unwrap();
    let server = std::env::var_os("NATS_SERVER").unwrap_or_else(|| "/usr/sbin/nats-server".into());
    let mut command = Command::new(server);
    command.env("NATS_NAME", SERVERS[nth]).arg("-c").arg(file);
    host.start(namespace, &format!("nats-{}", SERVERS[nth]), command);
}

/// Starts the node, which is told where the servers are and who it is to them.
fn serve(host: &mut Host, namespace: &Namespace) {
    let folder = host.folder().to_owned();
    let (input, data, secret): (PathBuf, PathBuf, PathBuf) = (
        folder.join("customers.csv"),
        folder.join("data"),
        folder.join("calls.secret"),
    );
    fs::write(&input, "id,name,phone\nc-1,Ada Lovelace,+14806754110\n").unwrap();
    fs::write(&secret, format!("{}\n", "7f3c1d5a9be04264".repeat(4))).unwrap();
    let mut build = Command::new(program());
    build
        .args(["snapshot", "build", "--format", "csv", "--input"])
        .arg(&input)
        .arg("--out")
        .arg(&data);
    let output = build.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let servers: Vec<String> = (1..=3).map(|nth| format!("nats://127.0.0.{nth}:4222")).collect();
    let text = format!(
        "[listener.main]\naddress = \"127.0.0.1:7464\"\n[admin]\naddress = \"127.0.0.1:7465\"\n[data]\ndir = {data:?}\n\
         [ha]\nnode = \"a\"\nhold_ms = 100\n[calls]\nstore = \"jetstream\"\nwait_ms = 5000\n\
         [calls.jetstream]\nservers = {servers:?}\nsecret_file = {secret:?}\nmax_bytes = 10485760\n\
         [calls.jetstream.login]\nuser = \"ringside\"\npassword = \"secret-of-the-test\"\n"
    );
    let file = folder.join("ringside.toml");
    fs::write(&file, text).unwrap();
    let mut command = Command::new(program());
    command.args(["serve", "--config"]).arg(file);
    host.start(namespace, "ringside", command);
}

fn ask(namespace: &Namespace, port: u16, what: (&str, &str), body: &Value) -> Result<Value, String> {
    let at: SocketAddr = SocketAddr::from(([127, 0, 0, 1], port));
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let headers = ["Content-Type: application/json".to_owned()];
    let answer = namespace.within(|| send(at, ANSWER, what, &headers, body.as_bytes()));
    let answer = answer.map_err(|error| error.to_string())?;
    match answer.status {
        200..=299 => Ok(answer.json()),
        _ => Err(format!("{answer:?}")),
    }
}

#[test]
fn the_permissions_are_enough_for_all_that_a_node_does() {
    let namespace = Namespace::new(2000, "n");
    let disk = tempfile::tempdir().unwrap();
    let mut host = Host::new(disk.path().to_owned());
    for nth in 0..3 {
        start(&mut host, &namespace, nth);
    }
    serve(&mut host, &namespace);
    until("a majority keeps terms", PATIENCE, || {
        let role = ask(&namespace, 7465, ("GET", "/role"), &Value::Null)?;
        match role["quorum"] == true {
            true => Ok(()),
            false => Err(format!(
                "{role}\n{}\n{}",
                host.tail("ringside"),
                host.tail("nats-a")
            )),
        }
    });
    let word = json!({"type": "INSTANCE", "name": "ringside", "state": "MASTER", "priority": 150});
    until("a term is minted", PATIENCE, || {
        let role = ask(&namespace, 7465, ("POST", "/role"), &word)?;
        match role["role"] == "active" && role["epoch"].as_u64() > Some(0) {
            true => Ok(()),
            false => Err(format!("{role}\n{}", host.tail("ringside"))),
        }
    });
    let mut nth = 0;
    let mut rings_replicated = |host: &Host| {
        until("a ring is replicated", PATIENCE, || {
            nth += 1;
            let ring = json!({"call_id": format!("call-{nth}"), "ani": "+14806754110", "agent": "1001"});
            let told = ask(&namespace, 7464, ("POST", "/v1/rings"), &ring)?;
            match told["replicated"] == true {
                true => Ok(()),
                false => Err(format!("{told}\n{}", host.tail("ringside"))),
            }
        });
    };
    rings_replicated(&host);
    // Whichever of the three dies, two of them decide, and the node goes to another one.
    host.kill("nats-a");
    rings_replicated(&host);
    for server in ["nats-b", "nats-c"] {
        let log = host.log(server);
        assert!(!log.contains("Violation"), "{server}: {log}");
    }
    assert!(
        !host.log("nats-a").contains("Violation"),
        "{}",
        host.log("nats-a")
    );
}
