//! A connection to MongoDB of which every call waits, and what is written and read by it.

use std::collections::BTreeMap;
use std::sync::Arc;

use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use mongodb::options::{ClientOptions, ReadConcern, WriteConcern};
use mongodb::{Client, Collection};
use ringside::feed::secure::choose_provider;
use tokio::runtime::Runtime;

/// The database that tests use.
pub const DATABASE: &str = "cim";

/// A connection, shared by its clones.
#[derive(Debug, Clone)]
pub struct Store {
    runtime: Arc<Runtime>,
    client: Client,
}

impl Store {
    /// A connection to what `uri` names; nobody is waited for yet.
    pub fn at(uri: &str) -> Store {
        choose_provider();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let client = runtime.block_on(async {
            let mut options = ClientOptions::parse(uri).await.unwrap();
            let patience = std::time::Duration::from_secs(20);
            options.server_selection_timeout.get_or_insert(patience);
            Client::with_options(options).unwrap()
        });
        Store {
            runtime: Arc::new(runtime),
            client,
        }
    }

    /// Waits for `what`.
    pub fn wait<F: IntoFuture>(&self, what: F) -> F::Output {
        self.runtime.block_on(what.into_future())
    }

    /// Has the server run a command on its database `admin`.
    ///
    /// # Errors
    /// What it says.
    pub fn try_admin(&self, command: Document) -> Result<Document, Error> {
        self.wait(self.client.database("admin").run_command(command))
    }

    /// Has the server run a command on its database `admin`, which has to succeed.
    pub fn admin(&self, command: Document) -> Document {
        self.try_admin(command).unwrap()
    }

    /// Has the server run a command on the database, which has to succeed.
    pub fn run(&self, command: Document) -> Document {
        self.wait(self.client.database(DATABASE).run_command(command))
            .unwrap()
    }

    /// The collection `name`, whose writes are acknowledged by one server alone.
    pub fn collection(&self, name: &str) -> Collection<Document> {
        let options = mongodb::options::CollectionOptions::builder()
            .write_concern(WriteConcern::nodes(1))
            .build();
        self.client
            .database(DATABASE)
            .collection_with_options(name, options)
    }

    /// Writes `document` in the place of the one with its `_id`, or as a new one.
    ///
    /// # Errors
    /// Its server went away; the document may have been written.
    pub fn try_put(&self, collection: &str, document: &Document) -> Result<(), Error> {
        let id = document.get("_id").cloned().unwrap_or(Bson::Null);
        let collection = self.collection(collection);
        let written = collection.replace_one(doc! {"_id": id}, document).upsert(true);
        self.wait(written).map(|_| ())
    }

    /// The same, which has to succeed.
    pub fn put(&self, collection: &str, document: &Document) {
        self.try_put(collection, document).unwrap();
    }

    /// Writes it, and waits until a majority of the servers has it.
    pub fn put_for_good(&self, collection: &str, document: &Document) {
        let id = document.get("_id").cloned().unwrap_or(Bson::Null);
        let collection = self.collection(collection);
        let written = collection
            .replace_one(doc! {"_id": id}, document)
            .upsert(true)
            .write_concern(WriteConcern::majority());
        self.wait(written).unwrap();
    }

    /// Removes the document with this `_id`.
    ///
    /// # Errors
    /// Its server went away; the document may have been removed.
    pub fn try_remove(&self, collection: &str, id: impl Into<Bson>) -> Result<(), Error> {
        let collection = self.collection(collection);
        let removed = collection.delete_one(doc! {"_id": id.into()});
        self.wait(removed).map(|_| ())
    }

    /// The same, which has to succeed.
    pub fn remove(&self, collection: &str, id: impl Into<Bson>) {
        self.try_remove(collection, id).unwrap();
    }

    /// Every document of `collection` that a majority of the servers has, by its `_id` as text.
    pub fn all(&self, collection: &str) -> BTreeMap<String, Document> {
        let collection = self.collection(collection);
        self.wait(async {
            let mut cursor = collection
                .find(doc! {})
                .read_concern(ReadConcern::majority())
                .await
                .unwrap();
            let mut all = BTreeMap::new();
            while cursor.advance().await.unwrap() {
                let document = cursor.deserialize_current().unwrap();
                let id = match document.get("_id") {
                    Some(Bson::String(id)) => id.clone(),
                    Some(Bson::ObjectId(id)) => id.to_hex(),
                    other => format!("{other:?}"),
                };
                all.insert(id, document);
            }
            all
        })
    }

    /// When the oldest entry of the server's oplog was written, in seconds since 1970 and its ordinal within the second.
    pub fn oldest_in_oplog(&self) -> (u32, u32) {
        let oplog = self.client.database("local").collection::<Document>("oplog.rs");
        let found = oplog.find_one(doc! {}).sort(doc! {"$natural": 1}).into_future();
        let oldest = self.wait(found).unwrap().unwrap();
        let stamp = oldest.get_timestamp("ts").unwrap();
        (stamp.time, stamp.increment)
    }
}
