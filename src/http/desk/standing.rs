//! By what right a desktop listens, and whether it still does: a stream outlives the request that opened it.

use std::sync::Arc;

use super::Rights;
use crate::callers::Dialect;
use crate::http::access::Need;
use crate::http::gate::Peer;
use crate::http::keys::now_s;
use crate::http::service::Shared;
use crate::http::settings::Policy;

/// Who may listen, as a ticket carries it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::http) struct Holder {
    pub(in crate::http) rights: Rights,
    /// The key's name, or the certificate's; `None` for who had to show none.
    pub(in crate::http) name: Option<Arc<str>>,
}

/// By what right a desktop listens.
pub(super) struct Standing {
    pub(super) shared: Arc<Shared>,
    pub(super) peer: Peer,
    pub(super) agent: Arc<str>,
    pub(super) holder: Holder,
    /// The rules that it was let in by, and is shown pops by.
    pub(super) policy: Arc<Policy>,
}

impl Standing {
    /// Whether it still may, by the same rules.
    pub(super) fn holds(&self) -> bool {
        let policy = self.shared.policy.load();
        if !Arc::ptr_eq(&policy, &self.policy) {
            return false;
        }
        let (access, need) = (&policy.access, Need::Desktop(self.agent.to_string()));
        if policy.desk.is_none() || !access.admits(&self.peer) || !access.scopes.covers(&need) {
            return false;
        }
        match &self.holder.name {
            None => !access.needs_key(&self.peer, Dialect::Native),
            Some(name) if self.peer.certificate.as_ref() == Some(name) => true,
            Some(name) => {
                let (ring, now) = (access.keys.ring(), now_s());
                let named = ring
                    .all()
                    .iter()
                    .filter(|key| key.name == *name && key.is_valid(now));
                named
                    .into_iter()
                    .any(|key| key.scopes.iter().any(|scope| scope.covers(&need)))
            }
        }
    }
}
