//! Ports of the loopback, for servers that cannot say which one they took, or have to come back where they were.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The lowest one: those below have services.
const LOWEST: u32 = 10_240;
/// How many there have to be.
const FEWEST: u32 = 1_000;

/// Where this process begins: elsewhere than others that choose ports at the same time.
static FIRST: LazyLock<u32> = LazyLock::new(|| {
    // The low half of a number that is another one in every process.
    RandomState::new().hash_one(std::process::id()) as u32
});
/// How many were looked at.
static LOOKED_AT: AtomicU32 = AtomicU32::new(0);

/// A port of the loopback that nobody listens on now, and that nobody is given who asks the kernel for any: it stays free until
/// its server takes it, and while that server is down.
pub fn free_port() -> u16 {
    free(|at| TcpListener::bind(at).is_ok())
}

/// The same, of UDP.
pub fn free_udp_port() -> u16 {
    free(|at| UdpSocket::bind(at).is_ok())
}

fn free(mut is_free: impl FnMut(SocketAddrV4) -> bool) -> u16 {
    let count = highest() - LOWEST;
    for _ in 0..count {
        let nth = FIRST.wrapping_add(LOOKED_AT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(LOWEST + nth % count).unwrap();
        if is_free(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)) {
            return port;
        }
    }
    panic!("expected a free port from {LOWEST} on, found none among {count}");
}

/// The lowest port that the kernel gives whoever asks for any; ours are below it.
fn highest() -> u32 {
    let told = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let lowest = told.split_whitespace().next().and_then(|word| word.parse().ok());
    // Where the kernel keeps nearly all for itself there is no better choice than those that most kernels leave.
    lowest
        .filter(|lowest| *lowest >= LOWEST + FEWEST)
        .unwrap_or(32_768)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_chosen_once_and_is_none_of_the_kernels() {
        let mut ports: Vec<u16> = (0..100).map(|_| free_port()).collect();
        assert!(ports.iter().all(|port| u32::from(*port) < highest()), "{ports:?}");
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 100);
    }

    #[test]
    fn a_port_that_somebody_has_is_left() {
        let mut asked = Vec::new();
        let found = free(|at| {
            asked.push(at.port());
            asked.len() == 3
        });
        assert_eq!(found, asked[2]);
    }
}
