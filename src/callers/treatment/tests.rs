#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use proptest::prelude::*;

use super::*;
use crate::callers::settings::Flag;
use crate::number::Settings;

fn numbering() -> Numbering {
    Numbering::new(&Settings::builtin()).unwrap()
}

/// Rules as they stand in a file, for a queue where nothing else follows.
fn rules(text: &str) -> Vec<TreatmentRule> {
    #[derive(serde::Deserialize)]
    struct File {
        treatment: Vec<TreatmentRule>,
    }
    toml::from_str::<File>(text).unwrap().treatment
}

fn refused(text: &str) -> String {
    Treatment::new(&rules(text), &numbering())
        .unwrap_err()
        .to_string()
}

#[test]
fn a_rule_that_makes_no_sense_is_refused() {
    for (text, message) in [
        (
            "label = 'VIP'",
            "treatment[0]: expected `treatment`, `queue`, `last_agent_id`",
        ),
        ("label = ' '\nqueue = 'a'", "treatment[0].label: expected a word"),
        ("queue = ''", "treatment[0].queue: expected a word"),
        (
            "queue = 'a'\ndnis = []",
            "treatment[0].dnis: expected a number or several",
        ),
        ("queue = 'a'\ndnis = ['']", "treatment[0].dnis: expected numbers"),
        (
            "queue = 'a'\nattestation = []",
            "treatment[0].attestation: expected a level or several",
        ),
        (
            "queue = 'a'\nequals = 'x'",
            "treatment[0].equals: expected `attribute` beside it",
        ),
        (
            "queue = 'a'\nfound = false\nflag = 'do_not_call'",
            "treatment[0].found: expected true, or no key: `flag`",
        ),
        (
            "queue = 'a'\nverstat = 'TN-Validation-Failed'\nattestation = ['passed', 'full']",
            "treatment[0].attestation: expected what `verstat` amounts to",
        ),
        (
            "may_greet = true",
            "treatment[0].may_greet: expected false, or no key: a rule takes a permission away",
        ),
        ("may_disclose = true", "treatment[0].may_disclose: expected false"),
        (
            "last_agent = true",
            "treatment[0].last_agent: expected false, or no key: the last agent is named",
        ),
        (
            "last_agent = false\nlast_agent_id = '1'",
            "treatment[0].last_agent: expected no key beside",
        ),
    ] {
        let found = refused(&format!("[[treatment]]\n{text}"));
        assert!(found.starts_with(message), "{text}: {found}");
    }
}

#[test]
fn a_rule_that_is_never_reached_is_refused_with_the_one_that_hides_it() {
    let two = |first: &str, second: &str| {
        let text = format!(
            "[[treatment]]\nlabel = 'other'\nqueue = 'o'\n[[treatment]]\nqueue = 'a'\n{first}\n[[treatment]]\nqueue = 'b'\n{second}"
        );
        Treatment::new(&rules(&text), &numbering()).map(|_| ())
    };
    for (first, second) in [
        ("", "label = 'VIP'"),
        ("", ""),
        ("label = 'VIP'", "label = 'VIP'"),
        ("label = 'VIP'", "label = 'VIP'\nflag = 'do_not_call'"),
        ("attribute = 'tier'", "attribute = 'tier'\nequals = 'gold'"),
        (
            "dnis = ['+1 480 675 4110', '+14806754111']",
            "dnis = '(480) 675-4110'",
        ),
        ("verstat = 'a'", "verstat = ' A '"),
        ("attestation = ['failed', 'absent']", "attestation = 'failed'"),
        ("attestation = 'full'", "verstat = 'TN-Validation-Passed-A'"),
        ("attestation = ['failed', 'absent', 'passed', 'full']", ""),
        ("found = true", "label = 'VIP'"),
    ] {
        let refused = two(first, second).unwrap_err();
        assert_eq!((refused.index, refused.key), (2, ""), "{first} | {second}");
        assert!(refused.found.contains("treatment[1]"), "{}", refused.found);
    }
    for (first, second) in [
        ("label = 'VIP'", ""),
        ("label = 'VIP'", "label = 'vip'"),
        ("label = 'VIP'\nflag = 'do_not_call'", "label = 'VIP'"),
        ("attribute = 'tier'\nequals = 'gold'", "attribute = 'tier'"),
        (
            "attribute = 'tier'\nequals = 'gold'",
            "attribute = 'tier'\nequals = 'silver'",
        ),
        ("dnis = '+14806754110'", "dnis = ['+14806754110', '+14806754111']"),
        ("attestation = 'failed'", "attestation = ['failed', 'absent']"),
        ("attestation = ['failed', 'absent', 'passed']", ""),
        ("found = true", "dnis = '1'"),
        ("found = true", "found = false"),
    ] {
        assert_eq!(two(first, second), Ok(()), "{first} | {second}");
    }
}

fn rule() -> impl Strategy<Value = TreatmentRule> {
    let words = || prop::option::of(prop::sample::select(vec!["a", "b"]).prop_map(str::to_owned));
    let levels = prop::sample::subsequence(LEVELS.to_vec(), 1..=4);
    let numbers = prop::sample::subsequence(DIALLED.to_vec(), 1..=3);
    (
        prop::option::of(any::<bool>()),
        prop::option::of(prop::sample::select(WORDS.to_vec())),
        prop::option::of(levels),
        prop::option::of(numbers),
        (words(), words(), words()),
        prop::option::of(Just(Flag::DoNotSms)),
    )
        .prop_map(
            |(found, verstat, attestation, dnis, (label, attribute, equals), flag)| TreatmentRule {
                found,
                verstat: verstat.map(str::to_owned),
                attestation,
                dnis: dnis.map(|numbers| numbers.into_iter().map(str::to_owned).collect()),
                label,
                equals: equals.filter(|_| attribute.is_some()),
                attribute,
                flag,
                queue: Some("q".to_owned()),
                ..TreatmentRule::default()
            },
        )
}

const LEVELS: [Verstat; 4] = [Verstat::Failed, Verstat::Absent, Verstat::Passed, Verstat::Full];
const WORDS: [&str; 4] = [
    "A",
    "TN-Validation-Passed-B",
    "TN-Validation-Failed",
    "No-TN-Validation",
];
const DIALLED: [&str; 3] = ["+14806754110", "480 675 4110", "hotline"];

proptest! {
    /// Of all callers without a customer: where a rule is hidden, whatever it holds for has been decided before.
    #[test]
    fn a_hidden_rule_holds_for_nobody_new(first in rule(), second in rule(), found in any::<bool>(), word in 0..5_usize, dialled in 0..4_usize) {
        let numbering = numbering();
        let (one, two) = (Rule::new(0, &first, &numbering), Rule::new(1, &second, &numbering));
        let verstat = WORDS.get(word).copied();
        let dialled = DIALLED.get(dialled).map_or_else(Dialled::default, |text| Dialled {
            text,
            key: numbering.read(*text, None).number(),
        });
        let schema = Schema::default();
        let caller = Caller { record: None, schema: &schema, found, dialled, verstat, attested: Verstat::of(verstat) };
        if one.covers(&two) {
            prop_assert!(!two.holds(&caller) || one.holds(&caller));
        }
        prop_assert_eq!(two.failing(&caller).is_empty(), two.holds(&caller));
        prop_assert!(sense::check(0, &first).is_err() || one.covers(&one));
    }
}
