//! More than one call, more than one tab, more than one agent.

use serde_json::json;
use servers::chromium::Browser;

use crate::desk::Desk;
use crate::floor::Floor;
use crate::people::{ADA, GERMAN, GRACE, HOUSEHOLD};

#[test]
fn a_second_ring_waits_as_a_card() {
    let floor = Floor::open("");
    let browser = Browser::open();
    let desk = Desk::of(&browser, &floor, "1001");
    let first = floor.ring(ADA, "1001");
    desk.until_shows("case", "ringing");
    floor.event(&first, "1001", "answer", &json!({}));
    desk.until_is("call", "answered");
    let before = desk.evaluate(
        "return document.querySelector('[data-test=name]').getBoundingClientRect().top",
        &[],
    );

    floor.ring(GRACE, "1001");
    desk.hears("card", "Grace O'Hopper");
    assert_eq!(
        (desk.says("name"), desk.is("call")),
        ("Ada Lovelace".to_owned(), "answered".to_owned())
    );
    // Nothing moves under the pointer.
    let after = desk.evaluate(
        "return document.querySelector('[data-test=name]').getBoundingClientRect().top",
        &[],
    );
    assert_eq!(before, after);
    assert!(desk.says("said").contains("Grace"), "{}", desk.says("said"));
    desk.suits_everybody("a call that waits");

    desk.does("card");
    desk.hears("name", "Grace O'Hopper");
    desk.hears("card", "Ada Lovelace");
}

#[test]
fn a_call_that_another_agent_takes_is_cleared_here() {
    let floor = Floor::open("");
    let (here, there) = (Browser::open(), Browser::open());
    let mine = Desk::of(&here, &floor, "1001");
    let theirs = Desk::of(&there, &floor, "1002");
    let call = floor.call();
    let everybody = json!({"agent": null, "agents": ["1001", "1002"]});
    floor.ring_as(&call, ADA, "1001", &everybody);
    mine.until_shows("case", "ringing");
    theirs.until_shows("case", "ringing");
    floor.event(&call, "1002", "answer", &json!({}));
    theirs.until_is("call", "answered");
    mine.until_is("page", "waiting");
    assert!(!mine.text("main").unwrap().contains("CAS-01213"));
}

#[test]
fn who_was_chosen_is_known_wherever_the_call_goes() {
    let floor = Floor::open("");
    let (here, there) = (Browser::open(), Browser::open());
    let first = Desk::of(&here, &floor, "1001");
    let second = Desk::of(&there, &floor, "1002");
    let call = floor.ring(HOUSEHOLD, "1001");
    first.until_shows("several", "ringing");
    floor.event(&call, "1001", "answer", &json!({}));
    first.chooses("choice", "c-22");
    first.hears("name", "Woronzow Greig");
    floor.event(&call, "1001", "transfer", &json!({"to_agent": "1002"}));
    floor.ring_as(&call, HOUSEHOLD, "1002", &json!({}));
    second.until_shows("customer", "ringing");
    assert_eq!(second.says("name"), "Woronzow Greig");
    assert!(
        second.says("linked").contains("1001"),
        "{}",
        second.says("linked")
    );
    // A leg with an id of its own that names the call, at a third one's.
    floor.ring_as(&floor.call(), HOUSEHOLD, "1003", &json!({"secondary_id": call}));
    let pops = floor.current("1003");
    assert_eq!((pops.len(), &pops[0]["link"]["customer_id"]), (1, &json!("c-22")));
}

#[test]
fn tabs_agree_on_who_shows_a_call() {
    let floor = Floor::open("");
    let browser = Browser::open();
    let tabs = [
        Desk::of(&browser, &floor, "1001"),
        Desk::of(&browser, &floor, "1001"),
    ];
    let call = floor.ring(ADA, "1001");
    let pages = || tabs.each_ref().map(|tab| tab.is("page"));
    let mut other = None;
    tabs[0].until("one tab shows it and the other says so", || {
        other = match pages().each_ref().map(String::as_str) {
            ["elsewhere", "case"] => Some(0),
            ["case", "elsewhere"] => Some(1),
            _ => None,
        };
        other.is_some()
    });
    let other = other.unwrap();
    assert!(!tabs[other].text("main").unwrap().contains("CAS-01213"));
    tabs[other].suits_everybody("shown in another tab");
    floor.event(&call, "1001", "answer", &json!({}));
    tabs[1 - other].until_is("call", "answered");
    tabs[other].until_is("page", "waiting");
    floor.event(&call, "1001", "end", &json!({}));
    tabs[1 - other].until_is("call", "ended");

    // The agent looks at the other one this time, and has it there.
    floor.ring(GRACE, "1001");
    let mut other = None;
    tabs[0].until("one tab says where it is", || {
        other = pages().iter().position(|page| page == "elsewhere");
        other.is_some()
    });
    let other = other.unwrap();
    tabs[other].does("elsewhere-show");
    tabs[other].until_shows("customer", "ringing");
}

#[test]
fn missed_calls_are_told() {
    let floor = Floor::open("");
    let browser = Browser::open();
    let desk = Desk::of(&browser, &floor, "1001");
    let call = floor.ring(GERMAN, "1001");
    desk.until_shows("customer", "ringing");
    floor.event(&call, "1001", "end", &json!({}));
    desk.until_shown("[data-test=\"recent\"][data-missed]");
    assert!(
        desk.says("recent").contains("Zoë Müller-Łukasz"),
        "{}",
        desk.says("recent")
    );
    desk.does("recent");
    desk.hears("name", "Zoë Müller-Łukasz");
    assert_eq!(desk.is("call"), "missed");
}
