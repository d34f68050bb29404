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

/// A pattern of paths.
#[derive(Debug, Clone, Copy)]
struct Entry {
    pattern: &'static str,
    /// How many bytes every path begins with that fits: most that do not fit are seen here.
    literal: usize,
    dialect: Dialect,
    needs: Needs,
}

const fn entry(pattern: &'static str, dialect: Dialect, needs: Needs) -> Entry {
    let bytes = pattern.as_bytes();
    let mut literal = 0;
    while literal < bytes.len() && bytes[literal] != b'*' {
        literal += 1;
    }
    // The slash ahead of a `**` need not be there.
    if literal < bytes.len() {
        literal -= 1;
    }
    Entry {
        pattern,
        literal,
        dialect,
        needs,
    }
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
static ROUTES: [Entry; 28] = [
    entry("/v1/customers/**", Native, Needs::Lookup),
    entry("/v1/changes", Native, Needs::Feed),
    entry("/v1/rings/finesse", Finesse, Needs::Ring),
    entry("/v1/rings/sipgate", Sipgate, Needs::Ring),
    entry("/v1/rings/**", Native, Needs::Ring),
    entry("/v1/calls/**", Native, Needs::Ring),
    entry("/v1/agents/**", Native, Needs::Desktop(2)),
    entry("/openapi.json", Native, Needs::Lookup),
    entry("/cid", Cid, Needs::Lookup),
    entry("/api/data/**", Dynamics, Needs::Lookup),
    entry("/services/data/**", Salesforce, Needs::Lookup),
    entry("/api/now/**", Servicenow, Needs::Lookup),
    entry("/api/v2/users/search.json", Zendesk, Needs::Lookup),
    entry("/api/v2/users/search", Zendesk, Needs::Lookup),
    entry("/api/v2/search.json", Zendesk, Needs::Lookup),
    entry("/api/v2/search", Zendesk, Needs::Lookup),
    entry(
        "/api/v2/channels/voice/agents/*/users/*/display.json",
        Zendesk,
        Needs::Desktop(5),
    ),
    entry(
        "/api/v2/channels/voice/agents/*/users/*/display",
        Zendesk,
        Needs::Desktop(5),
    ),
    entry("/api/v2/search/contacts", Freshdesk, Needs::Lookup),
    entry("/api/v2/search/tickets", Freshdesk, Needs::Lookup),
    entry("/api/v2/contacts/**", Freshdesk, Needs::Lookup),
    entry("/api/v2/tickets/**", Freshdesk, Needs::Lookup),
    entry("/customer-profile", Finesse, Needs::Lookup),
    entry("/curri", Curri, Needs::Lookup),
    entry("/3cx/lookup.json", Threecx, Needs::Lookup),
    entry("/3cx/template.xml", Threecx, Needs::Lookup),
    entry("/contacts/getContactsBySearchTerms", Cim, Needs::Lookup),
    entry("/cid/**", Cid, Needs::Lookup),
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
        let Entry { dialect, needs, .. } = *ROUTES.iter().find(|entry| entry.fits(path))?;
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

impl Entry {
    fn fits(&self, path: &str) -> bool {
        let literal = &self.pattern.as_bytes()[..self.literal];
        path.as_bytes().starts_with(literal) && fits(self.pattern, path)
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
