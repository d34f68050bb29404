//! The metrics that a server shows, read strictly, against the page that documents them.

use std::collections::{BTreeMap, BTreeSet};

use crate::site::Site;
use crate::wire::get;

/// What a scrape says: each metric's kind.
fn read(text: &str) -> Result<BTreeMap<String, String>, String> {
    if !text.ends_with('\n') {
        return Err("no line feed at the end".to_owned());
    }
    let mut kinds: BTreeMap<String, String> = BTreeMap::new();
    let mut helped = String::new();
    let mut current = String::new();
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        let wrong = |why: &str| Err(format!("{line}: {why}"));
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
            if help.trim().is_empty() {
                return wrong("no help");
            }
            helped = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let Some((name, kind)) = rest.split_once(' ') else {
                return wrong("no kind");
            };
            if helped != name {
                return wrong("no help above it");
            }
            if !["counter", "gauge", "histogram"].contains(&kind) {
                return wrong("an unknown kind");
            }
            if kinds.insert(name.to_owned(), kind.to_owned()).is_some() {
                return wrong("twice");
            }
            current = name.to_owned();
        } else {
            let Some((series, value)) = line.rsplit_once(' ') else {
                return wrong("no value");
            };
            if value.parse::<f64>().is_err() {
                return wrong("a value that is no number");
            }
            let (name, labels) = series
                .split_once('{')
                .map_or((series, None), |(name, rest)| (name, Some(rest)));
            if !seen.insert(series) {
                return wrong("a series twice");
            }
            if let Some(labels) = labels {
                read_labels(labels).map_err(|why| format!("{line}: {why}"))?;
            }
            let of = match kinds.get(&current).map(String::as_str) {
                Some("histogram") => ["_bucket", "_sum", "_count"]
                    .iter()
                    .find_map(|ending| name.strip_suffix(ending))
                    .unwrap_or_default(),
                _ => name,
            };
            if of != current {
                return wrong("a sample under another metric");
            }
        }
    }
    Ok(kinds)
}

/// Reads `key="value",…}`.
fn read_labels(mut rest: &str) -> Result<(), String> {
    loop {
        let (key, value) = rest.split_once("=\"").ok_or("a label without a value")?;
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            return Err(format!("a label called {key:?}"));
        }
        let mut escaped = false;
        let end = value.find(|c: char| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        rest = &value[end.ok_or("a label without an end")? + 1..];
        if rest == "}" {
            return Ok(());
        }
        rest = rest.strip_prefix(',').ok_or("something behind a label")?;
    }
}

/// The metrics that the page documents, with their kinds: the first two columns of its tables.
fn documented() -> BTreeMap<String, String> {
    let page = include_str!("../../docs/metrics.md");
    let rows = page.lines().filter_map(|line| {
        let mut columns = line.strip_prefix("| `ringside_")?.split('|');
        let name = columns.next()?.trim().trim_end_matches('`');
        // Labels stand behind the name.
        let name = name.split(['{', '`']).next()?;
        Some((format!("ringside_{name}"), columns.next()?.trim().to_owned()))
    });
    rows.collect()
}

#[test]
fn every_metric_is_documented_and_every_documented_one_is_there() {
    let feed = "[feed.main]\nkind = 'file'\npath = '/nowhere/changes.ndjson'\n\
                [system_of_record]\nkind = 'file'\nfile.path = '/nowhere/told.ndjson'\n";
    let site = Site::new(feed);
    let running = site.serve();
    get(running.address("main").unwrap(), "/v1/lookup?ani=1&dnis=2");
    let scraped = read(&get(running.admin_address(), "/metrics").body).unwrap();
    assert_eq!(
        scraped,
        documented(),
        "shown by a server (left), docs/metrics.md (right)"
    );
    running.drain();
}

#[test]
fn the_reader_is_strict() {
    let good =
        "# HELP a_total Help.\n# TYPE a_total counter\na_total{b=\"c\\\"}\",d=\"\"} 1\na_total{b=\"x\"} 2\n";
    assert_eq!(read(good).unwrap()["a_total"], "counter");
    for (from, to) in [
        (" Help.", ""),
        ("# TYPE a_total counter\n", ""),
        ("counter", "summary"),
        ("# HELP a_total", "# HELP b_total"),
        ("} 1", "} one"),
        ("{b=\"x\"}", "{b=x}"),
        ("{b=\"x\"}", "{b=\"x\"} {"),
        ("a_total{b=\"x\"}", "b_total"),
        ("a_total{b=\"x\"} 2\n", "a_total{b=\"x\"} 2"),
        ("a_total{b=\"x\"} 2", "a_total{b=\"x\"} 2\na_total{b=\"x\"} 2"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        assert!(read(&bad).is_err(), "{bad}");
    }
}
