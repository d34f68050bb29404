//! Many connections: bounds in total and for a peer, idle ones by the thousand, one that floods.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use ringside::http::{Server, Settings};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use crate::served::{address, admin, any_port, listener, serve_under, settings};
use crate::support::{Plan, centre};
use crate::wire::{Client, get, metric, over, tcp, unix, until};

const HIT: &str = "/v1/lookup?ani=+14806754110&format=text";
const OPEN: &str = r#"ringside_http_connections_count{listener="main"}"#;

/// A connection that has been answered once, so that it is counted.
fn known(at: SocketAddr) -> Client<TcpStream> {
    let mut client = tcp(at);
    assert_eq!(client.get(HIT).body, "Ada Lovelace");
    client
}

#[test]
fn connections_have_a_limit_and_administration_its_own() {
    let running = serve_under(
        &centre(&Plan::default()),
        Settings {
            connections_max: 3,
            ..settings()
        },
    );
    let (at, admin) = (address(&running), running.admin_address());
    let mut open: Vec<_> = (0..3).map(|_| known(at)).collect();
    for _ in 0..10 {
        let mut refused = tcp(at);
        let answer = refused.response(true);
        assert_eq!((answer.status, &*answer.body), (503, ""));
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(refused.is_closed());
    }
    assert_eq!(
        metric(admin, r#"ringside_http_refused_total{reason="connections"}"#),
        10
    );
    assert_eq!(metric(admin, OPEN), 3);
    let status = get(admin, "/status").json();
    assert_eq!(status["connections"], serde_json::json!({"open": 3, "max": 3}));
    for client in &mut open {
        assert_eq!(client.get(HIT).body, "Ada Lovelace");
    }
    open.pop();
    until(|| metric(admin, OPEN), |open| *open == 2);
    assert_eq!(get(at, HIT).body, "Ada Lovelace");

    let mut scrapers: Vec<_> = (0..64).map(|_| tcp(admin)).collect();
    for scraper in &mut scrapers {
        assert_eq!(scraper.get("/livez").status, 200);
    }
    assert_eq!(tcp(admin).response(true).status, 503);
    assert_eq!(get(at, HIT).body, "Ada Lovelace", "callers do not pay for it");
}

#[test]
fn a_peer_has_a_limit_and_others_do_not_pay_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ringside.sock");
    let centre = centre(&Plan::default());
    let listeners = vec![listener(&centre, Some(any_port()), Some(path.clone()))];
    let limits = Settings {
        connections_per_peer_max: 2,
        ..settings()
    };
    let admin = admin(&centre, &Default::default(), None);
    let running = Server::bind(limits, listeners, admin, &centre.metrics)
        .unwrap()
        .spawn()
        .unwrap();
    let at = address(&running);
    let mut open = [known(at), known(at)];
    let mut refused = tcp(at);
    let answer = refused.response(true);
    assert_eq!((answer.status, &*answer.body), (503, ""));
    assert!(refused.is_closed());
    let reason = r#"ringside_http_refused_total{reason="peer"}"#;
    assert_eq!(metric(running.admin_address(), reason), 1);

    let other = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    other
        .bind(&"127.0.0.2:0".parse::<SocketAddr>().unwrap().into())
        .unwrap();
    other.connect(&at.into()).unwrap();
    assert_eq!(over(other.into()).get(HIT).body, "Ada Lovelace");
    let mut local: Vec<_> = (0..5).map(|_| unix(&path)).collect();
    for client in &mut local {
        assert_eq!(client.get(HIT).body, "Ada Lovelace");
    }
    for client in &mut open {
        assert_eq!(client.get(HIT).body, "Ada Lovelace");
    }
    drop(open);
    until(|| metric(running.admin_address(), OPEN), |open| *open == 5);
    assert_eq!(get(at, HIT).body, "Ada Lovelace");
}

/// The program in a process of its own, since each connection takes a descriptor at both ends.
struct Program {
    process: Child,
    listener: SocketAddr,
    admin: SocketAddr,
}

impl Program {
    fn start(data: &std::path::Path, variables: &[(&str, &str)]) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringside"));
        command
            .arg("serve")
            .env("RINGSIDE__DATA__DIR", data)
            .env("RINGSIDE__LISTENER__MAIN__ADDRESS", "127.0.0.1:0")
            .env("RINGSIDE__ADMIN__ADDRESS", "127.0.0.1:0")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(data.join("log")).unwrap());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut addresses = lines.map_while(Result::ok).flat_map(|line| {
            let found: Vec<SocketAddr> = line
                .split("http://")
                .skip(1)
                .filter_map(|rest| {
                    rest.split_whitespace()
                        .next()?
                        .trim_end_matches([',', ';', '.'])
                        .parse()
                        .ok()
                })
                .collect();
            found
        });
        let listener = addresses.next().unwrap();
        let admin = addresses.next().unwrap();
        Program {
            process,
            listener,
            admin,
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn ten_thousand_idle_connections_hold_up_nobody() {
    const IDLE: usize = 10_000;
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    assert!(
        most > IDLE as u64 + 700,
        "this test needs a limit on open files (ulimit -Hn) above 10 700, found {most}"
    );
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let data = tempfile::tempdir().unwrap();
    let program = Program::start(
        data.path(),
        &[
            ("RINGSIDE__HTTP__CONNECTIONS_MAX", "10001"),
            ("RINGSIDE__HTTP__CONNECTIONS_PER_PEER_MAX", "0"),
            ("RINGSIDE__HTTP__IDLE_TIMEOUT_S", "3600"),
            ("RINGSIDE__HTTP__OVERLOAD_AFTER_MS", "10000"),
        ],
    );
    let mut first = tcp(program.listener);
    let miss = first.get("/v1/lookup?ani=+14806754110&fields=found");
    assert_eq!(miss.body, r#"{"found":false}"#);
    let idle: Vec<TcpStream> = (0..IDLE)
        .map(|_| TcpStream::connect(program.listener).unwrap())
        .collect();
    until(|| metric(program.admin, OPEN), |open| *open == IDLE as u64 + 1);
    assert_eq!(
        first.get("/v1/lookup?ani=+14806754110&fields=found").body,
        miss.body
    );
    assert_eq!(get(program.admin, "/livez").status, 200);
    assert_eq!(
        tcp(program.listener).response(true).status,
        503,
        "there is no room for one more"
    );
    drop(idle);
    until(|| metric(program.admin, OPEN), |open| *open == 1);
    assert_eq!(
        get(program.listener, "/v1/lookup?ani=+14806754110&fields=found").body,
        miss.body
    );
}

/// More connections than descriptors are not promised: the log and the status say how many there may be.
#[test]
fn the_limit_on_open_files_bounds_connections() {
    let data = tempfile::tempdir().unwrap();
    let program = Program::start(data.path(), &[("RINGSIDE__HTTP__CONNECTIONS_MAX", "1000000")]);
    let files = getrlimit(Resource::Nofile).maximum;
    let max = get(program.admin, "/status").json()["connections"]["max"]
        .as_u64()
        .unwrap();
    let log = std::fs::read_to_string(data.path().join("log")).unwrap();
    if files.is_none_or(|files| files > 1_000_000 + 576) {
        assert_eq!(max, 1_000_000);
        return;
    }
    assert_eq!(Some(max + 512 + 64), files);
    for word in ["1000000", &max.to_string(), "LimitNOFILE"] {
        assert!(log.contains(word), "{word} is not in {log}");
    }
}

#[test]
fn a_connection_that_floods_does_not_hold_up_another() {
    let running = serve_under(
        &centre(&Plan::default()),
        Settings {
            workers: 1,
            ..settings()
        },
    );
    const REQUESTS: usize = 20_000;
    let stream = TcpStream::connect(address(&running)).unwrap();
    let (mut sending, mut reading) = (over(stream.try_clone().unwrap()), over(stream));
    let mut single = known(address(&running));
    let request = format!("GET {HIT} HTTP/1.1\r\nHost: x\r\n\r\n");
    let flood = std::thread::spawn(move || sending.send(request.repeat(REQUESTS).as_bytes()));
    let taking = std::thread::spawn(move || {
        for _ in 0..REQUESTS {
            assert_eq!(reading.response(true).body, "Ada Lovelace");
        }
    });
    let mut between = 0;
    while !taking.is_finished() {
        assert_eq!(single.get(HIT).body, "Ada Lovelace");
        between += 1;
    }
    flood.join().unwrap();
    taking.join().unwrap();
    // Sixteen requests of the flood are one turn.
    assert!(
        between > 20,
        "{between} single lookups were answered during the flood"
    );
}
