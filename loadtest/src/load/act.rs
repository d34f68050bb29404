//! What happens while requests are sent: changes, a swap, a crash. On a thread of its own on the servers' core, where in a
//! contact centre it would happen too; the generator's core has nothing else to do than to be on time.

use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::error::Error;
use super::oracle::{Oracle, change};
use super::scenario::{Act, PhaseOf};
use super::target::{Ringside, Target, ran};
use super::wire::head;
use crate::server;

/// Changes of one post, at the most.
const POST: u64 = 100;
/// Posts a second.
const POSTS: u64 = 50;
/// How far into its phase an act begins, as a share of it.
const BEGIN: f64 = 0.2;
/// Time in which the server has to answer to changes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What happened when, in seconds into the phase.
#[derive(Debug, Clone, Default)]
pub(crate) struct Events(Arc<Mutex<Vec<(f64, String)>>>);

impl Events {
    /// `what` has happened, `at` seconds into the phase.
    pub(crate) fn add(&self, at: f64, what: impl Into<String>) {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        events.push((at, what.into()));
    }

    /// All of it, in order.
    pub(crate) fn take(&self) -> Vec<(f64, String)> {
        let mut events = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        events.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        events
    }
}

/// Does what `phase` says to `target` until `over` says that the phase has ended.
///
/// # Errors
/// It could not be done.
pub(crate) fn perform(
    target: &Target,
    phase: &PhaseOf,
    begun: Instant,
    over: &AtomicBool,
    events: &Events,
) -> Result<(), Error> {
    let name = match phase.act {
        Act::None => return Ok(()),
        Act::Churn => "churn",
        Act::Swap => "swap",
        Act::Kill => "failover",
    };
    let ringside = target.ringside().ok_or(Error::NotOfTarget { act: name })?;
    server::pin_thread(server::SERVER_CORE)?;
    let at = || begun.elapsed().as_secs_f64();
    if phase.act != Act::Churn {
        until(begun + Duration::from_secs_f64(phase.seconds * BEGIN));
    }
    match phase.act {
        Act::None => {}
        Act::Churn => churn(
            &ringside,
            &target.oracle,
            phase.changes_per_s,
            over,
            events,
            begun,
        )?,
        Act::Swap => {
            let mut build = locked(&ringside).build()?;
            events.add(at(), "a generation is being built");
            ran(&mut build)?;
            events.add(at(), "the generation is published and served");
        }
        Act::Kill => {
            let mut ringside = locked(&ringside);
            events.add(at(), "the server is killed");
            ringside.kill();
            ringside.start_again()?;
            events.add(at(), "the server listens again");
        }
    }
    Ok(())
}

fn locked(ringside: &Mutex<Ringside>) -> std::sync::MutexGuard<'_, Ringside> {
    ringside.lock().unwrap_or_else(PoisonError::into_inner)
}

fn until(moment: Instant) {
    loop {
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::park_timeout(left);
    }
}

/// Posts `rate` changes a second of the customers that may change, one after the other.
fn churn(
    ringside: &Mutex<Ringside>,
    oracle: &Oracle,
    rate: u64,
    over: &AtomicBool,
    events: &Events,
    begun: Instant,
) -> Result<(), Error> {
    // Through the Unix socket, which a Ringside over TLS has as well.
    let path = locked(ringside).socket();
    let mut stream = std::os::unix::net::UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let versions = oracle.versions();
    let (mut done, mut next, mut slowest) = (0_u64, 0_u64, Duration::ZERO);
    let churning = Instant::now();
    let each = (rate / POSTS).clamp(1, POST);
    while !over.load(Ordering::SeqCst) {
        until(churning + Duration::from_secs_f64(done as f64 / rate as f64));
        let mut lines = String::new();
        let mut posted = Vec::new();
        for _ in 0..each {
            let nth = next % versions.len().max(1);
            next += 1;
            let version = versions.post(nth);
            lines.push_str(&change(&oracle.document(nth)?, version));
            posted.push((nth, version));
        }
        let asked = Instant::now();
        post(&mut stream, &lines, each)?;
        slowest = slowest.max(asked.elapsed());
        for (nth, version) in posted {
            versions.acknowledge(nth, version);
        }
        done += each;
    }
    let seconds = churning.elapsed().as_secs_f64();
    events.add(
        begun.elapsed().as_secs_f64(),
        format!(
            "{done} changes were acknowledged, {:.0} a second; the slowest post took {:.1} ms",
            done as f64 / seconds,
            slowest.as_secs_f64() * 1e3
        ),
    );
    Ok(())
}

/// Posts `lines`, all `count` of which have to be accepted.
fn post(stream: &mut (impl Read + Write), lines: &str, count: u64) -> Result<(), Error> {
    let request = format!(
        "POST /v1/changes HTTP/1.1\r\nhost: ringside\r\ncontent-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n{lines}",
        lines.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Err(std::io::Error::from(ErrorKind::UnexpectedEof).into()),
            count => received.extend_from_slice(&buffer[..count]),
        }
        if let Some(head) = head(&received).map_err(|error| Error::target("ringside", error))?
            && received.len() >= head.end + head.length
        {
            let body = String::from_utf8_lossy(&received[head.end..]);
            let accepted = format!("{{\"accepted\":{count},\"rejected\":0,");
            return match head.status == 200 && body.starts_with(&accepted) {
                true => Ok(()),
                false => Err(Error::target(
                    "ringside",
                    format!(
                        "expected {count} changes to be accepted, found {} and {body}",
                        head.status
                    ),
                )),
            };
        }
    }
}
