//! The table of rows, each with a bar beside its target.

use std::fmt::Write;

use super::text::escaped;
use crate::row::{Row, number};

/// Of a bar, in units of its own.
const WIDTH: f64 = 180.0;
const HEIGHT: f64 = 26.0;
/// Where the target lies on a bar; behind it is room for what misses it.
const TARGET: f64 = 0.5;

pub(super) fn write(out: &mut String, rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    out.push_str(
        "<h2>Rows</h2>\n<div class=\"wide\"><table><caption>A bar is the figure; the dashed line is the most that it may be, the thin line \
         its spread over the pairs.</caption><thead><tr><th scope=\"col\">Row</th><th scope=\"col\">What</th>\
         <th scope=\"col\">Beside its target</th><th scope=\"col\" class=\"figure\">Figure</th>\
         <th scope=\"col\" class=\"figure\">Spread</th><th scope=\"col\" class=\"figure\">Target</th>\
         <th scope=\"col\">Status</th></tr></thead><tbody>\n",
    );
    for row in rows {
        line(out, row, "");
        for part in &row.parts {
            line(out, part, "part");
        }
    }
    out.push_str("</tbody></table></div>\n");
    commands(out, rows);
}

fn line(out: &mut String, row: &Row, class: &str) {
    let is_part = !class.is_empty();
    let id = if is_part {
        String::new()
    } else {
        format!(" id=\"{}\"", anchor(row))
    };
    // A row of parts says each of them below.
    let detail = if row.parts.is_empty() {
        row.detail.as_str()
    } else {
        ""
    };
    let target = if row.target.is_finite() {
        format!("≤ {}", number(row.target))
    } else {
        String::new()
    };
    let spread = row.spread();
    let _ = writeln!(
        out,
        "<tr class=\"{class}\"{id}><th scope=\"row\">{}</th><td>{} <span class=\"faint\">{}</span><span class=\"detail\">{}</span></td>\
         <td>{}</td><td class=\"figure\">{}</td><td class=\"figure\">{spread}</td><td class=\"figure\">{target}</td>\
         <td><span class=\"status {}\">{}</span></td></tr>",
        escaped(&row.row),
        escaped(&row.name),
        escaped(&row.scale),
        escaped(detail),
        bar(row),
        number(row.value),
        row.status,
        words(row.status)
    );
}

/// What links lead to a row by.
pub(super) fn anchor(row: &Row) -> String {
    let letters = row
        .row
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    format!("row-{}", letters.collect::<String>())
}

fn words(status: &str) -> &'static str {
    match status {
        "met" => "✓ met",
        "missed" => "✗ missed",
        "invalid" => "! invalid",
        "not_run" => "– not run",
        _ => "measured",
    }
}

fn bar(row: &Row) -> String {
    let is_drawn = row.value.is_finite() && row.target.is_finite() && row.target > 0.0;
    if !is_drawn {
        return String::new();
    }
    let at = |value: f64| (value / row.target * TARGET).clamp(0.0, 1.0) * WIDTH;
    let class = match row.status {
        known @ ("met" | "missed" | "invalid") => known,
        _ => "idle",
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"bar\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"{} of at most {}\"><rect class=\"track\" x=\"0\" y=\"5\" width=\"{WIDTH}\" height=\"16\"/>\
         <rect class=\"{class}\" x=\"0\" y=\"5\" width=\"{:.1}\" height=\"16\"/>",
        number(row.value),
        number(row.target),
        at(row.value)
    );
    if row.low.is_finite() && row.high.is_finite() && row.high > row.low {
        let _ = write!(
            svg,
            "<line class=\"spread\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"13\" y2=\"13\"/>",
            at(row.low),
            at(row.high)
        );
    }
    let target = TARGET * WIDTH;
    let _ = write!(
        svg,
        "<line class=\"target\" x1=\"{target}\" x2=\"{target}\" y1=\"0\" y2=\"{HEIGHT}\"/></svg>"
    );
    svg
}

fn commands(out: &mut String, rows: &[Row]) {
    let mut commands: Vec<&str> = Vec::new();
    for row in rows.iter().flat_map(|row| std::iter::once(row).chain(&row.parts)) {
        if !row.command.is_empty() && !commands.contains(&row.command.as_str()) {
            commands.push(&row.command);
        }
    }
    if commands.is_empty() {
        return;
    }
    out.push_str("<details><summary>What gives these figures again</summary><ul>");
    for command in commands {
        let _ = write!(out, "<li><code>{}</code></li>", escaped(command));
    }
    out.push_str("</ul></details>\n");
}
