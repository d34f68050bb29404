use roxmltree::{Document, ParsingOptions};

use super::*;
use crate::outcome::{Phase, Quantiles, Second};

const HOSTILE: &str = "</title><script>alert(\"1\")</script>&'\0";

fn quantiles(p50_ns: u64) -> Quantiles {
    Quantiles {
        mean_ns: p50_ns as f64 * 1.2,
        p50_ns,
        p90_ns: p50_ns * 2,
        p99_ns: p50_ns * 4,
        p999_ns: p50_ns * 9,
        max_ns: p50_ns * 40,
    }
}

fn outcome(target: &str) -> Outcome {
    let second = |at_s| Second {
        at_s,
        sent: 1000,
        answered: 999,
        errors: 1,
        p50_ns: 40_000,
        p99_ns: 160_000,
        p999_ns: 400_000,
        max_ns: 1_600_000 + at_s,
    };
    let phase = |name: &str, is_warm_up| Phase {
        name: name.into(),
        is_warm_up,
        seconds: 3.0,
        offered_per_s: 1000.0,
        sent: 3000,
        answered: 2997,
        refused: 1,
        failed: 1,
        timed_out: 1,
        checked: 100,
        wrong: 0,
        latency: quantiles(40_000),
        lateness: quantiles(1500),
        curve: vec![
            (0.0, 20_000),
            (50.0, 40_000),
            (99.0, 160_000),
            (99.99, 900_000),
            (100.0, 1_600_000),
        ],
        per_second: (0..3).map(second).collect(),
        events: vec![(1.2, "swap begins".into())],
    };
    Outcome {
        schema: 1,
        machine: serde_json::json!({"cpu": "A <fast> CPU", "cores": 2, "memory_kib": 25165824, "kernel": "6.18", "taken_at": "2026-11-21T18:00:00Z"}),
        command: "cargo run --release -p loadtest -- load".into(),
        scenario: "steady".into(),
        target: target.into(),
        seed: 7,
        customers: 1_000_000,
        connections: 16,
        phases: vec![phase("warm-up", true), phase("steady", false)],
        is_valid: true,
        why_invalid: None,
    }
}

fn rows() -> Vec<Row> {
    let ratio = crate::pairs::of_pairs(&[(1.1, 1.0), (1.3, 1.0), (1.2, 1.0)]);
    let mut of_feeds = Row::of_figure(("13", "p99"), "2,000 changes".into(), 1.55, 1.0, "…".into());
    of_feeds.parts = vec![
        Row::of_figure(("13-file", "p99"), String::new(), 0.8, 1.0, "file".into()),
        of_feeds.clone(),
    ];
    vec![
        Row::of_ratio(("1", "hit"), "1000000 customers".into(), 3, ratio, 1.3),
        of_feeds,
        Row {
            status: "not_run",
            ..Row::of_figure(("17", "pops"), String::new(), f64::NAN, 1.5, "not built".into())
        },
        Row::of_measure(("log", "bytes"), String::new(), 752.0, String::new()),
    ]
}

/// The page taken apart: tags with what tells them, and what is written between.
fn outline(page: &str) -> String {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(page, options).unwrap();
    let mut lines = String::new();
    for node in document.descendants() {
        let name = node.tag_name().name();
        if [
            "h1",
            "h2",
            "h3",
            "caption",
            "figcaption",
            "desc",
            "summary",
            "strong",
        ]
        .contains(&name)
        {
            let text: String = node
                .descendants()
                .filter_map(|inner| inner.is_text().then(|| inner.text()).flatten())
                .collect();
            lines.push_str(&format!("{name}: {text}\n"));
        } else if name == "tr" {
            let cells: Vec<String> = node
                .children()
                .filter(|cell| cell.is_element())
                .map(|cell| {
                    cell.descendants()
                        .filter_map(|inner| inner.is_text().then(|| inner.text()).flatten())
                        .collect()
                })
                .collect();
            lines.push_str(&format!("| {} |\n", cells.join(" | ")));
        } else if name == "svg" {
            let shapes = node.descendants().filter(|shape| shape.is_element()).count();
            lines.push_str(&format!(
                "svg {} of {shapes}\n",
                node.attribute("class").unwrap_or_default()
            ));
        }
    }
    lines
}

#[test]
fn a_small_page_is_as_it_was() {
    let page = html(&[outcome("ringside-tcp"), outcome("hyper")], &rows());
    assert_eq!(outline(&page), include_str!("golden.txt"), "\n{}", outline(&page));
}

#[test]
fn pages_are_well_formed_whatever_they_are_of() {
    let mut bare = outcome("bare");
    bare.phases.clear();
    let mut empty = outcome("empty");
    for phase in &mut empty.phases {
        *phase = Phase {
            name: phase.name.clone(),
            ..Phase::default()
        };
    }
    let one = outcome("one");
    for outcomes in [
        vec![],
        vec![bare.clone()],
        vec![empty.clone()],
        vec![one.clone()],
        vec![bare, empty, one],
    ] {
        for rows in [vec![], rows()] {
            let page = html(&outcomes, &rows);
            let outline = outline(&page);
            assert!(outline.starts_with("h1: "));
            assert_eq!(
                outline.contains("Nothing was measured"),
                outcomes.is_empty() && rows.is_empty()
            );
            assert!(!page.contains("NaN") && !page.contains("inf\""));
        }
    }
}

#[test]
fn hostile_names_stay_text() {
    let mut hostile = outcome(HOSTILE);
    hostile.scenario = HOSTILE.into();
    hostile.command = HOSTILE.into();
    hostile.is_valid = false;
    hostile.why_invalid = Some(HOSTILE.into());
    hostile.machine = serde_json::json!({"cpu": HOSTILE, "kernel": HOSTILE, "taken_at": HOSTILE});
    for phase in &mut hostile.phases {
        phase.name = HOSTILE.into();
        phase.events = vec![(0.5, HOSTILE.into())];
    }
    let mut row = Row::of_figure(("1", "hit"), HOSTILE.into(), 1.0, 1.3, HOSTILE.into());
    row.name = HOSTILE.into();
    row.row = HOSTILE.into();
    row.command = HOSTILE.into();
    let page = html(&[hostile.clone(), hostile], &[row]);
    assert!(!page.contains("<script") && !page.contains("</title></"));
    assert!(outline(&page).contains("alert(\"1\")"));
}

#[test]
fn a_page_needs_nothing_else() {
    let page = html(&[outcome("ringside-tcp")], &rows());
    for forbidden in ["<script", "src=", "url(", "@import", "<link"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert_eq!(
        page.matches("http").count(),
        page.matches("http://www.w3.org/").count()
    );
}

#[test]
fn pictures_have_words_for_those_who_do_not_see_them() {
    let page = html(&[outcome("a"), outcome("b")], &rows());
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(&page, options).unwrap();
    let mut seen = 0;
    for svg in document
        .descendants()
        .filter(|node| node.tag_name().name() == "svg")
    {
        seen += 1;
        assert_eq!(svg.attribute("role"), Some("img"));
        let ids: Vec<&str> = svg
            .attribute("aria-labelledby")
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let is_labelled = svg.attribute("aria-label").is_some_and(|label| !label.is_empty())
            || !ids.is_empty()
                && ids.iter().all(|id| {
                    document
                        .descendants()
                        .filter(|node| node.attribute("id") == Some(id))
                        .count()
                        == 1
                });
        assert!(is_labelled, "{svg:?}");
    }
    assert!(seen > 6, "{seen}");
}

/// `--name: #rrggbb` of the block of `css` that follows `after`.
fn colours<'a>(css: &'a str, after: &str) -> Vec<(&'a str, [f64; 3])> {
    let block = css.split_once(after).unwrap().1;
    let block = &block[..block.find('}').unwrap()];
    block
        .split(';')
        .filter_map(|line| {
            let (name, value) = line.rsplit_once("--")?.1.split_once(':')?;
            let hex = value.trim().strip_prefix('#')?;
            let part = |at: usize| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            Some((name, [part(0), part(2), part(4)]))
        })
        .collect()
}

/// WCAG 2.1's contrast ratio.
fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let luminance = |colour: [f64; 3]| {
        let linear = colour.map(|part| {
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn everything_can_be_read_light_and_dark() {
    for (css, blocks, grounds, unread) in [
        (
            STYLE,
            [":root {", "dark) { :root {", "print { :root {"],
            &["paper", "band"][..],
            &["rule"][..],
        ),
        (
            plot::STYLE,
            ["svg {", "dark) { svg {", "print { svg {"],
            &["ground"][..],
            &["grid"][..],
        ),
    ] {
        for block in blocks {
            let colours = colours(css, block);
            assert!(colours.len() > 8, "{block}: {colours:?}");
            for ground in colours.iter().filter(|(name, _)| grounds.contains(name)) {
                for ink in colours
                    .iter()
                    .filter(|(name, _)| !grounds.contains(name) && !unread.contains(name))
                {
                    let ratio = contrast(ground.1, ink.1);
                    assert!(ratio >= 4.5, "{block} {} on {}: {ratio:.2}", ink.0, ground.0);
                }
            }
        }
    }
}
