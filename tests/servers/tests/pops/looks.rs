//! Every state of the page in both schemes: whoever cannot see well, or not at all, can work with it. Pictures are kept
//! where `RINGSIDE_PICTURES` says.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use servers::chromium::{Browser, Key};

use crate::desk::{Desk, hook};
use crate::floor::{Floor, SYSTEM_OF_RECORD};
use crate::people::{ADA, GRACE, HOUSEHOLD, NOBODY};

/// The states that the documentation has pictures of, beside the call that rings.
const PICTURES: [&str; 5] = ["several", "search", "unknown", "incall", "ended"];

#[test]
fn every_state_suits_everybody() {
    let wrap_ups = "[profile.main]\nwrap_ups = [\"Billing\", \"Outage\", \"Call back\"]\n";
    let floor = Floor::open(&format!("{SYSTEM_OF_RECORD}{wrap_ups}"));
    let browser = Browser::open();
    let desk = Desk::of(&browser, &floor, "1001");
    let state = |name: &str| {
        desk.suits_everybody(name);
        if PICTURES.contains(&name) {
            desk.picture(name, "light");
        }
    };
    let end = |call: &str| {
        floor.event(call, "1001", "end", &json!({}));
        desk.until("it is over", || {
            !["ringing", "answered"].contains(&desk.is("call").as_str())
        });
    };
    state("waiting");

    let call = floor.ring(HOUSEHOLD, "1001");
    desk.until_shows("several", "ringing");
    state("several");
    desk.press(&[Key::Char('/')]);
    desk.until_shown(&hook("find-input"));
    desk.types("find-input", "a");
    desk.until_shown(&hook("find-row"));
    state("search");
    desk.press(&[Key::Escape]);
    end(&call);

    let call = floor.ring(NOBODY, "1001");
    desk.until_shows("unknown", "ringing");
    state("unknown");
    if !desk.has("form") {
        desk.does("create");
    }
    if desk.has("more") {
        desk.does("more");
    }
    state("form");
    desk.press(&[Key::Escape]);
    end(&call);

    let call = floor.ring("anonymous", "1001");
    desk.until_shows("withheld", "ringing");
    state("withheld");
    end(&call);

    let call = floor.ring(ADA, "1001");
    desk.until_shows("case", "ringing");
    desk.suits_everybody("ringing");
    desk.picture("ringing-light", "light");
    desk.picture("ringing-dark", "dark");
    floor.event(&call, "1001", "answer", &json!({}));
    desk.until_is("call", "answered");
    let second = floor.ring(GRACE, "1001");
    desk.until_shown(&hook("card"));
    state("incall");
    floor.event(&second, "1001", "refuse", &json!({}));
    desk.loses("card");
    desk.clicks("[data-test=\"interaction\"] summary");
    desk.until_shown(&hook("activity"));
    state("history");
    floor.event(&call, "1001", "end", &json!({}));
    desk.until_is("call", "ended");
    state("ended");
}

/// When each pop was painted, by the clock of the machine in milliseconds: behind the first frame that has it.
const WATCH: &str = "window.painted = {};
    new MutationObserver(() => {
        const pop = document.body?.dataset.pop;
        if (!pop || pop in window.painted) return;
        window.painted[pop] = null;
        requestAnimationFrame(() => {
            const after = new MessageChannel();
            after.port1.onmessage = () => { window.painted[pop] = performance.timeOrigin + performance.now() };
            after.port2.postMessage(0);
        });
    }).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ['data-pop']});";

/// How long an agent waits for who calls. Reported, not demanded: machines are noisy.
#[test]
fn how_long_it_takes_until_who_calls_is_seen() {
    let floor = Floor::open("");
    let browser = Browser::open();
    let page = browser.blank();
    page.prepare(WATCH);
    let desk = Desk::on(page, &floor, "agent=1001");
    desk.until_is("stream", "live");
    let now = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs_f64()
            * 1000.0
    };
    let mut waits = Vec::new();
    for _ in 0..20 {
        let began = now();
        let call = floor.ring(ADA, "1001");
        desk.until_shows("case", "ringing");
        let pop = desk.is("pop");
        let painted = || {
            desk.evaluate("return window.painted[arguments[0]]", &[json!(pop)])
                .as_f64()
        };
        desk.until("it is painted", || painted().is_some());
        waits.push(painted().unwrap() - began);
        floor.event(&call, "1001", "end", &json!({}));
        desk.until("it is over", || desk.is("call") != "ringing");
    }
    waits.sort_by(f64::total_cmp);
    println!(
        "from a ring's post to its paint, of 20: median {:.0} ms, slowest {:.0} ms",
        waits[10], waits[19]
    );
}

/// What is loaded, and that it comes from here alone, is 60 KB at the most.
#[test]
fn the_page_is_small() {
    let floor = Floor::open("");
    let browser = Browser::open();
    let desk = Desk::of(&browser, &floor, "1001");
    let loaded = desk.evaluate(
        "return [performance.getEntriesByType('navigation')[0], ...performance.getEntriesByType('resource')]
            .filter(it => !it.name.includes('/v1/')).map(it => [it.name, it.encodedBodySize])",
        &[],
    );
    let loaded: Vec<(String, u64)> = serde_json::from_value(loaded).unwrap();
    let bytes: u64 = loaded.iter().map(|(_, size)| size).sum();
    assert!(
        loaded.len() > 1 && bytes > 0 && bytes <= 60 << 10,
        "{bytes}: {loaded:#?}"
    );
}
