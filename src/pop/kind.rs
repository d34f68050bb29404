//! Kinds of calls: which of them pop, by whose number, and which are recorded.
//!
//! The words are those of Cisco Finesse's `callType` (Finesse Web Services Developer Guide, Dialog APIs). A call without
//! one, or with another system's, is judged by who dialled.

/// What is done with a call of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Why it does not pop; `None` where it does.
    pub silent: Option<Silent>,
    /// Whether it is part of a customer's history.
    pub recorded: bool,
    /// Whose number the customer is found by.
    pub party: Party,
}

/// Whose number the customer is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// Who calls.
    Caller,
    /// Who is called.
    Called,
}

/// Why a ring pops nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silent {
    /// An agent dialled by hand, and knows whom.
    ManualOutbound,
    /// An agent asks another one.
    Consult,
    /// A supervisor listens, whispers, steps in or takes over.
    Monitoring,
    /// Between agents.
    Inside,
    /// A dialler takes an agent out of the queue for a call to come.
    Reservation,
}

impl Silent {
    /// Every reason.
    pub const ALL: [Silent; 5] = [
        Silent::ManualOutbound,
        Silent::Consult,
        Silent::Monitoring,
        Silent::Inside,
        Silent::Reservation,
    ];

    /// The word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Silent::ManualOutbound => "manual_outbound",
            Silent::Consult => "consult",
            Silent::Monitoring => "monitoring",
            Silent::Inside => "inside",
            Silent::Reservation => "reservation",
        }
    }
}

impl Rule {
    const POP: Rule = Rule {
        silent: None,
        recorded: true,
        party: Party::Caller,
    };
    const CAMPAIGN: Rule = Rule {
        party: Party::Called,
        ..Rule::POP
    };
    const MANUAL: Rule = Rule {
        silent: Some(Silent::ManualOutbound),
        ..Rule::CAMPAIGN
    };

    const fn unseen(why: Silent) -> Rule {
        Rule {
            silent: Some(why),
            recorded: false,
            ..Rule::POP
        }
    }

    /// What is done with a call of the kind `call_type`, where it is told, which we dialled where `is_outbound`.
    pub fn of(call_type: Option<&str>, is_outbound: bool) -> Rule {
        let word = call_type.unwrap_or_default().trim().to_ascii_uppercase();
        let word = word.replace(['-', ' '], "_");
        let has = |part: &str| word.contains(part);
        match &*word {
            _ if ["MONITOR", "WHISPER", "BARGE", "INTERCEPT"].into_iter().any(has)
                && word != "UNMONITORED" =>
            {
                Rule::unseen(Silent::Monitoring)
            }
            _ if word.starts_with("CONSULT") => Rule::unseen(Silent::Consult),
            _ if word.starts_with("RESERVATION") => Rule::unseen(Silent::Reservation),
            "AGENT_INSIDE" | "INSIDE" | "INTERNAL" => Rule::unseen(Silent::Inside),
            "OUT" | "AGENT_OUT" | "MANUAL_OUT" => Rule::MANUAL,
            "VOICE_CALL_BACK" | "COURTESY_CALLBACK" | "COURTESY_CALL_BACK" => Rule::POP,
            _ if word.starts_with("OUTBOUND") || word == "AUTO_OUT" => Rule::CAMPAIGN,
            _ if is_outbound && (word.is_empty() || word == "OTHER_OUT") => Rule::MANUAL,
            _ if is_outbound => Rule::CAMPAIGN,
            _ => Rule::POP,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_finesse_s_has_its_rule() {
        let pop = |party| (None, true, party);
        let unseen = |why| (Some(why), false, Party::Caller);
        for (word, expected) in [
            ("ACD_IN", pop(Party::Caller)),
            ("PREROUTE_ACD_IN", pop(Party::Caller)),
            ("PREROUTE_DIRECT_AGENT", pop(Party::Caller)),
            ("OVERFLOW_IN", pop(Party::Caller)),
            ("OTHER_IN", pop(Party::Caller)),
            ("OFFERED", pop(Party::Caller)),
            ("TRANSFER", pop(Party::Caller)),
            ("CONFERENCE", pop(Party::Caller)),
            ("UNMONITORED", pop(Party::Caller)),
            ("TASK_ROUTED_BY_ICM", pop(Party::Caller)),
            ("VOICE_CALL_BACK", pop(Party::Caller)),
            ("courtesy-callback", pop(Party::Caller)),
            ("", pop(Party::Caller)),
            ("SOMETHING_NEW", pop(Party::Caller)),
            ("OUTBOUND", pop(Party::Called)),
            ("OUTBOUND_PREVIEW", pop(Party::Called)),
            ("OUTBOUND_DIRECT_PREVIEW", pop(Party::Called)),
            ("OUTBOUND_CALLBACK", pop(Party::Called)),
            ("OUTBOUND_CALLBACK_PREVIEW", pop(Party::Called)),
            ("OUTBOUND_PERSONAL_CALLBACK", pop(Party::Called)),
            ("OUTBOUND_PERSONAL_CALLBACK_PREVIEW", pop(Party::Called)),
            ("AUTO_OUT", pop(Party::Called)),
            ("OUT", (Some(Silent::ManualOutbound), true, Party::Called)),
            ("CONSULT", unseen(Silent::Consult)),
            ("CONSULT_OFFERED", unseen(Silent::Consult)),
            ("CONSULT_CONFERENCE", unseen(Silent::Consult)),
            ("SUPERVISOR_MONITOR", unseen(Silent::Monitoring)),
            ("SUPERVISOR_WHISPER", unseen(Silent::Monitoring)),
            ("SUPERVISOR_BARGEIN", unseen(Silent::Monitoring)),
            ("SUPERVISOR_INTERCEPT", unseen(Silent::Monitoring)),
            ("BARGE_IN", unseen(Silent::Monitoring)),
            ("AGENT_INSIDE", unseen(Silent::Inside)),
            ("RESERVATION_PREVIEW", unseen(Silent::Reservation)),
        ] {
            let rule = Rule::of(Some(word), false);
            assert_eq!((rule.silent, rule.recorded, rule.party), expected, "{word}");
        }
        assert_eq!(Rule::of(None, true), Rule::MANUAL);
        assert_eq!(Rule::of(Some("PREDICTIVE"), true), Rule::CAMPAIGN);
        assert_eq!(Rule::of(Some("COURTESY_CALLBACK"), true), Rule::POP);
    }
}
