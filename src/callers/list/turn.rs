//! How many searches run at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug)]
pub(super) struct Turns {
    running: AtomicUsize,
    most: usize,
}

/// Somebody's turn, until it is dropped.
#[derive(Debug)]
pub struct Turn(Arc<Turns>);

impl Turns {
    pub(super) fn new(most: usize) -> Arc<Turns> {
        Arc::new(Turns {
            running: AtomicUsize::new(0),
            most,
        })
    }

    /// `None` where as many run as may.
    pub(super) fn take(self: &Arc<Turns>) -> Option<Turn> {
        let next = |running: usize| (running < self.most).then_some(running + 1);
        self.running
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, next)
            .ok()
            .map(|_| Turn(Arc::clone(self)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}
