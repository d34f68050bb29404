//! One run of one scenario against one target: its counts, its curves, and how it went second by second.

use std::fmt::Write;

use super::plot::{Axis, KINDS, Plot, Series, times};
use super::text::{count, escaped, short, time};
use crate::outcome::{Outcome, Phase, Quantiles};

/// Lines of a legend that are still told apart.
const MOST_LINES: usize = KINDS;

pub(super) fn write(out: &mut String, outcome: &Outcome, nth: usize) {
    let _ = writeln!(
        out,
        "<h2>{} at {}</h2>\n<p class=\"faint\">{} customers, {} connections, seed {}. <code>{}</code></p>",
        escaped(&outcome.scenario),
        escaped(&outcome.target),
        count(outcome.customers),
        outcome.connections,
        outcome.seed,
        escaped(&outcome.command)
    );
    if let Some(reason) = &outcome.why_invalid {
        let _ = writeln!(
            out,
            "<p><span class=\"status invalid\">! not valid</span> {}</p>",
            escaped(reason)
        );
    }
    if outcome.phases.is_empty() {
        out.push_str("<p>It has no phase.</p>\n");
        return;
    }
    counts(out, outcome);
    figure(
        out,
        &percentiles(outcome, nth),
        "Latency is from the intended send to the whole answer, lateness from the intended send to \
         the actual one: what of the latency is the generator's own.",
    );
    quantiles(out, outcome);
    figure(
        out,
        &seconds(outcome, nth),
        "Of the requests that were due in a second. Dashed lines: where phases begin, and what happened.",
    );
    second_by_second(out, outcome);
}

fn figure(out: &mut String, plot: &Plot, caption: &str) {
    let _ = writeln!(
        out,
        "<h3>{}</h3>\n<figure>{}<figcaption>{}</figcaption></figure>",
        escaped(&plot.title),
        plot.svg(false),
        escaped(caption)
    );
}

fn head(out: &mut String, columns: &[&str]) {
    out.push_str("<div class=\"wide\"><table><thead><tr>");
    for (nth, column) in columns.iter().enumerate() {
        let class = if nth == 0 { "" } else { "figure" };
        let _ = write!(
            out,
            "<th scope=\"col\" class=\"{class}\">{}</th>",
            escaped(column)
        );
    }
    out.push_str("</tr></thead><tbody>\n");
}

fn cells(out: &mut String, name: &str, figures: &[String]) {
    let _ = write!(out, "<tr><th scope=\"row\">{}</th>", escaped(name));
    for figure in figures {
        let _ = write!(out, "<td class=\"figure\">{}</td>", escaped(figure));
    }
    out.push_str("</tr>\n");
}

fn counts(out: &mut String, outcome: &Outcome) {
    head(
        out,
        &[
            "Phase",
            "Seconds",
            "Offered/s",
            "Sent",
            "Answered",
            "Refused",
            "Failed",
            "Timed out",
            "Checked",
            "Wrong",
        ],
    );
    for phase in &outcome.phases {
        let figures = [
            short(phase.seconds),
            count(phase.offered_per_s.round() as u64),
            count(phase.sent),
            count(phase.answered),
            count(phase.refused),
            count(phase.failed),
            count(phase.timed_out),
            count(phase.checked),
            count(phase.wrong),
        ];
        cells(out, &named(phase), &figures);
    }
    out.push_str("</tbody></table></div>\n");
}

fn named(phase: &Phase) -> String {
    if phase.is_warm_up && phase.name != "warm-up" {
        format!("{} (warm-up)", phase.name)
    } else {
        phase.name.clone()
    }
}

/// The curve of `phase`, or its quantiles where it has none.
pub(super) fn curve(phase: &Phase) -> Vec<(f64, f64)> {
    if phase.curve.is_empty() {
        return by_quantiles(&phase.latency);
    }
    phase
        .curve
        .iter()
        .map(|(percentile, nanos)| (*percentile, *nanos as f64))
        .collect()
}

fn by_quantiles(quantiles: &Quantiles) -> Vec<(f64, f64)> {
    [
        (50.0, quantiles.p50_ns),
        (90.0, quantiles.p90_ns),
        (99.0, quantiles.p99_ns),
        (99.9, quantiles.p999_ns),
    ]
    .map(|(percentile, nanos)| (percentile, nanos as f64))
    .to_vec()
}

fn percentiles(outcome: &Outcome, nth: usize) -> Plot {
    let mut series = Vec::new();
    for phase in outcome.phases.iter().filter(|phase| !phase.is_warm_up) {
        series.push(Series {
            name: format!("{}: latency", phase.name),
            points: curve(phase),
        });
        series.push(Series {
            name: format!("{}: lateness", phase.name),
            points: by_quantiles(&phase.lateness),
        });
    }
    series.truncate(MOST_LINES);
    let points = || series.iter().flat_map(|series| series.points.iter().copied());
    Plot {
        id: format!("percentiles-{nth}"),
        title: "Latency by percentile".into(),
        description: "The latency that a share of the requests did not exceed, by phase, with the generator's own lateness; the table \
                      below has the figures."
            .into(),
        x_label: "percentile of requests".into(),
        y_label: "time".into(),
        x: Axis::nines(points().map(|point| point.0)),
        y: Axis::logarithmic(points().map(|point| point.1), times),
        marks: Vec::new(),
        has_dots: false,
        series,
    }
}

fn quantiles(out: &mut String, outcome: &Outcome) {
    head(out, &["Phase", "mean", "p50", "p90", "p99", "p99.9", "worst"]);
    for phase in &outcome.phases {
        for (what, of) in [("latency", &phase.latency), ("lateness", &phase.lateness)] {
            let nanos = [of.p50_ns, of.p90_ns, of.p99_ns, of.p999_ns, of.max_ns];
            let figures: Vec<String> = std::iter::once(of.mean_ns)
                .chain(nanos.map(|nanos| nanos as f64))
                .map(time)
                .collect();
            cells(out, &format!("{}: {what}", named(phase)), &figures);
        }
    }
    out.push_str("</tbody></table></div>\n");
}

fn seconds(outcome: &Outcome, nth: usize) -> Plot {
    let mut series = ["p50", "p99", "worst"].map(|name| Series {
        name: name.into(),
        points: Vec::new(),
    });
    let mut marks = Vec::new();
    let mut from = 0.0;
    for phase in &outcome.phases {
        if from > 0.0 {
            marks.push((from, named(phase)));
        }
        for (at, event) in &phase.events {
            marks.push((from + at, event.clone()));
        }
        for second in &phase.per_second {
            let at = from + second.at_s as f64;
            let nanos = [second.p50_ns, second.p99_ns, second.max_ns];
            for (series, nanos) in series.iter_mut().zip(nanos) {
                series.points.push((at, nanos as f64));
            }
        }
        from += phase.seconds;
    }
    let points: Vec<(f64, f64)> = series.iter().flat_map(|series| series.points.clone()).collect();
    let happened = if marks.is_empty() {
        "nothing is marked".to_owned()
    } else {
        let told: Vec<String> = marks
            .iter()
            .map(|(at, what)| format!("{what} at {} s", short(*at)))
            .collect();
        told.join(", ")
    };
    Plot {
        id: format!("seconds-{nth}"),
        title: "Latency by second".into(),
        description: format!(
            "Median, p99 and worst latency of each second: {happened}. The table below has the figures."
        ),
        x_label: "seconds since the start".into(),
        y_label: "latency".into(),
        x: Axis::linear(points.iter().map(|point| point.0).chain([from]), short),
        y: Axis::logarithmic(points.iter().map(|point| point.1), times),
        marks,
        has_dots: points.len() < 200,
        series: series.to_vec(),
    }
}

fn second_by_second(out: &mut String, outcome: &Outcome) {
    out.push_str("<details><summary>Second by second, as a table</summary>\n");
    head(
        out,
        &[
            "Second", "Sent", "Answered", "Errors", "p50", "p99", "p99.9", "worst",
        ],
    );
    for phase in &outcome.phases {
        for second in &phase.per_second {
            let nanos = [second.p50_ns, second.p99_ns, second.p999_ns, second.max_ns];
            let figures: Vec<String> = [second.sent, second.answered, second.errors]
                .map(count)
                .into_iter()
                .chain(nanos.map(|nanos| time(nanos as f64)))
                .collect();
            cells(out, &format!("{}: {}", named(phase), second.at_s), &figures);
        }
    }
    out.push_str("</tbody></table></div></details>\n");
}
