//! What a measured source can do.

use std::io::Error;
use std::net::SocketAddr;
use std::ops::Range;

/// What a bare receiver calls for each change; `false`: that was the last.
pub(super) type Received<'a> = &'a mut (dyn FnMut(u64) -> bool + Send);

/// A bare receiver of a stream: receives and decodes, and keeps nothing. It runs on a thread of its own.
pub(super) type Bare = Box<dyn FnOnce(Received<'_>) -> Result<(), Error> + Send>;

/// A system of record, or what carries its changes.
pub(super) trait Source {
    /// How Ringside follows it.
    fn config(&self) -> String;

    /// Commits one change; it is committed when this returns.
    fn put(&mut self, nth: u64) -> Result<(), Error>;

    /// Commits changes, each for itself.
    fn put_all(&mut self, changes: Range<u64>) -> Result<(), Error>;

    /// A bare receiver of everything that is committed from now on, which is to be run at once or later.
    fn bare(&mut self) -> Result<Bare, Error>;

    /// Whether changes are posted to whoever receives them.
    fn is_posted(&self) -> bool {
        false
    }

    /// Where they are posted to.
    fn post_to(&mut self, _address: SocketAddr) -> Result<(), Error> {
        Ok(())
    }
}
