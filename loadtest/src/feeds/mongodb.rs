//! A MongoDB replica set of one server.

use std::io::Error;
use std::ops::Range;
use std::time::Duration;

use futures_util::StreamExt;
use mongodb::Client;
use mongodb::bson::{self, Bson, Document, doc};
use mongodb::options::FullDocumentType;
use servers::mongod::{DATABASE, Options, ReplicaSet, Store};

use super::documents;
use super::source::{Bare, Received, Source};
use crate::centre::other;

/// Documents of one command where many are written.
const TOGETHER: u64 = 1000;
const COLLECTION: &str = "customers";

pub(super) struct MongoDb {
    set: ReplicaSet,
    store: Store,
}

impl MongoDb {
    pub(super) fn start() -> MongoDb {
        let set = ReplicaSet::single_with(&Options {
            oplog_mib: 4096,
            ..Options::default()
        });
        let store = set.store();
        MongoDb { set, store }
    }
}

fn document(nth: u64) -> Result<Document, Error> {
    let mut document = match bson::serialize_to_bson(&documents::document(nth)).map_err(other)? {
        Bson::Document(document) => document,
        found => return Err(Error::other(format!("expected a document, found {found}"))),
    };
    document.insert("_id", documents::id(nth));
    Ok(document)
}

impl Source for MongoDb {
    fn config(&self) -> String {
        format!(
            "[feed.main]\nkind = \"mongodb\"\n[feed.main.mongodb]\nuri = {:?}\ndatabase = {DATABASE:?}\n",
            self.set.uri()
        )
    }

    fn put(&mut self, nth: u64) -> Result<(), Error> {
        self.store.try_put(COLLECTION, &document(nth)?).map_err(other)
    }

    fn put_all(&mut self, changes: Range<u64>) -> Result<(), Error> {
        let mut from = changes.start;
        while from < changes.end {
            let to = changes.end.min(from + TOGETHER);
            let updates: Vec<Document> = (from..to)
                .map(|nth| Ok(doc! {"q": {"_id": documents::id(nth)}, "u": document(nth)?, "upsert": true}))
                .collect::<Result<_, Error>>()?;
            self.store.run(doc! {"update": COLLECTION, "updates": updates});
            from = to;
        }
        Ok(())
    }

    fn bare(&mut self) -> Result<Bare, Error> {
        let collection = self.store.collection(COLLECTION);
        // What comes from here on: the first change stream is read no further than its place.
        let stream = self.store.wait(collection.watch()).map_err(other)?;
        let token = stream
            .resume_token()
            .ok_or_else(|| Error::other("no place in the change stream"))?;
        let uri = self.set.uri();
        Ok(Box::new(move |received: Received<'_>| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let client = Client::with_uri_str(&uri).await.map_err(other)?;
                let mut stream = client
                    .database(DATABASE)
                    .collection::<Document>(COLLECTION)
                    .watch()
                    .full_document(FullDocumentType::UpdateLookup)
                    .batch_size(1000)
                    .max_await_time(Duration::from_secs(1))
                    .resume_after(token)
                    .await
                    .map_err(other)?;
                while let Some(event) = stream.next().await {
                    let document = event.map_err(other)?.full_document;
                    let name = document
                        .as_ref()
                        .and_then(|document| document.get_str("name").ok());
                    if name
                        .and_then(documents::of_name)
                        .is_some_and(|nth| !received(nth))
                    {
                        return Ok(());
                    }
                }
                Err(Error::other("the change stream ended"))
            })
        }))
    }
}
