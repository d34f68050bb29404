//! What is done to a node, and what would be the best that could come of it.

use std::time::Duration;

use clap::ValueEnum;

/// What is done to the node that has the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Act {
    /// Its power is cut: every process is killed, and its cable is dead.
    NodeKilled,
    /// Every process on it stands still; its kernel does not.
    NodeFrozen,
    /// Its cable is pulled.
    CablePulled,
    /// Ringside on it is killed.
    ServiceKilled,
    /// Ringside on it stands still.
    ServiceFrozen,
    /// `ringside handover`.
    HandOver,
}

/// The row that an act belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Row 16a: the other node misses adverts.
    Node,
    /// Row 16b: the watchdog misses answers, for at most so long.
    Service(Duration),
    /// Row 16c.
    Planned,
}

/// How often the watchdog asks, and how long it waits for an answer: its default.
const ASKS: Duration = Duration::from_millis(50);
/// How many answers it has to miss: its default.
const MISSES: u32 = 3;

impl Act {
    /// All of them, in the order in which they are done.
    pub(super) const ALL: [Act; 6] = [
        Act::NodeKilled,
        Act::NodeFrozen,
        Act::CablePulled,
        Act::ServiceKilled,
        Act::ServiceFrozen,
        Act::HandOver,
    ];

    /// For people.
    pub(super) fn label(self) -> &'static str {
        match self {
            Act::NodeKilled => "kill -9 of the whole node",
            Act::NodeFrozen => "SIGSTOP of the whole node",
            Act::CablePulled => "cable pulled",
            Act::ServiceKilled => "kill -9 of ringside",
            Act::ServiceFrozen => "SIGSTOP of ringside",
            Act::HandOver => "ringside handover",
        }
    }

    /// Number of its row, and what the row measures.
    pub(super) fn row(self) -> (&'static str, &'static str) {
        match self {
            Act::NodeKilled => (
                "16a-killed",
                "address silent after kill -9 of its node, beside VRRP's floor",
            ),
            Act::NodeFrozen => (
                "16a-frozen",
                "address silent after SIGSTOP of its node, beside VRRP's floor",
            ),
            Act::CablePulled => (
                "16a-cable",
                "address silent after its node's cable is pulled, beside VRRP's floor",
            ),
            Act::ServiceKilled => (
                "16b-killed",
                "address silent after kill -9 of ringside, beside a track file's floor + the watchdog's bound",
            ),
            Act::ServiceFrozen => (
                "16b-frozen",
                "address silent after SIGSTOP of ringside, beside a track file's floor + the watchdog's bound",
            ),
            Act::HandOver => (
                "16c",
                "most failed requests of a connection at a planned hand-over",
            ),
        }
    }

    pub(super) fn kind(self) -> Kind {
        match self {
            Act::NodeKilled | Act::NodeFrozen | Act::CablePulled => Kind::Node,
            // A dead one refuses at once: three asks, the first of which is due within one interval.
            Act::ServiceKilled => Kind::Service(ASKS * MISSES),
            // A frozen one has the whole time for each of three answers.
            Act::ServiceFrozen => Kind::Service(ASKS * (MISSES + 1)),
            Act::HandOver => Kind::Planned,
        }
    }
}

/// How long RFC 5798 has a node of `priority` wait without adverts before it takes the address.
pub(super) fn master_down(advert_s: f64, priority: u8) -> Duration {
    let skew_s = (256.0 - f64::from(priority)) * advert_s / 256.0;
    Duration::from_secs_f64(3.0 * advert_s + skew_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_three_adverts_and_a_skew() {
        assert_eq!(master_down(0.1, 255).as_millis(), 300);
        assert_eq!(master_down(0.1, 100).as_millis(), 360);
        assert_eq!(master_down(1.0, 150).as_millis(), 3414);
    }

    #[test]
    fn the_watchdogs_bound_is_that_of_a_dead_and_of_a_frozen_service() {
        let bound = |act: Act| match act.kind() {
            Kind::Service(bound) => Some(bound.as_millis()),
            _ => None,
        };
        assert_eq!(bound(Act::ServiceKilled), Some(150));
        assert_eq!(bound(Act::ServiceFrozen), Some(200));
        assert_eq!(bound(Act::NodeKilled), None);
    }
}
