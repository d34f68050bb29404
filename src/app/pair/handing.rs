//! A hand-over that somebody asks for: whether the other node is fit for it, and what came of it.

use std::sync::Arc;

use crossbeam::channel::{Receiver, RecvTimeoutError, bounded};

use super::peer::PeerError;
use super::{Moved, Pair, TURN};
use crate::ha::{HaError, Input, Role, Vrrp};
use crate::pop::CallState;
use crate::tenant::Tenant;

/// What came of a hand-over that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HandedOver {
    pub(super) moved: Moved,
    /// The other node's name, where it said so.
    pub(super) to: String,
}

/// Why there was none.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandoverError {
    #[error(
        "`ha.peer` is empty: name the other node's administration, or hand over without asking it (`--force`)"
    )]
    NoPeer,
    #[error("{0}; correct that, or hand over all the same (`--force`)")]
    Peer(#[from] PeerError),
    #[error(
        "the other node cannot take over ({reasons}); wait until it is, or hand over all the same (`--force`)"
    )]
    Unelectable { reasons: String },
    #[error(
        "calls are not replicated at present ({why}): the other node would not know those that ring here; wait until they are, or \
         hand over all the same (`--force`)"
    )]
    Unreplicated { why: String },
    #[error(
        "the address was given up, and nobody has said that they have it now: see why the other node does not; this one takes it \
         again as soon as its watchdog lets it"
    )]
    Nobody,
    #[error(transparent)]
    Refused(#[from] HaError),
}

impl Pair {
    /// Hands the address over to the other node, and waits for the end of it. `is_forced`: also where nobody says that
    /// the other node is fit.
    pub(super) fn hand_over(&self, is_forced: bool) -> Result<HandedOver, HandoverError> {
        if !self.settings.is_pair() {
            return Err(HaError::Alone.into());
        }
        let asked = match &self.peer {
            Some(peer) => peer.role(&self.settings.node).map_err(HandoverError::from),
            None => Err(HandoverError::NoPeer),
        };
        let fit = asked.and_then(|other| {
            if other.role == Role::Alone.as_str() {
                let reasons = "it stands alone: its `ha.node` is empty".to_owned();
                return Err(HandoverError::Unelectable { reasons });
            }
            // Yielding to a node whose keepalived does not run, or keeps it out, would leave the address with nobody.
            if other.vrrp.as_deref() != Some(Vrrp::Backup.as_str()) {
                let said = other.vrrp.as_deref().unwrap_or("nothing yet");
                let reasons = format!("keepalived there says {said}, not BACKUP");
                return Err(HandoverError::Unelectable { reasons });
            }
            if !other.has_customers && self.has_customers() {
                let reasons = "it has no customers: `ringside status` there says why".to_owned();
                return Err(HandoverError::Unelectable { reasons });
            }
            if other.electable {
                return Ok(other);
            }
            Err(HandoverError::Unelectable {
                reasons: other.reason.unwrap_or_else(|| "it does not say why".to_owned()),
            })
        });
        let fit = fit.and_then(|other| self.replicated().map(|()| other));
        let to = match fit {
            Ok(other) => Some(other.node),
            Err(error) if is_forced => {
                tracing::warn!(%error, "handing over all the same");
                None
            }
            Err(error) => return Err(error),
        };
        let outcome = {
            let (waiting, outcome) = bounded(1);
            let mut inner = self.inner();
            if inner.waiting.is_some() {
                return Err(HaError::UnderWay.into());
            }
            inner.waiting = Some(waiting);
            outcome
        };
        self.tell(Input::HandOver);
        let moved = self.await_peer(&outcome, to.is_some())?;
        let to = to.or_else(|| {
            let other = self.peer.as_ref()?.role(&self.settings.node).ok()?;
            (other.role == Role::Active.as_str()).then_some(other.node)
        });
        let to = to.ok_or(HandoverError::Nobody)?;
        Ok(HandedOver { moved, to })
    }

    /// Says whose customers this node answers with.
    pub(in crate::app) fn answers_with(&self, tenant: &Arc<Tenant>) {
        let _first_one_stays = self.tenant.set(Arc::clone(tenant));
    }

    pub(super) fn has_customers(&self) -> bool {
        self.tenant.get().is_some_and(|tenant| {
            let index = &tenant.index;
            index.snapshot().header().customers > 0 || index.seq() > 0
        })
    }

    /// Whether the other node knows all calls that this one does, where it is to.
    fn replicated(&self) -> Result<(), HandoverError> {
        let Some(sync) = self.shared.get().map(|shared| shared.sync()) else {
            return Ok(());
        };
        if sync.has_quorum {
            return Ok(());
        }
        let why = sync
            .why
            .unwrap_or_else(|| "no majority of the NATS servers keeps them".to_owned());
        Err(HandoverError::Unreplicated { why })
    }

    /// Hands over ahead of a stop, where there is anything to hand over and anybody to take it.
    pub(in crate::app) fn leave(&self) {
        if self.standing.role() != Role::Active {
            return;
        }
        if let Err(error) = self.hand_over(false) {
            tracing::warn!(%error, "stopping without a hand-over");
        }
    }

    /// Asks the other node until it is active, or the machine has had enough. Where nobody can be asked, `knows_peer`
    /// is false, and keepalived's word that the address is gone has to do.
    fn await_peer(
        &self,
        outcome: &Receiver<Result<Moved, HaError>>,
        knows_peer: bool,
    ) -> Result<Moved, HaError> {
        loop {
            match outcome.recv_timeout(TURN) {
                Ok(moved) => return moved,
                Err(RecvTimeoutError::Disconnected) => return Err(HaError::Stopping),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let (awaits, vrrp) = {
                let inner = self.inner();
                (inner.machine.awaits_peer(), inner.machine.vrrp())
            };
            if !awaits {
                continue;
            }
            let is_taken = match &self.peer {
                Some(peer) if knows_peer => peer
                    .role(&self.settings.node)
                    .is_ok_and(|other| other.role == Role::Active.as_str()),
                _ => vrrp != Some(Vrrp::Master),
            };
            if is_taken {
                self.tell(Input::PeerActive);
            }
        }
    }
}
