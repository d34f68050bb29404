//! What is sent.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::settings;
use crate::pop::outbox::item::{Item, Kind};
use crate::pop::outbox::request::{encoded, filled, to_api, to_line, to_webhook};

fn body(settings: &super::Settings, item: &Item) -> Value {
    serde_json::from_slice(&to_api(settings, item).unwrap().body).unwrap()
}

#[test]
fn names_are_configuration_and_empty_ones_are_left_out() {
    let settings = settings(
        "kind = 'cim'\nurl = 'http://x'\ncustomer_extra = '{\"tenant\": 7, \"first\": \"x\"}'\n\
         [customer_fields]\nfirst_name = 'first'\nlast_name = ''\nphones = 'tel'\nattributes = 'custom'\n\
         customer_id = 'external'",
    );
    let of = json!({
        "customer_id": "new", "first_name": "Ada", "last_name": "Lovelace", "phones": [{"number": "1"}, "2", {"x": 1}],
        "flags": {"do_not_sms": true}, "attributes": {"email": "a@b"}, "labels": ["VIP"], "unknown": 1, "company": null,
    });
    let mut item = Item::new("k", "new", Kind::Customer, of);
    assert_eq!(
        body(&settings, &item),
        json!({"tenant": 7, "first": "Ada", "tel": ["1", "2"], "doNotSms": true, "custom": {"email": "a@b"},
               "labels": ["VIP"], "external": "new"})
    );
    item.body["op"] = "update".into();
    let asked = to_api(&settings, &item).unwrap();
    assert_eq!((asked.method.as_str(), &*asked.path), ("PUT", "/customers/new"));
    assert_eq!(body(&settings, &item).get("tenant"), None);
}

#[test]
fn a_link_to_nobody_says_so_and_what_a_path_needs_has_to_be_there() {
    let settings = settings("kind = 'cim'\nurl = 'http://x'");
    let item = Item::new("k", "a", Kind::Link, json!({"call_id": "a", "customer_id": null}));
    assert_eq!(body(&settings, &item), json!({"callId": "a", "customerId": null}));
    let item = Item::new("k", "a", Kind::Link, json!({"customer_id": "c"}));
    assert!(to_api(&settings, &item).is_err());
    let item = Item::new("k", "a", Kind::Sms, json!({}));
    assert!(to_api(&settings, &item).is_err_and(|why| why.contains("no path")));
}

#[test]
fn a_webhook_has_nothing_sensitive_wherever_it_is() {
    let settings = settings("kind = 'webhook'\nurl = 'http://x/hook'");
    let customer = json!({"attributes": {"pin": "1234", "email": "a"}});
    let of = json!({"attributes": {"pin": "1234", "email": "a"}, "customer": customer, "list": [customer]});
    let item = Item::new("k", "a", Kind::Customer, of);
    let asked = to_webhook(&settings, &item, &|key: &str| key == "pin").unwrap();
    let sent: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!((asked.path.as_str(), &sent["id"]), ("", &json!("k")));
    assert_eq!(sent["data"]["attributes"], json!({"email": "a"}));
    assert!(!sent.to_string().contains("1234"), "{sent}");
}

#[test]
fn a_line_is_one_line() {
    let item = Item::new("k", "a\nb", Kind::Sms, json!({"text": "one\ntwo"}));
    let line = to_line(&item);
    assert_eq!(line.matches('\n').count(), 1);
    assert_eq!(
        serde_json::from_str::<Value>(&line).unwrap()["body"]["text"],
        "one\ntwo"
    );
}

proptest! {
    #[test]
    fn no_id_leads_out_of_its_step(id in ".{0,20}") {
        let path = filled("/c/{customer_id}/x", &json!({"customer_id": id})).unwrap();
        let step = &path[3..path.len() - 2];
        prop_assert!(!step.contains(['/', '?', '#', ' ', '\\']) && step != "." && step != "..", "{}", path);
        let decoded = percent_encoding::percent_decode_str(&encoded(&id)).decode_utf8().unwrap().into_owned();
        prop_assert_eq!(decoded, id);
        let uri: Result<hyper::Uri, _> = path.parse();
        prop_assert!(uri.is_ok());
    }
}
