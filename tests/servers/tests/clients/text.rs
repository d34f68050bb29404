//! Whoever shows the whole body to a person: FreeSWITCH, FreePBX, Superfecta, Asterisk, Kamailio's likes.

use std::path::Path;
use std::process::Command;

use servers::curl::curl;

use crate::centre::Centre;

/// As mod_cidlookup sets its handle up.
const FREESWITCH: [&str; 7] = [
    "--user-agent",
    "freeswitch-curl/1.0",
    "--location",
    "--max-redirs",
    "10",
    "--max-time",
    "2",
];
/// As Asterisk's func_curl does, with the seven seconds of FreePBX.
const ASTERISK: [&str; 4] = ["--user-agent", "asterisk-libcurl-agent/1.0", "--max-time", "7"];

/// Numbers as targets have them, and the names that they are answered.
const CALLERS: [(&str, &str); 9] = [
    ("14806754110", "Ada Lovelace"),
    ("+14806754110", "Ada Lovelace"),
    ("%2B14806754110", "Ada Lovelace"),
    ("4806754111", "Grace O'Hopper"),
    ("%2B4915112345678", "Zoë Müller-Łukasz"),
    ("14806754999", ""),
    ("anonymous", ""),
    // A line of two, and somebody who is not to be greeted.
    ("14806754180", ""),
    ("14806754113", ""),
];

#[test]
fn telephone_systems_read_a_name_or_nothing() {
    let centre = Centre::start("");
    for (number, name) in CALLERS {
        for (target, flags) in [
            (format!("/cid?number={number}"), &FREESWITCH[..]),
            (format!("//cid?number={number}"), &ASTERISK[..]),
            (format!("/v1/lookup?format=text&ani={number}"), &ASTERISK[..]),
        ] {
            let url = centre.url(&target);
            let fetched = curl(&[flags, &[&url]].concat());
            assert_eq!(
                (fetched.exit, fetched.status, &*fetched.body),
                (0, 200, name),
                "{target}"
            );
            assert_eq!(fetched.header("content-type"), Some("text/plain; charset=utf-8"));
            assert_eq!(fetched.header("cache-control"), Some("no-store"));
        }
    }
}

#[test]
fn pairs_overwrite_what_asterisk_holds() {
    let centre = Centre::start("");
    let pairs = |number: &str| {
        let url = centre.url(&format!("/cid?number={number}&format=kv"));
        curl(&[&ASTERISK[..], &[&url]].concat()).body
    };
    assert_eq!(pairs("+14806754110"), "name=Ada%20Lovelace&id=c-1842");
    assert_eq!(pairs("+14806754999"), "name=&id=");
    assert_eq!(pairs("+14806754180"), "name=&id=");
    // Dollar signs, braces, quotation marks and new lines are nothing for a dial plan.
    let harmless = pairs("+14806754112");
    assert!(!harmless.contains(['$', '{', '"', '\n', '\r']), "{harmless}");
    assert!(
        !["%24", "%7B", "%22", "%0D", "%0A"]
            .iter()
            .any(|sign| harmless.contains(sign)),
        "{harmless}"
    );
}

#[test]
fn php_fetches_as_superfecta_does() {
    let centre = Centre::start("");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/superfecta.php");
    for (number, name) in CALLERS {
        let output = Command::new("php")
            .arg(&script)
            .arg(centre.url(&format!("//cid?number={number}")))
            .output()
            .unwrap_or_else(|error| panic!("php: {error}; tests/servers/install/callers.sh installs it"));
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), name, "{number}");
    }
}

#[test]
fn http_is_spoken_in_whatever_way_it_is_asked() {
    let centre = Centre::start("");
    let url = centre.url("/cid?number=+14806754110");
    let proxy = centre.url("");
    let name = |flags: &[&str]| {
        let fetched = curl(flags);
        (fetched.exit, fetched.status, fetched.body)
    };
    let ada = (0, 200, "Ada Lovelace".to_owned());
    for flags in [
        &["--http1.0", &url][..],
        &["--http1.1", "--header", "Connection: close", &url],
        // The whole URL stands in the request's first line.
        &[
            "--proxy",
            &proxy,
            "http://ringside.example/cid?number=+14806754110",
        ],
        &["--header", "Host: ringside.example", &url],
        &["--header", "Accept: application/json", &url],
        &["--header", "Authorization: Bearer of-another-system", &url],
        &["--compressed", &url],
        &["--data", "number=%2B14806754110", &centre.url("/cid")],
        &[&centre.url("/cid?nocache=17&number=%2B14806754110&number=+14806754111&number=")],
        &[&centre.url("///cid?number=%2B14806754110&&=&x")],
        &[&centre.url("/cid/+14806754110")],
    ] {
        assert_eq!(name(flags), ada, "{flags:?}");
    }
    let head = curl(&["--head", &url]);
    assert_eq!((head.exit, head.status, &*head.body), (0, 200, ""));
    assert_eq!(head.header("content-length"), Some("12"));
}

#[test]
fn a_connection_is_kept_and_a_new_one_is_as_good() {
    let centre = Centre::start("");
    let urls = [
        centre.url("/cid?number=+14806754110"),
        centre.url("/cid?number=+14806754999"),
    ];
    for (more, connections) in [
        (&[][..], "1 0 0 "),
        (&["--header", "Connection: close"][..], "1 1 1 "),
    ] {
        let output = Command::new("curl")
            .args([
                "--silent",
                "--disable",
                "--write-out",
                "%{stderr}%{num_connects} ",
            ])
            .args(more)
            .args([&urls[0], &urls[1], &urls[0]])
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "Ada LovelaceAda Lovelace"
        );
        assert_eq!(String::from_utf8_lossy(&output.stderr), connections);
    }
}

#[test]
fn whatever_cannot_be_answered_is_no_name() {
    let centre = Centre::start("");
    let long = "1".repeat(9000);
    for (target, flags) in [
        ("/cid".to_owned(), &[][..]),
        ("/cid?number=".to_owned(), &[]),
        (format!("/cid?number={long}"), &[]),
        ("/cid?number=%00%ff%0d%0a%3Chtml%3E".to_owned(), &[]),
        ("/cid?number=+14806754110".to_owned(), &["--request", "DELETE"]),
        ("/v1/lookup?format=text".to_owned(), &[]),
        ("/v1/lookup?format=text&ani=1&region=Germany".to_owned(), &[]),
        (format!("/v1/lookup?format=text&ani={long}"), &[]),
    ] {
        let url = centre.url(&target);
        let fetched = curl(&[&ASTERISK[..], flags, &[&url]].concat());
        assert_eq!(
            (fetched.exit, fetched.status, &*fetched.body),
            (0, 200, ""),
            "{target} {flags:?}"
        );
    }
}
