//! What all runs gave, as a table for people and as rows of the table of targets.

use std::fmt::Write as _;
use std::time::Duration;

use super::Acted;
use super::act::{Kind, master_down};
use super::run::Ran;
use super::silence::Seen;
use crate::Row;
use crate::pairs::{median, of_pairs};

/// The most that a silence may be beside its floor.
const TARGET: f64 = 1.2;
/// The most failed requests of a connection.
const FAILED: f64 = 1.0;
/// The most that callers may be late, of the silence that they measure.
const LATE: f64 = 0.1;
/// Priorities of the two nodes.
const PRIORITIES: [u8; 2] = [150, 100];

/// Whole milliseconds, or that there is no end.
pub(super) fn ms(time: Duration) -> String {
    if time == Duration::MAX {
        "∞".to_owned()
    } else {
        time.as_millis().to_string()
    }
}

/// The table for people.
pub(super) fn text(acted: &[Acted], advert_s: f64) -> String {
    let mut text = String::from(
        "\nms that the address was silent, least / median / most\n\n\
         | what | runs | the pair | keepalived alone | beside | once set right | lookups | failed | late | wrong | rings | \
         replicated | lost | twice | never answered |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for of in acted {
        let sum = |count: &dyn Fn(&Ran) -> usize| of.pair.iter().map(count).sum::<usize>();
        let both = |count: fn(&Seen) -> usize| sum(&|ran| count(&ran.struck) + count(&ran.mended));
        // Writing to a text does not fail.
        let _written = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            of.act.label(),
            of.pair.len(),
            spread(of.pair.iter().map(|ran| ran.struck.silence)),
            spread(of.floor.iter().map(|ran| ran.struck.silence)),
            beside(of, advert_s),
            spread(of.pair.iter().map(|ran| ran.mended.silence)),
            both(|seen| seen.sent),
            both(|seen| seen.failed),
            both(|seen| seen.late),
            both(|seen| seen.wrong),
            sum(&|ran| ran.pops.rings),
            sum(&|ran| ran.pops.replicated),
            sum(&|ran| ran.pops.lost),
            sum(&|ran| ran.pops.twice),
            sum(&|ran| ran.pops.unanswered),
        );
    }
    text.push('\n');
    text
}

/// What else a silence is to be seen beside.
fn beside(of: &Acted, advert_s: f64) -> String {
    match of.act.kind() {
        Kind::Node => {
            let [least, most] = PRIORITIES.map(|priority| master_down(advert_s, priority));
            format!("3 × advert + skew: {}–{}", ms(least), ms(most))
        }
        Kind::Service(bound) => format!("the watchdog's bound: {}", ms(bound)),
        Kind::Planned => String::new(),
    }
}

fn spread(silences: impl Iterator<Item = Duration>) -> String {
    let mut all: Vec<Duration> = silences.collect();
    all.sort_unstable();
    let (Some(least), Some(most)) = (all.first(), all.last()) else {
        return "–".to_owned();
    };
    format!("{} / {} / {}", ms(*least), ms(middle(&all)), ms(*most))
}

/// The median of what is sorted.
fn middle(sorted: &[Duration]) -> Duration {
    let (low, high) = ((sorted.len() - 1) / 2, sorted.len() / 2);
    if sorted[high] == Duration::MAX {
        return Duration::MAX;
    }
    (sorted[low] + sorted[high]) / 2
}

/// A row for each act.
pub(super) fn rows(acted: &[Acted], advert_s: f64) -> Vec<Row> {
    acted.iter().map(|of| row(of, advert_s)).collect()
}

fn row(of: &Acted, advert_s: f64) -> Row {
    let scale = format!("1,000 lookups/s, 10 rings/s, adverts every {advert_s} s");
    let silence = |ran: &Ran| seconds(ran.struck.silence);
    let bound = match of.act.kind() {
        Kind::Service(bound) => bound.as_secs_f64(),
        Kind::Node | Kind::Planned => 0.0,
    };
    let mut row = if of.act.kind() == Kind::Planned {
        let most = |ran: &Ran| ran.struck.most_of_a_line.max(ran.mended.most_of_a_line);
        let failed: Vec<usize> = of.pair.iter().map(most).collect();
        let worst = failed.iter().copied().max().unwrap_or_default() as f64;
        Row {
            low: failed.iter().copied().min().unwrap_or_default() as f64,
            pairs: of.pair.len(),
            ..Row::of_figure(of.act.row(), scale, worst, FAILED, String::new())
        }
    } else {
        let taken: Vec<(f64, f64)> = of
            .pair
            .iter()
            .zip(&of.floor)
            .map(|(pair, floor)| (silence(pair), silence(floor) + bound))
            .collect();
        Row::of_ratio(of.act.row(), scale, taken.len(), of_pairs(&taken), TARGET)
    };
    row.detail = detail(of, advert_s);
    judge(&mut row, of);
    row
}

fn detail(of: &Acted, advert_s: f64) -> String {
    let sum = |count: &dyn Fn(&Ran) -> usize| of.pair.iter().map(count).sum::<usize>();
    let both = |count: fn(&Seen) -> usize| sum(&|ran| count(&ran.struck) + count(&ran.mended));
    let beside = beside(of, advert_s);
    format!(
        "silent for {} ms, keepalived alone {} ms{}{beside}; once set right {} ms; {} lookups, {} failed, {} late, {} wrong; \
         {} rings, {} replicated, {} pops lost, {} twice",
        spread(of.pair.iter().map(|ran| ran.struck.silence)),
        spread(of.floor.iter().map(|ran| ran.struck.silence)),
        if beside.is_empty() { "" } else { ", " },
        spread(of.pair.iter().map(|ran| ran.mended.silence)),
        both(|seen| seen.sent),
        both(|seen| seen.failed),
        both(|seen| seen.late),
        both(|seen| seen.wrong),
        sum(&|ran| ran.pops.rings),
        sum(&|ran| ran.pops.replicated),
        sum(&|ran| ran.pops.lost),
        sum(&|ran| ran.pops.twice),
    )
}

/// No time makes up for a pop that is lost or shown twice, or an answer that is wrong; and callers that were late
/// themselves have measured nothing.
fn judge(row: &mut Row, of: &Acted) {
    let late = median(of.pair.iter().map(|ran| seconds(ran.struck.lateness)).collect());
    let silent = median(of.pair.iter().map(|ran| seconds(ran.struck.silence)).collect());
    if of.act.kind() != Kind::Planned && late > LATE * silent {
        row.status = "invalid";
        let told = format!("; callers were {:.1} ms late themselves", late * 1e3);
        row.detail.push_str(&told);
    }
    let is_unsound = |ran: &Ran| {
        ran.pops.lost + ran.pops.twice + ran.pops.unanswered + ran.struck.wrong + ran.mended.wrong > 0
    };
    if of.pair.iter().any(is_unsound) {
        row.status = "missed";
    }
}

fn seconds(time: Duration) -> f64 {
    if time == Duration::MAX {
        f64::INFINITY
    } else {
        time.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::super::act::Act;
    use super::super::run::Pops;
    use super::*;

    fn ran(silence_ms: u64) -> Ran {
        let struck = Seen {
            sent: 1000,
            silence: Duration::from_millis(silence_ms),
            lateness: Duration::from_millis(1),
            ..Seen::default()
        };
        Ran {
            struck,
            mended: Seen::default(),
            pops: Pops {
                rings: 10,
                replicated: 9,
                ..Pops::default()
            },
        }
    }

    fn acted(act: Act, pair: &[u64], floor: &[u64]) -> Acted {
        Acted {
            act,
            pair: pair.iter().copied().map(ran).collect(),
            floor: floor.iter().copied().map(ran).collect(),
        }
    }

    #[test]
    fn a_nodes_death_is_beside_the_floor_of_the_same_pair_of_runs() {
        let row = row(&acted(Act::NodeKilled, &[300, 330, 500], &[300, 300, 250]), 0.1);
        assert_eq!(
            (row.row.as_ref(), row.status, row.pairs),
            ("16a-killed", "met", 3)
        );
        assert!((row.value - 1.1).abs() < 1e-9 && (row.high - 2.0).abs() < 1e-9);
        assert!(
            row.detail.contains("300 / 330 / 500") && row.detail.contains("341–360"),
            "{}",
            row.detail
        );
    }

    #[test]
    fn the_watchdogs_bound_is_added_to_its_floor() {
        let of = acted(Act::ServiceFrozen, &[260, 260], &[60, 60]);
        let row = row(&of, 0.1);
        assert!((row.value - 1.0).abs() < 1e-9, "{}", row.value);
        assert_eq!(
            super::row(&acted(Act::ServiceKilled, &[260, 260], &[60, 60]), 0.1).status,
            "missed"
        );
    }

    #[test]
    fn a_hand_over_tells_the_worst_connection() {
        let mut of = acted(Act::HandOver, &[60, 60], &[50, 50]);
        of.pair[1].struck.most_of_a_line = 1;
        assert_eq!(row(&of, 0.1).status, "met");
        of.pair[0].mended.most_of_a_line = 2;
        let row = row(&of, 0.1);
        assert_eq!((row.status, row.value as usize), ("missed", 2));
    }

    #[test]
    fn no_time_makes_up_for_what_is_lost_twice_or_wrong() {
        let unsound: [fn(&mut Ran); 5] = [
            |ran| ran.pops.lost = 1,
            |ran| ran.pops.twice = 1,
            |ran| ran.pops.unanswered = 1,
            |ran| ran.struck.wrong = 1,
            |ran| ran.mended.wrong = 1,
        ];
        for break_it in unsound {
            let mut of = acted(Act::CablePulled, &[300, 300], &[300, 300]);
            assert_eq!(row(&of, 0.1).status, "met");
            break_it(&mut of.pair[1]);
            assert_eq!(row(&of, 0.1).status, "missed");
        }
    }

    #[test]
    fn callers_who_are_late_have_measured_nothing() {
        let mut of = acted(Act::NodeKilled, &[300], &[300]);
        of.pair[0].struck.lateness = Duration::from_millis(31);
        assert_eq!(row(&of, 0.1).status, "invalid");
    }

    #[test]
    fn an_address_that_never_came_back_is_told() {
        let mut of = acted(Act::NodeKilled, &[300, 300], &[300, 300]);
        of.pair[1].struck.silence = Duration::MAX;
        assert!(text(&[of], 0.1).contains("300 / ∞ / ∞"));
    }
}
