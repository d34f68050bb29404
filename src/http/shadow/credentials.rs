//! Credentials that the upstream has accepted: whoever showed one may be answered by Ringside, too.
//!
//! What is kept is a hash under a salt of this process, for an hour, in memory alone.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, COOKIE, HeaderName};
use sha2::{Digest, Sha256};

use crate::callers::Dialect;

/// Header fields that say who somebody is. A `Cookie` counts with everything that is in it.
const SHOWN: [HeaderName; 3] = [AUTHORIZATION, COOKIE, HeaderName::from_static("x-api-key")];
/// How long the upstream's word is believed.
const LIFE: Duration = Duration::from_secs(3600);
/// How much longer for what belongs to a call that Ringside has begun to answer.
const GRACE: Duration = Duration::from_secs(600);
/// The most that are kept; those that were accepted longest ago go first.
const MOST: usize = 4096;

/// A credential, as it is remembered.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Shown([u8; 32]);

/// Those that the upstream has accepted.
pub(super) struct Credentials {
    salt: [u8; 32],
    accepted: Mutex<HashMap<Shown, Instant>>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    pub(super) fn new() -> Credentials {
        let mut salt = [0; 32];
        // Without a salt nothing is worse than that equal credentials have equal hashes, in memory.
        let _unsalted = getrandom::fill(&mut salt);
        Credentials {
            salt,
            accepted: Mutex::default(),
        }
    }

    /// What a request in `dialect` with `headers` shows; `None` where that is nothing. What is accepted in one dialect counts
    /// in no other: an upstream knows its own paths, and may answer any other to anybody.
    pub(super) fn shown(&self, dialect: Dialect, headers: &HeaderMap) -> Option<Shown> {
        let mut hash = Sha256::new();
        hash.update(self.salt);
        hash.update(dialect.name());
        let mut is_shown = false;
        for name in &SHOWN {
            for value in headers.get_all(name) {
                is_shown = true;
                hash.update(name.as_str());
                hash.update(value.len().to_le_bytes());
                hash.update(value.as_bytes());
            }
        }
        is_shown.then(|| Shown(hash.finalize().into()))
    }

    /// The upstream has accepted `shown`.
    pub(super) fn accept(&self, shown: Shown, now: Instant) {
        let mut accepted = self.accepted();
        accepted.insert(shown, now);
        if accepted.len() <= MOST {
            return;
        }
        accepted.retain(|_, at| now.saturating_duration_since(*at) < LIFE + GRACE);
        if accepted.len() > MOST
            && let Some(oldest) = accepted
                .iter()
                .min_by_key(|(_, at)| **at)
                .map(|(shown, _)| *shown)
        {
            accepted.remove(&oldest);
        }
    }

    /// Whether the upstream has accepted `shown` of late; a little longer ago for a call that Ringside `has_begun` to
    /// answer.
    pub(super) fn knows(&self, shown: Shown, now: Instant, has_begun: bool) -> bool {
        let life = if has_begun { LIFE + GRACE } else { LIFE };
        let at = self.accepted().get(&shown).copied();
        at.is_some_and(|at| now.saturating_duration_since(at) < life)
    }

    /// The upstream refuses `shown`.
    pub(super) fn forget(&self, shown: Shown) {
        self.accepted().remove(&shown);
    }

    /// How many are kept.
    pub(super) fn count(&self) -> usize {
        self.accepted().len()
    }

    fn accepted(&self) -> MutexGuard<'_, HashMap<Shown, Instant>> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use hyper::header::HeaderValue;

    use super::*;

    fn shown(credentials: &Credentials, value: &str) -> Shown {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        credentials.shown(Dialect::Native, &headers).unwrap()
    }

    #[test]
    fn what_was_accepted_is_remembered_for_an_hour() {
        let credentials = Credentials::new();
        let (ours, now) = (shown(&credentials, "Bearer a"), Instant::now());
        assert!(!credentials.knows(ours, now, true));
        credentials.accept(ours, now);
        let after = |seconds| now + Duration::from_secs(seconds);
        assert!(credentials.knows(ours, after(3599), false));
        assert!(!credentials.knows(ours, after(3600), false));
        assert!(credentials.knows(ours, after(4199), true));
        assert!(!credentials.knows(ours, after(4200), true));
        assert!(!credentials.knows(shown(&credentials, "Bearer b"), now, false));
        credentials.forget(ours);
        assert!(!credentials.knows(ours, now, false));
    }

    #[test]
    fn headers_are_told_apart_and_nothing_is_nobody() {
        let credentials = Credentials::new();
        assert!(credentials.shown(Dialect::Native, &HeaderMap::new()).is_none());
        let of = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            credentials.shown(Dialect::Native, &headers)
        };
        assert!(of("cookie", "a") != of("authorization", "a"));
        assert!(of("accept", "a").is_none());
        let other = Credentials::new();
        assert!(
            shown(&credentials, "a") != shown(&other, "a"),
            "each process has its salt"
        );
    }

    #[test]
    fn the_oldest_make_room() {
        let credentials = Credentials::new();
        let now = Instant::now();
        for nth in 0..=MOST {
            let at = now + Duration::from_millis(u64::try_from(nth).unwrap());
            credentials.accept(shown(&credentials, &nth.to_string()), at);
        }
        assert_eq!(credentials.count(), MOST);
        assert!(!credentials.knows(shown(&credentials, "0"), now, false));
        assert!(credentials.knows(shown(&credentials, "1"), now, false));
    }
}
