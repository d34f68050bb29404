//! Which dialect a path belongs to, and what whoever asks for it must be allowed to do.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::dialect::Dialect;

/// A path's dialect and need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route<'p> {
    /// Whose path it is.
    pub dialect: Dialect,
    /// What it takes to ask for it.
    pub need: Need<'p>,
}

/// What it takes to ask for a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need<'p> {
    /// To look up.
    Lookup,
    /// To deliver changes.
    Feed,
    /// To announce calls.
    Ring,
    /// To be the desktop of this agent.
    Desktop(Cow<'p, str>),
}

/// How a need is read from a path.
#[derive(Debug, Clone, Copy)]
enum Needs {
    Lookup,
    Feed,
    Ring,
    /// The segment at this place, from 0, names the agent.
    Desktop(usize),
}

use Dialect::{Cid, Cim, Curri, Dynamics, Finesse, Freshdesk, Native, Salesforce};
use Dialect::{Servicenow, Sipgate, Threecx, Zendesk};

/// Every path that is answered, save those under [`LOOKUP`]; a new one is entered here, or nobody's key is asked for it.
/// `*` is one segment, `**` at the end any number of them. The first that fits counts.
const ROUTES: [(&str, Dialect, Needs); 28] = [
    ("/v1/customers/**", Native, Needs::Lookup),
    ("/v1/changes", Native, Needs::Feed),
    ("/v1/rings/finesse", Finesse, Needs::Ring),
    ("/v1/rings/sipgate", Sipgate, Needs::Ring),
    ("/v1/rings/**", Native, Needs::Ring),
    ("/v1/calls/**", Native, Needs::Ring),
    ("/v1/agents/**", Native, Needs::Desktop(2)),
    ("/openapi.json", Native, Needs::Lookup),
    ("/cid", Cid, Needs::Lookup),
    ("/api/data/**", Dynamics, Needs::Lookup),
    ("/services/data/**", Salesforce, Needs::Lookup),
    ("/api/now/**", Servicenow, Needs::Lookup),
    ("/api/v2/users/search.json", Zendesk, Needs::Lookup),
    ("/api/v2/users/search", Zendesk, Needs::Lookup),
    ("/api/v2/search.json", Zendesk, Needs::Lookup),
    ("/api/v2/search", Zendesk, Needs::Lookup),
    (
        "/api/v2/channels/voice/agents/*/users/*/display.json",
        Zendesk,
        Needs::Desktop(5),
    ),
    (
        "/api/v2/channels/voice/agents/*/users/*/display",
        Zendesk,
        Needs::Desktop(5),
    ),
    ("/api/v2/search/contacts", Freshdesk, Needs::Lookup),
    ("/api/v2/search/tickets", Freshdesk, Needs::Lookup),
    ("/api/v2/contacts/**", Freshdesk, Needs::Lookup),
    ("/api/v2/tickets/**", Freshdesk, Needs::Lookup),
    ("/customer-profile", Finesse, Needs::Lookup),
    ("/curri", Curri, Needs::Lookup),
    ("/3cx/lookup.json", Threecx, Needs::Lookup),
    ("/3cx/template.xml", Threecx, Needs::Lookup),
    ("/contacts/getContactsBySearchTerms", Cim, Needs::Lookup),
    ("/cid/**", Cid, Needs::Lookup),
];
/// What nearly everybody asks for.
const LOOKUP: &str = "/v1/lookup";

impl<'p> Route<'p> {
    /// The route of `path`, which begins with one slash; `None` where nothing answers.
    #[inline]
    pub fn of(path: &'p str) -> Option<Route<'p>> {
        let route = |dialect, need| Some(Route { dialect, need });
        if let Some(rest) = path.strip_prefix(LOOKUP)
            && (rest.is_empty() || rest.starts_with('/'))
        {
            return route(Native, Need::Lookup);
        }
        let (_, dialect, needs) = ROUTES.into_iter().find(|(pattern, ..)| fits(pattern, path))?;
        route(
            dialect,
            match needs {
                Needs::Lookup => Need::Lookup,
                Needs::Feed => Need::Feed,
                Needs::Ring => Need::Ring,
                Needs::Desktop(place) => {
                    let agent = path.split('/').nth(place + 1).unwrap_or_default();
                    Need::Desktop(percent_decode_str(agent).decode_utf8_lossy())
                }
            },
        )
    }
}

/// Whether `pattern` means `path`. A slash at the path's end means nothing.
fn fits(pattern: &str, path: &str) -> bool {
    let mut steps = path.strip_suffix('/').unwrap_or(path).split('/');
    for expected in pattern.split('/') {
        match (expected, steps.next()) {
            ("**", _) => return true,
            ("*", Some(step)) if !step.is_empty() => {}
            (expected, Some(step)) if expected == step => {}
            _ => return false,
        }
    }
    steps.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_their_dialects_and_needs() {
        let of = |path| Route::of(path).map(|route| (route.dialect, route.need));
        for path in [
            "/v1/lookup",
            "/v1/lookup/",
            "/v1/lookup/+1480",
            "/v1/customers/c-1",
            "/v1/customers",
        ] {
            assert_eq!(of(path), Some((Native, Need::Lookup)), "{path}");
        }
        assert_eq!(of("/v1/changes"), Some((Native, Need::Feed)));
        assert_eq!(of("/v1/rings"), Some((Native, Need::Ring)));
        assert_eq!(of("/v1/rings/finesse"), Some((Finesse, Need::Ring)));
        assert_eq!(of("/v1/rings/sipgate/"), Some((Sipgate, Need::Ring)));
        assert_eq!(of("/v1/calls/7/link"), Some((Native, Need::Ring)));
        assert_eq!(
            of("/v1/agents/a%20b/events"),
            Some((Native, Need::Desktop("a b".into())))
        );
        assert_eq!(
            of("/api/v2/channels/voice/agents/7/users/9/display.json"),
            Some((Zendesk, Need::Desktop("7".into())))
        );
        assert_eq!(of("/api/v2/search.json"), Some((Zendesk, Need::Lookup)));
        assert_eq!(of("/api/v2/search/contacts"), Some((Freshdesk, Need::Lookup)));
        assert_eq!(of("/api/data/v9.2/contacts"), Some((Dynamics, Need::Lookup)));
        assert_eq!(
            of("/services/data/v52.0/query/"),
            Some((Salesforce, Need::Lookup))
        );
        assert_eq!(of("/cid"), Some((Cid, Need::Lookup)));
        for path in [
            "/",
            "/v1/lookups",
            "/metrics",
            "",
            "/v2/lookup",
            "/cidr",
            "/api",
            "/api/v2",
        ] {
            assert_eq!(of(path), None, "{path}");
        }
    }
}
