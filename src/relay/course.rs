//! What a relay does next: pure, so that two of them can be run against each other with a broker that loses what it can.
//!
//! Nothing but the stream says who publishes and how far. A relay that is not publishing watches the stream's end; when that
//! has not moved for the lease, it publishes an epoch behind it and goes on from where the last message says that the source
//! was. Every message names the one that it must stand behind, so that of two relays one at the most gets anything in. Whoever
//! has a message refused, or does not hear of it, looks at the end again: if the last message is its own epoch's it begins
//! another epoch at once, otherwise it stands by.

mod active;
mod durable;
mod end;

use std::collections::VecDeque;

use active::Active;
pub(crate) use end::{End, Last};

use super::letter::Letter;
use super::window::Window;
use crate::feed::jetstream::marks::{Mark, Stamp};
use crate::feed::source::{Event, Life, Row, SourceError, Standing};

/// A moment, as a relay needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    /// Milliseconds that have passed since some beginning.
    pub(crate) ms: u64,
    /// Milliseconds since 1970, for people and freshness alone.
    pub(crate) wall_ms: i64,
}

/// Bounds of a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Who it is, told in epochs.
    pub(crate) name: String,
    /// What no other process has: ids of messages begin with it.
    pub(crate) instance: String,
    /// Milliseconds of quiet after which another one may take over.
    pub(crate) lease_ms: u64,
    /// Messages on their way at once.
    pub(crate) in_flight: usize,
    /// Milliseconds after which a broker has surely written what it acknowledged.
    pub(crate) confirm_after_ms: u64,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// Look at the end of the stream.
    Look,
    /// Publish this.
    Publish(Letter),
    /// Have the source do this.
    Order(Order),
    /// Say this to whoever operates the relay.
    Tell(Told),
}

/// What the source is to do. Each order ends what was ordered before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// Connect, knowing these lives.
    Connect(Vec<Life>),
    /// Copy.
    Copy,
    /// Follow from here.
    Follow(Life),
    /// Everything up to here is durable.
    Confirm(String),
    /// Leave the server.
    Close,
}

/// What the source reports.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Report {
    /// It is connected.
    Standing(Standing),
    /// A copy goes from here.
    Begun(Life),
    /// It has about so many rows.
    Expect(u64),
    /// A row of it.
    Row(Row),
    /// It is whole.
    Copied,
    /// What the stream says.
    Event(Event),
    /// It cannot go on.
    Failed(SourceError),
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is stored under this sequence.
    Stored(u64),
    /// It is not stored: another message is there.
    Refused,
    /// Nobody knows.
    Unknown(String),
}

/// What an operator is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// This relay publishes now, in this epoch.
    Publishing(u64),
    /// Another one publishes.
    StandingBy,
    /// What was published may not be stored, for this reason.
    Uncertain(String),
    /// A copy begins, for this reason.
    Copying(String),
    /// A copy of so many messages is whole.
    Copied(u64),
    /// The stream trims a copy before there is another one.
    TooSmall,
    /// Changes are missing for good.
    Gap(String),
    /// The source cannot go on now.
    Source(SourceError),
    /// The stream's end cannot be gone on from.
    Foreign(u64),
    /// The stream cannot be looked at.
    Broker(SourceError),
}

#[derive(Debug)]
enum State {
    /// The end is being looked at; `mine` is the epoch that was ours until now.
    Looking { mine: Option<u64> },
    /// Another relay may be publishing; `mine` as above, where the end could not be looked at since.
    Watching {
        seen: Option<Watched>,
        look_at: u64,
        mine: Option<u64>,
    },
    /// An epoch is on its way.
    Claiming { end: End, epoch: u64 },
    /// We publish.
    Active(Box<Active>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Watched {
    created_ns: i128,
    last: u64,
    since: u64,
}

/// A relay's decisions.
#[derive(Debug)]
pub(crate) struct Course {
    bounds: Bounds,
    state: State,
    acts: VecDeque<Act>,
    sent: u64,
    failures: u32,
    told: Option<Told>,
}

impl Course {
    /// A relay that knows nothing yet.
    pub(crate) fn new(bounds: Bounds) -> Course {
        Course {
            bounds,
            state: State::Looking { mine: None },
            acts: VecDeque::from([Act::Look]),
            sent: 0,
            failures: 0,
            told: None,
        }
    }

    /// What is to be done next.
    pub(crate) fn act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// Whether a report of the source can be taken now.
    pub(crate) fn has_room(&self) -> bool {
        match &self.state {
            State::Active(active) => active.has_room(),
            _ => true,
        }
    }

    /// The stream's end is `end`.
    pub(crate) fn looked(&mut self, now: Now, end: End) {
        self.failures = 0;
        match &mut self.state {
            State::Active(active) if active.created_ns() == end.created_ns => {
                active.looked(now, &end, &mut self.acts);
            }
            State::Active(_) => self.step_down("the stream was deleted and created again"),
            State::Claiming { .. } => {}
            State::Looking { mine } | State::Watching { mine, .. }
                if end.is_free() || mine.is_some() && end.epoch() == *mine =>
            {
                self.claim(end);
            }
            State::Looking { .. } => {
                self.tell(Told::StandingBy);
                self.watch(now, &end, None);
            }
            State::Watching { seen, .. } => {
                let seen = *seen;
                let is_quiet = seen.is_some_and(|seen| {
                    (seen.created_ns, seen.last) == (end.created_ns, end.last)
                        && now.ms.saturating_sub(seen.since) >= self.bounds.lease_ms
                });
                if !is_quiet {
                    self.watch(now, &end, seen);
                } else if end.message == Last::Foreign {
                    self.tell(Told::Foreign(end.last));
                    self.watch(now, &end, seen);
                } else {
                    self.claim(end);
                }
            }
        }
    }

    /// The stream's end cannot be looked at.
    pub(crate) fn cannot_look(&mut self, now: Now, error: SourceError) {
        self.tell(Told::Broker(error));
        self.failures = self.failures.saturating_add(1);
        let look_at = now
            .ms
            .saturating_add(pause_ms(&self.bounds.instance, self.failures));
        match self.state {
            // What is on its way will tell.
            State::Active(_) | State::Claiming { .. } => {}
            State::Looking { mine } | State::Watching { mine, .. } => {
                // Nobody else could publish either meanwhile: the quiet says nothing.
                self.state = State::Watching {
                    seen: None,
                    look_at,
                    mine,
                };
            }
        }
    }

    /// `fate` became of the message that was to have `sequence`, of the epoch `epoch`.
    pub(crate) fn heard(&mut self, now: Now, epoch: u64, sequence: u64, fate: Fate) {
        let is_ours = match &self.state {
            State::Active(active) => active.epoch() == epoch,
            State::Claiming { epoch: claimed, .. } => *claimed == epoch,
            _ => false,
        };
        if !is_ours {
            return;
        }
        let why = match fate {
            Fate::Stored(stored) if stored == sequence => {
                self.stored(now, sequence);
                return;
            }
            Fate::Stored(stored) => format!("message {sequence} was stored as {stored}"),
            Fate::Refused => format!("another message is where message {sequence} was to be"),
            Fate::Unknown(why) => why,
        };
        self.step_down(&why);
    }

    /// The source reports something.
    pub(crate) fn reported(&mut self, now: Now, report: Report) {
        if let State::Active(active) = &mut self.state {
            let mut outbox = Outbox {
                bounds: &self.bounds,
                sent: &mut self.sent,
                acts: &mut self.acts,
            };
            active.reported(now, report, &mut outbox);
        }
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Now) {
        match &mut self.state {
            State::Watching { look_at, .. } if now.ms >= *look_at => {
                // The answer says when to look again.
                *look_at = u64::MAX;
                self.acts.push_back(Act::Look);
            }
            State::Active(active) => {
                let mut outbox = Outbox {
                    bounds: &self.bounds,
                    sent: &mut self.sent,
                    acts: &mut self.acts,
                };
                active.tick(now, &mut outbox);
            }
            _ => {}
        }
    }

    /// Nobody wants more: says so in the stream, so that another one need not wait.
    pub(crate) fn leave(&mut self) {
        if let State::Active(active) = &mut self.state {
            let mut outbox = Outbox {
                bounds: &self.bounds,
                sent: &mut self.sent,
                acts: &mut self.acts,
            };
            active.leave(&mut outbox);
        }
        self.acts.push_back(Act::Order(Order::Close));
    }

    fn watch(&mut self, now: Now, end: &End, seen: Option<Watched>) {
        let since = match seen {
            Some(seen) if (seen.created_ns, seen.last) == (end.created_ns, end.last) => seen.since,
            _ => now.ms,
        };
        let seen = Some(Watched {
            created_ns: end.created_ns,
            last: end.last,
            since,
        });
        let look_at = now.ms.saturating_add((self.bounds.lease_ms / 4).max(1));
        self.state = State::Watching {
            seen,
            look_at,
            mine: None,
        };
    }

    fn claim(&mut self, end: End) {
        let epoch = end.last.saturating_add(1);
        let mark = Mark::Epoch {
            epoch,
            by: self.bounds.name.clone(),
        };
        let before = end.stamp().cloned().unwrap_or_default();
        let stamp = Stamp {
            epoch,
            copy: None,
            lag_ms: None,
            ..before
        };
        self.sent = self.sent.saturating_add(1);
        self.acts.push_back(Act::Publish(Letter {
            subject: mark.subject(),
            payload: mark.to_json(),
            stamp,
            id: format!("{}.{}", self.bounds.instance, self.sent),
            sequence: epoch,
            after: None,
        }));
        self.state = State::Claiming { end, epoch };
    }

    fn stored(&mut self, now: Now, sequence: u64) {
        match &mut self.state {
            State::Active(active) => active.stored(now, sequence, &self.bounds, &mut self.acts),
            State::Claiming { end, epoch } => {
                let epoch = *epoch;
                let mut window = Window::new(sequence, self.bounds.in_flight);
                window.stands_behind(&format!("{}.{}", self.bounds.instance, self.sent));
                let active = Active::new(now, epoch, end, window, &mut self.acts);
                self.state = State::Active(Box::new(active));
                self.tell(Told::Publishing(epoch));
            }
            _ => {}
        }
    }

    /// Stops publishing, and looks what is in the stream.
    fn step_down(&mut self, why: &str) {
        let mine = match &self.state {
            State::Active(active) => Some(active.epoch()),
            State::Claiming { epoch, .. } => Some(*epoch),
            _ => None,
        };
        self.tell(Told::Uncertain(why.to_owned()));
        self.acts.push_back(Act::Order(Order::Close));
        self.acts.push_back(Act::Look);
        self.state = State::Looking { mine };
    }

    /// Says it once.
    fn tell(&mut self, told: Told) {
        if self.told.as_ref() != Some(&told) {
            self.told = Some(told.clone());
            self.acts.push_back(Act::Tell(told));
        }
    }
}

/// Where messages and orders go.
struct Outbox<'a> {
    bounds: &'a Bounds,
    sent: &'a mut u64,
    acts: &'a mut VecDeque<Act>,
}

impl Outbox<'_> {
    fn id(&mut self) -> String {
        *self.sent = self.sent.saturating_add(1);
        format!("{}.{}", self.bounds.instance, self.sent)
    }
}

/// How long to wait after the `failures`th failure in a row, in milliseconds: longer and longer, and others not as long.
fn pause_ms(instance: &str, failures: u32) -> u64 {
    const FIRST: u64 = 200;
    const LONGEST: u64 = 30_000;
    let full = FIRST
        .saturating_mul(1 << failures.saturating_sub(1).min(16))
        .min(LONGEST);
    let spread = xxhash_rust::xxh3::xxh3_64(format!("{instance} {failures}").as_bytes()) % (full / 2 + 1);
    full - spread
}

#[cfg(test)]
#[path = "simulation.rs"]
mod simulation;
