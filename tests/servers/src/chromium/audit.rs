//! What is wrong with pages though they work: complaints, requests of others, and what shuts people out.

use std::fmt::{self, Display, Formatter};
use std::fs;

use serde_json::{Value, json};

use super::driver::Session;
use super::{Page, axe};

/// A rule that a page breaks, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule, as `color-contrast`.
    pub rule: String,
    /// `serious` or `critical`.
    pub impact: String,
    /// What to do about it.
    pub help: String,
    /// The elements, each with what is wrong with it.
    pub places: Vec<String>,
}

impl Display for Violation {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({}): {}", self.rule, self.impact, self.help)?;
        self.places
            .iter()
            .try_for_each(|place| write!(out, "\n    {place}"))
    }
}

/// Messages of the console that are errors, and exceptions that nobody caught, save those with a part that is expected.
pub(super) fn console(session: &Session, expected: &[String]) -> Vec<String> {
    let entries = session.command("POST", "/se/log", &json!({"type": "browser"}));
    let entries = entries.as_array().unwrap().iter();
    let errors = entries.filter(|entry| entry["level"] == "SEVERE");
    let messages = errors.filter_map(|entry| entry["message"].as_str());
    messages
        .filter(|message| !expected.iter().any(|part| message.contains(part.as_str())))
        .map(str::to_owned)
        .collect()
}

/// Requests of any origin but these.
pub(super) fn strangers(session: &Session, origins: &[String]) -> Vec<String> {
    let entries = session.command("POST", "/se/log", &json!({"type": "performance"}));
    let entries = entries.as_array().unwrap().iter();
    let urls = entries.filter_map(|entry| {
        let entry: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
        let (method, parameters) = (&entry["message"]["method"], &entry["message"]["params"]);
        match method.as_str()? {
            "Network.requestWillBeSent" => parameters["request"]["url"].as_str().map(str::to_owned),
            "Network.webSocketCreated" => {
                let url = parameters["url"].as_str()?;
                Some(url.replacen("ws", "http", 1))
            }
            _ => None,
        }
    });
    let is_inside = |url: &String| {
        ["data:", "blob:", "about:"]
            .iter()
            .any(|scheme| url.starts_with(scheme))
    };
    let is_own = |url: &String| {
        origins.iter().any(|origin| {
            let rest = url.strip_prefix(origin.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    urls.filter(|url| !is_inside(url) && !is_own(url))
        .map(|url| format!("asked a stranger: {url}"))
        .collect()
}

/// What axe-core has against a page.
pub(super) fn look_at(page: &Page<'_>) -> Vec<Violation> {
    if page.evaluate("return typeof window.axe", &[]) != "object" {
        let file = axe();
        let script = fs::read_to_string(&file).unwrap_or_else(|error| {
            panic!(
                "{}: {error}; tests/servers/install/chromium.sh fetches it",
                file.display()
            )
        });
        page.devtools("Runtime.evaluate", json!({"expression": script}));
    }
    let script = "return axe.run(document, {resultTypes: ['violations']}).then(found => found.violations
        .filter(it => it.impact == 'serious' || it.impact == 'critical')
        .map(it => [it.id, it.impact, it.help, it.nodes.map(at => at.target.join(' ') + ': ' + at.failureSummary)]))";
    let found = page.evaluate(script, &[]);
    let found: Vec<(String, String, String, Vec<String>)> = serde_json::from_value(found).unwrap();
    let violation = |(rule, impact, help, places)| Violation {
        rule,
        impact,
        help,
        places,
    };
    found.into_iter().map(violation).collect()
}
