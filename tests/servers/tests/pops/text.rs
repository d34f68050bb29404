//! What people are called, and write, is text: never markup, never a script, in any direction and language.

use serde_json::json;
use servers::chromium::Browser;

use crate::desk::Desk;
use crate::floor::Floor;
use crate::people::{ADA, ARABIC, GERMAN, HEBREW, MARKUP, NOT_TO_BE_CALLED};

#[test]
fn names_are_text_and_links_lead_to_pages() {
    let floor = Floor::open("");
    let browser = Browser::open();
    let desk = Desk::of(&browser, &floor, "1001");
    floor.ring(MARKUP, "1001");
    desk.until_shows("case", "ringing");
    assert_eq!(
        desk.says("name"),
        "<img src=x onerror=\"console.error('run')\"><b>Bobby</b>"
    );
    assert_eq!(desk.all("label"), ["<i>odd</i>"]);
    assert!(
        desk.says("case").contains("<s>title</s>"),
        "{}",
        desk.says("case")
    );
    let made = desk.evaluate(
        "return [document.querySelectorAll('main u, main s, main script, main img, [data-test=name] b, [data-test=label] i').length,
            [...document.links].filter(it => !['http:', 'https:', 'tel:', 'sms:', 'mailto:'].includes(it.protocol)).length]",
        &[],
    );
    assert_eq!(made, json!([0, 0]));
    // Nothing ran, or the browser complains when it is let go of. Nor does what a telephone system says.
    let markup = "\"><script>console.error('run')</script>";
    let ring =
        json!({"variables": {"url": "javascript:console.error('run')", "note": markup}, "queue": markup});
    floor.ring_as(&floor.call(), MARKUP, "1002", &ring);
    let desk = Desk::of(&browser, &floor, "1002");
    desk.until_shows("case", "ringing");
    assert!(desk.says("call").contains("<script>"), "{}", desk.says("call"));
}

#[test]
fn links_of_a_customer_can_be_followed() {
    let floor = Floor::open("");
    let browser = Browser::open();
    let desk = Desk::of(&browser, &floor, "1001");
    floor.ring(ADA, "1001");
    desk.until_shows("case", "ringing");
    let link = |key: &str| {
        let script =
            "const it = document.querySelector(`[data-test=\"attribute\"][data-key=\"${arguments[0]}\"] a`);
            return it && [it.href, it.target, it.rel]";
        desk.evaluate(script, &[json!(key)])
    };
    assert_eq!(
        link("portal"),
        json!(["https://portal.example/ada", "_blank", "noopener noreferrer"])
    );
    assert_eq!(link("email")[0], "mailto:ada@example.org");
    assert_eq!(link("tier"), json!(null));
}

#[test]
fn names_from_right_to_left_stand_so() {
    let floor = Floor::open("");
    let browser = Browser::open();
    for (agent, number, name) in [("1001", HEBREW, "עדה לאבלייס"), ("1002", ARABIC, "مريم الأسطرلابي")]
    {
        let desk = Desk::of(&browser, &floor, agent);
        floor.ring(number, agent);
        desk.until_shows("customer", "ringing");
        assert_eq!(desk.says("name"), name);
        let direction = "const it = document.querySelector('[data-test=name]');
            return [getComputedStyle(it).direction, it.dir]";
        let direction = desk.evaluate(direction, &[]);
        assert!(direction[0] == "rtl" || direction[1] == "auto", "{direction}");
        desk.suits_everybody("a name from right to left");
        if agent == "1001" {
            desk.picture("hebrew", "light");
        }
    }
}

#[test]
fn the_page_speaks_german() {
    let floor = Floor::open("");
    let browser = Browser::open();
    let page = browser.blank();
    page.language("de-DE");
    page.zone("Europe/Berlin");
    let desk = Desk::on(page, &floor, "agent=1001&lang=de");
    desk.until_is("stream", "live");
    assert_eq!(desk.attribute("html", "lang").as_deref(), Some("de"));
    floor.ring(GERMAN, "1001");
    desk.until_shows("customer", "ringing");
    assert!(
        desk.says("number").contains("Deutschland"),
        "{}",
        desk.says("number")
    );
    assert!(
        desk.says("said").contains("Eingehender Anruf"),
        "{}",
        desk.says("said")
    );
    let text = desk.text("main").unwrap();
    assert!(text.contains("Ja") && !text.contains("true"), "{text}");
    desk.suits_everybody("in German");
    desk.picture("german", "light");
}

#[test]
fn who_must_not_be_called_is_not() {
    let floor = Floor::open("");
    let browser = Browser::open();
    let desk = Desk::of(&browser, &floor, "1001");
    floor.ring(NOT_TO_BE_CALLED, "1001");
    desk.until_shows("customer", "ringing");
    assert!(desk.has("flag"));
    for (action, why) in [("dial", "dial-why"), ("sms", "sms-why")] {
        let selector = format!("[data-test=\"{action}\"]");
        assert_eq!(
            desk.attribute(&selector, "aria-disabled").as_deref(),
            Some("true"),
            "{action}"
        );
        assert!(!desk.says(why).is_empty(), "{why}");
        let href = desk.attribute(&selector, "href");
        assert_eq!(href, None, "{action}");
    }
}
