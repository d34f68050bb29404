//! What is kept of what happens: the state of calls is made of these, in their order, and of nothing else.

mod size;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::calls::Piece;
use super::message::{Facts, Link};

/// One change of the state of calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was decided, milliseconds since 1970.
    pub at: u64,
    /// What has changed.
    #[serde(flatten)]
    pub what: What,
}

/// What has changed. What speaks of a call or an agent that is not known changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum What {
    /// A call rings, or waits.
    Ring {
        /// The call as its phone system calls it.
        call: String,
        /// What else it is called, and the calls that it goes on from.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ids: Vec<String>,
        /// What is known of it.
        facts: Box<Facts>,
        /// Whether it is part of a customer's history.
        recorded: bool,
        /// Where it rings; nowhere while it waits.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        offers: Vec<Offer>,
        /// The one customer who has the whole number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<String>,
        /// Whose the closed call is that it goes on from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inherits: Option<Link>,
    },
    /// A call is called otherwise too.
    Called {
        /// The call.
        call: String,
        /// Its further names.
        ids: Vec<String>,
    },
    /// The caller speaks with a machine.
    Ivr {
        /// The call.
        call: String,
    },
    /// An agent answered.
    Answered {
        /// The call.
        call: String,
        /// Who did.
        by: Offer,
    },
    /// An agent refused.
    Refused {
        /// The call.
        call: String,
        /// Who did.
        agent: String,
    },
    /// A call moves on to another agent, or another agent joins it.
    Moved {
        /// The call.
        call: String,
        /// Who moved it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<String>,
        /// Whether the agent stays.
        is_conference: bool,
    },
    /// An agent said what it was about; the last word counts.
    WrappedUp {
        /// The call.
        call: String,
        /// Who did.
        agent: String,
        /// What they said.
        wrap_up: String,
    },
    /// It rang too long.
    Missed {
        /// The call.
        call: String,
        /// Where.
        agent: String,
    },
    /// It is over for an agent, or altogether.
    Ended {
        /// The call.
        call: String,
        /// For whom; for everybody where `None`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<String>,
    },
    /// Somebody said whose call it is.
    Linked {
        /// The call.
        call: String,
        /// The customer; `None`: none of those who were found.
        customer: Option<String>,
        /// The agent who said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<String>,
    },
    /// What somebody said of whose call it is, is taken back: the number tells again.
    Unsaid {
        /// The call.
        call: String,
    },
    /// A tab shows a pop.
    Shown {
        /// The call.
        call: String,
        /// Whose desktop.
        agent: String,
        /// The tab.
        tab: String,
    },
    /// Nothing more is to be said of a call; its interaction has been handed on.
    Closed {
        /// The call.
        call: String,
    },
    /// A closed call is no longer remembered.
    Forgotten {
        /// The call.
        call: String,
    },
    /// An agent is at a telephone.
    LoggedIn {
        /// The agent.
        agent: String,
        /// The telephone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extension: Option<String>,
        /// The agent's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The agent's team.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        team: Option<String>,
        /// Until when, milliseconds since 1970.
        until: u64,
    },
    /// An agent has left.
    LoggedOut {
        /// The agent.
        agent: String,
    },
    /// An agent wrote a customer down whom the system of record does not have yet.
    Created {
        /// The id until it gives another.
        id: String,
        /// The customer's document.
        customer: Value,
        /// The customer's numbers.
        keys: Vec<u64>,
        /// The customers who had one of them by then.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        known: Vec<String>,
    },
    /// The system of record has given a customer an id.
    Assigned {
        /// The id until then.
        id: String,
        /// The id from then on.
        to: String,
    },
    /// A customer who was written down has come with a change.
    Confirmed {
        /// The id until then.
        id: String,
        /// Who it is now; `None` where the system of record did not want them.
        customer: Option<String>,
    },
    /// Ids of messages up to this one may have been given to others: none is given again.
    Skipped {
        /// The last of them.
        to: u64,
    },
    /// A node brings what it knows into a stream that may know nothing of it.
    Brought {
        /// One thing that it knows.
        piece: Box<Piece>,
    },
}

impl What {
    /// Calls each pop that this begins as `name` says, unless it is called something.
    pub fn name_pops(&mut self, mut name: impl FnMut() -> Option<String>) {
        if let What::Ring { offers, .. } = self {
            for offer in offers.iter_mut().filter(|offer| offer.pops) {
                offer.pop = offer.pop.take().or_else(&mut name);
            }
        }
    }
}

/// Where a call rings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// At whose desk.
    pub agent: String,
    /// Who that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Their telephone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
    /// Whether the desktop shows it.
    #[serde(default)]
    pub pops: bool,
    /// What the pop is called that this begins, where one of two nodes has said so: what both would call it by their own
    /// count might be two pops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pop: Option<String>,
}

impl What {
    /// Whether it changes nothing but ids of messages, so that its place among others does not matter.
    pub fn is_skip(&self) -> bool {
        matches!(self, What::Skipped { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pop_keeps_the_name_that_it_was_given() {
        let offer = |agent: &str, pops, pop: Option<&str>| Offer {
            agent: agent.to_owned(),
            pops,
            pop: pop.map(str::to_owned),
            ..Offer::default()
        };
        let mut what = What::Ring {
            call: "7".to_owned(),
            ids: Vec::new(),
            facts: Box::default(),
            recorded: true,
            offers: vec![
                offer("joan", true, None),
                offer("ben", true, Some("node-a.1")),
                offer("cyd", false, None),
            ],
            link: None,
            inherits: None,
        };
        what.name_pops(|| Some("node-b.2".to_owned()));
        let What::Ring { offers, .. } = &what else {
            unreachable!()
        };
        let named: Vec<_> = offers.iter().map(|offer| offer.pop.as_deref()).collect();
        assert_eq!(named, [Some("node-b.2"), Some("node-a.1"), None]);
    }
}
