//! The native dialect without sockets: whatever is sent, there is an answer, and it is of the kind that it says.

#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use bytes::BytesMut;
use proptest::prelude::*;
use ringside::callers::Call;

#[path = "callers/batch.rs"]
mod batch;
#[path = "callers/calls.rs"]
mod calls;
#[path = "callers/cisco.rs"]
mod cisco;
#[path = "callers/corpus.rs"]
mod corpus;
#[path = "callers/crm.rs"]
mod crm;
#[path = "callers/flow.rs"]
mod flow;
#[path = "callers/list.rs"]
mod list;
#[path = "callers/rings.rs"]
mod rings;
#[path = "support/served.rs"]
mod served;
#[path = "support/centre.rs"]
mod support;
#[path = "support/wire.rs"]
mod wire;
#[path = "callers/withheld.rs"]
mod withheld;

use support::{Centre, Plan, centre};

thread_local! {
    static CENTRE: Centre = centre(&Plan::default());
}

fn answer(method: &str, path: &str, query: &str, body: &[u8]) -> Option<(u16, &'static str, Vec<u8>)> {
    let call = Call {
        method,
        path,
        query,
        content_type: None,
        host: None,
        is_secure: false,
        diversion: Some("<sip:+18005550199@pbx>, <sip:+14806754110@carrier>"),
        body,
    };
    let mut out = BytesMut::new();
    let reply = CENTRE.with(|centre| centre.native.answer(&call, &mut out))?;
    Some((reply.status, reply.content_type, out.to_vec()))
}

fn query() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("ani".to_owned()),
        Just("dnis".to_owned()),
        Just("format".to_owned()),
        Just("fields".to_owned()),
        Just("onmiss".to_owned()),
        Just("region".to_owned()),
        Just("verstat".to_owned()),
        Just("diversion".to_owned()),
        "\\PC{0,4}",
    ];
    let value = prop_oneof![
        "[+0-9%B ]{0,20}",
        "json|flat|text|kv",
        "%2B18005550199",
        "[<>\",;:@%0-9a-z+]{0,30}",
        "US|GB|ZZ|200|404",
        "(customer\\.)?(name|attributes\\.tier|ssn)",
        any::<String>(),
    ];
    prop::collection::vec((name, value), 0..5).prop_map(|pairs| {
        pairs
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("&")
    })
}

proptest! {
    #[test]
    fn anything_gets_an_answer(
        method in "GET|HEAD|POST|PUT",
        path in "/{0,2}v1/(lookup|customers)(/\\PC{0,12})?",
        query in query(),
        body in prop_oneof![any::<Vec<u8>>(), "\\{\"anis?\": ?(\\[?\"\\PC{0,8}\"\\]?|null|[0-9]{0,20})\\}".prop_map(String::into_bytes)],
    ) {
        let Some((status, content_type, body)) = answer(&method, &path, &query, &body) else {
            return Ok(());
        };
        prop_assert!([200, 400, 404, 405].contains(&status), "{}", status);
        let body = String::from_utf8(body).unwrap();
        if content_type == "application/json" {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{}", body);
        } else {
            prop_assert!(!body.contains(['{', '<', '\r', '\n']), "{}", body);
        }
    }
}

#[test]
fn other_paths_are_left_to_others() {
    for path in [
        "/v1",
        "/v1/lookups",
        "/v1/lookup/1/2",
        "/v1/customers/c-1/x",
        "",
        "/",
        "///",
    ] {
        assert_eq!(answer("GET", path, "ani=1", b""), None, "{path}");
    }
}
