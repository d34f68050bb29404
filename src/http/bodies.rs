//! Bodies of requests: each within its limit and its time, all of them together within a bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};

use crate::callers::Refusal;

/// Room made for a body at once; more as it comes, since a length is only announced.
const FIRST_BYTES: u64 = 64 << 10;

/// The memory that all bodies being read and answered share.
#[derive(Debug)]
pub(super) struct Bodies {
    held: AtomicUsize,
    max: usize,
    body_max_bytes: usize,
    within: Duration,
}

/// A whole body, and the memory that it takes of the bound.
#[derive(Debug)]
pub(super) struct Whole<'b> {
    bodies: &'b Bodies,
    bytes: BytesMut,
    held: usize,
}

/// Why there is no whole body.
#[derive(Debug)]
pub(super) enum Lost {
    /// The request is at fault.
    Refused(Refusal),
    /// It did not come in time.
    Late(Refusal),
    /// All bodies together are above their bound.
    NoRoom,
}

impl Bodies {
    /// Bodies of at most `body_max_bytes` each, `max` together, each `within` its time.
    pub(super) fn new(max: usize, body_max_bytes: usize, within: Duration) -> Arc<Bodies> {
        Arc::new(Bodies {
            held: AtomicUsize::new(0),
            max,
            body_max_bytes,
            within,
        })
    }

    /// Bytes of bodies in memory.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// The most bytes of bodies in memory.
    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// Whether the announced length of `body` is above the limit.
    ///
    /// # Errors
    /// It is.
    pub(super) fn check(&self, body: &Incoming) -> Result<(), Refusal> {
        let least = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if least > self.body_max_bytes {
            return Err(self.too_large());
        }
        Ok(())
    }

    /// Reads what `body` has up to `most` bytes: it is of a request that is refused, and matters little. `None` where it
    /// has more, is too slow, or does not come.
    pub(super) async fn glance(&self, body: Incoming, most: usize) -> Option<Bytes> {
        let body = Limited::new(body, most.min(self.body_max_bytes)).collect();
        let read = tokio::time::timeout(self.within, body).await.ok()?;
        Some(read.ok()?.to_bytes())
    }

    /// Reads all of `body`.
    ///
    /// # Errors
    /// It is too long, too slow, or does not come; or there is no room.
    pub(super) async fn read(&self, body: Incoming) -> Result<Whole<'_>, Lost> {
        match tokio::time::timeout(self.within, self.collect(body)).await {
            Ok(read) => read,
            Err(_) => Err(Lost::Late(Refusal::TooSlow { within: self.within })),
        }
    }

    async fn collect(&self, mut body: Incoming) -> Result<Whole<'_>, Lost> {
        self.check(&body).map_err(Lost::Refused)?;
        let first = usize::try_from(body.size_hint().lower().min(FIRST_BYTES)).unwrap_or_default();
        let mut whole = Whole {
            bodies: self,
            bytes: BytesMut::with_capacity(first),
            held: 0,
        };
        while let Some(frame) = body.frame().await {
            // Most likely nobody is there any more to read this.
            let frame = frame.map_err(|_| {
                Lost::Refused(Refusal::Body {
                    expected: "a whole body",
                    found: "a part of one".to_owned(),
                })
            })?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if whole.bytes.len() + data.len() > self.body_max_bytes {
                return Err(Lost::Refused(self.too_large()));
            }
            whole.hold(data.len())?;
            whole.bytes.extend_from_slice(&data);
        }
        Ok(whole)
    }

    fn too_large(&self) -> Refusal {
        Refusal::TooLarge {
            most: self.body_max_bytes,
        }
    }
}

impl Whole<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn hold(&mut self, more: usize) -> Result<(), Lost> {
        let fits = |held: usize| held.checked_add(more).filter(|held| *held <= self.bodies.max);
        self.bodies
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .map_err(|_| Lost::NoRoom)?;
        self.held += more;
        Ok(())
    }
}

impl Drop for Whole<'_> {
    fn drop(&mut self) {
        self.bodies.held.fetch_sub(self.held, Ordering::Relaxed);
    }
}
