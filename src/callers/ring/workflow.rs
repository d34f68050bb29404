//! The body of a Finesse workflow's HTTP Request: call variables, under names that an administrator chose.

use super::super::refusal::Refusal;
use super::pairs::Pairs;
use super::{Direction, Event, Ring};

const ANI: &[&str] = &["ani", "calling_number", "caller_number", "caller"];
const FROM: &[&str] = &["from", "from_address"];
const TO: &[&str] = &["to", "to_address"];
const DNIS: &[&str] = &["dnis", "dialed_number", "called_number"];
/// Of a campaign's call, the number that is dialled; the addresses are those of the dialler.
const CAMPAIGN: &[&str] = &["ba_customer_number", "user.BACustomerNumber"];

/// The ring that `pairs` are.
///
/// # Errors
/// No name of a number at all: a template without one looks nobody up, ever.
pub(super) fn read(mut pairs: Pairs) -> Result<Ring, Refusal> {
    let has_number = [ANI, FROM, TO, CAMPAIGN].iter().any(|names| pairs.has(names));
    let call_type = pairs.remove(&["call_type"]);
    let direction = Direction::of(pairs.remove(&["direction"]).as_deref(), call_type.as_deref());
    let mut number = |names| pairs.remove_number(names);
    let (ani, from, to) = (number(ANI), number(FROM), number(TO));
    let (dnis, campaign) = (number(DNIS), number(CAMPAIGN));
    let (ani, dnis) = match direction {
        Direction::Inbound => (ani.or(from), dnis.or(to)),
        Direction::Outbound => (campaign.or(to).or(ani), dnis.or(from)),
    };
    let state = pairs.remove(&["state"]);
    let event = pairs.remove(&["event"]);
    let told = state.as_deref().or(event.as_deref());
    let told = told.map_or(Event::Ring, Event::of);
    // Whose call it is was told as it rang.
    if !has_number && told == Event::Ring {
        return Err(Refusal::Missing("ani"));
    }
    Ok(Ring {
        call_id: pairs.remove(&["call_id", "dialog_id", "id"]),
        ani: ani.unwrap_or_default(),
        dnis,
        agents: pairs.remove_all(&["agent", "agent_id", "login_id", "user", "agents"]),
        extension: pairs.remove(&["extension"]),
        queue: pairs.remove(&["queue", "queue_name", "queue_number"]),
        direction,
        call_type,
        event: told,
        state,
        verstat: pairs.remove(&["verstat"]),
        variables: pairs.rest(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(body: &str) -> Ring {
        Ring::from_finesse("", body.as_bytes()).unwrap()
    }

    #[test]
    fn a_workflow_s_body_is_a_ring() {
        let expected = Ring {
            call_id: Some("16804377".to_owned()),
            ani: "+14806754110".to_owned(),
            dnis: Some("8005550199".to_owned()),
            agents: vec!["1001".to_owned()],
            variables: vec![("callVariable1".to_owned(), "gold".to_owned())],
            ..Ring::default()
        };
        let json = r#"{"ani":"+14806754110","agent":"1001","dnis":"8005550199","dialogId":"16804377",
            "queueName":"${queueName}","callVariable1":"gold"}"#;
        assert_eq!(ring(json), expected);
        let form = "ani=+14806754110&agent=1001&dnis=8005550199&dialogId=16804377&callVariable1=gold";
        assert_eq!(ring(form), expected);
        assert_eq!(Ring::from_finesse(form, b"").unwrap(), expected);
    }

    #[test]
    fn a_withheld_number_is_a_ring_and_none_at_all_is_a_mistake() {
        assert_eq!(ring(r#"{"ani":"","agent":"1001"}"#).ani, "");
        assert_eq!(ring(r#"{"ani":"${fromAddress}","agent":"1001"}"#).ani, "");
        assert_eq!(
            Ring::from_finesse("", br#"{"agent":"1001"}"#),
            Err(Refusal::Missing("ani"))
        );
        assert!(matches!(
            Ring::from_finesse("", br#"{"ani":"#),
            Err(Refusal::Body { .. })
        ));
    }

    #[test]
    fn whoever_was_dialled_is_the_customer_of_an_outbound_call() {
        let out = ring("callType=OUT&fromAddress=1001&toAddress=%2B14806754110");
        assert_eq!(
            (out.ani.as_str(), out.dnis.as_deref()),
            ("+14806754110", Some("1001"))
        );
        let campaign = ring("callType=OUTBOUND&ani=5001&toAddress=1001&BACustomerNumber=4806754110");
        assert_eq!(campaign.ani, "4806754110");
        let inbound = ring("callType=ACD_IN&fromAddress=4806754110&toAddress=1001");
        assert_eq!(
            (inbound.ani.as_str(), inbound.dnis.as_deref()),
            ("4806754110", Some("1001"))
        );
    }
}
