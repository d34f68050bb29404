//! What was decided of a caller, and which rule or rule's condition it was for.

use serde::Serialize;

use super::text;
use crate::callers::answer::Who;
use crate::callers::disclosure::Denied;
use crate::callers::lookup::{Heard, Judged, Source};
use crate::callers::treatment::LastAgent;
use crate::customer::record::Field;
use crate::index::View;

/// How the treatment rules were tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TreatmentExplained {
    /// Every rule, in order.
    pub rules: Vec<RuleExplained>,
    /// The place, from 0, of the rule that decides.
    pub decided_by: Option<usize>,
    /// The treatment's name.
    pub treatment: Option<String>,
    /// The queue's name.
    pub queue: Option<String>,
    /// The agent that the answer names: a rule's, or the customer's last.
    pub last_agent_id: Option<String>,
}

/// One treatment rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleExplained {
    /// Its place, from 0.
    pub index: usize,
    /// Whether all its conditions hold.
    pub holds: bool,
    /// The conditions that do not hold, as sentences without a full stop.
    pub fails: Vec<String>,
}

/// Something that an answer permits or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PermissionExplained {
    /// Whether it does.
    pub allowed: bool,
    /// Why, as a sentence without a full stop.
    pub why: String,
}

impl TreatmentExplained {
    pub(super) fn of(
        source: &Source,
        view: &View<'_>,
        who: &Who<'_>,
        heard: &Heard<'_>,
        judged: &Judged<'_>,
    ) -> TreatmentExplained {
        let decision = judged.decision;
        let caller = heard.caller(view, who);
        let rules = source.treatment.failing(&caller);
        TreatmentExplained {
            rules: rules
                .enumerate()
                .map(|(index, fails)| RuleExplained {
                    index,
                    holds: fails.is_empty(),
                    fails,
                })
                .collect(),
            decided_by: decision.map(|decision| decision.index),
            treatment: decision.and_then(|decision| decision.treatment.as_deref().map(str::to_owned)),
            queue: decision.and_then(|decision| decision.queue.as_deref().map(str::to_owned)),
            last_agent_id: match decision.map(|decision| &decision.last_agent) {
                None | Some(LastAgent::OfCustomer) => {
                    who.one().and_then(|record| text(record, Field::LastAgentId))
                }
                Some(LastAgent::Nobody) => None,
                Some(LastAgent::Fixed(id)) => Some(id.to_string()),
            },
        }
    }
}

impl PermissionExplained {
    pub(super) fn of(permission: Result<(), Denied>) -> PermissionExplained {
        PermissionExplained {
            allowed: permission.is_ok(),
            why: match permission {
                Ok(()) => "one customer, and nothing speaks against it".to_owned(),
                Err(denied) => denied.words(),
            },
        }
    }
}
