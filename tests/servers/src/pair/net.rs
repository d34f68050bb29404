//! Three machines and a client at one switch: cables that are pulled, and words between two of them that are lost.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::namespace::{Inside, Namespace, sweep};
use super::run;

/// A machine at the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// A node.
    A,
    /// The other one.
    B,
    /// Who votes, and holds no customers.
    Arbiter,
    /// Where callers and desktops are.
    Client,
}

impl Place {
    /// All of them.
    pub const ALL: [Place; 4] = [Place::A, Place::B, Place::Arbiter, Place::Client];
    /// The two that serve.
    pub const NODES: [Place; 2] = [Place::A, Place::B];
    /// Those where NATS and MongoDB are.
    pub const MACHINES: [Place; 3] = [Place::A, Place::B, Place::Arbiter];

    /// Its name, in namespaces, configurations and logs.
    pub fn name(self) -> &'static str {
        match self {
            Place::A => "a",
            Place::B => "b",
            Place::Arbiter => "c",
            Place::Client => "k",
        }
    }

    /// Its address.
    pub fn address(self) -> &'static str {
        match self {
            Place::A => "10.77.0.1",
            Place::B => "10.77.0.2",
            Place::Arbiter => "10.77.0.3",
            Place::Client => "10.77.0.9",
        }
    }

    /// The node that this one is not; of the arbiter and the client, there is none.
    pub fn other(self) -> Place {
        match self {
            Place::A => Place::B,
            Place::B => Place::A,
            other => panic!("{other:?} is no node"),
        }
    }

    /// Where it is among [`Place::ALL`].
    pub fn nth(self) -> usize {
        Place::ALL.iter().position(|place| *place == self).unwrap()
    }

    /// Its port of the switch.
    fn port(self) -> String {
        format!("p{}", self.name())
    }
}

/// The address that callers know.
pub const VIP: &str = "10.77.0.100";
/// Every machine's network.
pub const NETWORK: &str = "10.77.0.0/24";
/// Name of a machine's interface.
pub const INTERFACE: &str = "eth0";

static SETS: AtomicU32 = AtomicU32::new(0);

/// The network, which is gone when the value is dropped, and whatever runs in it.
#[derive(Debug)]
pub struct Net {
    places: Vec<Namespace>,
    switch: Namespace,
}

impl Net {
    /// Lays it.
    pub fn new() -> Net {
        sweep();
        let set = SETS.fetch_add(1, Ordering::Relaxed);
        let switch = Namespace::new(set, "s");
        switch.ip(&[
            "link",
            "add",
            "br0",
            "type",
            "bridge",
            "stp_state",
            "0",
            "mcast_snooping",
            "0",
        ]);
        switch.ip(&["link", "set", "br0", "up"]);
        let places = Place::ALL.map(|place| {
            let namespace = Namespace::new(set, place.name());
            let port = place.port();
            switch.ip(&[
                "link",
                "add",
                &port,
                "type",
                "veth",
                "peer",
                "name",
                INTERFACE,
                "netns",
                namespace.name(),
            ]);
            switch.ip(&["link", "set", &port, "master", "br0", "up"]);
            let address = format!("{}/24", place.address());
            namespace.ip(&["addr", "add", &address, "dev", INTERFACE]);
            namespace.ip(&["link", "set", INTERFACE, "up"]);
            namespace
        });
        let net = Net {
            places: places.into(),
            switch,
        };
        net.nft("add table bridge cuts");
        net.nft("add chain bridge cuts forward { type filter hook forward priority 0 ; }");
        net
    }

    /// The namespace of a machine.
    pub fn of(&self, place: Place) -> &Namespace {
        &self.places[place.nth()]
    }

    /// Has this thread at `place` until the value is dropped, and what it starts for good.
    pub fn enter(&self, place: Place) -> Inside {
        self.of(place).enter()
    }

    /// Pulls a machine's cable, which it sees.
    pub fn pull(&self, place: Place) {
        self.switch.ip(&["link", "set", &place.port(), "down"]);
    }

    /// Puts it back.
    pub fn plug(&self, place: Place) {
        self.switch.ip(&["link", "set", &place.port(), "up"]);
    }

    /// Loses what two machines send each other, without a word to either.
    pub fn cut(&self, one: Place, other: Place) {
        for (from, to) in [(one, other), (other, one)] {
            self.nft(&format!(
                "add rule bridge cuts forward iifname {} oifname {} drop",
                from.port(),
                to.port()
            ));
        }
    }

    /// Loses nothing any more.
    pub fn mend(&self) {
        self.nft("flush chain bridge cuts forward");
    }

    /// Whether a machine has the address that callers know.
    pub fn has_vip(&self, place: Place) -> bool {
        let addresses = self.of(place).ask_ip(&["-o", "addr", "show", "dev", INTERFACE]);
        addresses.contains(&format!(" {VIP}/"))
    }

    /// Takes that address from a machine, as a restart does.
    pub fn drop_vip(&self, place: Place) {
        if self.has_vip(place) {
            self.of(place)
                .ip(&["addr", "del", &format!("{VIP}/32"), "dev", INTERFACE]);
        }
    }

    fn nft(&self, rule: &str) {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.switch.name(), "nft"]);
        run(command.args(rule.split(' ')));
    }
}

impl Default for Net {
    fn default() -> Net {
        Net::new()
    }
}
