//! How many may be in: connections in total, and of one peer.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

/// Lets connections in while there is room. All workers share one.
#[derive(Debug)]
pub(super) struct Door {
    open: AtomicUsize,
    max: usize,
    peers: DashMap<Peer, usize>,
    per_peer_max: usize,
}

/// The right to be in; given back when dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    door: Arc<Door>,
    peer: Option<Peer>,
}

/// Why a connection is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// There are as many connections as there may be.
    Connections,
    /// There are as many of this peer.
    Peer,
}

/// Whoever may hold several addresses counts as one: an IPv4 address, or the half of an IPv6 address that networks
/// are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Peer {
    Host([u8; 4]),
    Network([u8; 8]),
}

impl Door {
    /// A door for `max` connections at once, `per_peer_max` of them from one peer; 0 for as many as come.
    pub(super) fn new(max: usize, per_peer_max: usize) -> Arc<Door> {
        Arc::new(Door {
            open: AtomicUsize::new(0),
            max,
            peers: DashMap::new(),
            per_peer_max,
        })
    }

    /// Lets in a connection of `peer`, which is `None` where connections have no address.
    ///
    /// # Errors
    /// There is no room.
    pub(super) fn enter(self: &Arc<Door>, peer: Option<IpAddr>) -> Result<Ticket, Full> {
        let mut ticket = self.count().ok_or(Full::Connections)?;
        if self.per_peer_max > 0
            && let Some(peer) = peer.map(Peer::of)
        {
            let mut of_peer = self.peers.entry(peer).or_insert(0);
            if *of_peer >= self.per_peer_max {
                return Err(Full::Peer);
            }
            *of_peer += 1;
            ticket.peer = Some(peer);
        }
        Ok(ticket)
    }

    /// Connections that are in.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// The most connections at once.
    pub(super) fn max(&self) -> usize {
        self.max
    }

    fn count(self: &Arc<Door>) -> Option<Ticket> {
        let more = |open| (open < self.max).then_some(open + 1);
        self.open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()?;
        Some(Ticket {
            door: Arc::clone(self),
            peer: None,
        })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.door.open.fetch_sub(1, Ordering::Relaxed);
        if let Some(peer) = self.peer
            && let Entry::Occupied(mut of_peer) = self.door.peers.entry(peer)
        {
            *of_peer.get_mut() -= 1;
            if *of_peer.get() == 0 {
                of_peer.remove();
            }
        }
    }
}

impl Peer {
    fn of(address: IpAddr) -> Peer {
        match address.to_canonical() {
            IpAddr::V4(address) => Peer::Host(address.octets()),
            IpAddr::V6(address) => {
                let [network @ .., _, _, _, _, _, _, _, _] = address.octets();
                Peer::Network(network)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn there_is_room_for_so_many_and_again_when_one_leaves() {
        let door = Door::new(2, 0);
        let first = door.enter(ip("192.0.2.1")).unwrap();
        let _second = door.enter(ip("192.0.2.1")).unwrap();
        assert_eq!(door.enter(None).unwrap_err(), Full::Connections);
        drop(first);
        assert_eq!(door.open(), 1);
        let _third = door.enter(None).unwrap();
        assert_eq!(door.open(), 2);
    }

    #[test]
    fn a_peer_has_its_share_and_others_have_theirs() {
        let door = Door::new(100, 1);
        for (address, neighbour, stranger) in [
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2", "2001:db8:1:3::1"),
        ] {
            let first = door.enter(ip(address)).unwrap();
            assert_eq!(door.enter(ip(neighbour)).unwrap_err(), Full::Peer);
            assert_eq!(door.open(), 1, "whoever is refused is not in");
            drop(door.enter(ip(stranger)).unwrap());
            drop(door.enter(None).unwrap());
            drop(first);
            drop(door.enter(ip(neighbour)).unwrap());
            assert!(door.peers.is_empty(), "peers that left are forgotten");
        }
    }
}
