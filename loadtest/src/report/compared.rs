//! Several targets under the same scenario, in one picture and one table.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::outcomes::curve;
use super::plot::{Axis, Plot, Series, times};
use super::text::{count, escaped, time};
use crate::outcome::{Outcome, Phase};

pub(super) fn write(out: &mut String, outcomes: &[Outcome]) {
    let mut by_scenario: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        by_scenario.entry(&outcome.scenario).or_default().push(outcome);
    }
    for (nth, (scenario, of_it)) in by_scenario.into_iter().enumerate() {
        if of_it.len() > 1 {
            scenario_of(out, nth, scenario, &of_it);
        }
    }
}

/// The phase by which targets are compared: the last one that counts.
fn counted(outcome: &Outcome) -> Option<&Phase> {
    outcome.phases.iter().rev().find(|phase| !phase.is_warm_up)
}

fn scenario_of(out: &mut String, nth: usize, scenario: &str, outcomes: &[&Outcome]) {
    let _ = writeln!(out, "<h2>{}: targets side by side</h2>", escaped(scenario));
    let series: Vec<Series> = outcomes
        .iter()
        .filter_map(|outcome| {
            Some(Series {
                name: named(outcome),
                points: curve(counted(outcome)?),
            })
        })
        .collect();
    let points = || series.iter().flat_map(|series| series.points.iter().copied());
    let plot = Plot {
        id: format!("compared-{nth}"),
        title: format!("Latency by percentile, {scenario}"),
        description: format!(
            "One line for each of {} targets; the table below has their percentiles.",
            series.len()
        ),
        x_label: "percentile of requests".into(),
        y_label: "latency".into(),
        x: Axis::nines(points().map(|point| point.0)),
        y: Axis::logarithmic(points().map(|point| point.1), times),
        marks: Vec::new(),
        has_dots: false,
        series,
    };
    let _ = writeln!(
        out,
        "<figure>{}<figcaption>From the intended send to the whole answer. Each further nine on the right is ten times rarer.</figcaption></figure>",
        plot.svg(false)
    );
    out.push_str(
        "<div class=\"wide\"><table><thead><tr><th scope=\"col\">Target</th><th scope=\"col\" class=\"figure\">Answered/s</th>\
         <th scope=\"col\" class=\"figure\">p50</th><th scope=\"col\" class=\"figure\">p90</th><th scope=\"col\" class=\"figure\">p99</th>\
         <th scope=\"col\" class=\"figure\">p99.9</th><th scope=\"col\" class=\"figure\">worst</th><th scope=\"col\" class=\"figure\">errors</th>\
         <th scope=\"col\" class=\"figure\">wrong</th><th scope=\"col\">valid</th></tr></thead><tbody>\n",
    );
    for outcome in outcomes {
        let Some(phase) = counted(outcome) else {
            continue;
        };
        let latency = &phase.latency;
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th>{}<td>{}</td></tr>",
            escaped(&named(outcome)),
            [
                per_second(phase),
                time(latency.p50_ns as f64),
                time(latency.p90_ns as f64),
                time(latency.p99_ns as f64),
                time(latency.p999_ns as f64),
                time(latency.max_ns as f64),
                count(phase.refused + phase.failed + phase.timed_out),
                count(phase.wrong),
            ]
            .map(|cell| format!("<td class=\"figure\">{cell}</td>"))
            .concat(),
            if outcome.is_valid { "yes" } else { "no" }
        );
    }
    out.push_str("</tbody></table></div>\n");
}

fn named(outcome: &Outcome) -> String {
    let phase = counted(outcome).map_or(0.0, |phase| phase.offered_per_s);
    format!("{}, {}/s", outcome.target, count(phase as u64))
}

fn per_second(phase: &Phase) -> String {
    if phase.seconds > 0.0 {
        count((phase.answered as f64 / phase.seconds) as u64)
    } else {
        "–".into()
    }
}
