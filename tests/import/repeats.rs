//! Ids that come twice, and claims that go on from one import to the next.

use std::collections::HashMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use ringside::snapshot::import::{Format, Input, Mapping, Target, build};

use super::place::{NOW_MS, Place, claimant_ids, intake};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever the order and however little memory there is: the first row of an id stays, others name it.
    #[test]
    fn the_first_row_of_an_id_stays(ids in prop::collection::vec(0_u32..60, 1..600), memory in 0_u64..4000) {
        let dir = tempfile::tempdir().unwrap();
        let input = dir.path().join("input.ndjson");
        let (mut text, mut firsts, mut refused) = (String::new(), HashMap::new(), Vec::new());
        let mut kept = 0;
        for (row, id) in (1_u64..).zip(&ids) {
            // Every third one has a phone that is kept, which is told only of customers that stay.
            let phone = if row % 3 == 0 { "12".to_owned() } else { format!("+1480675{:04}", 2000 + id) };
            writeln!(text, r#"{{"id":"c{id}","name":"N {row}","phones":["{phone}"]}}"#).unwrap();
            match firsts.get(id) {
                Some(first) => refused.push((row, *first)),
                None => {
                    firsts.insert(*id, row);
                    kept += u64::from(row % 3 == 0);
                }
            }
        }
        std::fs::write(&input, text).unwrap();
        let target = Target {
            checkpoint_bytes: 1,
            ..Target::new(dir.path().join("build"), 1, NOW_MS, memory)
        };
        let input = Input::open(&input, Format::Ndjson).unwrap();
        let built = build(input, &Mapping::default(), &intake(), target, |_| {}).unwrap();
        let place = Place::new();
        let summary = built.publish(&place.held).unwrap();
        prop_assert_eq!(
            (summary.rows, summary.customers, summary.refused, summary.kept_phones),
            (ids.len() as u64, firsts.len() as u64, refused.len() as u64, kept)
        );
        let lines = super::rejects(&summary);
        let rows: Vec<u64> = lines.iter().map(|line| line["row"].as_u64().unwrap()).collect();
        prop_assert!(rows.is_sorted());
        let told: Vec<(u64, String)> = lines
            .iter()
            .filter(|line| line["kept"] == false)
            .map(|line| (line["row"].as_u64().unwrap(), line["reason"].as_str().unwrap().to_owned()))
            .collect();
        prop_assert_eq!(told.len(), refused.len());
        for ((row, reason), (expected, first)) in told.iter().zip(&refused) {
            prop_assert_eq!(row, expected);
            prop_assert!(reason.contains(&format!("found that of row {first};")), "{}", reason);
        }
        prop_assert_eq!(lines.len() as u64, refused.len() as u64 + kept);
        let snapshot = place.snapshot();
        prop_assert_eq!(snapshot.records().count(), firsts.len(), "no dead records");
        for (id, row) in &firsts {
            let customer = snapshot.customer(&format!("c{id}")).unwrap();
            prop_assert_eq!(&super::json(&customer)["name"], &serde_json::json!(format!("N {row}")));
        }
    }
}

#[test]
fn a_claim_that_goes_on_keeps_its_beginning_and_its_owner() {
    let place = Place::new();
    place
        .csv(
            "id,phone,mobile\nold,4806754110,4806754111\nnew,4806754110,\n",
            "",
        )
        .unwrap();
    let before = place.snapshot();
    assert_eq!(before.header().seq, 3);
    assert_eq!(claimant_ids(&before, 14_806_754_110), ["new", "old"]);

    // In another order, with a newcomer ahead of both, a number that moved and one that was let go.
    place
        .csv(
            "id,phone,mobile\nthird,4806754110,\nnew,4806754110,4806754111\n\nold,4806754110,\n",
            "",
        )
        .unwrap();
    let after = place.snapshot();
    assert_eq!(after.header().seq, 3 + 5);
    let since = |id: &str| -> Vec<u64> {
        after
            .customer(id)
            .unwrap()
            .claims()
            .map(|claim| claim.since)
            .collect()
    };
    assert_eq!(
        (since("third"), since("new"), since("old")),
        (vec![3 + 2], vec![3, 3 + 3], vec![2])
    );
    assert_eq!(claimant_ids(&after, 14_806_754_110), ["third", "new", "old"]);
    assert_eq!(claimant_ids(&after, 14_806_754_111), ["new"]);

    // The same file again changes no owner.
    place
        .csv(
            "id,phone,mobile\nold,4806754110,\nnew,4806754110,4806754111\nthird,4806754110,\n",
            "",
        )
        .unwrap();
    assert_eq!(
        claimant_ids(&place.snapshot(), 14_806_754_110),
        ["third", "new", "old"]
    );
}
