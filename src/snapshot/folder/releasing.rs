//! Giving back the space of what is removed, in nobody's way.

use std::fs::File;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

/// Closes files that have no name any more. Their blocks are given back with the last handle, which takes a second a
/// gigabyte where the disk is told of each of them.
#[derive(Debug, Default)]
pub(super) struct Releasing(Mutex<Option<JoinHandle<()>>>);

impl Releasing {
    /// Closes `files` on a thread of its own; waits for those before.
    pub(super) fn close(&self, files: Vec<File>) {
        self.wait();
        if files.is_empty() {
            return;
        }
        // Where there can be no more threads they are closed here.
        let thread = std::thread::Builder::new()
            .name("release".into())
            .spawn(move || drop(files));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = thread.ok();
    }

    /// Waits until the space of everything that was removed is there again.
    pub(super) fn wait(&self) {
        let thread = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // Closing says nothing, and has nobody to say it to.
            let _closed = thread.join();
        }
    }
}

impl Drop for Releasing {
    fn drop(&mut self) {
        self.wait();
    }
}
