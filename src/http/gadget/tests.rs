#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::collections::BTreeSet;
use std::io::Read;

use flate2::read::GzDecoder;

use super::*;

/// The most that a page may weigh as it is sent, bytes: HTML, CSS and JavaScript together.
const MOST: usize = 60_000;

fn get(path: &str) -> Option<File> {
    file(Asking {
        path,
        ..Asking::default()
    })
}

fn header<'a>(file: &'a File, name: &str) -> Option<&'a str> {
    let found = file.headers.iter().find(|(of, _)| *of == name);
    found.map(|(_, value)| value.as_str())
}

fn text(name: &str) -> &'static str {
    FILES.iter().find(|(path, ..)| *path == name).unwrap().2
}

#[test]
fn comments_stay_at_home() {
    let text = "// why\n/** a\n * b */\n/* c */\n  call('//x'); // kept\n\n  // more\n\tdone /* kept */;\n";
    assert_eq!(told(text), "call('//x'); // kept\ndone /* kept */;\n");
    for (path, content_type, text) in FILES {
        let is_whole = |line: &str| line.matches('`').count().is_multiple_of(2);
        assert!(
            content_type == XML || text.lines().all(is_whole),
            "{path}: a text over several lines"
        );
        let sent = get(&format!("/gadget/{path}")).unwrap();
        assert!(
            path.ends_with(".svg") || content_type == XML || sent.body.len() < text.len(),
            "{path}"
        );
    }
}

/// The modules that `name` loads, and those that they load, but for languages.
fn loaded(name: &'static str, found: &mut BTreeSet<&'static str>) {
    if !found.insert(name) {
        return;
    }
    for (at, _) in text(name).match_indices("from './") {
        let rest = &text(name)[at + "from './".len()..];
        let module = rest.split('\'').next().unwrap();
        loaded(FILES.iter().find(|(path, ..)| *path == module).unwrap().0, found);
    }
}

#[test]
fn every_file_in_the_folder_is_served() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/gadget");
    let mut found = BTreeSet::new();
    for inside in ["", "words"] {
        for entry in std::fs::read_dir(folder.join(inside)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                found.insert(path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    assert!(found.remove("page.html"));
    let served: BTreeSet<String> = FILES.iter().map(|(path, ..)| (*path).to_owned()).collect();
    assert_eq!(served, found);
    for path in served {
        let file = get(&format!("/gadget/{path}")).unwrap();
        assert_eq!(file.status, 200);
        assert!(!file.body.is_empty(), "{path}");
    }
    for path in [
        "/gadget/",
        "/gadgets",
        "/gadget/page.html",
        "/gadget/../Cargo.toml",
        "/",
        "/gadget/words",
    ] {
        assert!(get(path).is_none(), "{path}");
    }
}

#[test]
fn the_page_is_light() {
    let mut modules = BTreeSet::new();
    loaded("desk.js", &mut modules);
    let weigh = |name: &&str| {
        let asking = Asking {
            path: &format!("/gadget/{name}"),
            accept_encoding: Some("gzip"),
            ..Asking::default()
        };
        file(asking).unwrap().body.len()
    };
    let weight: usize = modules.iter().map(weigh).sum::<usize>() + weigh(&"desk.css") + PAGE.len();
    assert!(modules.len() > 10, "{modules:?}");
    assert!(weight < MOST, "{weight} bytes");
}

#[test]
fn the_policy_allows_this_server_and_the_profile_s_origins() {
    let plain = get("/gadget").unwrap();
    let policy = header(&plain, "content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none';"));
    assert!(policy.ends_with("; frame-ancestors 'self'"));
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("data:"));
    let origins = [
        "https://crm.example:8443",
        "http://10.0.0.7",
        "https://x; script-src *",
        "https://\"><script>",
        "*",
        "javascript:x",
    ];
    let origins = origins.map(str::to_owned);
    let framed = file(Asking {
        path: "/gadget",
        origins: &origins,
        ..Asking::default()
    })
    .unwrap();
    let policy = header(&framed, "content-security-policy").unwrap();
    assert!(policy.ends_with("; frame-ancestors 'self' https://crm.example:8443 http://10.0.0.7"));
    let page = String::from_utf8(framed.body.into_owned()).unwrap();
    assert!(page.contains("name=\"ringside-origins\" content=\"https://crm.example:8443 http://10.0.0.7\""));
    assert_ne!(
        plain.headers[0], framed.headers[0],
        "pages that differ have other tags"
    );
}

#[test]
fn files_are_sent_once_and_small() {
    let asking = Asking {
        path: "/gadget/desk.js",
        ..Asking::default()
    };
    let first = file(asking).unwrap();
    let etag = header(&first, "etag").unwrap();
    assert_eq!(header(&first, "cache-control"), Some("no-cache"));
    assert_eq!(header(&first, "x-content-type-options"), Some("nosniff"));
    assert_eq!(first.content_type, SCRIPT);
    for known in [etag.to_owned(), format!("\"x\", W/{etag}"), "*".to_owned()] {
        let again = file(Asking {
            if_none_match: Some(&known),
            ..asking
        })
        .unwrap();
        assert_eq!((again.status, again.body.len()), (304, 0), "{known}");
    }
    let zipped = file(Asking {
        accept_encoding: Some("deflate, gzip;q=0.5"),
        if_none_match: Some("\"other\""),
        ..asking
    })
    .unwrap();
    assert_eq!(header(&zipped, "content-encoding"), Some("gzip"));
    let mut whole = Vec::new();
    GzDecoder::new(&*zipped.body).read_to_end(&mut whole).unwrap();
    assert_eq!(whole, told(text("desk.js")).as_bytes());
    for refused in ["gzip;q=0", "br", ""] {
        let asking = Asking {
            accept_encoding: Some(refused),
            ..asking
        };
        assert_eq!(header(&file(asking).unwrap(), "content-encoding"), None);
    }
}

#[test]
fn what_other_pages_load_may_be_loaded_by_them() {
    let element = get("/gadget/ringside-desk.js").unwrap();
    assert_eq!(header(&element, "access-control-allow-origin"), Some("*"));
    let own = get("/gadget/desk.js").unwrap();
    assert_eq!(header(&own, "access-control-allow-origin"), None);
}

#[test]
fn nothing_comes_from_elsewhere_and_no_text_becomes_a_page() {
    for (path, _, text) in FILES.iter().chain([&("page.html", HTML, PAGE)]) {
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "srcdoc",
            "style=\"",
            "onclick=\"",
        ] {
            assert!(!text.contains(word), "{path} has {word}");
        }
        for (at, _) in text.match_indices("://") {
            let rest: String = text[at..].chars().skip(3).take(16).collect();
            let is_example =
                rest.contains("ringside.example") || path.ends_with(".xml") && rest.starts_with("__");
            let is_name = rest.starts_with("www.w3.org/2000/");
            let is_scheme = rest.starts_with(['$', '\'', ')', '`', '/']);
            assert!(is_example || is_name || is_scheme, "{path} names ://{rest}");
        }
    }
}

#[test]
fn the_languages_say_the_same_things() {
    let keys = |name| {
        let mut keys = BTreeSet::new();
        for line in text(name).lines() {
            // A key stands at the beginning of an entry: behind a line's start, or a comma and a space.
            let mut rest = line;
            let mut quoted = None;
            let mut depth = 0;
            let mut begin = 0;
            for (at, character) in line.char_indices() {
                match (quoted, character) {
                    (None, '\'' | '"') => quoted = Some(character),
                    (Some(open), _) if open == character => quoted = None,
                    (None, '{') => depth += 1,
                    (None, '}') => depth -= 1,
                    (None, ',') if depth == 0 => begin = at + 1,
                    (None, ':') if depth == 0 => {
                        rest = line[begin..at].trim();
                        keys.insert(rest.to_owned());
                    }
                    _ => {}
                }
            }
            let _last = rest;
        }
        keys
    };
    let (english, german) = (keys("words/en.js"), keys("words/de.js"));
    assert!(english.len() > 100, "{}", english.len());
    assert_eq!(english, german);
    for (path, _, text) in FILES {
        for (at, _) in text.match_indices("t('") {
            if text[..at].ends_with(|before: char| before.is_alphanumeric()) {
                continue;
            }
            let key = text[at + 3..].split('\'').next().unwrap();
            assert!(english.contains(key), "{path} says {key}, and no language does");
        }
    }
}
