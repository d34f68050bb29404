//! Somebody whom the centre knows calls: who it is, why, and what was before, at once and until the call is over.

use serde_json::json;
use servers::chromium::Browser;

use crate::desk::{Desk, of};
use crate::floor::{Floor, SYSTEM_OF_RECORD};
use crate::people::{ADA, GRACE};

#[test]
fn a_ring_shows_everything_at_once() {
    let floor = Floor::open("");
    let browser = Browser::open();
    let desk = Desk::of(&browser, &floor, "1001");
    assert_eq!(
        (desk.is("page"), desk.is("call")),
        ("waiting".to_owned(), "none".to_owned())
    );
    assert!(desk.says("status").contains("1001"), "{}", desk.says("status"));

    floor.ring(ADA, "1001");
    desk.until_shows("case", "ringing");
    // Nothing is waited for from here on: what is not there now did not come with the event.
    assert_eq!(desk.says("name"), "Ada Lovelace");
    assert!(
        desk.says("number").contains("(480) 675-4110"),
        "{}",
        desk.says("number")
    );
    let labels = desk.all("label");
    assert!(
        labels.len() == 2 && labels[0].contains("VIP") && labels[1].contains("early adopter"),
        "{labels:?}"
    );
    let case = desk.says("case");
    assert!(
        case.contains("CAS-01213") && case.contains("Router keeps rebooting"),
        "{case}"
    );
    let last = desk.all("last-item");
    assert_eq!(last.len(), 3, "{last:?}");
    for (item, wrap_up) in last.iter().zip(["Billing", "Call back", "Outage"]) {
        assert!(item.contains(wrap_up), "{item}");
    }
    assert!(last[0].contains("2 days ago"), "{}", last[0]);
    let keys = desk.evaluate(
        "return [...document.querySelectorAll('[data-test=\"attribute\"]')].map(it => it.dataset.key)
            .filter(key => key != 'phones')",
        &[],
    );
    assert_eq!(keys, json!(["email", "portal", "tier", "birthday", "opted_out"]));
    let said = desk.says("said");
    for part in ["Ada Lovelace", "VIP", "CAS-01213"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn a_call_is_answered_wrapped_up_and_over() {
    let floor = Floor::open("[profile.main]\nwrap_ups = [\"Billing\", \"Outage\"]\n");
    let browser = Browser::open();
    let desk = Desk::of(&browser, &floor, "1001");
    let call = floor.ring(ADA, "1001");
    desk.until_shows("case", "ringing");
    let pop = desk.is("pop");
    floor.event(&call, "1001", "answer", &json!({}));
    desk.until_is("call", "answered");
    desk.does("wrapup-choice");
    desk.until("the wrap-up is kept", || {
        floor
            .current("1001")
            .iter()
            .any(|pop| pop["wrap_up"] == "Billing")
    });
    desk.hears("wrapup-now", "Billing");
    floor.event(&call, "1001", "end", &json!({}));
    desk.until_is("call", "ended");
    // It is still there to be read, and rings no second time.
    assert_eq!(
        (desk.is("pop"), desk.says("name")),
        (pop.clone(), "Ada Lovelace".to_owned())
    );
    let second = floor.ring(GRACE, "1001");
    desk.until_shows("customer", "ringing");
    assert_eq!(desk.says("name"), "Grace O'Hopper");
    // The call before is one click away.
    floor.event(&second, "1001", "end", &json!({}));
    desk.until_shown(&of("recent", "pop", &pop));
    desk.clicks(&of("recent", "pop", &pop));
    desk.hears("name", "Ada Lovelace");
}

#[test]
fn history_opens_to_what_each_one_did() {
    let floor = Floor::open("");
    let browser = Browser::open();
    let desk = Desk::of(&browser, &floor, "1001");
    floor.ring(ADA, "1001");
    desk.until_shows("case", "ringing");
    // Three stand with the customer, the others behind them.
    assert_eq!(desk.all("last-item").len() + desk.all("interaction").len(), 5);
    assert!(!desk.has("activity"));
    desk.clicks("[data-test=\"interaction\"] summary");
    desk.until_shown("[data-test=\"activity\"]");
    let activities = desk.all("activity").join("\n");
    assert!(
        activities.contains("Joan Clarke") && activities.contains("Billing"),
        "{activities}"
    );
}

/// A system of record that is down: what is here is shown, and that there is no more for now is said.
#[test]
fn older_history_that_cannot_be_had_is_said() {
    let floor = Floor::open(SYSTEM_OF_RECORD);
    let browser = Browser::open();
    browser.expect("503");
    let desk = Desk::of(&browser, &floor, "1001");
    floor.ring(ADA, "1001");
    desk.until_shows("case", "ringing");
    desk.does("older");
    desk.until_shown("[data-test=\"older-unavailable\"]");
    assert_eq!(desk.all("last-item").len() + desk.all("interaction").len(), 5);
}

#[test]
fn nobody_is_popped_for_calls_that_are_not_the_customers() {
    let floor = Floor::open("");
    for call_type in ["CONSULT", "BARGE_IN", "SILENT_MONITOR"] {
        let answer = floor.ring_as(&floor.call(), ADA, "1001", &json!({"call_type": call_type}));
        assert_eq!(answer["pop_id"], json!(null), "{call_type}: {answer}");
    }
    let manual = json!({"direction": "outbound", "call_type": "OUT"});
    let answer = floor.ring_as(&floor.call(), ADA, "1001", &manual);
    assert_eq!(
        (&answer["pop_id"], &answer["reason"]),
        (&json!(null), &json!("manual_outbound"))
    );
    assert!(floor.current("1001").is_empty());
}
