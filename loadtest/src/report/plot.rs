//! Lines over two axes as SVG that needs nothing else: the pictures of pages and documents.

use std::fmt::Write;

use super::text::{self, escaped};

/// Sizes in pixels.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 336.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 46.0;
/// Of a line of the legend, and how wide a letter of it is at most.
const LEGEND: f64 = 20.0;
const LETTER: f64 = 7.2;
/// Lines differ in colour and in dashes, for those who do not see colours.
const DASHES: [&str; 6] = ["", "7 4", "2 3", "9 3 2 3", "4 2", "1 4"];
/// As many kinds of lines as the style has colours.
pub(super) const KINDS: usize = 6;

/// The colours, light and dark, that pages and pictures share.
pub(crate) const STYLE: &str = include_str!("plot.css");

/// How values become places.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    scale: Scale,
    ticks: Vec<(f64, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Linear,
    Logarithmic,
    /// Percentiles, each next nine as wide as the one before.
    Nines,
}

impl Axis {
    /// From 0 to the greatest of `values`.
    pub(crate) fn linear(values: impl IntoIterator<Item = f64>, label: fn(f64) -> String) -> Axis {
        let high = values
            .into_iter()
            .filter(|value| value.is_finite())
            .fold(0.0, f64::max);
        let high = if high > 0.0 { high } else { 1.0 };
        let step = step(high / 5.0);
        let count = (high / step).ceil() as u32;
        Axis {
            low: 0.0,
            high: step * f64::from(count),
            scale: Scale::Linear,
            ticks: (0..=count)
                .map(|nth| step * f64::from(nth))
                .map(|value| (value, label(value)))
                .collect(),
        }
    }

    /// Around `values` above 0, at least a decade.
    pub(crate) fn logarithmic(values: impl IntoIterator<Item = f64>, label: fn(f64) -> String) -> Axis {
        let (low, high) = values
            .into_iter()
            .filter(|value| value.is_finite() && *value > 0.0)
            .fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        let (low, high) = if low.is_finite() { (low, high) } else { (1.0, 10.0) };
        let first = low.log10().floor();
        let last = high.log10().ceil().max(first + 1.0);
        let decades = (last - first) as i32;
        // Few decades have room for more labels.
        let within: &[f64] = if decades <= 3 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let mut ticks = Vec::new();
        for decade in 0..=decades {
            for part in within {
                let value = part * 10_f64.powf(first + f64::from(decade));
                if value <= 10_f64.powf(last) * 1.001 {
                    ticks.push((value, label(value)));
                }
            }
        }
        Axis {
            low: 10_f64.powf(first),
            high: 10_f64.powf(last),
            scale: Scale::Logarithmic,
            ticks,
        }
    }

    /// Percentiles up to the greatest of `values` that is not the last one.
    pub(crate) fn nines(values: impl IntoIterator<Item = f64>) -> Axis {
        let high = values
            .into_iter()
            .map(nines)
            .filter(|nines| nines.is_finite())
            .fold(2.0, f64::max);
        let label = |count: u32| match count {
            0 => "0 %".to_owned(),
            1 => "90 %".to_owned(),
            2 => "99 %".to_owned(),
            more => format!("99.{} %", "9".repeat(more as usize - 2)),
        };
        let ticks = (0..=high.floor() as u32)
            .map(|count| (100.0 - 10_f64.powi(2 - count as i32), label(count)))
            .collect();
        Axis {
            low: 0.0,
            high,
            scale: Scale::Nines,
            ticks,
        }
    }

    /// From 0 to 1; what is off the axis lies at its end.
    fn at(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic => {
                (value.max(self.low).log10() - self.low.log10()) / (self.high.log10() - self.low.log10())
            }
            Scale::Nines => nines(value) / self.high,
        };
        if share.is_nan() {
            0.0
        } else {
            share.clamp(0.0, 1.0)
        }
    }
}

/// 90 % is 1, 99 % is 2, and so on; 100 % is infinite.
fn nines(percentile: f64) -> f64 {
    -(1.0 - percentile / 100.0).max(0.0).log10()
}

/// The 1, 2 or 5 that is no less than `least`.
fn step(least: f64) -> f64 {
    let decade = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|part| part * decade)
        .find(|step| *step >= least * 0.999)
        .unwrap_or(decade)
}

/// One line.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// A picture.
#[derive(Debug, Clone)]
pub(crate) struct Plot {
    /// Distinct within a page.
    pub(crate) id: String,
    pub(crate) title: String,
    /// What one sees, in words.
    pub(crate) description: String,
    pub(crate) x_label: String,
    pub(crate) y_label: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
    /// Where something happened, and what.
    pub(crate) marks: Vec<(f64, String)>,
    /// Whether points are marked, where there are few.
    pub(crate) has_dots: bool,
}

impl Plot {
    /// The picture; with its style in it where it stands alone, in a file of its own.
    pub(crate) fn svg(&self, stands_alone: bool) -> String {
        let rows = self.legend_rows();
        let height = HEIGHT + rows as f64 * LEGEND;
        let mut out = String::new();
        let id = escaped(&self.id);
        let _ = write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-labelledby=\"{id}-t {id}-d\" class=\"plot\"><title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>",
            escaped(&self.title),
            escaped(&self.description)
        );
        if stands_alone {
            let _ = write!(
                out,
                "<style>{STYLE}</style><rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>"
            );
        }
        self.legend(&mut out);
        let _ = write!(out, "<g transform=\"translate(0 {})\">", rows as f64 * LEGEND);
        self.axes(&mut out);
        self.marks(&mut out);
        self.lines(&mut out);
        out.push_str("</g></svg>");
        out
    }

    /// Names by rows, as many in each as there is room for.
    fn legend_places(&self) -> Vec<(usize, f64)> {
        let (mut row, mut x) = (0, LEFT);
        self.series
            .iter()
            .map(|series| {
                let width = 44.0 + LETTER * series.name.chars().count() as f64;
                if x > LEFT && x + width > WIDTH - RIGHT {
                    (row, x) = (row + 1, LEFT);
                }
                let place = (row, x);
                x += width;
                place
            })
            .collect()
    }

    fn legend_rows(&self) -> usize {
        self.legend_places().last().map_or(0, |(row, _)| row + 1)
    }

    fn legend(&self, out: &mut String) {
        for (nth, (series, (row, x))) in self.series.iter().zip(self.legend_places()).enumerate() {
            let y = 14.0 + row as f64 * LEGEND;
            let _ = write!(
                out,
                "<line class=\"line k{}\" stroke-dasharray=\"{}\" x1=\"{x:.1}\" x2=\"{:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
                nth % KINDS,
                DASHES[nth % DASHES.len()],
                x + 24.0,
                y - 4.0,
                y - 4.0,
                x + 30.0,
                escaped(&series.name)
            );
        }
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + self.x.at(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.at(value) * (HEIGHT - TOP - BOTTOM)
    }

    fn axes(&self, out: &mut String) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for (value, label) in &self.y.ticks {
            let y = self.y(*value);
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick\" text-anchor=\"end\" x=\"{}\" y=\"{:.1}\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                escaped(label)
            );
        }
        for (value, label) in &self.x.ticks {
            let x = self.x(*value);
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
                 <text class=\"tick\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{}\">{}</text>",
                bottom + 18.0,
                escaped(label)
            );
        }
        let _ = write!(
            out,
            "<text class=\"label\" text-anchor=\"end\" x=\"{right}\" y=\"{}\">{}</text>\
             <text class=\"label\" x=\"6\" y=\"{}\">{}</text>",
            HEIGHT - 8.0,
            escaped(&self.x_label),
            TOP - 16.0,
            escaped(&self.y_label)
        );
    }

    fn marks(&self, out: &mut String) {
        let bottom = HEIGHT - BOTTOM;
        for (nth, (at, label)) in self.marks.iter().enumerate() {
            let x = self.x(*at);
            let y = TOP + 12.0 + (nth % 4) as f64 * 14.0;
            // Near the right end the words stand in front of the line.
            let is_far = x > WIDTH * 0.75;
            let (anchor, beside) = if is_far {
                ("end", x - 4.0)
            } else {
                ("start", x + 4.0)
            };
            let _ = write!(
                out,
                "<line class=\"mark\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
                 <text class=\"event\" text-anchor=\"{anchor}\" x=\"{beside:.1}\" y=\"{y:.1}\">{}</text>",
                escaped(label)
            );
        }
    }

    fn lines(&self, out: &mut String) {
        for (nth, series) in self.series.iter().enumerate() {
            let kind = nth % KINDS;
            let points: Vec<(f64, f64)> = series
                .points
                .iter()
                .filter(|(x, y)| x.is_finite() && y.is_finite())
                .map(|(x, y)| (self.x(*x), self.y(*y)))
                .collect();
            let places: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let _ = write!(
                out,
                "<polyline class=\"line k{kind}\" stroke-dasharray=\"{}\" points=\"{}\"/>",
                DASHES[nth % DASHES.len()],
                places.join(" ")
            );
            if self.has_dots {
                for (x, y) in points {
                    let _ = write!(
                        out,
                        "<circle class=\"dot d{kind}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>"
                    );
                }
            }
        }
    }
}

/// Times on an axis.
pub(crate) fn times(nanos: f64) -> String {
    text::time(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(series: Vec<Series>) -> Plot {
        let points = || series.iter().flat_map(|series| series.points.clone());
        Plot {
            id: "p".into(),
            title: "<a>".into(),
            description: "\"b\" & c".into(),
            x_label: "x".into(),
            y_label: "y".into(),
            x: Axis::nines(points().map(|point| point.0)),
            y: Axis::logarithmic(points().map(|point| point.1), times),
            marks: vec![(99.0, "<swap>".into())],
            has_dots: true,
            series,
        }
    }

    #[test]
    fn a_picture_is_well_formed_whatever_it_shows() {
        let several = (0..9)
            .map(|nth| Series {
                name: format!("<{nth}> & co of a long name"),
                points: vec![(0.0, 1e4), (99.999, 5e6), (100.0, f64::NAN)],
            })
            .collect();
        for series in [
            Vec::new(),
            vec![Series {
                name: String::new(),
                points: Vec::new(),
            }],
            several,
        ] {
            let count = series.len();
            let svg = plot(series).svg(true);
            let parsed = roxmltree::Document::parse(&svg).unwrap();
            let lines = parsed
                .descendants()
                .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "polyline")));
            assert_eq!(lines.count(), count);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn axes_have_their_values_where_they_belong() {
        let nines = Axis::nines([0.0, 99.9, 100.0]);
        assert!((nines.at(90.0) - 1.0 / 3.0).abs() < 1e-6 && (nines.at(100.0) - 1.0).abs() < 1e-9);
        assert_eq!(
            nines.ticks.iter().map(|tick| tick.1.as_str()).collect::<Vec<_>>(),
            ["0 %", "90 %", "99 %", "99.9 %"]
        );
        let logarithmic = Axis::logarithmic([20.0, 3000.0], times);
        assert!((logarithmic.at(10.0)).abs() < 1e-9 && (logarithmic.at(1e4) - 1.0).abs() < 1e-9);
        let linear = Axis::linear([0.4, 11.0], text::short);
        assert_eq!(linear.ticks.last().map(|tick| tick.1.as_str()), Some("15"));
    }
}
