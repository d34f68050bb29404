//! A replica as simple as it can be, which follows a source as the service does.

use std::collections::BTreeMap;
use std::future::pending;
use std::time::{Duration, Instant};

use ringside::feed::mapping::Mapping;
use ringside::feed::postgres::{Postgres as Source, Settings};
use ringside::feed::secure::Tls;
use ringside::feed::source::{Event, Life, Row, Rows, Source as _, SourceError, Standing};
use ringside::replica::{Change, Part, PartChange, PartGone};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// Longer than anything takes that works.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Customers, cases and interactions by their ids.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct State {
    pub(super) customers: BTreeMap<String, String>,
    pub(super) cases: BTreeMap<(String, String), String>,
    pub(super) interactions: BTreeMap<(String, String), String>,
}

#[derive(Debug, Default)]
pub(super) struct Replica {
    pub(super) state: State,
    pub(super) schema: Option<Value>,
    pub(super) refused: u64,
    pub(super) changes: u64,
    pub(super) expected: u64,
    /// The lag that was said last, and how often there was nothing more.
    pub(super) lag_ms: Option<u64>,
    pub(super) idle: u64,
    position: Vec<u8>,
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(text).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

impl Replica {
    fn customer(&mut self, customer: &Value) {
        let rest = format!(
            "{}|{}|{}",
            text(&customer["name"]),
            text(&customer["phones"]),
            text(&customer["company"])
        );
        self.state.customers.insert(text(&customer["id"]), rest);
    }

    fn case(&mut self, customer: String, case: &Value) {
        self.state
            .cases
            .insert((customer, text(&case["id"])), text(&case["title"]));
    }

    fn interaction(&mut self, customer: String, interaction: &Value) {
        self.state
            .interactions
            .insert((customer, text(&interaction["id"])), text(&interaction["type"]));
    }

    fn change(&mut self, change: Change) {
        self.changes += 1;
        match change {
            Change::Upsert { customer } => self.customer(&customer.json().to_value()),
            Change::Delete { id } => {
                self.state.customers.remove(&id);
            }
            Change::Part { customer_id, part } => match part {
                PartChange::Case(Part::Put(case)) => {
                    let title = case.title.clone().unwrap_or_default();
                    self.state.cases.insert((customer_id, case.id.clone()), title);
                }
                PartChange::Case(Part::Delete(id)) => {
                    self.state.cases.remove(&(customer_id, id));
                }
                PartChange::Interaction(Part::Put(interaction)) => {
                    let kind = interaction.kind.clone().unwrap_or_default();
                    self.state
                        .interactions
                        .insert((customer_id, interaction.id.clone()), kind);
                }
                PartChange::Interaction(Part::Delete(id)) => {
                    self.state.interactions.remove(&(customer_id, id));
                }
            },
            Change::Gone(PartGone::Case(_) | PartGone::Interaction(_)) => {
                panic!("every deletion of these tables says whose it was")
            }
            Change::Schema { attributes } => self.schema = Some(attributes),
            other => panic!("{other:?}"),
        }
    }
}

impl Rows for Replica {
    fn expect(&mut self, rows: u64) {
        self.expected = rows;
    }

    fn put(&mut self, row: Row) -> Result<(), SourceError> {
        match row {
            Row::Schema(schema) => self.schema = Some(schema),
            Row::Customer(customer) => self.customer(&customer),
            Row::Case { customer_id, case } => self.case(customer_id, &case),
            Row::Interaction {
                customer_id,
                interaction,
            } => self.interaction(customer_id, &interaction),
            Row::Refused(_) => self.refused += 1,
        }
        Ok(())
    }
}

pub(super) struct Follower {
    runtime: Runtime,
    source: Source,
    pub(super) replica: Replica,
    /// What is kept, as the service keeps it.
    pub(super) known: Vec<Life>,
    /// Why everything was copied, each time.
    pub(super) copies: Vec<String>,
    /// Failures that were tried again.
    pub(super) away: Vec<String>,
    /// Whether what is durable is said to the server.
    pub(super) confirms: bool,
    following: bool,
}

impl Follower {
    pub(super) fn new(settings: Settings, mapping: Mapping) -> Follower {
        Follower::with(settings, Tls::default(), mapping)
    }

    pub(super) fn with(settings: Settings, tls: Tls, mapping: Mapping) -> Follower {
        Follower {
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            source: Source::new(settings, tls, mapping),
            replica: Replica::default(),
            known: Vec::new(),
            copies: Vec::new(),
            away: Vec::new(),
            confirms: true,
            following: false,
        }
    }

    /// Follows until `holds`; what only a person can mend ends it.
    ///
    /// # Errors
    /// What a person has to mend.
    pub(super) fn try_until(
        &mut self,
        what: &str,
        mut holds: impl FnMut(&Follower) -> bool,
    ) -> Result<(), String> {
        let began = Instant::now();
        while !holds(self) {
            assert!(
                began.elapsed() < PATIENCE,
                "waited in vain until {what}; {:?}, {:?}",
                self.copies,
                self.away
            );
            match self.step() {
                Ok(()) => {}
                Err(SourceError::Unfit(why)) => {
                    self.following = false;
                    return Err(why);
                }
                Err(SourceError::Lost(why)) => {
                    self.following = false;
                    self.copies.push(why);
                    self.known.clear();
                }
                Err(other) => {
                    self.following = false;
                    self.away.push(other.to_string());
                    let moment = Duration::from_millis(20);
                    let _waited = self
                        .runtime
                        .block_on(async { timeout(moment, pending::<()>()).await });
                }
            }
        }
        Ok(())
    }

    /// The same, where nothing is to be mended.
    pub(super) fn until(&mut self, what: &str, holds: impl FnMut(&Follower) -> bool) {
        if let Err(why) = self.try_until(what, holds) {
            panic!("until {what}: {why}");
        }
    }

    /// Until it follows, copying where it has to.
    pub(super) fn until_following(&mut self) {
        self.until("it follows", |follower| follower.following);
    }

    fn step(&mut self) -> Result<(), SourceError> {
        if !self.following {
            return self.begin();
        }
        // Whoever waits may stop: what was stopped must not be lost.
        let next = self
            .runtime
            .block_on(async { timeout(Duration::from_millis(15), self.source.next()).await });
        let Ok(event) = next else {
            return Ok(());
        };
        match event? {
            Event::Change { position, change, .. } => {
                assert_eq!(position.len(), 16);
                assert!(position > self.replica.position, "positions go on");
                self.replica.position = position;
                self.replica.change(change);
            }
            Event::Refused(_) => self.replica.refused += 1,
            Event::Gap(why) => panic!("{why}"),
            Event::Place { token, .. } => {
                self.known.last_mut().unwrap().token.clone_from(&token);
                if self.confirms {
                    self.source.confirm(&token);
                }
            }
            Event::Idle { lag_ms } => {
                self.replica.lag_ms = lag_ms;
                self.replica.idle += 1;
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), SourceError> {
        let source = &mut self.source;
        let standing = self.runtime.block_on(source.connect(&self.known))?;
        let life = match standing {
            Standing::GoesOn(life) => life,
            Standing::Gap { why, .. } => panic!("{why}"),
            Standing::Copy { why } => {
                self.copies.push(why);
                let mut copied = Replica::default();
                let life = self.runtime.block_on(async {
                    let life = source.begin_copy().await?;
                    source.copy(&mut copied).await?;
                    Ok::<_, SourceError>(life)
                })?;
                self.replica = copied;
                self.known = vec![life.clone()];
                life
            }
        };
        // What is delivered again stands where it stood.
        self.replica.position.clear();
        self.runtime.block_on(source.follow(&life))?;
        self.following = true;
        Ok(())
    }

    /// As if the service had been killed: what was kept is there, and nobody said farewell.
    pub(super) fn kill(&mut self, settings: Settings, mapping: Mapping) {
        let _within = self.runtime.enter();
        self.source = Source::new(settings, Tls::default(), mapping);
        self.following = false;
    }

    /// Ends as a person would end the service.
    pub(super) fn close(&mut self) {
        self.runtime.block_on(self.source.close());
        self.following = false;
    }
}
