//! A node's role, and keepalived's words for who has the address.

use std::fmt;
use std::str::FromStr;

use super::error::HaError;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The only one: decides, in epoch 1.
    Alone,
    /// Follows, and answers whoever asks.
    Standby,
    /// Has the address, and decides.
    Active,
    /// Hands over: has the address for a little longer, decides, and asks callers to connect anew.
    Draining,
    /// Has the address, but another node has a newer term: decides nothing.
    Fenced,
}

/// Who has the address, in keepalived's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vrrp {
    /// This node.
    Master,
    /// Another node.
    Backup,
    /// Another node: this one is not fit.
    Fault,
    /// Another node: keepalived stops here.
    Stop,
}

impl Role {
    /// Every role, in the order of their numbers.
    pub const ALL: [Role; 5] = [
        Role::Alone,
        Role::Standby,
        Role::Active,
        Role::Draining,
        Role::Fenced,
    ];

    /// As it is written in answers, metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Alone => "alone",
            Role::Standby => "standby",
            Role::Active => "active",
            Role::Draining => "draining",
            Role::Fenced => "fenced",
        }
    }

    /// Whether a load balancer is to send callers here.
    pub fn takes_callers(self) -> bool {
        matches!(self, Role::Alone | Role::Active)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Vrrp {
    /// Every word.
    pub const ALL: [Vrrp; 4] = [Vrrp::Master, Vrrp::Backup, Vrrp::Fault, Vrrp::Stop];

    /// As keepalived writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Vrrp::Master => "MASTER",
            Vrrp::Backup => "BACKUP",
            Vrrp::Fault => "FAULT",
            Vrrp::Stop => "STOP",
        }
    }
}

impl fmt::Display for Vrrp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Vrrp {
    type Err = HaError;

    /// Reads one of the four words, in capitals as keepalived gives them.
    fn from_str(found: &str) -> Result<Vrrp, HaError> {
        let word = Vrrp::ALL.into_iter().find(|word| word.as_str() == found);
        word.ok_or_else(|| HaError::UnknownState {
            found: found.chars().filter(|c| !c.is_control()).take(40).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_words_are_read_and_nothing_else() {
        for word in Vrrp::ALL {
            assert_eq!(word.as_str().parse(), Ok(word));
        }
        for found in ["", "master", "DELETED", "MASTER ", "LEADER"] {
            let error = found.parse::<Vrrp>().unwrap_err().to_string();
            assert!(
                error.contains("MASTER, BACKUP, FAULT and STOP") && error.contains(found),
                "{error}"
            );
        }
        let long = "x\n".repeat(500).parse::<Vrrp>().unwrap_err();
        assert_eq!(
            long,
            HaError::UnknownState {
                found: "x".repeat(40)
            }
        );
    }

    #[test]
    fn a_load_balancer_sends_nobody_to_who_drains_or_does_not_decide() {
        let takes = Role::ALL.into_iter().filter(|role| role.takes_callers());
        assert_eq!(takes.collect::<Vec<_>>(), [Role::Alone, Role::Active]);
    }
}
