//! Two nodes without an arbiter: the address moves, and nothing else.

use std::time::Duration;

use servers::pair::{Options, Pair};

#[test]
fn a_node_dies_and_the_other_one_answers_at_its_address() {
    let mut pair = Pair::start(Options {
        shares_calls: false,
        ..Options::default()
    });
    let holder = pair.until_held();
    let load = pair.load();
    pair.kill(holder);
    pair.until_held_by(holder.other());
    load.until_answered();
    load.until_listening();
    let seen = load.end();
    // What that costs: nothing is replicated, and there is one term for good.
    assert_eq!(seen.rings.replicated(true), 0);
    for desktop in seen.desktops.values() {
        assert_eq!(desktop.epochs, [1], "{desktop:?}");
        assert!(desktop.streams.0 > 1, "{desktop:?}");
    }
    assert_eq!(seen.lookups.wrong, Vec::<String>::new());
    assert!(seen.lookups.answered > 100, "{:?}", seen.lookups);
    let unanswered = seen.lookups.failed.len() + seen.lookups.late.len();
    assert!(unanswered > 0, "nobody noticed");
    assert!(
        seen.lookups.longest_gap < Duration::from_secs(8),
        "{:?}",
        seen.lookups
    );
    assert_eq!(seen.rings.unanswered(), Vec::new());
}
