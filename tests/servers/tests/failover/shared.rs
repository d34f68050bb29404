//! One pair for all tests that want one as it comes: they take turns, and each finds it whole.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use servers::pair::{Options, Pair, Place, node};

/// The pair, as long as a test has it or waits for it: nothing that is never dropped may own processes and namespaces.
static SHARED: Mutex<Weak<Mutex<Option<Pair>>>> = Mutex::new(Weak::new());

/// Runs `test` on a pair that is whole. A test that fails takes the pair with it.
pub(crate) fn with_pair(test: impl FnOnce(&mut Pair)) {
    let shared = {
        let mut registry = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = registry.upgrade().unwrap_or_default();
        *registry = Arc::downgrade(&shared);
        shared
    };
    let mut turn = shared.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.is_poisoned() {
        *turn = None;
        shared.clear_poison();
    }
    let pair = turn.get_or_insert_with(|| Pair::start(Options::default()));
    let done = catch_unwind(AssertUnwindSafe(|| {
        pair.restore();
        test(pair);
    }));
    #[allow(clippy::print_stderr, reason = "what the machines said shows why it failed")]
    if let Err(panic) = done {
        for process in ["keepalived", "watchdog", "nats", "ringside"] {
            eprintln!("{}", pair.tails(process));
        }
        for place in Place::NODES {
            eprintln!(
                "{place:?}: {} {}",
                node::role(pair.net(), place),
                node::status(pair.net(), place)
            );
        }
        resume_unwind(panic);
    }
}
