//! What follows from nothing but time.

use serde_json::Value;

use super::super::entry::What;
use super::super::interaction;
use super::super::message::State;
use super::Calls;

/// The most that is looked at in one go.
const MOST: usize = 256;

/// What is due.
#[derive(Debug, Clone, PartialEq)]
pub struct Due {
    /// What follows.
    pub what: What,
    /// The interaction that a call has become, where it is part of a customer's history.
    pub interaction: Option<Value>,
}

impl Calls {
    /// What is due at `now`: calls that rang too long, that nothing more is to be said of, or that nobody remembers.
    pub fn due(&self, now: u64) -> Vec<Due> {
        let calls = self.due.iter().take_while(|(due, _)| *due <= now);
        let calls = calls.take(MOST).filter_map(|(_, id)| self.calls.get(id));
        let mut due = Vec::new();
        for call in calls {
            let id = || call.id.clone();
            let plain = |what| Due {
                what,
                interaction: None,
            };
            if call.closed.is_some() {
                due.push(plain(What::Forgotten { call: id() }));
                continue;
            }
            let rang = |offered: u64| offered + self.bounds.ring_max_ms <= now;
            let too_long = call.legs.iter().filter_map(|leg| {
                let offer = leg.offer.as_ref()?;
                (leg.state == State::Ringing && rang(leg.offered)).then(|| offer.agent.clone())
            });
            let before = due.len();
            due.extend(too_long.map(|agent| plain(What::Missed { call: id(), agent })));
            if due.len() > before {
                continue;
            }
            due.push(Due {
                what: What::Closed { call: id() },
                interaction: call.recorded.then(|| interaction::of(call, now)),
            });
        }
        due
    }
}
