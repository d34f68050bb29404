//! Two nodes, an arbiter and their callers, each in a network namespace: NATS, MongoDB, keepalived and Ringside as they
//! run together, and everything that may happen to them. Needs root.

pub mod address;
pub mod broker;
pub mod disk;
pub mod host;
pub mod load;
pub mod namespace;
pub mod net;
pub mod node;
pub mod record;
pub mod store;
mod whole;

use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use mongodb::bson::doc;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::Answer;
use crate::wait::until;
use address::Vrrp;
use disk::Disk;
use host::{Host, signal_all};
pub use load::{Load, Seen};
pub use net::{Net, Place};
use record::Record;

/// Longer than anything takes that works.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What a pair is made of.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether the nodes follow a MongoDB replica set on the three machines, which has [`CUSTOMERS`].
    pub has_stores: bool,
    /// Whether calls are kept by NATS on the three machines; otherwise by each node for itself.
    pub shares_calls: bool,
    /// Whether there is a watchdog, and keepalived tells the service what it does.
    pub has_watchdog: bool,
    /// How the address is kept.
    pub vrrp: Vrrp,
    /// Further arguments of the watchdogs.
    pub watchdog: Vec<String>,
    /// More of both nodes' configuration.
    pub further: String,
    /// Further variables of the services' environment, of both nodes.
    pub environment: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            has_stores: true,
            shares_calls: true,
            has_watchdog: true,
            vrrp: Vrrp::default(),
            // On a machine that does many things at once an answer may take long without any fault.
            watchdog: ["--misses", "20", "--rise-ms", "1000"].map(str::to_owned).into(),
            further: "[desks]\nheartbeat_s = 1\n".to_owned(),
            environment: Vec::new(),
        }
    }
}

/// How many customers there are.
pub const CUSTOMERS: u32 = 50;

/// The number of customer `n`.
pub fn phone(n: u32) -> String {
    format!("+1480675{n:04}")
}

/// The name of customer `n`.
pub fn name(n: u32) -> String {
    format!("Customer {n}")
}

/// Everything, ended and deleted when the value is dropped.
#[derive(Debug)]
pub struct Pair {
    hosts: Vec<Host>,
    net: Net,
    options: Options,
    record: Option<Record>,
    disks: Vec<Disk>,
    // Last: what runs over it has ended by then.
    _disk: TempDir,
}

impl Pair {
    /// Starts all of it, and waits until it serves: one node has the address, both serve the customers, calls are shared.
    pub fn start(options: Options) -> Pair {
        let disk = tempfile::Builder::new()
            .prefix("ringside-pair-")
            .tempdir()
            .unwrap();
        disk::sweep();
        let net = Net::new();
        let mut pair = Pair {
            hosts: Place::MACHINES
                .map(|place| Host::new(disk.path().join(place.name())))
                .into(),
            record: None,
            disks: Vec::new(),
            net,
            options,
            _disk: disk,
        };
        if pair.options.has_stores {
            let record = pair.net.of(Place::Client).within(Record::open);
            pair.options.further.push_str(&record.configuration());
            pair.record = Some(record);
        }
        for place in Place::MACHINES {
            pair.start_engines(place);
        }
        if pair.options.has_stores {
            store::initiate(&pair.net);
            let customers = store::of_set(&pair.net);
            for n in 0..CUSTOMERS {
                let customer = doc! {"_id": format!("c-{n}"), "name": name(n), "phoneNumber": [phone(n)]};
                customers.put_for_good("customers", &customer);
            }
        }
        if pair.options.shares_calls {
            broker::until_led(&pair.net, &Place::MACHINES);
        }
        for place in Place::NODES {
            pair.disks.push(Disk::at(node::data(&pair.hosts[place.nth()])));
            node::prepare(place, &pair.hosts[place.nth()], &pair.options);
            pair.start_service(place);
        }
        pair.until_whole();
        pair
    }

    /// The network.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// A machine's processes and disk.
    pub fn host(&mut self, place: Place) -> &mut Host {
        &mut self.hosts[place.nth()]
    }

    /// The system of record's API, where there is one.
    pub fn record(&self) -> &Record {
        self.record.as_ref().unwrap()
    }

    /// Begins calls and lookups.
    pub fn load(&self) -> Load {
        Load::begin(&self.net, self.options.has_stores)
    }

    fn start_engines(&mut self, place: Place) {
        let host = &mut self.hosts[place.nth()];
        if self.options.shares_calls {
            broker::start(&self.net, place, host);
        }
        if self.options.has_stores {
            store::start(&self.net, place, host);
        }
    }

    /// Starts the service of a node, and what is beside it.
    pub fn start_service(&mut self, place: Place) {
        let host = &mut self.hosts[place.nth()];
        node::start(&self.net, place, host, &self.options.environment);
        if self.options.has_watchdog {
            address::watch(&self.net, place, host, &self.options.watchdog);
        }
        address::start(&self.net, place, host, &self.options.vrrp);
    }

    /// Starts the service of a node again, with these further variables of its environment.
    pub fn start_service_in(&mut self, place: Place, environment: &[(String, String)]) {
        node::start(&self.net, place, &mut self.hosts[place.nth()], environment);
    }

    /// Which node has the address that callers know; `None` where none has it, or both.
    pub fn holder(&self) -> Option<Place> {
        let holders: Vec<Place> = Place::NODES
            .into_iter()
            .filter(|place| self.net.has_vip(*place))
            .collect();
        match holders[..] {
            [one] => Some(one),
            _ => None,
        }
    }

    /// Waits until a node answers lookups.
    pub fn until_serves(&self, place: Place) {
        until(&format!("{place:?} answers"), PATIENCE, || {
            let answer = node::ask(
                &self.net,
                node::callers(place),
                ("GET", "/v1/lookup?ani=%2B14806750007"),
                &Value::Null,
            );
            let answer =
                answer.map_err(|error| format!("{error}\n{}", self.hosts[place.nth()].tail("ringside")))?;
            let is_right = !self.options.has_stores || answer.json()["name"] == name(7);
            is_right
                .then_some(())
                .ok_or_else(|| format!("{answer:?}\n{}", self.hosts[place.nth()].tail("ringside")))
        });
    }

    /// Waits until a node is fresh: its feed is connected and nothing is missing.
    pub fn until_fresh(&self, place: Place) {
        until(&format!("{place:?} is fresh"), PATIENCE, || {
            let status = node::status(&self.net, place);
            let is_fresh = status["stale"] == false && status["connected"] == true && status["gap"] == false;
            is_fresh
                .then_some(())
                .ok_or_else(|| format!("{status}\n{}", self.hosts[place.nth()].tail("ringside")))
        });
    }

    /// Waits until rings at `place` are answered with `replicated` as given.
    pub fn until_replicated(&self, place: Place, replicated: bool) {
        let began = Instant::now();
        until("rings are answered as they are to be", PATIENCE, || {
            let ring = json!({"call_id": format!("probe-{place:?}-{:?}", began.elapsed()), "ani": "anonymous", "agent": "9999"});
            let answer = node::ask(&self.net, node::callers(place), ("POST", "/v1/rings"), &ring);
            let answer = answer.map_err(|error| error.to_string())?;
            match answer.json()["replicated"] == replicated {
                true => Ok(()),
                false => Err(format!(
                    "{answer:?}\n{}",
                    self.hosts[place.nth()].tail("ringside")
                )),
            }
        });
    }

    /// Tells whoever is at `at` of a ring, again and again until the answer says that it is replicated.
    pub fn ring(&self, at: SocketAddr, ring: &Value) {
        until("a ring is replicated", PATIENCE, || {
            let answer = node::ask(&self.net, at, ("POST", "/v1/rings"), ring);
            let answer = answer.map_err(|error| error.to_string())?;
            let is_replicated = answer.status == 200 && answer.json()["replicated"] == true;
            is_replicated.then_some(()).ok_or_else(|| format!("{answer:?}"))
        });
    }

    /// Links a call, again where the answer says that it may be taken a moment later.
    pub fn link(&self, call: &str, link: &Value) {
        let target = format!("/v1/calls/{call}/link");
        until("a link is taken", PATIENCE, || {
            let answer = self
                .ask(("PUT", &target), link)
                .map_err(|error| error.to_string())?;
            assert!([200, 503].contains(&answer.status), "{answer:?}");
            (answer.status == 200)
                .then_some(())
                .ok_or_else(|| format!("{answer:?}"))
        });
    }

    /// Cuts a machine's power: what runs there is gone, and so is its address.
    pub fn kill(&mut self, place: Place) {
        self.net.pull(place);
        self.hosts[place.nth()].kill_all(self.net.of(place));
        self.net.drop_vip(place);
    }

    /// Has a machine that was killed come back with what its disk has.
    pub fn revive(&mut self, place: Place) {
        self.net.plug(place);
        self.start_engines(place);
        if place != Place::Arbiter {
            self.start_service(place);
        }
    }

    /// Has everything be as it was at the start: cables, words between machines, power, processes, data. Waits for it.
    pub fn restore(&mut self) {
        self.net.mend();
        for place in Place::ALL {
            self.net.plug(place);
        }
        if let Some(record) = &self.record {
            record.is_away(false);
        }
        for place in Place::MACHINES {
            self.freeze(place, false);
            if self.options.shares_calls && !self.hosts[place.nth()].runs("nats") {
                self.start_broker(place);
            }
            if self.options.has_stores && !self.hosts[place.nth()].runs("mongod") {
                self.start_store(place);
            }
        }
        for place in Place::NODES {
            let host = &mut self.hosts[place.nth()];
            if !host.runs(node::NAME) {
                node::start(&self.net, place, host, &self.options.environment);
            }
            if self.options.has_watchdog && !host.runs("watchdog") {
                address::watch(&self.net, place, host, &self.options.watchdog);
            }
            if !host.runs("keepalived") {
                address::start(&self.net, place, host, &self.options.vrrp);
            }
        }
        self.until_whole();
    }

    /// Has everything on a machine stand still, connections open, or go on.
    pub fn freeze(&self, place: Place, frozen: bool) {
        let signal = if frozen { Signal::STOP } else { Signal::CONT };
        signal_all(self.net.of(place), signal);
    }

    /// Kills one process of a machine.
    pub fn kill_one(&mut self, place: Place, process: &str) {
        self.hosts[place.nth()].kill(process);
    }

    /// Starts the MongoDB server of a machine again.
    pub fn start_store(&mut self, place: Place) {
        store::start(&self.net, place, &mut self.hosts[place.nth()]);
    }

    /// Starts the NATS server of a machine again.
    pub fn start_broker(&mut self, place: Place) {
        broker::start(&self.net, place, &mut self.hosts[place.nth()]);
    }

    /// Asks whoever has the address.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn ask(&self, what: (&str, &str), body: &Value) -> io::Result<Answer> {
        node::ask(&self.net, node::vip(), what, body)
    }

    /// Writes customer `n` into the primary of the datastores, with one acknowledgement.
    pub fn put(&self, n: u32, name: &str) {
        let customer = doc! {"_id": format!("c-{n}"), "name": name, "phoneNumber": [phone(n)]};
        store::of_set(&self.net).put("customers", &customer);
    }

    /// Writes so many customers at once, from number `n` on, of whom each takes about a KiB.
    pub fn put_large(&self, n: u32, count: u32) {
        let store = store::of_set(&self.net);
        for n in n..n + count {
            let customer = doc! {
                "_id": format!("c-{n}"), "name": name(n), "phoneNumber": [phone(n)], "company": "x".repeat(900),
            };
            store.put("customers", &customer);
        }
    }

    /// Waits until a node answers for the number of customer `n` with this name.
    pub fn until_named(&self, place: Place, n: u32, name: &str) {
        let target = format!("/v1/lookup?ani={}", phone(n).replace('+', "%2B"));
        until(&format!("{place:?} has the change"), PATIENCE, || {
            let answer = node::ask(&self.net, node::callers(place), ("GET", &target), &Value::Null);
            let answer = answer.map_err(|error| error.to_string())?.json();
            match answer["name"] == name {
                true => Ok(()),
                false => Err(format!("{answer}\n{}", node::status(&self.net, place))),
            }
        });
    }

    /// Waits until a node says that what it answers may be stale, or is not.
    pub fn until_stale(&self, place: Place, stale: bool) {
        until(&format!("{place:?} says stale: {stale}"), PATIENCE, || {
            let answer = node::ask(
                &self.net,
                node::callers(place),
                ("GET", "/v1/lookup?ani=%2B14806750007"),
                &Value::Null,
            );
            let answer = answer.map_err(|error| error.to_string())?.json();
            match answer["stale"] == stale {
                true => Ok(()),
                false => Err(format!("{answer}\n{}", node::status(&self.net, place))),
            }
        });
    }

    /// The ends of what the processes called `name` have said.
    pub fn tails(&self, name: &str) -> String {
        let tails: Vec<String> = self.hosts.iter().map(|host| host.tail(name)).collect();
        tails.join("\n")
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for process in ["keepalived", "watchdog", "ringside", "nats"] {
                eprintln!("{}", self.tails(process));
            }
        }
        let record = self.record.take();
        // Its thread is woken from where it listens.
        self.net.of(Place::Client).within(|| drop(record));
    }
}

/// Runs a command that has to succeed.
pub(crate) fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
