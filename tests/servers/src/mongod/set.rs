//! A replica set of one server, or of two and an arbiter.

use mongodb::bson::{Document, doc};

use super::{Mongod, PATIENCE, Store, Version};
use crate::wait::until;

/// What servers of a set are started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which server.
    pub version: Version,
    /// Size of the oplog in MiB.
    pub oplog_mib: u32,
    /// Further arguments.
    pub arguments: Vec<String>,
    /// What addresses need to be let in while the set is made, as `tls=true&tlsInsecure=true`.
    pub access: String,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            version: Version::default(),
            oplog_mib: 64,
            arguments: Vec::new(),
            access: String::new(),
        }
    }
}

/// A replica set.
#[derive(Debug)]
pub struct ReplicaSet {
    nodes: Vec<Mongod>,
    has_arbiter: bool,
    access: String,
}

/// Name of every set.
const NAME: &str = "rs0";

impl ReplicaSet {
    /// One server, which is its own majority.
    pub fn single() -> ReplicaSet {
        ReplicaSet::single_with(&Options::default())
    }

    /// The same, as `options` say.
    pub fn single_with(options: &Options) -> ReplicaSet {
        ReplicaSet::start(1, false, options)
    }

    /// A primary, a secondary and an arbiter. The first server is primary whenever it can.
    pub fn with_arbiter() -> ReplicaSet {
        ReplicaSet::with_arbiter_as(&Options::default())
    }

    /// The same, as `options` say.
    pub fn with_arbiter_as(options: &Options) -> ReplicaSet {
        ReplicaSet::start(3, true, options)
    }

    fn start(servers: usize, has_arbiter: bool, options: &Options) -> ReplicaSet {
        let mut arguments = options.arguments.clone();
        arguments.extend(["--replSet".into(), NAME.into()]);
        arguments.extend(["--oplogSize".into(), options.oplog_mib.to_string()]);
        let nodes: Vec<Mongod> = (0..servers)
            .map(|_| Mongod::start(options.version, &arguments))
            .collect();
        let set = ReplicaSet {
            nodes,
            has_arbiter,
            access: options.access.clone(),
        };
        set.initiate();
        set
    }

    fn initiate(&self) {
        for node in &self.nodes {
            let store = node.store(&self.access);
            until("a server answers", PATIENCE, || {
                let answer = store.try_admin(doc! {"hello": 1});
                answer
                    .map(|_| ())
                    .map_err(|error| format!("{error}\n{}", node.log()))
            });
        }
        let member = |nth: usize| {
            let is_arbiter = self.has_arbiter && nth + 1 == self.nodes.len();
            let priority = match nth {
                _ if is_arbiter => 0,
                0 => 2,
                _ => 1,
            };
            doc! {
                "_id": i32::try_from(nth).unwrap(),
                "host": self.nodes[nth].address(),
                "priority": priority,
                "arbiterOnly": is_arbiter,
            }
        };
        let members: Vec<Document> = (0..self.nodes.len()).map(member).collect();
        // Elections within a few seconds: nobody here has a slow network.
        let settings = doc! {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500};
        let config = doc! {"_id": NAME, "members": members, "settings": settings};
        let first = self.nodes[0].store(&self.access);
        first
            .try_admin(doc! {"replSetInitiate": config})
            .unwrap_or_else(|error| panic!("{error}\n{}", self.nodes[0].log()));
        self.until_primary(0);
        if self.has_arbiter {
            self.until_secondary(1);
        }
    }

    /// Waits until server `nth` is the primary.
    pub fn until_primary(&self, nth: usize) {
        self.until_it_is(nth, "isWritablePrimary");
    }

    /// Waits until server `nth` is a secondary, and has everything that a majority had when it was asked.
    pub fn until_secondary(&self, nth: usize) {
        self.until_it_is(nth, "secondary");
    }

    fn until_it_is(&self, nth: usize, part: &str) {
        let node = &self.nodes[nth];
        let store = node.store(&self.access);
        until(part, PATIENCE, || match store.try_admin(doc! {"hello": 1}) {
            Ok(hello) if hello.get_bool(part).unwrap_or(false) => Ok(()),
            Ok(hello) => Err(format!("{hello}\n{}", node.log())),
            Err(error) => Err(format!("{error}\n{}", node.log())),
        });
    }

    /// The server `nth`; the arbiter is the last one.
    pub fn node(&mut self, nth: usize) -> &mut Mongod {
        &mut self.nodes[nth]
    }

    /// The address of the set.
    pub fn uri(&self) -> String {
        self.uri_with("")
    }

    /// The address of the set with these further `options`, and without what it was made with.
    pub fn uri_with(&self, options: &str) -> String {
        let data = self.nodes.len() - usize::from(self.has_arbiter);
        let hosts: Vec<String> = self.nodes[..data].iter().map(Mongod::address).collect();
        let and = if options.is_empty() { "" } else { "&" };
        format!("mongodb://{}/?replicaSet={NAME}{and}{options}", hosts.join(","))
    }

    /// A connection to its primary, whichever that is.
    pub fn store(&self) -> Store {
        Store::at(&self.uri_with(&self.access))
    }

    /// A connection to server `nth` alone.
    pub fn store_of(&self, nth: usize) -> Store {
        self.nodes[nth].store(&self.access)
    }
}
