//! All the places that lookups come from.

use std::collections::BTreeMap;

use super::dialect::Dialect;
use super::lookup::Source;
use super::refusal::Refusal;

/// The sources of one contact centre, made of one configuration: replaced whole when that changes.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Reads numbers as nobody in particular sends them.
    pub any: Source,
    /// By the names of the listeners.
    pub listeners: BTreeMap<String, Source>,
    /// The dialects that read numbers otherwise than the native one, at a listener or, for `None`, at none in particular.
    pub dialects: BTreeMap<(Option<String>, Dialect), Source>,
}

impl Sources {
    /// The source that the listener called `name` is; [`Sources::any`] for none. `dialect` is the name of whose numbers are
    /// read there; the native dialect's for none.
    ///
    /// # Errors
    /// There is no such listener, or no such dialect.
    pub fn get(&self, name: Option<&str>, dialect: Option<&str>) -> Result<&Source, Refusal> {
        let listener = self.listener(name)?;
        let Some(dialect) = dialect.filter(|dialect| !dialect.is_empty()) else {
            return Ok(listener);
        };
        let known = Dialect::ALL.into_iter().find(|known| known.name() == dialect);
        let known = known.ok_or_else(|| {
            let names = Dialect::ALL.map(Dialect::name);
            Refusal::unknown("dialect", "the name of a dialect of this version", dialect, names)
        })?;
        let place = (name.filter(|name| !name.is_empty()).map(str::to_owned), known);
        Ok(self.dialects.get(&place).unwrap_or(listener))
    }

    fn listener(&self, name: Option<&str>) -> Result<&Source, Refusal> {
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
