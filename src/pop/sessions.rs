//! Who sits at which telephone. Desks are shared: a telephone is an agent's from one log-in to the next, or until the
//! log-in is too old.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entry::Offer;

/// The agents who are logged in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sessions {
    agents: BTreeMap<String, Session>,
    /// The agent at each telephone.
    telephones: BTreeMap<String, String>,
}

/// One log-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The telephone.
    pub extension: Option<String>,
    /// The agent's name.
    pub name: Option<String>,
    /// The agent's team.
    pub team: Option<String>,
    /// Until when, milliseconds since 1970.
    pub until: u64,
}

impl Sessions {
    /// Logs `agent` in. Whoever sat at the telephone before has left it.
    pub(super) fn log_in(&mut self, agent: &str, session: Session) {
        self.log_out(agent);
        if let Some(extension) = &session.extension {
            let before = self.telephones.insert(extension.clone(), agent.to_owned());
            if let Some(before) = before.and_then(|before| self.agents.get_mut(&before)) {
                before.extension = None;
            }
        }
        self.agents.insert(agent.to_owned(), session);
    }

    /// Logs `agent` out.
    pub(super) fn log_out(&mut self, agent: &str) {
        if let Some(extension) = self.agents.remove(agent).and_then(|session| session.extension) {
            self.telephones.remove(&extension);
        }
    }

    /// The agent at the telephone `extension`, as of `now`.
    pub(super) fn at(&self, extension: &str, now: u64) -> Option<&str> {
        let agent = self.telephones.get(extension)?;
        self.get(agent, now).map(|_| agent.as_str())
    }

    /// The log-in of `agent`, as of `now`.
    pub(super) fn get(&self, agent: &str, now: u64) -> Option<&Session> {
        self.agents.get(agent).filter(|session| session.until > now)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.agents.len()
    }

    /// Forgets who logged in too long ago.
    pub(super) fn expire(&mut self, now: u64) {
        let old: Vec<String> = self
            .agents
            .iter()
            .filter(|(_, session)| session.until <= now)
            .map(|(agent, _)| agent.clone())
            .collect();
        for agent in old {
            self.log_out(&agent);
        }
    }

    /// Where a call of `agent` rings, as far as the log-in says.
    pub(super) fn offer(&self, agent: &str, extension: Option<&str>, now: u64, pops: bool) -> Offer {
        let session = self.get(agent, now);
        let of = |field: fn(&Session) -> &Option<String>| session.and_then(|session| field(session).clone());
        Offer {
            agent: agent.to_owned(),
            name: of(|session| &session.name),
            team: of(|session| &session.team),
            extension: extension
                .map(str::to_owned)
                .or_else(|| of(|session| &session.extension)),
            pops,
            pop: None,
        }
    }

    /// Every log-in.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Session)> {
        self.agents
            .iter()
            .map(|(agent, session)| (agent.as_str(), session))
    }

    /// Whether somebody sits at the telephone `extension`.
    pub(super) fn has(&self, extension: &str) -> bool {
        self.telephones.contains_key(extension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(extension: &str, until: u64) -> Session {
        Session {
            extension: (!extension.is_empty()).then(|| extension.to_owned()),
            name: None,
            team: None,
            until,
        }
    }

    #[test]
    fn a_telephone_is_of_who_logged_in_last_and_not_for_ever() {
        let mut sessions = Sessions::default();
        sessions.log_in("joan", session("4411", 100));
        assert_eq!(sessions.at("4411", 50), Some("joan"));
        assert_eq!(sessions.at("4411", 100), None);
        sessions.log_in("ben", session("4411", 200));
        assert_eq!(sessions.at("4411", 50), Some("ben"));
        assert_eq!(
            sessions
                .get("joan", 50)
                .and_then(|session| session.extension.as_deref()),
            None
        );
        // Joan's own log-out does not take the telephone from Ben.
        sessions.log_out("joan");
        assert_eq!(sessions.at("4411", 50), Some("ben"));
        sessions.log_in("ben", session("4412", 200));
        assert_eq!(
            (sessions.at("4411", 50), sessions.at("4412", 50)),
            (None, Some("ben"))
        );
        sessions.expire(200);
        assert_eq!((sessions.len(), sessions.at("4412", 199)), (0, None));
    }
}
