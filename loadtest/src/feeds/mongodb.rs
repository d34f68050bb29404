//! MongoDB: a replica set of one server, beside its driver's change stream.

use std::ops::Range;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use mongodb::change_stream::event::ResumeToken;
use mongodb::options::FullDocumentType;
use servers::mongod::{DATABASE, ReplicaSet, Store};
use tokio::runtime::Runtime;

use super::{Bench, name, number};

pub(super) struct Mongodb {
    set: ReplicaSet,
    store: Store,
    held: Option<ResumeToken>,
}

impl Mongodb {
    pub(super) fn start() -> Mongodb {
        let set = ReplicaSet::single();
        let store = set.store();
        Mongodb {
            set,
            store,
            held: None,
        }
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap_or_else(|error| panic!("no runtime: {error}"))
}

async fn database(uri: &str) -> mongodb::Database {
    let client = mongodb::Client::with_uri_str(uri).await;
    client
        .unwrap_or_else(|error| panic!("{error}"))
        .database(DATABASE)
}

impl Bench for Mongodb {
    fn rows(&self) -> [(&'static str, &'static str); 2] {
        [
            ("13-mongodb", "MongoDB: committed to visible in a lookup, p99"),
            (
                "14-mongodb",
                "MongoDB: catching up after an outage, as time of a bare receiver's",
            ),
        ]
    }

    fn config(&self) -> String {
        let uri = self.set.uri();
        format!(
            "[feed.main]\nkind = \"mongodb\"\n[feed.main.mongodb]\nuri = {uri:?}\ndatabase = {DATABASE:?}\n"
        )
    }

    fn write(&mut self, ids: Range<u64>, version: u64) {
        let ids: Vec<u64> = ids.collect();
        for ids in ids.chunks(1000) {
            let updates: Vec<Document> = ids
                .iter()
                .map(|id| {
                    let customer = doc! {"_id": id.to_string(), "firstName": name(version), "phoneNumber": [number(*id)]};
                    doc! {"q": {"_id": id.to_string()}, "u": customer, "upsert": true}
                })
                .collect();
            self.store.run(doc! {"update": "customers", "updates": updates});
        }
    }

    fn listen(&mut self) -> Receiver<Instant> {
        let (to, received) = channel();
        let (ready, listening) = channel();
        let uri = self.set.uri();
        std::thread::spawn(move || {
            runtime().block_on(async {
                let stream = database(&uri)
                    .await
                    .watch()
                    .full_document(FullDocumentType::UpdateLookup)
                    .await;
                let mut stream = stream
                    .unwrap_or_else(|error| panic!("{error}"))
                    .with_type::<Document>();
                let _listening = ready.send(());
                while let Ok(found) = stream.next_if_any().await {
                    if found.is_some() && to.send(Instant::now()).is_err() {
                        return;
                    }
                }
            });
        });
        let _ready = listening.recv();
        received
    }

    fn hold(&mut self) {
        let uri = self.set.uri();
        self.held = runtime().block_on(async {
            let stream = database(&uri).await.watch().await;
            stream.unwrap_or_else(|error| panic!("{error}")).resume_token()
        });
    }

    fn drain(&mut self, count: u64) -> Duration {
        let uri = self.set.uri();
        let token = self.held.take();
        runtime().block_on(async {
            let database = database(&uri).await;
            let began = Instant::now();
            let stream = database
                .watch()
                .resume_after(token)
                .batch_size(1000)
                .full_document(FullDocumentType::UpdateLookup)
                .await;
            let mut stream = stream
                .unwrap_or_else(|error| panic!("{error}"))
                .with_type::<Document>();
            let mut received = 0;
            while received < count {
                let found = stream.next_if_any().await;
                received += u64::from(found.unwrap_or_else(|error| panic!("{error}")).is_some());
            }
            began.elapsed()
        })
    }
}
