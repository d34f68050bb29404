//! Rings, calls and desktops over HTTP: the one place where who is calling (`callers`) and what desktops are told (`pop`)
//! come together.

mod agent;
mod calls;
mod customers;
mod display;
mod fault;
pub(super) mod files;
mod handshake;
mod listening;
mod place;
mod profile;
mod refused;
mod render;
mod rings;
mod routing;
mod socket;
mod sse;
mod standing;
#[cfg(test)]
mod tests;
mod viewer;

use std::sync::Arc;
use std::time::Duration;

use crate::callers::{PopUrls, Refusal};
use crate::pop::outbox::{History, OutboxError, Sharing};
use crate::pop::{Keeping, Kept, Link, Pops, Tickets, Unknown};

pub use profile::{PopOn, Profile, ProfileSettings, Profiles};
use refused::Refused;
pub(super) use routing::answer;
pub(super) use socket::Socket;
pub(super) use sse::Events;
use standing::Holder;

/// How long an agent waits until the other node of two has what goes to the system of record.
const PATIENCE: Duration = Duration::from_secs(5);

/// What rings, calls and desktops of one contact centre have in common.
#[derive(Debug, Clone)]
pub struct Desk {
    pops: Arc<Pops>,
    profiles: Arc<Profiles>,
    tickets: Arc<Tickets<Holder>>,
    history: Option<Arc<History>>,
}

/// What a desktop may see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rights {
    /// Attributes that the schema calls sensitive.
    pub(super) sensitive: bool,
    /// To announce calls.
    pub(super) ring: bool,
}

impl Desk {
    /// The desktops that are told of `pops`, and show what `profiles` say.
    pub fn new(pops: &Arc<Pops>, profiles: Profiles, history: Option<Arc<History>>) -> Desk {
        Desk {
            pops: Arc::clone(pops),
            profiles: Arc::new(profiles),
            tickets: Arc::new(Tickets::new(pops.desks().settings())),
            history,
        }
    }

    /// The same with other profiles.
    #[must_use]
    pub fn with(&self, profiles: Profiles) -> Desk {
        Desk {
            profiles: Arc::new(profiles),
            ..self.clone()
        }
    }

    /// Pages of others that may show a desktop and listen for it.
    fn origins(&self) -> Vec<String> {
        self.profiles.origins().map(str::to_owned).collect()
    }

    /// Whether older interactions are to be had.
    fn has_history(&self) -> bool {
        self.history.is_some()
    }

    /// The pages of other systems for agents who are not known.
    fn urls(&self) -> &PopUrls {
        &self.profiles.of("", None).1.urls
    }

    /// Says that the call `id` is of `customer`, to the system of record and here. Waits for the disk.
    async fn link(
        &self,
        id: &str,
        customer: Option<&str>,
        agent: Option<&str>,
    ) -> Result<(Option<Link>, Keeping), Refused> {
        if !self.pops.look(|calls| calls.knows(id)) {
            return Err(Unknown::Call.into());
        }
        let (said, of, by) = (
            id.to_owned(),
            customer.map(str::to_owned),
            agent.map(str::to_owned),
        );
        self.may_promise()?;
        self.tell(move |pops| pops.tell_link(&said, of.as_deref(), by.as_deref()))
            .await?;
        Ok(self.pops.link(id, customer, agent)?)
    }

    /// Hands something on to the system of record, on a thread that may wait for the disk, and waits until the other node
    /// of two has it too.
    async fn tell(
        &self,
        tell: impl FnOnce(&Pops) -> Result<Sharing, OutboxError> + Send + 'static,
    ) -> Result<(), Refused> {
        let pops = Arc::clone(&self.pops);
        let told = tokio::task::spawn_blocking(move || tell(&pops)).await;
        let sharing = told
            .map_err(|_| Refusal::Internal)?
            .map_err(|error| match error {
                OutboxError::NotTaken(_) => Refused::NotConfigured {
                    expected: "a system of record that takes it",
                    remedy: "configure [system_of_record]",
                },
                OutboxError::Full { .. } | OutboxError::Journal(_) => Refused::NotKept,
                other => {
                    tracing::error!(error = %other, "an item was not taken into the outbox");
                    Refusal::Internal.into()
                }
            })?;
        match sharing.is_shared(PATIENCE).await {
            true => Ok(()),
            false => Err(Refused::NotReplicated),
        }
    }

    /// Whether what is said now can be kept where it has to be: asked ahead of changing anything.
    fn may_promise(&self) -> Result<(), Refused> {
        match self.pops.can_promise() {
            true => Ok(()),
            false => Err(Refused::NotReplicated),
        }
    }

    /// Waits until what was said is kept where it has to be.
    async fn until_kept(&self, keeping: Keeping) -> Result<(), Refused> {
        match keeping.patiently().kept().await {
            Kept::Not => Err(Refused::NotKept),
            kept if kept < self.pops.promised() => Err(Refused::NotReplicated),
            _ => Ok(()),
        }
    }
}
