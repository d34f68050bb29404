//! A pair that is whole: who has the address, and that everything works that there is.

use serde_json::Value;

use super::{PATIENCE, Pair, Place, broker, node, store};
use crate::wait::until;

impl Pair {
    /// Waits until one of the nodes has the address and says that it is active; says which.
    pub fn until_held(&self) -> Place {
        let mut found = None;
        until("one node has the address", PATIENCE, || {
            found = self.holder();
            let place = found.ok_or_else(|| self.tails("keepalived"))?;
            if !self.options.has_watchdog {
                return Ok(());
            }
            let role = node::role(&self.net, place);
            match role["role"].as_str() {
                Some("active") => Ok(()),
                _ => Err(format!("{place:?}: {role}\n{}", self.tails("ringside"))),
            }
        });
        found.unwrap()
    }

    /// Waits until `place` has the address and is active.
    pub fn until_held_by(&self, place: Place) {
        until(&format!("{place:?} has the address"), PATIENCE, || {
            match self.until_held() {
                found if found == place => Ok(()),
                other => Err(format!("{other:?} has it")),
            }
        });
    }

    /// Waits until the active node is in a term of its own and may give the address away, and the other one may have it; says
    /// which is the active one, and its term.
    pub fn until_settled(&self) -> (Place, u64) {
        let mut found = None;
        until("each node knows its part", PATIENCE, || {
            let active = self.until_held();
            let role = node::role(&self.net, active);
            let has_part = role["role"] == "active" && role["decides"] == true && role["held_ms"] == 0;
            // Without calls that are shared there is one term for good, and the node says why.
            let has_term = !self.options.shares_calls || role["reason"] == Value::Null;
            if !has_part || !has_term {
                return Err(format!("{active:?}: {role}"));
            }
            let standby = active.other();
            let other = node::role(&self.net, standby);
            if other["role"] != "standby" || other["vrrp"] != "BACKUP" || other["electable"] != true {
                return Err(format!("{standby:?}: {other}\n{}", self.tails("watchdog")));
            }
            found = Some((active, role["epoch"].as_u64().unwrap()));
            Ok(())
        });
        found.unwrap()
    }

    /// Waits until everything works that there is.
    pub fn until_whole(&self) {
        if self.options.has_stores {
            store::until_whole(&self.net);
        }
        if self.options.shares_calls {
            broker::until_led(&self.net, &Place::MACHINES);
        }
        for place in Place::NODES {
            self.until_serves(place);
            if self.options.has_stores {
                self.until_fresh(place);
            }
            if self.options.shares_calls {
                self.until_replicated(place, true);
            }
        }
        if self.options.has_watchdog {
            self.until_settled();
        } else {
            self.until_held();
        }
    }
}
