//! Outcomes as a person reads them.

use super::scenario::Scenario;
use crate::outcome::{Outcome, Phase};

/// Prints which scenarios there are.
pub(super) fn list(all: &[Scenario]) {
    for scenario in all {
        println!("{:<22} {}", scenario.name, scenario.about);
    }
}

/// Prints `outcome`.
pub(super) fn print(outcome: &Outcome) {
    println!();
    println!(
        "{} against {}: {} customers, {} connections, seed {}",
        outcome.scenario, outcome.target, outcome.customers, outcome.connections, outcome.seed
    );
    println!();
    println!(
        "| phase | offered/s | sent | answered | refused | failed | timed out | checked | wrong | p50 µs | p90 µs | p99 µs | p99.9 µs | worst µs | sent late, p99 µs |"
    );
    println!("|{}", " --- |".repeat(15));
    for phase in &outcome.phases {
        println!("{}", line(phase));
    }
    println!();
    for phase in outcome.phases.iter().filter(|phase| !phase.is_warm_up) {
        for (at, what) in &phase.events {
            println!("{} at {at:.3} s: {what}", phase.name);
        }
    }
    match &outcome.why_invalid {
        None => println!("valid"),
        Some(why) => println!("INVALID: {why}"),
    }
}

fn line(phase: &Phase) -> String {
    let micros = |nanos: u64| nanos as f64 / 1e3;
    let (latency, lateness) = (&phase.latency, &phase.lateness);
    format!(
        "| {}{} | {:.0} | {} | {} | {} | {} | {} | {} | {} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
        phase.name,
        if phase.is_warm_up { " (left out)" } else { "" },
        phase.offered_per_s,
        phase.sent,
        phase.answered,
        phase.refused,
        phase.failed,
        phase.timed_out,
        phase.checked,
        phase.wrong,
        micros(latency.p50_ns),
        micros(latency.p90_ns),
        micros(latency.p99_ns),
        micros(latency.p999_ns),
        micros(latency.max_ns),
        micros(lateness.p99_ns)
    )
}
