//! What is not to be told of a customer: not in a column, not by a filter, not by an id.

use bytes::BytesMut;
use ringside::callers::{Call, Dialect, Speakers, Speaking};
use ringside::snapshot::layout::id_hash53;
use serde_json::{Value, json};

use crate::corpus::plan;
use crate::support::centre;

/// What `query` to `path` is answered in `dialect`, where `fields` add columns and `customer_id` says which ids there are.
fn with_columns(
    dialect: Dialect,
    fields: &[(&str, &str)],
    customer_id: &str,
    path: &str,
    query: &str,
) -> Value {
    let mut speakers = Speakers::none();
    let speaking = Speaking {
        enabled: true,
        customer_id: customer_id.to_owned(),
        fields: fields
            .iter()
            .map(|(column, slot)| ((*column).to_owned(), (*slot).to_owned()))
            .collect(),
        ..Speaking::default()
    };
    let mut out = BytesMut::new();
    let centre = centre(&plan());
    speakers.add(dialect, centre.source, &speaking).unwrap();
    let call = Call {
        path,
        query,
        ..Call::default()
    };
    speakers.get(dialect).unwrap().answer(&call, &mut out);
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn a_sensitive_attribute_is_in_no_column_no_filter_and_no_id() {
    let fields = [("u_ssn", "attributes.ssn"), ("u_tier", "attributes.tier")];
    let ask = |customer_id, query: &str| {
        let path = "/api/now/table/sys_user";
        with_columns(Dialect::Servicenow, &fields, customer_id, path, query)["result"].clone()
    };
    let found = ask("auto", "phone=4806754110&sysparm_fields=u_ssn,u_tier");
    assert_eq!(found, json!([{"u_ssn": "", "u_tier": "gold"}]));
    assert_eq!(
        ask("auto", "phone=4806754110&u_tier=gold")
            .as_array()
            .unwrap()
            .len(),
        1
    );
    for query in [
        "phone=4806754110&u_ssn=078-05-1120",
        "sysparm_query=phone=4806754110^u_ssnSTARTSWITH0",
        "sysparm_query=phone=4806754110^u_ssnISNOTEMPTY",
        "sysparm_query=phone=4806754110^u_ssn>0",
    ] {
        assert_eq!(ask("auto", query), json!([]), "{query}");
    }
    let given = ask("attributes.ssn", "phone=4806754110");
    assert!(
        given[0]["name"] == "Ada Lovelace" && !given.to_string().contains("078"),
        "{given}"
    );
    assert_eq!(ask("attributes.ssn", "sys_id=078-05-1120"), json!([]));
}

#[test]
fn an_id_tells_no_more_than_a_number() {
    let ask = |path: &str, query: &str| with_columns(Dialect::Freshdesk, &[], "auto", path, query);
    // Not to be greeted, by whatever question.
    let quiet = id_hash53("c-9");
    assert_eq!(
        ask(&format!("/api/v2/contacts/{quiet}"), "")["code"],
        "no_such_customer"
    );
    assert_eq!(
        ask("/api/v2/tickets", &format!("requester_id={quiet}")),
        json!([])
    );
    assert_eq!(
        ask("/api/v2/contacts", &format!("phone=4806754110&id={quiet}")),
        json!([])
    );
    // On a shared line: what the number does not disclose, an id beside it does not either.
    let shared = id_hash53("c-22");
    let found = ask("/api/v2/contacts", &format!("phone=4806754181&id={shared}"));
    let undisclosed = (1_u64 << 53) + shared;
    assert_eq!(found[0]["id"], undisclosed);
    assert_eq!(
        ask("/api/v2/tickets", &format!("requester_id={undisclosed}")),
        json!([])
    );
}
