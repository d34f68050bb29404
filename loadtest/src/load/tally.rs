//! What became of the requests of one phase: histograms that are made ahead of it and only counted up during it.

use hdrhistogram::Histogram;

use crate::outcome::{Phase, Quantiles, Second};

/// Nanoseconds of a second.
pub(crate) const SECOND: u64 = 1_000_000_000;
/// What the curve of a phase shows.
const CURVE: [f64; 22] = [
    0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 97.5, 99.0, 99.5, 99.75, 99.9, 99.95, 99.975, 99.99, 99.995,
    99.9975, 99.999, 99.9995, 99.9999, 99.99999, 100.0,
];

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With an answer.
    Answered,
    /// With an answer that says that there is too much to do.
    Refused,
    /// Without one, or with one that nobody expects.
    Failed,
    /// Not in time.
    TimedOut,
}

/// Times, in nanoseconds.
#[derive(Debug, Clone)]
pub(crate) struct Times(Histogram<u64>);

impl Times {
    /// Of up to `most_ns`, with as many significant digits.
    fn new(most_ns: u64, digits: u8) -> Times {
        // What is out of the bounds is clipped to them. The bounds here are always possible ones; a histogram that
        // grows is what is left if they were not.
        let made = Histogram::new_with_bounds(1, most_ns.max(2), digits);
        Times(made.unwrap_or_else(|_| {
            Histogram::new(1).unwrap_or_else(|_| unreachable!("1 is a possible precision"))
        }))
    }

    fn record(&mut self, nanos: u64) {
        self.0.saturating_record(nanos);
    }

    fn at(&self, percentile: f64) -> u64 {
        self.0.value_at_percentile(percentile)
    }

    fn quantiles(&self) -> Quantiles {
        Quantiles {
            mean_ns: self.0.mean(),
            p50_ns: self.at(50.0),
            p90_ns: self.at(90.0),
            p99_ns: self.at(99.0),
            p999_ns: self.at(99.9),
            max_ns: self.0.max(),
        }
    }
}

/// One second of it.
#[derive(Debug, Clone)]
struct Moment {
    sent: u64,
    answered: u64,
    errors: u64,
    latency: Times,
}

/// The counts of one phase.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    sent: u64,
    answered: u64,
    refused: u64,
    failed: u64,
    timed_out: u64,
    latency: Times,
    lateness: Times,
    moments: Vec<Moment>,
    /// When the last answer came, and the longest time between two of them with its beginning.
    last_answer_ns: u64,
    gap: (u64, u64),
}

impl Tally {
    /// Of a phase of `seconds`, whose requests take `timeout_ns` at the most.
    pub(crate) fn new(seconds: f64, timeout_ns: u64) -> Tally {
        let moment = Moment {
            sent: 0,
            answered: 0,
            errors: 0,
            latency: Times::new(timeout_ns, 2),
        };
        Tally {
            sent: 0,
            answered: 0,
            refused: 0,
            failed: 0,
            timed_out: 0,
            latency: Times::new(timeout_ns, 3),
            lateness: Times::new(timeout_ns, 3),
            moments: vec![moment; (seconds.ceil() as usize).max(1)],
            last_answer_ns: 0,
            gap: (0, 0),
        }
    }

    fn moment(&mut self, due_ns: u64) -> Option<&mut Moment> {
        let last = self.moments.len().checked_sub(1)?;
        self.moments.get_mut(((due_ns / SECOND) as usize).min(last))
    }

    /// A request that was due at `due_ns` of the phase was sent at `now_ns`.
    pub(crate) fn sent(&mut self, due_ns: u64, now_ns: u64) {
        self.sent += 1;
        self.lateness.record(now_ns.saturating_sub(due_ns));
        if let Some(moment) = self.moment(due_ns) {
            moment.sent += 1;
        }
    }

    /// It ended at `now_ns`. What failed is counted and has no latency: it may fail sooner than any answer comes.
    pub(crate) fn ended(&mut self, due_ns: u64, now_ns: u64, end: End) {
        let latency = now_ns.saturating_sub(due_ns);
        match end {
            End::Answered => self.answered += 1,
            End::Refused => self.refused += 1,
            End::Failed => self.failed += 1,
            End::TimedOut => self.timed_out += 1,
        }
        if end == End::Answered {
            let gap = now_ns.saturating_sub(self.last_answer_ns);
            if gap > self.gap.1 {
                self.gap = (self.last_answer_ns, gap);
            }
            self.last_answer_ns = now_ns;
        }
        if end != End::Failed {
            self.latency.record(latency);
        }
        if let Some(moment) = self.moment(due_ns) {
            match end {
                End::Answered => moment.answered += 1,
                End::Refused | End::Failed | End::TimedOut => moment.errors += 1,
            }
            if end != End::Failed {
                moment.latency.record(latency);
            }
        }
    }

    /// When the longest time without an answer began, and how long it was, both in nanoseconds.
    pub(crate) fn longest_gap(&self) -> (u64, u64) {
        self.gap
    }

    /// What is known of the second `at_s`, whose requests may still be open.
    pub(crate) fn second(&self, at_s: u64) -> Option<Second> {
        let moment = self.moments.get(usize::try_from(at_s).ok()?)?;
        let times = moment.latency.quantiles();
        Some(Second {
            at_s,
            sent: moment.sent,
            answered: moment.answered,
            errors: moment.errors,
            p50_ns: times.p50_ns,
            p99_ns: times.p99_ns,
            p999_ns: times.p999_ns,
            max_ns: times.max_ns,
        })
    }

    /// The phase that it was, as far as requests go.
    pub(crate) fn phase(&self, name: &str, seconds: f64, offered_per_s: f64) -> Phase {
        Phase {
            name: name.to_owned(),
            seconds,
            offered_per_s,
            sent: self.sent,
            answered: self.answered,
            refused: self.refused,
            failed: self.failed,
            timed_out: self.timed_out,
            latency: self.latency.quantiles(),
            lateness: self.lateness.quantiles(),
            curve: CURVE
                .iter()
                .map(|percentile| (*percentile, self.latency.at(*percentile)))
                .collect(),
            per_second: (0..self.moments.len() as u64)
                .filter_map(|at_s| self.second(at_s))
                .collect(),
            ..Phase::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_count_in_the_second_in_which_they_were_due() {
        let mut tally = Tally::new(2.0, SECOND);
        // Due in the first second, sent and answered in the next.
        tally.sent(SECOND - 1000, SECOND + 1000);
        tally.ended(SECOND - 1000, SECOND + 9000, End::Answered);
        tally.sent(SECOND + 5, SECOND + 6);
        tally.ended(SECOND + 5, 2 * SECOND + 5, End::TimedOut);
        tally.sent(SECOND + 7, SECOND + 8);
        tally.ended(SECOND + 7, SECOND + 9, End::Failed);
        let phase = tally.phase("steady", 2.0, 1.0);
        assert_eq!(
            (phase.sent, phase.answered, phase.timed_out, phase.failed),
            (3, 1, 1, 1)
        );
        assert_eq!((phase.per_second[0].answered, phase.per_second[0].errors), (1, 0));
        assert_eq!((phase.per_second[1].sent, phase.per_second[1].errors), (2, 2));
        // From the intended send, not from the actual one; the time-out stands in the histogram, the failure does not.
        assert!(
            (9_990..=10_010).contains(&phase.latency.p50_ns),
            "{:?}",
            phase.latency
        );
        assert!(phase.latency.max_ns >= SECOND - SECOND / 500);
        assert!((1_999..=2_001).contains(&phase.lateness.max_ns));
    }

    #[test]
    fn the_longest_time_without_an_answer_is_told() {
        let mut tally = Tally::new(1.0, SECOND);
        for now in [10, 20, 500, 520] {
            tally.ended(0, now, End::Answered);
        }
        tally.ended(0, 100_000, End::Failed);
        assert_eq!(tally.longest_gap(), (20, 480));
    }
}
