//! Questions to a CRM, made at random: whatever is asked there is an answer, it is JSON, and it names nobody but the
//! customer of the number that was asked for.

use bytes::BytesMut;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use ringside::callers::{Call, Dialect, Speakers, Speaking};
use serde_json::{Value, json};

use crate::corpus::plan;
use crate::support::{Centre, Plan, centre};

thread_local! {
    static CENTRE: (Centre, Speakers) = {
        let centre = centre(&plan());
        let speakers = centre.speakers();
        (centre, speakers)
    };
}

/// Numbers, and who may be named for them.
const NUMBERS: [(&str, Option<&str>); 7] = [
    ("4806754110", Some("Ada Lovelace")),
    ("4806754111", Some("Grace O'Hopper")),
    ("4806754113", None),
    ("4806754114", Some("Guy Guid")),
    ("4806754180", None),
    ("4806754181", Some("Alone On A Shared Line")),
    ("4806754999", None),
];
/// Everybody who is to be named for no number, and what is to be told to nobody.
const SECRETS: [&str; 5] = [
    "Household",
    "Not Greeted",
    "Secret",
    "Not for everybody",
    "078-05",
];

fn ask(dialect: Dialect, path: &str, query: &str) -> (u16, Value, String) {
    let call = Call {
        path,
        query,
        host: Some("ringside.example"),
        ..Call::default()
    };
    let mut out = BytesMut::new();
    let reply = CENTRE.with(|(_, speakers)| speakers.get(dialect).unwrap().answer(&call, &mut out));
    let text = String::from_utf8(out.to_vec()).unwrap();
    (reply.unwrap().status, serde_json::from_str(&text).unwrap(), text)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A question in OData and in SOQL.
fn asked(filter: &[String; 2]) -> [(u16, Value, String); 2] {
    let [odata, soql] = filter;
    let dynamics = ask(
        Dialect::Dynamics,
        "/api/data/v9.2/contacts",
        &format!("$filter={}", encoded(odata)),
    );
    let soql = encoded(&format!("SELECT FIELDS(ALL) FROM Contact WHERE {soql}"));
    let salesforce = ask(
        Dialect::Salesforce,
        "/services/data/v52.0/query",
        &format!("q={soql}"),
    );
    [dynamics, salesforce]
}

/// A condition on the number `digits`, in both languages.
fn by_number(digits: &'static str) -> impl Strategy<Value = [String; 2]> {
    let spelled = prop::sample::select(vec![
        digits.to_owned(),
        format!("1{digits}"),
        format!("+1{digits}"),
        format!(" 1{digits}"),
        format!("({}) {}-{}", &digits[..3], &digits[3..6], &digits[6..]),
    ]);
    let columns = [
        ("telephone1", "Phone"),
        ("mobilephone", "MobilePhone"),
        ("home2", "HomePhone"),
    ];
    (spelled, prop::sample::select(columns.to_vec()), 0..3).prop_map(|(number, (odata, soql), how)| match how
    {
        0 => [
            format!("contains({odata},'{number}')"),
            format!("{soql} LIKE '%{number}%'"),
        ],
        1 => [format!("{odata} eq '{number}'"), format!("{soql} = '{number}'")],
        _ => [
            format!("endswith({odata},'{number}')"),
            format!("{soql} IN ('{number}')"),
        ],
    })
}

/// A condition on something else.
fn by_value() -> impl Strategy<Value = [String; 2]> {
    let value = prop::sample::select(vec!["Ada", "Lovelace", "x", "O''Hopper", ""]);
    (value, any::<bool>()).prop_map(|(value, is)| {
        let soql = value.replace("''", "\\'");
        [
            format!("lastname {} '{value}'", if is { "eq" } else { "ne" }),
            format!("LastName {} '{soql}'", if is { "=" } else { "!=" }),
        ]
    })
}

/// Conditions on one number and on values, in any order and depth.
fn filter(digits: &'static str) -> impl Strategy<Value = [String; 2]> {
    let leaf = prop_oneof![2 => by_number(digits), 1 => by_value()];
    leaf.prop_recursive(4, 12, 3, |inner| {
        (prop::collection::vec(inner, 1..4), any::<bool>()).prop_map(|(filters, all)| {
            let join = |language: usize, word: &str| {
                let parts: Vec<_> = filters.iter().map(|filter| filter[language].as_str()).collect();
                format!("({})", parts.join(word))
            };
            match all {
                true => [join(0, " and "), join(1, " AND ")],
                false => [join(0, " or "), join(1, " or ")],
            }
        })
    })
}

/// The names that an answer holds.
fn names(answer: &Value) -> Vec<String> {
    let rows = answer.get("value").or_else(|| answer.get("records"));
    rows.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|row| row.get("fullname").or_else(|| row.get("Name"))?.as_str())
        .map(str::to_owned)
        .collect()
}

proptest! {
    #[test]
    fn nobody_but_the_numbers_customer_is_named(
        (who, filter) in prop::sample::select(NUMBERS.to_vec())
            .prop_flat_map(|(digits, who)| (Just(who), filter(digits))),
    ) {
        let answers = asked(&filter);
        for (status, answer, _) in &answers {
            prop_assert!([200, 400].contains(status), "{filter:?}");
            for name in names(answer) {
                prop_assert_eq!(Some(&*name), who, "{:?}", filter);
            }
        }
        // The two languages ask the same.
        prop_assert_eq!(answers[0].0, answers[1].0, "{:?}", filter);
        prop_assert_eq!(names(&answers[0].1), names(&answers[1].1), "{:?}", filter);
    }

    #[test]
    fn whatever_is_asked_is_answered_and_names_whom_it_named(
        pieces in prop::collection::vec(
            prop_oneof![
                prop::sample::select(vec![
                    "(", ")", ",", "'", "''", "\\", "and", "or", "not", "eq", "ne", "contains", "telephone1", "fullname", "Phone",
                    "LIKE", "IN", "=", "!=", "'4806754110'", "'%4806754110%'", "4806754111", "contactid", "Id", "null", "SELECT",
                    "72696e67-7369-8000-8f2e-4a27005b93d3", "_customerid_value", "ContactId", "ORDER BY", "LIMIT 1", "%",
                ]).prop_map(str::to_owned),
                "\\PC{0,6}",
            ],
            0..14,
        ),
        path in prop::sample::select(vec!["contacts", "incidents", "accounts", "contacts(x)", "x", "contacts('", ""]),
    ) {
        let text = pieces.join(" ");
        let query = encoded(&text);
        let (_, _, dynamics) = ask(Dialect::Dynamics, &format!("/api/data/v9.2/{path}"), &format!("$filter={query}"));
        let mut answers = vec![dynamics];
        for table in ["Contact", "Case", "Account"] {
            let query = encoded(&format!("SELECT FIELDS(ALL) FROM {table} WHERE {text}"));
            answers.push(ask(Dialect::Salesforce, "/services/data/v52.0/query", &format!("q={query}")).2);
        }
        answers.push(ask(Dialect::Salesforce, "/services/data/v52.0/query", &format!("q={query}")).2);
        for answer in answers {
            prop_assert!(!SECRETS.iter().any(|secret| answer.contains(secret)), "{}", answer);
            let is_ada = answer.contains("Lovelace") || answer.contains("CAS-");
            prop_assert!(!is_ada || text.contains("4806754110") || text.contains("8f2e-4a27005b93d3"), "{}: {}", text, answer);
            prop_assert!(!answer.contains("Hopper") || text.contains("4806754111"), "{}: {}", text, answer);
        }
    }
}

#[test]
fn ids_of_the_systems_own_come_from_an_attribute_and_lead_back() {
    let plan = Plan {
        schema: json!([{"key": "crm_id", "type": "text"}, {"key": "tier", "type": "text"}]),
        customers: serde_json::from_value(json!([
            {"id": "c-1", "name": "Has One", "phones": ["+14806754110"],
             "attributes": {"crm_id": "0F8FAD5B-D9CB-469F-A165-70867728950E", "tier": "gold"},
             "cases": [{"id": "k-1", "number": "CAS-1", "status": "open"}]},
            {"id": "c-2", "name": "Has None", "phones": ["+14806754111"], "cases": [{"id": "k-2", "number": "CAS-2"}]},
            {"id": "c-3", "name": "Shares", "phones": ["+14806754181"],
             "attributes": {"crm_id": "1F8FAD5B-D9CB-469F-A165-70867728950E"},
             "cases": [{"id": "k-3", "number": "CAS-3"}]},
            {"id": "c-4", "name": "At Salesforce", "phones": ["+14806754112"],
             "attributes": {"crm_id": "0035g00000AbCdE"}, "cases": [{"id": "k-4", "number": "CAS-4"}]},
        ]))
        .unwrap(),
        ..Plan::default()
    };
    let centre = centre(&plan);
    let speaking = Speaking {
        enabled: true,
        customer_id: "attributes.crm_id".to_owned(),
        fields: [("new_tier", "attributes.tier"), ("new_case", "case.status")]
            .map(|(column, slot)| (column.to_owned(), slot.to_owned()))
            .into(),
        ..Speaking::default()
    };
    let mut speakers = Speakers::none();
    speakers
        .add(Dialect::Dynamics, centre.source.clone(), &speaking)
        .unwrap();
    let get = |table: &str, filter: &str| {
        let query = format!("$filter={}", encoded(filter));
        let path = format!("/api/data/v9.2/{table}");
        let call = Call {
            path: &path,
            query: &query,
            ..Call::default()
        };
        let mut out = BytesMut::new();
        speakers
            .get(Dialect::Dynamics)
            .unwrap()
            .answer(&call, &mut out)
            .unwrap();
        serde_json::from_slice::<Value>(&out).unwrap()["value"][0].clone()
    };
    let of = |number: &str| get("contacts", &format!("contains(telephone1,'{number}')"));
    let cases = |id: &Value| {
        get(
            "incidents",
            &format!("_customerid_value eq '{}'", id.as_str().unwrap()),
        )
    };
    let own = of("4806754110");
    assert_eq!(own["contactid"], "0F8FAD5B-D9CB-469F-A165-70867728950E");
    assert_eq!(own["new_tier"], "gold");
    let case = cases(&own["contactid"]);
    assert_eq!(
        (&case["ticketnumber"], &case["new_case"]),
        (&json!("CAS-1"), &json!("open"))
    );
    assert_eq!(
        cases(&json!("{0f8fad5b-d9cb-469f-a165-70867728950e}"))["ticketnumber"],
        "CAS-1"
    );
    let spelled = of("4806754111");
    assert!(
        spelled["contactid"]
            .as_str()
            .unwrap()
            .starts_with("72696e67-7369-8000-"),
        "{spelled}"
    );
    assert_eq!(cases(&spelled["contactid"])["ticketnumber"], "CAS-2");
    // One of Salesforce's is a contact's or an account's, and what is given out for the other leads back too.
    let mut salesforce = Speakers::none();
    salesforce
        .add(
            Dialect::Salesforce,
            centre.source.clone(),
            &Speaking {
                fields: Default::default(),
                ..speaking.clone()
            },
        )
        .unwrap();
    let soql = |query: &str| {
        let query = format!("q={}", encoded(query));
        let call = Call {
            path: "/services/data/v52.0/query",
            query: &query,
            ..Call::default()
        };
        let mut out = BytesMut::new();
        salesforce
            .get(Dialect::Salesforce)
            .unwrap()
            .answer(&call, &mut out)
            .unwrap();
        serde_json::from_slice::<Value>(&out).unwrap()["records"][0].clone()
    };
    let account = soql("SELECT Id FROM Account WHERE Phone LIKE '%4806754112%'");
    assert!(account["Id"].as_str().unwrap().starts_with("001Rs0"), "{account}");
    let id = account["Id"].as_str().unwrap();
    assert_eq!(
        soql(&format!("SELECT CaseNumber FROM Case WHERE AccountId='{id}'"))["CaseNumber"],
        "CAS-4"
    );
    assert_eq!(
        soql("SELECT Id FROM Contact WHERE Phone LIKE '%4806754112%'")["Id"],
        "0035g00000AbCdE"
    );
    // On a line that others use too even the system's own id is not given, for it would lead to the cases.
    let shared = of("4806754181");
    assert_eq!(shared["fullname"], "Shares");
    assert!(
        shared["contactid"]
            .as_str()
            .unwrap()
            .starts_with("72696e67-7369-8001-"),
        "{shared}"
    );
    assert_eq!(cases(&shared["contactid"]), Value::Null);
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused() {
    for (key, speaking) in [
        (
            "customer_id",
            Speaking {
                customer_id: "crm_id".to_owned(),
                ..Speaking::default()
            },
        ),
        (
            "fields.x",
            Speaking {
                fields: [("x".to_owned(), "nonsense".to_owned())].into(),
                ..Speaking::default()
            },
        ),
    ] {
        let refused = ringside::callers::check_speaking(Dialect::Salesforce, &speaking).unwrap_err();
        assert_eq!(refused.key, key);
    }
}

#[test]
fn a_huge_question_is_refused_at_once() {
    for text in ["(", "'", "a", "contains(telephone1,'", "a eq 1 or ", "%", "\\'"] {
        let text = text.repeat((64 << 10) / text.len());
        for (status, answer, _) in asked(&[text.clone(), text.clone()]) {
            assert_eq!(status, 400);
            let is_refused = answer
                .pointer("/error/code")
                .or_else(|| answer.pointer("/0/errorCode"));
            assert!(is_refused.is_some(), "{answer}");
        }
    }
}

#[test]
fn a_query_for_every_case_is_counted() {
    for (dialect, path, query) in [
        (Dialect::Dynamics, "/api/data/v9.2/incidents", "$select=title"),
        (
            Dialect::Salesforce,
            "/services/data/v52.0/query",
            "q=SELECT+Id+FROM+Case",
        ),
    ] {
        assert!(names(&ask(dialect, path, query).1).is_empty());
        let metrics = CENTRE.with(|(centre, _)| centre.metrics.encode_text().unwrap());
        let expected = format!("dialect=\"{}\"}} 1", dialect.name());
        let line = metrics
            .lines()
            .find(|line| line.contains("unfiltered") && line.ends_with(&expected));
        assert!(line.is_some(), "{metrics}");
    }
}

#[test]
fn an_id_of_digits_with_zeros_ahead_of_them_is_a_text() {
    let centre = centre(&Plan {
        schema: json!([{"key": "crm_id", "type": "text"}]),
        customers: vec![
            json!({"id": "c-1", "name": "Ada", "phones": ["+14806754110"], "attributes": {"crm_id": "00123"}}),
            json!({"id": "c-2", "name": "Bob", "phones": ["+14806754111"], "attributes": {"crm_id": "123"}}),
        ],
        ..Plan::default()
    });
    let mut speakers = Speakers::none();
    let speaking = Speaking {
        enabled: true,
        customer_id: "attributes.crm_id".to_owned(),
        ..Speaking::default()
    };
    speakers
        .add(Dialect::Freshdesk, centre.source.clone(), &speaking)
        .unwrap();
    for (query, id) in [
        ("phone=4806754110", json!("00123")),
        ("phone=4806754111", json!(123)),
    ] {
        let call = Call {
            path: "/api/v2/contacts",
            query,
            ..Call::default()
        };
        let mut out = BytesMut::new();
        speakers.get(Dialect::Freshdesk).unwrap().answer(&call, &mut out);
        let answer: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(answer[0]["id"], id);
    }
}

#[test]
fn what_one_number_keeps_another_does_not_tell() {
    // Each part of the condition is of whom it found: the number of somebody else does not hold for her.
    for filter in [
        "telephone1 eq '4806754110' and telephone2 eq '4806754999'",
        "telephone1 eq '4806754999' and contains(telephone1,'4806754110')",
        "(telephone1 eq '4806754999' or telephone1 eq '4806754998') and telephone1 eq '4806754110'",
    ] {
        let (_, answer, _) = ask(
            Dialect::Dynamics,
            "/api/data/v9.2/contacts",
            &format!("$filter={}", encoded(filter)),
        );
        assert_eq!(answer["value"], json!([]), "{filter}");
    }
}
