//! How much anonymous memory this process has, and had at the worst moment of some work.

use std::io::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::server::anonymous_of;

/// Bytes of this process's memory that is no file's.
pub(crate) fn anonymous() -> Result<u64, Error> {
    anonymous_of("self")
}

/// The bound of row 11 for so many customers, in bytes.
pub(crate) fn bound(customers: u64) -> u64 {
    (256 << 20) + 4 * customers
}

/// Does `work`; what came of it, and how many bytes of anonymous memory there were more than before at the worst moment.
pub(crate) fn watched<T>(work: impl FnOnce() -> T) -> Result<(T, u64), Error> {
    let before = anonymous()?;
    let (peak, stop) = (AtomicU64::new(before), AtomicBool::new(false));
    let done = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| -> Result<(), Error> {
            while !stop.load(Ordering::Relaxed) {
                peak.fetch_max(anonymous()?, Ordering::Relaxed);
                std::thread::park_timeout(Duration::from_millis(5));
            }
            Ok(())
        });
        let done = work();
        stop.store(true, Ordering::Relaxed);
        watcher
            .join()
            .map_err(|_| Error::other("the watcher panicked"))??;
        Ok::<T, Error>(done)
    })?;
    Ok((done, peak.into_inner() - before))
}
