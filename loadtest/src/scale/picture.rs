//! The curve as a picture: times above, bytes below, over the same axis.

use super::Point;
use crate::report::plot::{Axis, Plot, STYLE, Series, times};
use crate::report::text::{magnitude, short, time};

/// Heights of the two pictures and their titles, and the width of both.
const WIDTH: u32 = 760;
const TITLE: u32 = 34;
const PANEL: u32 = 370;

/// The picture of `points` as a file of its own.
pub(super) fn svg(points: &[Point]) -> String {
    let (times, bytes) = (times_of(points), bytes_of(points));
    let height = 2 * (TITLE + PANEL);
    let described = match (points.first(), points.last()) {
        (Some(first), Some(last)) => format!(
            "From {} to {} numbers a hit goes from {} to {}, two dependent reads from {} to {}; the number index stays at {} to {} bytes a number.",
            magnitude(first.numbers as f64),
            magnitude(last.numbers as f64),
            time(first.hit_ns),
            time(last.hit_ns),
            time(first.reads_ns),
            time(last.reads_ns),
            short(least(points)),
            short(greatest(points))
        ),
        _ => "Nothing was measured.".to_owned(),
    };
    let panel = |plot: &Plot, nth: u32| {
        format!(
            "<text class=\"title\" x=\"6\" y=\"{}\">{}</text><svg x=\"0\" y=\"{}\" width=\"{WIDTH}\" height=\"{PANEL}\">{}</svg>",
            nth * (TITLE + PANEL) + 22,
            plot.title,
            nth * (TITLE + PANEL) + TITLE,
            plot.svg(false)
        )
    };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"scale-t scale-d\">\
         <title id=\"scale-t\">What a lookup costs, and its bytes, by how many numbers there are</title><desc id=\"scale-d\">{described}</desc>\
         <style>{STYLE}svg .title {{ font-size: 15px; font-weight: 600; }}</style><rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>{}{}</svg>\n",
        panel(&times, 0),
        panel(&bytes, 1)
    )
}

fn of(name: &str, points: &[Point], value: fn(&Point) -> f64) -> Series {
    Series {
        name: name.into(),
        points: points
            .iter()
            .map(|point| (point.numbers as f64, value(point)))
            .collect(),
    }
}

fn plot(id: &str, title: &str, y_label: &str, y: Axis, points: &[Point], series: Vec<Series>) -> Plot {
    Plot {
        id: id.into(),
        title: title.into(),
        description: series.iter().map(described).collect::<Vec<_>>().join("; "),
        x_label: "numbers".into(),
        y_label: y_label.into(),
        x: Axis::logarithmic(points.iter().map(|point| point.numbers as f64), magnitude),
        y,
        series,
        marks: Vec::new(),
        has_dots: true,
    }
}

fn described(series: &Series) -> String {
    let points: Vec<String> = series
        .points
        .iter()
        .map(|(numbers, value)| format!("{} at {}", short(*value), magnitude(*numbers)))
        .collect();
    format!("{}: {}", series.name, points.join(", "))
}

fn times_of(points: &[Point]) -> Plot {
    let series = vec![
        of("hit, verified", points, |point| point.hit_ns),
        of("two dependent reads", points, |point| point.reads_ns),
        of("miss", points, |point| point.miss_ns),
    ];
    let values = series
        .iter()
        .flat_map(|series| series.points.iter().map(|point| point.1));
    let y = Axis::linear(values, times);
    plot(
        "times",
        "Time of a lookup, each depending on the last one",
        "time",
        y,
        points,
        series,
    )
}

fn bytes_of(points: &[Point]) -> Plot {
    let series = vec![
        of("number index, a number", points, |point| point.number_index_bytes),
        of("id index, a customer", points, |point| point.id_index_bytes),
    ];
    let values = series
        .iter()
        .flat_map(|series| series.points.iter().map(|point| point.1));
    let y = Axis::linear(values, short);
    plot("bytes", "Bytes of the indexes", "bytes", y, points, series)
}

fn least(points: &[Point]) -> f64 {
    points
        .iter()
        .map(|point| point.number_index_bytes)
        .fold(f64::INFINITY, f64::min)
}

fn greatest(points: &[Point]) -> f64 {
    points
        .iter()
        .map(|point| point.number_index_bytes)
        .fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_well_formed_and_tells_its_figures_in_words() {
        let point = |numbers: u64, hit_ns| Point {
            numbers,
            customers: numbers,
            hit_ns,
            miss_ns: hit_ns / 3.0,
            reads_ns: hit_ns / 1.2,
            hit_beside_reads: [1.2; 3],
            miss_beside_hit: [0.3; 3],
            number_index_bytes: 10.96,
            id_index_bytes: 7.53,
            file_bytes: 220.0,
        };
        for points in [
            vec![],
            vec![point(10_000, 90.0)],
            vec![point(10_000, 90.0), point(50_000_000, 668.0)],
        ] {
            let svg = svg(&points);
            let parsed = roxmltree::Document::parse(&svg).unwrap();
            let dots = parsed
                .descendants()
                .filter(|node| node.tag_name().name() == "circle")
                .count();
            assert_eq!(dots, points.len() * 5);
            assert!(points.is_empty() || svg.contains("668 ns") || svg.contains("90 ns"));
        }
    }
}
