//! The parts of a native answer that a person is shown. Unknown parts are skipped: the server may be a newer one.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    pub(super) found: bool,
    #[serde(rename = "match")]
    pub(super) matched: String,
    pub(super) reason: Option<String>,
    pub(super) ani: Option<String>,
    pub(super) customer: Option<Customer>,
    pub(super) open_case: Option<Case>,
    pub(super) treatment: Option<String>,
    pub(super) queue: Option<String>,
    pub(super) matches: Vec<Match>,
    pub(super) not_owned: Vec<String>,
    pub(super) generation: u64,
    pub(super) age_ms: Option<u64>,
    pub(super) stale: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Customer {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) company: Option<String>,
    pub(super) created_at: Option<String>,
    pub(super) phones: Vec<Phone>,
    pub(super) labels: Vec<Label>,
    pub(super) flags: Flags,
    pub(super) attributes: Members,
    pub(super) interactions: Vec<Interaction>,
    pub(super) last_agent_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Phone {
    Plain(String),
    Described {
        number: String,
        region: Option<String>,
        kind: Option<String>,
        #[serde(default)]
        shared: bool,
    },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Label {
    Plain(String),
    Described { name: String, color: Option<String> },
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Flags {
    pub(super) do_not_call: bool,
    pub(super) do_not_sms: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Case {
    pub(super) id: String,
    pub(super) number: Option<String>,
    pub(super) title: Option<String>,
    pub(super) status: Option<String>,
    pub(super) priority: Option<String>,
    pub(super) created_at: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Interaction {
    pub(super) started_at: Option<String>,
    pub(super) direction: Option<String>,
    pub(super) duration_s: Option<u64>,
    pub(super) activities: Vec<Activity>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Activity {
    pub(super) agent_name: Option<String>,
    pub(super) team: Option<String>,
    pub(super) wrap_up: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Match {
    pub(super) customer_id: String,
    pub(super) name: String,
    pub(super) company: Option<String>,
}

/// An object's members in their order, which is the schema's.
#[derive(Debug, Default)]
pub(super) struct Members(pub(super) Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}
