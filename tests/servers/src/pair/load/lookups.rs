//! Lookups, one behind the other.

use std::io::ErrorKind;
use std::sync::Mutex;
use std::time::Duration;

use super::{Caller, Clock};
use crate::pair::{CUSTOMERS, name, node, phone};

/// Time between two lookups of each caller.
const EVERY: Duration = Duration::from_millis(5);
/// How long a caller waits.
const WITHIN: Duration = Duration::from_secs(1);

/// What callers saw.
#[derive(Debug, Clone, Default)]
pub struct Lookups {
    /// Lookups that were answered, and right.
    pub answered: u64,
    /// Answers that were something else.
    pub wrong: Vec<String>,
    /// When lookups were refused, or answered with an error, or their connection was lost, since the load began, and what came.
    pub failed: Vec<(Duration, String)>,
    /// When callers had waited for as long as they do. On a machine that does many things at once that is no fault of who is
    /// asked, as long as [`Lookups::longest_gap`] is bounded.
    pub late: Vec<Duration>,
    /// The longest time between two answers of one caller, from the first one's to the second one's.
    pub longest_gap: Duration,
    /// Answers that said that they may be stale.
    pub stale: u64,
    /// When the last one did.
    pub last_stale: Option<Duration>,
}

/// Asks until the clock has ended; on one connection, or each on its own.
pub(super) fn run(clock: &Clock, seen: &Mutex<Lookups>, is_kept: bool, knows: bool) {
    let mut caller = Caller::new(node::vip(), WITHIN);
    let mut last = None;
    let mut nth = 0;
    while !clock.has_ended() {
        let n = nth % CUSTOMERS;
        let target = format!("/v1/lookup?ani={}", phone(n).replace('+', "%2B"));
        if !is_kept {
            caller.hang_up();
        }
        let answer = caller.ask("GET", &target, "");
        let now = clock.now();
        let mut seen = seen.lock().unwrap();
        match answer {
            Ok(answer) if answer.status == 200 => {
                let json = answer.json();
                if knows && json["name"] != name(n) {
                    seen.wrong.push(format!("{target}: {json}"));
                }
                seen.answered += 1;
                if json["stale"] == true {
                    seen.stale += 1;
                    seen.last_stale = Some(now);
                }
                if let Some(last) = last.replace(now) {
                    seen.longest_gap = seen.longest_gap.max(now - last);
                }
            }
            Ok(answer) => seen.failed.push((now, format!("{answer:?}"))),
            // Nobody has answered, or nobody was there to connect to, in time.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                seen.late.push(now)
            }
            Err(error) => seen.failed.push((now, error.to_string())),
        }
        drop(seen);
        // Who was kept waiting does not make up for it.
        let missed = now.as_micros() / EVERY.as_micros();
        nth = u32::try_from(missed).unwrap().max(nth) + 1;
        clock.wait(nth, EVERY);
    }
    // An outage that lasted to the end counts as well.
    if let Some(last) = last {
        let mut seen = seen.lock().unwrap();
        seen.longest_gap = seen.longest_gap.max(clock.now() - last);
    }
}
