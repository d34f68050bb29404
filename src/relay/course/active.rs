//! A relay that publishes.

use std::collections::VecDeque;

use super::durable::Durable;
use super::{Act, Bounds, End, Now, Order, Outbox, Report, Told, pause_ms};
use crate::feed::jetstream::marks::{Mark, Stamp, subject};
use crate::feed::source::{Event, Life, Row, SourceError, Standing, Unreadable};
use crate::relay::letter::Letter;
use crate::relay::window::Window;
use crate::replica::Change;

/// Something is published at least so often, in milliseconds.
const HEARTBEAT_MS: u64 = 1000;
/// How long a source's word that there is nothing more holds, in milliseconds.
const IDLE_HOLDS_MS: u64 = 3000;
/// How long a change waits to be told whether others belong to it, in milliseconds.
const HOLD_MS: u64 = 20;
/// Time between two looks at whether the copy is still there, in milliseconds.
const LOOK_MS: u64 = 5000;
/// Time between two copies of which the first was trimmed, in milliseconds: a stream may be too small for one.
const COPY_AGAIN_MS: u64 = 600_000;
/// Bytes that headers may take.
const HEADERS: usize = 2048;

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// The source is left alone until then.
    Resting(u64),
    Connecting,
    /// A copy was ordered, and its place is not known yet, or it has begun.
    Copying(Option<Copying>),
    Following,
}

#[derive(Debug, PartialEq, Eq)]
struct Copying {
    life: Life,
    expected: Option<u64>,
    /// Its first message, once that is published.
    begin: Option<u64>,
    rows: u64,
}

/// A change that is held back until it is known whether more belong to it.
#[derive(Debug)]
struct Held {
    payload: Vec<u8>,
    subject: &'static str,
    position: Vec<u8>,
    since: u64,
}

#[derive(Debug)]
pub(super) struct Active {
    epoch: u64,
    created_ns: i128,
    max_payload: usize,
    window: Window,
    phase: Phase,
    /// Where the source is with what was published; `None`: nothing was ever had of it.
    life: Option<Life>,
    position: Vec<u8>,
    /// Changes up to here were published already.
    skip: Vec<u8>,
    is_open: bool,
    held: Option<Held>,
    /// Why a copy has to be made before anything else.
    needs_copy: Option<String>,
    cannot_copy: bool,
    /// Why changes are missing, where the stream does not say so yet.
    missing: Option<String>,
    /// When the source said that there is nothing more, and how far it is behind itself.
    idle: Option<(u64, Option<u64>, i64)>,
    published_at: u64,
    look_at: u64,
    failures: u32,
    durable: Durable,
    /// The end of the last copy.
    copied: u64,
    /// When a copy was last found to be trimmed.
    trimmed_at: Option<u64>,
}

impl Active {
    pub(super) fn new(now: Now, epoch: u64, end: &End, window: Window, acts: &mut VecDeque<Act>) -> Active {
        let life = end.life();
        acts.push_back(Act::Order(Order::Connect(life.iter().cloned().collect())));
        Active {
            epoch,
            created_ns: end.created_ns,
            max_payload: end.max_payload,
            window,
            phase: Phase::Connecting,
            position: end
                .stamp()
                .map(|stamp| stamp.position.clone())
                .unwrap_or_default(),
            skip: Vec::new(),
            is_open: end.stamp().is_some_and(|stamp| stamp.more),
            held: None,
            needs_copy: end.needs_copy().map(str::to_owned),
            cannot_copy: false,
            missing: end.missing().map(str::to_owned),
            life,
            idle: None,
            published_at: now.ms,
            look_at: now.ms + LOOK_MS,
            failures: 0,
            durable: Durable::default(),
            copied: 0,
            trimmed_at: None,
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn created_ns(&self) -> i128 {
        self.created_ns
    }

    pub(super) fn has_room(&self) -> bool {
        self.window.has_room()
    }

    pub(super) fn looked(&mut self, now: Now, end: &End, acts: &mut VecDeque<Act>) {
        let is_copying = matches!(self.phase, Phase::Copying(_));
        if is_copying || self.cannot_copy || self.needs_copy.is_some() {
            return;
        }
        let Some(why) = end.needs_copy() else {
            return;
        };
        // What is seen of the stream may be older than the copy.
        if end.last < self.copied {
            return;
        }
        if self
            .trimmed_at
            .is_some_and(|at| now.ms < at.saturating_add(COPY_AGAIN_MS))
        {
            acts.push_back(Act::Tell(Told::TooSmall));
            return;
        }
        self.trimmed_at = Some(now.ms);
        self.needs_copy = Some(why.to_owned());
        self.connect(acts);
    }

    pub(super) fn stored(&mut self, now: Now, sequence: u64, bounds: &Bounds, acts: &mut VecDeque<Act>) {
        if let Some(place) = self.window.stored(sequence) {
            self.durable.reach(now.ms, place);
        }
        self.confirm(now, bounds, acts);
    }

    pub(super) fn reported(&mut self, now: Now, report: Report, out: &mut Outbox<'_>) {
        match report {
            Report::Standing(standing) => self.stands(now, standing, out),
            Report::Begun(life) => {
                self.phase = Phase::Copying(Some(Copying {
                    life,
                    expected: None,
                    begin: None,
                    rows: 0,
                }));
            }
            Report::Expect(rows) => {
                if let Phase::Copying(Some(copying)) = &mut self.phase {
                    copying.expected = Some(rows);
                }
            }
            Report::Row(row) => self.row(now, row, out),
            Report::Copied => self.copied(now, out),
            Report::Event(event) => self.event(now, event, out),
            Report::Failed(error) => self.failed(now, error, out),
        }
    }

    pub(super) fn tick(&mut self, now: Now, out: &mut Outbox<'_>) {
        if self
            .held
            .as_ref()
            .is_some_and(|held| now.ms >= held.since + HOLD_MS)
        {
            self.flush(now, true, out);
        }
        if matches!(self.phase, Phase::Resting(until) if now.ms >= until) {
            self.connect(out.acts);
        }
        if now.ms >= self.look_at {
            self.look_at = now.ms + LOOK_MS;
            out.acts.push_back(Act::Look);
        }
        if now.ms >= self.published_at + HEARTBEAT_MS && self.window.has_room() && self.held.is_none() {
            self.heartbeat(now, out);
        }
        self.confirm(now, out.bounds, out.acts);
    }

    fn confirm(&mut self, now: Now, bounds: &Bounds, acts: &mut VecDeque<Act>) {
        let before = now.ms.saturating_sub(bounds.confirm_after_ms);
        if let Some(token) = self
            .durable
            .due(before)
            .filter(|_| self.phase == Phase::Following)
        {
            acts.push_back(Act::Order(Order::Confirm(token)));
        }
    }

    pub(super) fn leave(&mut self, out: &mut Outbox<'_>) {
        let at = Now {
            ms: self.published_at,
            wall_ms: 0,
        };
        self.flush(at, true, out);
        self.mark(at, &Mark::Left, out);
    }

    fn connect(&mut self, acts: &mut VecDeque<Act>) {
        self.held = None;
        self.idle = None;
        self.phase = Phase::Connecting;
        acts.push_back(Act::Order(Order::Connect(self.life.iter().cloned().collect())));
    }

    fn stands(&mut self, now: Now, standing: Standing, out: &mut Outbox<'_>) {
        let why = match (&standing, &self.needs_copy) {
            (Standing::Copy { why }, _) => Some(why.clone()),
            (_, Some(why)) if !self.cannot_copy => Some(why.clone()),
            _ => None,
        };
        if let Some(why) = why {
            out.acts.push_back(Act::Tell(Told::Copying(why)));
            out.acts.push_back(Act::Order(Order::Copy));
            self.phase = Phase::Copying(None);
            return;
        }
        let (life, gap) = match standing {
            Standing::GoesOn(life) => (life, None),
            Standing::Gap { from, why } => (from, Some(why)),
            Standing::Copy { .. } => return,
        };
        let gap = gap.or_else(|| self.missing.take());
        let same = self
            .life
            .as_ref()
            .is_some_and(|known| known.incarnation == life.incarnation);
        if gap.is_some() || !same {
            self.position.clear();
        }
        self.skip = self.position.clone();
        self.life = Some(life.clone());
        if let Some(why) = gap {
            self.is_open = false;
            out.acts.push_back(Act::Tell(Told::Gap(why.clone())));
            self.mark(now, &Mark::Gap { why }, out);
        }
        self.phase = Phase::Following;
        out.acts.push_back(Act::Order(Order::Follow(life)));
    }

    fn begin(&mut self, now: Now, out: &mut Outbox<'_>) {
        let next = self.window.next();
        let Phase::Copying(Some(copying)) = &mut self.phase else {
            return;
        };
        if copying.begin.is_none() {
            copying.begin = Some(next);
            let rows = copying.expected;
            // Not a message earlier: whoever read one would take the place for one that was followed up to here.
            self.life = Some(copying.life.clone());
            self.position.clear();
            self.is_open = false;
            self.mark(now, &Mark::Begin { copy: next, rows }, out);
        }
    }

    fn row(&mut self, now: Now, row: Row, out: &mut Outbox<'_>) {
        self.begin(now, out);
        let line = match row {
            Row::Customer(customer) => serde_json::json!({"op": "upsert", "customer": customer}),
            Row::Case { customer_id, case } => {
                serde_json::json!({"op": "case", "customer_id": customer_id, "case": case})
            }
            Row::Interaction {
                customer_id,
                interaction,
            } => {
                serde_json::json!({"op": "interaction", "customer_id": customer_id, "interaction": interaction})
            }
            Row::Schema(schema) => serde_json::json!({"op": "schema", "schema": schema}),
            Row::Refused(unreadable) => return self.mark(now, &Mark::Refused(unreadable), out),
        };
        let payload = line.to_string().into_bytes();
        if let Some(refused) = self.too_long(&payload) {
            return self.mark(now, &refused, out);
        }
        if let Phase::Copying(Some(copying)) = &mut self.phase {
            copying.rows += 1;
        }
        self.publish(now, subject::COPY, payload, false, None, out);
    }

    fn copied(&mut self, now: Now, out: &mut Outbox<'_>) {
        self.begin(now, out);
        let Phase::Copying(Some(copying)) = &self.phase else {
            return;
        };
        let (copy, rows, life) = (copying.begin.unwrap_or(0), copying.rows, copying.life.clone());
        self.copied = self.window.next();
        self.mark(now, &Mark::Copied { copy, rows }, out);
        out.acts.push_back(Act::Tell(Told::Copied(rows)));
        self.needs_copy = None;
        self.missing = None;
        self.failures = 0;
        self.skip.clear();
        self.phase = Phase::Following;
        out.acts.push_back(Act::Order(Order::Follow(life)));
    }

    fn event(&mut self, now: Now, event: Event, out: &mut Outbox<'_>) {
        if self.phase != Phase::Following {
            return;
        }
        self.failures = 0;
        match event {
            Event::Change {
                position,
                at_ms,
                change,
            } => {
                self.idle = None;
                let is_known = position <= self.skip;
                // Behind the last that was published, what follows decides whether its group is complete.
                if position >= self.skip {
                    self.skip.clear();
                }
                if is_known {
                    return;
                }
                self.hold(now, subject::CHANGE, change.to_line(at_ms), position, out);
            }
            Event::Refused(unreadable) => {
                let mark = Mark::Refused(unreadable);
                let position = self
                    .held
                    .as_ref()
                    .map_or(&self.position, |held| &held.position)
                    .clone();
                self.hold(now, mark.subject(), mark.to_json(), position, out);
            }
            Event::Gap(why) => {
                let mark = Mark::Gap { why };
                let position = self
                    .held
                    .as_ref()
                    .map_or(&self.position, |held| &held.position)
                    .clone();
                self.hold(now, mark.subject(), mark.to_json(), position, out);
            }
            Event::Place { token, .. } => {
                if let Some(life) = &mut self.life {
                    life.token.clone_from(&token);
                }
                if self.held.is_some() {
                    self.flush(now, false, out);
                } else if !self.skip.is_empty() {
                    // It is ahead of what was published.
                } else if self.is_open {
                    self.is_open = false;
                    self.mark(now, &Mark::Alive, out);
                } else if !self.window.reach(&token) {
                    self.durable.reach(now.ms, token);
                }
            }
            Event::Idle { lag_ms } => {
                self.idle = Some((now.ms, lag_ms, now.wall_ms));
            }
        }
    }

    fn failed(&mut self, now: Now, error: SourceError, out: &mut Outbox<'_>) {
        let was_copying = matches!(self.phase, Phase::Copying(_));
        if matches!(&self.phase, Phase::Copying(Some(copying)) if copying.begin.is_some()) {
            // The place that was followed is given up already.
            self.missing = Some("a copy was cut off".to_owned());
        }
        match &error {
            SourceError::Lost(why) => {
                self.needs_copy = Some(why.clone());
                self.missing = Some(why.clone());
                self.cannot_copy = false;
            }
            // One that has nothing to copy may be followed all the same.
            SourceError::Unfit(_) if was_copying => self.cannot_copy = true,
            _ if was_copying && self.needs_copy.is_none() => {
                self.needs_copy = Some("a copy was cut off".to_owned())
            }
            _ => {}
        }
        self.held = None;
        self.idle = None;
        self.failures = self.failures.saturating_add(1);
        let pause = pause_ms(&out.bounds.instance, self.failures);
        self.phase = Phase::Resting(now.ms.saturating_add(pause));
        out.acts.push_back(Act::Tell(Told::Source(error)));
    }

    fn heartbeat(&mut self, now: Now, out: &mut Outbox<'_>) {
        match self.idle {
            Some((since, lag_ms, wall_ms)) if now.ms.saturating_sub(since) <= IDLE_HOLDS_MS => {
                let line = Change::Heartbeat.to_line(Some(wall_ms));
                self.publish(now, subject::CHANGE, line, self.is_open, lag_ms, out);
            }
            _ => self.mark(now, &Mark::Alive, out),
        }
    }

    fn hold(
        &mut self,
        now: Now,
        subject: &'static str,
        payload: Vec<u8>,
        position: Vec<u8>,
        out: &mut Outbox<'_>,
    ) {
        self.flush(now, true, out);
        let (subject, payload) = match self.too_long(&payload) {
            Some(refused) => (refused.subject(), refused.to_json()),
            None => (subject, payload),
        };
        self.held = Some(Held {
            payload,
            subject,
            position,
            since: now.ms,
        });
    }

    /// Publishes the change that is held; `more` where others may belong to it.
    fn flush(&mut self, now: Now, more: bool, out: &mut Outbox<'_>) {
        if let Some(held) = self.held.take() {
            self.position = held.position;
            self.publish(now, held.subject, held.payload, more, None, out);
        }
    }

    fn mark(&mut self, now: Now, mark: &Mark, out: &mut Outbox<'_>) {
        self.publish(now, mark.subject(), mark.to_json(), self.is_open, None, out);
    }

    fn too_long(&self, payload: &[u8]) -> Option<Mark> {
        let most = self.max_payload.saturating_sub(HEADERS);
        (payload.len() > most).then(|| {
            Mark::Refused(Unreadable {
                reason: format!(
                    "expected at most {most} bytes in a message, found {}; raise max_payload of the NATS servers",
                    payload.len()
                ),
                found: Vec::new(),
            })
        })
    }

    fn publish(
        &mut self,
        now: Now,
        subject: &'static str,
        payload: Vec<u8>,
        more: bool,
        lag_ms: Option<u64>,
        out: &mut Outbox<'_>,
    ) {
        let copy = match &self.phase {
            Phase::Copying(Some(copying)) => copying.begin,
            _ => None,
        };
        let place = self.life.as_ref().filter(|_| !more && copy.is_none());
        let id = out.id();
        let (sequence, after) = self.window.send(&id, place.map(|life| life.token.clone()));
        self.is_open = more;
        self.published_at = now.ms;
        out.acts.push_back(Act::Publish(Letter {
            subject,
            payload,
            stamp: Stamp {
                epoch: self.epoch,
                life: self.life.clone(),
                position: self.position.clone(),
                copy,
                more,
                lag_ms,
            },
            id,
            sequence,
            after,
        }));
    }
}
