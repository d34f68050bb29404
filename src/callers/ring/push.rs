//! Pushes in the manner of sipgate and Zammad: `event=newCall&from=…&to=…&direction=in&callId=…&user[]=…`.

use super::super::refusal::Refusal;
use super::pairs::Pairs;
use super::{Direction, Event, Ring};

pub(super) const EXPECTED: &str =
    "a form or a JSON object such as event=newCall&from=14806754110&to=18005550199&direction=in&callId=1";

/// The ring that `pairs` are. sipgate sends numbers without their plus, and `anonymous` for a withheld one.
///
/// # Errors
/// Neither party's number.
pub(super) fn read(mut pairs: Pairs) -> Result<Ring, Refusal> {
    let has_number = pairs.has(&["from"]) || pairs.has(&["to"]);
    let direction = Direction::of(pairs.remove(&["direction"]).as_deref(), None);
    let (from, to) = (pairs.remove_number(&["from"]), pairs.remove_number(&["to"]));
    let (ani, dnis) = match direction {
        Direction::Inbound => (from, to),
        Direction::Outbound => (to, from),
    };
    let event = pairs.remove(&["event"]);
    let told = event.as_deref().map_or(Event::Ring, Event::of);
    // Whose call it is was told as it rang.
    if !has_number && told == Event::Ring {
        return Err(Refusal::Missing("from"));
    }
    Ok(Ring {
        call_id: pairs.remove(&["call_id", "xcid"]),
        ani: ani.unwrap_or_default(),
        dnis,
        agents: {
            // Both lists are of the same agents, and ids are not shared by namesakes.
            let (ids, names) = (pairs.remove_all(&["user_id"]), pairs.remove_all(&["user"]));
            if ids.is_empty() { names } else { ids }
        },
        extension: pairs.remove(&["answering_number"]),
        queue: pairs.remove(&["queue"]),
        direction,
        call_type: None,
        event: told,
        state: event,
        verstat: pairs.remove(&["verstat"]),
        variables: pairs.rest(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(body: &str) -> Ring {
        Ring::from_push("", body.as_bytes()).unwrap()
    }

    #[test]
    fn a_push_is_a_ring_as_a_form_and_as_json() {
        let form = "event=newCall&from=14806754110&to=4930123456&direction=in&callId=77\
                    &user%5B%5D=Alice&user%5B%5D=Bob&diversion=1&origCallId=76";
        let ring_of_form = ring(form);
        assert_eq!(ring_of_form.ani, "14806754110");
        assert_eq!(ring_of_form.dnis.as_deref(), Some("4930123456"));
        assert_eq!(ring_of_form.agents, ["Alice", "Bob"]);
        assert_eq!(ring_of_form.call_id.as_deref(), Some("77"));
        assert_eq!(ring_of_form.event, Event::Ring);
        assert_eq!(ring_of_form.variable("orig_call_id"), Some("76"));
        let json = r#"{"event":"newCall","from":"14806754110","to":"4930123456","direction":"in","callId":77,
            "user":["Alice","Bob"],"diversion":"1","origCallId":"76"}"#;
        let mut ring_of_json = ring(json);
        ring_of_json.variables.sort();
        assert_eq!(ring_of_json, ring_of_form);
    }

    #[test]
    fn the_customer_is_whom_we_called_or_who_called_us() {
        let out = ring("event=answer&from=4930123456&to=14806754110&direction=out&callId=1&user=Alice");
        assert_eq!(
            (out.ani.as_str(), out.direction),
            ("14806754110", Direction::Outbound)
        );
        assert_eq!((out.event, out.agents.len()), (Event::Answer, 1));
        let withheld = ring("event=hangup&from=anonymous&to=4930123456&direction=in&cause=normalClearing");
        assert_eq!((withheld.ani.as_str(), withheld.event), ("anonymous", Event::End));
        assert_eq!(withheld.variable("cause"), Some("normalClearing"));
        assert_eq!(
            Ring::from_push("", b"event=newCall"),
            Err(Refusal::Missing("from"))
        );
    }
}
