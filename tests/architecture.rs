//! The rules of the codebase that the compiler does not know: who may use whom, where `unsafe` may stand, how files
//! are named, what tests may not do. The tables at the top are the rules; each check is also shown to fail.

#![allow(clippy::unwrap_used, reason = "what cannot be read fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "architecture/source.rs"]
mod source;

use source::{tokens, used_modules};

/// The modules, line by line: a module may use those on lines below its own, and none beside it.
const LINES: [&[&str]; 17] = [
    &["main"],
    &["cli"],
    &["app"],
    &["config"],
    &["http"],
    &["callers", "pop"],
    &["tenant"],
    &["relay"],
    &["feed"],
    &["replica"],
    &["index"],
    &["overlay", "snapshot"],
    &["intake"],
    &["ha"],
    &["number"],
    &["customer"],
    &["durable", "metrics", "telemetry"],
];

/// Modules that use nothing of the crate, and why.
const ALONE: [(&str, &str); 1] = [("number", "is to become a crate of its own")];

/// Files that may contain `unsafe`, and why. Each place has a `// SAFETY:` above it.
const UNSAFE: [(&str, &str); 4] = [
    (
        "benches/baselines/src/stores.rs",
        "LMDB maps its file: another process could change it behind the map",
    ),
    (
        "loadtest/src/allocations.rs",
        "an allocator that counts, for row 3: the trait of allocators is unsafe",
    ),
    (
        "src/snapshot/map.rs",
        "mapping a file: another process could change it behind the map; and an instruction that takes a pointer",
    ),
    (
        "tests/allocations.rs",
        "an allocator that counts: the trait of allocators is unsafe",
    ),
];

/// Names that say nothing of what is in a file.
const EMPTY_NAMES: [&str; 4] = ["utils", "helpers", "misc", "common"];
const MOST_LINES: usize = 500;

/// How paths of one person's machine begin; documents that name them are of no use elsewhere.
const PRIVATE_PATHS: [&str; 2] = ["/home/", "/Users/"];

#[test]
fn modules_use_only_what_is_below_them() {
    let mut modules = BTreeSet::new();
    let mut broken = Vec::new();
    for (path, text) in sources(&["src"]) {
        let Some(module) = module_path(&path) else {
            continue;
        };
        modules.insert(module[0].clone());
        broken.extend(forbidden_uses(&path, &text));
    }
    assert!(
        modules.contains("customer"),
        "the scan found no modules: {modules:?}"
    );
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn unsafe_stands_only_where_it_is_allowed_and_explained() {
    let mut found = BTreeSet::new();
    let mut unexplained = Vec::new();
    for (path, text) in sources(&["src", "tests", "benches", "loadtest"]) {
        let lines = unsafe_lines(&text);
        if !lines.is_empty() {
            found.insert(path.clone());
        }
        unexplained.extend(
            lines
                .iter()
                .filter(|line| !is_explained(&text, **line))
                .map(|line| format!("{path}:{line}")),
        );
    }
    let allowed: BTreeSet<String> = UNSAFE.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(
        found, allowed,
        "the files with `unsafe` (left) are not those of the list (right)"
    );
    assert_eq!(
        unexplained,
        Vec::<String>::new(),
        "`unsafe` without `// SAFETY:` above it"
    );
}

#[test]
fn files_have_names_that_say_something_and_a_bearable_length() {
    let broken: Vec<String> = sources(&["src", "tests", "benches", "loadtest"])
        .iter()
        .filter_map(|(path, text)| bad_file(path, text.lines().count()))
        .collect();
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn tests_neither_sleep_nor_are_ignored() {
    let broken: Vec<String> = sources(&["src", "tests", "benches", "loadtest"])
        .iter()
        .flat_map(|(path, text)| lazy_tests(path, text))
        .collect();
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn documents_name_no_path_of_one_machine() {
    let mut files = Vec::new();
    for folder in ["docs", "config", "deploy", "src", "loadtest"] {
        walk(&root().join(folder), &mut files);
    }
    let top = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    files.extend(top.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    let texts = files.iter().filter_map(|path| {
        let text = fs::read_to_string(path).ok()?;
        Some((path.clone(), text))
    });
    let broken: Vec<String> = texts
        .flat_map(|(path, text)| {
            let lines = private_paths(&text);
            lines
                .into_iter()
                .map(move |line| format!("{}:{line}", path.display()))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(broken, Vec::<String>::new());
}

// The checks.

/// The top-level modules that `text` uses and may not, as messages.
fn forbidden_uses(path: &str, text: &str) -> Vec<String> {
    let Some(module) = module_path(path) else {
        return Vec::new();
    };
    let own = module[0].as_str();
    let Some(line) = line_of(own) else {
        return vec![format!("{path}: module `{own}` is on no line of LINES")];
    };
    let alone = ALONE.iter().any(|(name, _)| *name == own);
    used_modules(text, module.len())
        .into_iter()
        .filter(|used| used != own)
        .filter(|used| alone || line_of(used).is_none_or(|below| below <= line))
        .map(|used| format!("{path}: `{own}` may not use `{used}`"))
        .collect()
}

/// Lines, from 1, of the word `unsafe`.
fn unsafe_lines(text: &str) -> Vec<usize> {
    tokens(text)
        .into_iter()
        .filter(|token| token.text == "unsafe")
        .map(|token| token.line)
        .collect()
}

/// Whether the comment right above `line` says why that is safe.
fn is_explained(text: &str, line: usize) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines[..line - 1]
        .iter()
        .rev()
        .take_while(|above| above.starts_with("//") || above.starts_with("#["))
        .any(|above| above.starts_with("// SAFETY:"))
}

/// What is wrong with a file of `lines` lines at `path`.
fn bad_file(path: &str, lines: usize) -> Option<String> {
    let mut names = path.trim_end_matches(".rs").split('/');
    if path.ends_with("/mod.rs") {
        Some(format!(
            "{path}: modules name themselves, `x.rs` and not `x/mod.rs`"
        ))
    } else if names.any(|name| EMPTY_NAMES.contains(&name)) {
        Some(format!("{path}: name it after what is in it"))
    } else if lines > MOST_LINES {
        Some(format!(
            "{path}: {lines} lines are more than {MOST_LINES}; a file says one noun"
        ))
    } else {
        None
    }
}

/// Tests that are ignored or sleep.
fn lazy_tests(path: &str, text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let words: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
    let whole =
        !path.starts_with("src/") && !path.starts_with("loadtest/src/") || path.ends_with("/tests.rs");
    // Tests are last in a file, so that all behind the mark is test code.
    let mark = words
        .windows(7)
        .position(|window| window.concat() == "#[cfg(test)]");
    let start = if whole { 0 } else { mark.unwrap_or(words.len()) };
    let ignored = words
        .windows(3)
        .enumerate()
        .filter(|(_, window)| *window == ["#", "[", "ignore"]);
    let asleep = words
        .windows(4)
        .enumerate()
        .skip(start)
        .filter(|(_, window)| matches!(window, ["thread" | "time", ":", ":", "sleep" | "sleep_ms"]));
    ignored
        .map(|(index, _)| (index, "is ignored"))
        .chain(asleep.map(|(index, _)| (index, "sleeps")))
        .map(|(index, what)| format!("{path}:{}: a test {what}", tokens[index].line))
        .collect()
}

/// Lines, from 1, that name a path of one person's machine.
fn private_paths(text: &str) -> Vec<usize> {
    let private = |line: &str| PRIVATE_PATHS.iter().any(|path| line.contains(path));
    text.lines()
        .enumerate()
        .filter(|(_, line)| private(line))
        .map(|(index, _)| index + 1)
        .collect()
}

/// `["feed", "file"]` for `src/feed/file.rs`; none for the library's root, which only declares.
fn module_path(path: &str) -> Option<Vec<String>> {
    let inside = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    (inside != "lib").then(|| inside.split('/').map(str::to_owned).collect())
}

fn line_of(module: &str) -> Option<usize> {
    LINES.iter().position(|line| line.contains(&module))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files below `folders`, by their paths from the root.
fn sources(folders: &[&str]) -> Vec<(String, String)> {
    let mut files = Vec::new();
    folders
        .iter()
        .for_each(|folder| walk(&root().join(folder), &mut files));
    let rust = files
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|path| {
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    })
    .collect()
}

/// Every file below `folder`, which need not exist, but for what is built.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            files.push(path);
        } else if path.file_name().is_some_and(|name| name != "target") {
            walk(&path, files);
        }
    }
    files.sort();
}

mod the_checks_can_fail {
    use super::*;

    #[test]
    fn a_use_upwards_or_beside_is_refused() {
        for (path, text) in [
            ("src/index.rs", "use crate::http::X;"),
            ("src/overlay.rs", "use crate::snapshot::X;"),
            ("src/durable/lock.rs", "use crate::{metrics};"),
            ("src/number/key.rs", "use crate::telemetry::X;"),
            ("src/customer.rs", "use super::number::Key;"),
            ("src/index.rs", "use crate::*;"),
            ("src/index.rs", "mod tests { use crate::app; }"),
            ("src/surprise.rs", ""),
        ] {
            assert_eq!(forbidden_uses(path, text).len(), 1, "{path}: {text}");
        }
        for (path, text) in [
            ("src/main.rs", "use ringside::cli;"),
            (
                "src/index.rs",
                "use crate::{overlay, snapshot, index::View, durable};",
            ),
            (
                "src/number/key.rs",
                "use crate::number::region::Region; use super::plan;",
            ),
            ("src/lib.rs", "pub use crate::app::App;"),
        ] {
            assert_eq!(forbidden_uses(path, text), Vec::<String>::new(), "{path}: {text}");
        }
    }

    #[test]
    fn unsafe_is_found_and_its_explanation_too() {
        let text = "#![deny(unsafe_code)]\n// unsafe\nfn f() {\n    unsafe { g() }\n}\n";
        assert_eq!(unsafe_lines(text), [4]);
        assert!(!is_explained(text, 4));
        let text = "// SAFETY: long\n// enough.\n#[expect(x)]\nunsafe fn f() {}\n\nunsafe fn g() {}";
        assert_eq!(unsafe_lines(text), [4, 6]);
        assert!(is_explained(text, 4) && !is_explained(text, 6));
    }

    #[test]
    fn bad_files_are_told() {
        for (path, lines) in [
            ("src/feed/mod.rs", 1),
            ("src/utils.rs", 1),
            ("src/http/helpers/x.rs", 1),
            ("tests/common.rs", 1),
            ("src/x.rs", 501),
        ] {
            assert!(bad_file(path, lines).is_some(), "{path}");
        }
        assert_eq!(bad_file("src/model.rs", 500), None);
    }

    #[test]
    fn lazy_tests_are_told() {
        for (path, text) in [
            ("src/x.rs", "#[ignore]"),
            ("src/x.rs", "#[ignore = \"slow\"]"),
            (
                "src/x.rs",
                "#[cfg(test)]\nmod tests { fn f() { std::thread::sleep(d); } }",
            ),
            ("src/x/tests.rs", "tokio::time::sleep(d).await"),
            ("tests/x.rs", "thread::sleep(d)"),
            ("loadtest/tests/x.rs", "thread::sleep(d)"),
        ] {
            assert_eq!(lazy_tests(path, text).len(), 1, "{path}: {text}");
        }
        let service = "tokio::time::sleep(d).await;\n#[cfg(test)]\nmod tests { /* thread::sleep */ }";
        assert_eq!(lazy_tests("src/x.rs", service), Vec::<String>::new());
    }

    #[test]
    fn private_paths_are_told() {
        assert_eq!(private_paths("see /Users/x\nnetwork/y\nin /home/ada"), [1, 3]);
    }
}
