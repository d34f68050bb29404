//! All the places that lookups come from.

use std::collections::BTreeMap;

use super::lookup::Source;
use super::refusal::Refusal;

/// The sources of one contact centre, made of one configuration: replaced whole when that changes.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Reads numbers as nobody in particular sends them.
    pub any: Source,
    /// By the names of the listeners.
    pub listeners: BTreeMap<String, Source>,
}

impl Sources {
    /// The source that the listener called `name` is; [`Sources::any`] for none.
    ///
    /// # Errors
    /// There is no such listener.
    pub fn get(&self, name: Option<&str>) -> Result<&Source, Refusal> {
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Ok(&self.any);
        };
        self.listeners.get(name).ok_or_else(|| {
            let known = self.listeners.keys().map(String::as_str);
            Refusal::unknown(
                "listener",
                "the name of a listener of the configuration",
                name,
                known,
            )
        })
    }
}
