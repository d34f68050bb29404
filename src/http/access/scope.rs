//! What a key allows, what a listener allows at all, and what a request needs.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::callers;

/// The longest id of an agent, in characters.
const AGENT_MAX: usize = 64;
/// How alike two words must be to be offered for one another; 1 is equal.
const ALIKE: f64 = 0.75;

/// What a key allows. Written `lookup`, `feed`, `ring`, `desktop:1001`, `desktop:*`, `admin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// To ask who is calling, and for customers by id.
    Lookup,
    /// To deliver changes.
    Feed,
    /// To announce calls.
    Ring,
    /// To be the desktop of an agent.
    Desktop(Agent),
    /// To see, on a desktop, attributes that the schema calls sensitive. Alone it opens nothing.
    Sensitive,
    /// To administer; on the administration's address alone.
    Admin,
}

/// Whose desktop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// Every agent's.
    Every,
    /// That of the agent with this id, 1–64 characters without control characters.
    One(Box<str>),
}

/// What may be done on a listener at all, whoever asks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Ceiling(Vec<Activity>);

/// A kind of thing that is done on a listener. Administration is none: it has an address of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Lookups.
    Lookup,
    /// Changes delivered.
    Feed,
    /// Calls announced.
    Ring,
    /// Desktops.
    Desktop,
}

/// What a request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// To look up.
    Lookup,
    /// To deliver changes.
    Feed,
    /// To announce calls.
    Ring,
    /// To be this agent's desktop.
    Desktop(String),
    /// To see attributes that the schema calls sensitive.
    Sensitive,
    /// To administer.
    Admin,
}

impl Scope {
    /// What can be written, for people.
    pub const KNOWN: &'static str =
        "lookup, feed, ring, desktop:AGENT (desktop:* for every agent), sensitive, admin";
    const WORDS: [&'static str; 6] = ["lookup", "feed", "ring", "desktop:*", "sensitive", "admin"];

    /// Whether a key with this scope may do what `need` says.
    pub fn covers(&self, need: &Need) -> bool {
        match (self, need) {
            (Scope::Lookup, Need::Lookup)
            | (Scope::Feed, Need::Feed)
            | (Scope::Ring, Need::Ring)
            | (Scope::Sensitive, Need::Sensitive)
            | (Scope::Admin, Need::Admin)
            | (Scope::Desktop(Agent::Every), Need::Desktop(_)) => true,
            (Scope::Desktop(Agent::One(mine)), Need::Desktop(agent)) => **mine == **agent,
            _ => false,
        }
    }

    /// Whether a listener that allows `ceiling` has any use for it.
    pub fn fits(&self, ceiling: &Ceiling) -> bool {
        let activity = match self {
            Scope::Lookup => Activity::Lookup,
            Scope::Feed => Activity::Feed,
            Scope::Ring => Activity::Ring,
            Scope::Desktop(_) | Scope::Sensitive => Activity::Desktop,
            Scope::Admin => return false,
        };
        ceiling.0.contains(&activity)
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Scope, String> {
        if let Some(agent) = text.strip_prefix("desktop:") {
            let count = agent.chars().count();
            let fits =
                (1..=AGENT_MAX).contains(&count) && !agent.contains(|c: char| c.is_control() || c == ',');
            return match agent {
                "*" => Ok(Scope::Desktop(Agent::Every)),
                agent if fits => Ok(Scope::Desktop(Agent::One(agent.into()))),
                _ => Err(format!(
                    "expected `desktop:` and an agent's id of 1 to {AGENT_MAX} characters without control characters and commas, \
                     or `desktop:*` for every agent; found another id (several scopes are given one by one)"
                )),
            };
        }
        Ok(match text {
            "lookup" => Scope::Lookup,
            "feed" => Scope::Feed,
            "ring" => Scope::Ring,
            "sensitive" => Scope::Sensitive,
            "admin" => Scope::Admin,
            _ => return Err(unknown("a scope", text, Scope::KNOWN, &Scope::WORDS)),
        })
    }
}

impl Display for Scope {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Lookup => f.write_str("lookup"),
            Scope::Feed => f.write_str("feed"),
            Scope::Ring => f.write_str("ring"),
            Scope::Sensitive => f.write_str("sensitive"),
            Scope::Desktop(Agent::Every) => f.write_str("desktop:*"),
            Scope::Desktop(Agent::One(agent)) => write!(f, "desktop:{agent}"),
            Scope::Admin => f.write_str("admin"),
        }
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scope, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

impl Ceiling {
    /// All that can be done on a listener.
    pub fn all() -> Ceiling {
        Ceiling(vec![
            Activity::Lookup,
            Activity::Feed,
            Activity::Ring,
            Activity::Desktop,
        ])
    }

    /// Whether what `need` says may be done at all.
    pub fn covers(&self, need: &Need) -> bool {
        let activity = match need {
            Need::Lookup => Activity::Lookup,
            Need::Feed => Activity::Feed,
            Need::Ring => Activity::Ring,
            Need::Desktop(_) | Need::Sensitive => Activity::Desktop,
            Need::Admin => return false,
        };
        self.0.contains(&activity)
    }
}

impl<'de> Deserialize<'de> for Activity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Activity, D::Error> {
        const KNOWN: &str = "lookup, feed, ring, desktop";
        Ok(match String::deserialize(deserializer)?.as_str() {
            "lookup" => Activity::Lookup,
            "feed" => Activity::Feed,
            "ring" => Activity::Ring,
            "desktop" => Activity::Desktop,
            "admin" => {
                return Err(D::Error::custom(format!(
                    "expected one of {KNOWN}, found \"admin\"; administration has an address of its own, [admin]"
                )));
            }
            found => {
                return Err(D::Error::custom(unknown(
                    "what is done on a listener",
                    found,
                    KNOWN,
                    &["lookup", "feed", "ring", "desktop"],
                )));
            }
        })
    }
}

impl Display for Need {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Need::Lookup => "lookup",
            Need::Feed => "feed",
            Need::Ring => "ring",
            Need::Sensitive => "sensitive",
            // The agent is not repeated: a refusal may be read by someone else.
            Need::Desktop(_) => "desktop of that agent",
            Need::Admin => "admin",
        })
    }
}

impl Need {
    /// What a route needs.
    pub(super) fn of(need: &callers::Need<'_>) -> Need {
        match need {
            callers::Need::Lookup => Need::Lookup,
            callers::Need::Feed => Need::Feed,
            callers::Need::Ring => Need::Ring,
            callers::Need::Desktop(agent) => Need::Desktop(agent.to_string()),
        }
    }
}

/// The message for a word that is not one of `words`.
fn unknown(what: &str, found: &str, known: &str, words: &[&str]) -> String {
    let found: String = found.chars().take(40).collect();
    let likeness = |word: &str| strsim::jaro_winkler(&found.to_lowercase(), word);
    let nearest = words
        .iter()
        .map(|word| (likeness(word), word))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    let hint = nearest.map_or_else(String::new, |(_, word)| format!("; did you mean \"{word}\"?"));
    format!("expected {what}, one of {known}; found {found:?}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_written_as_they_are_read() {
        for text in [
            "lookup",
            "feed",
            "ring",
            "admin",
            "desktop:*",
            "desktop:1001",
            "sensitive",
            "desktop:Zoë X",
        ] {
            let scope: Result<Scope, String> = text.parse();
            assert_eq!(scope.map(|scope| scope.to_string()).as_deref(), Ok(text));
        }
        let long = format!("desktop:{}", "a".repeat(65));
        for text in [
            "",
            "Lookup",
            "desktop",
            "desktop:",
            "desktop:a\nb",
            "admin ",
            &long,
        ] {
            assert!(text.parse::<Scope>().is_err(), "{text:?}");
        }
        let error = "lokup".parse::<Scope>().unwrap_err();
        assert!(
            error.ends_with("found \"lokup\"; did you mean \"lookup\"?"),
            "{error}"
        );
    }

    #[test]
    fn a_scope_covers_its_own_need_alone() {
        let needs = [
            Need::Lookup,
            Need::Feed,
            Need::Ring,
            Need::Desktop("1001".into()),
            Need::Sensitive,
            Need::Admin,
        ];
        let scopes = ["lookup", "feed", "ring", "desktop:1001", "sensitive", "admin"]
            .map(|text| text.parse().unwrap());
        for (nth, scope) in scopes.iter().enumerate() {
            let covered: Vec<bool> = needs.iter().map(|need| Scope::covers(scope, need)).collect();
            let expected: Vec<bool> = (0..needs.len()).map(|other| other == nth).collect();
            assert_eq!(covered, expected, "{scope}");
            assert_eq!(scope.fits(&Ceiling::all()), *scope != Scope::Admin);
        }
        let every: Scope = "desktop:*".parse().unwrap();
        assert!(every.covers(&Need::Desktop("7".into())));
        assert!(!scopes[3].covers(&Need::Desktop("10011".into())));
        assert!(!Ceiling::all().covers(&Need::Admin));
    }
}
