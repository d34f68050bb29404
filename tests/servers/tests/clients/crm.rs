//! The JSONPaths of Webex Contact Center's flow templates, applied to our answers by a library of somebody else's.

use serde_json::{Value, json};
use servers::curl::curl;
use servers::python::json_paths;

use crate::centre::Centre;

/// As a flow's HTTP request: JSON is asked for, and a time is all it has.
const FLOW: [&str; 6] = [
    "--max-time",
    "2",
    "--header",
    "Content-Type: application/json",
    "--header",
    "Accept: application/json",
];

/// What a template asks by the caller's number, and by the id that it was answered; `{}` is where either stands.
struct Template {
    system: &'static str,
    contact: &'static str,
    /// The path of the id first, then that of the name where the template reads one.
    contact_paths: &'static [&'static str],
    case: &'static str,
    case_paths: &'static [&'static str],
    /// Ada's.
    case_values: &'static [&'static str],
    /// How the template writes Ada's number, without its last digit.
    number: &'static str,
}

const TEMPLATES: [Template; 4] = [
    Template {
        system: "Dynamics",
        contact: "/api/data/v9.2/contacts?$select=fullname,telephone1,contactid&$filter=contains(telephone1,'{}')",
        contact_paths: &["$.value[0].contactid", "$.value[0].fullname"],
        case: "/api/data/v9.2/incidents?$filter=_customerid_value%20eq%20'{}'&$select=title,_customerid_value,ticketnumber",
        case_paths: &["$.value[0].title", "$.value[0].ticketnumber"],
        case_values: &["Closed since", "CAS-2"],
        number: "1480675411",
    },
    Template {
        system: "Salesforce",
        contact: "/services/data/v52.0/query?q=SELECT+id,Name+FROM+Contact+WHERE+Phone+LIKE+%27%25{}%25%27",
        contact_paths: &["$.records.[0].Id", "$.records.[0].Name"],
        case: "/services/data/v52.0/query?q=SELECT+Id,CaseNumber,ContactId,accountId,Subject,Priority,Description+FROM+Case+WHERE+ContactId=%27{}%27",
        case_paths: &["$.records.[0].CaseNumber", "$.records.[0].Subject"],
        case_values: &["CAS-2", "Closed since"],
        number: "480675411",
    },
    Template {
        system: "ServiceNow",
        contact: "/api/now/table/sys_user?phone={}&sysparm_fields=sys_id&sysparm_limit=1",
        contact_paths: &["$.result[0].sys_id"],
        case: "/api/now/table/incident?caller_id={}&sysparm_fields=number&sysparm_limit=1",
        case_paths: &["$.result[0].number"],
        case_values: &["CAS-2"],
        number: "(480)%20675-411",
    },
    Template {
        system: "Zendesk",
        contact: "/api/v2/users/search.json?query=type:user%20+{}",
        contact_paths: &["$.users[0].id", "$.users[0].name"],
        case: "/api/v2/search.json?query=type:ticket%20status%3Csolved%20%20requester:{}&sort_by=created_at&sort_order=desc",
        case_paths: &["$.results[0].status"],
        case_values: &["open"],
        number: "1480675411",
    },
];

/// What each path finds first in the answer to `target`; null where it finds nothing.
fn found(centre: &Centre, target: &str, paths: &[&str]) -> Vec<Value> {
    let fetched = curl(&[&FLOW[..], &["--globoff", &centre.url(target)]].concat());
    assert_eq!((fetched.exit, fetched.status), (0, 200), "{target}: {fetched:?}");
    let found = json_paths(&fetched.json(), paths);
    found
        .into_iter()
        .map(|values| values.into_iter().next().unwrap_or_default())
        .collect()
}

#[test]
fn the_paths_of_every_template_find_who_it_is_and_nobody_else() {
    let centre = Centre::start("");
    for template in &TEMPLATES {
        let system = template.system;
        let ask = |last: &str| {
            let number = format!("{}{last}", template.number);
            found(
                &centre,
                &template.contact.replace("{}", &number),
                template.contact_paths,
            )
        };
        let ada = ask("0");
        let id = match &ada[0] {
            Value::String(id) => id.clone(),
            Value::Number(id) => id.to_string(),
            other => panic!("{system}: no id but {other}"),
        };
        if let Some(name) = ada.get(1) {
            assert_eq!(name, "Ada Lovelace", "{system}");
        }
        let cases = found(&centre, &template.case.replace("{}", &id), template.case_paths);
        assert_eq!(cases, template.case_values, "{system}");

        // Nobody; then who is not to be greeted by name.
        for last in ["9", "3"] {
            assert!(
                ask(last).iter().all(Value::is_null),
                "{system} {last}: {:?}",
                ask(last)
            );
        }
        // A line of two is a line of nobody.
        let shared = format!("{}0", template.number.replace("411", "418"));
        let shared = template.contact.replace("{}", &shared);
        let several = found(&centre, &shared, template.contact_paths);
        assert!(several.iter().all(Value::is_null), "{system}: {several:?}");
        // An id that nobody has.
        let nobody = id.replace(|c: char| c.is_ascii_digit(), "7");
        let cases = found(
            &centre,
            &template.case.replace("{}", &nobody),
            template.case_paths,
        );
        assert!(cases.iter().all(Value::is_null), "{system}: {cases:?}");
    }
}

#[test]
fn the_paths_of_the_native_connector_find_what_the_guide_says() {
    let centre = Centre::start("");
    let paths = [
        "$.found",
        "$.customer_id",
        "$.name",
        "$.open_case.number",
        "$.case.number",
        "$.queue",
        "$.matches[0].name",
    ];
    let ask = |number: &str| found(&centre, &format!("/v1/lookup?ani={number}"), &paths);
    assert_eq!(
        ask("+14806754110"),
        [
            json!(true),
            json!("c-1842"),
            json!("Ada Lovelace"),
            json!("CAS-1"),
            json!("CAS-2"),
            json!(null),
            json!("Ada Lovelace")
        ]
    );
    let miss = ask("+14806754999");
    assert_eq!(miss[0], false);
    assert!(miss[1..].iter().all(Value::is_null), "{miss:?}");
    let several = ask("+14806754180");
    assert_eq!(
        (&several[0], &several[1], &several[2]),
        (&json!(true), &json!(null), &json!(null))
    );
    // Each path finds something, if only null: a flow's variable is overwritten.
    let fetched = curl(&[&centre.url("/v1/lookup?ani=+14806754999")]).json();
    let found = json_paths(
        &fetched,
        &["$.customer_id", "$.name", "$.customer", "$.open_case", "$.queue"],
    );
    assert!(found.iter().all(|values| values == &[json!(null)]), "{found:?}");
}
