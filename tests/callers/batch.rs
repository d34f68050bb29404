//! Batches: what they fetch together changes nothing of what each number's answer is.

use bytes::BytesMut;
use proptest::prelude::*;
use ringside::callers::Call;
use ringside::customer::Record;
use serde_json::json;

use crate::support::{Centre, Plan, ada, centre, person, record};

thread_local! {
    static CENTRE: Centre = mixed();
}

/// Customers in the snapshot and in the overlay, and numbers that two claim.
fn mixed() -> Centre {
    let customers = vec![
        ada(),
        person("c-1", "First", json!(["+1 480 675 4111", "+1 480 675 4112"])),
        person("c-2", "Second", json!(["+1 480 675 4111"])),
        person("c-3", "Third", json!(["+1 480 675 4181"])),
        person("c-4", "Fourth", json!(["+1 480 675 4181"])),
        person("c-5", "Fifth", json!(["sip:alice@example.org"])),
    ];
    let mut centre = centre(&Plan {
        customers,
        ..Plan::default()
    });
    let schema = centre.tenant.index.schema();
    let changed = person("c-2", "Second anew", json!(["+1 480 675 4113"]));
    for document in [changed, person("c-6", "Sixth", json!(["+1 480 675 4116"]))] {
        let seq = centre.writer.seq() + 1;
        let bytes = record(&document, &schema, seq);
        centre.writer.upsert(seq, &Record::open(&bytes).unwrap());
    }
    centre.writer.publish();
    centre
}

fn answer(method: &str, query: &str, body: &[u8]) -> String {
    let call = Call {
        method,
        path: "/v1/lookup",
        query,
        body,
        ..Call::default()
    };
    let mut out = BytesMut::new();
    CENTRE
        .with(|centre| centre.native.answer(&call, &mut out))
        .unwrap();
    String::from_utf8(out.to_vec()).unwrap()
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "\\+148067541(1[0-9]|8[01])",
        1 => "\\+1480[2-9][0-9]{6}",
        1 => Just("sip:alice@example.org".to_owned()),
        1 => "(|anonymous|hotel|\\+18005550199|[0-9]{0,4})",
    ]
}

proptest! {
    #[test]
    fn a_batch_answers_what_each_number_alone_is_answered(
        anis in prop::collection::vec(number(), 1..100),
        query in "(|format=flat|fields=name,match|verstat=TN-Validation-Failed)",
    ) {
        let body = json!({ "anis": anis }).to_string();
        let singles: Vec<String> = anis
            .iter()
            .map(|ani| answer("POST", &query, json!({ "ani": ani }).to_string().as_bytes()))
            .collect();
        prop_assert_eq!(
            answer("POST", &query, body.as_bytes()),
            format!("{{\"results\":[{}]}}", singles.join(","))
        );
    }
}
