//! Each source of numbers reads them by its own rules: listener, dialect, feed, site.

use serde_json::json;

use crate::site::Site;
use crate::wire::{get, tcp};

/// What is asked, and whose number it is: nobody's, Ada's (+1 480 675 4110) or Grace's (+44 20 7946 0958), or why nobody
/// is looked up.
type Asked = (&'static str, &'static str);

/// What a listener says of its numbers, and what comes of them there; `main` says nothing, and reads them otherwise.
const PARTICULAR: [(&str, &[Asked]); 12] = [
    ("numbers = {default_region = 'GB'}", &[("020 7946 0958", "c-2")]),
    ("region = 'GB'", &[("020 7946 0958", "c-2")]),
    (
        "numbers = {mode = 'e164_no_plus'}",
        &[("442079460958", "c-2"), ("14806754110", "c-1")],
    ),
    (
        "numbers = {default_region = 'GB', mode = 'national'}",
        &[("2079460958", "c-2")],
    ),
    (
        "numbers = {outside_line_prefixes = ['9,', '7']}",
        &[("9,4806754110", "c-1"), ("7 480 675 4110", "c-1")],
    ),
    ("numbers = {area_code = '480'}", &[("6754110", "c-1")]),
    (
        "numbers = {double_zero_is_plus = true}",
        &[("00442079460958", "c-2")],
    ),
    (
        "numbers = {withheld_words = ['verborgen']}",
        &[("verborgen", "anonymous"), ("private", "invalid")],
    ),
    (
        "numbers = {withheld_numbers = ['+14806754110']}",
        &[("+14806754110", "anonymous")],
    ),
    (
        "numbers = {extension_lengths = [10]}",
        &[("4806754110", "internal")],
    ),
    (
        "numbers = {extension_ranges = ['4806754110-4806754119']}",
        &[("4806754110", "internal")],
    ),
    (
        "numbers = {emergency_numbers = ['4806754110']}",
        &[("4806754110", "internal")],
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
        for (ani, expected) in *asks {
            assert_eq!(asked(at, ani), *expected, "{says}: {ani}");
        }
        let differs = asks.iter().any(|(ani, expected)| asked(main, ani) != *expected);
        assert!(differs, "{says}");
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
