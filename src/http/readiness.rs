//! Whether this node should be sent callers. What has happened once stays; damage and staleness come and go.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::replica::freshness::{Reading, Troubles};

const NOT_MAPPED: &str = "no snapshot is mapped yet";
const STOPPING: &str = "the service is stopping";

/// What has happened since the start.
#[derive(Debug, Default)]
pub struct Readiness {
    mapped: AtomicBool,
    damaged: AtomicBool,
    draining: AtomicBool,
}

impl Readiness {
    /// Says that a snapshot is mapped: lookups are answered from now on.
    pub fn set_mapped(&self) {
        self.mapped.store(true, Ordering::Release);
    }

    /// Whether lookups are answered, from however old a view; not while the server stops and refuses callers.
    pub fn is_electable(&self) -> bool {
        self.unelectable().is_empty()
    }

    /// Why this node is not electable; empty where it is.
    pub(super) fn unelectable(&self) -> Vec<&'static str> {
        let reasons = [
            (!self.mapped.load(Ordering::Acquire), NOT_MAPPED),
            (self.draining.load(Ordering::Acquire), STOPPING),
        ];
        let holding = reasons.into_iter().filter(|(holds, _)| *holds);
        holding.map(|(_, reason)| reason).collect()
    }

    /// Says that the mapped snapshot is no longer what was written: numbers may be missed.
    pub fn set_damaged(&self) {
        self.damaged.store(true, Ordering::Release);
    }

    /// Says that another snapshot has taken the damaged one's place.
    pub fn clear_damaged(&self) {
        self.damaged.store(false, Ordering::Release);
    }

    /// Says that the server stops.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Why this node is not ready, with the names of the feeds that are the reason; empty where it is.
    pub fn reasons(&self, freshness: &Reading, troubles: &Troubles<'_>) -> Vec<String> {
        let gaps = troubles.gaps.join(", ");
        let gap = format!(
            "changes may be missing since a feed could not go on where it had stopped ({gaps}): build the snapshot again"
        );
        let held = troubles.held.join(", ");
        let held = format!(
            "a feed deletes or moves too many customers ({held}) and waits for `ringside accept --feed NAME`"
        );
        let reasons = [
            (!self.mapped.load(Ordering::Acquire), NOT_MAPPED),
            (
                !freshness.caught_up,
                "a feed has not caught up with its source yet",
            ),
            (
                self.damaged.load(Ordering::Acquire),
                "the mapped snapshot is damaged",
            ),
            (self.draining.load(Ordering::Acquire), STOPPING),
            (freshness.gap, gap.as_str()),
            (freshness.held, held.as_str()),
            (
                freshness.failed,
                "changes cannot be made durable and are no longer applied: look at the disk, and start again",
            ),
            (
                freshness.stale && freshness.is_only_old(),
                "customers are older than answers.stale_after_s allows",
            ),
        ];
        reasons
            .into_iter()
            .filter(|(holds, _)| *holds)
            .map(|(_, reason)| reason.to_owned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::freshness::Position;

    fn reasons(readiness: &Readiness, freshness: &Reading) -> Vec<String> {
        let troubles = Troubles {
            held: vec!["crm"],
            gaps: vec!["crm", "tickets"],
        };
        readiness.reasons(freshness, &troubles)
    }

    #[test]
    fn every_reason_counts() {
        let readiness = Readiness::default();
        let mut freshness = Reading {
            position: Position::none(),
            age_ms: None,
            connected: false,
            caught_up: true,
            lag_ms: None,
            gap: false,
            held: false,
            failed: false,
            stale: false,
        };
        assert_eq!(reasons(&readiness, &freshness), ["no snapshot is mapped yet"]);
        readiness.set_mapped();
        assert_eq!(reasons(&readiness, &freshness), Vec::<String>::new());
        freshness.stale = true;
        assert_eq!(reasons(&readiness, &freshness).len(), 1);
        assert!(readiness.is_electable());
        freshness.caught_up = false;
        assert_eq!(
            reasons(&readiness, &freshness),
            ["a feed has not caught up with its source yet"]
        );
        freshness.caught_up = true;
        readiness.drain();
        assert!(!readiness.is_electable());
        assert_eq!(reasons(&readiness, &freshness).len(), 2);
        readiness.set_damaged();
        assert_eq!(reasons(&readiness, &freshness).len(), 3);
        readiness.clear_damaged();
        assert_eq!(reasons(&readiness, &freshness).len(), 2);
        freshness.gap = true;
        freshness.held = true;
        let reasons = reasons(&readiness, &freshness).join("; ");
        assert!(
            reasons.contains("(crm, tickets)") && reasons.contains("(crm) and waits"),
            "{reasons}"
        );
    }
}
