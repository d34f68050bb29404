//! Rings that are posted when they are due, and the reference that is due at such times too.

use std::cell::{Cell, RefCell};
use std::io::Error;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::{spawn_local, yield_now};

use super::board::{Board, Half};
use super::desktops::{CALL, Desktops, Kind, agent};
use crate::client::Connection;
use crate::customers;
use crate::load::{Choice, Keys, Schedule};

/// How long what is on its way at the end of a half is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many bytes everything has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) ring: usize,
    pub(super) answer: usize,
    pub(super) pop: usize,
}

/// Whoever posts.
pub(super) struct Rings {
    address: SocketAddr,
    desktops: Rc<Desktops>,
    rate: f64,
    /// Connections that nobody uses.
    free: Rc<RefCell<Vec<Connection>>>,
    /// Calls so far: each has an id of its own.
    calls: Cell<usize>,
    failed: Rc<RefCell<Option<Error>>>,
}

impl Rings {
    pub(super) fn new(address: SocketAddr, desktops: Rc<Desktops>, rate: f64) -> Rings {
        Rings {
            address,
            desktops,
            rate,
            free: Rc::default(),
            calls: Cell::new(0),
            failed: Rc::default(),
        }
    }

    /// Posts rings for `length`, and waits for their pops.
    pub(super) async fn pops(&self, seed: u64, length: Duration) -> Result<Half, Error> {
        let first = self.calls.get();
        // Numbers go on from half to half, and the board's begin anew: what comes late must not count for another.
        self.desktops.board.begin(first);
        self.drive(seed, length, |rings, nth, request| async move {
            rings.post(nth, &request, true).await
        })
        .await
    }

    /// Posts as much, and has frames come back on desktops' sockets.
    pub(super) async fn echoes(&self, seed: u64, length: Duration) -> Result<Half, Error> {
        self.desktops.board.begin(self.calls.get());
        self.drive(seed, length, |rings, nth, request| async move {
            rings.post(nth, &request, false).await?;
            rings.desktops.echo(nth % rings.desktops.count(), nth).await
        })
        .await
    }
}
