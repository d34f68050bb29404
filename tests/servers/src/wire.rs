//! A wire between a program and a server that can be cut: connections stand, and nothing comes through.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// A relay of bytes on a port of its own.
#[derive(Debug)]
pub struct Wire {
    at: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    cut: Mutex<bool>,
    mended: Condvar,
    ended: AtomicBool,
}

impl Wire {
    /// A wire to the server at `to`.
    pub fn to(to: SocketAddr) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if shared.ended.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(far) = TcpStream::connect(to) else {
                    continue;
                };
                for (from, into) in [(&near, &far), (&far, &near)] {
                    let (from, into) = (from.try_clone().unwrap(), into.try_clone().unwrap());
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || carry(from, into, &shared));
                }
            }
        });
        Wire { at, state }
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.at
    }

    /// Cuts it, or mends it: what was sent meanwhile comes through then.
    pub fn cut(&self, cut: bool) {
        *self.state.cut.lock().unwrap() = cut;
        self.state.mended.notify_all();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
        self.cut(false);
        let _woken = TcpStream::connect(self.at);
    }
}

fn carry(mut from: TcpStream, mut into: TcpStream, state: &State) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer).unwrap_or(0);
        let mut cut = state.cut.lock().unwrap();
        while *cut && !state.ended.load(Ordering::Relaxed) {
            (cut, _) = state.mended.wait_timeout(cut, Duration::from_secs(1)).unwrap();
        }
        drop(cut);
        if read == 0 || into.write_all(&buffer[..read]).is_err() {
            let _closed = into.shutdown(Shutdown::Both);
            let _closed = from.shutdown(Shutdown::Both);
            return;
        }
    }
}
