use proptest::prelude::*;

use super::*;

mod random;

const HOLD: u64 = 1000;

fn settings(node: &str) -> Settings {
    Settings {
        node: node.into(),
        peer: String::new(),
        peer_key_file: std::path::PathBuf::new(),
        hold_ms: HOLD,
        drain_ms: 500,
        handover_ms: 10_000,
    }
}

/// A machine, the time it has, and everything that it asked for.
struct Node {
    machine: Machine,
    now: u64,
    acts: Vec<Action>,
}

impl Node {
    /// `a` of a pair: fit, with a quorum, and told that the bucket holds the term `epoch` of `b`.
    fn new(epoch: u64) -> Node {
        let mut node = Node {
            machine: Machine::new(&settings("a"), epoch),
            now: 5,
            acts: Vec::new(),
        };
        node.tell(Input::Health { electable: true });
        node.tell(Input::Quorum(true));
        node.tell(term(epoch, "b"));
        node
    }

    /// The same, active in its own term `epoch`, and for long.
    fn active(epoch: u64) -> Node {
        let mut node = Node::new(epoch - 1);
        node.tell(Input::Vrrp(Vrrp::Master));
        node.tell(Input::Minted { epoch });
        node.tell(term(epoch, "a"));
        node.wait(2 * HOLD);
        node.acts.clear();
        node
    }

    fn tell(&mut self, input: Input) {
        let acts = self.machine.step(self.now, input);
        self.acts.extend(acts);
    }

    /// Lets time pass, with a tick every 50 ms.
    fn wait(&mut self, ms: u64) {
        let until = self.now + ms;
        while self.now < until {
            self.now = (self.now + 50).min(until);
            self.tell(Input::Tick);
        }
    }

    fn mints(&mut self) -> Vec<(u64, u64)> {
        let acts = std::mem::take(&mut self.acts);
        let mints = acts.into_iter().filter_map(|act| match act {
            Action::Mint { epoch, revision } => Some((epoch, revision)),
            _ => None,
        });
        mints.collect()
    }

    fn is(&self) -> (Role, u64, bool) {
        (self.machine.role(), self.machine.epoch(), self.machine.decides())
    }
}

fn term(epoch: u64, node: &str) -> Input {
    Input::Term {
        epoch,
        node: node.into(),
        revision: epoch * 10,
    }
}

#[test]
fn who_stands_alone_decides_whatever_it_is_told() {
    let mut machine = Machine::new(&settings(""), 0);
    for input in [
        Input::Vrrp(Vrrp::Backup),
        term(9, "b"),
        Input::PeerActive,
        Input::Tick,
    ] {
        assert_eq!(machine.step(1, input), []);
    }
    assert_eq!(
        (machine.role(), machine.epoch(), machine.decides()),
        (Role::Alone, 1, true)
    );
    assert_eq!(
        machine.step(2, Input::HandOver),
        [Action::NotHandedOver(HaError::Alone)]
    );
    assert_eq!(machine.reason(), None);
}

#[test]
fn the_first_word_of_keepalived_is_followed_at_once_and_begins_a_term() {
    let mut node = Node::new(7);
    assert_eq!(node.is(), (Role::Standby, 7, false));
    node.acts.clear();
    node.tell(Input::Vrrp(Vrrp::Master));
    assert_eq!(
        node.acts,
        [
            Action::Became {
                from: Role::Standby,
                to: Role::Active
            },
            Action::Mint {
                epoch: 8,
                revision: 70
            }
        ]
    );
    assert_eq!(
        node.is(),
        (Role::Active, 7, true),
        "the old epoch goes on until then"
    );
    node.acts.clear();
    node.tell(Input::Minted { epoch: 8 });
    assert_eq!(node.acts, [Action::Epoch(8)]);
    assert_eq!(node.is(), (Role::Active, 8, true));
    assert_eq!(node.machine.reason(), None);
}

#[test]
fn a_word_that_comes_twice_changes_nothing() {
    let mut node = Node::active(8);
    node.tell(Input::Vrrp(Vrrp::Master));
    node.tell(term(8, "a"));
    node.tell(Input::Minted { epoch: 8 });
    node.wait(5 * HOLD);
    assert_eq!(node.acts, []);
}

#[test]
fn who_loses_the_address_stops_deciding_at_once_and_holds_its_role() {
    let mut node = Node::new(7);
    node.tell(Input::Vrrp(Vrrp::Master));
    node.now += 100;
    node.tell(Input::Vrrp(Vrrp::Backup));
    assert_eq!(node.is(), (Role::Active, 7, false));
    node.now += 100;
    node.tell(Input::Vrrp(Vrrp::Master));
    assert_eq!(
        node.is(),
        (Role::Active, 7, true),
        "it had not been anything else"
    );
    node.tell(Input::Vrrp(Vrrp::Fault));
    node.wait(799);
    assert_eq!(node.machine.role(), Role::Active);
    node.wait(1);
    assert_eq!(node.machine.role(), Role::Standby);
    node.tell(Input::Vrrp(Vrrp::Master));
    node.wait(HOLD - 1);
    assert_eq!(node.is(), (Role::Standby, 7, false));
    node.wait(1);
    assert_eq!(node.is(), (Role::Active, 7, true));
}

#[test]
fn a_newer_term_of_the_other_node_fences_and_each_fence_in_a_row_for_twice_as_long() {
    let mut node = Node::active(8);
    let mut newest = 8;
    for times in [1, 2, 4, 8, 16, 32, 64, 64] {
        newest += 1;
        node.tell(term(newest, "b"));
        assert_eq!(node.is(), (Role::Fenced, newest, false));
        assert!(node.machine.reason().unwrap().contains("`b` has the newer term"));
        node.wait(times * HOLD - 1);
        assert_eq!(node.machine.role(), Role::Fenced);
        assert_eq!(node.mints(), []);
        node.wait(1);
        assert_eq!(node.is(), (Role::Active, newest, true));
        assert_eq!(node.mints(), [(newest + 1, newest * 10)]);
        newest += 1;
        node.tell(Input::Minted { epoch: newest });
        node.tell(term(newest, "a"));
        node.wait(HOLD);
    }
    // keepalived says that it was a mistake: the next fence is a first one.
    node.tell(Input::Vrrp(Vrrp::Backup));
    node.wait(HOLD);
    node.tell(Input::Vrrp(Vrrp::Master));
    node.wait(HOLD);
    node.tell(term(newest + 5, "b"));
    node.wait(HOLD);
    assert_eq!(node.machine.role(), Role::Active);
}

#[test]
fn a_fence_that_comes_while_the_role_is_held_stops_deciding_at_once_and_ends_in_a_new_term() {
    let mut node = Node::new(7);
    node.tell(Input::Vrrp(Vrrp::Master));
    node.tell(Input::Minted { epoch: 8 });
    node.tell(term(9, "b"));
    assert_eq!(node.is(), (Role::Active, 9, false));
    node.acts.clear();
    node.wait(HOLD);
    assert_eq!(node.is(), (Role::Active, 9, true));
    assert_eq!(node.mints(), [(10, 90)]);
}

#[test]
fn a_fence_ends_with_the_address() {
    let mut node = Node::active(8);
    node.tell(term(9, "b"));
    node.tell(Input::Vrrp(Vrrp::Backup));
    node.wait(HOLD);
    assert_eq!(node.is(), (Role::Standby, 9, false));
    node.wait(100 * HOLD);
    assert_eq!(node.mints(), []);
}

#[test]
fn without_a_quorum_the_old_epoch_goes_on_and_a_term_is_begun_when_it_is_back() {
    let mut node = Node::new(7);
    node.tell(Input::Quorum(false));
    node.tell(Input::Vrrp(Vrrp::Master));
    node.wait(60 * HOLD);
    assert_eq!(node.is(), (Role::Active, 7, true));
    assert!(node.machine.reason().unwrap().contains("epoch 7 goes on"));
    assert_eq!(node.mints(), []);
    node.tell(Input::Quorum(true));
    assert_eq!(node.mints(), [(8, 70)]);
    // Somebody else has, meanwhile: it is not begun over theirs.
    node.tell(Input::NotMinted {
        why: "another revision".into(),
    });
    node.tell(term(8, "b"));
    assert_eq!(node.is(), (Role::Fenced, 8, false));
    assert_eq!(node.mints(), []);
}

#[test]
fn the_term_that_was_there_before_fences_nobody() {
    let mut node = Node::new(7);
    node.tell(Input::Quorum(false));
    node.tell(Input::Vrrp(Vrrp::Master));
    node.tell(term(7, "b"));
    node.tell(term(6, "b"));
    assert_eq!(node.is(), (Role::Active, 7, true));
}

#[test]
fn a_term_that_was_not_begun_is_asked_for_again_no_faster_than_roles_change() {
    let mut node = Node::new(7);
    node.tell(Input::Vrrp(Vrrp::Master));
    for _ in 0..5 {
        assert_eq!(node.mints().len(), 1);
        node.tell(Input::NotMinted {
            why: "it took too long".into(),
        });
        node.wait(HOLD - 1);
        assert!(node.machine.reason().unwrap().contains("it took too long"));
        assert_eq!(node.mints(), []);
        node.wait(1);
    }
    // The answer was lost, and the term was not.
    node.tell(term(8, "a"));
    node.acts.clear();
    node.wait(5 * HOLD);
    assert_eq!(node.mints(), []);
    assert_eq!(node.is(), (Role::Active, 8, true));
}

#[test]
fn an_epoch_never_falls_and_a_bucket_that_forgot_is_told_again() {
    let mut node = Node::active(8);
    node.tell(Input::Term {
        epoch: 0,
        node: String::new(),
        revision: 0,
    });
    assert_eq!(node.is(), (Role::Active, 8, true));
    assert_eq!(node.mints(), [(9, 0)]);
    node.tell(Input::Minted { epoch: 9 });
    // News from before that come late.
    node.tell(term(8, "a"));
    node.tell(term(9, "a"));
    node.wait(5 * HOLD);
    assert_eq!(node.mints(), []);
    assert_eq!(node.is(), (Role::Active, 9, true));
}

#[test]
fn what_the_other_node_knows_of_epochs_is_believed_and_fences_nobody() {
    let mut node = Node::active(5);
    node.tell(Input::PeerEpoch(7));
    assert_eq!(node.is(), (Role::Active, 7, true));
    node.tell(Input::PeerEpoch(6));
    assert_eq!(node.is(), (Role::Active, 7, true));
    // Its term does, once it is heard of.
    node.tell(term(7, "b"));
    assert!(!node.machine.decides());
}

#[test]
fn an_epoch_that_was_kept_holds_before_anybody_tells() {
    assert_eq!(Machine::new(&settings("a"), 41).epoch(), 41);
    assert_eq!(Machine::new(&settings("a"), 0).epoch(), 1);
}

#[test]
fn who_stood_still_believes_nothing_until_there_was_time_for_news() {
    let mut node = Node::active(8);
    node.now += 60_000;
    node.tell(Input::Tick);
    assert_eq!(node.is(), (Role::Active, 8, false));
    node.tell(Input::Vrrp(Vrrp::Fault));
    node.tell(term(9, "b"));
    assert_eq!(node.is(), (Role::Standby, 9, false));
    assert_eq!(node.mints(), []);

    // Nothing had happened.
    let mut node = Node::active(8);
    node.now += 60_000;
    node.wait(HOLD + 50);
    assert_eq!(node.is(), (Role::Active, 8, true));

    // A word from long ago begins nothing.
    let mut node = Node::new(7);
    node.now += 60_000;
    node.tell(Input::Vrrp(Vrrp::Master));
    assert_eq!(node.is(), (Role::Standby, 7, false));
    node.tell(Input::Vrrp(Vrrp::Backup));
    node.wait(5 * HOLD);
    assert_eq!(node.is(), (Role::Standby, 7, false));
}

#[test]
fn a_clock_that_goes_back_is_taken_for_one_that_stands() {
    let mut node = Node::active(8);
    node.now -= 1500;
    node.tell(Input::Vrrp(Vrrp::Backup));
    assert_eq!(node.is(), (Role::Standby, 8, false));
    node.tell(Input::Vrrp(Vrrp::Master));
    assert_eq!(node.machine.role(), Role::Standby);
}

#[test]
fn who_cannot_answer_does_not_become_active_and_who_is_active_stays_so() {
    let mut node = Node::new(7);
    node.tell(Input::Health { electable: false });
    node.tell(Input::Vrrp(Vrrp::Master));
    assert_eq!(node.is(), (Role::Standby, 7, false));
    assert!(node.machine.reason().unwrap().contains("not electable"));
    node.tell(Input::Health { electable: true });
    assert_eq!(node.machine.role(), Role::Active);
    node.tell(Input::Health { electable: false });
    node.wait(5 * HOLD);
    assert_eq!(node.is(), (Role::Active, 7, true));
}

#[test]
fn a_hand_over_drains_yields_waits_and_rests() {
    let mut node = Node::active(8);
    node.tell(Input::HandOver);
    assert_eq!(node.is(), (Role::Draining, 8, true));
    assert!(node.machine.is_draining() && !node.machine.is_yielding());
    node.wait(499);
    assert!(!node.machine.awaits_peer());
    node.wait(1);
    assert!(node.machine.is_yielding() && node.machine.awaits_peer());
    node.wait(40);
    node.tell(Input::Vrrp(Vrrp::Fault));
    assert_eq!(node.is(), (Role::Draining, 8, false));
    node.wait(60);
    node.tell(Input::PeerActive);
    assert!(!node.machine.is_draining() && node.machine.is_yielding());
    node.wait(HOLD);
    assert_eq!(node.is(), (Role::Standby, 8, false));
    assert!(!node.machine.is_yielding());
    let became = |from, to| Action::Became { from, to };
    assert_eq!(
        node.acts,
        [
            Action::Draining,
            became(Role::Active, Role::Draining),
            Action::EndStreams,
            Action::Yield(true),
            Action::HandedOver {
                drained_ms: 500,
                moved_ms: 100
            },
            became(Role::Draining, Role::Standby),
            Action::Yield(false),
        ]
    );
}

#[test]
fn the_other_nodes_term_ends_a_hand_over_as_its_word_does() {
    let mut node = Node::active(8);
    node.tell(Input::HandOver);
    node.wait(700);
    node.tell(term(9, "b"));
    assert!(node.acts.contains(&Action::HandedOver {
        drained_ms: 500,
        moved_ms: 200
    }));
    assert_eq!(node.is(), (Role::Draining, 9, false), "it gave the address away");
    node.tell(Input::Vrrp(Vrrp::Backup));
    node.wait(HOLD);
    assert_eq!(node.is(), (Role::Standby, 9, false));
}

#[test]
fn a_hand_over_that_nobody_takes_ends_where_it_began() {
    let mut node = Node::active(8);
    node.tell(Input::HandOver);
    node.wait(10_500);
    assert_eq!(node.is(), (Role::Active, 8, true));
    assert!(!node.machine.is_yielding());
    let waited_ms = 10_000;
    assert!(
        node.acts
            .contains(&Action::NotHandedOver(HaError::NotTaken { waited_ms }))
    );
    assert_eq!(node.mints(), [], "the term is still its own");
}

#[test]
fn a_hand_over_is_refused_where_there_is_nothing_to_hand_over_or_too_soon() {
    let mut node = Node::new(7);
    node.acts.clear();
    node.tell(Input::HandOver);
    let found = Role::Standby;
    assert_eq!(node.acts, [Action::NotHandedOver(HaError::NotActive { found })]);
    node.tell(Input::Vrrp(Vrrp::Master));
    node.wait(400);
    node.acts.clear();
    node.tell(Input::HandOver);
    let wait_ms = 600;
    assert_eq!(node.acts, [Action::NotHandedOver(HaError::TooSoon { wait_ms })]);
    node.wait(600);
    node.acts.clear();
    node.tell(Input::HandOver);
    node.tell(Input::HandOver);
    assert_eq!(node.acts.last(), Some(&Action::NotHandedOver(HaError::UnderWay)));
}
