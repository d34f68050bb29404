//! What a request asks, of which dialect, and whether it can be answered at once.

use hyper::Request;

use super::changes;
use super::desk::{self, Desk};
use super::gate::Peer;
use super::head::Head;
use super::settings::Policy;
use super::shadow::Shadow;
use super::token::Vendor;
use crate::callers::{Call, Dialect, Need, Route, Spoken, trimmed};
use crate::feed::Pushes;

/// What tells of Ringside itself, which no other system has.
const OUR_OWN: [&str; 2] = ["/openapi.json", "/3cx/template.xml"];

/// Where customers are listed.
const CUSTOMERS: &str = "/v1/customers";

/// What a request's head asks, and of which dialect.
pub(super) struct Asked<'r> {
    /// `None` where the listener does not speak it.
    pub(super) dialect: Option<&'r Spoken>,
    pub(super) head: Head<'r>,
    /// `None` for a path that is no question.
    pub(super) route: Option<Route<'r>>,
    is_secure: bool,
}

impl<'r> Asked<'r> {
    pub(super) fn of<B>(policy: &'r Policy, peer: &Peer, request: &'r Request<B>) -> Asked<'r> {
        Asked::new(policy, peer, Head::of(request))
    }

    #[inline]
    pub(super) fn new(policy: &'r Policy, peer: &Peer, head: Head<'r>) -> Asked<'r> {
        let route = Route::of(trimmed(head.path));
        // A path of nobody's gets the native dialect's error.
        let dialect = route.as_ref().map_or(Dialect::Native, |route| route.dialect);
        Asked {
            dialect: policy.speakers.get(dialect),
            route,
            is_secure: policy.tls.is_some() && peer.is_remote(),
            head,
        }
    }

    /// With one slash at its start.
    pub(super) fn path(&self) -> &'r str {
        trimmed(self.head.path)
    }

    /// Without its body.
    #[inline]
    pub(super) fn call(&self) -> Call<'_> {
        Call {
            method: self.head.method,
            path: self.head.path,
            query: self.head.query,
            content_type: self.head.content_type,
            // Where the caller has reached us, as it says itself.
            host: self.head.authority.or(self.head.host),
            is_secure: self.is_secure,
            diversion: self.head.diversion.as_deref(),
            body: &[],
        }
    }

    /// The shadow mode that a lookup is answered in, and its dialect; `None` for what Ringside answers in any case.
    pub(super) fn shadow<'p>(&self, policy: &'p Policy) -> Option<(&'p Shadow, Dialect)> {
        let shadow = policy.shadow.as_ref()?;
        let route = self.route.as_ref().filter(|_| !OUR_OWN.contains(&self.path()))?;
        (self.dialect.is_some() && route.need == Need::Lookup).then_some((shadow, route.dialect))
    }

    /// Where the changes go that are posted to this path; `None` where it is another one, or nobody takes any here.
    pub(super) fn pushes<'p>(&self, policy: &'p Policy) -> Option<&'p Pushes> {
        let pushes = policy.pushes.as_ref()?;
        (self.dialect.is_some() && self.path() == changes::PATH).then_some(pushes)
    }

    /// Who answers what is asked of rings, calls and desktops; `None` where something else is asked, or nobody answers here.
    #[inline]
    pub(super) fn desk<'p>(&self, policy: &'p Policy) -> Option<&'p Desk> {
        let route = self.route.as_ref()?;
        let is_of_desks = match route.need {
            Need::Ring | Need::Desktop(_) => true,
            Need::Lookup => match route.dialect {
                Dialect::Native => self.path() == CUSTOMERS,
                Dialect::Curri => true,
                _ => false,
            },
            Need::Feed => false,
        };
        policy.desk.as_ref().filter(|_| is_of_desks)
    }

    /// Whose page is asked for, or a file of it; `None` where something else is.
    pub(super) fn page<'p>(&self, policy: &'p Policy) -> Option<&'p Desk> {
        if self.route.is_some() {
            return None;
        }
        policy.desk.as_ref().filter(|_| desk::files::is_page(self.path()))
    }

    /// Whose token endpoint the path is, where the listener speaks that vendor's dialect.
    pub(super) fn vendor(&self, policy: &Policy) -> Option<Vendor> {
        // No question is asked there.
        if self.route.is_some() {
            return None;
        }
        Vendor::of(self.path()).filter(|vendor| policy.speakers.get(vendor.dialect()).is_some())
    }
}
