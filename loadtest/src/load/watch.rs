//! What a person sees while a phase runs, and what the server weighs meanwhile; on the servers' core, away from the
//! generator's.

use std::sync::mpsc::Receiver;
use std::time::Instant;

use super::Plan;
use super::act::Events;
use super::scenario::PhaseOf;
use crate::outcome::Second;
use crate::server;

/// Seconds between two looks at what the server weighs.
const WEIGH_EVERY: u64 = 60;

/// Tells each of `seconds` as it comes, and adds to `events` what the server weighs; until there are no more.
pub(super) fn watch(
    plan: &Plan,
    phase: &PhaseOf,
    begun: Instant,
    seconds: &Receiver<Second>,
    events: &Events,
) {
    // Where the machine has no such core, the thread stays where it is.
    let _pinned = !plan.is_told || server::pin_thread(server::SERVER_CORE).is_ok();
    let weigh = || {
        if let Some((kib, descriptors)) = plan.target.weight().filter(|_| !phase.is_warm_up) {
            events.add(
                begun.elapsed().as_secs_f64(),
                format!(
                    "{:.1} MiB resident, {descriptors} descriptors",
                    kib as f64 / 1024.0
                ),
            );
        }
    };
    weigh();
    for second in seconds {
        if plan.is_told {
            println!("{}", line(&phase.name, &second));
        }
        if (second.at_s + 1) % WEIGH_EVERY == 0 {
            weigh();
        }
    }
    weigh();
}

fn line(name: &str, second: &Second) -> String {
    let micros = |nanos: u64| nanos as f64 / 1e3;
    format!(
        "{name:>14} {:>4} s: {:>7} sent, {:>7} answered, {:>5} not; p50 {:>8.1} µs, p99 {:>8.1} µs, worst {:>9.1} µs",
        second.at_s + 1,
        second.sent,
        second.answered,
        second.errors,
        micros(second.p50_ns),
        micros(second.p99_ns),
        micros(second.max_ns)
    )
}
