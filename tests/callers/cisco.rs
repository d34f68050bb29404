//! What the corpus cannot say of Finesse, Unified CM, 3CX and sipgate: pages elsewhere, counters, refusals.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use proptest::prelude::*;
use ringside::callers::{Call, Dialect, Refusal, Reply, Source, Speakers, Speaking, check_speaking};

use crate::support::{Centre, centre};

thread_local! {
    static CENTRE: Centre = centre(&super::corpus::plan());
}

fn speakers(centre: &Centre, dialect: Dialect, speaking: &Speaking) -> Speakers {
    let source = Source {
        meters: Arc::new(centre.meters.for_dialect(dialect.name())),
        ..centre.source.clone()
    };
    let mut speakers = Speakers::none();
    speakers.add(dialect, source, speaking).unwrap();
    speakers
}

fn on() -> Speaking {
    Speaking {
        enabled: true,
        ..Speaking::default()
    }
}

fn with_pages(pages: &[(&str, &str)]) -> Speaking {
    let said = |(name, url): &(&str, &str)| ((*name).to_owned(), (*url).to_owned());
    Speaking {
        pop_url: pages.iter().map(said).collect(),
        ..on()
    }
}

fn ask(speaking: &Speaking, dialect: Dialect, call: &Call<'_>) -> (Reply, String) {
    CENTRE.with(|centre| {
        let mut out = BytesMut::new();
        let speakers = speakers(centre, dialect, speaking);
        let reply = speakers.get(dialect).unwrap().answer(call, &mut out).unwrap();
        (reply, String::from_utf8(out.to_vec()).unwrap())
    })
}

fn profile<'a>(query: &'a str) -> Call<'a> {
    Call {
        path: "/customer-profile",
        query,
        ..Call::default()
    }
}

#[test]
fn a_browser_is_sent_to_the_page_of_whoever_was_found() {
    let speaking = with_pages(&[
        ("case", "https://crm.example/case/{case_id}?c={customer_id}"),
        (
            "customer",
            "https://crm.example/c/{customer_id}?tier={attr:tier}&ssn={attr:ssn}",
        ),
        ("several", "https://crm.example/find?q={ani_national}"),
        (
            "unknown",
            "https://crm.example/new?n={ani}&call={call_id}&v={var:callVariable1}&a={var:agent}",
        ),
        ("withheld", "https://crm.example/withheld?to={dnis}"),
    ]);
    for (query, location) in [
        (
            "calling-number=4806754110",
            "https://crm.example/case/k-1?c=c-1842",
        ),
        (
            "calling-number=4806754111",
            "https://crm.example/c/c-7?tier=&ssn=",
        ),
        // Its case may not be told.
        (
            "calling-number=4806754113",
            "https://crm.example/c/c-9?tier=&ssn=",
        ),
        (
            "calling-number=4806754180",
            "https://crm.example/find?q=4806754180",
        ),
        (
            "calling-number=4806754999&callid=16%2F8&callVariable1=a%26b&loginId=1001",
            "https://crm.example/new?n=%2B14806754999&call=16%2F8&v=a%26b&a=1001",
        ),
        (
            "calling-number=anonymous&dnis=50102",
            "https://crm.example/withheld?to=50102",
        ),
    ] {
        let (reply, body) = ask(&speaking, Dialect::Finesse, &profile(query));
        assert_eq!(
            (reply.status, reply.location.as_deref()),
            (302, Some(location)),
            "{query}"
        );
        assert_eq!(body, "");
    }
    let ada = with_pages(&[(
        "customer",
        "https://crm.example/{customer_id}?t={attr:tier}&s={attr:ssn}",
    )]);
    let (reply, _) = ask(&ada, Dialect::Finesse, &profile("calling-number=4806754110"));
    assert_eq!(
        reply.location.as_deref(),
        Some("https://crm.example/c-1842?t=gold&s=")
    );
    // Where there is no template for several, they are listed, each with its page.
    let (reply, body) = ask(&ada, Dialect::Finesse, &profile("calling-number=4806754180"));
    assert_eq!(reply.status, 200);
    assert!(
        body.contains("<a href=\"https://crm.example/c-20?t=&amp;s=\" rel=\"noreferrer\">Household One</a>"),
        "{body}"
    );
    let call = Call {
        path: "/3cx/lookup.json",
        query: "phone=4806754110",
        ..Call::default()
    };
    let (_, body) = ask(&speaking, Dialect::Threecx, &call);
    assert!(
        body.contains("\"contact_url\":\"https://crm.example/case/k-1?c=c-1842\""),
        "{body}"
    );
}

#[test]
fn a_page_may_do_nothing_but_be_looked_at() {
    let (reply, body) = ask(&on(), Dialect::Finesse, &profile("calling-number=4806754110"));
    let headers: BTreeMap<_, _> = reply.headers.iter().copied().collect();
    let policy = headers["content-security-policy"];
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe") && !body.contains("<script") && !body.contains(" style="));
}

#[test]
fn what_is_said_of_pages_and_columns_is_checked() {
    let error = |dialect, speaking| check_speaking(dialect, &speaking).unwrap_err().to_string();
    let said = error(Dialect::Finesse, with_pages(&[("customer", "https://{ani}/")]));
    assert!(said.starts_with("pop_url.customer: "), "{said}");
    let fields = BTreeMap::from([("x".to_owned(), "name".to_owned())]);
    let speaking = Speaking { fields, ..on() };
    for dialect in [Dialect::Finesse, Dialect::Sipgate] {
        assert!(
            error(dialect, speaking.clone()).starts_with("fields: "),
            "{dialect}"
        );
    }
    assert!(check_speaking(Dialect::Curri, &speaking).is_ok());
}

/// Whether `body` is an answer that lets the call go on, and the name in it.
fn continues(reply: &Reply, body: &str) -> Result<Option<String>, TestCaseError> {
    prop_assert_eq!((reply.status, reply.location.as_deref()), (200, None));
    prop_assert!(reply.content_type.starts_with("text/xml"));
    let answer = roxmltree::Document::parse(body).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let text = |name: &str| {
        let node = answer.descendants().find(|node| node.has_tag_name(name));
        node.and_then(|node| node.text()).unwrap_or_default().to_owned()
    };
    prop_assert_eq!(text("Decision"), "Permit");
    let instructions = text("AttributeValue");
    let instructions =
        roxmltree::Document::parse(&instructions).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let directive = instructions.root_element().first_element_child().unwrap();
    prop_assert_eq!(directive.tag_name().name(), "continue");
    let modify = directive.first_element_child();
    Ok(modify
        .and_then(|modify| modify.attribute("callingname"))
        .map(str::to_owned))
}

#[test]
fn a_call_goes_on_whatever_is_wrong_with_us() {
    let call = Call {
        method: "POST",
        path: "/curri",
        ..Call::default()
    };
    CENTRE.with(|centre| {
        let off = Speaking::default();
        for speaking in [on(), off] {
            let speakers = speakers(centre, Dialect::Curri, &speaking);
            let curri = speakers.get(Dialect::Curri).unwrap();
            let denied = Refusal::Denied {
                status: 401,
                code: "no_key",
                message: "no".to_owned(),
            };
            type Refuse<'a> = Box<dyn Fn(&mut BytesMut) -> Reply + 'a>;
            let ways: [Refuse<'_>; 4] = [
                Box::new(|out| curri.answer(&call, out).unwrap()),
                Box::new(|out| curri.overloaded(&call, out)),
                Box::new(|out| curri.disabled(&call, &denied, out).unwrap()),
                Box::new(|out| curri.refuse(&call, &Refusal::TooLarge { most: 1 }, out)),
            ];
            for way in ways {
                let mut out = BytesMut::new();
                let reply = way(&mut out);
                let name = continues(&reply, str::from_utf8(&out).unwrap()).unwrap();
                assert_eq!(name, None);
            }
        }
    });
}

proptest! {
    #[test]
    fn a_call_goes_on_whatever_is_sent(
        method in "GET|HEAD|POST|PUT|DELETE",
        number in "(\\+1)?480675411[0-9]|\\PC{0,20}",
        before in "\\PC{0,20}",
        inside in prop_oneof![Just(String::new()), any::<String>()],
    ) {
        let body = format!(
            "{before}<Request><Subject><Attribute AttributeId=\"urn:Cisco:uc:1.0:callingnumber\"><AttributeValue>{number}\
             </AttributeValue></Attribute>{inside}</Subject></Request>"
        );
        let call = Call { method: &method, path: "/curri", body: body.as_bytes(), ..Call::default() };
        let (reply, body) = ask(&on(), Dialect::Curri, &call);
        continues(&reply, &body)?;
    }

    #[test]
    fn no_page_holds_what_was_sent_as_markup(number in "\\PC{0,30}", variable in any::<String>(), method in "GET|POST") {
        let encoded: String = number.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let query = format!("calling-number={encoded}&callid={}", variable.replace(['&', '#'], ""));
        let call = Call { method: &method, ..profile(&query) };
        let (reply, body) = ask(&on(), Dialect::Finesse, &call);
        prop_assert_eq!(reply.status, 200);
        // Void elements are closed for the sake of the parser.
        let page = body.replace("<meta charset=\"utf-8\">", "").replace("initial-scale=1\">", "initial-scale=1\"/>")
            .replace("content=\"light dark\">", "content=\"light dark\"/>").replace("<!doctype html>", "");
        let page = roxmltree::Document::parse(&page).map_err(|error| TestCaseError::fail(error.to_string()))?;
        for node in page.descendants().filter(|node| node.is_element()) {
            prop_assert!(!matches!(node.tag_name().name(), "script" | "iframe" | "img"));
        }
    }
}

#[test]
fn the_data_action_reads_what_a_flat_answer_has() {
    let action: serde_json::Value =
        serde_json::from_str(include_str!("../../config/examples/genesys.json")).unwrap();
    let member = |pointer| {
        action
            .pointer(pointer)
            .and_then(serde_json::Value::as_object)
            .unwrap()
    };
    let map = member("/config/response/translationMap");
    let defaults = member("/config/response/translationMapDefaults");
    let told = member("/contract/output/successSchema/properties");
    for query in ["format=flat&ani=4806754110", "format=flat&ani=4806754999"] {
        let call = Call {
            path: "/v1/lookup",
            query,
            ..Call::default()
        };
        let (_, body) = CENTRE.with(|centre| {
            let mut out = BytesMut::new();
            let reply = centre.native.answer(&call, &mut out).unwrap();
            (reply, String::from_utf8(out.to_vec()).unwrap())
        });
        let flat: serde_json::Value = serde_json::from_str(&body).unwrap();
        for (name, path) in map {
            let path = path.as_str().unwrap().strip_prefix("$.").unwrap();
            assert!(flat[path].is_string(), "{path} in {body}");
            assert!(defaults[name].as_str().unwrap().starts_with('"'), "{name}");
            assert!(told.contains_key(name), "{name}");
        }
    }
    let template = action
        .pointer("/config/response/successTemplate")
        .unwrap()
        .as_str()
        .unwrap();
    for name in map.keys() {
        assert!(template.contains(&format!("\"{name}\": ${{{name}}}")), "{name}");
    }
}
