//! The configuration: the documented defaults, a file and the environment, laid over one another and checked.
//!
//! Defaults are written once, in `config/default.toml`, which is also the documentation. Nothing is guessed: a
//! key or a value that this version does not know stops the start, because a mistyped time-out that is silently
//! ignored is found on the worst day.

mod changes;
mod check;
mod decode;
mod dialects;
mod error;
mod loaded;
mod sections;
mod tree;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::callers::{Answers, Dialect, SearchSettings, TreatmentRule};
use crate::index::Owner;
use crate::replica::guard;
use crate::snapshot::judge;
use crate::{feed, ha, http, index, number, pop, relay, telemetry};

pub use changes::{Change, Uptake};
pub use dialects::{DialectSettings, Dialects};
pub use error::{ConfigError, Origin};
pub use loaded::Loaded;
pub use sections::{
    Admin, Customer, Data, Import, Keys, Listener, Metrics, Named, Particular, Snapshots, Tls,
};

use tree::Node;

/// The defaults and their documentation.
const DEFAULTS: &str = include_str!("../config/default.toml");
/// Name of the file of keys in the data folder.
pub const KEYS: &str = "keys.json";
/// What our environment variables begin with, and what stands between two keys.
const PREFIX: &str = "RINGSIDE__";
const SEPARATOR: &str = "__";
/// Sections of tables with names of the user's choice, each of which starts as the default of `main`.
const NAMED: [&str; 3] = ["listener", "feed", "profile"];
const TEMPLATE: &str = "main";

/// The whole configuration, every key given and within its range.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where callers and desktops connect; one of them enabled at the least.
    pub listener: Named<Listener>,
    /// What is particular to ways of asking, wherever they are spoken.
    pub dialect: Dialects,
    /// Health, metrics and roles.
    pub admin: Admin,
    /// Who may ask.
    pub keys: Keys,
    /// What is kept on disk.
    pub data: Data,
    /// How snapshots are built.
    pub import: Import,
    /// Where generations are published, and whence one catches up.
    pub snapshots: Snapshots,
    /// How written numbers are read.
    pub numbers: number::Settings,
    /// Who answers for a number that several customers list.
    pub phones: index::Ownership,
    /// Where changes come from.
    pub feed: Named<feed::Settings>,
    /// What publishes a feed's source to a stream.
    pub relay: relay::Settings,
    /// What an answer holds.
    pub answers: Answers,
    /// How much a search for customers may do.
    pub search: SearchSettings,
    /// How callers are treated; the first rule whose conditions hold decides.
    pub treatment: Vec<TreatmentRule>,
    /// Requests and connections.
    pub http: http::Settings,
    /// The log.
    pub log: telemetry::Settings,
    /// What is counted apart.
    pub metrics: Metrics,
    /// When a feed waits for somebody's word.
    pub guard: guard::Settings,
    /// When an import waits for somebody's word.
    pub sanity: judge::Settings,
    /// What is kept of each customer.
    pub customer: Customer,
    /// Two nodes that serve one address.
    pub ha: ha::Settings,
    /// Calls while they last.
    pub calls: pop::Settings,
    /// What becomes of calls.
    pub interactions: pop::Interactions,
    /// Agents' desktops.
    pub desks: pop::DeskSettings,
    /// What desktops show.
    pub profile: Named<http::ProfileSettings>,
    /// Where what agents do is told.
    pub system_of_record: pop::outbox::Settings,
}

impl Config {
    /// The defaults with `file` laid over them and then `env`, of which only variables that begin with
    /// `RINGSIDE__` count; see [`environment`].
    ///
    /// # Errors
    /// The file cannot be read or is not TOML, or a key or value in it or in the environment is not known.
    pub fn load(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        Ok(Loaded::read(file, env)?.config)
    }

    /// Every place that says what is particular to the numbers of a source, by its path, and what it says.
    pub fn number_sources(&self) -> Vec<(String, number::SourceSettings)> {
        let dialects = Dialect::ALL.into_iter();
        let mut sources: Vec<_> = dialects.map(|dialect| self.dialect.said(dialect)).collect();
        for (name, listener) in &self.listener {
            sources.push((format!("listener.{name}.numbers"), listener.numbers.clone()));
            for (dialect, numbers) in &listener.dialect_numbers {
                let path = format!("listener.{name}.dialect_numbers.{}", dialect.name());
                sources.push((path, numbers.clone()));
            }
        }
        for (name, feed) in &self.feed {
            sources.push((format!("feed.{name}.numbers"), feed.numbers.clone()));
        }
        sources
    }

    /// The same where who owns a number has been decided by the feeds, if it was left to them: nodes that follow one system
    /// of record have another history each, and what it says of its customers in common.
    fn with_owner(mut self) -> Config {
        if self.phones.owner == Owner::Auto {
            self.phones.owner = if self.feed.values().any(feed::Settings::copies) {
                Owner::NewestCustomer
            } else {
                Owner::NewestClaim
            };
        }
        self
    }

    /// The file of keys.
    pub fn keys_file(&self) -> PathBuf {
        self.keys.file.clone().unwrap_or_else(|| self.data.dir.join(KEYS))
    }

    /// The defaults with their documentation, as a file to start from.
    pub fn default_text() -> &'static str {
        DEFAULTS
    }
}

/// The process's environment for [`Config::load`]. Bytes that are no text become `�`, which no key or value that
/// matters allows, instead of ending the process.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(variable, value)| {
        (
            variable.to_string_lossy().into_owned(),
            value.to_string_lossy().into_owned(),
        )
    })
}

/// Lays `over` onto `tree`; a named table that is new there starts as the default of `main`.
fn lay(tree: &mut Node, defaults: &Node, over: Node) {
    for section in NAMED {
        let names = over.at(section).and_then(Node::table).into_iter().flatten();
        for (name, _) in names.filter(|(_, node)| node.table().is_some()) {
            let template = defaults
                .at(section)
                .and_then(|tables| tables.at(TEMPLATE))
                .cloned();
            let tables = tree
                .table_mut()
                .and_then(|tree| tree.get_mut(section))
                .and_then(Node::table_mut);
            if let (Some(tables), Some(template)) = (tables, template) {
                tables.entry(name.clone()).or_insert(template);
            }
        }
    }
    tree.lay(over);
}

/// The tree that sets what `variable` names. Text that happens to be a number, such as an area code, is text where
/// the default is.
fn of_variable(variable: &str, value: &str, defaults: &Node) -> Node {
    let keys = variable.strip_prefix(PREFIX).unwrap_or_default().to_lowercase();
    let keys: Vec<&str> = keys.split(SEPARATOR).collect();
    let mut template = keys.clone();
    if let [section, name, ..] = template.as_mut_slice()
        && NAMED.contains(section)
    {
        *name = TEMPLATE;
    }
    // Of what is particular to a source's numbers there is no default: it is of the same type as everybody's.
    let template: Vec<&str> = match *template {
        ["listener" | "feed" | "dialect", _, "numbers", key] | ["listener", _, "dialect_numbers", _, key] => {
            vec!["numbers", key]
        }
        _ => template,
    };
    let default = template
        .iter()
        .try_fold(defaults, |node, key| node.table()?.get(*key));
    let as_text = default.is_some_and(|default| matches!(default.content, tree::Content::Text(_)));
    Node::of_variable(variable, &keys, value, as_text)
}

#[cfg(test)]
mod tests;
