//! Whether a caller may be greeted by name, and told of their affairs: being identified is not being authenticated.

use super::settings::Attestation;

/// What the network says of the calling number (`verstat`, STIR/SHAKEN).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verstat {
    /// Verification failed: the number is likely to be forged.
    Failed,
    /// Nobody vouches for the number.
    Absent,
    /// Someone vouches for the call, not for the number.
    Passed,
    /// The carrier vouches for the caller's right to the number.
    Full,
}

/// What an answer permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Disclosure {
    /// Greet by name.
    pub(super) may_greet: bool,
    /// Speak of cases and the like.
    pub(super) may_disclose: bool,
}

impl Verstat {
    /// Reads `TN-Validation-Passed-A`, `TN-Validation-Failed`, `No-TN-Validation` and their like, or a bare `A`, `B`
    /// or `C`; what is not known vouches for nothing.
    pub(super) fn of(text: Option<&str>) -> Verstat {
        const PASSED: &str = "TN-Validation-Passed";
        const FAILED: &str = "TN-Validation-Failed";
        let text = text.unwrap_or_default().trim();
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

impl Disclosure {
    /// Nobody in particular was found.
    pub(super) const NONE: Disclosure = Disclosure {
        may_greet: false,
        may_disclose: false,
    };

    /// One customer was found, whose number others use too where `shared`.
    pub(super) fn of_one(verstat: Verstat, required: Attestation, shared: bool) -> Disclosure {
        let failed = verstat == Verstat::Failed;
        let vouched = match required {
            Attestation::None => true,
            Attestation::NotFailed => !failed,
            Attestation::A => verstat == Verstat::Full,
        };
        let may_greet = required == Attestation::None || !failed;
        Disclosure {
            may_greet,
            may_disclose: may_greet && vouched && !shared,
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
            let found = Disclosure::of_one(verstat, required, shared);
            assert_eq!(
                (found.may_greet, found.may_disclose),
                (greet, disclose),
                "{verstat:?} {required:?} {shared}"
            );
        }
    }
}
