//! Each source of numbers reads them by its own rules: listener, dialect, feed, site.

use serde_json::json;

use crate::site::Site;
use crate::wire::{get, tcp, until};

/// What is asked, and what comes of it at the listener that says something of its own and at one that says nothing: a
/// customer, Ada (+1 480 675 4110) or Grace (+44 20 7946 0958), or why there is none.
type Asked = (&'static str, &'static str, &'static str);

/// What a listener says of its numbers, rule by rule, and how that makes the same digits end otherwise than at `main`.
const PARTICULAR: [(&str, &[Asked]); 14] = [
    (
        "numbers = {default_region = 'GB'}",
        &[
            ("020 7946 0958", "c-2", "unknown"),
            ("442079460958", "c-2", "unknown"),
            ("(480) 675-4110", "unknown", "c-1"),
        ],
    ),
    ("region = 'GB'", &[("020 7946 0958", "c-2", "unknown")]),
    (
        "numbers = {mode = 'e164_no_plus'}",
        &[
            ("442079460958", "c-2", "unknown"),
            ("4806754110", "unknown", "c-1"),
        ],
    ),
    ("mode = 'e164_no_plus'", &[("442079460958", "c-2", "unknown")]),
    (
        // Without the mode, the first listener reads these very digits as Grace's.
        "numbers = {default_region = 'GB', mode = 'national'}",
        &[
            ("2079460958", "c-2", "unknown"),
            ("442079460958", "unknown", "unknown"),
        ],
    ),
    (
        "numbers = {outside_line_prefixes = ['9,', '7']}",
        &[
            ("9,4806754110", "c-1", "invalid"),
            ("7 480 675 4110", "c-1", "unknown"),
        ],
    ),
    (
        "numbers = {area_code = '480'}",
        &[("6754110", "c-1", "invalid"), ("675-4110", "c-1", "invalid")],
    ),
    (
        "numbers = {double_zero_is_plus = true}",
        &[("00442079460958", "c-2", "unknown")],
    ),
    (
        "numbers = {withheld_words = ['verborgen']}",
        &[
            ("verborgen", "anonymous", "invalid"),
            ("private", "invalid", "anonymous"),
        ],
    ),
    (
        "numbers = {withheld_numbers = ['+14806754110']}",
        &[
            ("+14806754110", "anonymous", "c-1"),
            ("+266696687", "unknown", "anonymous"),
        ],
    ),
    (
        "numbers = {extension_lengths = [10]}",
        &[("4806754110", "internal", "c-1"), ("+14806754110", "c-1", "c-1")],
    ),
    (
        "numbers = {extension_ranges = ['4806754110-4806754119']}",
        &[
            ("4806754110", "internal", "c-1"),
            ("2079460958", "unknown", "unknown"),
        ],
    ),
    (
        "numbers = {emergency_numbers = ['4806754110']}",
        &[("4806754110", "internal", "c-1"), ("112", "unknown", "internal")],
    ),
    // The longer form goes ahead of the short one.
    (
        "region = 'DE'\nmode = 'national'\nnumbers = {default_region = 'GB', mode = 'auto'}",
        &[("442079460958", "c-2", "unknown")],
    ),
];

fn asked(at: std::net::SocketAddr, ani: &str) -> String {
    let encoded: String = ani.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let answer = get(at, &format!("/v1/lookup?ani={encoded}")).json();
    let of = |key: &str| answer[key].as_str().map(str::to_owned);
    of("customer_id").or_else(|| of("reason")).unwrap_or_default()
}

#[test]
fn a_listener_reads_numbers_by_its_own_rules() {
    let listeners: String = PARTICULAR
        .iter()
        .enumerate()
        .map(|(nth, (says, _))| format!("[listener.l{nth}]\naddress = '127.0.0.1:0'\n{says}\n"))
        .collect();
    let site = Site::new(&listeners);
    let running = site.serve();
    let main = running.address("main").unwrap();
    for (nth, (says, asks)) in PARTICULAR.iter().enumerate() {
        let at = running.address(&format!("l{nth}")).unwrap();
        for (ani, here, elsewhere) in *asks {
            assert_eq!(asked(at, ani), *here, "{says}: {ani}");
            assert_eq!(asked(main, ani), *elsewhere, "{says}, but not at main: {ani}");
        }
    }
}

#[test]
fn what_is_nearest_to_the_call_goes_first() {
    let site = Site::new(
        "[dialect.native]\nnumbers = {area_code = '480', default_region = 'GB'}\n\
         [listener.us]\naddress = '127.0.0.1:0'\nregion = 'US'\n\
         [listener.both]\naddress = '127.0.0.1:0'\nregion = 'DE'\nnumbers = {default_region = 'FR'}\n\
         dialect_numbers = {native = {default_region = 'US', area_code = ''}}\n",
    );
    let running = site.serve();
    let at = |name| running.address(name).unwrap();
    assert_eq!(asked(at("main"), "020 7946 0958"), "c-2", "the dialect's region");
    assert_eq!(
        asked(at("us"), "6754110"),
        "c-1",
        "the listener's region, the dialect's area code"
    );
    assert_eq!(asked(at("us"), "020 7946 0958"), "unknown");
    assert_eq!(
        asked(at("both"), "480 675 4110"),
        "c-1",
        "the dialect's region on the listener"
    );
    assert_eq!(asked(at("both"), "6754110"), "invalid", "and its area code: none");

    // Another word is taken up without a restart.
    site.configure("[listener.us]\naddress = '127.0.0.1:0'\nnumbers = {default_region = 'GB'}\n");
    let reloaded = running.reload().unwrap();
    assert!(
        reloaded
            .taken_up
            .contains(&"listener.us.numbers.default_region".to_owned()),
        "{:?}",
        reloaded.taken_up
    );
    assert_eq!(asked(at("us"), "020 7946 0958"), "c-2");
}

#[test]
fn a_feed_stores_numbers_by_its_own_rules() {
    let site = Site::new(
        "[feed.main]\nkind = 'http'\n\
         [feed.london]\nkind = 'http'\nnumbers = {default_region = 'GB', outside_line_prefixes = ['9,']}\n",
    );
    let running = site.serve();
    let at = running.address("main").unwrap();
    let mut client = tcp(at);
    for (feed, id, phone) in [
        ("main", "f-1", "415 555 2671"),
        ("london", "f-2", "9,020 7946 0959"),
    ] {
        let line = json!({"op": "upsert", "customer": {"id": id, "name": id, "phones": [phone]}}).to_string();
        let target = format!("/v1/changes?feed={feed}");
        let answer = client
            .post(&target, "application/x-ndjson", line.as_bytes())
            .json();
        assert_eq!(
            (&answer["accepted"], &answer["rejected"]),
            (&json!(1), &json!(0)),
            "{answer}"
        );
    }
    assert_eq!(asked(at, "+14155552671"), "f-1");
    assert_eq!(asked(at, "+442079460959"), "f-2");
}

#[test]
fn each_file_of_changes_is_read_by_its_feeds_rules() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, lines: &[(&str, &str)]| {
        let lines = lines.iter().map(|(id, phone)| {
            json!({"op": "upsert", "customer": {"id": id, "name": id, "phones": [phone]}}).to_string() + "\n"
        });
        let path = dir.path().join(name);
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .unwrap();
        std::io::Write::write_all(&mut file, lines.collect::<String>().as_bytes()).unwrap();
        path
    };
    // The very same digits, a customer each.
    let plain = file(
        "plain.ndjson",
        &[("f-1", "442079460959"), ("f-2", "415 555 2671")],
    );
    let bare = file("bare.ndjson", &[("f-3", "442079460959")]);
    let feeds = |more: &str| {
        format!(
            "[feed.plain]\nkind = 'file'\npath = {plain:?}\npoll_ms = 10\n\
             [feed.bare]\nkind = 'file'\npath = {bare:?}\npoll_ms = 10\nnumbers = {{mode = 'e164_no_plus'{more}}}\n"
        )
    };
    let site = Site::new(&feeds(""));
    let running = site.serve();
    let at = running.address("main").unwrap();
    until(|| asked(at, "+14155552671"), |found| found == "f-2");
    until(|| asked(at, "+442079460959"), |found| found == "f-3");

    // Another word holds for the changes that come from now on; it is told that others are stored already.
    site.configure(&feeds(", outside_line_prefixes = ['9']"));
    let reloaded = running.reload().unwrap();
    assert_eq!(
        reloaded.stored_by_old_rules,
        ["feed.bare.numbers.outside_line_prefixes"]
    );
    file("bare.ndjson", &[("f-4", "9 442079460960")]);
    until(|| asked(at, "+442079460960"), |found| found == "f-4");
    assert_eq!(asked(at, "+442079460959"), "f-3");
}

#[test]
fn a_sip_user_is_found_whose_name_is_withheld_elsewhere() {
    let site = Site::new(
        "[listener.pbx]\naddress = '127.0.0.1:0'\nnumbers = {withheld_words = []}\n\
         [feed.main]\nkind = 'http'\nnumbers = {withheld_words = []}\n",
    );
    let running = site.serve();
    let line = json!({"op": "upsert", "customer": {"id": "s-1", "name": "S", "phones": ["sip:private@pbx"]}});
    let mut client = tcp(running.address("main").unwrap());
    let answer = client.post(
        "/v1/changes?feed=main",
        "application/x-ndjson",
        line.to_string().as_bytes(),
    );
    assert_eq!(answer.json()["accepted"], 1);
    assert_eq!(asked(running.address("pbx").unwrap(), "sip:private@pbx"), "s-1");
    assert_eq!(
        asked(running.address("main").unwrap(), "sip:private@pbx"),
        "anonymous"
    );
}
