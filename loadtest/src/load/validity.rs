//! Whether an outcome may be believed: a generator that was late has measured itself.

use super::scenario::{Act, PhaseOf};
use crate::outcome::Phase;

/// The most that the generator's lateness may be of a phase's latency, both at the 99th percentile.
const LATE: f64 = 0.1;
/// The least requests of which a 99th percentile says something.
const FEWEST: u64 = 1000;

/// Why what `phases` say is not to be believed; `None` where it is. `planned` are what they were to be, in their order.
pub(crate) fn why_invalid(phases: &[Phase], planned: &[PhaseOf]) -> Option<String> {
    phases
        .iter()
        .zip(planned)
        .filter(|(phase, _)| !phase.is_warm_up)
        .find_map(|(phase, planned)| wrong(phase).or_else(|| late(phase, planned)))
}

/// A swap or a crash that went on for longer than `planned`, so that the phase did not see the end of it.
pub(crate) fn overrun(planned: &PhaseOf, acted_for_s: f64) -> Option<String> {
    let ends_by_itself = matches!(planned.act, Act::Swap | Act::Kill);
    (ends_by_itself && acted_for_s > planned.seconds).then(|| {
        format!(
            "{}: what happened meanwhile took until {acted_for_s:.1} s, and the phase ended at {:.1} s: give it more --seconds",
            planned.name, planned.seconds
        )
    })
}

/// Answers that are wrong: whatever the times are, they are times of something else.
fn wrong(phase: &Phase) -> Option<String> {
    (phase.wrong > 0).then(|| {
        format!(
            "{}: {} of {} compared answers were wrong",
            phase.name, phase.wrong, phase.checked
        )
    })
}

/// While a server is dead, requests are late because nobody takes them.
fn late(phase: &Phase, planned: &PhaseOf) -> Option<String> {
    let (late, latency) = (phase.lateness.p99_ns, phase.latency.p99_ns);
    if planned.act == Act::Kill {
        return None;
    }
    if phase.sent < FEWEST {
        return Some(format!(
            "{}: {} requests are too few for a 99th percentile, which needs {FEWEST}",
            phase.name, phase.sent
        ));
    }
    (late as f64 > LATE * latency as f64).then(|| {
        format!(
            "{}: requests were sent {:.1} µs late at the 99th percentile, which is more than a tenth of the latency's {:.1} µs: \
             the generator or its connections had too much to do, or others use its core",
            phase.name,
            late as f64 / 1e3,
            latency as f64 / 1e3
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Quantiles;

    fn phase(late: u64, latency: u64) -> Phase {
        let p99 = |p99_ns| Quantiles {
            p99_ns,
            ..Quantiles::default()
        };
        Phase {
            name: "steady".into(),
            sent: 5000,
            lateness: p99(late),
            latency: p99(latency),
            ..Phase::default()
        }
    }

    fn planned(act: Act) -> PhaseOf {
        PhaseOf {
            name: "steady".into(),
            seconds: 1.0,
            load: 1.0,
            is_warm_up: false,
            act,
            changes_per_s: 0,
        }
    }

    #[test]
    fn lateness_beyond_a_tenth_makes_it_invalid() {
        let none = &[planned(Act::None)];
        assert_eq!(why_invalid(&[phase(100, 1000)], none), None);
        let why = why_invalid(&[phase(101, 1000)], none).unwrap();
        assert!(why.contains("a tenth") && why.contains("steady"), "{why}");
        // Not where it is left out, and not where the server was dead.
        let warm_up = Phase {
            is_warm_up: true,
            ..phase(900, 1000)
        };
        assert_eq!(why_invalid(&[warm_up], none), None);
        assert_eq!(why_invalid(&[phase(900, 1000)], &[planned(Act::Kill)]), None);
    }

    #[test]
    fn what_the_phase_did_not_see_the_end_of_makes_it_invalid() {
        assert!(overrun(&planned(Act::Swap), 1.1).is_some_and(|why| why.contains("--seconds")));
        assert_eq!(overrun(&planned(Act::Swap), 0.9), None);
        assert_eq!(
            overrun(&planned(Act::Churn), 1.1),
            None,
            "it goes on until it is told to end"
        );
    }

    #[test]
    fn wrong_answers_and_few_requests_make_it_invalid() {
        let none = &[planned(Act::None)];
        let wrong = Phase {
            wrong: 1,
            checked: 7,
            ..phase(1, 1000)
        };
        assert!(why_invalid(&[wrong], none).unwrap().contains("1 of 7"));
        let few = Phase {
            sent: 999,
            ..phase(1, 1000)
        };
        assert!(why_invalid(&[few], none).unwrap().contains("too few"));
    }
}
