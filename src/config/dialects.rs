//! What is particular to ways of asking, wherever they are spoken.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::sections::{Particular, optional};
use crate::callers::{Dialect, SearchSettings, Speaking};
use crate::http::{Demand, DialectKeys};
use crate::number::SourceSettings;

/// Each dialect's section.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialects {
    /// See [`Dialect::Native`].
    pub native: DialectSettings,
    /// See [`Dialect::Cid`].
    pub cid: DialectSettings,
    /// See [`Dialect::Dynamics`].
    pub dynamics: DialectSettings,
    /// See [`Dialect::Salesforce`].
    pub salesforce: DialectSettings,
    /// See [`Dialect::Servicenow`].
    pub servicenow: DialectSettings,
    /// See [`Dialect::Zendesk`].
    pub zendesk: DialectSettings,
    /// See [`Dialect::Freshdesk`].
    pub freshdesk: DialectSettings,
    /// See [`Dialect::Finesse`].
    pub finesse: DialectSettings,
    /// See [`Dialect::Curri`].
    pub curri: DialectSettings,
    /// See [`Dialect::Threecx`].
    #[serde(rename = "3cx")]
    pub threecx: DialectSettings,
    /// See [`Dialect::Sipgate`].
    pub sipgate: DialectSettings,
    /// See [`Dialect::Cim`].
    pub cim: DialectSettings,
}

/// What is particular to one way of asking.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialectSettings {
    /// Whether it is answered.
    pub enabled: bool,
    /// What is particular to its numbers.
    pub numbers: SourceSettings,
    /// What metrics call it; its name where empty.
    pub label: String,
    /// How long a request may have waited before it is answered as overload, 0–10 000 ms; 0: as everywhere.
    pub budget_ms: u64,
    /// Whether a request needs a key; as its listener says where `None`.
    #[serde(deserialize_with = "optional")]
    pub keys: Option<Demand>,
    /// Whether `?key=` counts, also where the listener does not say so.
    pub key_in_query: bool,
    /// Columns of its answers, and where their values come from.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// Where the ids of customers come from, in the dialects of CRMs.
    #[serde(default)]
    pub customer_id: String,
    /// The addresses of pages in another system, by whom they are for, in the dialects that name any.
    #[serde(default)]
    pub pop_url: BTreeMap<String, String>,
}

impl Dialects {
    /// What is particular to `dialect`.
    pub fn get(&self, dialect: Dialect) -> &DialectSettings {
        match dialect {
            Dialect::Native => &self.native,
            Dialect::Cid => &self.cid,
            Dialect::Dynamics => &self.dynamics,
            Dialect::Salesforce => &self.salesforce,
            Dialect::Servicenow => &self.servicenow,
            Dialect::Zendesk => &self.zendesk,
            Dialect::Freshdesk => &self.freshdesk,
            Dialect::Finesse => &self.finesse,
            Dialect::Curri => &self.curri,
            Dialect::Threecx => &self.threecx,
            Dialect::Sipgate => &self.sipgate,
            Dialect::Cim => &self.cim,
        }
    }

    /// What is particular to the numbers that are asked for in `dialect`, whichever listener they arrive at.
    pub fn numbers(&self, dialect: Dialect) -> Particular {
        Particular::of([self.said(dialect)])
    }

    /// What dialects say of keys, where they say anything.
    pub fn keys(&self) -> BTreeMap<Dialect, DialectKeys> {
        let said = Dialect::ALL.into_iter().map(|dialect| {
            let said = self.get(dialect);
            let keys = DialectKeys {
                demand: said.keys,
                in_query: said.key_in_query,
            };
            (dialect, keys)
        });
        said.filter(|(_, keys)| *keys != DialectKeys::default()).collect()
    }

    pub(super) fn said(&self, dialect: Dialect) -> (String, SourceSettings) {
        let path = format!("dialect.{}.numbers", dialect.name());
        (path, self.get(dialect).numbers.clone())
    }
}

impl DialectSettings {
    /// How it is spoken, where one request may ask for `batch_max` numbers, and searches do as much as `search` says.
    pub fn speaking(&self, batch_max: usize, search: SearchSettings) -> Speaking {
        Speaking {
            enabled: self.enabled,
            label: self.label.clone(),
            budget: (self.budget_ms > 0).then(|| Duration::from_millis(self.budget_ms)),
            fields: self.fields.clone(),
            customer_id: self.customer_id.clone(),
            pop_url: self.pop_url.clone(),
            batch_max,
            search,
        }
    }
}
