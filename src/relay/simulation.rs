//! Relays against each other, with a broker and a source that do what the worst ones do.

use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::feed::jetstream::marks::subject;
use crate::replica::Change;

/// Numbers that look random, and are the same for the same seed.
struct Dice {
    state: u64,
    /// Nothing bad happens any more.
    is_calm: bool,
}

impl Dice {
    fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        xxhash_rust::xxh3::xxh3_64(&self.state.to_le_bytes())
    }

    fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    fn one_in(&mut self, odds: u64) -> bool {
        self.below(odds) == 0
    }

    /// Whether something bad happens.
    fn fault(&mut self, odds: u64) -> bool {
        self.one_in(odds) && !self.is_calm
    }
}

/// A stream that does what NATS does: it verifies what is expected of its end, and stores.
#[derive(Default)]
struct Broker {
    stored: Vec<Letter>,
    first: u64,
}

impl Broker {
    fn publish(&mut self, letter: Letter) -> Fate {
        let last = self.stored.len() as u64;
        if let Some(known) = self.stored.iter().position(|stored| stored.id == letter.id) {
            return Fate::Stored(known as u64 + 1);
        }
        let last_id = self.stored.last().map(|letter| letter.id.clone());
        if letter.sequence != last + 1 || letter.after.is_some() && letter.after != last_id {
            return Fate::Refused;
        }
        self.stored.push(letter);
        Fate::Stored(last + 1)
    }

    fn end(&self) -> End {
        let newest = |subject: &str| {
            let found = self
                .stored
                .iter()
                .enumerate()
                .rev()
                .find(|(_, letter)| letter.subject == subject);
            found.map(|(index, letter)| (index as u64 + 1, letter))
        };
        let whole = newest(subject::COPIED).and_then(|(_, letter)| letter.stamp.copy);
        End {
            created_ns: 1,
            first: self.first.max(1),
            last: self.stored.len() as u64,
            message: self.stored.last().map_or(Last::Nothing, |letter| {
                Last::of(
                    Some(letter.stamp.clone()),
                    &format!("r.{}", letter.subject),
                    &letter.payload,
                )
            }),
            whole: whole.filter(|copy| *copy >= self.first),
            begun: newest(subject::BEGIN)
                .map(|(sequence, _)| sequence)
                .filter(|begun| *begun >= self.first),
            max_payload: 1 << 20,
        }
    }
}

/// A source with changes 1, 2, 3, …, of which three always belong together.
struct Origin {
    made: u64,
    copies: u64,
    /// Nothing up to here can be followed any more.
    lost: u64,
}

/// What a relay's own connection to the source does.
enum Reading {
    Nothing,
    Copying { next: u64, end: u64, life: Option<Life> },
    Following { next: u64 },
}

struct Relay {
    course: Course,
    reading: Reading,
    reports: VecDeque<Report>,
    /// What is on its way to the broker; only a cut connection loses any of it, or lets it come late.
    sent: VecDeque<Letter>,
    late: Vec<Letter>,
    fates: VecDeque<(u64, u64, Fate)>,
    paused_until: u64,
}

impl Relay {
    fn new(instance: &str) -> Relay {
        Relay {
            course: Course::new(Bounds {
                name: instance.to_owned(),
                instance: instance.to_owned(),
                lease_ms: 3000,
                in_flight: 16,
                confirm_after_ms: 100,
            }),
            reading: Reading::Nothing,
            reports: VecDeque::new(),
            sent: VecDeque::new(),
            late: Vec::new(),
            fates: VecDeque::new(),
            paused_until: 0,
        }
    }

    fn step(&mut self, now: Now, dice: &mut Dice, broker: &mut Broker, origin: &mut Origin) {
        self.course.tick(now);
        while let Some((epoch, sequence, fate)) = self.fates.pop_front() {
            self.course.heard(now, epoch, sequence, fate);
        }
        self.read(dice, origin);
        while self.course.has_room() {
            let Some(report) = self.reports.pop_front() else {
                break;
            };
            self.course.reported(now, report);
            self.act(now, dice, broker, origin);
        }
        self.act(now, dice, broker, origin);
    }

    fn act(&mut self, now: Now, dice: &mut Dice, broker: &mut Broker, origin: &mut Origin) {
        while let Some(act) = self.course.act() {
            match act {
                Act::Look if dice.fault(10) => {
                    self.course
                        .cannot_look(now, SourceError::Away("no answer".into()));
                }
                // Requests overtake what is being stored.
                Act::Look => self.course.looked(now, broker.end()),
                Act::Publish(letter) => self.sent.push_back(letter),
                Act::Order(order) => self.order(order, dice, origin),
                Act::Tell(_) => {}
            }
        }
    }

    fn order(&mut self, order: Order, dice: &mut Dice, origin: &mut Origin) {
        if !matches!(order, Order::Confirm(_)) {
            self.reports.clear();
            self.reading = Reading::Nothing;
        }
        match order {
            Order::Connect(known) if dice.fault(12) => {
                let _known = known;
                self.reports
                    .push_back(Report::Failed(SourceError::Away("refused".into())));
            }
            Order::Connect(known) => {
                let standing = match known.last() {
                    Some(life) if number(&life.token) >= origin.lost => Standing::GoesOn(life.clone()),
                    _ => Standing::Copy { why: "lost".into() },
                };
                self.reports.push_back(Report::Standing(standing));
            }
            Order::Copy => {
                origin.copies += 1;
                let life = Life {
                    incarnation: format!("life-{}", origin.copies),
                    token: origin.made.to_string(),
                };
                let end = dice.below(8);
                self.reading = Reading::Copying {
                    next: 0,
                    end,
                    life: Some(life),
                };
            }
            Order::Follow(life) => {
                self.reading = Reading::Following {
                    next: number(&life.token) + 1,
                }
            }
            Order::Confirm(_) | Order::Close => {}
        }
    }

    fn read(&mut self, dice: &mut Dice, origin: &Origin) {
        match &mut self.reading {
            Reading::Nothing => {}
            Reading::Copying { next, end, life } => {
                if let Some(life) = life.take() {
                    self.reports.push_back(Report::Begun(life));
                } else if dice.fault(20) {
                    self.reports
                        .push_back(Report::Failed(SourceError::Away("broke".into())));
                    self.reading = Reading::Nothing;
                } else if next < end {
                    let row = serde_json::json!({"id": next.to_string()});
                    self.reports.push_back(Report::Row(Row::Customer(row)));
                    *next += 1;
                } else {
                    self.reports.push_back(Report::Copied);
                    self.reading = Reading::Nothing;
                }
            }
            Reading::Following { next } if *next <= origin.lost => {
                self.reports
                    .push_back(Report::Failed(SourceError::Lost("rolled over".into())));
                self.reading = Reading::Nothing;
            }
            Reading::Following { next } => {
                if dice.fault(60) {
                    self.reports
                        .push_back(Report::Failed(SourceError::Away("broke".into())));
                    self.reading = Reading::Nothing;
                    return;
                }
                for _ in 0..dice.below(4) {
                    if *next > origin.made {
                        self.reports
                            .push_back(Report::Event(Event::Idle { lag_ms: None }));
                        break;
                    }
                    let change = Change::Delete { id: next.to_string() };
                    self.reports.push_back(Report::Event(Event::Change {
                        position: next.to_be_bytes().to_vec(),
                        at_ms: None,
                        change,
                    }));
                    if *next % 3 == 0 {
                        let place = Event::Place {
                            token: next.to_string(),
                            position: String::new(),
                        };
                        self.reports.push_back(Report::Event(place));
                    }
                    *next += 1;
                }
            }
        }
    }

    /// Carries what was sent to the broker, or loses it.
    fn carry(&mut self, dice: &mut Dice, broker: &mut Broker) {
        if dice.fault(40) {
            // The connection is cut: what is on its way is lost, or comes late and out of order; nobody hears of it.
            for letter in std::mem::take(&mut self.sent) {
                let unknown = Fate::Unknown("cut".into());
                self.fates
                    .push_back((letter.stamp.epoch, letter.sequence, unknown));
                if dice.one_in(2) {
                    self.late.push(letter);
                }
            }
        }
        if !self.late.is_empty() && dice.one_in(3) {
            let index = usize::try_from(dice.below(self.late.len() as u64)).unwrap();
            broker.publish(self.late.swap_remove(index));
        }
        for _ in 0..dice.below(6) {
            let Some(letter) = self.sent.pop_front() else {
                break;
            };
            let (epoch, sequence) = (letter.stamp.epoch, letter.sequence);
            let fate = broker.publish(letter);
            let heard = if dice.fault(50) {
                Fate::Unknown("no answer".into())
            } else {
                fate
            };
            self.fates.push_back((epoch, sequence, heard));
        }
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}

/// Runs `relays` relays for `steps` steps; the broker, and how many changes the source made.
fn run(seed: u64, relays: usize, steps: u64) -> (Broker, u64) {
    let mut dice = Dice {
        state: seed,
        is_calm: false,
    };
    let mut broker = Broker::default();
    let mut origin = Origin {
        made: 0,
        copies: 0,
        lost: 0,
    };
    let mut relays: Vec<Relay> = (0..relays)
        .map(|index| Relay::new(&format!("relay-{index}")))
        .collect();
    let mut now = Now { ms: 0, wall_ms: 0 };
    for step in 0..steps {
        now.ms += dice.below(60);
        // In the last half nothing bad happens: whatever happened ahead of it, all must come right.
        dice.is_calm = step > steps / 2;
        if dice.one_in(3) && step < steps * 5 / 8 {
            origin.made += 3;
        }
        if dice.fault(900) {
            origin.lost = origin.made;
        }
        if dice.fault(900) {
            broker.first = broker.stored.len() as u64 / 2;
        }
        for relay in &mut relays {
            if now.ms < relay.paused_until && !dice.is_calm {
                // What it has sent is carried all the same.
                relay.carry(&mut dice, &mut broker);
                continue;
            }
            if dice.fault(300) {
                relay.paused_until = now.ms + dice.below(8000);
            }
            relay.step(now, &mut dice, &mut broker, &mut origin);
            relay.carry(&mut dice, &mut broker);
        }
    }
    (broker, origin.made)
}

/// What every stream must look like, whatever happened.
fn verify(seed: u64, broker: &Broker, made: u64) {
    let mut epoch = 0;
    let mut publisher = BTreeMap::new();
    // By incarnation: the newest change, and the copy that begins it.
    let mut expected: Option<(String, u64)> = None;
    let mut copying = None;
    let mut is_open = false;
    for (index, letter) in broker.stored.iter().enumerate() {
        let at = format!("seed {seed}, message {}: {letter:?}", index + 1);
        let stamp = &letter.stamp;
        assert!(stamp.epoch >= epoch, "an earlier epoch: {at}");
        epoch = stamp.epoch;
        let by = letter.id.split('.').next().unwrap().to_owned();
        assert_eq!(
            *publisher.entry(epoch).or_insert_with(|| by.clone()),
            by,
            "two in one epoch: {at}"
        );
        match letter.subject {
            subject::EPOCH => {
                assert_eq!(epoch, index as u64 + 1, "{at}");
                copying = None;
            }
            subject::BEGIN => {
                copying = Some(epoch);
                is_open = false;
                expected = None;
            }
            subject::COPY => assert_eq!(copying, Some(epoch), "a row outside of its copy: {at}"),
            subject::COPIED => {
                assert_eq!(copying.take(), Some(epoch), "{at}");
                let life = stamp.life.clone().unwrap();
                expected = Some((life.incarnation, number(&life.token)));
            }
            subject::CHANGE if stamp.position.is_empty() || letter.payload.starts_with(b"{\"at\"") => {}
            subject::CHANGE => {
                let Change::Delete { id } = Change::decode(&letter.payload).unwrap().change else {
                    continue;
                };
                let (incarnation, last) = expected.as_mut().expect(&at);
                assert_eq!(*incarnation, stamp.life.as_ref().unwrap().incarnation, "{at}");
                assert_eq!(number(&id), *last + 1, "a change is missing or comes again: {at}");
                *last += 1;
                is_open = true;
                if !stamp.more {
                    assert_eq!(*last % 3, 0, "a group is cut: {at}");
                }
            }
            _ => {}
        }
        if letter.subject != subject::CHANGE && is_open && !stamp.more {
            let (_, last) = expected.as_ref().expect(&at);
            assert_eq!(last % 3, 0, "a group is closed that is not complete: {at}");
        }
    }
    let (_, last) = expected.unwrap_or_else(|| panic!("seed {seed}: nothing is copied"));
    assert_eq!(last, made, "seed {seed}: changes were never published");
}

#[test]
fn the_stream_is_never_interleaved_and_nothing_is_missing_whoever_publishes() {
    for seed in 0..60 {
        let relays = 1 + usize::try_from(seed % 3).unwrap();
        let (broker, made) = run(seed, relays, 4000);
        verify(seed, &broker, made);
    }
}

#[test]
fn two_relays_take_turns() {
    // Otherwise the property above would be true of nothing.
    let mut turns = 0;
    for seed in 0..20 {
        let (broker, _) = run(seed, 2, 3000);
        let mut before: Option<String> = None;
        for letter in broker
            .stored
            .iter()
            .filter(|letter| letter.subject == subject::EPOCH)
        {
            let by = letter.id.split('.').next().unwrap().to_owned();
            turns += usize::from(before.as_ref().is_some_and(|before| *before != by));
            before = Some(by);
        }
    }
    assert!(turns > 20, "{turns} turns");
}
