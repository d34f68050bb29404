//! Whether a caller may be greeted by name, and told of their affairs: being identified is not being authenticated.

use super::settings::{Attestation, Verstat};
use super::treatment::Decision;

/// What an answer permits, or why it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Disclosure {
    /// Greet by name.
    pub(super) greet: Result<(), Denied>,
    /// Speak of cases and the like.
    pub(super) disclose: Result<(), Denied>,
}

/// Why something is not permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// There is no one customer.
    NoOne,
    /// The number is likely to be forged.
    Failed,
    /// The number is not vouched for as far as is required.
    NotVouchedFor,
    /// Others use the number too.
    Shared,
    /// The calling number is another one, or part of one: it only ends like the customer's.
    Suffix,
    /// The treatment rule at this place, from 0.
    Rule(usize),
}

impl Verstat {
    /// Reads `TN-Validation-Passed-A`, `TN-Validation-Failed`, `No-TN-Validation` and their like, or a bare `A`, `B`
    /// or `C`; what is not known vouches for nothing.
    pub(super) fn of(text: Option<&str>) -> Verstat {
        const PASSED: &str = "TN-Validation-Passed";
        const FAILED: &str = "TN-Validation-Failed";
        let Some(text) = text.map(str::trim) else {
            return Verstat::Absent;
        };
        let begins = |with: &str| {
            text.get(..with.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(with))
        };
        if begins(FAILED) {
            return Verstat::Failed;
        }
        let level = if begins(PASSED) {
            &text[PASSED.len()..]
        } else {
            text
        };
        match level {
            "-A" | "-a" | "A" | "a" => Verstat::Full,
            "-B" | "-b" | "B" | "b" | "-C" | "-c" | "C" | "c" => Verstat::Passed,
            _ if begins(PASSED) => Verstat::Passed,
            _ => Verstat::Absent,
        }
    }
}

impl Denied {
    /// Why, as a sentence without a full stop.
    pub(super) fn words(self) -> String {
        match self {
            Denied::NoOne => "there is no one customer".to_owned(),
            Denied::Failed => {
                "the number's verification failed, and answers.require_attestation is set".to_owned()
            }
            Denied::NotVouchedFor => {
                "the number is not attested as answers.require_attestation asks".to_owned()
            }
            Denied::Shared => "others use this line too".to_owned(),
            Denied::Suffix => "the caller was found by the last digits alone".to_owned(),
            Denied::Rule(index) => format!("treatment[{index}] takes it away"),
        }
    }
}

impl Disclosure {
    /// Nobody in particular was found.
    pub(super) const NONE: Disclosure = Disclosure {
        greet: Err(Denied::NoOne),
        disclose: Err(Denied::NoOne),
    };

    /// One customer was found, whose number others use too where `shared`. A rule can only take away.
    pub(super) fn of_one(
        verstat: Verstat,
        required: Attestation,
        shared: bool,
        decision: Option<&Decision>,
    ) -> Disclosure {
        let unless = |is_denied: bool, why| if is_denied { Err(why) } else { Ok(()) };
        let taken = |takes: fn(&Decision) -> bool| {
            decision
                .filter(|decision| takes(decision))
                .map_or(Ok(()), |decision| Err(Denied::Rule(decision.index)))
        };
        let failed = required != Attestation::None && verstat == Verstat::Failed;
        let vouched = required != Attestation::A || verstat == Verstat::Full;
        let greet = unless(failed, Denied::Failed).and_then(|()| taken(|decision| decision.takes_greeting));
        let disclose = greet
            .and_then(|()| unless(!vouched, Denied::NotVouchedFor))
            .and_then(|()| unless(shared, Denied::Shared))
            .and_then(|()| taken(|decision| decision.takes_disclosing));
        Disclosure { greet, disclose }
    }

    /// The same for a customer who was found by last digits alone: nothing is disclosed.
    pub(super) fn of_suffix(self) -> Disclosure {
        Disclosure {
            disclose: self.disclose.and(Err(Denied::Suffix)),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_networks_words_are_read() {
        for (text, verstat) in [
            ("TN-Validation-Passed-A", Verstat::Full),
            ("tn-validation-passed-a", Verstat::Full),
            ("A", Verstat::Full),
            ("TN-Validation-Passed-B", Verstat::Passed),
            ("TN-Validation-Passed-C", Verstat::Passed),
            ("TN-Validation-Passed", Verstat::Passed),
            ("B", Verstat::Passed),
            ("TN-Validation-Failed", Verstat::Failed),
            ("TN-Validation-Failed-A", Verstat::Failed),
            ("No-TN-Validation", Verstat::Absent),
            ("Not-A", Verstat::Absent),
            ("\u{df}\u{df}TN-Validation-Passed", Verstat::Absent),
            ("", Verstat::Absent),
        ] {
            assert_eq!(Verstat::of(Some(text)), verstat, "{text}");
        }
        assert_eq!(Verstat::of(None), Verstat::Absent);
    }

    #[test]
    fn what_is_required_decides() {
        use Attestation::{A, None, NotFailed};
        // verstat, required, shared: greet, disclose
        for (verstat, required, shared, greet, disclose) in [
            (Verstat::Absent, None, false, true, true),
            (Verstat::Failed, None, false, true, true),
            (Verstat::Full, None, true, true, false),
            (Verstat::Absent, NotFailed, false, true, true),
            (Verstat::Failed, NotFailed, false, false, false),
            (Verstat::Absent, A, false, true, false),
            (Verstat::Passed, A, false, true, false),
            (Verstat::Full, A, false, true, true),
            (Verstat::Failed, A, false, false, false),
        ] {
            let found = Disclosure::of_one(verstat, required, shared, Option::None);
            assert_eq!(
                (found.greet.is_ok(), found.disclose.is_ok()),
                (greet, disclose),
                "{verstat:?} {required:?} {shared}"
            );
        }
    }

    #[test]
    fn a_rule_takes_away_and_the_first_reason_is_told() {
        let rule = |takes_greeting, takes_disclosing| Decision {
            index: 3,
            takes_greeting,
            takes_disclosing,
            ..Decision::default()
        };
        let of = |decision: &Decision, verstat, shared| {
            let found = Disclosure::of_one(verstat, Attestation::A, shared, Some(decision));
            (found.greet, found.disclose)
        };
        use Denied::{Failed, NotVouchedFor, Rule, Shared};
        let (full, failed) = (Verstat::Full, Verstat::Failed);
        assert_eq!(of(&rule(false, false), full, false), (Ok(()), Ok(())));
        assert_eq!(of(&rule(false, true), full, false), (Ok(()), Err(Rule(3))));
        assert_eq!(of(&rule(true, false), full, false), (Err(Rule(3)), Err(Rule(3))));
        assert_eq!(of(&rule(false, true), full, true), (Ok(()), Err(Shared)));
        assert_eq!(
            of(&rule(false, true), Verstat::Passed, true),
            (Ok(()), Err(NotVouchedFor))
        );
        assert_eq!(of(&rule(true, true), failed, true), (Err(Failed), Err(Failed)));
    }
}
