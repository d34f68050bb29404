//! How this node stands, for every thread to read.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Instant;

use super::machine::Machine;
use super::role::{Role, Vrrp};

/// The epoch of a node that stands alone, and the first of a pair.
pub(super) const FIRST_EPOCH: u64 = 1;

/// How this node stands. Read by any thread without waiting; written by the one that runs the [`Machine`].
///
/// What it says of deciding is a lease of `hold_ms`: a process that was frozen finds it run out when it goes on, before its machine
/// has had a turn.
#[derive(Debug)]
pub struct Standing {
    begun: Instant,
    role: AtomicU8,
    epoch: AtomicU64,
    decides: AtomicBool,
    yielding: AtomicBool,
    draining: AtomicBool,
    quorum: AtomicBool,
    vrrp: AtomicU8,
    /// Milliseconds after `begun` up to which `decides` holds.
    lease_ms: AtomicU64,
}

impl Standing {
    /// One that stands alone: decides, in epoch 1, for good.
    pub fn alone() -> Standing {
        Standing {
            begun: Instant::now(),
            role: AtomicU8::new(number(Role::Alone)),
            epoch: AtomicU64::new(FIRST_EPOCH),
            decides: AtomicBool::new(true),
            yielding: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            quorum: AtomicBool::new(false),
            vrrp: AtomicU8::new(0),
            lease_ms: AtomicU64::new(u64::MAX),
        }
    }

    /// One of a pair, as `machine` says.
    pub fn of(machine: &Machine) -> Standing {
        let standing = Standing::alone();
        standing.follow(machine);
        standing
    }

    /// Milliseconds since this was made, by a clock that nobody sets: what the machine's `now_ms` is to be.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes over what `machine` says, after each of its steps.
    pub fn follow(&self, machine: &Machine) {
        let role = machine.role();
        let lease = match role {
            Role::Alone => u64::MAX,
            _ => machine.stepped_ms().saturating_add(machine.hold_ms()),
        };
        self.lease_ms.store(lease, Ordering::Relaxed);
        self.epoch.fetch_max(machine.epoch(), Ordering::AcqRel);
        self.role.store(number(role), Ordering::Relaxed);
        self.yielding.store(machine.is_yielding(), Ordering::Relaxed);
        self.draining.store(machine.is_draining(), Ordering::Relaxed);
        self.quorum.store(machine.quorum(), Ordering::Relaxed);
        let word = Vrrp::ALL
            .into_iter()
            .zip(1..)
            .find(|(word, _)| Some(*word) == machine.vrrp());
        self.vrrp
            .store(word.map_or(0, |(_, number)| number), Ordering::Relaxed);
        self.decides.store(machine.decides(), Ordering::Release);
    }

    /// The role.
    pub fn role(&self) -> Role {
        let number = usize::from(self.role.load(Ordering::Relaxed));
        Role::ALL.get(number).copied().unwrap_or(Role::Standby)
    }

    /// The newest epoch that is known: what messages to desktops carry. It never falls.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Whether this node looks for what is due, and tells the system of record.
    pub fn decides(&self) -> bool {
        self.decides.load(Ordering::Acquire) && self.now_ms() <= self.lease_ms.load(Ordering::Relaxed)
    }

    /// Whether it gives the address away, and is not electable for that.
    pub fn is_yielding(&self) -> bool {
        self.yielding.load(Ordering::Relaxed)
    }

    /// Whether callers are asked to connect anew.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// keepalived's last word; `None` before the first.
    pub fn vrrp(&self) -> Option<Vrrp> {
        let number = usize::from(self.vrrp.load(Ordering::Relaxed));
        Vrrp::ALL.get(number.checked_sub(1)?).copied()
    }

    /// Whether a majority keeps terms and calls.
    pub fn quorum(&self) -> bool {
        self.quorum.load(Ordering::Relaxed)
    }
}

impl Default for Standing {
    fn default() -> Standing {
        Standing::alone()
    }
}

fn number(role: Role) -> u8 {
    match role {
        Role::Alone => 0,
        Role::Standby => 1,
        Role::Active => 2,
        Role::Draining => 3,
        Role::Fenced => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::super::machine::Input;
    use super::super::settings::Settings;
    use super::*;

    fn pair(hold_ms: u64) -> Machine {
        let settings = Settings {
            node: "a".into(),
            peer: String::new(),
            peer_key_file: std::path::PathBuf::new(),
            hold_ms,
            drain_ms: 10,
            handover_ms: 100,
        };
        let mut machine = Machine::new(&settings, 7);
        machine.step(0, Input::Health { electable: true });
        machine.step(0, Input::Vrrp(Vrrp::Master));
        machine
    }

    #[test]
    fn numbers_lead_back_to_their_roles() {
        for (at, role) in Role::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(number(role)), at);
        }
    }

    #[test]
    fn who_stands_alone_decides_for_good_in_epoch_one() {
        let standing = Standing::alone();
        assert_eq!(
            (standing.role(), standing.epoch(), standing.decides()),
            (Role::Alone, 1, true)
        );
        assert!(!standing.is_yielding() && !standing.is_draining() && !standing.quorum());
    }

    #[test]
    fn what_the_machine_decided_holds_no_longer_than_a_lease() {
        // Milliseconds that cannot pass while this test runs, and none at all.
        let standing = Standing::of(&pair(3_600_000));
        assert_eq!((standing.role(), standing.epoch()), (Role::Active, 7));
        assert_eq!(standing.vrrp(), Some(Vrrp::Master));
        assert!(standing.decides());
        let frozen = Standing::of(&pair(0));
        while frozen.now_ms() == 0 {
            std::hint::spin_loop();
        }
        assert_eq!(frozen.role(), Role::Active);
        assert!(!frozen.decides());
    }

    #[test]
    fn an_epoch_never_falls_whatever_a_machine_says() {
        let standing = Standing::of(&pair(1000));
        let mut older = pair(1000);
        standing.follow(&older);
        older.step(
            1,
            Input::Term {
                epoch: 9,
                node: "b".into(),
                revision: 1,
            },
        );
        standing.follow(&older);
        standing.follow(&pair(1000));
        assert_eq!(standing.epoch(), 9);
    }
}
