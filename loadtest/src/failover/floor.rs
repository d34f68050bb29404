//! keepalived alone: what VRRP takes where nothing of ours runs.

use std::io::Error;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use servers::pair::address::{self, Vrrp};
use servers::pair::host::{Host, signal_all};
use servers::pair::{Net, Place, node};
use tempfile::TempDir;

use super::act::{Act, Kind};
use super::callers::{Callers, Question, make_room};
use super::nodes::LINES;
use super::pass;
use super::run::Stand;

/// Bytes that the bare server answers, about as many as a lookup.
const BYTES: usize = 700;
const SERVER: &str = "bare";
const KEEPALIVED: &str = "keepalived";

/// Two machines with keepalived and a bare server each.
#[derive(Debug)]
pub(super) struct Floor {
    hosts: [Host; 2],
    vrrp: Vrrp,
    net: Net,
    // Last: what runs over it has ended by then.
    _disk: TempDir,
}

impl Floor {
    /// Starts both, and waits until one has the address.
    ///
    /// # Errors
    /// The system gives no folder.
    pub(super) fn start(advert_s: f64) -> Result<Floor, Error> {
        let disk = tempfile::tempdir()?;
        let mut floor = Floor {
            hosts: Place::NODES.map(|place| Host::new(disk.path().join(place.name()))),
            vrrp: Vrrp {
                advert_s: advert_s.to_string(),
                is_bare: true,
                ..Vrrp::default()
            },
            net: Net::new(),
            _disk: disk,
        };
        floor.start_missing()?;
        floor.settle();
        Ok(floor)
    }

    fn start_missing(&mut self) -> Result<(), Error> {
        for place in Place::NODES {
            let host = &mut self.hosts[place.nth()];
            if !host.runs(SERVER) {
                let mut command = Command::new(std::env::current_exe()?);
                let address = format!("0.0.0.0:{}", node::CALLERS);
                command.args(["baseline", "--address", &address, "--bytes", &BYTES.to_string()]);
                host.start(self.net.of(place), SERVER, command);
            }
            if !host.runs(KEEPALIVED) {
                address::start(&self.net, place, host, &self.vrrp);
            }
        }
        Ok(())
    }

    fn holder(&self) -> Option<Place> {
        let [a, b] = Place::NODES.map(|place| self.net.has_vip(place));
        match (a, b) {
            (true, false) => Some(Place::A),
            (false, true) => Some(Place::B),
            _ => None,
        }
    }

    /// Waits until one of them has the address, and the other one has been told so.
    fn settle(&self) {
        servers::wait::until("one machine has the address", servers::pair::PATIENCE, || {
            let tails = || self.hosts.each_ref().map(|host| host.tail(KEEPALIVED)).join("\n");
            self.holder().map(drop).ok_or_else(tails)
        });
        pass(Duration::from_secs(1));
    }
}

impl Stand for Floor {
    fn callers(&self) -> Result<Callers, Error> {
        let question = Question {
            request: b"GET /v1/lookup?ani=%2B14806750007 HTTP/1.1\r\nhost: ringside\r\n\r\n".to_vec(),
            expected: Vec::new(),
        };
        self.net.of(Place::Client).within(|| {
            make_room()?;
            Callers::begin(node::vip(), vec![question], LINES)
        })
    }

    fn strike(&mut self, act: Act) -> Result<(), Error> {
        let place = self
            .holder()
            .ok_or_else(|| Error::other("expected one machine with the address, found none or two"))?;
        let host = &mut self.hosts[place.nth()];
        match (act, act.kind()) {
            (Act::NodeKilled, _) => {
                self.net.pull(place);
                host.kill_all(self.net.of(place));
                self.net.drop_vip(place);
            }
            (Act::NodeFrozen, _) => signal_all(self.net.of(place), Signal::STOP),
            (Act::CablePulled, _) => self.net.pull(place),
            // The word that a watchdog would write, without the time that it takes one to know.
            (_, Kind::Node | Kind::Service(_) | Kind::Planned) => {
                std::fs::write(address::track(host), "1\n")?
            }
        }
        Ok(())
    }

    fn mend(&mut self) {
        for place in Place::NODES {
            self.net.plug(place);
            signal_all(self.net.of(place), Signal::CONT);
            std::fs::write(address::track(&self.hosts[place.nth()]), "0\n")
                .unwrap_or_else(|error| panic!("the track file cannot be written: {error}"));
        }
        self.start_missing()
            .unwrap_or_else(|error| panic!("the bare server cannot be started: {error}"));
        self.settle();
    }

    fn tails(&self) -> String {
        self.hosts.each_ref().map(|host| host.tail(KEEPALIVED)).join("\n")
    }
}
