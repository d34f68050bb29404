//! The servers of a replica set: connecting to them, what they are asked, and what their errors mean to a person.

use std::fs;
use std::time::Duration;

use mongodb::bson::{Document, RawDocumentBuf, Timestamp, doc};
use mongodb::change_stream::ChangeStream;
use mongodb::change_stream::event::ResumeToken;
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{
    ClientOptions, FullDocumentBeforeChangeType, FullDocumentType, ReadPreference as Preference,
    SelectionCriteria, Tls as DriverTls, TlsOptions,
};
use mongodb::{Client, Cursor, Database};
use serde_json::Value;

use super::settings::{ReadPreference, Settings};
use super::{bson, diagnosis, within};
use crate::feed::secure::{self, Tls};
use crate::feed::source::SourceError;

/// The oldest wire version that is spoken: that of MongoDB 4.4.
const OLDEST: i32 = 9;
/// The wire version of MongoDB 6.0, which keeps what documents were before a change.
const WITH_PRE_IMAGES: i32 = 17;

/// A replica set that is connected to.
#[derive(Debug, Clone)]
pub(super) struct Server {
    client: Client,
    database: Database,
    reading: SelectionCriteria,
    /// The replica set's name.
    pub(super) set: String,
    has_pre_images: bool,
}

/// How far a majority of the replica set is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Majority {
    /// What a majority has.
    pub(super) committed: Timestamp,
    /// How far that is behind what the primary has, in milliseconds.
    pub(super) lag_ms: u64,
}

impl Server {
    pub(super) async fn connect(settings: &Settings, tls: &Tls) -> Result<Server, SourceError> {
        secure::choose_provider();
        let options = options(settings, tls).await?;
        let client = Client::with_options(options.clone()).map_err(|error| told(&error))?;
        let database = client.database(&settings.database);
        let hello = match database.run_command(doc! {"hello": 1}).await {
            Ok(hello) => hello,
            Err(error) => return Err(diagnosis::of(&options, told(&error)).await),
        };
        let version = hello.get_i32("maxWireVersion").unwrap_or(0);
        if version < OLDEST {
            return Err(SourceError::Unfit(format!(
                "expected MongoDB 4.4 or newer, found a server of wire version {version}: upgrade it, or use Debezium"
            )));
        }
        let Ok(set) = hello.get_str("setName") else {
            return Err(SourceError::Unfit(standalone(
                hello.get_str("msg").is_ok_and(|word| word == "isdbgrid"),
            )));
        };
        Ok(Server {
            set: set.to_owned(),
            reading: SelectionCriteria::ReadPreference(preference(settings.read_preference)),
            has_pre_images: version >= WITH_PRE_IMAGES,
            client,
            database,
        })
    }

    /// Opens the change stream of `collections`, behind `after` or from now on.
    pub(super) async fn watch(
        &self,
        collections: &[&str],
        after: Option<ResumeToken>,
        settings: &Settings,
    ) -> Result<ChangeStream<RawDocumentBuf>, SourceError> {
        let mut watch = self
            .database
            .watch()
            .pipeline([within(collections)])
            .full_document(FullDocumentType::UpdateLookup)
            .selection_criteria(self.reading.clone())
            .max_await_time(Duration::from_secs(1))
            .batch_size(settings.batch_documents)
            .resume_after(after);
        if self.has_pre_images {
            watch = watch.full_document_before_change(FullDocumentBeforeChangeType::WhenAvailable);
        }
        let stream = watch.await.map_err(|error| told(&error))?;
        Ok(stream.with_type())
    }

    /// The cluster time of the newest operation of the primary.
    pub(super) async fn operation_time(&self) -> Result<Timestamp, SourceError> {
        let answer = self.hello().await?;
        answer
            .get_timestamp("operationTime")
            .map_err(|_| SourceError::Away("the primary told no operationTime".into()))
    }

    /// How far a majority is, as the primary knows.
    pub(super) async fn majority(&self) -> Result<Majority, SourceError> {
        let answer = self.hello().await?;
        majority_of(&answer)
            .ok_or_else(|| SourceError::Away("the primary did not tell how far a majority is".into()))
    }

    async fn hello(&self) -> Result<Document, SourceError> {
        self.database
            .run_command(doc! {"hello": 1})
            .await
            .map_err(|error| told(&error))
    }

    /// Runs a command that answers with many documents.
    pub(super) async fn read(&self, command: Document) -> Result<Cursor<Document>, SourceError> {
        self.database
            .run_cursor_command(command)
            .selection_criteria(self.reading.clone())
            .await
            .map_err(|error| told(&error))
    }

    /// All documents of a small collection, in the order of their ids.
    pub(super) async fn documents(&self, from: &str) -> Result<Vec<Value>, SourceError> {
        let find = doc! {"find": from, "sort": {"_id": 1}, "readConcern": {"level": "majority"}};
        let mut cursor = self.read(find).await?.with_type::<RawDocumentBuf>();
        let mut documents = Vec::new();
        while cursor.advance().await.map_err(|error| told(&error))? {
            documents.extend(bson::document(cursor.current()));
        }
        Ok(documents)
    }

    /// About how many documents a collection has; 0 where nobody knows.
    pub(super) async fn about(&self, from: &str) -> u64 {
        let counted = self.database.run_command(doc! {"count": from}).await;
        let count = counted.ok().and_then(|answer| {
            let count = answer.get_i64("n").ok();
            count.or_else(|| answer.get_i32("n").ok().map(i64::from))
        });
        count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
    }

    /// Lets go of every connection.
    pub(super) async fn leave(self) {
        self.client.clone().shutdown().immediate(true).await;
    }
}

/// What `hello` says of the majority.
fn majority_of(hello: &Document) -> Option<Majority> {
    let last = hello.get_document("lastWrite").ok()?;
    let place = |key: &str| last.get_document(key).ok()?.get_timestamp("ts").ok();
    let (newest, committed) = (place("opTime")?, place("majorityOpTime")?);
    let moment = |key: &str| last.get_datetime(key).ok().map(|at| at.timestamp_millis());
    let behind = match (moment("lastWriteDate"), moment("majorityWriteDate")) {
        (Some(newest), Some(committed)) => newest.saturating_sub(committed),
        _ => i64::from(newest.time.saturating_sub(committed.time)) * 1000,
    };
    let lag_ms = if newest <= committed {
        0
    } else {
        u64::try_from(behind).unwrap_or(0)
    };
    Some(Majority { committed, lag_ms })
}

async fn options(settings: &Settings, tls: &Tls) -> Result<ClientOptions, SourceError> {
    let uri = settings.uri.reveal();
    let mut options = ClientOptions::parse(uri).await.map_err(|error| match *error.kind {
        // Its message repeats the string, and with it the password.
        ErrorKind::InvalidArgument { .. } => SourceError::Unfit(
            "mongodb.uri: expected a connection string, such as mongodb://user:password@host1,host2/?replicaSet=rs0 (with \
             : / ? # [ ] @ of a password percent-encoded), found another text"
                .into(),
        ),
        _ => told(&error),
    })?;
    options.app_name = Some("ringside".into());
    options.connect_timeout = Some(settings.connect_timeout);
    options.server_selection_timeout = Some(settings.connect_timeout);
    if !settings.password_file.as_os_str().is_empty() {
        let path = &settings.password_file;
        let text = fs::read_to_string(path).map_err(|error| {
            SourceError::Unfit(format!(
                "mongodb.password_file: expected a file with a password at {}, found: {error}",
                path.display()
            ))
        })?;
        match &mut options.credential {
            Some(credential) => credential.password = text.lines().next().map(str::to_owned),
            None => {
                return Err(SourceError::Unfit(
                    "mongodb.password_file: expected a user in mongodb.uri whose password it is, found none"
                        .into(),
                ));
            }
        }
    }
    if tls.enabled {
        // Says which file is wrong, which the driver does not.
        tls.client()?;
        let named = |path: &std::path::Path| (!path.as_os_str().is_empty()).then(|| path.to_owned());
        if tls.certificate != tls.key && named(&tls.key).is_some() {
            return Err(SourceError::Unfit(
                "tls.key: expected the file of tls.certificate for MongoDB, with the key behind the certificate in it, found \
                 another one; put both into one file"
                    .into(),
            ));
        }
        let mut files = TlsOptions::default();
        files.ca_file_path = named(&tls.ca);
        files.cert_key_file_path = named(&tls.certificate);
        options.tls = Some(DriverTls::Enabled(files));
    }
    Ok(options)
}

fn preference(preference: ReadPreference) -> Preference {
    let options = None;
    match preference {
        ReadPreference::Primary => Preference::Primary,
        ReadPreference::PrimaryPreferred => Preference::PrimaryPreferred { options },
        ReadPreference::Secondary => Preference::Secondary { options },
        ReadPreference::SecondaryPreferred => Preference::SecondaryPreferred { options },
        ReadPreference::Nearest => Preference::Nearest { options },
    }
}

/// What is to be done about a server that is no part of a replica set.
pub(super) fn standalone(is_sharded: bool) -> String {
    if is_sharded {
        return "expected a replica set, found the router of a sharded cluster, which is not followed; use Debezium".into();
    }
    "expected a replica set, found a standalone mongod, which has no change streams: start it with --replSet rs0, then run \
     rs.initiate() on it once"
        .into()
}

/// What an error of the driver means.
pub(super) fn told(error: &Error) -> SourceError {
    let text = plain(&error.to_string());
    match &*error.kind {
        ErrorKind::Authentication { .. } => SourceError::Unfit(format!(
            "expected to be let in, found: {text}; correct the user and the password in mongodb.uri (or \
             mongodb.password_file), and authSource where the user is not one of the database \"admin\""
        )),
        ErrorKind::Command(command) => match command.code {
            // ChangeStreamHistoryLost, ChangeStreamFatalError, InvalidResumeToken, CappedPositionLost.
            286 | 280 | 260 | 136 => SourceError::Lost(format!(
                "the change stream cannot go on from where it was left (error {}): the oplog has been rolled over, or the \
                 collection dropped; a larger oplog (replSetResizeOplog) keeps more",
                command.code
            )),
            // BSONObjectTooLarge: an event is what a document is and was and what changed of it, together. It stays in the way.
            10334 => SourceError::Lost(
                "a change is larger than MongoDB lets an event be, 16 MiB (error 10334), and nothing behind it can be had: \
                 keep large documents out of the followed collections, or their pre-images off"
                    .into(),
            ),
            13 => SourceError::Unfit(format!(
                "expected to be allowed to read and to watch, found: {text}; grant the user the role \"read\" on the database"
            )),
            18 => SourceError::Unfit(format!(
                "expected to be let in, found: {text}; correct the user and the password in mongodb.uri"
            )),
            40573 => SourceError::Unfit(standalone(false)),
            _ => SourceError::Away(text),
        },
        ErrorKind::InvalidTlsConfig { .. } => SourceError::Unfit(format!("tls: {text}")),
        _ if text.contains("NotValidForName") || text.contains("not valid for name") => {
            SourceError::Unfit(format!(
                "expected the server's certificate to be for the name in mongodb.uri, found one for another name ({text}); \
                 connect by a name that is in it, or have a certificate made for this one"
            ))
        }
        _ if text.contains("UnknownIssuer") || text.contains("invalid peer certificate") => {
            SourceError::Unfit(format!(
                "expected a certificate that leads to one of tls.ca, found: {text}; name the file of its authority in tls.ca"
            ))
        }
        _ => SourceError::Away(text),
    }
}

/// The first line of a message, bounded: the driver tells the whole topology, and behind it the server's answer byte by
/// byte, which may hold anything.
fn plain(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let said = line.split(", labels: ").next().unwrap_or_default();
    said.chars().take(600).collect()
}

#[cfg(test)]
mod tests {
    use mongodb::bson::DateTime;

    use super::*;

    fn hello(newest: (u32, u32), committed: (u32, u32)) -> Document {
        let place = |(time, increment)| doc! {"ts": Timestamp { time, increment }, "t": 1_i64};
        let at = |seconds: u32| DateTime::from_millis(i64::from(seconds) * 1000);
        doc! {"setName": "rs0", "lastWrite": {
            "opTime": place(newest), "lastWriteDate": at(newest.0),
            "majorityOpTime": place(committed), "majorityWriteDate": at(committed.0),
        }}
    }

    #[test]
    fn a_majority_that_is_behind_is_as_old_as_its_last_write() {
        let lag = |newest, committed| majority_of(&hello(newest, committed)).unwrap().lag_ms;
        assert_eq!(lag((100, 7), (100, 7)), 0);
        assert_eq!(lag((130, 1), (100, 7)), 30_000);
        assert_eq!(majority_of(&doc! {"setName": "rs0"}), None);
    }

    #[test]
    fn an_error_is_told_without_the_servers_answer() {
        let text = "Kind: Command failed: Error code 1 (X): why, labels: {}, source: None, server response: Some(da01)";
        assert_eq!(plain(text), "Kind: Command failed: Error code 1 (X): why");
        assert_eq!(plain("short\nlong"), "short");
    }

    #[test]
    fn a_stream_that_cannot_go_on_is_lost() {
        for code in [136, 260, 280, 286, 10334, 11601] {
            let said = doc! {"code": code, "codeName": "X", "errmsg": "why"};
            let said = mongodb::bson::deserialize_from_document(said).unwrap();
            let is_lost = matches!(told(&ErrorKind::Command(said).into()), SourceError::Lost(_));
            assert_eq!(is_lost, code != 11601, "{code}");
        }
    }

    #[tokio::test]
    async fn a_connection_string_is_not_repeated() {
        let settings = Settings {
            uri: "mongodb:/user:hunter2@host".to_owned().into(),
            ..Settings::default()
        };
        let refused = options(&settings, &Tls::default()).await.unwrap_err().to_string();
        assert!(
            refused.contains("mongodb://user:password@") && !refused.contains("hunter2"),
            "{refused}"
        );
    }
}
