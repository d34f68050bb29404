//! Scenarios: what is asked, how often, and what else happens meanwhile; a TOML file each.

use std::path::Path;

use serde::Deserialize;

use super::error::Error;
use super::schedule::{Choice, Spread};

/// The scenarios that come with the program.
const BUILTIN: [(&str, &str); 9] = [
    ("steady", include_str!("../../scenarios/steady.toml")),
    ("burst", include_str!("../../scenarios/burst.toml")),
    (
        "mixed-hits-and-misses",
        include_str!("../../scenarios/mixed-hits-and-misses.toml"),
    ),
    ("zipf", include_str!("../../scenarios/zipf.toml")),
    ("churn", include_str!("../../scenarios/churn.toml")),
    ("soak", include_str!("../../scenarios/soak.toml")),
    ("swap", include_str!("../../scenarios/swap.toml")),
    ("connections", include_str!("../../scenarios/connections.toml")),
    ("failover", include_str!("../../scenarios/failover.toml")),
];

/// A scenario.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// What it is called: 1 to 40 of a-z 0-9 -.
    pub(crate) name: String,
    /// What it shows, in a sentence.
    pub(crate) about: String,
    /// Requests a second at a load of 1: above 0, at most 1,000,000.
    pub(crate) rate: f64,
    /// Connections, each with one request at a time: 1 to 1,000.
    #[serde(default = "connections")]
    pub(crate) connections: usize,
    /// Whether each request has a connection of its own.
    #[serde(default)]
    pub(crate) new_connections: bool,
    /// Time from when a request was due after which it counts as not answered, in milliseconds: 10 to 60,000.
    #[serde(default = "timeout_ms")]
    pub(crate) timeout_ms: u64,
    /// One answer of so many is compared byte for byte: 1 to 1,000,000.
    #[serde(default = "check_every")]
    pub(crate) check_every: u64,
    /// Which customers are asked for.
    #[serde(default)]
    pub(crate) keys: Choice,
    /// One after the other: 1 to 20.
    pub(crate) phase: Vec<PhaseOf>,
}

/// A phase of a scenario.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PhaseOf {
    /// What it is called.
    pub(crate) name: String,
    /// Its length in seconds: above 0, at most 86,400.
    pub(crate) seconds: f64,
    /// Its share of the scenario's rate: above 0, at most 100.
    #[serde(default = "load")]
    pub(crate) load: f64,
    /// Whether its figures are to be left out.
    #[serde(default)]
    pub(crate) is_warm_up: bool,
    /// What happens meanwhile.
    #[serde(default)]
    pub(crate) act: Act,
    /// For `churn`: changes posted a second, 1 to 100,000.
    #[serde(default)]
    pub(crate) changes_per_s: u64,
}

/// What happens during a phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Act {
    /// Nothing.
    #[default]
    None,
    /// Changes of customers are posted.
    Churn,
    /// A generation of the same customers is built and published.
    Swap,
    /// The server is killed (SIGKILL) and started again.
    Kill,
}

fn connections() -> usize {
    16
}

fn timeout_ms() -> u64 {
    1000
}

fn check_every() -> u64 {
    50
}

fn load() -> f64 {
    1.0
}

impl Scenario {
    /// Those that come with the program.
    pub(crate) fn builtin() -> Result<Vec<Scenario>, Error> {
        BUILTIN
            .iter()
            .map(|(name, text)| Scenario::parse(text, name))
            .collect()
    }

    /// The scenario called `name`, or in the file `name`.
    pub(crate) fn find(name: &str) -> Result<Scenario, Error> {
        if let Some((_, text)) = BUILTIN.iter().find(|(known, _)| *known == name) {
            return Scenario::parse(text, name);
        }
        let text = std::fs::read_to_string(Path::new(name)).map_err(|error| Error::Scenario {
            place: name.to_owned(),
            what: format!("expected the name of a scenario (`loadtest load --list`) or a file: {error}"),
        })?;
        Scenario::parse(&text, name)
    }

    /// Reads `text`, which comes from `place`.
    fn parse(text: &str, place: &str) -> Result<Scenario, Error> {
        let wrong = |what: String| Error::Scenario {
            place: place.to_owned(),
            what,
        };
        let scenario: Scenario = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        scenario.check(place)?;
        Ok(scenario)
    }

    /// Whether everything is within its range; the scenario comes from `place`.
    pub(crate) fn check(&self, place: &str) -> Result<(), Error> {
        match self.wrong() {
            None => Ok(()),
            Some(what) => Err(Error::Scenario {
                place: place.to_owned(),
                what,
            }),
        }
    }

    /// What is out of its range.
    fn wrong(&self) -> Option<String> {
        let is_name = |name: &str| {
            (1..=40).contains(&name.len())
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        let checks = [
            (is_name(&self.name), "name: expected 1 to 40 of a-z 0-9 -"),
            (
                self.rate > 0.0 && self.rate <= 1e6,
                "rate: expected above 0, at most 1000000",
            ),
            (
                (1..=1000).contains(&self.connections),
                "connections: expected 1 to 1000",
            ),
            (
                (10..=60_000).contains(&self.timeout_ms),
                "timeout_ms: expected 10 to 60000",
            ),
            (
                (1..=1_000_000).contains(&self.check_every),
                "check_every: expected 1 to 1000000",
            ),
            (
                self.keys.spread == Spread::Uniform
                    || (self.keys.exponent > 0.0 && self.keys.exponent <= 5.0),
                "keys.exponent: expected above 0, at most 5",
            ),
            (
                (0.0..=100.0).contains(&self.keys.misses_percent),
                "keys.misses_percent: expected 0 to 100",
            ),
            (
                (1..=20).contains(&self.phase.len()),
                "phase: expected 1 to 20 of them",
            ),
        ];
        if let Some((_, what)) = checks.iter().find(|(holds, _)| !holds) {
            return Some((*what).to_owned());
        }
        self.phase.iter().find_map(|phase| {
            let checks = [
                (is_name(&phase.name), "name: expected 1 to 40 of a-z 0-9 -"),
                (
                    phase.seconds > 0.0 && phase.seconds <= 86_400.0,
                    "seconds: expected above 0, at most 86400",
                ),
                (
                    phase.load > 0.0 && phase.load <= 100.0,
                    "load: expected above 0, at most 100",
                ),
                (
                    (phase.act == Act::Churn) == (1..=100_000).contains(&phase.changes_per_s),
                    "changes_per_s: expected 1 to 100000 where act = \"churn\", and nowhere else",
                ),
            ];
            let (_, what) = checks.iter().find(|(holds, _)| !holds)?;
            Some(format!("phase {:?}: {what}", phase.name))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "name = \"x\"\nabout = \"y\"\nrate = 10\n[[phase]]\nname = \"z\"\nseconds = 1\n";

    #[test]
    fn those_that_come_with_the_program_are_as_they_should_be() {
        for (scenario, (name, _)) in Scenario::builtin().unwrap().iter().zip(BUILTIN) {
            assert_eq!(scenario.name, name);
            assert!(scenario.phase.iter().any(|phase| !phase.is_warm_up), "{name}");
            assert!(!scenario.about.is_empty(), "{name}");
        }
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios")).unwrap();
        assert_eq!(
            files.count(),
            BUILTIN.len(),
            "a file that the program does not have"
        );
    }

    #[test]
    fn what_is_left_out_has_its_default_and_what_is_unknown_is_refused() {
        let least = Scenario::parse(LEAST, "here").unwrap();
        assert_eq!(
            (least.connections, least.timeout_ms, least.check_every),
            (16, 1000, 50)
        );
        assert_eq!(least.phase[0].act, Act::None);
        for (add, says) in [
            ("\nspeed = 1", "speed"),
            ("\nact = \"jump\"", "jump"),
            ("\nact = \"churn\"", "changes_per_s"),
            ("\nload = 0", "load"),
            ("\n[keys]\nspread = \"zipf\"\nexponent = 9", "exponent"),
            ("\n[keys]\nmisses_percent = 101", "misses_percent"),
        ] {
            let error = Scenario::parse(&format!("{LEAST}{add}"), "here")
                .unwrap_err()
                .to_string();
            assert!(error.contains(says) && error.contains("here"), "{error}");
        }
        let error = Scenario::find("no-such").unwrap_err().to_string();
        assert!(error.contains("--list"), "{error}");
    }
}
