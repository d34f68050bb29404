//! Ringside on a node: how it is configured there, and what it says.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::host::Host;
use super::net::{NETWORK, Net, Place, VIP};
use super::{Options, broker, store};
use crate::http::{Answer, send};
use crate::mongod::DATABASE;
use crate::ringside::program;
use crate::wait::until;

/// Port of callers and desktops.
pub const CALLERS: u16 = 7464;
/// Port of the administration.
pub const ADMIN: u16 = 7465;
/// The process.
pub const NAME: &str = "ringside";
/// What both nodes' administration wants to be shown.
const KEY: &str = "pair-administration-0123456789-abcdefghijklmnop";
/// What both seal calls with.
const SECRET: &str = "7f3c1d5a9be0426488aa17c2d0e4f6b8a1c3e5f70918273645546372819a0bcd";
/// How long an answer may take that has nothing to wait for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a hand-over may take, which waits for the other node.
const HANDOVER: Duration = Duration::from_secs(30);

/// Where callers connect.
pub fn vip() -> SocketAddr {
    format!("{VIP}:{CALLERS}").parse().unwrap()
}

/// Where callers of one node connect.
pub fn callers(place: Place) -> SocketAddr {
    format!("{}:{CALLERS}", place.address()).parse().unwrap()
}

/// A node's data folder.
pub fn data(host: &Host) -> PathBuf {
    host.folder().join("data")
}

/// Writes what the node at `place` needs ahead of its first start.
pub fn prepare(place: Place, host: &Host, options: &Options) {
    let folder = host.folder();
    fs::create_dir_all(data(host)).unwrap();
    let (key, secret) = (folder.join("peer.key"), folder.join("calls.secret"));
    fs::write(&key, format!("{KEY}\n")).unwrap();
    fs::write(&secret, format!("{SECRET}\n")).unwrap();
    let output = Command::new(program())
        .args(["key", "add", "peer", "--scope", "admin", "--secret-file"])
        .arg(&key)
        .arg("--dir")
        .arg(data(host))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let sources = format!("[{NETWORK:?}, \"127.0.0.0/8\"]");
    let mut text = format!(
        "[listener.main]\naddress = \"0.0.0.0:{CALLERS}\"\nkeys = \"optional\"\nsources = {sources}\n\
         [admin]\naddress = \"0.0.0.0:{ADMIN}\"\nkeys = \"required\"\nsources = {sources}\n\
         [log]\nlevel = \"info,async_nats=warn\"\n[data]\ndir = {:?}\n\
         [ha]\nnode = \"{}\"\npeer = \"http://{}:{ADMIN}\"\npeer_key_file = {key:?}\n",
        data(host),
        place.name(),
        place.other().address(),
    );
    if options.has_stores {
        write!(
            text,
            "[feed.main]\nkind = \"mongodb\"\n[feed.main.mongodb]\nuri = {:?}\ndatabase = {DATABASE:?}\n\
             connect_timeout_ms = 2000\nsilence_ms = 3000\n[feed.main.cases]\nfrom = \"cases\"\n\
             [http]\noverload_after_ms = 2000\n[answers]\nstale_after_s = 3\n",
            store::uri(),
        )
        .unwrap();
    }
    if options.shares_calls {
        write!(
            text,
            "[calls]\nstore = \"jetstream\"\n[calls.jetstream]\nservers = {:?}\nsecret_file = {secret:?}\nmax_bytes = 67108864\n",
            broker::servers(place)
        )
        .unwrap();
    }
    text.push_str(&options.further);
    fs::write(folder.join("ringside.toml"), text).unwrap();
}

/// Starts it; it is not waited for.
pub fn start(net: &Net, place: Place, host: &mut Host, environment: &[(String, String)]) {
    let mut command = Command::new(program());
    command
        .arg("serve")
        .arg("--config")
        .arg(host.folder().join("ringside.toml"));
    command.envs(environment.iter().cloned());
    host.start(net.of(place), NAME, command);
}

/// What a node's administration answers; asked from the client's place.
///
/// # Errors
/// Nobody answers.
pub fn admin(net: &Net, place: Place, (method, target): (&str, &str), body: &Value) -> io::Result<Answer> {
    administer(net, place, PATIENCE, (method, target), body)
}

/// Has the node hand its address over; what it answers when that is done.
///
/// # Errors
/// Nobody answers.
pub fn hand_over(net: &Net, place: Place) -> io::Result<Answer> {
    let wish = json!({"force": false});
    administer(net, place, HANDOVER, ("POST", "/handover"), &wish)
}

fn administer(
    net: &Net,
    place: Place,
    within: Duration,
    what: (&str, &str),
    body: &Value,
) -> io::Result<Answer> {
    let at: SocketAddr = format!("{}:{ADMIN}", place.address()).parse().unwrap();
    let headers = [
        format!("Authorization: Bearer {KEY}"),
        "Content-Type: application/json".to_owned(),
    ];
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    net.of(Place::Client)
        .within(|| reach(at, within, what, &headers, body.as_bytes()))
}

/// What whoever is at `at` answers a caller; asked from the client's place.
///
/// # Errors
/// Nobody answers.
pub fn ask(net: &Net, at: SocketAddr, (method, target): (&str, &str), body: &Value) -> io::Result<Answer> {
    let headers = ["Content-Type: application/json".to_owned()];
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    net.of(Place::Client)
        .within(|| reach(at, PATIENCE, (method, target), &headers, body.as_bytes()))
}

/// What is answered to `asked`, again and again until it is answered at all.
pub fn until_answered(mut asked: impl FnMut() -> io::Result<Answer>) -> Answer {
    let mut found = None;
    until("somebody answers", super::PATIENCE, || {
        found = Some(asked().map_err(|error| error.to_string())?);
        Ok(())
    });
    found.unwrap()
}

/// As [`send`], where nobody may be there at all.
fn reach(
    at: SocketAddr,
    within: Duration,
    what: (&str, &str),
    headers: &[String],
    body: &[u8],
) -> io::Result<Answer> {
    // Who has no power refuses nothing; connecting would take minutes.
    std::net::TcpStream::connect_timeout(&at, Duration::from_millis(500))?;
    send(at, within, what, headers, body)
}

/// What the node says of its role; null where it says nothing.
pub fn role(net: &Net, place: Place) -> Value {
    let answer = admin(net, place, ("GET", "/role"), &Value::Null);
    answer.map_or(json!(null), |answer| answer.json())
}

/// What the node says of itself; null where it says nothing.
pub fn status(net: &Net, place: Place) -> Value {
    let answer = admin(net, place, ("GET", "/status"), &Value::Null);
    answer.map_or(json!(null), |answer| answer.json())
}
