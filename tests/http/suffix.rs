//! Callers found by the last digits of their number.

use ringside::customer::record::Origin;
use ringside::customer::{Record, Schema};
use ringside::index::Mode;
use serde_json::{Value, json};

use crate::served::{address, serve};
use crate::support::{Plan, ada, centre, person, record};
use crate::wire::get;

fn plan() -> Plan {
    Plan {
        customers: vec![
            ada(),
            person("c-2", "Bob", json!(["+1 415 555 2671"])),
            person("c-3", "Eve", json!(["+1 212 555 2671"])),
            person("c-4", "Household", json!(["+1 480 675 4181"])),
            person("c-5", "Household", json!(["+1 480 675 4181"])),
            // They list one of our own numbers, and one of its block.
            person("c-6", "Own", json!(["+1 800 555 0199", "+1 415 555 0123"])),
            person("c-10", "Six", json!(["+49 30 1754110"])),
            person("c-7", "Loser", json!(["+1 480 675 4190"])),
            person("c-8", "Winner", json!(["+1 480 675 4190"])),
        ],
        suffix_digits: 7,
        ..Plan::default()
    }
}

#[test]
fn one_number_that_ends_so_answers_and_the_answer_says_how() {
    let centre = centre(&plan());
    let running = serve(&centre);
    let at = address(&running);
    let look = |ani: &str| get(at, &format!("/v1/lookup?ani={ani}")).json();
    for (ani, read) in [
        // No numbers by themselves: seven digits, as an old exchange sends them.
        ("6754110", json!("6754110")),
        ("675-4110", json!("675-4110")),
        ("sip:6754110@10.0.0.1", json!("sip:6754110@10.0.0.1")),
        // Another area's number.
        ("%2B14156754110", json!("+14156754110")),
    ] {
        let answer = look(ani);
        assert_eq!(
            (&answer["match"], &answer["customer_id"], &answer["ani"]),
            (&json!("suffix"), &json!("c-1842"), &read),
            "{answer}"
        );
        assert_eq!(
            (&answer["found"], &answer["reason"]),
            (&json!(true), &Value::Null)
        );
        assert_eq!(
            (&answer["may_greet"], &answer["may_disclose"]),
            (&json!(true), &json!(false))
        );
        assert_eq!(answer["not_owned"], json!([]));
    }
    let exact = look("%2B14806754110");
    assert_eq!(
        (&exact["match"], &exact["may_disclose"]),
        (&json!("exact"), &json!(true))
    );
    let flat = get(at, "/v1/lookup?ani=6754110&format=flat&fields=match").json();
    assert_eq!(flat, json!({"match": "suffix"}));
    // Of one number's several claimants the owner answers, as ever; of a shared line nobody in particular.
    assert_eq!(look("6754190")["customer_id"], "c-8");
    let shared = look("6754181");
    assert_eq!(
        (&shared["match"], &shared["reason"], &shared["count"]),
        (&json!("suffix"), &json!("ambiguous"), &json!(2))
    );
    assert_eq!(
        (&shared["customer"], &shared["may_greet"]),
        (&Value::Null, &json!(false))
    );
    let metrics = centre.metrics.encode_text().unwrap();
    for line in [
        r#"ringside_callers_suffix_lookups_total{dialect="native",outcome="hit"} 6"#,
        r#"ringside_callers_suffix_lookups_total{dialect="native",outcome="ambiguous"} 1"#,
        r#"ringside_callers_suffix_lookups_total{dialect="native",outcome="unclear"} 0"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[test]
fn several_numbers_own_numbers_and_what_is_withheld_or_short_match_nobody() {
    let mut centre = centre(&plan());
    let running = serve(&centre);
    let at = address(&running);
    let look = |ani: &str| get(at, &format!("/v1/lookup?ani={ani}")).json();
    for (ani, reason) in [
        // Two numbers end so.
        ("5552671", "invalid"),
        ("%2B13055552671", "unknown"),
        // Our own, which a customer lists: as a whole, and by their last digits.
        ("%2B18005550199", "own_number"),
        ("5550199", "invalid"),
        ("5550123", "invalid"),
        ("%2B13055550123", "unknown"),
        ("", "anonymous"),
        ("anonymous", "anonymous"),
        ("6754110@anonymous.invalid", "anonymous"),
        ("4110", "internal"),
        // Six digits, which are read behind the region's calling code: +1754110.
        ("754110", "unknown"),
        ("alice6754110@example.org", "unknown"),
        ("6754110%20Bob%20Jones", "invalid"),
    ] {
        let answer = look(ani);
        assert_eq!(
            (&answer["match"], &answer["found"], &answer["reason"]),
            (&json!("none"), &json!(false), &json!(reason)),
            "{ani}: {answer}"
        );
    }
    // A second number that ends like Ada's: nobody from the moment on in which it is visible.
    let rival = record(
        &person("c-9", "Rival", json!(["+1 305 675 4110"])),
        &Schema::default(),
        101,
    );
    centre.writer.upsert(101, &Record::open(&rival).unwrap());
    assert_eq!(look("6754110")["match"], "suffix");
    centre.writer.publish();
    assert_eq!(look("6754110")["match"], "none");
    centre.writer.delete(102, "c-9", Origin::default());
    centre.writer.publish();
    assert_eq!(look("6754110")["customer_id"], "c-1842");
    centre.writer.delete(103, "c-1842", Origin::default());
    centre.writer.publish();
    assert_eq!(look("6754110")["reason"], "invalid");
}

#[test]
fn off_is_off_and_every_mode_has_it() {
    let off = centre(&Plan {
        suffix_digits: 0,
        ..plan()
    });
    let running = serve(&off);
    assert_eq!(
        get(address(&running), "/v1/lookup?ani=6754110").json()["match"],
        "none"
    );
    let shared = centre(&Plan {
        mode: Mode::Shared,
        ..plan()
    });
    let running = serve(&shared);
    let answer = get(address(&running), "/v1/lookup?ani=6754190").json();
    assert_eq!(
        (&answer["match"], &answer["count"]),
        (&json!("suffix"), &json!(2))
    );
}
