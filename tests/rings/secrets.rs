//! What is not for everybody stays with whoever may have it: keys, other agents' calls, sensitive attributes.

use serde_json::{Value, json};

use crate::rights::{ask, key};
use crate::site::Site;
use crate::wire::tcp;
use crate::{ADA, JSON, PATIENT};

#[test]
fn a_key_in_the_query_is_kept_nowhere() {
    let site = Site::new("listener.main.key_in_query = true\n");
    let (phones, desk) = (
        key(&site, "phones", &["ring"]),
        key(&site, "desk", &["desktop:1001"]),
    );
    let (serving, at, _) = site.start(&PATIENT);
    let ring = json!({"call_id": "call-1", "ani": ADA, "agent": "1001"}).to_string();
    let target = format!("/v1/rings?key={phones}&queue=sales");
    assert_eq!(tcp(at).post(&target, JSON, ring.as_bytes()).status, 200);
    let current = ask(at, &desk, "GET", "/v1/agents/1001/current", &Value::Null);
    assert_eq!(current.json()["pops"][0]["ring"]["queue"], "sales");
    assert!(!current.body.contains("rs_"), "{}", current.body);
    drop(serving);
    let calls = std::path::Path::new(site.data()).join("main/calls");
    let kept = std::fs::read_dir(calls)
        .unwrap()
        .map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let kept = String::from_utf8_lossy(&kept.flatten().collect::<Vec<u8>>()).into_owned();
    assert!(
        kept.contains("sales") && !kept.contains("rs_"),
        "the log of calls"
    );
}

#[test]
fn a_desktop_takes_no_call_of_others_by_another_name() {
    let site = Site::new("");
    let phones = key(&site, "phones", &["ring"]);
    let desk = key(&site, "desk", &["desktop:1001"]);
    let (_serving, at, _) = site.start(&PATIENT);
    for (call, agent) in [("mine", "1001"), ("theirs", "1002")] {
        let ring = json!({"call_id": call, "ani": ADA, "agent": agent});
        assert_eq!(ask(at, &phones, "POST", "/v1/rings", &ring).status, 200);
    }
    let joins = json!({"event": "ivr", "secondary_id": "theirs"});
    let answer = ask(at, &desk, "POST", "/v1/agents/1001/calls/mine/events", &joins);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let link = json!({"customer_id": "c-2"});
    let answer = ask(at, &desk, "PUT", "/v1/agents/1001/calls/theirs/link", &link);
    assert_eq!(answer.status, 404, "{}", answer.body);
}

#[test]
fn what_is_sensitive_of_who_is_written_down_is_so() {
    let site = Site::new("");
    let told = site.dir.path().join("told.ndjson");
    site.configure(&format!(
        "feed.main.kind = 'http'\nsystem_of_record.kind = 'file'\nsystem_of_record.file.path = {told:?}\n"
    ));
    let feed = key(&site, "feed", &["feed", "ring"]);
    let plain = key(&site, "plain", &["desktop:1001"]);
    let trusted = key(&site, "trusted", &["desktop:1001", "sensitive"]);
    let (_serving, at, _) = site.start(&PATIENT);
    let schema = json!({"op": "schema", "schema": [
        {"key": "pin", "label": "PIN", "type": "text", "sensitive": true},
        {"key": "city", "label": "City", "type": "text"},
    ]});
    let answer = ask(at, &feed, "POST", "/v1/changes", &schema);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let ring = json!({"call_id": "call-1", "ani": "+14806754199", "agent": "1001"});
    assert_eq!(ask(at, &feed, "POST", "/v1/rings", &ring).status, 200);
    let new = json!({
        "name": "Katherine", "phones": ["+14806754199"], "call_id": "call-1", "id": "draft-1",
        "attributes": {"pin": "SECRET99", "city": "Mesa"},
    });
    let path = "/v1/agents/1001/customers";
    assert_eq!(
        ask(at, &plain, "POST", path, &new).status,
        400,
        "it may not write what it may not see"
    );
    let made = ask(at, &trusted, "POST", path, &new);
    assert_eq!(made.status, 202, "{}", made.body);
    let id = made.json()["customer_id"].as_str().unwrap().to_owned();
    let again = ask(at, &trusted, "POST", path, &new);
    assert_eq!(
        again.json()["customer_id"],
        id.as_str(),
        "sent again it is the same"
    );
    for target in [format!("{path}/{id}"), "/v1/agents/1001/current".to_owned()] {
        let seen = |key: &str| ask(at, key, "GET", &target, &Value::Null).body;
        assert!(seen(&trusted).contains("SECRET99"), "{target}");
        let plain = seen(&plain);
        assert!(
            plain.contains("Mesa") && !plain.contains("SECRET99"),
            "{target}: {plain}"
        );
    }
}
