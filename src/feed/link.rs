//! What a reader of a network source and the feeds' thread say to each other.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::source::{Event, Life, Unreadable};
use crate::replica::Change;

/// Deliveries of one reader that are not durable yet; the source waits then.
pub(super) const MOST_DELIVERIES: usize = 8;

/// What has been read, on its way to the feeds' thread.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) feed: Arc<str>,
    /// Of which session it is; what is of one that was ended is of no use.
    pub(super) session: u64,
    pub(super) incarnation: Arc<str>,
    /// When it was read: it may wait for long until it is applied.
    pub(super) at: Instant,
    pub(super) events: Vec<Event>,
}

/// What a reader asks the feeds' thread.
#[derive(Debug)]
pub(super) enum Question {
    /// A session begins: what is kept of the feed's stream?
    Begin(oneshot::Sender<Known>),
    /// The source is away: so it is to be told, behind what it delivered.
    Away(oneshot::Sender<()>),
    /// Note that changes are missing.
    Gap(oneshot::Sender<()>),
    /// A copy of this life of the stream is to be made; `true` once its place among the streams is durable.
    Copy(String, oneshot::Sender<bool>),
    /// This is left of a copy; `true` once it is durable.
    Left(Left, oneshot::Sender<bool>),
}

/// What a copy does not have of its source.
#[derive(Debug)]
pub(super) struct Left {
    /// The life of the stream that begins with the copy.
    pub(super) incarnation: String,
    /// Parts whose customers were not copied, and may come.
    pub(super) late: Vec<Change>,
    /// What could not be read.
    pub(super) refused: Vec<Unreadable>,
}

/// What is kept of a stream.
#[derive(Debug)]
pub(super) struct Known {
    /// The session that begins.
    pub(super) session: u64,
    /// Its lives of which one knows where to go on, the newest last.
    pub(super) lives: Vec<Life>,
    /// Whether changes are missing.
    pub(super) gap: bool,
}

/// What the feeds' thread tells a reader.
#[derive(Debug)]
pub(super) enum Word {
    /// So many deliveries of the session are done with, and everything up to `token` is durable.
    Done {
        session: u64,
        deliveries: usize,
        token: Option<String>,
    },
    /// Everything was replaced: begin anew.
    Again,
    /// End.
    Stop,
}

pub(super) type Words = mpsc::UnboundedReceiver<Word>;
