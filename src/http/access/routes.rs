//! Which dialect a path belongs to, and what whoever asks for it must be allowed to do.

use percent_encoding::percent_decode_str;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::scope::{Need, unknown};

/// A way of asking and answering that a listener may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// Ringside's own.
    Native,
}

impl Dialect {
    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::Native => "native",
        }
    }
}

/// What a path is, as far as access goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) dialect: Dialect,
    pub(super) need: Need,
}

/// How a need is read from a path.
#[derive(Debug, Clone, Copy)]
enum Needs {
    Lookup,
    Feed,
    Ring,
    /// The segment behind the prefix names the agent.
    Desktop,
}

/// Every path that is answered begins with one of these; a new route is entered here, or nobody's key is asked for it.
const ROUTES: [(&str, Dialect, Needs); 7] = [
    ("/v1/lookup", Dialect::Native, Needs::Lookup),
    ("/v1/customers", Dialect::Native, Needs::Lookup),
    ("/v1/changes", Dialect::Native, Needs::Feed),
    ("/v1/rings", Dialect::Native, Needs::Ring),
    ("/v1/calls", Dialect::Native, Needs::Ring),
    ("/v1/agents", Dialect::Native, Needs::Desktop),
    ("/openapi.json", Dialect::Native, Needs::Lookup),
];

impl Route {
    /// The route of `path`, which begins with one slash; `None` where nothing answers.
    pub(super) fn of(path: &str) -> Option<Route> {
        ROUTES.into_iter().find_map(|(prefix, dialect, needs)| {
            let rest = path.strip_prefix(prefix)?;
            if !rest.is_empty() && !rest.starts_with('/') {
                return None;
            }
            let need = match needs {
                Needs::Lookup => Need::Lookup,
                Needs::Feed => Need::Feed,
                Needs::Ring => Need::Ring,
                Needs::Desktop => {
                    let agent = rest.split('/').nth(1).unwrap_or_default();
                    Need::Desktop(percent_decode_str(agent).decode_utf8_lossy().into_owned())
                }
            };
            Some(Route { dialect, need })
        })
    }
}

impl<'de> Deserialize<'de> for Dialect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Dialect, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "native" => Ok(Dialect::Native),
            found => Err(D::Error::custom(unknown(
                "a dialect of this version",
                found,
                "native",
                &["native"],
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_their_needs() {
        let need = |path| Route::of(path).map(|route| route.need);
        for path in [
            "/v1/lookup",
            "/v1/lookup/",
            "/v1/lookup/+1480",
            "/v1/customers/c-1",
        ] {
            assert_eq!(need(path), Some(Need::Lookup), "{path}");
        }
        assert_eq!(need("/v1/changes"), Some(Need::Feed));
        assert_eq!(need("/v1/rings/finesse"), Some(Need::Ring));
        assert_eq!(need("/v1/calls/7/link"), Some(Need::Ring));
        assert_eq!(
            need("/v1/agents/a%20b/events"),
            Some(Need::Desktop("a b".to_owned()))
        );
        for path in ["/", "/v1/lookups", "/metrics", "", "/v2/lookup"] {
            assert_eq!(need(path), None, "{path}");
        }
    }
}
