//! Three NATS servers that are one cluster.

use std::io;
use std::time::Duration;

use super::Nats;
use crate::free_port;
use crate::wait::until;

/// How long servers may take to agree on who leads.
const ELECTION: Duration = Duration::from_secs(60);

/// Three servers.
#[derive(Debug)]
pub struct Cluster {
    /// Each of them.
    pub servers: Vec<Nats>,
}

impl Cluster {
    /// Starts three servers with JetStream.
    ///
    /// # Errors
    /// One cannot be started; `tests/servers/install/nats.sh` installs it.
    pub fn start() -> io::Result<Cluster> {
        Cluster::start_with("")
    }

    /// The same; `configuration` is more of the configuration file of each.
    ///
    /// # Errors
    /// One cannot be started; `tests/servers/install/nats.sh` installs it.
    pub fn start_with(configuration: &str) -> io::Result<Cluster> {
        // Free now, and kept by nobody: servers have to come back there when they were killed.
        let ports: Vec<u16> = (0..3).map(|_| free_port()).collect();
        let routes: Vec<String> = ports
            .iter()
            .map(|port| format!("\"nats://127.0.0.1:{port}\""))
            .collect();
        let servers = ports.iter().enumerate().map(|(nth, port)| {
            Nats::start(&format!(
                "server_name: n{nth}\ncluster {{ name: pair, listen: \"127.0.0.1:{port}\", routes: [{}] }}\n{configuration}",
                routes.join(", ")
            ))
        });
        let cluster = Cluster {
            servers: servers.collect::<io::Result<_>>()?,
        };
        cluster.until_led();
        Ok(cluster)
    }

    /// Waits until those that run agree on who leads.
    pub fn until_led(&self) {
        until("the NATS servers have a leader", ELECTION, || {
            let leads = |server: &Nats| server.log().contains("JetStream cluster new metadata leader");
            let is_led = self.servers.iter().any(leads);
            is_led.then_some(()).ok_or_else(|| "none says so".to_owned())
        });
    }

    /// Where they are, the one called `first` first.
    pub fn urls(&self, first: usize) -> Vec<String> {
        let count = self.servers.len();
        (0..count)
            .map(|nth| self.servers[(first + nth) % count].url())
            .collect()
    }
}
