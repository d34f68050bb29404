//! Rings that are posted when they are due, and the reference that is due at such times too.

use std::cell::{Cell, RefCell};
use std::io::Error;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::{spawn_local, yield_now};

use super::board::Half;
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

/// Whoever posts, and the desktops that are told of it.
pub(super) struct Rings {
    address: SocketAddr,
    desktops: Desktops,
    kind: Kind,
    rate: f64,
    /// Connections that nobody uses.
    free: RefCell<Vec<Connection>>,
    /// Calls so far: each has an id of its own.
    calls: Cell<usize>,
    failed: RefCell<Option<Error>>,
}

impl Rings {
    /// Connects `desktops` of `kind` to `address`, of which `rate` a second are to be rung.
    pub(super) async fn connect(
        address: SocketAddr,
        desktops: usize,
        kind: Kind,
        rate: f64,
    ) -> Result<Rc<Rings>, Error> {
        Ok(Rc::new(Rings {
            address,
            desktops: Desktops::connect(address, desktops, kind).await?,
            kind,
            rate,
            free: RefCell::default(),
            calls: Cell::new(0),
            failed: RefCell::default(),
        }))
    }

    /// Posts for `length`, and waits for what follows: a pop, or a frame that comes back.
    pub(super) async fn ring(self: &Rc<Rings>, seed: u64, length: Duration) -> Result<Half, Error> {
        let keys = Keys::new(seed, super::CUSTOMERS, Choice::default());
        let length_ns = u64::try_from(length.as_nanos()).map_err(Error::other)?;
        let board = Rc::clone(&self.desktops.board);
        // Numbers go on from half to half: what comes after its half counts for none of the next.
        board.begin(self.calls.get());
        let begin = Instant::now();
        for arrival in Schedule::new(seed, self.rate, length_ns, keys) {
            let due = begin + Duration::from_nanos(arrival.at_ns);
            // A timer is right to a millisecond, which is more than what is measured.
            while Instant::now() < due {
                yield_now().await;
            }
            let nth = board.add(due);
            self.calls.set(nth + 1);
            let desktop = pick(nth, self.desktops.count());
            let request = request(&format!("{CALL}{nth}"), &agent(desktop), arrival.key.number());
            let rings = Rc::clone(self);
            spawn_local(async move {
                if let Err(error) = rings.post(nth, desktop, &request).await {
                    rings.failed.borrow_mut().get_or_insert(error);
                }
            });
        }
        let patience = Instant::now() + PATIENCE;
        while !board.is_done() && self.failed.borrow().is_none() && Instant::now() < patience {
            yield_now().await;
        }
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.desktops.check()?;
        Ok(board.take())
    }

    /// Posts `request`; where nothing is told by itself, has a frame come back once it is answered.
    async fn post(&self, nth: usize, desktop: usize, request: &[u8]) -> Result<(), Error> {
        let free = self.free.borrow_mut().pop();
        let mut connection = match free {
            Some(connection) => connection,
            None => Connection::open(self.address).await?,
        };
        self.desktops.board.sent(nth);
        let (status, body) = connection.exchange(request).await?;
        if status != 200 {
            let found = String::from_utf8_lossy(body);
            return Err(Error::other(format!(
                "expected a ring to be answered with 200, found {status} and {found}"
            )));
        }
        if let Kind::Echo(_) = self.kind {
            self.desktops.echo(desktop, nth).await?;
        }
        self.free.borrow_mut().push(connection);
        Ok(())
    }
}

/// How long a ring, its answer and its pop are at `address`.
pub(super) async fn sizes(address: SocketAddr) -> Result<Sizes, Error> {
    let desktops = Desktops::connect(address, 1, Kind::Mixed).await?;
    desktops.board.begin(0);
    let nth = desktops.board.add(Instant::now());
    let request = request(&format!("{CALL}{nth}"), &agent(0), customers::number(1));
    let mut connection = Connection::open(address).await?;
    let answer = connection.exchange(&request).await?.1.len();
    let patience = Instant::now() + PATIENCE;
    while !desktops.board.is_done() {
        if Instant::now() > patience {
            return Err(Error::other(
                "expected a ring to come to its desktop, found none that did",
            ));
        }
        yield_now().await;
    }
    Ok(Sizes {
        ring: request.len(),
        answer,
        pop: desktops.longest(),
    })
}

/// The desktop of the `nth` ring: strewn over all of them, and no two in a row alike.
fn pick(nth: usize, desktops: usize) -> usize {
    nth.wrapping_mul(0x9e37_79b1) % desktops
}

fn request(call: &str, agent: &str, number: u64) -> Vec<u8> {
    let body = format!(
        "{{\"call_id\":\"{call}\",\"ani\":\"+{number}\",\"dnis\":\"+18005550100\",\"agent\":\"{agent}\",\
         \"direction\":\"inbound\",\"queue\":\"support\",\"extension\":\"4411\",\
         \"variables\":{{\"callVariable1\":\"billing\",\"callVariable2\":\"gold\"}}}}"
    );
    let head = "POST /v1/rings HTTP/1.1\r\nhost: ringside\r\ncontent-type: application/json";
    format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
