//! Rings, calls and desktops over HTTP: the one place where who is calling (`callers`) and what desktops are told (`pop`)
//! come together.

mod agent;
mod calls;
mod customers;
mod fault;
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

use serde_json::Value;

use crate::callers::PopUrls;
use crate::pop::{Keeping, Link, Pops, Tickets};

pub use profile::{PopOn, Profile, ProfileSettings, Profiles};
use refused::Refused;
pub(super) use routing::answer;
pub(super) use socket::Socket;
pub(super) use sse::Events;
use standing::Holder;

/// What rings, calls and desktops of one contact centre have in common.
#[derive(Debug, Clone)]
pub struct Desk {
    pops: Arc<Pops>,
    profiles: Arc<Profiles>,
    tickets: Arc<Tickets<Holder>>,
}

/// What a desktop may see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rights {
    /// Attributes that the schema calls sensitive.
    pub(super) sensitive: bool,
}

impl Desk {
    /// The desktops that are told of `pops`, and show what `profiles` say.
    pub fn new(pops: &Arc<Pops>, profiles: Profiles) -> Desk {
        Desk {
            pops: Arc::clone(pops),
            profiles: Arc::new(profiles),
            tickets: Arc::new(Tickets::new(pops.desks().settings())),
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
        false
    }

    /// The pages of other systems for agents who are not known.
    fn urls(&self) -> &PopUrls {
        &self.profiles.of("", None).1.urls
    }

    /// Says that the call `id` is of `customer`, here and to the system of record.
    fn link(
        &self,
        id: &str,
        customer: Option<&str>,
        agent: Option<&str>,
    ) -> Result<(Option<Link>, Keeping), Refused> {
        Ok(self.pops.link(id, customer, agent)?)
    }

    /// Hands the customer `id`, whom `agent` has written down, on to the system of record.
    fn create(&self, _id: &str, _customer: &Value, _agent: &str) -> Result<(), Refused> {
        Ok(())
    }
}
