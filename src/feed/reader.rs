//! The reader of a network source: a thread that waits for a server, asks the [pilot](super::pilot) what to do, and
//! hands what it reads to the feeds' thread.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::copies::{Copies, Copy, Fetched, Need, Published};
use super::link::{Delivery, Known, Left, MOST_DELIVERIES, Question, Word, Words};
use super::pilot::{Act, Outcome, Patience, Pilot};
use super::runner::FeedError;
use super::signals::Signal;
use super::source::{Life, Source, SourceError, Standing};
use crate::replica::Freshness;

/// Events that are handed over at once.
const MOST_EVENTS: usize = 1024;
/// About how many bytes of them, one more event at the most.
const MOST_BYTES: usize = 4 << 20;
/// The longest time that connecting may take; sources have shorter ones of their own.
const CONNECT_WITHIN: Duration = Duration::from_secs(60);
/// How often whoever waits for a copy to be accepted looks whether it still waits.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long after a copy was dropped the source is copied again.
const COPY_AGAIN: Duration = Duration::from_secs(300);

/// What a reader works with.
#[derive(Debug)]
pub(super) struct Reader<S> {
    pub(super) feed: Arc<str>,
    pub(super) source: S,
    pub(super) signals: Sender<Signal>,
    pub(super) words: Words,
    pub(super) freshness: Arc<Freshness>,
    /// What builds generations; `None` where nothing can.
    pub(super) copies: Option<Arc<dyn Copies>>,
    /// Whether customers and their parts come apart.
    pub(super) has_parts: bool,
    /// Bytes that a copy may keep in memory.
    pub(super) memory: usize,
}

/// Why a reader's work was interrupted.
enum Interrupted {
    Again,
    Stop,
}

impl<S: Source + Send + 'static> Reader<S> {
    /// Reads on a thread of its own, until it is told to stop.
    ///
    /// # Errors
    /// No thread is to be had.
    pub(super) fn spawn(self) -> Result<JoinHandle<()>, FeedError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(FeedError::Thread)?;
        std::thread::Builder::new()
            .name(format!("feed-{}", self.feed).chars().take(15).collect())
            .spawn(move || {
                let _watch = Watch {
                    feed: Arc::clone(&self.feed),
                    freshness: Arc::clone(&self.freshness),
                };
                runtime.block_on(self.run());
                // What a library left behind may wait for its server for long.
                runtime.shutdown_timeout(Duration::from_millis(200));
            })
            .map_err(FeedError::Thread)
    }

    async fn run(mut self) {
        let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), &self.feed);
        let mut pilot = Pilot::new(Patience::default(), None, seed);
        let mut voyage = Voyage::default();
        loop {
            let act = pilot.next(Instant::now());
            match self.act(&mut pilot, &mut voyage, act).await {
                Ok(()) => {}
                Err(Interrupted::Again) => {
                    self.source.close().await;
                    pilot.begin_anew();
                }
                Err(Interrupted::Stop) => break,
            }
        }
        self.source.close().await;
    }

    async fn act(&mut self, pilot: &mut Pilot, voyage: &mut Voyage, act: Act) -> Result<(), Interrupted> {
        match act {
            Act::Wait(until) => self.rest(tokio::time::sleep_until(until.into())).await,
            Act::Connect { anew } => self.connect(pilot, voyage, anew).await,
            Act::Note(why) => {
                if self.fetch(pilot, voyage, Need::Lost) {
                    return Ok(());
                }
                tracing::error!(feed = &*self.feed, why, "changes are missing");
                self.ask(Question::Gap).await?;
                pilot.saw(Instant::now(), Outcome::Noted);
                Ok(())
            }
            Act::Copy(why) => self.copy(pilot, voyage, &why).await,
            Act::Follow(life) => self.follow(pilot, voyage, &life).await,
            Act::Await => self.wait_for_word(pilot, voyage).await,
        }
    }

    /// Waits for `what`, unless something is said meanwhile.
    async fn rest<T>(&mut self, what: impl Future<Output = T>) -> Result<T, Interrupted> {
        interrupted(&mut self.words, what).await
    }

    async fn ask<T>(
        &mut self,
        question: impl FnOnce(oneshot::Sender<T>) -> Question,
    ) -> Result<T, Interrupted> {
        let (told, answer) = oneshot::channel();
        let question = Signal::Ask(Arc::clone(&self.feed), question(told));
        self.signals.send(question).map_err(|_| Interrupted::Stop)?;
        // Whatever is said meanwhile is said again by the session that has ended.
        answer.await.map_err(|_| Interrupted::Stop)
    }

    async fn connect(
        &mut self,
        pilot: &mut Pilot,
        voyage: &mut Voyage,
        anew: bool,
    ) -> Result<(), Interrupted> {
        let Known { session, lives, gap } = self.ask(Question::Begin).await?;
        voyage.session = session;
        if !voyage.failing && voyage.message.is_none() {
            self.freshness.set_course(&self.feed, "connecting", "");
        }
        if lives.is_empty() && self.fetch(pilot, voyage, Need::New) {
            return Ok(());
        }
        // What was missing before is missing still, and a copy would have it.
        let known: &[Life] = if anew || gap { &[] } else { &lives };
        let (words, source) = (&mut self.words, &mut self.source);
        let connected =
            interrupted(words, tokio::time::timeout(CONNECT_WITHIN, source.connect(known))).await?;
        let connected = connected.unwrap_or_else(|_| Err(silent()));
        let connected = match connected {
            // One that has no copy to give goes on from where it was, with what is missing noted already.
            Ok(Standing::GoesOn(_) | Standing::Gap { .. }) if known.is_empty() && !lives.is_empty() => {
                let again = tokio::time::timeout(CONNECT_WITHIN, self.source.connect(&lives));
                interrupted(&mut self.words, again)
                    .await?
                    .unwrap_or_else(|_| Err(silent()))
            }
            connected => connected,
        };
        match connected {
            Ok(standing) => {
                if let Standing::Copy { why } = &standing {
                    tracing::info!(feed = &*self.feed, why, "everything is to be copied");
                    if !lives.is_empty() && !gap {
                        // What is served until then is not what the source has.
                        self.ask(Question::Gap).await?;
                    }
                }
                pilot.saw(Instant::now(), Outcome::Stands(standing));
            }
            Err(error) => self.fail(pilot, voyage, error).await,
        }
        Ok(())
    }

    /// Takes over what another node has built of the source, where there is one; whether that came to anything. Nobody reads
    /// the source meanwhile: it is not connected, or would be copied next.
    fn fetch(&mut self, pilot: &mut Pilot, voyage: &mut Voyage, need: Need) -> bool {
        let Some(copies) = &self.copies else { return false };
        let (freshness, feed) = (&self.freshness, &*self.feed);
        let tell = |from: &str| freshness.set_course(feed, "fetching", format!("from {from}"));
        match copies.fetch(feed, need, &tell) {
            Fetched::Nothing => false,
            Fetched::Done(published) => {
                self.published(pilot, voyage, published);
                true
            }
            Fetched::Failed(why) => {
                tracing::warn!(
                    feed,
                    why,
                    "no generation is taken over; the feed goes on by itself"
                );
                self.freshness.set_course(feed, "connecting", "");
                false
            }
        }
    }

    async fn copy(&mut self, pilot: &mut Pilot, voyage: &mut Voyage, why: &str) -> Result<(), Interrupted> {
        if self.fetch(pilot, voyage, Need::Lost) {
            return Ok(());
        }
        self.freshness.set_course(&self.feed, "copying", why);
        match self.try_copy().await? {
            Ok(published) => self.published(pilot, voyage, published),
            Err(error) => self.fail(pilot, voyage, error).await,
        }
        Ok(())
    }

    fn published(&self, pilot: &mut Pilot, voyage: &mut Voyage, published: Published) {
        match published {
            Published::Served => pilot.saw(Instant::now(), Outcome::Copied),
            Published::Held { generation, reasons } => {
                tracing::error!(
                    feed = &*self.feed,
                    generation,
                    reasons,
                    "the copy waits for somebody's word: `ringside accept`, or `ringside accept --drop`"
                );
                let message = format!("the copy waits for `ringside accept`: {reasons}");
                self.freshness.set_course(&self.feed, "held", message);
                voyage.held = Some(generation);
                pilot.saw(Instant::now(), Outcome::Held);
            }
        }
    }

    async fn try_copy(&mut self) -> Result<Result<Published, SourceError>, Interrupted> {
        let Some(copies) = self.copies.clone() else {
            let why = "nothing can be built here; import a snapshot".to_owned();
            return Ok(Err(SourceError::Unfit(why)));
        };
        let life = match interrupted(&mut self.words, self.source.begin_copy()).await? {
            Ok(life) => life,
            Err(error) => return Ok(Err(error)),
        };
        let incarnation = life.incarnation.clone();
        if !self.ask(|told| Question::Copy(incarnation, told)).await? {
            let why = "the change log cannot be written".to_owned();
            return Ok(Err(SourceError::Away(why)));
        }
        let site = match copies.begin(&self.feed, &life) {
            Ok(site) => site,
            Err(why) => return Ok(Err(SourceError::Away(why))),
        };
        let mut copy = Copy::new(&self.feed, site, self.has_parts, self.memory);
        let copied = interrupted(&mut self.words, self.source.copy(&mut copy)).await?;
        if let Err(error) = copied {
            return Ok(Err(error));
        }
        // Verifying and comparing takes its time, and a server would hear nothing meanwhile.
        self.source.close().await;
        let refused = copy.refused();
        let (built, late) = match copy.finish() {
            Ok(built) => built,
            Err(error) => return Ok(Err(error)),
        };
        let left = Left {
            incarnation: life.incarnation,
            late,
            refused,
        };
        // Ahead of publishing: whoever goes on behind a copy that is served is not told of them again.
        if !self.ask(|told| Question::Left(left, told)).await? {
            let why = "the change log cannot be written".to_owned();
            return Ok(Err(SourceError::Away(why)));
        }
        Ok(copies.publish(built).map_err(SourceError::Away))
    }

    async fn follow(
        &mut self,
        pilot: &mut Pilot,
        voyage: &mut Voyage,
        life: &Life,
    ) -> Result<(), Interrupted> {
        let followed = interrupted(&mut self.words, self.source.follow(life)).await?;
        let error = match followed {
            Ok(()) => {
                self.freshness.set_course(&self.feed, "following", "");
                tracing::info!(feed = &*self.feed, "following the source");
                self.pump(pilot, voyage, life).await?
            }
            Err(error) => error,
        };
        self.fail(pilot, voyage, error).await;
        Ok(())
    }

    /// Hands everything that comes to the feeds' thread, until the source fails.
    async fn pump(
        &mut self,
        pilot: &mut Pilot,
        voyage: &mut Voyage,
        life: &Life,
    ) -> Result<SourceError, Interrupted> {
        let incarnation: Arc<str> = life.incarnation.as_str().into();
        let mut outstanding = 0;
        loop {
            let may_read = outstanding < MOST_DELIVERIES;
            tokio::select! {
                biased;
                word = self.words.recv() => match word {
                    None | Some(Word::Stop) => return Err(Interrupted::Stop),
                    Some(Word::Again) => return Err(Interrupted::Again),
                    Some(Word::Done { session, deliveries, token }) if session == voyage.session => {
                        outstanding -= deliveries.min(outstanding);
                        if let Some(token) = token {
                            self.source.confirm(&token);
                        }
                    }
                    Some(Word::Done { .. }) => {}
                },
                event = self.source.next(), if may_read => match event {
                    Ok(event) => {
                        voyage.failing = false;
                        let mut bytes = event.bytes();
                        let mut events = vec![event];
                        let mut broken = None;
                        while events.len() < MOST_EVENTS && bytes < MOST_BYTES {
                            match self.source.next().now_or_never() {
                                None => break,
                                Some(Ok(event)) => {
                                    bytes += event.bytes();
                                    events.push(event);
                                }
                                Some(Err(error)) => {
                                    broken = Some(error);
                                    break;
                                }
                            }
                        }
                        let delivery = Delivery {
                            feed: Arc::clone(&self.feed),
                            session: voyage.session,
                            incarnation: Arc::clone(&incarnation),
                            at: Instant::now(),
                            events,
                        };
                        outstanding += 1;
                        self.signals.send(Signal::Delivered(delivery)).map_err(|_| Interrupted::Stop)?;
                        pilot.saw(Instant::now(), Outcome::Delivered);
                        if let Some(error) = broken {
                            return Ok(error);
                        }
                    }
                    Err(error) => return Ok(error),
                },
            }
        }
    }

    async fn fail(&mut self, pilot: &mut Pilot, voyage: &mut Voyage, error: SourceError) {
        self.source.close().await;
        // Where everything ends, nobody has to be told.
        let _stopping = self.ask(Question::Away).await;
        let (feed, message) = (&*self.feed, error.to_string());
        match &error {
            // Said once for each time that it goes away.
            SourceError::Away(_) if std::mem::replace(&mut voyage.failing, true) => {
                tracing::debug!(feed, why = message, "the source is still away");
            }
            SourceError::Away(_) => tracing::warn!(feed, why = message, "the source is away; trying again"),
            SourceError::Unfit(_) if voyage.message.as_ref() == Some(&message) => {}
            SourceError::Unfit(_) => tracing::error!(feed, why = message, "the source cannot be followed"),
            SourceError::Lost(_) => tracing::error!(
                feed,
                why = message,
                "changes can no longer be had: what is served is stale until everything has been copied"
            ),
            SourceError::Stopped => {}
        }
        if matches!(error, SourceError::Lost(_)) {
            // Durable: a start must not go on behind what is missing.
            let _stopping = self.ask(Question::Gap).await;
        }
        self.freshness.set_course(&self.feed, "waiting", message.clone());
        voyage.message = Some(message);
        pilot.saw(Instant::now(), Outcome::Failed(error));
    }

    /// A copy waits for somebody's word: when it is served, everything begins anew.
    async fn wait_for_word(&mut self, pilot: &mut Pilot, voyage: &mut Voyage) -> Result<(), Interrupted> {
        self.rest(tokio::time::sleep(LOOK_EVERY)).await?;
        let waits = match (&self.copies, voyage.held) {
            (Some(copies), Some(generation)) => copies.waits(generation),
            _ => false,
        };
        if !waits {
            // Where it was accepted, everything has begun anew by now, or does at once.
            tracing::info!(
                feed = &*self.feed,
                "the copy was dropped; the source is copied again later"
            );
            let message = "a copy was dropped; the source is copied again five minutes later";
            self.freshness.set_course(&self.feed, "waiting", message);
            self.rest(tokio::time::sleep(COPY_AGAIN)).await?;
            pilot.begin_anew();
        }
        Ok(())
    }
}

/// Tells of a reader that ends in a panic: nobody else would.
struct Watch {
    feed: Arc<str>,
    freshness: Arc<Freshness>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let why = "reading the source ended in a panic: start again, and please report what it said";
            tracing::error!(feed = &*self.feed, why);
            self.freshness.lost(&self.feed);
            self.freshness.set_course(&self.feed, "waiting", why);
        }
    }
}

fn silent() -> SourceError {
    SourceError::Away(format!(
        "the server did not answer within {} s",
        CONNECT_WITHIN.as_secs()
    ))
}

/// What lasts from one act to the next.
#[derive(Debug, Default)]
struct Voyage {
    session: u64,
    /// Whether nothing has come since the source went away.
    failing: bool,
    /// What was said last of why it cannot go on.
    message: Option<String>,
    /// The copy that waits for somebody's word.
    held: Option<u64>,
}

/// `what`, unless something is said first.
async fn interrupted<T>(words: &mut Words, what: impl Future<Output = T>) -> Result<T, Interrupted> {
    tokio::pin!(what);
    loop {
        tokio::select! {
            word = words.recv() => match word {
                None | Some(Word::Stop) => return Err(Interrupted::Stop),
                Some(Word::Again) => return Err(Interrupted::Again),
                Some(Word::Done { .. }) => {}
            },
            done = &mut what => return Ok(done),
        }
    }
}

#[cfg(test)]
mod tests;
