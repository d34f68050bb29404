//! Who may ask, from where, and for what: the rules of one listener, or of the administration.
//!
//! Where a source is checked twice, at the door and with every request, that is because rules are replaced while
//! connections stay open. Keys are proven with every request for the same reason.

mod credential;
mod denial;
mod exposure;
mod scope;
mod sources;

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::HeaderMap;
use serde::Deserialize;

use super::gate::Peer;
use super::keys::{self, Keys, Rejected};
use crate::callers::{Dialect, Route};

pub(super) use credential::{Credential, KEY_MIN, Offered, PREFIX, Shown, is_our_key, shows_our_key};
pub(super) use denial::{Denial, Denials};
pub use exposure::Exposed;
pub use scope::{Activity, Agent, Ceiling, Need, Scope};
pub use sources::{Network, Sources};

/// The token that is given to whoever logs in where no key is needed. It opens what is open, as no key at all does, and
/// nothing as soon as keys are needed.
pub(super) const OPEN: &str = "ringside-needs-no-key";

/// Whether a request needs a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Demand {
    /// Every request does.
    Required,
    /// A request without one may do what anybody may; one that shows a key is held to it.
    Optional,
    /// As soon as there is any key, except for who has shown a client certificate.
    Auto,
}

/// The rules of one listener, or of the administration.
#[derive(Debug, Clone)]
pub struct Access {
    /// What may be done at all, whoever asks; not asked by the administration.
    pub scopes: Ceiling,
    /// Whence one may come; Unix sockets have no addresses and are not asked.
    pub sources: Sources,
    /// Whence one may come further, for each dialect.
    pub dialect_sources: BTreeMap<Dialect, Sources>,
    /// Whether a key is needed.
    pub demand: Demand,
    /// Whether `?key=` counts.
    pub key_in_query: bool,
    /// What some dialects say otherwise of keys.
    pub dialect_keys: BTreeMap<Dialect, DialectKeys>,
    /// The keys that there are.
    pub keys: Arc<Keys>,
}

/// What a dialect says of keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DialectKeys {
    /// Whether a key is needed; as on its listener where `None`.
    pub demand: Option<Demand>,
    /// Whether `?key=` counts, also where the listener does not say so.
    pub in_query: bool,
}

/// Who asks, as far as they have shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The key's name, or the certificate's.
    pub name: Arc<str>,
    /// What the key allows; `None` for a certificate, which stands for whatever its listener allows.
    scopes: Option<Arc<[Scope]>>,
}

impl Default for Access {
    /// Everything allowed to everybody, without any keys.
    fn default() -> Access {
        Access {
            scopes: Ceiling::all(),
            sources: Sources::default(),
            dialect_sources: BTreeMap::new(),
            dialect_keys: BTreeMap::new(),
            demand: Demand::Auto,
            key_in_query: false,
            keys: Keys::none(),
        }
    }
}

impl Identity {
    /// Whether they may do what `need` says, as far as their key goes.
    pub fn may(&self, need: &Need) -> bool {
        self.scopes
            .as_ref()
            .is_none_or(|scopes| scopes.iter().any(|scope| scope.covers(need)))
    }
}

impl Access {
    /// Whether one may come from where `peer` is.
    pub(super) fn admits(&self, peer: &Peer) -> bool {
        peer.address.is_none_or(|address| self.sources.admit(address))
    }

    /// Who asks for `path`, with one slash at its start, if they may; `None` for whoever needs to show nothing.
    pub(super) fn check<'r>(
        &self,
        peer: &Peer,
        path: &str,
        query: &str,
        offered: impl Into<Offered<'r>>,
    ) -> Result<Option<Identity>, Denial> {
        self.check_route(peer, Route::of(path).as_ref(), query, offered.into())
    }

    /// As [`Access::check`], for a path whose route is known.
    pub(super) fn check_route(
        &self,
        peer: &Peer,
        route: Option<&Route<'_>>,
        query: &str,
        offered: Offered<'_>,
    ) -> Result<Option<Identity>, Denial> {
        let dialect = route.map(|route| route.dialect);
        self.check_source(peer, dialect)?;
        let identity = self.identify(peer, query, offered, self.said(dialect))?;
        if let Some(need) = route.map(|route| Need::of(&route.need)) {
            if !self.scopes.covers(&need) {
                return Err(Denial::NotHere(need));
            }
            if identity.as_ref().is_some_and(|identity| !identity.may(&need)) {
                return Err(Denial::Scope(need));
            }
        }
        Ok(identity)
    }

    /// Whether whoever is at `peer` may look up in `dialect` at all, whoever they are: what another system answers, it judges.
    /// Who logs in there does it to look up.
    pub(super) fn check_place(&self, peer: &Peer, dialect: Dialect) -> Result<(), Denial> {
        self.check_source(peer, Some(dialect))?;
        if self.scopes.covers(&Need::Lookup) {
            Ok(())
        } else {
            Err(Denial::NotHere(Need::Lookup))
        }
    }

    /// Whether one may speak `dialect` from where `peer` is.
    pub(super) fn check_source(&self, peer: &Peer, dialect: Option<Dialect>) -> Result<(), Denial> {
        if !self.admits(peer) {
            return Err(Denial::Source);
        }
        let narrower = dialect.and_then(|dialect| self.dialect_sources.get(&dialect));
        if let (Some(sources), Some(address)) = (narrower, peer.address)
            && !sources.admit(address)
        {
            return Err(Denial::DialectSource);
        }
        Ok(())
    }

    /// What `dialect` says of keys.
    fn said(&self, dialect: Option<Dialect>) -> DialectKeys {
        let said = dialect.and_then(|dialect| self.dialect_keys.get(&dialect));
        said.copied().unwrap_or_default()
    }

    /// Whether `peer` has to show a key to speak `dialect`.
    pub(super) fn needs_key(&self, peer: &Peer, dialect: Dialect) -> bool {
        match self.said(Some(dialect)).demand.unwrap_or(self.demand) {
            Demand::Required => true,
            Demand::Optional => false,
            Demand::Auto => peer.certificate.is_none() && !self.keys.is_empty(),
        }
    }

    /// Who asks for a page of the administration that is not for everybody; `None` for whoever needs to show nothing.
    pub(super) fn check_admin(
        &self,
        peer: &Peer,
        query: &str,
        headers: &HeaderMap,
    ) -> Result<Option<Identity>, Denial> {
        let identity = self.identify(peer, query, headers.into(), DialectKeys::default())?;
        if identity
            .as_ref()
            .is_some_and(|identity| !identity.may(&Need::Admin))
        {
            return Err(Denial::Scope(Need::Admin));
        }
        Ok(identity)
    }

    fn identify(
        &self,
        peer: &Peer,
        query: &str,
        offered: Offered<'_>,
        said: DialectKeys,
    ) -> Result<Option<Identity>, Denial> {
        let certified = |name: &Arc<str>| Identity {
            name: Arc::clone(name),
            scopes: None,
        };
        let demand = said.demand.unwrap_or(self.demand);
        let in_query = self.key_in_query || said.in_query;
        let is_needed = match demand {
            Demand::Required => true,
            Demand::Optional => false,
            Demand::Auto => !self.keys.is_empty(),
        };
        match &peer.certificate {
            Some(name) if demand != Demand::Required => return Ok(Some(certified(name))),
            // Without keys whatever callers send for other systems means nothing.
            None if !is_needed && demand == Demand::Auto => return Ok(None),
            _ => {}
        }
        match Credential::read(offered, query, in_query) {
            Credential::None if is_needed => Err(Denial::Missing { in_query }),
            Credential::None => Ok(None),
            Credential::Misplaced(place) => Err(Denial::Misplaced(place)),
            Credential::Key(shown) if !is_needed && shown.as_bytes() == OPEN.as_bytes() => Ok(None),
            Credential::Key(shown) => match self.keys.ring().identify(shown.as_bytes(), keys::now_s()) {
                Ok(key) => Ok(Some(Identity {
                    name: Arc::clone(&key.name),
                    scopes: Some(Arc::clone(&key.scopes)),
                })),
                Err(Rejected::Unknown) => Err(Denial::Unknown),
                Err(Rejected::Expired) => Err(Denial::Expired),
                Err(Rejected::Revoked) => Err(Denial::Revoked),
            },
        }
    }
}
