//! A whole call without a mouse.

use serde_json::json;
use servers::chromium::{Browser, Key};

use crate::desk::{Desk, hook, of};
use crate::floor::{Floor, SYSTEM_OF_RECORD};
use crate::people::{GRACE, HOUSEHOLD, NOBODY};

#[test]
fn a_call_needs_no_mouse() {
    let floor = Floor::open("[profile.main]\nwrap_ups = [\"Billing\", \"Outage\"]\n");
    let browser = Browser::open();
    let desk = Desk::of(&browser, &floor, "1001");
    let linked = || floor.current("1001")[0]["link"]["customer_id"].clone();

    // One of several, by its place in the list.
    let call = floor.ring(HOUSEHOLD, "1001");
    desk.until_shows("several", "ringing");
    let second = desk.evaluate(
        "return document.querySelectorAll('[data-test=choice]')[1].dataset.id",
        &[],
    );
    desk.press(&[Key::Char('2')]);
    desk.until("the second is linked", || linked() == second);
    desk.until_is("page", "customer");

    // Not them: somebody who is searched for.
    desk.press(&[Key::Char('u')]);
    desk.until("nobody is linked", || linked().is_null());
    desk.press(&[Key::Char('/')]);
    desk.until("the search has the focus", || desk.has_focus(&hook("find-input")));
    desk.evaluate("document.activeElement.select()", &[]);
    desk.write("grace zz");
    desk.until_shown(&hook("find-none"));
    desk.evaluate("document.activeElement.select()", &[]);
    desk.write("grace");
    desk.until_finds_only("c-7");
    desk.press(&[Key::Down, Key::Enter]);
    desk.until("the one who was found is linked", || linked() == "c-7");
    desk.hears("name", "Grace O'Hopper");

    // The wrap-up, by Tab as any control.
    floor.event(&call, "1001", "answer", &json!({}));
    desk.until_is("call", "answered");
    desk.press(&[Key::Char('w')]);
    desk.tab_to(&hook("wrapup-choice"));
    desk.press(&[Key::Enter]);
    desk.hears("wrapup-now", "Billing");

    // A call that waits, and back.
    floor.ring(GRACE, "1001");
    desk.until_shown(&hook("card"));
    desk.press(&[Key::Escape]);
    // A letter is not a key right after somebody has typed.
    desk.until("the call that waits is shown", || {
        desk.press(&[Key::Char('a')]);
        desk.is("call") == "ringing"
    });

    // Help, and away with it.
    desk.press(&[Key::Char('?')]);
    desk.until_shown(&hook("keys"));
    desk.suits_everybody("the help of keys");
    desk.press(&[Key::Escape]);
    desk.loses("keys");
}

#[test]
fn somebody_new_is_entered_without_a_mouse() {
    let floor = Floor::open(SYSTEM_OF_RECORD);
    let browser = Browser::open();
    let desk = Desk::of(&browser, &floor, "1001");
    floor.ring(NOBODY, "1001");
    desk.until_shows("unknown", "ringing");
    desk.press(&[Key::Char('n')]);
    desk.tab_to(&of("field", "key", "name"));
    // Letters that are keys elsewhere are letters here.
    desk.write("Una Nouch / wau");
    desk.press(&[Key::Enter]);
    desk.hears("name", "Una Nouch / wau");
    assert!(desk.has("pending"));
}

#[test]
fn the_focus_can_be_seen_and_goes_everywhere() {
    let floor = Floor::open("");
    let browser = Browser::open();
    let desk = Desk::of(&browser, &floor, "1001");
    floor.ring(crate::people::ADA, "1001");
    desk.until_shows("case", "ringing");
    let controls = "return [...document.querySelectorAll('button, a[href], input, select, summary')]
        .filter(it => !it.disabled && it.tabIndex >= 0 && it.checkVisibility({visibilityProperty: true})).length";
    let controls = desk.evaluate(controls, &[]).as_u64().unwrap();
    desk.evaluate("window.reached = new Set(); window.unseen = []", &[]);
    for _ in 0..controls + 2 {
        desk.press(&[Key::Tab]);
        desk.evaluate(
            "const it = document.activeElement;
             if (it == document.body || window.reached.has(it)) return;
             window.reached.add(it);
             const style = getComputedStyle(it);
             if (style.outlineStyle == 'none' && style.boxShadow == 'none') window.unseen.push(it.outerHTML)",
            &[],
        );
    }
    let found = desk.evaluate("return [window.reached.size, window.unseen]", &[]);
    assert!(found[0].as_u64().unwrap() >= controls, "{found} of {controls}");
    assert_eq!(found[1], json!([]));
}
