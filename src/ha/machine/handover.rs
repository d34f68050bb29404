//! A hand-over: drain, give the address away, wait for who takes it, rest.

use super::super::error::HaError;
use super::super::settings::Settings;
use super::Action;

/// Where a hand-over is.
#[derive(Debug)]
pub(super) struct Handover {
    hold_ms: u64,
    drain_ms: u64,
    handover_ms: u64,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    None,
    Draining { since: u64 },
    Moving { drained_ms: u64, since: u64 },
    Resting { until: u64 },
}

impl Handover {
    pub(super) fn new(settings: &Settings) -> Handover {
        Handover {
            hold_ms: settings.hold_ms,
            drain_ms: settings.drain_ms,
            handover_ms: settings.handover_ms,
            phase: Phase::None,
        }
    }

    pub(super) fn begin(&mut self, now: u64, acts: &mut Vec<Action>) {
        self.phase = Phase::Draining { since: now };
        acts.push(Action::Draining);
    }

    /// Another node has the address.
    pub(super) fn taken(&mut self, now: u64, acts: &mut Vec<Action>) {
        let (drained_ms, moved_ms) = match self.phase {
            Phase::Draining { since } => (now - since, 0),
            Phase::Moving { drained_ms, since } => (drained_ms, now - since),
            Phase::None | Phase::Resting { .. } => return,
        };
        if !self.is_yielding() {
            acts.extend([Action::EndStreams, Action::Yield(true)]);
        }
        self.phase = Phase::Resting {
            until: now.saturating_add(self.hold_ms),
        };
        acts.push(Action::HandedOver { drained_ms, moved_ms });
    }

    /// Goes on as time does. `has_address`: keepalived still says so; where it does not, there is nothing to drain.
    pub(super) fn turn(&mut self, now: u64, has_address: bool, acts: &mut Vec<Action>) {
        match self.phase {
            Phase::Draining { since } if now - since >= self.drain_ms || !has_address => {
                let drained_ms = now - since;
                self.phase = Phase::Moving {
                    drained_ms,
                    since: now,
                };
                acts.extend([Action::EndStreams, Action::Yield(true)]);
            }
            Phase::Moving { since, .. } if now - since >= self.handover_ms => {
                self.phase = Phase::None;
                acts.push(Action::Yield(false));
                let waited_ms = now - since;
                acts.push(Action::NotHandedOver(HaError::NotTaken { waited_ms }));
            }
            Phase::Resting { until } if now >= until => {
                self.phase = Phase::None;
                acts.push(Action::Yield(false));
            }
            _ => {}
        }
    }

    /// Whether it drains or waits for who takes the address.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.phase, Phase::Draining { .. } | Phase::Moving { .. })
    }

    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::None
    }

    pub(super) fn awaits_peer(&self) -> bool {
        matches!(self.phase, Phase::Moving { .. })
    }

    pub(super) fn is_resting(&self) -> bool {
        matches!(self.phase, Phase::Resting { .. })
    }

    pub(super) fn is_yielding(&self) -> bool {
        matches!(self.phase, Phase::Moving { .. } | Phase::Resting { .. })
    }
}
