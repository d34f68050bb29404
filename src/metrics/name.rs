//! The naming rule.

use super::MetricsError;

/// The layers that measure; `process` stands for what belongs to none.
const LAYERS: [&str; 14] = [
    "http", "shadow", "callers", "pop", "feed", "replica", "index", "overlay", "snapshot", "ha", "number",
    "customer", "config", "process",
];

/// Names that break the rule because dashboards everywhere join by them.
const CUSTOMARY: [&str; 1] = ["ringside_build_info"];

/// What a metric is; its name's ending tells readers the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

impl Kind {
    fn endings(self) -> &'static [&'static str] {
        match self {
            Kind::Counter => &["total"],
            Kind::Gauge => &["bytes", "seconds", "ratio", "count", "info"],
            Kind::Histogram => &["seconds", "bytes"],
        }
    }
}

/// Holds `name` to `ringside_<layer>_<nouns>_<ending>`.
pub(super) fn check(kind: Kind, name: &str) -> Result<(), MetricsError> {
    let broken = |expected: String, found: &str| {
        Err(MetricsError::Name {
            name: name.to_owned(),
            expected,
            found: format!("`{found}`"),
        })
    };
    if CUSTOMARY.contains(&name) {
        return Ok(());
    }
    let parts: Vec<&str> = name.split('_').collect();
    if let Some(part) = parts.iter().find(|part| !is_word(part)) {
        return broken("words of a–z and 0–9, joined by single `_`".to_owned(), part);
    }
    let [first, layer, nouns @ .., ending] = parts.as_slice() else {
        return broken("`ringside_<layer>_<nouns>_<ending>`".to_owned(), name);
    };
    if *first != "ringside" {
        return broken("`ringside` first".to_owned(), first);
    }
    if !LAYERS.contains(layer) {
        return broken(format!("a layer second, one of {}", LAYERS.join(", ")), layer);
    }
    if nouns.is_empty() {
        return broken("a noun between the layer and the ending".to_owned(), name);
    }
    if !kind.endings().contains(ending) {
        return broken(
            format!("the ending of a {kind:?}: {}", kind.endings().join(", ")),
            ending,
        );
    }
    Ok(())
}

fn is_word(part: &str) -> bool {
    part.starts_with(|c: char| c.is_ascii_lowercase())
        && part
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;

    #[test]
    fn names_that_hold_the_rule() {
        check(Kind::Counter, "ringside_replica_changes_applied_total").unwrap();
        check(Kind::Gauge, "ringside_overlay_entries_count").unwrap();
        check(Kind::Gauge, "ringside_ha_role_info").unwrap();
        check(Kind::Histogram, "ringside_index_lookup_seconds").unwrap();
    }

    #[test]
    fn names_that_break_it_and_the_part_that_does() {
        for (kind, name, found) in [
            (Kind::Counter, "ringside_http_answers", "`ringside_http_answers`"),
            (Kind::Counter, "ringside_total", "`ringside_total`"),
            (Kind::Counter, "ringside_http_total", "`ringside_http_total`"),
            (Kind::Counter, "ringside_http_answers_count", "`count`"),
            (Kind::Counter, "other_http_answers_total", "`other`"),
            (Kind::Counter, "ringside_web_answers_total", "`web`"),
            (Kind::Counter, "ringside_http__answers_total", "``"),
            (Kind::Counter, "ringside_http_Answers_total", "`Answers`"),
            (Kind::Counter, "ringside_http_2xx_total", "`2xx`"),
            (Kind::Gauge, "ringside_http_connections_total", "`total`"),
            (Kind::Gauge, "ringside_http_connections_open", "`open`"),
            (
                Kind::Histogram,
                "ringside_http_answer_milliseconds",
                "`milliseconds`",
            ),
            (Kind::Histogram, "ringside_http_answer_count", "`count`"),
            (Kind::Counter, "", "``"),
        ] {
            let error = check(kind, name).unwrap_err();
            let MetricsError::Name { found: part, .. } = &error else {
                unreachable!("{error}")
            };
            assert_eq!(part, found, "{name}");
        }
    }
}
