//! What a desktop is told of a call. Of customers it holds ids alone: what is shown of them is read when it is sent.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One piece of news for one agent's desktop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Greater than the id of every message before it, of every agent, through restarts.
    pub id: u64,
    /// What is new.
    pub kind: Kind,
    /// Whose desktop is told.
    pub agent: Arc<str>,
    /// The pop as of this message.
    pub pop: Arc<Shown>,
}

/// What is new of a pop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It rings here.
    Pop,
    /// Something about it.
    Update,
    /// It is over here: somebody else answered, or nobody.
    Clear,
}

impl Kind {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Pop => "pop",
            Kind::Update => "update",
            Kind::Clear => "clear",
        }
    }
}

/// How far a call has come at one agent's telephone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It rings.
    Ringing,
    /// The agent speaks with the customer.
    Answered,
    /// The agent has spoken with the customer.
    Ended,
    /// The agent did not want it.
    Refused,
    /// Nobody answered it here.
    Missed,
    /// Somebody else answered it.
    Taken,
}

impl State {
    /// Whether it rings or is spoken.
    pub fn is_live(self) -> bool {
        matches!(self, State::Ringing | State::Answered)
    }

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Ringing => "ringing",
            State::Answered => "answered",
            State::Ended => "ended",
            State::Refused => "refused",
            State::Missed => "missed",
            State::Taken => "taken",
        }
    }
}

/// What a phone system said of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The customer's number: `+14806754110`, or as it was sent where it could not be read; empty where it is withheld.
    pub ani: String,
    /// Our own number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dnis: Option<String>,
    /// The queue that it came through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Whether we dialled.
    #[serde(default)]
    pub is_outbound: bool,
    /// The phone system's word for its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_type: Option<String>,
    /// The network's word on the calling number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verstat: Option<String>,
    /// Who diverted the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diversion: Option<String>,
    /// Call variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<(String, String)>,
}

impl Facts {
    /// Leaves out half of the variables, if there are any.
    pub(super) fn shorten(&mut self) -> bool {
        let variables = self.variables.len();
        self.variables.truncate(variables / 2);
        variables > 0
    }
}

/// Which customer a call belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The customer's id; `None`: none of those who were found.
    pub customer: Option<String>,
    /// The agent who said so; `None` where one customer was found by the whole number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Whether somebody said so, be it an agent who is not named.
    #[serde(default)]
    pub is_chosen: bool,
    /// Since when, milliseconds since 1970.
    pub at: u64,
}

/// A pop: one call at one agent's telephone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The same for as long as the call rings or is spoken there.
    pub pop_id: Arc<str>,
    /// The call.
    pub call_id: Arc<str>,
    /// Whose telephone.
    pub agent: Arc<str>,
    /// How far it has come.
    pub state: State,
    /// Since when it rings, milliseconds since 1970.
    pub at: u64,
    /// When it was answered.
    pub answered_at: Option<u64>,
    /// When it was over.
    pub ended_at: Option<u64>,
    /// The tab that shows it.
    pub shown_by: Option<Arc<str>>,
    /// Where it rings.
    pub extension: Option<Arc<str>>,
    /// What is known of the call.
    pub facts: Arc<Facts>,
    /// Whose it is.
    pub link: Option<Link>,
    /// What this agent said that it was about.
    pub wrap_up: Option<Arc<str>>,
    /// Everybody who was offered it, this agent among them.
    pub agents: Arc<[Party]>,
}

/// An agent in a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Party {
    /// The agent's id.
    pub agent: String,
    /// The agent's name.
    pub name: Option<String>,
    /// The agent's team.
    pub team: Option<String>,
    /// The agent's telephone.
    pub extension: Option<String>,
    /// How far the call has come there.
    pub state: State,
    /// What the agent said that it was about.
    pub wrap_up: Option<String>,
}
