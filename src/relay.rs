//! The relay: reads a system of record once and publishes what it says to a NATS JetStream stream, from which any number of
//! servers follow it.
//!
//! Three threads: one drives the source, one talks with the broker, and this one decides, by [`course`] alone.

mod broker;
mod course;
mod letter;
mod reading;
mod window;

use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, bounded, never, select, unbounded};
use serde::Deserialize;

use crate::feed::Secret;
use crate::feed::jetstream::Login;
use crate::feed::secure::Tls;
use crate::feed::source::Source;
use broker::{Ask, Heard};
use course::{Act, Bounds, Course, Now, Report, Told};
use reading::Reading;

/// Reports of the source that wait.
const REPORTS: usize = 256;
/// Time between two looks at what time alone decides.
const TICK: Duration = Duration::from_millis(20);

/// `[relay]` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The feed whose source is read.
    pub feed: String,
    /// Who this relay is, told to others; empty: the machine's name.
    pub name: String,
    /// Addresses of servers of one cluster; 1 to 16.
    pub servers: Vec<Secret>,
    /// The stream.
    pub stream: String,
    /// What its subjects begin with.
    pub prefix: String,
    /// On how many servers it is kept, where it is created: 1 to 5.
    pub replicas: usize,
    /// The most bytes that it may take, where it is created; 0: no bound.
    pub max_bytes: u64,
    /// Age at which messages leave it, where it is created, seconds; 0: never.
    pub max_age_s: u64,
    /// Quiet after which another relay may take over, milliseconds, 2000 to 600 000.
    pub lease_ms: u64,
    /// Messages on their way at once, 1 to 4096.
    pub in_flight: usize,
    /// Time after which a broker has surely written what it acknowledged, seconds, 0 to 86 400: until then the source keeps it.
    pub confirm_after_s: u64,
    /// Who one is to the servers.
    pub login: Login,
    /// TLS towards them.
    pub tls: Tls,
}

impl Settings {
    fn name(&self) -> String {
        if !self.name.is_empty() {
            return self.name.clone();
        }
        let uname = rustix::system::uname();
        uname.nodename().to_string_lossy().into_owned()
    }
}

/// Why a relay cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// No thread is to be had.
    #[error(
        "the relay's threads cannot be started: {0}; raise the limit of processes of the user who runs this"
    )]
    Thread(std::io::Error),
    /// There are no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
    /// One of its threads has ended.
    #[error("the relay's thread for {0} has ended unexpectedly; the log says why")]
    Ended(&'static str),
}

/// Has a relay stop.
#[derive(Debug, Clone)]
pub struct Stop(Sender<()>);

/// What tells a relay to stop.
#[derive(Debug)]
pub struct Stopped(Receiver<()>);

impl Stop {
    /// A way to stop a relay.
    pub fn new() -> (Stop, Stopped) {
        let (stop, stopped) = bounded(1);
        (Stop(stop), Stopped(stopped))
    }

    /// Has the relay finish what is on its way, tell others that it stops, and end.
    pub fn stop(&self) {
        // It was told already.
        let _told = self.0.try_send(());
    }
}

/// Publishes what the source says that `make` makes, until it is told to stop; `make` is called on the source's own thread.
///
/// # Errors
/// A thread cannot be started, or ends.
pub fn run<S: Source>(
    settings: &Settings,
    make: impl FnOnce() -> S + Send + 'static,
    stopped: &Stopped,
) -> Result<(), RelayError> {
    let (heard, hears) = unbounded();
    let (reports, reported) = bounded(REPORTS);
    let (asks, broker) = broker::spawn(settings.clone(), heard).map_err(RelayError::Thread)?;
    let reading = Reading::spawn(make, reports).map_err(RelayError::Thread)?;
    let mut instance = [0; 8];
    getrandom::fill(&mut instance).map_err(RelayError::Random)?;
    let mut relay = Relay {
        course: Course::new(Bounds {
            name: settings.name(),
            instance: format!("{:016x}", u64::from_le_bytes(instance)),
            lease_ms: settings.lease_ms,
            in_flight: settings.in_flight,
            confirm_after_ms: settings.confirm_after_s.saturating_mul(1000),
        }),
        begun: Instant::now(),
        reading,
        asks,
    };
    let ended = relay.decide(&hears, &reported, stopped);
    relay.course.leave();
    relay.act();
    let _broker_has_ended = relay.asks.send(Ask::Stop);
    relay.reading.stop();
    let _ended = broker.join();
    ended
}

struct Relay {
    course: Course,
    begun: Instant,
    reading: Reading,
    asks: tokio::sync::mpsc::UnboundedSender<Ask>,
}

impl Relay {
    fn decide(
        &mut self,
        hears: &Receiver<Heard>,
        reported: &Receiver<(u64, Report)>,
        stopped: &Stopped,
    ) -> Result<(), RelayError> {
        let nothing = never();
        loop {
            self.act();
            let now = self.now();
            self.course.tick(now);
            self.act();
            let reported = if self.course.has_room() {
                reported
            } else {
                &nothing
            };
            select! {
                recv(stopped.0) -> _ => return Ok(()),
                recv(hears) -> heard => match heard {
                    Ok(heard) => self.hear(heard),
                    Err(_) => return Err(RelayError::Ended("the broker")),
                },
                recv(reported) -> report => match report {
                    Ok((number, report)) => {
                        if number == self.reading.newest() {
                            let now = self.now();
                            self.course.reported(now, report);
                        }
                    }
                    Err(_) => return Err(RelayError::Ended("the source")),
                },
                default(TICK) => {}
            }
        }
    }

    fn now(&self) -> Now {
        Now {
            ms: u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            wall_ms: jiff::Timestamp::now().as_millisecond(),
        }
    }

    fn hear(&mut self, heard: Heard) {
        let now = self.now();
        match heard {
            Heard::End(Ok(end)) => self.course.looked(now, end),
            Heard::End(Err(error)) => self.course.cannot_look(now, error),
            Heard::Fate {
                epoch,
                sequence,
                fate,
            } => self.course.heard(now, epoch, sequence, fate),
        }
    }

    fn act(&mut self) {
        while let Some(act) = self.course.act() {
            // A broker's thread that has ended is found to have by whoever waits for what it hears.
            match act {
                Act::Look => drop(self.asks.send(Ask::Look)),
                Act::Publish(letter) => drop(self.asks.send(Ask::Publish(Box::new(letter)))),
                Act::Order(order) => self.reading.order(order),
                Act::Tell(told) => tell(&told),
            }
        }
    }
}

fn tell(told: &Told) {
    match told {
        Told::Publishing(epoch) => tracing::info!(epoch, "publishing"),
        Told::StandingBy => tracing::info!("standing by: another relay published last"),
        Told::Uncertain(why) => {
            tracing::warn!(
                why,
                "what was published last may not be stored: looking at the stream again"
            );
        }
        Told::Copying(why) => tracing::info!(why, "copying everything into the stream"),
        Told::Copied(rows) => tracing::info!(rows, "the copy is whole"),
        Told::TooSmall => tracing::error!(
            "the stream trimmed a copy within minutes: it is too small for it; raise its limits (relay.max_bytes, and `nats \
             stream edit`)"
        ),
        Told::Gap(why) => tracing::error!(why, "changes are missing in the stream for good"),
        Told::Source(error) => tracing::warn!(%error, "the source cannot be read now"),
        Told::Foreign(sequence) => tracing::error!(
            sequence,
            "the last message of the stream was published by something else than a relay: the stream has to be a relay's \
             alone; delete that message (`nats stream rmm`) and find out who published it"
        ),
        Told::Broker(error) => tracing::warn!(%error, "the stream cannot be looked at"),
    }
}
