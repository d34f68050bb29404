//! Whole calls as a CRM's callers make them: a customer by number, then cases by the customer's id. Both have one side.

use serde_json::{Value, json};

use crate::record::{Act, SystemOfRecord, ok};
use crate::stage::Stage;

/// The id that the CRM gives everybody.
const THEIRS: &str = "0a1b2c3d-0000-4000-8000-00000000beef";

/// A CRM that knows Ada, and one case of hers.
fn crm() -> SystemOfRecord {
    SystemOfRecord::new(|asked| {
        let row = match asked.line() {
            line if line.contains("/incidents") && line.contains(THEIRS) => {
                json!([{"ticketnumber": "CAS-2", "title": "Closed since", "incidentid": "1"}])
            }
            line if line.contains("/contacts") && line.contains("4110") => {
                json!([{"fullname": "Ada Lovelace", "contactid": THEIRS}])
            }
            _ => json!([]),
        };
        let body = json!({"@odata.context": "x", "value": row}).to_string();
        Act::Answer(ok("application/json; odata.metadata=minimal", body))
    })
}

fn contact(stage: &Stage, number: &str) -> Value {
    let target = format!(
        "/api/data/v9.2/contacts?$select=fullname,telephone1,contactid&$filter=contains(telephone1,'{number}')"
    );
    stage.get(&target).json()["value"][0].clone()
}

fn case(stage: &Stage, contact: &Value) -> Value {
    let id = contact["contactid"].as_str().unwrap();
    let target = format!(
        "/api/data/v9.2/incidents?$filter=_customerid_value%20eq%20'{id}'&$select=title,_customerid_value,ticketnumber\
         &$orderby=createdon%20desc&$top=1"
    );
    stage.get(&target).json()["value"][0].clone()
}

#[test]
fn both_questions_of_a_call_go_to_one_side_whatever_the_share() {
    let record = crm();
    let stage = Stage::new(record.url());
    for (percent, is_ours) in [(0, false), (30, false), (50, true), (100, true), (0, false)] {
        stage.act("/shadow", json!({"percent": percent}));
        let before = record.count();
        let contact = contact(&stage, "14806754110");
        assert_eq!(contact["fullname"], "Ada Lovelace");
        assert_eq!(contact["contactid"] != THEIRS, is_ours, "{percent} %");
        assert_eq!(case(&stage, &contact)["ticketnumber"], "CAS-2");
        let forwarded = if is_ours { 0 } else { 2 };
        assert_eq!(record.count() - before, forwarded, "{percent} %");
    }
}

#[test]
fn a_switch_within_a_call_does_not_part_it() {
    let record = crm();
    let stage = Stage::new(record.url());
    let theirs = contact(&stage, "14806754110");
    stage.act("/shadow", json!({"percent": 100}));
    let ours = contact(&stage, "14806754110");
    assert_eq!(theirs["contactid"], THEIRS);
    assert_ne!(ours["contactid"], THEIRS);
    // Whoever gave an id answers for it, forth ...
    let before = record.count();
    assert_eq!(case(&stage, &theirs)["ticketnumber"], "CAS-2");
    assert_eq!(record.count(), before + 1);
    // ... and back.
    stage.act("/shadow", json!({"off": true}));
    assert_eq!(case(&stage, &ours)["ticketnumber"], "CAS-2");
    assert_eq!(record.count(), before + 1);
}

#[test]
fn what_ringside_does_not_answer_goes_to_the_upstream() {
    let record = crm();
    let stage = Stage::new(record.url());
    stage.act("/shadow", json!({"percent": 100}));
    // All cases of everybody, and a query for no number.
    let by_time = "/api/data/v9.2/contacts?$filter=createdon%20gt%202020-01-01";
    for target in ["/api/data/v9.2/incidents", by_time] {
        assert_eq!(stage.get(target).json()["@odata.context"], "x", "{target}");
    }
    assert_eq!(record.count(), 2);
    assert_eq!(stage.report(2)["causes"]["unsupported"], 1);
}

#[test]
fn rows_of_a_crm_are_compared_without_the_ids_that_ringside_spells() {
    let record = crm();
    let stage = Stage::new(record.url());
    let ada = contact(&stage, "14806754110");
    assert_eq!(contact(&stage, "14806754111"), Value::Null);
    assert_eq!(contact(&stage, "14806754180"), Value::Null);
    case(&stage, &ada);
    let report = stage.report(4);
    let causes = &report["dialects"]["dynamics"];
    // Ada; Bob, whom the CRM does not have; two who share a line, and nobody; a case of a customer whom only the CRM knows
    // by that id.
    assert_eq!(
        (&causes["same"], &causes["only_ringside"]),
        (&2.into(), &1.into()),
        "{report}"
    );
    assert_eq!(causes["only_upstream"], 1);
}

#[test]
fn salesforce_ids_are_known_again() {
    let record = SystemOfRecord::json(
        r#"{"totalSize":1,"done":true,"records":[{"Id":"0035000000Gv7qJAAR","Name":"Ada Lovelace","CaseNumber":"7"}]}"#,
    );
    let stage = Stage::new(record.url());
    stage.act("/shadow", json!({"percent": 100}));
    let ask = |soql: &str| {
        let soql = soql.replace(' ', "+").replace('%', "%25").replace('\'', "%27");
        stage.get(&format!("/services/data/v52.0/query?q={soql}")).json()["records"][0].clone()
    };
    let ada = ask("SELECT id, Name FROM Contact WHERE Phone LIKE '%4806754110%'");
    let id = ada["Id"].as_str().unwrap();
    assert!(id.starts_with("003Rs"), "{ada}");
    stage.act("/shadow", json!({"off": true}));
    let case = ask(&format!("SELECT Id,CaseNumber FROM Case WHERE ContactId='{id}'"));
    assert_eq!(case["CaseNumber"], "CAS-2");
    let case = ask("SELECT Id,CaseNumber FROM Case WHERE ContactId='0035000000Gv7qJAAR'");
    assert_eq!(case["CaseNumber"], "7");
    assert_eq!(record.count(), 1);
}

#[test]
fn who_logs_in_logs_in_at_the_upstream() {
    let record = SystemOfRecord::json(r#"{"access_token":"of-the-crm","token_type":"Bearer"}"#);
    let stage = Stage::new(record.url());
    stage.act("/shadow", json!({"percent": 100}));
    let form = b"grant_type=client_credentials&client_id=a&client_secret=b";
    let kind = "application/x-www-form-urlencoded";
    let given = crate::wire::tcp(stage.at).post("/services/oauth2/token", kind, form);
    assert_eq!(given.json()["access_token"], "of-the-crm");
    assert_eq!(record.asked()[0].body, form);
    assert_eq!(stage.report(0)["comparisons"], 0);
}
