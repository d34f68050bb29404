//! A ring: what a phone system says of a call, whichever way it says it.
//!
//! Phone systems tell more parties than one. The calling number of a ring is the customer's, whoever dialled: of an
//! inbound call the number it came from, of an outbound one the number that it goes to.

mod dialog;
mod native;
mod pairs;
mod push;
mod workflow;

use super::curri;
use super::lookup::{Request, Source};
use super::refusal::Refusal;

pub(super) use pairs::Pairs;

const NATIVE: &str = "a call as a JSON object or a form, such as {\"call_id\": \"7\", \"ani\": \"+14806754110\", \"agent\": \"1001\"}";
const FINESSE: &str =
    "the call's variables as a JSON object or a form, such as {\"ani\": \"+14806754110\"}, or a dialog's XML";

/// What is known of a call. What is not is `None` or empty; a variable that the caller's template did not fill
/// (`${…}`) is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ring {
    /// The call, the same in everything that is told of it.
    pub call_id: Option<String>,
    /// The customer's number as sent; empty where it is withheld.
    pub ani: String,
    /// Our own number, which was dialled or is shown.
    pub dnis: Option<String>,
    /// Whom it rings at, by id or name.
    pub agents: Vec<String>,
    /// Where it rings.
    pub extension: Option<String>,
    /// The queue it came through.
    pub queue: Option<String>,
    /// Who dialled.
    pub direction: Direction,
    /// The phone system's word for the kind of call: `ACD_IN`, `OUTBOUND_PREVIEW` …
    pub call_type: Option<String>,
    /// The phone system's word for its state: `ALERTING`, `ACTIVE` …
    pub state: Option<String>,
    /// What is new.
    pub event: Event,
    /// The network's word on the calling number.
    pub verstat: Option<String>,
    /// Everything else that was sent, in its order.
    pub variables: Vec<(String, String)>,
}

/// Who dialled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Direction {
    /// The customer.
    #[default]
    Inbound,
    /// Ourselves.
    Outbound,
}

/// What is new of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Event {
    /// It rings.
    #[default]
    Ring,
    /// Somebody answered.
    Answer,
    /// Anything else: held, transferred, wrapped up.
    Update,
    /// It is over.
    End,
}

impl Event {
    /// Every event.
    pub(super) const ALL: [Event; 4] = [Event::Ring, Event::Answer, Event::Update, Event::End];

    /// The event's name in metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Event::Ring => "ring",
            Event::Answer => "answer",
            Event::Update => "update",
            Event::End => "end",
        }
    }

    /// What `word` says, be it an event of a push or a state of a dialog.
    fn of(word: &str) -> Event {
        const RINGS: [&str; 8] = [
            "newcall",
            "ring",
            "ringing",
            "alerting",
            "initiating",
            "initiated",
            "offered",
            "post",
        ];
        const ANSWERS: [&str; 4] = ["answer", "answered", "active", "connected"];
        const ENDS: [&str; 7] = [
            "hangup",
            "end",
            "ended",
            "dropped",
            "failed",
            "delete",
            "disconnected",
        ];
        let is_one = |of: &[&str]| of.iter().any(|known| known.eq_ignore_ascii_case(word.trim()));
        match () {
            () if is_one(&RINGS) => Event::Ring,
            () if is_one(&ANSWERS) => Event::Answer,
            () if is_one(&ENDS) => Event::End,
            () => Event::Update,
        }
    }
}

impl Direction {
    /// Who dialled, by a word for the direction, or else by the kind of call.
    fn of(word: Option<&str>, call_type: Option<&str>) -> Direction {
        let is_out = |text: &str| {
            let start = text.trim().get(..3);
            start.is_some_and(|start| start.eq_ignore_ascii_case("out"))
        };
        if word.or(call_type).is_some_and(is_out) {
            Direction::Outbound
        } else {
            Direction::Inbound
        }
    }
}

impl Ring {
    /// The ring in a Finesse workflow's request or a relayed dialog; `query` is read behind the body.
    ///
    /// # Errors
    /// A body that is neither, and one that names no number at all, not even a withheld one.
    pub fn from_finesse(query: &str, body: &[u8]) -> Result<Ring, Refusal> {
        let text = super::xml::text(body);
        if text.trim_start().starts_with('<') {
            return dialog::read(&text);
        }
        let mut pairs = Pairs::read(body, FINESSE)?;
        pairs.read_query(query);
        workflow::read(pairs)
    }

    /// The ring in a push such as sipgate's and Zammad's.
    ///
    /// # Errors
    /// A body that is neither a form nor JSON, and one that names no number.
    pub fn from_push(query: &str, body: &[u8]) -> Result<Ring, Refusal> {
        let mut pairs = Pairs::read(body, push::EXPECTED)?;
        pairs.read_query(query);
        push::read(pairs)
    }

    /// The ring in a request of Ringside's own, as JSON or a form. The calling number is who calls: of a call that we
    /// dialled, the customer is who is called.
    ///
    /// # Errors
    /// A body that is neither, and one that names no number at all, not even a withheld one.
    pub fn from_native(query: &str, body: &[u8]) -> Result<Ring, Refusal> {
        native::check(body)?;
        let mut pairs = Pairs::read(body, NATIVE)?;
        pairs.read_query(query);
        let mut ring = workflow::read(pairs)?;
        if ring.direction == Direction::Outbound
            && let Some(called) = ring.dnis.take()
        {
            ring.dnis = Some(std::mem::replace(&mut ring.ani, called)).filter(|ani| !ani.is_empty());
        }
        Ok(ring)
    }

    /// The ring in what Unified CM asks ahead of a call: it names the telephone and no call.
    ///
    /// # Errors
    /// A body that is none of its requests.
    pub fn from_curri(body: &[u8]) -> Result<Ring, Refusal> {
        curri::ring(body)
    }

    /// What is looked up for it.
    pub fn request(&self) -> Request<'_> {
        Request {
            ani: &self.ani,
            dnis: self.dnis.as_deref(),
            call_id: self.call_id.as_deref(),
            verstat: self.verstat.as_deref(),
            diversion: self.variable("diversion"),
            region: None,
        }
    }

    /// The value of the variable `name`, however it is spelled.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let found = self.variables.iter().find(|(own, _)| pairs::is_same(own, name));
        let own = [
            ("agent", self.agents.first()),
            ("extension", self.extension.as_ref()),
            ("queue", self.queue.as_ref()),
            ("call_type", self.call_type.as_ref()),
            ("state", self.state.as_ref()),
        ];
        let own = own.into_iter().find(|(own, _)| pairs::is_same(own, name));
        let own = own.and_then(|(_, value)| value);
        found.map(|(_, value)| value).or(own).map(String::as_str)
    }
}

impl Source {
    /// Counts `ring`.
    pub fn count_ring(&self, ring: &Ring) {
        self.meters.count_ring(ring.event);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_of_phone_systems_are_events() {
        for (word, event) in [
            ("newCall", Event::Ring),
            ("ALERTING", Event::Ring),
            ("ACTIVE", Event::Answer),
            ("answer", Event::Answer),
            ("HELD", Event::Update),
            ("dtmf", Event::Update),
            ("DROPPED", Event::End),
            ("hangup", Event::End),
        ] {
            assert_eq!(Event::of(word), event, "{word}");
        }
        let of = |word, kind| Direction::of(word, kind);
        assert_eq!(of(None, Some("OUTBOUND_PREVIEW")), Direction::Outbound);
        assert_eq!(of(Some("in"), Some("OUT")), Direction::Inbound);
        assert_eq!(of(Some("OUT"), None), Direction::Outbound);
        assert_eq!(of(None, Some("ACD_IN")), Direction::Inbound);
        assert_eq!(of(Some("öut"), None), Direction::Inbound);
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_is_too_much(body in any::<Vec<u8>>(), query in any::<String>()) {
            let _any = Ring::from_finesse(&query, &body);
            let _any = Ring::from_push(&query, &body);
        }

        #[test]
        fn nothing_like_xml_or_json_is_too_much(
            text in "(<|>|/|\"|\\{|\\}|\\[|\\]|:|,|=|&|%|\\+|Dialog|dialogs|Update|data|ani|from| |[0-9]){0,60}",
        ) {
            let _any = Ring::from_finesse("", text.as_bytes());
            let _any = Ring::from_push(&text, text.as_bytes());
        }
    }
}
