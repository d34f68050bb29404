//! An address that two nodes serve in turn, as a virtual one moves: whoever is connected is told nothing of it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

/// The address.
pub(crate) struct Address {
    at: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    place: Mutex<Place>,
    moved: Condvar,
}

/// Who has it.
#[derive(Default)]
struct Place {
    node: Option<SocketAddr>,
    /// How often it has moved.
    nth: u64,
    is_over: bool,
}

impl Address {
    /// An address that nobody has.
    pub(crate) fn open() -> Address {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address {
            at: listener.local_addr().unwrap(),
            shared: Arc::default(),
        };
        let shared = Arc::clone(&address.shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                if shared.place().is_over {
                    return;
                }
                thread::spawn(move || carry(client, &shared));
            }
        });
        address
    }

    pub(crate) fn at(&self) -> SocketAddr {
        self.at
    }

    /// `node` has it from now on, or nobody. Connections that there are go silent, until their client says something.
    pub(crate) fn is_of(&self, node: Option<SocketAddr>) {
        let mut place = self.shared.place();
        place.nth += 1;
        place.node = node;
        self.shared.moved.notify_all();
    }
}

impl Drop for Address {
    fn drop(&mut self) {
        self.shared.place().is_over = true;
        self.shared.moved.notify_all();
        let _last = TcpStream::connect(self.at);
    }
}

impl Shared {
    fn place(&self) -> std::sync::MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The node that has it, once one does, and since which move.
    fn node(&self) -> Option<(SocketAddr, u64)> {
        let mut place = self.place();
        loop {
            if let Some(node) = place.node {
                return Some((node, place.nth));
            }
            if place.is_over {
                return None;
            }
            place = self.moved.wait(place).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn carry(mut client: TcpStream, shared: &Arc<Shared>) {
    let Some((node, nth)) = shared.node() else {
        return;
    };
    let (Ok(mut node), Ok(mut back)) = (TcpStream::connect(node), client.try_clone()) else {
        return;
    };
    let Ok(mut from) = node.try_clone() else {
        return;
    };
    let moves = Arc::clone(shared);
    thread::spawn(move || {
        let _ended = std::io::copy(&mut from, &mut back);
        if moves.place().nth == nth {
            let _gone = back.shutdown(Shutdown::Both);
        }
    });
    let mut bytes = [0; 16 << 10];
    while let Ok(read @ 1..) = client.read(&mut bytes) {
        // Another machine knows nothing of the connection, and says so.
        if shared.place().nth != nth || node.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _gone = client.shutdown(Shutdown::Both);
    let _gone = node.shutdown(Shutdown::Both);
}
