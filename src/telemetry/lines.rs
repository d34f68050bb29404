//! Lines of the log that strangers can cause, of which there may be so many a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// What is logged of one kind of event a second, in lines; more would drown the rest.
const LINES_A_SECOND: u64 = 5;

/// Bounds the lines of one kind of event: the second that the last one was written in, and how many there were in it.
#[derive(Debug, Default)]
pub struct Lines(AtomicU64);

impl Lines {
    /// Whether there may be one more line now.
    pub fn may(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.may_at(now.as_secs())
    }

    fn may_at(&self, now_s: u64) -> bool {
        let next = |before: u64| match (before >> 8 == now_s, before & 0xff) {
            (true, LINES_A_SECOND..) => None,
            (true, _) => Some(before + 1),
            (false, _) => Some(now_s << 8 | 1),
        };
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_each_second() {
        let lines = Lines::default();
        for second in [7, 8] {
            let written = (0..100).filter(|_| lines.may_at(second)).count();
            assert_eq!(written as u64, LINES_A_SECOND);
        }
    }
}
