//! What is known of a call besides its number counts in every dialect: a forged number names nobody, whoever asks.

use bytes::BytesMut;
use ringside::callers::{Attestation, Call, Route, TreatmentRule};

use crate::corpus::plan;
use crate::support::{Plan, centre};

/// The number of Ada Lovelace, asked for in each dialect; more parameters may follow.
const LOOKUPS: [&str; 6] = [
    "/v1/lookup?format=text&ani=%2B14806754110",
    "/cid?number=%2B14806754110",
    "/api/data/v9.2/contacts?$filter=telephone1%20eq%20%27%2B14806754110%27",
    "/services/data/v52.0/query?q=SELECT+Name+FROM+Contact+WHERE+Phone=%27%2B14806754110%27",
    "/api/now/table/sys_user?phone=%2B14806754110",
    "/api/v2/users/search.json?query=type:user%20%2B14806754110",
];
const FURTHER: [&str; 3] = [
    "/3cx/lookup.json?phone=%2B14806754110",
    "/api/v2/contacts?phone=%2B14806754110",
    "/api/v2/search/contacts?query=%22phone:%27%2B14806754110%27%22",
];

/// Whether Ada is named to whoever asks for each of these, with `more` behind.
fn named(plan: &Plan, more: &str, diversion: Option<&str>) -> Vec<bool> {
    let centre = centre(plan);
    let speakers = centre.speakers();
    let ask = |target: &&str| {
        let target = format!("{target}{more}");
        let (path, query) = target.split_once('?').unwrap();
        let call = Call {
            path,
            query,
            diversion,
            ..Call::default()
        };
        let dialect = Route::of(path).unwrap().dialect;
        let mut out = BytesMut::new();
        let reply = speakers.get(dialect).unwrap().answer(&call, &mut out);
        assert_eq!(reply.unwrap().status, 200, "{target}");
        String::from_utf8_lossy(&out).contains("Lovelace")
    };
    LOOKUPS.iter().chain(&FURTHER).map(ask).collect()
}

#[test]
fn a_forged_number_names_nobody_in_any_dialect() {
    let plan = Plan {
        attestation: Attestation::NotFailed,
        ..plan()
    };
    assert_eq!(named(&plan, "", None), [true; 9]);
    assert_eq!(named(&plan, "&verstat=TN-Validation-Passed-A", None), [true; 9]);
    assert_eq!(named(&plan, "&verstat=TN-Validation-Failed", None), [false; 9]);
}

#[test]
fn what_was_dialled_counts_in_any_dialect() {
    let rule = TreatmentRule {
        dnis: Some(vec!["+18005550100".to_owned()]),
        may_greet: Some(false),
        ..TreatmentRule::default()
    };
    let plan = Plan {
        rules: vec![rule],
        ..plan()
    };
    assert_eq!(named(&plan, "", None), [true; 9]);
    assert_eq!(named(&plan, "&dnis=%2B18005550100", None), [false; 9]);
}
