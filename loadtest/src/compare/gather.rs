//! One row of what several parts gave.

use std::borrow::Cow;

use super::parts::Part;
use super::process::Failure;
use super::targets::{TARGETS, Target};
use crate::row::Row;

/// A part, and what came of it.
pub(super) type Came<'a> = (&'a Part, Result<Vec<Row>, Failure>);

/// Every row of the table, in its order and once.
pub(super) fn rows(came: &[Came<'_>]) -> Vec<Row> {
    TARGETS.iter().map(|target| of_target(target, came)).collect()
}

fn of_target(target: &Target, came: &[Came<'_>]) -> Row {
    let mut figures: Vec<Row> = Vec::new();
    for (part, done) in came.iter().filter(|(part, _)| part.rows.contains(&target.row)) {
        match done {
            Ok(rows) => {
                let before = figures.len();
                figures.extend(rows.iter().filter(|row| belongs(row, target)).cloned().map(sound));
                if figures.len() == before {
                    figures.push(without(target, part.label, "invalid", "it gave no figure"));
                }
            }
            Err(failure) => figures.push(without(target, part.label, failure.status(), failure.reason())),
        }
    }
    figures.extend(unmeasured(target, &figures));
    let Some(mut row) = figures
        .iter()
        .max_by(|a, b| badness(a).total_cmp(&badness(b)))
        .cloned()
    else {
        return without(target, target.name, "not_run", "nobody asked for it");
    };
    if let [only] = figures.as_slice() {
        // What was not measured is called by its part's name, which says less than the row's.
        if only.value.is_nan() {
            row.name = Cow::Borrowed(target.name);
        }
    } else {
        // The row tells the worst that was measured, and stands where the worst part stands.
        let status = row.status;
        let measured = figures.iter().filter(|row| row.value.is_finite());
        if let Some(worst) = measured.max_by(|a, b| badness(a).total_cmp(&badness(b))) {
            row = worst.clone();
        }
        row.status = status;
        row.name = Cow::Borrowed(target.name);
        row.detail = figures
            .iter()
            .map(|part| format!("{}: {}", titled(part), said(part)))
            .collect::<Vec<_>>()
            .join("; ");
        row.parts = figures;
    }
    row.row = Cow::Borrowed(target.row);
    row
}

/// Whether a part's row is one of the figures of `target`: `13-mongodb` is one of 13.
fn belongs(row: &Row, target: &Target) -> bool {
    row.status != "measured"
        && row
            .row
            .strip_prefix(target.row)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', ',']))
}

/// A figure that is none is no figure that was missed.
fn sound(row: Row) -> Row {
    let is_figure = row.value.is_finite() || row.status == "not_run";
    Row {
        status: if is_figure { row.status } else { "invalid" },
        ..row
    }
}

/// What this build cannot compare with.
fn unmeasured(target: &Target, figures: &[Row]) -> Option<Row> {
    let is_there = figures
        .iter()
        .any(|row| row.name.contains("phonenumber's") && !row.name.contains("rlibphonenumber's"));
    let is_wanted = target.row.starts_with("15") && figures.iter().any(|row| row.value.is_finite());
    (is_wanted && !is_there).then(|| {
        let reason =
            "takes --features phonenumber: cargo run --release -p loadtest --features phonenumber -- compare";
        without(target, "beside phonenumber", "not_run", reason)
    })
}

fn without(target: &Target, label: &'static str, status: &'static str, reason: &str) -> Row {
    Row {
        status,
        command: String::new(),
        ..Row::of_figure(
            (target.row, label),
            String::new(),
            f64::NAN,
            target.target,
            reason.to_owned(),
        )
    }
}

/// The greater the worse: by status first, then by how far the figure is from its target.
fn badness(row: &Row) -> f64 {
    let by_status = match row.status {
        "invalid" => 3e9,
        "missed" => 2e9,
        "not_run" => 1e9,
        _ => 0.0,
    };
    let share = row.value / row.target;
    by_status
        + if share.is_finite() {
            share.clamp(0.0, 1e8)
        } else {
            0.0
        }
}

fn titled(part: &Row) -> &str {
    let kind = part.row.split_once(['-', ',']).map(|(_, kind)| kind.trim());
    kind.unwrap_or(&part.name)
}

fn said(part: &Row) -> String {
    let figure = crate::row::number(part.value);
    match part.status {
        "not_run" => format!("not run, {}", part.detail),
        "invalid" => format!("invalid, {}", part.detail),
        status => format!("{figure} {status} ({})", part.detail),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parts::PARTS;
    use super::*;

    fn part_of(row: &str) -> &'static Part {
        PARTS.iter().find(|part| part.rows.contains(&row)).unwrap()
    }

    fn figure(row: &'static str, value: f64) -> Row {
        Row::of_figure((row, row), String::new(), value, 1.0, "…".into())
    }

    fn found<'a>(rows: &'a [Row], row: &str) -> &'a Row {
        let all: Vec<&Row> = rows.iter().filter(|found| found.row == row).collect();
        assert_eq!(all.len(), 1, "{row}");
        all[0]
    }

    #[test]
    fn every_row_is_told_once_with_a_status_of_the_four() {
        let rows = rows(&[
            (
                part_of("1"),
                Ok(vec![figure("1", 0.5), figure("2", 2.0), figure("12a", f64::NAN)]),
            ),
            (part_of("18"), Err(Failure::Broken("it broke".into()))),
        ]);
        assert_eq!(rows.len(), TARGETS.len());
        for (row, target) in rows.iter().zip(&TARGETS) {
            assert_eq!(row.row, target.row);
            assert!(["met", "missed", "invalid", "not_run"].contains(&row.status));
        }
        for (row, status) in [
            ("1", "met"),
            ("2", "missed"),
            ("12a", "invalid"),
            ("12b", "invalid"),
            ("18", "invalid"),
            ("16a", "not_run"),
        ] {
            assert_eq!(found(&rows, row).status, status, "{row}");
        }
        assert_eq!(found(&rows, "18").detail, "it broke");
    }

    #[test]
    fn several_figures_of_a_row_are_its_parts_and_the_worst_of_them_is_the_row() {
        let of_feed = part_of("13");
        let came = [
            (
                of_feed,
                Ok(vec![figure("13-mongodb", 0.8), figure("14-mongodb", 3.0)]),
            ),
            (of_feed, Ok(vec![figure("13-file", 0.9), figure("14-file", 5.0)])),
            (
                of_feed,
                Err(Failure::NotRun("run tests/servers/install/nats.sh".into())),
            ),
        ];
        let rows = rows(&came);
        let row = found(&rows, "13");
        assert_eq!((row.status, row.parts.len()), ("not_run", 3));
        assert!(
            (row.value - 0.9).abs() < 1e-9,
            "the worst that was measured: {}",
            row.value
        );
        assert!(row.detail.contains("mongodb: 0.80 met") && row.detail.contains("nats.sh"));
        let row = found(&rows, "14");
        assert_eq!(row.status, "missed");
        assert!((row.value - 5.0).abs() < 1e-9);
    }

    #[test]
    fn what_this_build_has_not_is_told_as_not_run() {
        let beside = Row {
            name: "as a share of rlibphonenumber's time".into(),
            ..figure("15a", 0.5)
        };
        let both = [
            beside.clone(),
            Row {
                name: "as a share of phonenumber's time".into(),
                ..beside.clone()
            },
        ];
        let part = part_of("15a");
        assert_eq!(found(&rows(&[(part, Ok(vec![beside]))]), "15a").status, "not_run");
        assert_eq!(found(&rows(&[(part, Ok(both.to_vec()))]), "15a").status, "met");
    }
}
