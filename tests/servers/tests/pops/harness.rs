//! That the tests here would notice: what a page complains of, asks of strangers, and hides from people.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::json;
use servers::chromium::{Browser, Key};

use crate::floor::Floor;

const FAULTS: &str = "
    console.error('oh no');
    setTimeout(() => { throw new Error('thrown') }, 0);
    const stranger = document.createElement('img');
    stranger.src = 'https://example.org/a.png';
    const faint = document.createElement('p');
    faint.textContent = 'faint';
    faint.style = 'color: #ccc; background: #fff';
    document.body.append(stranger, faint)";

#[test]
fn what_is_wrong_with_a_page_is_told() {
    let floor = Floor::open("");
    let browser = Browser::open();
    let page = browser.page(&floor.url("/customer-profile?calling-number=%2B14806754110"));
    assert_eq!(browser.complaints(), Vec::<String>::new());
    assert!(page.violations().is_empty());

    page.evaluate(FAULTS, &[]);
    let rules: Vec<String> = page.violations().into_iter().map(|it| it.rule).collect();
    assert_eq!(rules, ["color-contrast", "image-alt"]);
    // Also of a tab that is closed by then.
    page.close();
    let complaints = browser.complaints().join("\n");
    for part in [
        "oh no",
        "Error: thrown",
        "asked a stranger: https://example.org/a.png",
    ] {
        assert!(complaints.contains(part), "{part}: {complaints}");
    }

    // A test need not ask: a browser that is let go of complains.
    let page = browser.page(&floor.url("/customer-profile?calling-number=%2B14806754110"));
    page.evaluate("console.error('unasked')", &[]);
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(browser)));
    let panic = dropped.unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("unasked"));

    let browser = Browser::open();
    browser.expect("meant");
    let page = browser.page(&floor.url("/customer-profile?calling-number=%2B14806754110"));
    page.evaluate("console.error('this is meant')", &[]);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_page_is_shown_as_a_person_has_it() {
    let floor = Floor::open("");
    let browser = Browser::open();
    let page = browser.blank();
    page.scheme("dark");
    page.zoom(2);
    page.language("de-DE");
    page.zone("Europe/Berlin");
    page.prepare("window.prepared = true");
    page.visit(&floor.url("/customer-profile?calling-number=%2B14806754110"));
    let seen = page.evaluate(
        "return [matchMedia('(prefers-color-scheme: dark)').matches, innerWidth, devicePixelRatio, navigator.language,
            Intl.DateTimeFormat().resolvedOptions().timeZone, window.prepared]",
        &[],
    );
    assert_eq!(seen, json!([true, 210, 2, "de-DE", "Europe/Berlin", true]));
    page.evaluate(
        "document.body.innerHTML = '<input id=a><div id=wide>wide</div>'; document.querySelector('#wide').style.width = '700px'",
        &[],
    );
    assert!(page.overflow() > 400, "{}", page.overflow());
    page.press(&[Key::Tab]);
    assert!(page.has_focus("#a"));
    page.write("typed");
    assert_eq!(
        page.evaluate("return document.querySelector('#a').value", &[]),
        "typed"
    );
    // Another browser is somebody else, who has seen none of it.
    let other = Browser::open();
    let page = other.page(&floor.url("/customer-profile?calling-number=%2B14806754110"));
    assert_eq!(
        page.evaluate("return [innerWidth, window.prepared]", &[]),
        json!([420, null])
    );
}
