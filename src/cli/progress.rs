//! How far a long command is: a bar on a terminal, a line now and then elsewhere, or nothing.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::output;
use super::words;

/// Between two lines where there is no terminal.
const INTERVAL: Duration = Duration::from_secs(5);

/// What is counted, for the person who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Bytes,
    Customers,
}

/// Shows progress on standard error.
pub(super) struct Progress {
    shown: Shown,
}

enum Shown {
    Nothing,
    Bar(ProgressBar),
    Lines {
        what: &'static str,
        unit: Unit,
        next: Instant,
    },
}

impl Progress {
    /// Nothing is shown.
    pub(super) fn silent() -> Progress {
        Progress {
            shown: Shown::Nothing,
        }
    }

    /// Shows `what` is being done, such as `reading`, up to `total` units, where known.
    pub(super) fn new(what: &'static str, unit: Unit, total: Option<u64>) -> Progress {
        if !std::io::stderr().is_terminal() {
            let next = Instant::now() + INTERVAL;
            return Progress {
                shown: Shown::Lines { what, unit, next },
            };
        }
        let (bar, template) = match (total, unit) {
            (Some(total), Unit::Bytes) => (
                ProgressBar::new(total),
                "{prefix} {wide_bar} {bytes}/{total_bytes} {msg} {eta}",
            ),
            (Some(total), Unit::Customers) => (
                ProgressBar::new(total),
                "{prefix} {wide_bar} {human_pos}/{human_len} {msg} {eta}",
            ),
            (None, _) => (ProgressBar::new_spinner(), "{prefix} {spinner} {bytes} {msg}"),
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        Progress {
            shown: Shown::Bar(bar.with_style(style).with_prefix(what)),
        }
    }

    /// `done` of the total are done, which are `count` rows or customers.
    pub(super) fn at(&mut self, done: u64, total: Option<u64>, count: u64) {
        match &mut self.shown {
            Shown::Nothing => {}
            Shown::Bar(bar) => {
                bar.set_position(done);
                bar.set_message(words::count(count));
            }
            Shown::Lines { what, unit, next } => {
                let now = Instant::now();
                if now < *next {
                    return;
                }
                *next = now + INTERVAL;
                let share = match total {
                    Some(total) if total > 0 => format!(", {} %", done.saturating_mul(100) / total),
                    _ => String::new(),
                };
                let noun = match unit {
                    Unit::Bytes => "row",
                    Unit::Customers => "customer",
                };
                output::note(format_args!("{what}: {}{share}", words::counted(count, noun)));
            }
        }
    }
}

impl Drop for Progress {
    /// Takes the bar away, also where the command failed: what follows is printed on a clean line.
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}
