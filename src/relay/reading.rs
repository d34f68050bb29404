//! The thread that drives the source, as it is ordered to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::{SendTimeoutError, Sender, TrySendError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::course::{Order, Report};
use crate::feed::source::{Row, Rows, Source, SourceError};

/// How often one who waits for room looks whether that still makes sense.
const LOOK: Duration = Duration::from_millis(50);
/// How long one waits for room between events.
const ROOM: Duration = Duration::from_millis(2);

/// The source's thread, as whoever decides sees it.
#[derive(Debug)]
pub(super) struct Reading {
    orders: UnboundedSender<(u64, Order)>,
    newest: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Reading {
    /// Starts the thread, on which `make` makes the source. Reports carry the number of the order that they answer.
    ///
    /// # Errors
    /// No thread is to be had.
    pub(super) fn spawn<S: Source>(
        make: impl FnOnce() -> S + Send + 'static,
        reports: Sender<(u64, Report)>,
    ) -> std::io::Result<Reading> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (orders, ordered) = unbounded_channel();
        let newest = Arc::new(AtomicU64::new(0));
        let out = Out {
            reports,
            newest: Arc::clone(&newest),
            number: 0,
        };
        let thread = std::thread::Builder::new()
            .name("relay-source".into())
            .spawn(move || runtime.block_on(obey(make(), ordered, out)))?;
        Ok(Reading {
            orders,
            newest,
            thread,
        })
    }

    /// Gives an order. One that is not a confirmation ends what was ordered before.
    pub(super) fn order(&self, order: Order) {
        let number = match order {
            Order::Confirm(_) => self.newest(),
            _ => self.newest.fetch_add(1, Ordering::AcqRel) + 1,
        };
        // One that has ended is found to have by whoever waits for its reports.
        let _sent = self.orders.send((number, order));
    }

    /// The number of the newest order; reports of others are of no use.
    pub(super) fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }

    /// Has the thread end, and waits for it.
    pub(super) fn stop(self) {
        drop(self.orders);
        self.newest.fetch_add(1, Ordering::AcqRel);
        // What it panicked of was told.
        let _ended = self.thread.join();
    }
}

/// Where reports of one order go.
struct Out {
    reports: Sender<(u64, Report)>,
    newest: Arc<AtomicU64>,
    number: u64,
}

impl Out {
    fn is_old(&self) -> bool {
        self.newest.load(Ordering::Acquire) != self.number
    }

    async fn report(&self, report: Report) {
        let mut report = (self.number, report);
        while !self.is_old() {
            match self.reports.try_send(report) {
                Err(TrySendError::Full(back)) => report = back,
                Ok(()) | Err(TrySendError::Disconnected(_)) => return,
            }
            tokio::time::sleep(ROOM).await;
        }
    }
}

impl Rows for Out {
    fn expect(&mut self, rows: u64) {
        // A number that nobody waits for changes nothing.
        let _told = self.put_report(Report::Expect(rows));
    }

    fn put(&mut self, row: Row) -> Result<(), SourceError> {
        self.put_report(Report::Row(row))
    }
}

impl Out {
    fn put_report(&mut self, report: Report) -> Result<(), SourceError> {
        let mut report = (self.number, report);
        while !self.is_old() {
            match self.reports.send_timeout(report, LOOK) {
                Ok(()) => return Ok(()),
                Err(SendTimeoutError::Timeout(back)) => report = back,
                Err(SendTimeoutError::Disconnected(_)) => break,
            }
        }
        Err(SourceError::Stopped)
    }
}

/// Does what is ordered until nobody orders any more.
async fn obey<S: Source>(mut source: S, mut ordered: UnboundedReceiver<(u64, Order)>, mut out: Out) {
    let mut next = ordered.recv().await;
    while let Some((number, order)) = next.take() {
        out.number = number;
        next = match order {
            Order::Confirm(token) => {
                source.confirm(&token);
                ordered.recv().await
            }
            Order::Close => {
                source.close().await;
                ordered.recv().await
            }
            Order::Connect(known) => {
                let standing = source.connect(&known).await;
                out.report(standing.map_or_else(Report::Failed, Report::Standing))
                    .await;
                ordered.recv().await
            }
            Order::Copy => {
                if let Err(error) = copy(&mut source, &mut out).await {
                    out.report(Report::Failed(error)).await;
                }
                ordered.recv().await
            }
            Order::Follow(from) => {
                if let Err(error) = source.follow(&from).await {
                    out.report(Report::Failed(error)).await;
                    ordered.recv().await
                } else {
                    follow(&mut source, &mut ordered, &out).await
                }
            }
        };
    }
    source.close().await;
}

async fn copy<S: Source>(source: &mut S, out: &mut Out) -> Result<(), SourceError> {
    let life = source.begin_copy().await?;
    out.report(Report::Begun(life)).await;
    source.copy(out).await?;
    out.report(Report::Copied).await;
    Ok(())
}

/// Reports what comes until another order does, which is given back.
async fn follow<S: Source>(
    source: &mut S,
    ordered: &mut UnboundedReceiver<(u64, Order)>,
    out: &Out,
) -> Option<(u64, Order)> {
    loop {
        tokio::select! {
            biased;
            order = ordered.recv() => match order {
                Some((_, Order::Confirm(token))) => source.confirm(&token),
                other => return other,
            },
            event = source.next() => match event {
                Ok(event) => out.report(Report::Event(event)).await,
                Err(error) => {
                    out.report(Report::Failed(error)).await;
                    return ordered.recv().await;
                }
            },
        }
    }
}
