//! What is given to whoever logs in.

use std::borrow::Cow;

use crate::callers::Dialect;
use crate::http::access::{Access, Denial, Need, OPEN, Shown};
use crate::http::gate::Peer;
use crate::http::keys::{self, Key, Rejected};

/// The longest time that a token is said to last, in seconds: connectors that keep tokens until they expire notice a
/// key's end within it.
const LASTS_MOST_S: u64 = 3600;

/// A token, and how long it counts.
pub(super) struct Grant<'s> {
    token: Option<&'s Shown>,
    /// Seconds, 1–3600.
    pub(super) lasts_s: u64,
    pub(super) now_s: u64,
}

impl Grant<'_> {
    /// The token: the key that was shown, or [`OPEN`].
    pub(super) fn token(&self) -> Cow<'_, str> {
        match self.token {
            Some(shown) => String::from_utf8_lossy(shown.as_bytes()),
            None => OPEN.into(),
        }
    }
}

impl Access {
    /// What is given to `peer` for the first of `secrets` that opens lookups of `dialect`.
    ///
    /// # Errors
    /// Why none does; that one is expired, revoked or without the scope is told to nobody but who has it.
    pub(super) fn grant<'s>(
        &self,
        peer: &Peer,
        dialect: Dialect,
        secrets: &'s [Shown],
    ) -> Result<Grant<'s>, Denial> {
        self.check_source(peer, Some(dialect))?;
        if !self.scopes.covers(&Need::Lookup) {
            return Err(Denial::NotHere(Need::Lookup));
        }
        let (ring, now_s) = (self.keys.ring(), keys::now_s());
        let mut denied = Denial::Unknown;
        for shown in secrets {
            match ring.identify(shown.as_bytes(), now_s) {
                Ok(key) if key.scopes.iter().any(|scope| scope.covers(&Need::Lookup)) => {
                    return Ok(Grant {
                        token: Some(shown),
                        lasts_s: lasts_s(key, now_s),
                        now_s,
                    });
                }
                Ok(_) => denied = Denial::Scope(Need::Lookup),
                Err(Rejected::Expired) => denied = Denial::Expired,
                Err(Rejected::Revoked) => denied = Denial::Revoked,
                Err(Rejected::Unknown) => {}
            }
        }
        // Nobody's key, where nobody needs one: it opens what is open.
        if denied == Denial::Unknown && !self.needs_key(peer, dialect) {
            return Ok(Grant {
                token: None,
                lasts_s: LASTS_MOST_S,
                now_s,
            });
        }
        Err(denied)
    }
}

fn lasts_s(key: &Key, now_s: u64) -> u64 {
    let left = key.expires_s.map_or(LASTS_MOST_S, |at| at.saturating_sub(now_s));
    left.clamp(1, LASTS_MOST_S)
}
