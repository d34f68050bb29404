//! What a rule must say to make sense by itself.

use super::TreatmentError;
use crate::callers::settings::{TreatmentRule, Verstat};

const RESULTS: &str =
    "`treatment`, `queue`, `last_agent_id`, `last_agent`, `may_greet` or `may_disclose`: what follows";
const ONLY_TAKEN: &str = "false, or no key: a rule takes a permission away, and never grants one";

/// Checks the rule at `index`.
///
/// # Errors
/// The first key that makes no sense.
pub(super) fn check(index: usize, rule: &TreatmentRule) -> Result<(), TreatmentError> {
    let refuse = |key, expected: &str, found: &str| {
        Err(TreatmentError {
            index,
            key,
            expected: expected.to_owned(),
            found: found.to_owned(),
        })
    };
    let words = [
        ("label", &rule.label),
        ("attribute", &rule.attribute),
        ("verstat", &rule.verstat),
        ("treatment", &rule.treatment),
        ("queue", &rule.queue),
        ("last_agent_id", &rule.last_agent_id),
    ];
    // An empty value of an attribute is a value; an empty name is a slip.
    if let Some((key, _)) = words
        .iter()
        .find(|(_, word)| word.as_deref().is_some_and(|word| word.trim().is_empty()))
    {
        return refuse(key, "a word; leave the key out for none", "\"\"");
    }
    let numbers = rule.dnis.as_deref();
    if numbers.is_some_and(|numbers| numbers.iter().any(|number| number.trim().is_empty())) {
        return refuse("dnis", "numbers; leave the key out for none", "\"\"");
    }
    if numbers.is_some_and(<[_]>::is_empty) {
        return refuse(
            "dnis",
            "a number or several; leave the key out for any",
            "an empty array",
        );
    }
    if rule.attestation.as_ref().is_some_and(Vec::is_empty) {
        return refuse(
            "attestation",
            "a level or several; leave the key out for any",
            "an empty array",
        );
    }
    if rule.equals.is_some() && rule.attribute.is_none() {
        return refuse("equals", "`attribute` beside it", "none");
    }
    let of_customer = [
        ("label", rule.label.is_some()),
        ("flag", rule.flag.is_some()),
        ("attribute", rule.attribute.is_some()),
    ];
    if rule.found == Some(false)
        && let Some((key, _)) = of_customer.iter().find(|(_, is_given)| *is_given)
    {
        let expected = format!("true, or no key: `{key}` holds for customers who are found");
        return refuse("found", &expected, "false, which never holds with it");
    }
    if let (Some(word), Some(levels)) = (&rule.verstat, &rule.attestation)
        && !levels.contains(&Verstat::of(Some(word)))
    {
        return refuse(
            "attestation",
            "what `verstat` amounts to, or no key",
            "other levels, which never hold with it",
        );
    }
    for (key, value) in [
        ("last_agent", rule.last_agent),
        ("may_greet", rule.may_greet),
        ("may_disclose", rule.may_disclose),
    ] {
        if value == Some(true) {
            let expected = if key == "last_agent" {
                "false, or no key: the last agent is named unless a rule says otherwise"
            } else {
                ONLY_TAKEN
            };
            return refuse(key, expected, "true");
        }
    }
    if rule.last_agent.is_some() && rule.last_agent_id.is_some() {
        return refuse("last_agent", "no key beside `last_agent_id`", "false");
    }
    let names = [&rule.treatment, &rule.queue, &rule.last_agent_id];
    let taken = [rule.last_agent, rule.may_greet, rule.may_disclose];
    if names.iter().all(|name| name.is_none()) && taken.iter().all(Option::is_none) {
        return refuse("", RESULTS, "none of them");
    }
    Ok(())
}
