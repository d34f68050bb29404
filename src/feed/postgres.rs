//! PostgreSQL, followed by logical replication (`pgoutput`): a slot that exports a snapshot, a copy of the tables as of
//! that, and every transaction behind it, in the order of the commits.
//!
//! A position is a commit's place in the log and an ordinal within its transaction; a token is the place in the log
//! ahead of which everything has been delivered. Two connections are used: one speaks replication, the other runs
//! statements. Nothing is made on the server before everything has been looked at that could hurt it.

mod catalogue;
mod changes;
mod checks;
mod copying;
mod facts;
mod following;
mod identity;
mod pgoutput;
mod session;
mod settings;
mod sql;
mod stream;
mod types;
mod visible;
mod wanted;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use pgwire_replication::Lsn;
use tokio::time::sleep;

use super::mapping::{Entity, Mapping};
use super::secure::Tls;
use super::source::{Event, Life, Rows, Source, SourceError, Standing};
use checks::{application_name, check, create_publication};
use facts::{Facts, Publication, Target};
use following::{Following, Subject};
use session::Session;
use settings::Endpoint;
use stream::Streaming;
use wire::Wire;

pub use settings::{Settings, SslMode};

/// How often, and with what time between, a slot is asked for that somebody holds: who has just gone needs a moment.
const ASKED_AGAIN: u32 = 10;
const BETWEEN: Duration = Duration::from_millis(200);

/// A PostgreSQL server as a source.
pub struct Postgres {
    settings: Settings,
    tls: Tls,
    mapping: Mapping,
    targets: Vec<Target>,
    /// What is known since the last `connect`.
    connected: Option<Connected>,
    following: Option<Following>,
    /// The server's process at the other end of our last stream.
    last_process: Option<String>,
}

struct Connected {
    endpoint: Endpoint,
    session: Arc<Session>,
    facts: Arc<Facts>,
    /// Of the publication, tables and mapping; `None` where there is no publication yet.
    fingerprint: Option<u64>,
}

impl Postgres {
    /// A source that follows the tables which `mapping` names. Connects to nothing.
    pub fn new(settings: Settings, tls: Tls, mapping: Mapping) -> Postgres {
        let targets = Entity::ALL
            .into_iter()
            .filter_map(|entity| Some(Target::new(entity, mapping.from(entity)?)))
            .collect();
        Postgres {
            settings,
            tls,
            mapping,
            targets,
            connected: None,
            following: None,
            last_process: None,
        }
    }

    async fn look(&self, session: &Session) -> Result<Facts, SourceError> {
        let settings = &self.settings;
        let facts = catalogue::facts(session, &self.targets, &settings.publication, &settings.slot).await?;
        check(&facts, settings, &self.mapping)?;
        Ok(facts)
    }

    fn fingerprint(&self, facts: &Facts) -> Option<u64> {
        let publication = facts.publication.as_ref()?;
        Some(identity::fingerprint(
            facts,
            publication,
            &self.settings,
            &self.mapping,
        ))
    }

    /// That nobody else holds our slot.
    async fn free_slot(&self, session: &Session, facts: &mut Facts) -> Result<(), SourceError> {
        let slot = &self.settings.slot;
        for _ in 0..ASKED_AGAIN {
            let Some(holder) = facts.slot.as_ref().and_then(|slot| slot.holder.clone()) else {
                return Ok(());
            };
            // A connection of ours that broke, and of which the server does not know yet.
            if self.last_process.as_ref() == Some(&holder.pid) {
                let end = format!("SELECT pg_terminate_backend({})", holder.pid);
                session.run("ending our last connection", &end).await?;
            }
            sleep(BETWEEN).await;
            *facts = self.look(session).await?;
        }
        match facts.slot.as_ref().and_then(|slot| slot.holder.as_ref()) {
            None => Ok(()),
            Some(holder) => Err(SourceError::Unfit(format!(
                "expected slot {slot} to be ours alone, found process {} ({}) on it: give each feed and each node a slot \
                 of its own, or end that one: SELECT pg_terminate_backend({});",
                holder.pid, holder.name, holder.pid
            ))),
        }
    }

    async fn wire(&mut self) -> Result<Wire, SourceError> {
        let connected = self.connected.as_ref().ok_or_else(not_connected)?;
        let wire = Wire::connect(&connected.endpoint, &application_name(&self.settings)).await?;
        self.last_process = wire.process();
        Ok(wire)
    }

    fn connected(&self) -> Result<(&Connected, &Publication, u64), SourceError> {
        let connected = self.connected.as_ref().ok_or_else(not_connected)?;
        match (&connected.facts.publication, connected.fingerprint) {
            (Some(publication), Some(fingerprint)) => Ok((connected, publication, fingerprint)),
            _ => Err(not_connected()),
        }
    }
}

fn not_connected() -> SourceError {
    SourceError::Away("PostgreSQL: not connected".into())
}

impl Source for Postgres {
    async fn connect(&mut self, known: &[Life]) -> Result<Standing, SourceError> {
        self.following = None;
        self.connected = None;
        let endpoint = self.settings.endpoint(&self.tls)?;
        let session = Session::connect(&endpoint).await?;
        let mut facts = self.look(&session).await?;
        self.free_slot(&session, &mut facts).await?;
        let fingerprint = self.fingerprint(&facts);
        let standing = identity::standing(&facts, known, fingerprint, &self.settings.slot);
        self.connected = Some(Connected {
            endpoint,
            session: Arc::new(session),
            facts: Arc::new(facts),
            fingerprint,
        });
        Ok(standing)
    }

    async fn begin_copy(&mut self) -> Result<Life, SourceError> {
        self.following = None;
        let mut wire = self.wire().await?;
        let mut connected = self.connected.take().ok_or_else(not_connected)?;
        if connected.facts.publication.is_none() {
            let create = create_publication(&connected.facts, &self.settings);
            let created = connected.session.run("creating the publication", &create).await;
            if let Err(SourceError::Unfit(why)) = created {
                return Err(SourceError::Unfit(format!(
                    "{why}; or run, as the tables' owner,\n  {create};"
                )));
            }
            created?;
            connected.facts = Arc::new(self.look(&connected.session).await?);
            connected.fingerprint = self.fingerprint(&connected.facts);
        }
        let exists = connected.facts.slot.is_some();
        let from = copying::begin(&connected.session, &mut wire, &self.settings.slot, exists).await?;
        wire.terminate().await?;
        self.connected = Some(connected);
        let (connected, _, fingerprint) = self.connected()?;
        Ok(identity::begin(&connected.facts, from, fingerprint))
    }

    async fn copy(&mut self, rows: &mut dyn Rows) -> Result<(), SourceError> {
        let (connected, publication, _) = self.connected()?;
        let session = &connected.session;
        let kinds = catalogue::kinds(session).await?;
        copying::copy(
            session,
            &connected.facts,
            publication,
            &self.mapping,
            &kinds,
            rows,
        )
        .await
    }

    async fn follow(&mut self, from: &Life) -> Result<(), SourceError> {
        self.following = None;
        let place: Lsn = from
            .token
            .parse()
            .map_err(|_| SourceError::Lost("what is kept is no place in a log of PostgreSQL".into()))?;
        let mut wire = self.wire().await?;
        let (connected, publication, fingerprint) = self.connected()?;
        let identified = wire.rows("asking what server it is", "IDENTIFY_SYSTEM").await?;
        let server = &connected.facts.server;
        let said = identified
            .first()
            .map(|row| (row.first().cloned().flatten(), row.get(1).cloned().flatten()));
        if said != Some((Some(server.system.clone()), Some(server.timeline.to_string()))) {
            return Err(SourceError::Away(
                "PostgreSQL: two connections reached two servers, or the server has just changed its timeline".into(),
            ));
        }
        let start = format!(
            "START_REPLICATION SLOT {} LOGICAL {place} (proto_version '1', publication_names '{}')",
            self.settings.slot, self.settings.publication
        );
        wire.start(&start).await?;
        let streaming = Streaming::new(wire, place, connected.endpoint.silence);
        let subject = Subject {
            session: Arc::clone(&connected.session),
            facts: Arc::clone(&connected.facts),
            publication: publication.clone(),
            settings: self.settings.clone(),
            mapping: self.mapping.clone(),
            fingerprint,
            patience: connected.endpoint.silence,
        };
        self.following = Some(Following::new(streaming, place, subject).await?);
        Ok(())
    }

    async fn next(&mut self) -> Result<Event, SourceError> {
        match &mut self.following {
            Some(following) => following.next().await,
            None => Err(not_connected()),
        }
    }

    fn confirm(&mut self, token: &str) {
        if let (Some(following), Ok(place)) = (&self.following, token.parse()) {
            following.confirm(place);
        }
    }

    async fn close(&mut self) {
        if let Some(following) = self.following.take() {
            following.close().await;
        }
        self.connected = None;
    }
}
