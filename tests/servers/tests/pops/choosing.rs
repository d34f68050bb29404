//! Whoever calls is not clear at first: several people, nobody, or a number that is kept back.

use serde_json::{Value, json};
use servers::chromium::Browser;

use crate::desk::{Desk, of};
use crate::floor::{Floor, SYSTEM_OF_RECORD};
use crate::people::{GRACE, HOUSEHOLD, NOBODY};

/// The customer that the newest call of `agent` is linked to, and who said so.
fn link(floor: &Floor, agent: &str) -> (Value, Value) {
    let link = floor.current(agent)[0]["link"].clone();
    (link["customer_id"].clone(), link["by"].clone())
}

#[test]
fn one_of_several_is_chosen_and_stays_chosen() {
    let floor = Floor::open("");
    let browser = Browser::open();
    let desk = Desk::of(&browser, &floor, "1001");
    let call = floor.ring(HOUSEHOLD, "1001");
    desk.until_shows("several", "ringing");
    let choices = desk.all("choice");
    assert_eq!(choices.len(), 3, "{choices:?}");
    assert!(
        choices
            .iter()
            .any(|choice| choice.contains("William Somerville") && choice.contains("Royal Hospital"))
    );
    // Nobody is greeted by a name that may be another's.
    assert!(!desk.says("name").contains("Somerville"), "{}", desk.says("name"));

    desk.chooses("choice", "c-21");
    desk.until_is("page", "customer");
    desk.hears("name", "William Somerville");
    assert_eq!(link(&floor, "1001"), (json!("c-21"), json!("agent")));
    assert!(desk.has("linked"));
    // The same ring again, and the page again: it holds.
    floor.ring_as(&call, HOUSEHOLD, "1001", &json!({}));
    desk.reload();
    desk.until_is("stream", "live");
    desk.hears("name", "William Somerville");

    desk.does("unlink");
    desk.until("nobody is linked", || link(&floor, "1001").0.is_null());
    desk.until("the agent is asked again", || desk.is("page") != "customer");
}

/// The selector of the form's field `key`.
fn field(key: &str) -> String {
    of("field", "key", key)
}

#[test]
fn nobody_becomes_a_customer_and_is_confirmed() {
    let floor = Floor::open(SYSTEM_OF_RECORD);
    let browser = Browser::open();
    let desk = Desk::of(&browser, &floor, "1001");
    floor.ring(NOBODY, "1001");
    desk.until_shows("unknown", "ringing");
    assert!(desk.says("name").contains("675-4199"), "{}", desk.says("name"));
    assert!(desk.says("said").contains("675-4199"), "{}", desk.says("said"));
    if !desk.has("form") {
        desk.does("create");
    }
    // Two fields long, and the number is there already.
    assert_eq!(desk.all("field").len(), 2);
    let number = "return document.querySelector(arguments[0]).value.replace(/[^0-9]/g, '')";
    let number = desk.evaluate(number, &[json!(field("phone"))]);
    assert!(number.as_str().unwrap().ends_with("4806754199"), "{number}");

    // Nothing that is typed is lost when something happens to the call.
    desk.fill(&field("name"), "Katherine Johnson");
    let call = floor.current("1001")[0]["call_id"].as_str().unwrap().to_owned();
    floor.event(&call, "1001", "answer", &json!({}));
    desk.until_is("call", "answered");
    let typed = desk.evaluate(
        "return document.querySelector(arguments[0]).value",
        &[json!(field("name"))],
    );
    assert_eq!(typed, "Katherine Johnson");
    desk.does("save");
    desk.until_is("page", "customer");
    desk.hears("name", "Katherine Johnson");
    assert!(desk.has("pending"));

    let (id, by) = link(&floor, "1001");
    assert_eq!(by, "agent");
    let customer = json!({"id": id, "name": "Katherine Johnson", "phones": [NOBODY], "company": "NASA"});
    floor.push(&json!({"op": "upsert", "customer": customer}).to_string());
    desk.loses("pending");
    assert_eq!(desk.says("name"), "Katherine Johnson");
    // The next call from there is somebody's.
    floor.event(&call, "1001", "end", &json!({}));
    floor.ring(NOBODY, "1002");
    assert_eq!(floor.current("1002")[0]["page"], "customer");
}

#[test]
fn a_form_says_which_field_is_wrong() {
    let floor = Floor::open(SYSTEM_OF_RECORD);
    let browser = Browser::open();
    browser.expect("400");
    let desk = Desk::of(&browser, &floor, "1001");
    floor.ring(NOBODY, "1001");
    desk.until_shows("unknown", "ringing");
    if !desk.has("form") {
        desk.does("create");
    }
    desk.fill(&field("name"), "Katherine Johnson");
    desk.fill(&field("phone"), "no number at all");
    desk.does("save");
    desk.until_shown(&of("field-error", "key", "phone"));
    desk.suits_everybody("a form with an error");
    assert!(link(&floor, "1001").0.is_null());
    desk.fill(&field("phone"), NOBODY);
    desk.does("save");
    desk.until_is("page", "customer");
}

#[test]
fn somebody_is_found_by_name_and_linked() {
    let floor = Floor::open("");
    let browser = Browser::open();
    let desk = Desk::of(&browser, &floor, "1001");
    floor.ring(NOBODY, "1001");
    desk.until_shows("unknown", "ringing");
    if !desk.has("find-input") {
        desk.does("link");
    }
    desk.types("find-input", "hop gra");
    desk.until_finds_only("c-7");
    desk.chooses("find-row", "c-7");
    desk.until_is("page", "customer");
    desk.hears("name", "Grace O'Hopper");
    assert_eq!(link(&floor, "1001"), (json!("c-7"), json!("agent")));
    desk.does("undo");
    desk.until("it is undone", || link(&floor, "1001").0.is_null());
    desk.until_is("page", "unknown");
}

#[test]
fn who_keeps_the_number_back_is_nobody() {
    let floor = Floor::open("");
    let browser = Browser::open();
    let desk = Desk::of(&browser, &floor, "1001");
    for ani in ["anonymous", "Restricted", ""] {
        floor.ring(ani, "1001");
        desk.until_shows("withheld", "ringing");
        assert_eq!(desk.says("name"), "Number withheld");
        let call = floor.current("1001")[0]["call_id"].as_str().unwrap().to_owned();
        floor.event(&call, "1001", "end", &json!({}));
        desk.until("it is over", || desk.is("call") != "ringing");
    }
}

#[test]
fn not_this_person() {
    let floor = Floor::open("");
    let browser = Browser::open();
    let desk = Desk::of(&browser, &floor, "1001");
    let call = floor.ring(GRACE, "1001");
    desk.until_shows("customer", "ringing");
    desk.does("unlink");
    desk.until_is("page", "unknown");
    assert!(!desk.text("body").unwrap().contains("grace@example.org"));
    // Whoever has the call next is not told either.
    floor.event(&call, "1001", "transfer", &json!({"to_agent": "1002"}));
    floor.ring_as(&call, GRACE, "1002", &json!({}));
    let pops = floor.current("1002");
    assert_eq!(
        (&pops[0]["link"]["customer_id"], &pops[0]["lookup"]["customer"]),
        (&Value::Null, &Value::Null)
    );
}
