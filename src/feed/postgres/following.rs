//! Following: what arrives, what has to be asked for beside it, and how far behind we are.

use std::collections::{HashMap, VecDeque};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use pgwire_replication::Lsn;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::catalogue::{self, end_of_log, kinds};
use super::changes::{Changes, Followed, Missing, Step, place};
use super::checks;
use super::copying::{attributes, select_one};
use super::facts::{Facts, IdentityBy, Publication, Table};
use super::identity::{fingerprint, read_columns};
use super::pgoutput::Relation;
use super::session::Session;
use super::settings::Settings;
use super::stream::{Arrival, Streaming};
use super::types::Kinds;
use super::visible::until_visible;
use super::wanted::found_by;
use crate::feed::mapping::Mapping;
use crate::feed::source::{Event, SourceError};

/// How often it is said that there is nothing more.
const TICK: Duration = Duration::from_secs(1);
/// How often it is looked whether the tables and the publication are still what they were.
const CHECK: Duration = Duration::from_secs(60);

/// What is followed, and how it was when that began.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) session: Arc<Session>,
    pub(super) facts: Arc<Facts>,
    pub(super) publication: Publication,
    pub(super) settings: Settings,
    pub(super) mapping: Mapping,
    pub(super) fingerprint: u64,
    /// The longest that the server may take for anything.
    pub(super) patience: Duration,
}

impl Subject {
    async fn until_visible(&self, xid: u32) -> Result<(), SourceError> {
        until_visible(&self.session, xid, self.patience).await
    }
}

pub(super) struct Following {
    subject: Arc<Subject>,
    streaming: Streaming,
    changes: Changes,
    ready: VecDeque<Event>,
    /// What has to be known ahead of the next message.
    work: Option<Work>,
    /// What is asked beside the stream.
    look: Option<Task<Look>>,
    /// Everything ahead of this has arrived.
    reached: Lsn,
    /// Where one can go on, as was said last.
    placed: Lsn,
    lag: Lag,
    tick: Instant,
    check: Instant,
}

enum Work {
    Read(Box<Missing>, Task<Option<Vec<Option<String>>>>),
    Kinds(Relation, Task<Kinds>),
    Schema(Lsn, Task<Vec<Value>>),
}

enum Look {
    /// Where the log ended, and when that was asked.
    End(Instant, Lsn),
    /// Everything is what it was.
    Same,
}

/// A question to the server. It goes on when whoever waits for the answer stops waiting, and comes back.
struct Task<T>(JoinHandle<Result<T, SourceError>>);

impl<T: Send + 'static> Task<T> {
    fn new(question: impl Future<Output = Result<T, SourceError>> + Send + 'static) -> Task<T> {
        Task(tokio::spawn(question))
    }

    async fn answer(&mut self) -> Result<T, SourceError> {
        let failed = |error| {
            Err(SourceError::Away(format!(
                "PostgreSQL: a question ended: {error}"
            )))
        };
        (&mut self.0).await.unwrap_or_else(failed)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How far behind we are: the time since which not everything has arrived that the server had.
#[derive(Debug)]
struct Lag {
    /// As of when everything has arrived; `None` ahead of the first time: what the server had when we came is not known
    /// to be here.
    as_of: Option<Instant>,
    /// Where the log ended at a time, and whether it has arrived is not known.
    asked: Option<(Instant, Lsn)>,
}

impl Lag {
    /// The log ended at `end`.
    fn ask(&mut self, now: Instant, end: Lsn) {
        self.asked.get_or_insert((now, end));
    }

    /// Everything ahead of `reached` has arrived. Whether that is news.
    fn reach(&mut self, reached: Lsn) -> bool {
        match self.asked {
            Some((at, end)) if reached >= end => {
                self.as_of = Some(at);
                self.asked = None;
                true
            }
            _ => false,
        }
    }

    /// Everything has arrived as of so many milliseconds ahead of `now`; `None` where that cannot be said.
    fn ms(&self, now: Instant) -> Option<u64> {
        let behind = now.saturating_duration_since(self.as_of?);
        Some(u64::try_from(behind.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Following {
    pub(super) async fn new(
        streaming: Streaming,
        from: Lsn,
        subject: Subject,
    ) -> Result<Following, SourceError> {
        let mut tables = HashMap::new();
        for (target, table) in &subject.facts.tables {
            let Some(table) = table else { continue };
            let followed = Followed {
                entity: target.entity,
                schema: target.schema.clone(),
                name: target.name.clone(),
                columns: read_columns(&subject.publication, table, target, &subject.mapping)
                    .map(|column| (column.name.clone(), column.type_oid))
                    .collect(),
                key: key(table, subject.mapping.id_paths(target.entity)),
            };
            tables.insert(table.oid, followed);
        }
        let now = Instant::now();
        let kinds = kinds(&subject.session).await?;
        Ok(Following {
            changes: Changes::new(subject.mapping.clone(), tables, kinds),
            subject: Arc::new(subject),
            streaming,
            ready: VecDeque::new(),
            work: None,
            look: None,
            reached: from,
            placed: from,
            lag: Lag {
                as_of: None,
                asked: None,
            },
            tick: now,
            check: now + CHECK,
        })
    }

    /// What comes next. Whoever waits may stop.
    pub(super) async fn next(&mut self) -> Result<Event, SourceError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            if self.work.is_some() {
                self.work().await?;
                continue;
            }
            self.look_aside();
            let wake = self.tick.min(self.check);
            tokio::select! {
                biased;
                arrival = self.streaming.next() => self.take(arrival?)?,
                look = answer_of(&mut self.look) => {
                    self.look = None;
                    self.looked(look?);
                }
                () = sleep_until(wake), if self.look.is_none() => {}
            }
        }
    }

    /// Asks beside the stream what is to be asked by now.
    fn look_aside(&mut self) {
        let now = Instant::now();
        if self.look.is_some() || now < self.tick.min(self.check) {
            return;
        }
        let subject = Arc::clone(&self.subject);
        if now >= self.check {
            self.check = now + CHECK;
            self.look = Some(Task::new(
                async move { check(&subject).await.map(|()| Look::Same) },
            ));
        } else {
            self.tick = now + TICK;
            self.look = Some(Task::new(async move {
                end_of_log(&subject.session).await.map(|end| Look::End(now, end))
            }));
        }
    }

    fn looked(&mut self, look: Look) {
        if let Look::End(at, end) = look {
            let was_behind = self.lag.asked.is_some();
            self.lag.ask(at, end);
            // What has just been asked may be on its way; what was asked a while ago is late.
            if self.lag.reach(self.reached) || was_behind {
                let idle = self.idle();
                self.ready.extend(idle);
            }
        }
    }

    /// Everything ahead of `place` is durable.
    pub(super) fn confirm(&self, place: Lsn) {
        self.streaming.confirm(place);
    }

    pub(super) async fn close(self) {
        self.streaming.close().await;
    }

    fn take(&mut self, arrival: Arrival) -> Result<(), SourceError> {
        match arrival {
            Arrival::Message(message) => {
                self.tick = Instant::now() + TICK;
                match self.changes.take(message)? {
                    Step::Events(events) => self.deliver(events),
                    Step::Read(missing) => {
                        let sql = self.select(&missing)?;
                        let subject = Arc::clone(&self.subject);
                        let xid = missing.xid;
                        let reading = Task::new(async move {
                            subject.until_visible(xid).await?;
                            let rows = subject.session.rows("reading a row again", &sql).await?;
                            Ok(rows.into_iter().next())
                        });
                        self.work = Some(Work::Read(missing, reading));
                    }
                    Step::Kinds(relation) => {
                        let subject = Arc::clone(&self.subject);
                        let asking = Task::new(async move { kinds(&subject.session).await });
                        self.work = Some(Work::Kinds(relation, asking));
                    }
                    Step::Schema { end, xid } => {
                        let subject = Arc::clone(&self.subject);
                        let reading = Task::new(async move {
                            subject.until_visible(xid).await?;
                            schema(&subject).await
                        });
                        self.work = Some(Work::Schema(end, reading));
                    }
                }
            }
            // In the middle of a transaction the server is ahead of what it has sent.
            Arrival::Reached(lsn) if !self.changes.is_within() => self.reach(lsn),
            Arrival::Reached(_) => {}
        }
        Ok(())
    }

    fn deliver(&mut self, events: Vec<Event>) {
        for event in events {
            if let Event::Place { token, .. } = &event
                && let Ok(lsn) = token.parse()
            {
                self.placed = lsn;
                self.reach(lsn);
            }
            self.ready.push_back(event);
        }
    }

    fn reach(&mut self, lsn: Lsn) {
        self.reached = self.reached.max(lsn);
        if self.lag.reach(self.reached) {
            let idle = self.idle();
            self.ready.extend(idle);
        }
    }

    /// That there is nothing more, and where one can go on.
    fn idle(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let (Some(lag_ms), false) = (self.lag.ms(Instant::now()), self.changes.is_within()) else {
            return events;
        };
        if self.reached > self.placed {
            self.placed = self.reached;
            events.push(place(self.reached));
        }
        events.push(Event::Idle { lag_ms: Some(lag_ms) });
        events
    }

    /// Waits for what has to be known, and goes on with it.
    async fn work(&mut self) -> Result<(), SourceError> {
        match &mut self.work {
            Some(Work::Read(_, reading)) => {
                let texts = reading.answer().await?;
                if let Some(Work::Read(missing, _)) = self.work.take() {
                    let document = texts.map(|texts| self.changes.document_of(missing.relation, &texts));
                    let events = self.changes.found(*missing, document);
                    self.deliver(events);
                }
            }
            Some(Work::Kinds(_, asking)) => {
                let kinds = asking.answer().await?;
                if let Some(Work::Kinds(relation, _)) = self.work.take() {
                    self.changes.learn(kinds);
                    self.changes.describe(relation)?;
                }
            }
            Some(Work::Schema(_, reading)) => {
                let documents = reading.answer().await?;
                if let Some(Work::Schema(end, _)) = self.work.take() {
                    let events = self.changes.schema(&documents, end);
                    self.deliver(events);
                }
            }
            None => {}
        }
        Ok(())
    }

    /// The statement that reads the row of which something did not come.
    fn select(&self, missing: &Missing) -> Result<String, SourceError> {
        let found = self.subject.facts.tables.iter().find_map(|(target, table)| {
            let table = table.as_ref().filter(|table| table.oid == missing.relation)?;
            Some((target, table))
        });
        let Some((target, table)) = found.filter(|_| !missing.key.is_empty()) else {
            return Err(SourceError::Lost(
                "a row came of which something did not, and without a key to read it by".into(),
            ));
        };
        let columns = self.changes.read_columns(missing.relation);
        Ok(select_one(target, table, &columns, &missing.key))
    }
}

/// The answer, as soon as there is one; without a question there never is.
async fn answer_of(look: &mut Option<Task<Look>>) -> Result<Look, SourceError> {
    match look {
        Some(task) => task.answer().await,
        None => pending().await,
    }
}

/// The documents of the schema's attributes.
async fn schema(subject: &Subject) -> Result<Vec<Value>, SourceError> {
    let Subject {
        session,
        facts,
        publication,
        mapping,
        ..
    } = subject;
    let kinds = kinds(session).await?;
    attributes(session, facts, publication, mapping, &kinds).await
}

/// Whether everything is still what it was: a table that is no longer published changes without a word.
async fn check(subject: &Subject) -> Result<(), SourceError> {
    let settings = &subject.settings;
    let targets: Vec<_> = subject
        .facts
        .tables
        .iter()
        .map(|(target, _)| target.clone())
        .collect();
    let facts = catalogue::facts(&subject.session, &targets, &settings.publication, &settings.slot).await?;
    checks::check(&facts, settings, &subject.mapping)?;
    let now = facts
        .publication
        .as_ref()
        .map(|publication| fingerprint(&facts, publication, settings, &subject.mapping));
    if now == Some(subject.fingerprint) {
        return Ok(());
    }
    Err(SourceError::Lost(
        "the publication, or a followed table or its columns, was altered, and changes may be missing".into(),
    ))
}

/// The columns by which a row of `table` is read again.
fn key(table: &Table, id_paths: &[String]) -> Vec<String> {
    let mut key: Vec<String> = Vec::new();
    for identity in &table.identities {
        if let IdentityBy::Columns(columns) = &identity.by {
            key.extend(
                columns
                    .iter()
                    .filter(|column| !key.contains(column))
                    .cloned()
                    .collect::<Vec<_>>(),
            );
        }
    }
    if key.is_empty() {
        key = found_by(table, id_paths)
            .into_iter()
            .map(|column| column.name.clone())
            .collect();
    }
    key
}

#[cfg(test)]
mod tests {
    use super::super::checks::tests::table;
    use super::*;

    #[test]
    fn behind_is_what_has_not_arrived_of_what_was_there() {
        let start = Instant::now();
        let after = |ms: u64| start + Duration::from_millis(ms);
        let mut lag = Lag {
            as_of: None,
            asked: None,
        };
        assert_eq!(lag.ms(after(5000)), None, "nobody has asked");
        lag.ask(after(1000), Lsn(100));
        assert!(!lag.reach(Lsn(99)));
        assert_eq!(lag.ms(after(3000)), None, "hours may be missing yet");
        lag.ask(after(3000), Lsn(500));
        assert!(
            lag.reach(Lsn(100)),
            "the first question counts until it is answered"
        );
        assert_eq!(
            lag.ms(after(3000)),
            Some(2000),
            "what came since the question is not known of"
        );
        lag.ask(after(4000), Lsn(600));
        assert_eq!(
            lag.ms(after(4500)),
            Some(3500),
            "everything has arrived as of the first question"
        );
        assert!(lag.reach(Lsn(700)) && !lag.reach(Lsn(700)));
    }

    #[test]
    fn a_row_is_read_again_by_its_identity() {
        let mut table = table(&["id", "name"]);
        let paths = ["id".to_owned()];
        assert_eq!(key(&table, &paths), ["id"]);
        table.identities[0].by = IdentityBy::Full;
        assert_eq!(key(&table, &paths), ["id"]);
        table.identities[0].by = IdentityBy::Columns(["a", "b"].map(str::to_owned).into());
        assert_eq!(key(&table, &paths), ["a", "b"]);
    }
}
