//! Terms of the pair: which node has the address, since which epoch, as a key that changes by compare-and-set.

use async_nats::jetstream::kv::{self, Store};
use crossbeam::channel::{Receiver, Sender, unbounded};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::ha::Input;

/// The key of the term.
const KEY: &str = "term";

/// Terms: what is asked for, and what is heard, as the pair's [`Machine`](crate::ha::Machine) is told.
#[derive(Debug)]
pub struct Terms {
    asks: UnboundedSender<Mint>,
    news: Receiver<Input>,
}

/// A term that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mint {
    pub(super) epoch: u64,
    pub(super) revision: u64,
}

/// The other end of [`Terms`].
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) asks: UnboundedReceiver<Mint>,
    pub(super) news: Sender<Input>,
}

/// A term, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Term {
    epoch: u64,
    node: String,
    /// Milliseconds since 1970.
    at: u64,
}

/// Both ends.
pub(super) fn pair() -> (Terms, Asked) {
    let (asks, asked) = unbounded_channel();
    let (told, news) = unbounded();
    (
        Terms { asks, news },
        Asked {
            asks: asked,
            news: told,
        },
    )
}

impl Terms {
    /// Asks for the term `epoch` for this node, where the present one is still that of `revision`. [`Input::Minted`] or
    /// [`Input::NotMinted`] follows.
    pub fn mint(&self, epoch: u64, revision: u64) {
        // Where nobody is there to ask, nothing is minted either.
        let _asked = self.asks.send(Mint { epoch, revision });
    }

    /// What is heard. One receives.
    pub fn news(&self) -> &Receiver<Input> {
        &self.news
    }
}

/// The present term in `bucket`.
///
/// # Errors
/// It cannot be asked for; why.
pub(super) async fn read(bucket: &Store) -> Result<Input, String> {
    let entry = bucket.entry(KEY).await.map_err(|error| error.to_string())?;
    let term = entry
        .as_ref()
        .filter(|entry| entry.operation == kv::Operation::Put);
    let term = term.and_then(|entry| serde_json::from_slice::<Term>(&entry.value).ok());
    let revision = entry.map_or(0, |entry| entry.revision);
    Ok(match term {
        Some(Term { epoch, node, .. }) => Input::Term {
            epoch,
            node,
            revision,
        },
        None => Input::Term {
            epoch: 0,
            node: String::new(),
            revision,
        },
    })
}

/// Mints a term in `bucket` for `node`.
pub(super) async fn mint(bucket: &Store, node: &str, mint: &Mint, at: u64) -> Input {
    let term = Term {
        epoch: mint.epoch,
        node: node.to_owned(),
        at,
    };
    let Ok(value) = serde_json::to_vec(&term) else {
        return Input::NotMinted {
            why: "the term cannot be written".to_owned(),
        };
    };
    match bucket.update(KEY, value.into(), mint.revision).await {
        Ok(_) => Input::Minted { epoch: mint.epoch },
        Err(error) => Input::NotMinted {
            why: error.to_string(),
        },
    }
}
