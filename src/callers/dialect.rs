//! The ways of asking and answering that a listener may speak.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// One way of asking and answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// Ringside's own.
    Native,
    /// A name as text: FreeSWITCH, FreePBX, Superfecta, Asterisk, Kamailio.
    Cid,
    /// Microsoft Dynamics 365's Web API (OData).
    Dynamics,
    /// Salesforce's query resource (SOQL).
    Salesforce,
    /// ServiceNow's table API.
    Servicenow,
    /// Zendesk's search.
    Zendesk,
    /// Freshdesk's contact search.
    Freshdesk,
    /// Cisco Finesse: Browser Pop, HTTP Request and relayed dialogs.
    Finesse,
    /// Cisco Unified Communications Manager's external call control.
    Curri,
    /// 3CX's CRM integration.
    Threecx,
    /// Pushes as sipgate and Zammad's partners send them.
    Sipgate,
    /// Clients of ExpertFlow's CIM before Ringside.
    Cim,
}

impl Dialect {
    /// How many there are.
    pub const COUNT: usize = Dialect::ALL.len();
    /// All of them, each at the place of its number.
    pub const ALL: [Dialect; 12] = [
        Dialect::Native,
        Dialect::Cid,
        Dialect::Dynamics,
        Dialect::Salesforce,
        Dialect::Servicenow,
        Dialect::Zendesk,
        Dialect::Freshdesk,
        Dialect::Finesse,
        Dialect::Curri,
        Dialect::Threecx,
        Dialect::Sipgate,
        Dialect::Cim,
    ];

    /// Its name in the configuration and, unless it is given another, in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::Native => "native",
            Dialect::Cid => "cid",
            Dialect::Dynamics => "dynamics",
            Dialect::Salesforce => "salesforce",
            Dialect::Servicenow => "servicenow",
            Dialect::Zendesk => "zendesk",
            Dialect::Freshdesk => "freshdesk",
            Dialect::Finesse => "finesse",
            Dialect::Curri => "curri",
            Dialect::Threecx => "3cx",
            Dialect::Sipgate => "sipgate",
            Dialect::Cim => "cim",
        }
    }

    /// Whether it names pages of another system (`pop_url`).
    pub const fn has_pages(self) -> bool {
        matches!(self, Dialect::Finesse | Dialect::Threecx)
    }

    /// Whether it asks as a CRM's clients do: for customers, and for cases by a customer's id.
    pub const fn is_crm(self) -> bool {
        matches!(
            self,
            Dialect::Dynamics
                | Dialect::Salesforce
                | Dialect::Servicenow
                | Dialect::Zendesk
                | Dialect::Freshdesk
        )
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Dialect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Dialect, D::Error> {
        let found = String::deserialize(deserializer)?;
        let named = |dialect: &Dialect| dialect.name() == found;
        Dialect::ALL.into_iter().find(named).ok_or_else(|| {
            let names = Dialect::ALL.map(Dialect::name);
            let shown: String = found.chars().take(40).collect();
            let nearest = names
                .iter()
                .map(|name| (strsim::jaro_winkler(&shown.to_lowercase(), name), name))
                .filter(|(likeness, _)| *likeness >= 0.75)
                .max_by(|(one, _), (other, _)| one.total_cmp(other));
            let hint = nearest.map_or_else(String::new, |(_, name)| format!("; did you mean {name:?}?"));
            D::Error::custom(format!(
                "expected a dialect of this version, one of {}; found {shown:?}{hint}",
                names.join(", ")
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stands_at_the_place_of_its_number_and_is_read_by_its_name() {
        for (place, dialect) in Dialect::ALL.into_iter().enumerate() {
            assert_eq!(dialect as usize, place);
            let read: Dialect = serde_json::from_value(dialect.name().into()).unwrap();
            assert_eq!(read, dialect);
        }
        let error = serde_json::from_str::<Dialect>("\"Salesfroce\"")
            .unwrap_err()
            .to_string();
        assert!(error.contains("did you mean \"salesforce\"?"), "{error}");
    }
}
