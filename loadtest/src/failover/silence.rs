//! How long an address was silent, told from what became of requests that were due at fixed times.
//!
//! For each request it is asked how long, from when it was due, it took until *some* request that was due then or later
//! had its right answer. The longest of these is the silence: whoever asked at its beginning, and asked again every
//! millisecond, waited as long. It needs no bound above which an answer is late, and one connection that hangs while
//! others are answered is no silence; what that costs its caller is counted beside it, as failed or late.

use std::ops::Range;
use std::time::Duration;

/// Behind this an answer is counted as late.
pub(super) const LATE: Duration = Duration::from_millis(100);

/// One request. Times are since its callers began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    /// When it was to be sent.
    pub(super) due: Duration,
    /// When it was taken up.
    pub(super) sent: Duration,
    /// Whose kept connection it went over; none where it had a connection of its own.
    pub(super) line: Option<usize>,
    /// What became of it.
    pub(super) came: Came,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// The right answer was whole then.
    Answered(Duration),
    /// An answer was whole, and says what is not so.
    Wrong,
    /// The connection was refused or broke, or the status was another one.
    Failed,
    /// No answer came in time.
    TimedOut,
}

/// What the requests of one stretch of time say of an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) sent: usize,
    /// Refused, broken, or without an answer in time.
    pub(super) failed: usize,
    /// Answered more than [`LATE`] after they were due.
    pub(super) late: usize,
    pub(super) wrong: usize,
    /// The longest that nobody was answered; [`Duration::MAX`] where it had not ended.
    pub(super) silence: Duration,
    /// Most failed requests of one kept connection's caller.
    pub(super) most_of_a_line: usize,
    /// 99 of 100 requests were taken up within this of when they were due.
    pub(super) lateness: Duration,
}

/// What `asked`, in the order in which they were due, say of those due within `window`. It has to hold what was due
/// behind the window too, as far as a silence may reach.
pub(super) fn seen(asked: &[Asked], window: &Range<Duration>) -> Seen {
    let mut seen = Seen::default();
    let mut soonest = Duration::MAX;
    let mut lines: Vec<usize> = Vec::new();
    let mut lateness = Vec::new();
    for request in asked.iter().rev() {
        if let Came::Answered(at) = request.came {
            soonest = soonest.min(at);
        }
        if !window.contains(&request.due) {
            continue;
        }
        seen.sent += 1;
        lateness.push(request.sent.saturating_sub(request.due));
        let waited = if soonest == Duration::MAX {
            Duration::MAX
        } else {
            soonest.saturating_sub(request.due)
        };
        seen.silence = seen.silence.max(waited);
        match request.came {
            Came::Answered(at) => seen.late += usize::from(at > request.due + LATE),
            Came::Wrong => seen.wrong += 1,
            Came::Failed | Came::TimedOut => {
                seen.failed += 1;
                if let Some(line) = request.line {
                    lines.resize(lines.len().max(line + 1), 0);
                    lines[line] += 1;
                }
            }
        }
    }
    seen.most_of_a_line = lines.into_iter().max().unwrap_or(0);
    lateness.sort_unstable();
    let place = lateness.len().saturating_sub(1) * 99 / 100;
    seen.lateness = lateness.get(place).copied().unwrap_or_default();
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: u64 = 1000;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn all() -> Range<Duration> {
        ms(0)..ms(END)
    }

    /// A request each millisecond, of which `came` says what becomes of it.
    fn asked(came: impl Fn(u64) -> Came) -> Vec<Asked> {
        let of = |due| Asked {
            due: ms(due),
            sent: ms(due),
            line: (due % 2 == 1).then_some((due / 2 % 50) as usize),
            came: came(due),
        };
        (0..END).map(of).collect()
    }

    fn at_once(due: u64) -> Came {
        Came::Answered(ms(due + 1))
    }

    #[test]
    fn nothing_is_silent_where_all_are_answered() {
        let seen = seen(&asked(at_once), &all());
        assert_eq!((seen.sent, seen.failed, seen.late, seen.wrong), (1000, 0, 0, 0));
        assert_eq!(seen.silence, ms(1));
    }

    #[test]
    fn a_silence_is_from_the_first_unanswered_to_the_first_answer_to_whoever_asked_later() {
        for unanswered in [Came::Failed, Came::TimedOut, Came::Wrong] {
            let came = |due| {
                if (300..550).contains(&due) {
                    unanswered
                } else {
                    at_once(due)
                }
            };
            assert_eq!(seen(&asked(came), &all()).silence, ms(251), "{unanswered:?}");
        }
    }

    #[test]
    fn what_waits_for_the_end_of_a_silence_does_not_shorten_it() {
        // All of them are answered, and at once when the address is back.
        let came = |due| {
            if (300..550).contains(&due) {
                Came::Answered(ms(550))
            } else {
                at_once(due)
            }
        };
        let seen = seen(&asked(came), &all());
        assert_eq!((seen.silence, seen.failed), (ms(250), 0));
        assert_eq!(seen.late, 150, "those due more than 100 ms before");
    }

    #[test]
    fn one_that_hangs_while_others_are_answered_is_no_silence() {
        let came = |due| match due {
            400 => Came::Answered(ms(900)),
            401 => Came::TimedOut,
            _ => at_once(due),
        };
        let seen = seen(&asked(came), &all());
        assert_eq!((seen.silence, seen.late, seen.failed), (ms(3), 1, 1));
    }

    #[test]
    fn a_silence_counts_where_it_begins_and_may_end_behind_the_window() {
        let came = |due| {
            if (300..550).contains(&due) {
                Came::Failed
            } else {
                at_once(due)
            }
        };
        let asked = asked(came);
        assert_eq!(seen(&asked, &(ms(0)..ms(400))).silence, ms(251));
        assert_eq!(seen(&asked, &(ms(500)..ms(END))).silence, ms(51));
        assert_eq!(seen(&asked, &(ms(600)..ms(END))).silence, ms(1));
        let for_ever = seen(&asked[..500], &(ms(0)..ms(500)));
        assert_eq!(for_ever.silence, Duration::MAX);
    }

    #[test]
    fn failures_are_counted_for_each_kept_connection() {
        // Line 3 has those due at 7, 107, 207 …
        let came = |due| {
            if due % 100 == 7 && due < 300 || due == 9 || due == 10 {
                Came::Failed
            } else {
                at_once(due)
            }
        };
        let seen = seen(&asked(came), &all());
        assert_eq!((seen.failed, seen.most_of_a_line), (5, 3));
    }
}
