//! MongoDB's change streams, 4.4 to 6.0: a database of a replica set is copied and followed.
//!
//! The obvious hand-over from copy to stream loses changes: a read sees what is majority-committed on its own server, which
//! may be behind where the stream began. Here the stream is opened first, and then everything is read as of a cluster time
//! that the primary named after that, with read concern `majority` and `afterClusterTime`; thus whatever the stream does not
//! give, the copy has.

mod bson;
mod diagnosis;
mod events;
mod server;
mod settings;
mod tail;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::mongodb::bson::{Document, RawDocumentBuf, Timestamp, doc};
use ::mongodb::change_stream::event::ResumeToken;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::mapping::{Entity, Mapping};
use super::secure::Tls;
use super::source::{Event, Life, Row, Rows, Source, SourceError, Standing};
use events::Reader;
use server::{Server, told};
pub use settings::{ReadPreference, Settings};
use tail::Tail;

/// How long the majority may take to reach the place at which a copy is read.
const MAJORITY_WITHIN: Duration = Duration::from_secs(30);
/// How often one looks whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A database of a replica set.
#[derive(Debug)]
pub struct MongoDb {
    settings: Settings,
    tls: Tls,
    mapping: Arc<Mapping>,
    server: Option<Server>,
    /// Where the copy is read, once its place in the stream is taken.
    read_at: Option<Timestamp>,
    schema: Option<Value>,
    tail: Option<Tail>,
}

impl MongoDb {
    /// The database that `settings` name, whose documents mean what `mapping` says.
    pub fn new(settings: Settings, tls: Tls, mapping: Mapping) -> MongoDb {
        MongoDb {
            settings,
            tls,
            mapping: Arc::new(mapping),
            server: None,
            read_at: None,
            schema: None,
            tail: None,
        }
    }

    fn server(&self) -> Result<&Server, SourceError> {
        self.server
            .as_ref()
            .ok_or_else(|| SourceError::Away("not connected".into()))
    }

    /// The collections that are followed.
    fn collections(&self) -> Vec<&str> {
        let all = Entity::ALL.into_iter();
        all.filter_map(|entity| self.mapping.from(entity)).collect()
    }

    /// What the lives of a stream are called that is read in the same way, of the same replica set: what was copied in
    /// another way, or under another schema, is of no use.
    fn prefix(&self) -> Result<String, SourceError> {
        let set: String = self
            .server()?
            .set
            .chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() || letter == '-' {
                    letter
                } else {
                    '_'
                }
            })
            .take(20)
            .collect();
        let schema = self.schema.as_ref().map(types).unwrap_or_default();
        let reading = format!(
            "{}\n{}\n{schema}",
            self.mapping.fingerprint(),
            self.settings.database
        );
        Ok(format!("{set}.{:016x}.", xxh3_64(reading.as_bytes())))
    }

    /// The schema as the source has it now; the configured one where the source has none.
    async fn read_schema(&self) -> Result<Option<Value>, SourceError> {
        let Some(from) = self.mapping.from(Entity::Attribute) else {
            return Ok(self.mapping.schema(&[]));
        };
        let documents = self.server()?.documents(from).await?;
        Ok(self.mapping.schema(&documents))
    }

    async fn copy_of(&self, entity: Entity, rows: &mut dyn Rows) -> Result<(), SourceError> {
        let (Some(from), Some(at)) = (self.mapping.from(entity), self.read_at) else {
            return Ok(());
        };
        let server = self.server()?;
        rows.expect(server.about(from).await);
        let find = doc! {
            "find": from,
            "batchSize": i64::from(self.settings.batch_documents),
            "noCursorTimeout": true,
            "readConcern": {"level": "majority", "afterClusterTime": at},
        };
        let mut cursor = server.read(find).await?.with_type::<RawDocumentBuf>();
        while cursor.advance().await.map_err(|error| told(&error))? {
            let row = match bson::document(cursor.current()) {
                Ok(document) => self.mapping.row(entity, &document),
                Err(unreadable) => Some(Row::Refused(unreadable)),
            };
            if let Some(row) = row {
                rows.put(row)?;
            }
        }
        Ok(())
    }
}

impl Source for MongoDb {
    async fn connect(&mut self, known: &[Life]) -> Result<Standing, SourceError> {
        self.close().await;
        self.server = Some(Server::connect(&self.settings, &self.tls).await?);
        self.schema = self.read_schema().await?;
        let prefix = self.prefix()?;
        Ok(match known.last() {
            Some(life) if life.incarnation.starts_with(&prefix) => Standing::GoesOn(life.clone()),
            Some(_) => Standing::Copy {
                why: "what is kept is of another replica set, mapping or schema than the present one".into(),
            },
            None => Standing::Copy {
                why: "nothing is known of this source yet".into(),
            },
        })
    }

    async fn begin_copy(&mut self) -> Result<Life, SourceError> {
        let server = self.server()?;
        let stream = server.watch(&self.collections(), None, &self.settings).await?;
        let token = stream
            .resume_token()
            .ok_or_else(|| SourceError::Away("the server gave no place in its change stream".into()))?;
        drop(stream);
        let at = server.operation_time().await?;
        let began = Instant::now();
        loop {
            let majority = server.majority().await?;
            if majority.committed >= at {
                break;
            }
            if began.elapsed() > MAJORITY_WITHIN {
                return Err(SourceError::Away(format!(
                    "a majority of the replica set is {} s behind its primary, and only what a majority has can be copied: \
                     look at the secondaries (rs.status())",
                    majority.lag_ms / 1000
                )));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let incarnation = format!("{}{:08x}{:08x}", self.prefix()?, at.time, at.increment);
        self.read_at = Some(at);
        Ok(Life {
            incarnation,
            token: written(&token)?,
        })
    }

    async fn copy(&mut self, rows: &mut dyn Rows) -> Result<(), SourceError> {
        if let Some(schema) = &self.schema {
            rows.put(Row::Schema(schema.clone()))?;
        }
        for entity in Entity::ALL
            .into_iter()
            .filter(|entity| *entity != Entity::Attribute)
        {
            self.copy_of(entity, rows).await?;
        }
        Ok(())
    }

    async fn follow(&mut self, from: &Life) -> Result<(), SourceError> {
        let server = self.server()?;
        let token: ResumeToken = serde_json::from_str(&from.token)
            .map_err(|_| SourceError::Lost("the place in the change stream cannot be read".into()))?;
        let stream = server
            .watch(&self.collections(), Some(token), &self.settings)
            .await?;
        let reader = Reader {
            mapping: Arc::clone(&self.mapping),
            schema: self.schema.clone(),
        };
        self.tail = Some(Tail::new(stream, reader, server.clone(), self.settings.silence));
        Ok(())
    }

    async fn next(&mut self) -> Result<Event, SourceError> {
        match &mut self.tail {
            Some(tail) => tail.next().await,
            None => Err(SourceError::Away("not connected".into())),
        }
    }

    /// The server keeps what it keeps, whoever has read it.
    fn confirm(&mut self, _token: &str) {}

    async fn close(&mut self) {
        self.tail = None;
        self.read_at = None;
        if let Some(server) = self.server.take() {
            server.leave().await;
        }
    }
}

/// A resume token as it is kept.
fn written(token: &ResumeToken) -> Result<String, SourceError> {
    serde_json::to_string(token)
        .map_err(|_| SourceError::Away("the server's place in its change stream cannot be kept".into()))
}

/// Which attributes of a schema there are, and of which types: what decides what was kept of customers.
fn types(schema: &Value) -> String {
    let attributes = schema.as_array().into_iter().flatten();
    let mut types: Vec<String> = attributes
        .map(|attribute| format!("{}:{}", attribute["key"], attribute["type"]))
        .collect();
    types.sort();
    types.join(",")
}

/// What a collection of the followed ones is called in a filter.
fn within(collections: &[&str]) -> Document {
    let names: Vec<String> = collections.iter().map(|name| (*name).to_owned()).collect();
    doc! {"$match": {"$or": [
        {"ns.coll": {"$in": names.clone()}},
        {"to.coll": {"$in": names}},
        {"operationType": {"$in": ["invalidate", "dropDatabase"]}},
    ]}}
}
