//! MongoDB on three machines: a primary, a secondary, an arbiter.

use std::process::Command;
use std::time::Duration;

use mongodb::bson::{Document, doc};

use super::host::Host;
use super::net::{Net, Place};
use crate::mongod::{Store, Version};
use crate::wait::until;

/// How long an election may take, and a start.
pub const PATIENCE: Duration = Duration::from_secs(90);
const NAME: &str = "mongod";
const SET: &str = "rs0";

/// The address of the set.
pub fn uri() -> String {
    let hosts = Place::NODES.map(|place| format!("{}:27017", place.address()));
    format!("mongodb://{}/?replicaSet={SET}", hosts.join(","))
}

/// Starts the server of `place`; it is not waited for.
pub fn start(net: &Net, place: Place, host: &mut Host) {
    let data = host.folder().join("mongod");
    std::fs::create_dir_all(&data).unwrap();
    let mut command = Command::new(Version::V6_0.program());
    command
        .arg("--dbpath")
        .arg(data)
        .args(["--bind_ip", &format!("127.0.0.1,{}", place.address())])
        .args(["--port", "27017", "--nounixsocket", "--replSet", SET])
        .args(["--oplogSize", "64", "--wiredTigerCacheSizeGB", "0.25"])
        .args(["--setParameter", "diagnosticDataCollectionEnabled=false"]);
    if place != Place::Arbiter {
        command.args(["--journalCommitInterval", "5"]);
    }
    host.start(net.of(place), NAME, command);
}

/// A connection from the client's place to the server of `place` alone.
pub fn at(net: &Net, place: Place) -> Store {
    let uri = format!(
        "mongodb://{}:27017/?directConnection=true&serverSelectionTimeoutMS=500&connectTimeoutMS=500",
        place.address()
    );
    net.of(Place::Client).within(|| Store::at(&uri))
}

/// A connection from the client's place to whoever is primary.
pub fn of_set(net: &Net) -> Store {
    net.of(Place::Client).within(|| Store::at(&uri()))
}

/// Makes the set of the three, which were started just now, and waits for its primary.
pub fn initiate(net: &Net) {
    let member = |place: Place| {
        let is_arbiter = place == Place::Arbiter;
        doc! {
            "_id": i32::try_from(place.nth()).unwrap(),
            "host": format!("{}:27017", place.address()),
            "priority": i32::from(!is_arbiter),
            "arbiterOnly": is_arbiter,
        }
    };
    let members: Vec<Document> = Place::MACHINES.map(member).into();
    // Elections within a few seconds: nobody here has a slow network.
    let settings = doc! {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500};
    let config = doc! {"_id": SET, "members": members, "settings": settings};
    for place in Place::MACHINES {
        let store = at(net, place);
        until("a server of MongoDB answers", PATIENCE, || {
            let answer = store.try_admin(doc! {"hello": 1});
            answer.map(|_| ()).map_err(|error| format!("{place:?}: {error}"))
        });
    }
    at(net, Place::A).admin(doc! {"replSetInitiate": config});
    until_whole(net);
}

/// What the server of `place` says of itself; `None`: nothing.
pub fn hello(net: &Net, place: Place) -> Option<Document> {
    at(net, place).try_admin(doc! {"hello": 1}).ok()
}

/// Where the primary is.
pub fn primary(net: &Net) -> Option<Place> {
    let is_primary = |place: &Place| {
        let hello = hello(net, *place);
        hello.is_some_and(|hello| hello.get_bool("isWritablePrimary").unwrap_or(false))
    };
    Place::NODES.into_iter().find(is_primary)
}

/// Waits until somebody among `places` is primary; says who.
pub fn until_primary(net: &Net, places: &[Place]) -> Place {
    let mut found = None;
    until("MongoDB has a primary", PATIENCE, || {
        found = primary(net).filter(|place| places.contains(place));
        found.map(|_| ()).ok_or_else(|| "nobody is".to_owned())
    });
    found.unwrap()
}

/// Waits until nobody is primary: whoever was notices a lost majority only after a while.
pub fn until_no_primary(net: &Net) {
    until("MongoDB has no primary", PATIENCE, || match primary(net) {
        None => Ok(()),
        Some(place) => Err(format!("{place:?} is")),
    });
}

/// Waits until there are a primary, a secondary and an arbiter.
pub fn until_whole(net: &Net) {
    let primary = until_primary(net, &Place::NODES);
    let is = |place: Place, part: &str| {
        until(part, PATIENCE, || match hello(net, place) {
            Some(hello) if hello.get_bool(part).unwrap_or(false) => Ok(()),
            other => Err(format!("{place:?}: {other:?}")),
        });
    };
    is(primary.other(), "secondary");
    is(Place::Arbiter, "arbiterOnly");
}
