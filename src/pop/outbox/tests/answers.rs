//! What answers mean.

use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use hyper::header::HeaderMap;
use proptest::prelude::*;
use serde_json::json;

use super::settings;
use crate::pop::outbox::client::{Answered, Failure};
use crate::pop::outbox::item::{Item, Kind};
use crate::pop::outbox::judge::judge;
use crate::pop::outbox::queue::Answer;

const CIM: &str = "kind = 'cim'\nurl = 'http://x'";
const HOOK: &str = "kind = 'webhook'\nurl = 'http://x'";

fn answered(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Answered {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    Answered {
        status: StatusCode::from_u16(status).unwrap(),
        headers: map,
        body: body.to_vec().into(),
    }
}

fn meaning(target: &str, kind: Kind, answered: Result<Answered, Failure>) -> Answer {
    let item = Item::new("k", "l", kind, json!({"customer_id": "new"}));
    judge(&settings(target), &item, answered, SystemTime::UNIX_EPOCH)
}

fn word(answer: &Answer) -> &'static str {
    match answer {
        Answer::Delivered { .. } => "delivered",
        Answer::Refused { .. } => "refused",
        Answer::Failed { .. } => "failed",
        Answer::Away { .. } => "away",
    }
}

fn assigned(answered: Answered) -> Option<String> {
    match meaning(CIM, Kind::Customer, Ok(answered)) {
        Answer::Delivered { assigned_id } => assigned_id,
        other => panic!("{}", word(&other)),
    }
}

#[test]
fn each_status_has_its_meaning() {
    let of = |status, expected: &str, kind| {
        let answer = meaning(CIM, kind, Ok(answered(status, &[], b"")));
        assert_eq!(word(&answer), expected, "{status}");
    };
    for status in [200, 201, 202, 204, 409] {
        of(status, "delivered", Kind::Link);
    }
    for status in [400, 404, 405, 410, 413, 422, 451] {
        of(status, "refused", Kind::Link);
    }
    for status in [408, 425, 500, 501, 502, 504, 599] {
        of(status, "failed", Kind::Link);
    }
    for status in [301, 302, 307, 308, 401, 403, 407, 429, 503] {
        of(status, "away", Kind::Link);
    }
    of(409, "refused", Kind::Customer);
    for (failure, expected) in [
        (Failure::Unreachable, "away"),
        (Failure::Late, "failed"),
        (Failure::Broken, "failed"),
        (Failure::TooLong, "failed"),
    ] {
        assert_eq!(word(&meaning(CIM, Kind::Link, Err(failure))), expected);
    }
}

#[test]
fn only_json_is_an_answer_of_an_api_and_anything_of_a_webhook() {
    let page = || Ok(answered(200, &[], b"<html>Log in"));
    assert_eq!(word(&meaning(CIM, Kind::Link, page())), "failed");
    assert_eq!(word(&meaning(HOOK, Kind::Link, page())), "delivered");
    assert_eq!(
        word(&meaning(CIM, Kind::Link, Ok(answered(200, &[], b" \r\n")))),
        "delivered"
    );
    let conflict = meaning(HOOK, Kind::Customer, Ok(answered(409, &[], b"")));
    assert_eq!(word(&conflict), "delivered");
}

#[test]
fn the_new_id_is_where_it_is_looked_for() {
    let found = |body: &str| assigned(answered(201, &[], body.as_bytes()));
    assert_eq!(found(r#"{"_id": {"$oid": "64f0"}}"#).as_deref(), Some("64f0"));
    assert_eq!(found(r#"{"id": 17, "name": "x"}"#).as_deref(), Some("17"));
    assert_eq!(
        found(r#"{"id": "", "customer_id": "c-1"}"#).as_deref(),
        Some("c-1")
    );
    assert_eq!(found(r#"{"id": ["x"]}"#), None);
    assert_eq!(found("[]"), None);
    let at = |status, location: &str| assigned(answered(status, &[("location", location)], b""));
    assert_eq!(at(201, "/customers/c%201/?x=1").as_deref(), Some("c 1"));
    assert_eq!(at(201, "https://cim.example/customers/7").as_deref(), Some("7"));
    assert_eq!(at(200, "/customers/7"), None);
    // Not of what makes no customer.
    let body = answered(201, &[], br#"{"id": "i-1"}"#);
    let told = meaning(CIM, Kind::Interaction, Ok(body));
    assert!(told == Answer::Delivered { assigned_id: None });
}

#[test]
fn a_conflict_is_the_same_customer_only_where_it_says_which() {
    let of = |body: &str| meaning(CIM, Kind::Customer, Ok(answered(409, &[], body.as_bytes())));
    let assigned_id = Some("64f1".to_owned());
    assert!(of(r#"{"existing_id": "64f1"}"#) == Answer::Delivered { assigned_id });
    assert_eq!(
        word(&of(r#"{"id": "trace-1", "error": "phone taken"}"#)),
        "refused"
    );
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let of = |value: &str| match meaning(CIM, Kind::Link, Ok(answered(503, &[("retry-after", value)], b""))) {
        Answer::Away { asked_ms, .. } => asked_ms,
        other => panic!("{}", word(&other)),
    };
    assert_eq!(of("7"), Some(7000));
    let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(90));
    assert_eq!(of(&date), Some(90_000));
    assert_eq!(of("soon"), None);
    assert_eq!(of("99999999999999999999"), None);
    assert_eq!(of("18446744073709551615"), Some(u64::MAX));
}

#[test]
fn an_error_has_nothing_of_what_was_sent() {
    let body = "Lovelace\u{7} ".repeat(200);
    let Answer::Refused { error, answer } = meaning(CIM, Kind::Link, Ok(answered(422, &[], body.as_bytes())))
    else {
        panic!("not refused")
    };
    assert_eq!(error, "status 422");
    let answer = answer.unwrap();
    assert!(answer.chars().count() <= 500 && !answer.contains('\u{7}'));
}

proptest! {
    #[test]
    fn no_answer_ends_the_process(status in 200u16..=599, body: Vec<u8>, retry in "[ -~]{0,20}") {
        for (target, kind) in [(CIM, Kind::Customer), (CIM, Kind::Sms), (HOOK, Kind::Link)] {
            let _ = meaning(target, kind, Ok(answered(status, &[("retry-after", &retry), ("location", &retry)], &body)));
        }
    }
}
