//! Whatever a machine is told, in whatever order.

use super::*;

fn input() -> impl Strategy<Value = Input> {
    let node = prop_oneof![Just("a"), Just("b")];
    prop_oneof![
        6 => proptest::sample::select(&Vrrp::ALL[..]).prop_map(Input::Vrrp),
        4 => (0_u64..30, node, 0_u64..40).prop_map(|(epoch, node, revision)| Input::Term {
            epoch,
            node: node.into(),
            revision,
        }),
        3 => (0_u64..30).prop_map(|epoch| Input::Minted { epoch }),
        2 => Just(Input::NotMinted { why: "no".into() }),
        2 => any::<bool>().prop_map(Input::Quorum),
        2 => proptest::bool::weighted(0.8).prop_map(|electable| Input::Health { electable }),
        2 => Just(Input::HandOver),
        2 => Just(Input::PeerActive),
        10 => Just(Input::Tick),
    ]
}

/// Milliseconds between two inputs: mostly few, sometimes a freeze, sometimes a clock that goes back.
fn gap() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0_i64..60, 4 => 0_i64..1100, 1 => 0_i64..100_000, 1 => -5000_i64..0]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_always_holds(steps in prop::collection::vec((gap(), input()), 1..120), kept in 0_u64..5) {
        let mut machine = Machine::new(&settings("a"), kept);
        let (mut now, mut latest): (u64, u64) = (10_000, 0);
        let mut changed: Option<u64> = None;
        let mut minted: Option<u64> = None;
        let (mut epoch, mut yields, mut handing) = (machine.epoch(), false, false);
        let mut quiet = false;
        for (gap, input) in steps {
            now = now.saturating_add_signed(gap);
            latest = latest.max(now);
            quiet |= input == Input::Quorum(false);
            quiet &= input != Input::Quorum(true);
            let was = machine.role();
            let acts = machine.step(now, input);
            let mut role = was;
            for act in acts {
                match act {
                    Action::Became { from, to } => {
                        prop_assert_eq!(from, role);
                        prop_assert_ne!(from, to);
                        prop_assert!(changed.is_none_or(|at| latest - at >= HOLD), "a role flaps");
                        (role, changed) = (to, Some(latest));
                    }
                    Action::Mint { epoch: asked, .. } => {
                        prop_assert!(machine.quorum() && !quiet && machine.decides());
                        prop_assert_eq!(asked, machine.epoch() + 1);
                        prop_assert!(minted.is_none_or(|at| latest - at >= HOLD), "terms flap");
                        minted = Some(latest);
                    }
                    Action::Yield(now) => {
                        prop_assert_ne!(yields, now);
                        yields = now;
                    }
                    Action::Draining => {
                        prop_assert!(!handing);
                        handing = true;
                    }
                    Action::HandedOver { .. } | Action::NotHandedOver(HaError::NotTaken { .. }) => {
                        prop_assert!(handing);
                        handing = false;
                    }
                    Action::Epoch(to) => prop_assert!(to > epoch),
                    Action::EndStreams | Action::NotHandedOver(_) => {}
                }
            }
            prop_assert_eq!(role, machine.role(), "a change that was not told");
            prop_assert!(machine.epoch() >= epoch, "an epoch fell");
            epoch = machine.epoch();
            prop_assert_eq!(machine.is_yielding(), yields);
            prop_assert_eq!(machine.is_draining(), handing);
            if machine.decides() {
                prop_assert_eq!(machine.vrrp(), Some(Vrrp::Master));
                prop_assert!(matches!(role, Role::Active | Role::Draining));
            }
        }
        // Time alone ends every hand-over, and leads to the role that keepalived's last word asks for.
        now = latest;
        machine.step(now, Input::Health { electable: true });
        for _ in 0..1000 {
            now += 100;
            machine.step(now, Input::Tick);
        }
        prop_assert!(!machine.is_yielding() && !machine.is_draining());
        let is_master = machine.vrrp() == Some(Vrrp::Master);
        prop_assert_eq!(machine.role(), if is_master { Role::Active } else { Role::Standby });
        prop_assert_eq!(machine.decides(), is_master);
    }
}
