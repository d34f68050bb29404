//! The bucket of terms: it is written to all the time, so that one knows whether a majority keeps what is written.

use std::time::Duration;

use async_nats::jetstream::kv::Store;
use async_nats::jetstream::stream::{self, DiscardPolicy, StorageType};
use crossbeam::channel::Sender;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout};

use super::super::super::pops::now;
use super::super::super::settings::Shared;
use super::super::terms::{self, Mint};
use super::{Aborts, Heard};
use crate::feed::jetstream::Connection;
use crate::ha::Input;

/// Time between two looks at the term, and between two trials whether what is written is kept.
const LOOK: Duration = Duration::from_millis(250);
const TRIAL: Duration = Duration::from_millis(500);
/// How long the servers may take to answer.
const ANSWER: Duration = Duration::from_secs(1);

/// A bucket, as long as there is a connection.
pub(super) struct Bucket {
    mints: UnboundedSender<Mint>,
    _task: Aborts,
}

struct Watching {
    connection: Connection,
    name: String,
    replicas: usize,
    node: String,
    heard: Sender<Heard>,
    news: Sender<Input>,
    term: Option<Input>,
}

impl Bucket {
    /// Watches the bucket of the stream that `settings` name.
    pub(super) fn begin(
        connection: &Connection,
        settings: &Shared,
        node: &str,
        heard: Sender<Heard>,
        news: Sender<Input>,
    ) -> Bucket {
        let (mints, asked) = unbounded_channel();
        let watching = Watching {
            connection: connection.clone(),
            name: format!("{}_TERMS", settings.stream),
            replicas: settings.replicas,
            node: node.to_owned(),
            heard,
            news,
            term: None,
        };
        Bucket {
            mints,
            _task: Aborts(tokio::spawn(watching.run(asked))),
        }
    }

    /// Asks for a term.
    pub(super) fn mint(&self, mint: Mint) {
        // The task ends with this value alone.
        let _asked = self.mints.send(mint);
    }
}

impl Watching {
    async fn run(mut self, mut asked: UnboundedReceiver<Mint>) {
        let mut bucket = None;
        let mut trial = Instant::now();
        loop {
            let store = match &bucket {
                Some(store) => store,
                None => match timeout(ANSWER, self.open()).await {
                    Ok(Ok(store)) => bucket.insert(store),
                    Ok(Err(why)) => {
                        tracing::debug!(why, "the bucket of terms cannot be opened now");
                        self.probed(false);
                        tokio::time::sleep(LOOK).await;
                        continue;
                    }
                    Err(_) => {
                        self.probed(false);
                        continue;
                    }
                },
            };
            let (looked, tried) = tokio::join!(
                timeout(ANSWER, terms::read(store)),
                Self::tried(store, &self.node, trial <= Instant::now()),
            );
            let is_failing = tried == Some(false);
            if let Some(is_kept) = tried {
                self.probed(is_kept);
                trial = Instant::now() + TRIAL;
            }
            if let Ok(Ok(term)) = looked
                && self.term.as_ref() != Some(&term)
            {
                self.tell(term.clone());
                self.term = Some(term);
            }
            tokio::select! {
                mint = asked.recv() => {
                    let Some(mint) = mint else {
                        return;
                    };
                    let minted = timeout(ANSWER, terms::mint(store, &self.node, &mint, now())).await;
                    let why = "no majority of the NATS servers answers".to_owned();
                    self.tell(minted.unwrap_or(Input::NotMinted { why }));
                    // Whatever it is now is told anew.
                    self.term = None;
                }
                () = tokio::time::sleep(LOOK) => {}
            }
            // It may have been deleted.
            if is_failing && let Ok(Ok(store)) = timeout(ANSWER, self.open()).await {
                bucket = Some(store);
            }
        }
    }

    /// Whether something that is written now is kept; `None` where that is not tried.
    async fn tried(store: &Store, node: &str, is_due: bool) -> Option<bool> {
        if !is_due {
            return None;
        }
        let written = store.put(format!("alive.{node}"), now().to_string().into());
        Some(matches!(timeout(ANSWER, written).await, Ok(Ok(_))))
    }

    async fn open(&self) -> Result<Store, String> {
        let jetstream = &self.connection.jetstream;
        if let Ok(store) = jetstream.get_key_value(&self.name).await {
            return Ok(store);
        }
        // As a stream, because the library asks ahead of making a bucket for what servers of the 2.9 series say in another way.
        let config = stream::Config {
            name: format!("KV_{}", self.name),
            subjects: vec![format!("$KV.{}.>", self.name)],
            description: Some("terms of a pair of Ringside nodes".to_owned()),
            max_messages_per_subject: 1,
            discard: DiscardPolicy::New,
            storage: StorageType::File,
            num_replicas: self.replicas,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            ..stream::Config::default()
        };
        let made = jetstream.get_or_create_stream(config).await;
        made.map_err(|error| error.to_string())?;
        let opened = jetstream.get_key_value(&self.name).await;
        opened.map_err(|error| error.to_string())
    }

    fn probed(&self, is_kept: bool) {
        // Whoever decides may have ended.
        let _told = self.heard.send(Heard::Probed(is_kept));
    }

    fn tell(&self, news: Input) {
        // Nobody may want to know.
        let _told = self.news.send(news);
    }
}
