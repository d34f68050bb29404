//! One desktop that listens, whichever way it is told: what comes next, when a heartbeat is due, and when it ends.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use xxhash_rust::xxh3::xxh3_64;

use super::render::Render;
use crate::http::deadline::{Phase, Watch};
use crate::http::meters::{Ended, Listener, Meters};
use crate::pop::{Beginning, DeskError, Desks, Kind, Message, Subscription};

/// What it takes to listen.
pub(in crate::http) struct Opening<'o> {
    pub(in crate::http) desks: &'o Desks,
    pub(in crate::http) agent: &'o str,
    /// What the desktop calls itself.
    pub(in crate::http) tab: Option<&'o str>,
    /// The last message that the desktop knows.
    pub(in crate::http) after: Option<u64>,
    pub(in crate::http) render: Box<dyn Render>,
    pub(in crate::http) watch: &'o Arc<Watch>,
    pub(in crate::http) meters: &'o Arc<Meters>,
}

/// One desktop that listens.
pub(super) struct Listening {
    subscription: Subscription,
    pub(super) render: Box<dyn Render>,
    agent: Box<str>,
    /// What it is told ahead of what comes.
    first: std::vec::IntoIter<Item>,
    hello: Option<Hello>,
    beats: Interval,
    pub(super) watch: Arc<Watch>,
    meters: Arc<Meters>,
    listener: Listener,
    ended: Ended,
}

/// A message for a desktop.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) message: Arc<Message>,
    /// Whether a desktop that has it may come back behind it. Of several present pops that is so of the last one alone:
    /// whoever has only some of them has to be told all of them again.
    pub(super) is_place: bool,
}

/// How a stream begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hello {
    /// The newest message that this stream begins with or behind.
    id: u64,
    /// Whether what the desktop has is void, and its agent's present pops follow.
    is_reset: bool,
    /// How many of these.
    pops: usize,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Told {
    Hello(Hello),
    Item(Item),
    Heartbeat,
    /// Nothing more.
    End(Ended),
}

impl Listening {
    pub(super) fn begin(opening: Opening<'_>, listener: Listener) -> Result<Listening, DeskError> {
        let Opening {
            desks,
            agent,
            tab,
            after,
            render,
            watch,
            meters,
        } = opening;
        let mut subscription = desks.subscribe(agent, after)?;
        if let Some(tab) = tab {
            subscription.name(tab);
        }
        let (first, is_reset) = match subscription.begin() {
            Beginning::Replay(messages) => (replayed(messages), false),
            Beginning::Reset => {
                // Read only now: what is published from here on is either in there or comes.
                let (pops, id) = render.current();
                subscription.pass(id);
                let message = |pop: Arc<_>| Message {
                    id,
                    kind: Kind::Pop,
                    agent: agent.into(),
                    pop,
                };
                let oldest_first = pops.into_iter().rev().map(|pop| Arc::new(message(pop)));
                (present(oldest_first.collect()), true)
            }
        };
        let hello = Hello {
            id: subscription.at(),
            is_reset,
            pops: if is_reset { first.len() } else { 0 },
        };
        meters.listens(listener);
        Ok(Listening {
            subscription,
            render,
            agent: agent.into(),
            first: first.into_iter(),
            hello: Some(hello),
            beats: beats(agent, desks.settings().heartbeat()),
            watch: Arc::clone(watch),
            meters: Arc::clone(meters),
            listener,
            ended: Ended::Gone,
        })
    }

    /// What comes next. After an end nothing does.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Told> {
        if let Some(hello) = self.hello.take() {
            self.watch.enter(Phase::Streaming);
            return Poll::Ready(Told::Hello(hello));
        }
        if self.watch.is_stopping() {
            return Poll::Ready(self.end(Ended::Stop));
        }
        // Ahead of messages, so that a flood of these does not keep alive what is to end.
        if self.beats.poll_tick(context).is_ready() {
            if !self.render.may_go_on() {
                return Poll::Ready(self.end(Ended::Rules));
            }
            return Poll::Ready(Told::Heartbeat);
        }
        if let Some(item) = self.first.next() {
            return Poll::Ready(Told::Item(item));
        }
        match self.subscription.poll_next(context) {
            Poll::Ready(Some(message)) => Poll::Ready(Told::Item(Item {
                message,
                is_place: true,
            })),
            Poll::Ready(None) if self.subscription.is_void() => Poll::Ready(self.end(Ended::Anew)),
            Poll::Ready(None) => Poll::Ready(self.end(Ended::Behind)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Says what the stream ends for.
    pub(super) fn end(&mut self, ended: Ended) -> Told {
        self.ended = ended;
        Told::End(ended)
    }

    /// Writes `hello` as one JSON object behind `out`.
    pub(super) fn write_hello(&self, hello: Hello, out: &mut BytesMut) {
        let json = serde_json::json!({
            "type": "hello",
            "id": hello.id,
            "epoch": self.render.epoch(),
            "agent": &*self.agent,
            "reset": hello.is_reset,
            "now": jiff::Timestamp::now().to_string(),
            "pops": hello.pops,
            "heartbeat_ms": self.beats.period().as_secs() * 1000,
        });
        out.extend_from_slice(json.to_string().as_bytes());
    }
}

impl Hello {
    /// The id behind which a desktop may come back that has been told nothing but this.
    pub(super) fn place(&self) -> Option<u64> {
        (self.is_reset && self.pops == 0).then_some(self.id)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.meters.listens_no_more(self.listener, self.ended);
        if self.watch.phase() == Phase::Streaming {
            self.watch.enter(Phase::Idle);
        }
    }
}

fn replayed(messages: Vec<Arc<Message>>) -> Vec<Item> {
    let item = |message| Item {
        message,
        is_place: true,
    };
    messages.into_iter().map(item).collect()
}

fn present(messages: Vec<Arc<Message>>) -> Vec<Item> {
    let last = messages.len().saturating_sub(1);
    let item = |(nth, message)| Item {
        message,
        is_place: nth == last,
    };
    messages.into_iter().enumerate().map(item).collect()
}

/// Heartbeats of `agent`'s stream. Where thousands of desktops come back at once after a restart, they do not beat at
/// once.
fn beats(agent: &str, period: Duration) -> Interval {
    let phase = u32::try_from(xxh3_64(agent.as_bytes()) >> 40).unwrap_or(0);
    let first = period * phase / (1 << 24);
    let mut beats = interval_at(Instant::now() + first, period);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beats
}
