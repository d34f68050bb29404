//! What differs between two configurations, key by key, and what a running service makes of it.

use super::tree::{Content, Node};

/// What a running service does about a changed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uptake {
    /// Takes it up with the next request, line or change.
    Live,
    /// Takes it up for numbers and ids that are read from now on; those stored before were read under the old rules.
    Numbers,
    /// Goes on with the old value until it is restarted.
    Restart,
}

/// A key whose value differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its full path; of a listener or feed that is new or gone, that one's.
    pub key: String,
    /// What becomes of it.
    pub uptake: Uptake,
}

/// Every key, `*` for a name of the user's choice. A key that is missing here needs a restart.
const UPTAKE: [(&str, Uptake); 100] = [
    ("admin.address", Uptake::Restart),
    ("admin.connections_max", Uptake::Restart),
    ("admin.keys", Uptake::Live),
    ("admin.sources", Uptake::Live),
    ("answers.matches_max", Uptake::Live),
    ("answers.require_attestation", Uptake::Live),
    ("answers.stale_after_s", Uptake::Live),
    ("calls.**", Uptake::Restart),
    ("customer.cases", Uptake::Live),
    ("customer.id_attributes", Uptake::Numbers),
    ("customer.interactions", Uptake::Live),
    ("customer.parked_max", Uptake::Live),
    ("data.dir", Uptake::Restart),
    ("data.erase_within_s", Uptake::Restart),
    ("data.generations_kept", Uptake::Restart),
    ("data.log_max_mib", Uptake::Restart),
    ("data.overlay_max_mib", Uptake::Restart),
    ("data.rejects_max_mib", Uptake::Restart),
    ("data.scrub_interval_s", Uptake::Restart),
    ("desks.**", Uptake::Restart),
    ("dialect.**", Uptake::Live),
    ("feed.*.numbers.*", Uptake::Numbers),
    ("feed.**", Uptake::Restart),
    ("guard.ignore_below", Uptake::Live),
    ("guard.max_percent", Uptake::Live),
    ("guard.window_s", Uptake::Live),
    ("ha.**", Uptake::Restart),
    ("http.batch_max", Uptake::Live),
    ("http.bodies_max_mib", Uptake::Restart),
    ("http.body_max_bytes", Uptake::Restart),
    ("http.body_timeout_s", Uptake::Restart),
    ("http.connections_max", Uptake::Restart),
    ("http.connections_per_peer_max", Uptake::Restart),
    ("http.drain_s", Uptake::Restart),
    ("http.head_max_bytes", Uptake::Restart),
    ("http.head_timeout_s", Uptake::Restart),
    ("http.headers_max", Uptake::Restart),
    ("http.idle_timeout_s", Uptake::Restart),
    ("http.overload_after_ms", Uptake::Restart),
    ("http.uri_max_bytes", Uptake::Restart),
    ("http.workers", Uptake::Restart),
    ("http.write_timeout_s", Uptake::Restart),
    ("import.memory_mib", Uptake::Restart),
    ("interactions.recorder", Uptake::Restart),
    ("keys.file", Uptake::Restart),
    ("listener.*", Uptake::Restart),
    ("listener.*.address", Uptake::Restart),
    ("listener.*.dialect_sources.**", Uptake::Live),
    ("listener.*.dialect_numbers.**", Uptake::Live),
    ("listener.*.dialects", Uptake::Live),
    ("listener.*.enabled", Uptake::Restart),
    ("listener.*.key_in_query", Uptake::Live),
    ("listener.*.keys", Uptake::Live),
    ("listener.*.mode", Uptake::Live),
    ("listener.*.numbers.*", Uptake::Live),
    ("listener.*.region", Uptake::Live),
    ("listener.*.scopes", Uptake::Live),
    ("listener.*.shadow.*", Uptake::Live),
    ("listener.*.sources", Uptake::Live),
    ("listener.*.tls.certificate", Uptake::Live),
    ("listener.*.tls.client_ca", Uptake::Live),
    ("listener.*.tls.key", Uptake::Live),
    ("listener.*.unix", Uptake::Restart),
    ("log.format", Uptake::Restart),
    ("log.level", Uptake::Live),
    ("metrics.dnis", Uptake::Live),
    ("numbers.aliases", Uptake::Numbers),
    ("numbers.allow_invalid", Uptake::Numbers),
    ("numbers.area_code", Uptake::Numbers),
    ("numbers.default_region", Uptake::Numbers),
    ("numbers.double_zero_is_plus", Uptake::Numbers),
    ("numbers.emergency_numbers", Uptake::Numbers),
    ("numbers.extension_lengths", Uptake::Numbers),
    ("numbers.extension_ranges", Uptake::Numbers),
    ("numbers.mode", Uptake::Numbers),
    ("numbers.outside_line_prefixes", Uptake::Numbers),
    // A customer may list one; only lookups of it end differently.
    ("numbers.own_numbers", Uptake::Live),
    ("numbers.own_ranges", Uptake::Live),
    ("numbers.shared_lines", Uptake::Live),
    ("numbers.withheld_numbers", Uptake::Numbers),
    ("numbers.withheld_words", Uptake::Numbers),
    ("phones.mode", Uptake::Live),
    ("phones.on_conflict", Uptake::Live),
    ("phones.owner", Uptake::Live),
    ("phones.shared_above", Uptake::Live),
    // Taken up at once, as far as what is stored allows: the next merge or import writes what it takes.
    ("phones.suffix_digits", Uptake::Live),
    ("profile.**", Uptake::Live),
    ("relay.**", Uptake::Restart),
    ("sanity.ignore_below", Uptake::Live),
    ("sanity.moved_max_percent", Uptake::Live),
    ("sanity.refused_max_percent", Uptake::Live),
    ("sanity.schema_removals", Uptake::Live),
    ("sanity.vanished_max_percent", Uptake::Live),
    ("snapshots.**", Uptake::Restart),
    ("system_of_record.**", Uptake::Restart),
    ("search.at_once_max", Uptake::Live),
    ("search.budget_ms", Uptake::Live),
    ("search.page_max", Uptake::Live),
    ("search.scan_max", Uptake::Live),
    ("treatment", Uptake::Live),
];

/// The keys at which `newer` differs from `older`, in the order of their names. A list is one value.
pub(super) fn changes(older: &Node, newer: &Node) -> Vec<Change> {
    let mut keys = Vec::new();
    differing("", Some(older), Some(newer), &mut keys);
    let change = |key: String| Change {
        uptake: uptake(&key).unwrap_or(Uptake::Restart),
        key,
    };
    keys.into_iter().map(change).collect()
}

fn differing(path: &str, older: Option<&Node>, newer: Option<&Node>, keys: &mut Vec<String>) {
    let tables = older.and_then(Node::table).zip(newer.and_then(Node::table));
    if let Some((under, over)) = tables {
        let mut names: Vec<&String> = under.keys().chain(over.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            differing(&path, under.get(name), over.get(name), keys);
        }
    } else if !matches!((older, newer), (Some(older), Some(newer)) if is_same(older, newer)) {
        keys.push(path.to_owned());
    }
}

/// Whether two nodes hold the same, whoever gave it.
fn is_same(one: &Node, other: &Node) -> bool {
    match (&one.content, &other.content) {
        (Content::Table(one), Content::Table(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|((key, one), (name, other))| key == name && is_same(one, other))
        }
        (Content::Array(one), Content::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (one, other) => one == other,
    }
}

/// What becomes of `key`; `None` where nobody has decided.
fn uptake(key: &str) -> Option<Uptake> {
    let entry = UPTAKE.iter().find(|(pattern, _)| fits(pattern, key));
    entry.map(|(_, uptake)| *uptake)
}

/// Whether `pattern` means `key`: a `*` stands for one step, and a `**` at the end for one or more.
fn fits(pattern: &str, key: &str) -> bool {
    let mut key = key.split('.');
    for step in pattern.split('.') {
        match key.next() {
            Some(_) if step == "**" => return true,
            Some(found) if step == "*" || step == found => {}
            _ => return false,
        }
    }
    key.next().is_none()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use std::path::Path;

    use super::super::DEFAULTS;
    use super::*;

    fn leaves(path: &str, node: &Node, keys: &mut Vec<String>) {
        let Some(table) = node.table() else {
            return keys.push(path.to_owned());
        };
        for (name, node) in table {
            let dot = if path.is_empty() { "" } else { "." };
            leaves(&format!("{path}{dot}{name}"), node, keys);
        }
    }

    #[test]
    fn somebody_has_decided_for_every_key_and_for_none_that_there_is_not() {
        let defaults = Node::parse(DEFAULTS, None).unwrap();
        let mut keys = vec![
            "listener.new".to_owned(),
            "feed.new".to_owned(),
            "listener.new.dialect_sources.native".to_owned(),
            "listener.new.dialect_numbers.native".to_owned(),
            "listener.new.dialect_numbers.native.mode".to_owned(),
            "listener.new.numbers.mode".to_owned(),
            "dialect.new.numbers.mode".to_owned(),
            "feed.new.numbers.mode".to_owned(),
        ];
        leaves("", &defaults, &mut keys);
        let undecided: Vec<&String> = keys.iter().filter(|key| uptake(key).is_none()).collect();
        assert!(
            undecided.is_empty(),
            "say in UPTAKE what becomes of {undecided:?} on a reload"
        );
        for (pattern, _) in UPTAKE {
            let is_used = keys.iter().any(|key| fits(pattern, key));
            assert!(is_used, "UPTAKE names {pattern}, which is no more");
        }
        assert_eq!(uptake("http"), None);
        assert_eq!(uptake("listener.main.mode.x"), None);
    }

    #[test]
    fn what_differs_is_told_key_by_key_whoever_gave_it() {
        let older = Node::parse(
            "a = 1\n[log]\nlevel = 'info'\n[listener.x]\nmode = 'auto'\nunix = ''",
            None,
        );
        let newer =
            "[listener.x]\nunix = '/y'\nmode = \"auto\"\n[listener.z]\nunix = '/z'\n[log]\nlevel = 'warn'";
        let newer = Node::parse(newer, Some(Path::new("x.toml")));
        let (older, newer) = (older.unwrap(), newer.unwrap());
        let told = |older, newer| -> Vec<(String, Uptake)> {
            let told = changes(older, newer).into_iter();
            told.map(|change| (change.key, change.uptake)).collect()
        };
        assert_eq!(
            told(&older, &newer),
            [
                ("a".to_owned(), Uptake::Restart),
                ("listener.x.unix".to_owned(), Uptake::Restart),
                ("listener.z".to_owned(), Uptake::Restart),
                ("log.level".to_owned(), Uptake::Live),
            ]
        );
        assert_eq!(told(&newer, &newer), []);
        let one = Node::parse("[[treatment]]\nqueue = 'a'", None).unwrap();
        let same = Node::parse("treatment = [{queue = 'a'}]", Some(Path::new("x.toml"))).unwrap();
        let other = Node::parse("treatment = [{queue = 'b'}]", None).unwrap();
        assert_eq!(told(&one, &same), []);
        assert_eq!(told(&one, &other), [("treatment".to_owned(), Uptake::Live)]);
    }
}
