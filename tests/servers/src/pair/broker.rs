//! NATS on three machines, as one cluster.

use std::fs;
use std::process::Command;
use std::time::Duration;

use super::host::Host;
use super::net::{Net, Place};
use crate::http::send;
use crate::nats;
use crate::wait::until;

/// How long the three may take to find each other and a leader.
const PATIENCE: Duration = Duration::from_secs(60);
const NAME: &str = "nats";

/// The servers' addresses, `first` ahead.
pub fn servers(first: Place) -> Vec<String> {
    let others = Place::MACHINES.into_iter().filter(|place| *place != first);
    let all = std::iter::once(first).chain(others);
    all.map(|place| format!("nats://{}:4222", place.address()))
        .collect()
}

/// Starts the server of `place`.
pub fn start(net: &Net, place: Place, host: &mut Host) {
    let address = place.address();
    let routes: Vec<String> = Place::MACHINES
        .into_iter()
        .filter(|other| *other != place)
        .map(|other| format!("\"nats-route://{}:6222\"", other.address()))
        .collect();
    let text = format!(
        "server_name: {}\nlisten: \"0.0.0.0:4222\"\nhttp: \"0.0.0.0:8222\"\nping_interval: \"2s\"\nping_max: 2\n\
         jetstream {{ store_dir: {:?}, max_mem: 64M, max_file: 2G }}\n\
         cluster {{ name: pair, listen: \"{address}:6222\", routes: [{}] }}\n",
        place.name(),
        host.folder().join("nats"),
        routes.join(", "),
    );
    let file = host.folder().join("nats.conf");
    fs::write(&file, text).unwrap();
    let program = std::env::var_os("NATS_SERVER").unwrap_or_else(|| "/usr/sbin/nats-server".into());
    let mut command = Command::new(program);
    command.arg("-c").arg(file);
    host.start(net.of(place), NAME, command);
}

/// Waits until the servers at `places` have a leader among them.
pub fn until_led(net: &Net, places: &[Place]) {
    net.of(Place::Client).within(|| {
        for place in places {
            until("the NATS cluster has a leader", PATIENCE, || {
                let at = format!("{}:8222", place.address()).parse().unwrap();
                let answer = send(at, Duration::from_secs(2), ("GET", "/jsz"), &[], b"");
                let answer = answer.map_err(|error| format!("{place:?}: {error}"))?;
                let json = answer.json();
                match json["meta_cluster"]["leader"].as_str() {
                    Some(leader) if !leader.is_empty() => Ok(()),
                    _ => Err(format!("{place:?}: {json}")),
                }
            });
        }
    });
}

/// Deletes a stream under whoever uses it.
pub fn delete_stream(net: &Net, name: &str) {
    let servers = servers(Place::Arbiter);
    net.of(Place::Client)
        .within(|| nats::delete_stream(&servers, name));
}
