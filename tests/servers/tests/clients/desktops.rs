//! Cisco's desktops and call control, and 3CX: what they send and how, as far as it is known.

use serde_json::json;
use servers::curl::{Fetched, curl};

use crate::centre::Centre;

/// What Unified CM sends ahead of a call from `number`; `Zoë` has a byte that is no UTF-8.
fn xacml(number: &str) -> Vec<u8> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n\
         <Request xmlns=\"urn:oasis:names:tc:xacml:2.0:context:schema:os\"><Subject>\
         <Attribute AttributeId=\"urn:Cisco:uc:1.0:callingnumber\"><AttributeValue>{number}</AttributeValue></Attribute>\
         <Attribute AttributeId=\"urn:Cisco:uc:1.0:callednumber\"><AttributeValue>50102</AttributeValue></Attribute>\
         <Attribute AttributeId=\"urn:oasis:names:tc:xacml:1.0:subject:role-id\"><AttributeValue>Zo~</AttributeValue></Attribute>\
         </Subject></Request>"
    );
    text.into_bytes()
        .into_iter()
        .map(|byte| if byte == b'~' { 0xeb } else { byte })
        .collect()
}

fn curri(centre: &Centre, body: &[u8]) -> Fetched {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    std::fs::write(&file, body).unwrap();
    let body = format!("@{}", file.display());
    curl(&[
        "--max-time",
        "2",
        "--header",
        "Content-Type: text/xml; charset=ISO-8859-1",
        "--header",
        "Expect: 100-continue",
        "--data-binary",
        &body,
        &centre.url("/curri"),
    ])
}

#[test]
fn call_control_always_lets_a_call_go_on() {
    let centre = Centre::start("");
    let head = curl(&["--max-time", "2", "--head", &centre.url("/curri")]);
    assert_eq!((head.exit, head.status), (0, 200));
    for (number, name) in [
        ("4806754110", Some("Ada Lovelace")),
        ("+14806754110", Some("Ada Lovelace")),
        ("+14806754999", None),
        ("+14806754180", None),
        ("+14806754113", None),
        ("anonymous", None),
    ] {
        let fetched = curri(&centre, &xacml(number));
        assert_eq!((fetched.exit, fetched.status), (0, 200), "{fetched:?}");
        assert!(
            fetched.body.contains("<Decision>Permit</Decision>"),
            "{fetched:?}"
        );
        assert!(fetched.body.contains("continue"), "{fetched:?}");
        assert_eq!(
            fetched.body.contains("callingname"),
            name.is_some(),
            "{number}: {fetched:?}"
        );
        assert!(name.is_none_or(|name| fetched.body.contains(name)), "{fetched:?}");
    }
    let long = vec![b'<'; 70 << 10];
    for broken in [&b"<Request>"[..], b"", b"\xff\xfe\x00", &long] {
        let fetched = curri(&centre, broken);
        assert_eq!((fetched.exit, fetched.status), (0, 200), "{fetched:?}");
        assert!(
            fetched.body.contains("<Decision>Permit</Decision>"),
            "{fetched:?}"
        );
    }
}

#[test]
fn a_workflow_of_finesse_is_answered_whatever_it_calls_its_json() {
    let centre = Centre::start("");
    let body = json!({"ani": "+14806754110", "agent": "1001", "dialogId": "16804377",
        "callVariable1": "${callVariable1}"});
    let body = body.to_string();
    for kind in ["text/json", "application/json", "application/json; charset=utf-8"] {
        let kind = format!("Content-Type: {kind}");
        let url = centre.url("/v1/rings/finesse");
        let fetched = curl(&["--max-time", "5", "--header", &kind, "--data-binary", &body, &url]);
        assert_eq!((fetched.exit, fetched.status), (0, 200), "{fetched:?}");
        let answer = fetched.json();
        assert_eq!(answer["call_id"], "16804377", "{answer}");
        assert_eq!(answer["lookup"]["customer_id"], "c-1842", "{answer}");
    }
    let form = centre.url("/v1/rings/finesse");
    let fetched = curl(&["--data", "ani=+14806754999&agent=1001", &form]).json();
    assert_eq!(fetched["lookup"]["found"], false, "{fetched}");
}

#[test]
fn a_browser_pop_shows_a_page_to_an_agent() {
    let centre = Centre::start("");
    for (query, words) in [
        (
            "calling-number=4806754110&callid=16804377&nocache=1700000000000",
            "Ada Lovelace",
        ),
        ("calling-number=+14806754110", "Ada Lovelace"),
        ("calling-number=+14806754999", "Unknown caller"),
        ("calling-number=anonymous", "withheld"),
    ] {
        let url = centre.url(&format!("/customer-profile?{query}"));
        let fetched = curl(&["--user-agent", "Mozilla/5.0", "--location", &url]);
        assert_eq!((fetched.exit, fetched.status), (0, 200), "{fetched:?}");
        assert!(
            fetched
                .header("content-type")
                .is_some_and(|kind| kind.starts_with("text/html"))
        );
        assert!(fetched.body.contains(words), "{query}: {fetched:?}");
        assert!(!fetched.body.contains("<script"), "{fetched:?}");
    }
}

#[test]
fn a_telephone_system_of_3cx_lists_contacts() {
    let centre = Centre::start("");
    let contacts = |number: &str| {
        let url = centre.url(&format!("/3cx/lookup.json?phone={number}"));
        let fetched = curl(&["--max-time", "5", &url]);
        assert_eq!((fetched.exit, fetched.status), (0, 200), "{fetched:?}");
        let contacts = fetched.json()["contacts"].clone();
        let ids = contacts.as_array().unwrap().iter();
        let ids: Vec<String> = ids.map(|one| one["id"].as_str().unwrap().to_owned()).collect();
        ids
    };
    assert_eq!(contacts("14806754110"), ["c-1842"]);
    assert_eq!(contacts("+14806754110"), ["c-1842"]);
    assert!(contacts("+14806754999").is_empty());
    assert!(contacts("anonymous").is_empty());
    assert_eq!(contacts("+14806754180").len(), 2);
    let template = curl(&[&centre.url("/3cx/template.xml")]);
    assert!(template.body.contains("/3cx/lookup.json"), "{template:?}");
}
