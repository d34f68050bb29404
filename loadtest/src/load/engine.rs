//! The loop that sends requests when they are due and takes their answers as they come: one thread on a core of its own,
//! which never waits. It asks the kernel again and again whether an answer is there, because waking a thread that waits
//! takes longer than most answers; that is what the core is for.
//!
//! A connection has one request at a time. A request that is due while all connections are busy waits, and its time counts
//! from when it was due: leaving that out would leave out what a slow server does to the next callers.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use super::error::Error;
use super::link::{Link, Place};
use super::oracle::{Oracle, Samples};
use super::schedule::{Arrival, Key, Keys};
use super::tally::{End, SECOND, Tally};
use super::wire::{Answer, Said, Wire};
use crate::outcome::Second;

/// Bytes that one answer is expected to have at the most; a longer one makes its connection's buffer grow.
const BUFFER: usize = 16 << 10;
/// Events taken from the kernel at once.
const EVENTS: usize = 256;
/// Rounds of the loop between two looks at what is overdue.
const ROUNDS: u64 = 64;

/// What requests go to.
pub(crate) struct Aim<'a> {
    /// Where.
    pub(crate) place: &'a Place,
    /// In which protocol.
    pub(crate) wire: Wire,
    /// What answers have to be.
    pub(crate) oracle: &'a Oracle,
}

/// How requests are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Connections: at least 1.
    pub(crate) connections: usize,
    /// Whether each request has a connection of its own.
    pub(crate) new_connections: bool,
    /// Nanoseconds from when a request was due after which it counts as not answered.
    pub(crate) timeout_ns: u64,
    /// One answer of so many is copied for the oracle: at least 1.
    pub(crate) check_every: u64,
}

/// When requests are sent.
pub(crate) enum Pace<'a> {
    /// As they are due.
    Open(&'a mut dyn Iterator<Item = Arrival>),
    /// By each connection as soon as it is answered, until so many nanoseconds have passed.
    Closed(&'a mut Keys, u64),
}

/// What came of a phase.
pub(crate) struct Ran {
    /// The counts.
    pub(crate) tally: Tally,
    /// The answers to compare.
    pub(crate) samples: Samples,
    /// Answers that said found or not where it had to be the other.
    pub(crate) plainly_wrong: u64,
    /// How long it took, in nanoseconds, until the last request had ended.
    pub(crate) took_ns: u64,
    /// Share of the time in which there was nothing to do but ask the kernel: where it is nothing, the generator itself is
    /// what is measured.
    pub(crate) idle: f64,
}

/// A request that was sent and has not ended.
#[derive(Debug, Clone, Copy)]
struct Flight {
    due_ns: u64,
    key: Key,
    is_sampled: bool,
    acknowledged: u64,
}

/// A connection's place, which may be without one.
struct Slot {
    link: Option<Link>,
    flight: Option<Flight>,
    out: Vec<u8>,
    sent: usize,
    received: Vec<u8>,
    filled: usize,
    is_told_of_room: bool,
}

/// Connections to one server, which last from phase to phase.
pub(crate) struct Engine<'a> {
    aim: Aim<'a>,
    manner: Manner,
    poll: Poll,
    events: Events,
    slots: Vec<Slot>,
    free: VecDeque<usize>,
    waiting: VecDeque<Arrival>,
    sampling: u64,
}

/// Where a phase's counts go while it runs.
struct Running<'a> {
    begun: Instant,
    tally: &'a mut Tally,
    samples: &'a mut Samples,
    plainly_wrong: u64,
}

impl Running<'_> {
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl<'a> Engine<'a> {
    /// Opens the connections, unless each request is to have its own.
    ///
    /// # Errors
    /// The server does not take them.
    pub(crate) fn new(aim: Aim<'a>, manner: Manner) -> Result<Engine<'a>, Error> {
        let mut engine = Engine {
            aim,
            manner,
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            slots: Vec::new(),
            free: (0..manner.connections).collect(),
            waiting: VecDeque::with_capacity(1 << 16),
            sampling: 0,
        };
        for nth in 0..manner.connections {
            engine.slots.push(Slot {
                link: None,
                flight: None,
                out: Vec::with_capacity(512),
                sent: 0,
                received: vec![0; BUFFER],
                filled: 0,
                is_told_of_room: false,
            });
            if !manner.new_connections {
                engine.connect(nth)?;
            }
        }
        Ok(engine)
    }

    /// Runs one phase of `seconds`, until its last request has ended. `told` hears of each second once it has passed.
    ///
    /// # Errors
    /// The kernel does not tell what happens on the connections.
    pub(crate) fn run(
        &mut self,
        seconds: f64,
        pace: Pace<'_>,
        room: usize,
        told: Option<&Sender<Second>>,
    ) -> Result<Ran, Error> {
        let mut tally = Tally::new(seconds, self.manner.timeout_ns);
        let mut samples = Samples::with_room(room, 2048);
        let mut running = Running {
            begun: Instant::now(),
            tally: &mut tally,
            samples: &mut samples,
            plainly_wrong: 0,
        };
        let (mut arrivals, mut keys, until_ns) = match pace {
            Pace::Open(arrivals) => (Some(arrivals), None, u64::MAX),
            Pace::Closed(keys, until_ns) => (None, Some(keys), until_ns),
        };
        let mut next = arrivals.as_mut().and_then(|arrivals| arrivals.next());
        let (mut rounds, mut told_s) = (0_u64, 0_u64);
        let (mut idle_ns, mut was_idle, mut last_ns) = (0, false, 0);
        loop {
            let mut now = running.now();
            if was_idle {
                idle_ns += now - last_ns;
            }
            last_ns = now;
            let mut is_idle = true;
            while let Some(arrival) = next.filter(|arrival| arrival.at_ns <= now) {
                self.waiting.push_back(arrival);
                next = arrivals.as_mut().and_then(|arrivals| arrivals.next());
            }
            if let Some(keys) = keys.as_mut().filter(|_| now < until_ns) {
                while self.waiting.len() < self.free.len() {
                    let key = keys.draw();
                    self.waiting.push_back(Arrival { at_ns: now, key });
                }
            }
            while !self.waiting.is_empty() && !self.free.is_empty() {
                is_idle = false;
                self.begin(&mut running);
            }
            if self.free.len() < self.slots.len() {
                is_idle &= !self.take_answers(&mut running)?;
            } else if next.is_none() && self.waiting.is_empty() && (keys.is_none() || now >= until_ns) {
                break;
            }
            rounds += 1;
            was_idle = is_idle;
            if rounds.is_multiple_of(ROUNDS) {
                now = running.now();
                self.end_what_is_overdue(&mut running, now);
                if now / SECOND > told_s {
                    if let (Some(told), Some(second)) = (told, running.tally.second(told_s)) {
                        // Nobody listens to the progress any more; the figures are kept here.
                        let _gone = told.send(second);
                    }
                    told_s = now / SECOND;
                }
            }
        }
        let (took_ns, plainly_wrong) = (running.now(), running.plainly_wrong);
        Ok(Ran {
            tally,
            samples,
            plainly_wrong,
            took_ns,
            idle: idle_ns as f64 / took_ns.max(1) as f64,
        })
    }

    /// Connects place `nth`.
    fn connect(&mut self, nth: usize) -> Result<(), Error> {
        let mut link = Link::open(self.aim.place, self.aim.wire)?;
        link.register(self.poll.registry(), Token(nth))?;
        let slot = &mut self.slots[nth];
        slot.link = Some(link);
        (slot.sent, slot.filled, slot.is_told_of_room) = (0, 0, false);
        slot.out.clear();
        Ok(())
    }

    /// Sends the request that has waited longest on the connection that has been free longest.
    fn begin(&mut self, running: &mut Running<'_>) {
        let (Some(arrival), Some(nth)) = (self.waiting.pop_front(), self.free.pop_front()) else {
            return;
        };
        self.sampling += 1;
        let is_sampled = self.sampling.is_multiple_of(self.manner.check_every);
        let flight = Flight {
            due_ns: arrival.at_ns,
            key: arrival.key,
            is_sampled,
            acknowledged: match is_sampled {
                true => self.aim.oracle.acknowledged(arrival.key),
                false => 0,
            },
        };
        self.slots[nth].flight = Some(flight);
        running.tally.sent(arrival.at_ns, running.now());
        if self.slots[nth].link.is_none() && self.connect(nth).is_err() {
            self.end(nth, End::Failed, running);
            return;
        }
        let slot = &mut self.slots[nth];
        slot.out.clear();
        slot.sent = 0;
        self.aim.wire.request(arrival.key, &mut slot.out);
        if self.push(nth).is_err() {
            self.end(nth, End::Failed, running);
        }
    }

    /// Sends what is left of place `nth`'s request, and has the kernel tell when there is room for the rest.
    fn push(&mut self, nth: usize) -> Result<(), Broken> {
        let slot = &mut self.slots[nth];
        slot.push()?;
        if slot.sent < slot.out.len()
            && !slot.is_told_of_room
            && let Some(link) = &mut slot.link
        {
            let registered = link.register_for_writing(self.poll.registry(), Token(nth));
            registered.map_err(|_| Broken)?;
            slot.is_told_of_room = true;
        }
        Ok(())
    }

    /// Goes on with the connections of which the kernel has something to tell. Whether there were any.
    fn take_answers(&mut self, running: &mut Running<'_>) -> Result<bool, Error> {
        match self.poll.poll(&mut self.events, Some(Duration::ZERO)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let mut any = false;
        // Taken out, since going on with a connection needs all of the engine.
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            any = true;
            self.go_on(
                event.token().0,
                event.is_readable() || event.is_read_closed() || event.is_error(),
                running,
            );
        }
        self.events = events;
        Ok(any)
    }

    fn go_on(&mut self, nth: usize, is_readable: bool, running: &mut Running<'_>) {
        if nth >= self.slots.len() {
            return;
        }
        let pushed = self.push(nth);
        let slot = &mut self.slots[nth];
        let taken = match pushed {
            Ok(()) if is_readable => slot.take(self.aim.wire),
            Ok(()) => Ok(None),
            Err(broken) => Err(broken),
        };
        match taken {
            Ok(None) => {}
            Ok(Some(answer)) => self.answered(nth, &answer, running),
            Err(Broken) if slot.flight.is_some() => self.end(nth, End::Failed, running),
            Err(Broken) => slot.link = None,
        }
    }

    fn answered(&mut self, nth: usize, answer: &Answer, running: &mut Running<'_>) {
        let slot = &mut self.slots[nth];
        let end = match (slot.flight, answer.said) {
            (None, _) => return slot.link = None,
            (Some(_), Said::Refused) => End::Refused,
            (Some(_), Said::Unexpected) => End::Failed,
            (Some(flight), said) => {
                if flight.is_sampled {
                    let body = &slot.received[answer.body.clone()];
                    running
                        .samples
                        .copy(self.aim.oracle, flight.key, said, flight.acknowledged, body);
                } else if !self.aim.oracle.fits(flight.key, said) {
                    running.plainly_wrong += 1;
                }
                End::Answered
            }
        };
        // What is there behind an answer was not asked for.
        if answer.closes || self.manner.new_connections || slot.filled != answer.length {
            slot.link = None;
        }
        slot.filled = 0;
        self.release(nth, end, running);
    }

    /// Ends the request of place `nth`, whose connection is of no use any more.
    fn end(&mut self, nth: usize, end: End, running: &mut Running<'_>) {
        self.slots[nth].link = None;
        self.release(nth, end, running);
    }

    fn release(&mut self, nth: usize, end: End, running: &mut Running<'_>) {
        if let Some(flight) = self.slots[nth].flight.take() {
            running.tally.ended(flight.due_ns, running.now(), end);
            self.free.push_back(nth);
        }
    }

    fn end_what_is_overdue(&mut self, running: &mut Running<'_>, now: u64) {
        let is_overdue = |due_ns: u64| now.saturating_sub(due_ns) >= self.manner.timeout_ns;
        let overdue: Vec<usize> = match self.free.len() == self.slots.len() {
            true => Vec::new(),
            false => (0..self.slots.len())
                .filter(|nth| {
                    self.slots[*nth]
                        .flight
                        .is_some_and(|flight| is_overdue(flight.due_ns))
                })
                .collect(),
        };
        while let Some(arrival) = self
            .waiting
            .front()
            .copied()
            .filter(|first| is_overdue(first.at_ns))
        {
            self.waiting.pop_front();
            running.tally.ended(arrival.at_ns, now, End::TimedOut);
        }
        for nth in overdue {
            self.end(nth, End::TimedOut, running);
        }
    }
}

/// A connection that is of no use any more.
struct Broken;

impl Slot {
    /// Sends what is left of the request, as far as that does not wait.
    fn push(&mut self) -> Result<(), Broken> {
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        while self.sent < self.out.len() {
            match link.send(&self.out[self.sent..]) {
                Ok(0) => return Ok(()),
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Broken),
            }
        }
        link.flush().map_err(|_| Broken)
    }

    /// Reads what is there, and gives the answer once it is whole.
    fn take(&mut self, wire: Wire) -> Result<Option<Answer>, Broken> {
        let Some(link) = &mut self.link else {
            return Ok(None);
        };
        loop {
            if self.filled == self.received.len() {
                self.received.resize(self.filled * 2, 0);
            }
            let room = self.received.len() - self.filled;
            match link.receive(&mut self.received[self.filled..]) {
                Ok(None) => return Ok(None),
                Ok(Some(0)) => return Err(Broken),
                Ok(Some(count)) => {
                    self.filled += count;
                    let answer = wire.answer(&self.received[..self.filled]).map_err(|_| Broken)?;
                    if answer.is_some() || (count < room && link.short_read_is_all()) {
                        return Ok(answer);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Broken),
            }
        }
    }
}
