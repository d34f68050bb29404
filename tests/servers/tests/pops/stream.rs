//! The page and the program lose each other, are refused, or know that what they know is old.

use serde_json::{Value, json};
use servers::chromium::Browser;

use crate::desk::Desk;
use crate::floor::Floor;
use crate::people::{ADA, GRACE};

#[test]
fn a_restart_loses_no_call() {
    let floor = Floor::open("");
    let browser = Browser::open();
    browser.expect("ERR_CONNECTION_REFUSED");
    browser.expect("ERR_CONNECTION_RESET");
    browser.expect("ERR_INCOMPLETE_CHUNKED_ENCODING");
    browser.expect("ERR_EMPTY_RESPONSE");
    let desk = Desk::of(&browser, &floor, "1001");
    let first = floor.ring(ADA, "1001");
    desk.until_shows("case", "ringing");
    floor.event(&first, "1001", "answer", &json!({}));
    desk.until_is("call", "answered");
    let pop = desk.is("pop");

    floor.go();
    desk.until_is("stream", "lost");
    // What is there stays to be worked with, and the agent knows.
    assert_eq!(desk.says("name"), "Ada Lovelace");
    assert!(!desk.says("status").is_empty());
    desk.suits_everybody("disconnected");
    desk.picture("lost", "light");
    floor.come();
    let second = floor.ring(GRACE, "1001");
    desk.until_is("stream", "live");
    desk.hears("card", "Grace O'Hopper");
    assert_eq!((desk.is("pop"), desk.is("call")), (pop, "answered".to_owned()));
    // One card: it is not told twice.
    assert_eq!(desk.all("card").len(), 1);

    // What was over meanwhile is not taken for going on.
    floor.go();
    desk.until_is("stream", "lost");
    floor.come();
    floor.event(&first, "1001", "end", &json!({}));
    floor.event(&second, "1001", "end", &json!({}));
    desk.until_is("stream", "live");
    desk.until("no call goes on", || {
        desk.is("call") != "answered" && !desk.has("card")
    });
}

#[test]
fn a_page_that_comes_late_has_what_rings() {
    let floor = Floor::open("");
    floor.ring(ADA, "1001");
    let browser = Browser::open();
    let desk = Desk::of(&browser, &floor, "1001");
    desk.until_shows("case", "ringing");
    desk.reload();
    desk.until_shows("case", "ringing");
    assert_eq!(desk.says("name"), "Ada Lovelace");
    // Another agent's desktop has none of it.
    let other = Desk::of(&browser, &floor, "1002");
    assert_eq!(other.is("page"), "waiting");
}

#[test]
fn who_is_refused_is_told_what_to_ask_for() {
    let floor = Floor::locked("");
    let wrong = floor.key("desk-1002", &["desktop:1002"]);
    let right = floor.key("desk-1001", &["desktop:1001"]);
    // Keys of a file that another process wrote count from the next start.
    floor.go();
    floor.come();
    let browser = Browser::open();
    browser.expect("401");
    browser.expect("403");
    let desk = Desk::on(browser.blank(), &floor, "agent=1001");
    desk.until_is("stream", "refused");
    assert_eq!(desk.is("page"), "refused");
    assert!(desk.text("main").unwrap().contains("1001"));
    desk.suits_everybody("refused");

    desk.types("refused-key", &wrong);
    desk.does("refused-use");
    // Until then the page says that none was given.
    desk.until("the key of somebody else is refused", || {
        let said = desk.text("main").unwrap_or_default();
        desk.is("stream") == "refused" && said.contains(&format!("{}… was refused", &wrong[..4]))
    });
    desk.types("refused-key", &right);
    desk.does("refused-use");
    desk.until_is("stream", "live");
    floor.ring(ADA, "1001");
    desk.until_shows("case", "ringing");
    // What is sensitive needs a scope of its own.
    let text = desk.text("body").unwrap();
    assert!(
        text.contains("ada@example.org") && !text.contains("078-05-1120"),
        "{text}"
    );
    // The key is in nobody's address.
    assert!(!desk.url().contains("rs_"), "{}", desk.url());
}

#[test]
fn old_data_is_called_old() {
    let floor = Floor::open("[answers]\nstale_after_s = 1\n");
    let browser = Browser::open();
    browser.blank().until("it is old", || {
        let (_, answer) = floor.ask("GET", "/v1/lookup?ani=%2B14806754110", &Value::Null);
        answer["stale"] == true
    });
    let desk = Desk::of(&browser, &floor, "1001");
    desk.hears("status", "as of");
    floor.ring(ADA, "1001");
    desk.until_shows("case", "ringing");
    desk.hears("status", "as of");
    desk.suits_everybody("stale");
}
