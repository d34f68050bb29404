//! What is sent under the default names is what feeds read under theirs.

use std::path::Path;

use ringside::config::Config;
use ringside::feed::mapping::Entity;
use ringside::feed::source::Row;
use ringside::pop::outbox::{Item, Kind};
use serde_json::{Map, Value, json as value};

use crate::record::{Record, json};
use crate::site::Site;
use crate::wire::until;

/// What came of `body`, as the system of record would keep it: with an id of its own.
fn kept(kind: Kind, body: &Value) -> Value {
    let record = Record::start(|_, _| json(200, "{}"));
    let site = Site::new(&record.config(""));
    let running = site.serve();
    let outbox = running.outbox().unwrap();
    outbox.push(Item::new("k", "l", kind, body.clone())).unwrap();
    until(|| outbox.state(), |state| state.waiting == 0);
    let mut sent = record.requests()[0].body.clone();
    sent["_id"] = "64f0".into();
    running.drain();
    sent
}

#[test]
fn a_customer_comes_back_as_it_was_written_down() {
    let config = Config::load(None::<&Path>, std::iter::empty()).unwrap();
    let mut mapping = config.feed["main"].mapping();
    mapping.schema.from = "schema".to_owned();
    let body = value!({
        "customer_id": "new-1", "name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace", "company": "Engines",
        "phones": ["+14806754110"], "labels": [{"name": "VIP", "color": "#d4af37"}], "flags": {"do_not_call": true},
        "attributes": {"email": "ada@example.org"},
    });
    let row = mapping
        .row(Entity::Customer, &kept(Kind::Customer, &body))
        .unwrap();
    let Row::Customer(mut read) = row else {
        panic!("{row:?}")
    };
    let mut expected = body;
    expected["id"] = "64f0".into();
    expected["attributes"]["isAnonymous"] = false.into();
    for value in [&mut read, &mut expected] {
        let members = value.as_object_mut().unwrap();
        // When it was made is what its new id says.
        members.retain(|key, _| key != "customer_id" && key != "created_at");
    }
    assert_eq!(read, expected);
}

#[test]
fn an_interaction_comes_back_as_it_was() {
    let config = Config::load(None::<&Path>, std::iter::empty()).unwrap();
    let mapping = config.feed["main"].mapping();
    let mut body = value!({
        "started_at": "2026-11-21T10:00:00Z", "direction": "outbound", "type": "finesse", "ani": "+14806754110",
        "duration_s": 12,
        "activities": [{"kind": "ivr", "started_at": "2026-11-21T10:00:00Z", "duration_s": 2},
                       {"kind": "transfer", "agent_id": "1001", "agent_name": "Joan", "team": "Support", "extension": "4411",
                        "started_at": "2026-11-21T10:00:02Z", "duration_s": 10, "wrap_up": "Billing"}],
    });
    let mut sent = kept(Kind::Interaction, &body);
    sent["customerId"] = "c-1".into();
    let read: Map<String, Value> = mapping.interactions.read(&sent).unwrap();
    body["id"] = "64f0".into();
    assert_eq!(Value::Object(read), body);
    assert_eq!(mapping.owner(Entity::Interaction, &sent).as_deref(), Some("c-1"));
}
