//! More requests than one worker can answer: what is accepted, how long that takes, and what is refused.
//!
//! The generator has one core, as the server has, so that ten times the server's capacity can only be offered of requests
//! that cost the server more than the generator: posts of 32 numbers, which are answered in one go. Single lookups are
//! offered too, as many as the generator reaches. Requests begin at their times whatever the answers do, each on a
//! connection that has nothing else open; where no connection is free, the request is not sent and counted as such.

use std::cell::RefCell;
use std::io::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::runtime;
use tokio::sync::Notify;
use tokio::task::{LocalSet, spawn_local, yield_now};

use crate::Row;
use crate::client::Connection;
use crate::customers::{self, Profile};
use crate::server::{self, Server};

/// Options of `loadtest overload`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Seconds of each load.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The most requests open at once.
    #[arg(long, default_value_t = 1000)]
    connections: usize,
    /// Where the snapshots are kept between runs.
    #[arg(long, default_value = "target/loadtest")]
    folder: PathBuf,
}

const CUSTOMERS: u64 = 1_000_000;
/// Numbers in a post: as many as are answered in one go.
const NUMBERS: u64 = 32;
/// Connections that find out what the worker can carry.
const CLOSED: usize = 16;
/// `http.overload_after_ms`.
const OVERLOAD_AFTER_MS: f64 = 20.0;

/// A kind of request.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    request: fn(u64) -> Vec<u8>,
    /// Rows of the accepted answers' p99.9 in milliseconds and of the capacity beside what is answered, at the highest
    /// load.
    rows: [(&'static str, &'static str); 2],
    loads: &'static [f64],
}

/// What came of one load.
#[derive(Debug, Default)]
struct Tally {
    /// Nanoseconds from sending to the answer, of accepted requests.
    accepted: Vec<u64>,
    /// Of refused ones.
    refused: Vec<u64>,
    /// Requests for which no connection was free.
    unsent: u64,
    /// Connections that the server ended.
    closed: u64,
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "posts of 32 numbers",
        request: post,
        rows: [
            (
                "overload a",
                "posts at 10 times what a worker carries: p99.9 of accepted answers, ms",
            ),
            (
                "overload b",
                "posts at 10 times what a worker carries: that beside what is answered",
            ),
        ],
        loads: &[0.5, 1.0, 10.0],
    },
    Kind {
        name: "single lookups",
        request: single,
        rows: [
            (
                "overload c",
                "single lookups, as many as the generator sends: p99.9 of accepted answers, ms",
            ),
            (
                "overload d",
                "single lookups, as many as the generator sends: what a worker carries beside what is answered",
            ),
        ],
        loads: &[0.5, 1.0, 10.0],
    },
];

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>, Error> {
    server::pin_self(server::CLIENT_CORE)?;
    println!("building {CUSTOMERS} typical customers …");
    let (snapshot, _) = customers::snapshot(&options.folder, CUSTOMERS, Profile::Typical)
        .map_err(|error| Error::other(error.to_string()))?;
    let data = snapshot
        .parent()
        .and_then(|tenant| tenant.parent())
        .ok_or_else(|| Error::other("no folder"))?;
    let seconds = Duration::from_secs(options.seconds);
    let mut rows = Vec::new();
    println!(
        "| what | load | offered/s | sent/s | accepted/s | refused | p50 ms | p99 ms | p99.9 ms | worst ms | refused p99 ms |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for kind in KINDS {
        let server = Server::ringside(data)?;
        let at = server.address;
        closed(at, kind, Duration::from_secs(1))?;
        let capacity = closed(at, kind, seconds.min(Duration::from_secs(5)))?;
        println!(
            "| {} | closed, {CLOSED} connections | – | – | {capacity:.0} | | | | | | |",
            kind.name
        );
        let mut last = None;
        for load in kind.loads {
            let offered = capacity * load;
            let mut tally = open(at, kind, offered, options.connections, seconds)?;
            tally.sort();
            println!("{}", tally.line(kind.name, *load, offered, seconds));
            last = Some((tally, offered));
        }
        if let Some((tally, offered)) = last {
            rows.extend(tally.rows(kind, capacity, offered, seconds));
        }
    }
    Ok(rows)
}

fn number(nth: u64) -> u64 {
    customers::number(nth.wrapping_mul(0x2545_f491_4f6c_dd1d) % CUSTOMERS)
}

fn post(nth: u64) -> Vec<u8> {
    let anis: Vec<String> = (0..NUMBERS)
        .map(|of| format!("\"+{}\"", number(nth * NUMBERS + of)))
        .collect();
    let body = format!("{{\"fields\":\"found\",\"anis\":[{}]}}", anis.join(","));
    let head = "POST /v1/lookup HTTP/1.1\r\nhost: ringside\r\ncontent-type: application/json";
    format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn single(nth: u64) -> Vec<u8> {
    format!(
        "GET /v1/lookup?ani=%2B{} HTTP/1.1\r\nhost: ringside\r\n\r\n",
        number(nth)
    )
    .into_bytes()
}

/// Requests made before they are sent, so that the generator need not make them while it measures.
fn prepared(kind: Kind) -> Rc<Vec<Vec<u8>>> {
    Rc::new((0..10_000).map(kind.request).collect())
}

/// Answers a second where each of a few connections asks again as soon as it is answered.
fn closed(at: SocketAddr, kind: Kind, duration: Duration) -> Result<f64, Error> {
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, async move {
        let requests = prepared(kind);
        let begin = Instant::now();
        let running: Vec<_> = (0..CLOSED)
            .map(|of| {
                let requests = Rc::clone(&requests);
                spawn_local(async move {
                    let mut connection = Connection::open(at).await?;
                    let mut answered = 0_u32;
                    let mut nth = of * requests.len() / CLOSED;
                    while begin.elapsed() < duration {
                        let (status, _) = connection.exchange(&requests[nth % requests.len()]).await?;
                        answered += u32::from(status == 200);
                        nth += 1;
                    }
                    Ok::<_, Error>(answered)
                })
            })
            .collect();
        let mut answered = 0.0;
        for connection in running {
            answered += f64::from(connection.await.map_err(Error::other)??);
        }
        Ok(answered / begin.elapsed().as_secs_f64())
    })
}

/// A connection that waits for a request.
struct Free {
    wake: Notify,
    nth: RefCell<usize>,
}

/// `rate` requests a second, whatever becomes of them.
fn open(
    at: SocketAddr,
    kind: Kind,
    rate: f64,
    connections: usize,
    duration: Duration,
) -> Result<Tally, Error> {
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, async move {
        let requests = prepared(kind);
        let tally = Rc::new(RefCell::new(Tally::default()));
        let free: Rc<RefCell<Vec<Rc<Free>>>> = Rc::default();
        for _ in 0..connections {
            let mut connection = Connection::open(at).await?;
            let own = Rc::new(Free {
                wake: Notify::new(),
                nth: RefCell::new(0),
            });
            free.borrow_mut().push(Rc::clone(&own));
            let (requests, tally, free) = (Rc::clone(&requests), Rc::clone(&tally), Rc::clone(&free));
            spawn_local(async move {
                loop {
                    own.wake.notified().await;
                    let nth = *own.nth.borrow();
                    let begin = Instant::now();
                    let status = connection.exchange(&requests[nth % requests.len()]).await;
                    let took = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
                    match status {
                        Ok((200, _)) => tally.borrow_mut().accepted.push(took),
                        Ok(_) => tally.borrow_mut().refused.push(took),
                        Err(_) => {
                            tally.borrow_mut().closed += 1;
                            match Connection::open(at).await {
                                Ok(again) => connection = again,
                                Err(_) => return,
                            }
                        }
                    }
                    free.borrow_mut().push(Rc::clone(&own));
                }
            });
        }
        let begin = Instant::now();
        let mut begun = 0_u64;
        while begin.elapsed() < duration {
            let due = (begin.elapsed().as_secs_f64() * rate) as u64;
            while begun < due {
                match free.borrow_mut().pop() {
                    Some(one) => {
                        *one.nth.borrow_mut() = begun as usize;
                        one.wake.notify_one();
                    }
                    None => tally.borrow_mut().unsent += 1,
                }
                begun += 1;
            }
            yield_now().await;
        }
        // What is open still ends; what was begun too late for that is not counted.
        let rest = Instant::now();
        while free.borrow().len() < connections && rest.elapsed() < Duration::from_secs(2) {
            yield_now().await;
        }
        Ok(tally.take())
    })
}

impl Tally {
    fn sort(&mut self) {
        self.accepted.sort_unstable();
        self.refused.sort_unstable();
    }

    fn sent(&self) -> usize {
        self.accepted.len() + self.refused.len()
    }

    fn line(&self, name: &str, load: f64, offered: f64, duration: Duration) -> String {
        let per_second = |count: usize| count as f64 / duration.as_secs_f64();
        format!(
            "| {name} | {load}× | {offered:.0} | {:.0} | {:.0} | {:.1} % | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
            per_second(self.sent()),
            per_second(self.accepted.len()),
            100.0 * self.refused.len() as f64 / self.sent() as f64,
            millis(&self.accepted, 0.5),
            millis(&self.accepted, 0.99),
            millis(&self.accepted, 0.999),
            millis(&self.accepted, 1.0),
            millis(&self.refused, 0.99),
        )
    }

    fn rows(&self, kind: Kind, capacity: f64, offered: f64, duration: Duration) -> [Row; 2] {
        let accepted = self.accepted.len() as f64 / duration.as_secs_f64();
        let scale = format!(
            "{offered:.0}/s offered, {:.0}/s sent",
            self.sent() as f64 / duration.as_secs_f64()
        );
        let detail = format!(
            "{accepted:.0}/s accepted of {capacity:.0}/s that a worker carries; p50 {:.2} ms, p99 {:.2} ms, worst {:.2} ms; {} not sent, {} connections ended",
            millis(&self.accepted, 0.5),
            millis(&self.accepted, 0.99),
            millis(&self.accepted, 1.0),
            self.unsent,
            self.closed
        );
        let [time, share] = kind.rows;
        let slowest = millis(&self.accepted, 0.999);
        [
            Row::of_figure(
                time,
                scale.clone(),
                slowest,
                2.0 * OVERLOAD_AFTER_MS,
                detail.clone(),
            ),
            Row::of_figure(share, scale, capacity / accepted, 2.0, detail),
        ]
    }
}

/// The time below which `share` of `sorted` lies, in milliseconds.
fn millis(sorted: &[u64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = (share * last as f64).round() as usize;
    sorted.get(at).map_or(f64::NAN, |nanos| *nanos as f64 / 1e6)
}
