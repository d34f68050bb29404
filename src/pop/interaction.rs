//! What a call becomes in a customer's history.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::call::{Call, How, Leg};
use super::message::State;

/// The interaction that `call` is, as of `now`, in the form of a customer's document, with what the system of record
/// needs beside it: whose it is, and who was offered it.
pub(super) fn of(call: &Call, now: u64) -> Value {
    let legs = || call.legs.iter().filter(|leg| leg.how != How::Recorded);
    let ended = legs().filter_map(|leg| leg.ended).max();
    let ended = ended.or(call.quiet).unwrap_or(now);
    let has_agent = legs().any(|leg| leg.offer.is_some());
    let was_answered = legs().any(|leg| leg.offer.is_some() && leg.answered.is_some());
    let link = call.link.as_ref();
    let facts = &call.facts;
    let mut interaction = json!({
        "id": id(call),
        "call_id": call.id,
        "customer_id": link.and_then(|link| link.customer.as_deref()),
        "linked_by": link.map(|link| if link.is_chosen { "agent" } else { "match" }),
        "started_at": moment(call.began),
        "answered_at": legs().filter(|leg| leg.offer.is_some()).filter_map(|leg| leg.answered).min().map(moment),
        "ended_at": moment(ended),
        "direction": if facts.is_outbound { "outbound" } else { "inbound" },
        "type": if has_agent { "finesse" } else { "ivr" },
        "ani": (!facts.ani.is_empty()).then_some(&facts.ani),
        "duration_s": seconds(call.began, ended),
        "activities": legs().filter(|leg| was_answered || leg.offer.is_none()).filter_map(|leg| activity(leg, now)).collect::<Vec<_>>(),
    });
    let optional = [
        ("dnis", &facts.dnis),
        ("queue", &facts.queue),
        ("call_type", &facts.call_type),
        ("verstat", &facts.verstat),
    ];
    if let Some(members) = interaction.as_object_mut() {
        for (name, value) in optional {
            if let Some(value) = value {
                members.insert(name.to_owned(), value.as_str().into());
            }
        }
        // Who had it last stands at the top too, for systems of record that keep one agent.
        let last = legs()
            .rev()
            .filter(|leg| leg.answered.is_some())
            .find_map(|leg| leg.offer.as_ref().zip(Some(leg)));
        if let Some((offer, leg)) = last {
            let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
            for (name, value) in [
                ("agent", offer.agent.as_str().into()),
                ("team", text(&offer.team)),
                ("extension", text(&offer.extension)),
                ("wrap_up", text(&leg.wrap_up)),
            ] {
                members.insert(name.to_owned(), value);
            }
        }
        if has_agent && !was_answered {
            members.insert("offered_to".to_owned(), offered(call));
        }
    }
    interaction
}

/// The same for what is said of one call again, and another one for a call that has the same id later.
fn id(call: &Call) -> String {
    format!("{}@{}.{}", call.id, call.began, call.nth)
}

/// Milliseconds since 1970 in RFC 3339.
pub(super) fn moment(at: u64) -> String {
    let at = i64::try_from(at)
        .ok()
        .and_then(|at| Timestamp::from_millisecond(at).ok());
    at.unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

fn seconds(from: u64, to: u64) -> u64 {
    to.saturating_sub(from).div_ceil(1000)
}

fn activity(leg: &Leg, now: u64) -> Option<Value> {
    let began = leg.answered.unwrap_or(leg.offered);
    let ended = leg.ended.unwrap_or(now);
    let Some(offer) = &leg.offer else {
        return Some(json!({
            "kind": "ivr",
            "started_at": moment(began),
            "duration_s": seconds(began, ended),
        }));
    };
    leg.answered?;
    let mut activity = Map::new();
    let kind = match leg.how {
        How::Transfer => "transfer",
        How::Conference => "conference",
        How::Ring | How::Ivr | How::Recorded => "agent",
    };
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            activity.insert(name.to_owned(), value);
        }
    };
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    set("kind", Some(kind.into()));
    set("agent_id", Some(offer.agent.as_str().into()));
    set("agent_name", text(&offer.name));
    set("team", text(&offer.team));
    set("extension", text(&offer.extension));
    set("started_at", Some(moment(began).into()));
    set("duration_s", Some(seconds(began, ended).into()));
    set("wrap_up", text(&leg.wrap_up));
    Some(activity.into())
}

/// Everybody who was offered a call that nobody took.
fn offered(call: &Call) -> Value {
    let parties = call.parties().into_iter().map(|party| {
        json!({
            "agent_id": party.agent,
            "agent_name": party.name,
            "team": party.team,
            "extension": party.extension,
            "state": if party.state == State::Refused { "refused" } else { "missed" },
        })
    });
    parties.collect()
}
