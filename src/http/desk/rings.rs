//! What phone systems say, in each of the forms in which they say it.

use bytes::BytesMut;
use serde_json::json;

use super::place::Form;
use super::refused::Refused;
use super::viewer::{link_json, show, write_with_lookup};
use super::{Desk, Rights};
use crate::callers::{Call, Direction, Event, Refusal, Reply, Ring, Source, Spoken};
use crate::pop::{Facts, Heard, Kept, Link, News};

/// The longest id of a call or an agent, in bytes.
const ID_MAX: usize = 256;
/// The most agents that one call rings at.
const AGENTS_MAX: usize = 256;
/// The most call variables that are kept of a call, and the most bytes of a value.
const VARIABLES_MAX: usize = 64;
const VALUE_MAX: usize = 1024;
/// What calls begin with that Unified CM does not name.
const CURRI: &str = "curri:";
/// What an agent's wrap-up is called in what Finesse sends.
const WRAP_UPS: [&str; 3] = ["wrapUpReason", "wrap_up", "wrapUp"];

/// Answers what a phone system says in `form`.
pub(super) async fn answer(
    desk: &Desk,
    spoken: &Spoken,
    form: Form,
    rights: Rights,
    call: &Call<'_>,
    out: &mut BytesMut,
) -> Result<Reply, Refused> {
    if form == Form::Curri {
        return Ok(curri(desk, spoken, rights, call, out));
    }
    if call.method != "POST" {
        return Err(Refusal::Method { allow: "POST" }.into());
    }
    let ring = match form {
        Form::Native => Ring::from_native(call.query, call.body)?,
        Form::Finesse => Ring::from_finesse(call.query, call.body)?,
        Form::Sipgate | Form::Curri => Ring::from_push(call.query, call.body)?,
    };
    let id = ring.call_id.clone().filter(|id| !id.is_empty());
    match (&id, form) {
        (Some(id), _) if id.len() > ID_MAX => {
            return Err(Refused::field(
                "call_id",
                format!("at most {ID_MAX} bytes"),
                "more",
            ));
        }
        (None, Form::Native) => {
            let expected = "the call's id, by which what is said twice is known";
            return Err(Refused::field("call_id", expected, "none"));
        }
        _ => {}
    }
    bounded(&ring)?;
    announce(desk, spoken.source(), &ring, id, form, out).await
}

/// Whether what a ring keeps in memory for each agent is bearable.
fn bounded(ring: &Ring) -> Result<(), Refused> {
    if ring.agents.len() > AGENTS_MAX {
        let found = ring.agents.len().to_string();
        return Err(Refused::field("agents", format!("at most {AGENTS_MAX}"), found));
    }
    let extension = ring.extension.iter().map(|it| ("extension", it));
    let mut ids = ring.agents.iter().map(|it| ("agent", it)).chain(extension);
    let is_strange = |id: &str| id.len() > ID_MAX || id.contains(char::is_control);
    match ids.find(|(_, id)| is_strange(id)) {
        Some((field, _)) => {
            let expected = format!("at most {ID_MAX} bytes without control characters");
            Err(Refused::field(field, expected, "another text"))
        }
        None => Ok(()),
    }
}

/// Answers Unified CM, whatever becomes of the ring, which is announced where whoever asks may announce any.
fn curri(desk: &Desk, spoken: &Spoken, rights: Rights, call: &Call<'_>, out: &mut BytesMut) -> Reply {
    if call.method == "POST"
        && rights.ring
        && let Ok(ring) = Ring::from_curri(call.body)
        && let Some(extension) = ring.extension.as_deref().filter(|text| text.len() <= ID_MAX)
        && desk.pops.agent_at(extension).is_some()
    {
        let source = spoken.source();
        let facts = facts(source, &ring);
        let mut lookup = BytesMut::new();
        let showing = show(
            source,
            ("", &facts),
            None,
            desk.urls(),
            Rights::default(),
            false,
            &mut lookup,
        );
        source.count_ring(&ring);
        // It names no call, and asks again of one that still rings; whoever calls next is somebody else.
        let known = desk.pops.ringing_at(extension, &facts.ani, CURRI);
        let heard = Heard {
            call: known.unwrap_or_else(|| desk.pops.node().name_call(CURRI)),
            extension: Some(extension.to_owned()),
            facts,
            ..Heard::default()
        };
        let _not_waited_for = desk.pops.hear(&heard, showing.only.as_deref());
    }
    spoken
        .answer(call, out)
        .unwrap_or_else(|| Refusal::Internal.write(out))
}

async fn announce(
    desk: &Desk,
    source: &Source,
    ring: &Ring,
    id: Option<String>,
    form: Form,
    out: &mut BytesMut,
) -> Result<Reply, Refused> {
    source.count_ring(ring);
    let facts = facts(source, ring);
    let ids = ids(ring);
    let names = id.iter().chain(&ids).map(String::as_str);
    let link = desk.pops.link_of(names);
    let agent = ring.agents.first().cloned();
    let profile = agent.as_deref().map(|agent| desk.profiles.of(agent, None).1);
    let urls = profile.map_or_else(|| desk.urls(), |profile| &profile.urls);
    let mut lookup = BytesMut::new();
    let of_call = id.clone().unwrap_or_default();
    let (said, rings) = (facts.clone(), ring.event == Event::Ring);
    let mut looked_up = |link: Option<&Link>, is_counted: bool| {
        lookup.clear();
        let rights = Rights::default();
        show(
            source,
            (&of_call, &said),
            link,
            urls,
            rights,
            is_counted,
            &mut lookup,
        )
    };
    let mut showing = looked_up(link.as_ref(), rings);
    let mut head = json!({
        "pop_id": null, "call_id": id, "agent": agent, "url": null, "replicated": false, "link": link_json(link.as_ref()),
        "reason": "no_call_id",
    });
    if let Some(id) = id {
        let heard = Heard {
            call: id.clone(),
            ids,
            facts,
            agents: ring.agents.clone(),
            extension: ring.extension.clone(),
            news: news(ring),
        };
        let (rung, mut keeping) = desk.pops.hear(&heard, showing.only.as_deref());
        // It comes beside whatever else is new.
        if let Some(text) = wrap_up(ring).filter(|_| !matches!(heard.news, News::WrapUp(_))) {
            let heard = Heard {
                news: News::WrapUp(text),
                ..heard
            };
            keeping = desk.pops.hear(&heard, None).1;
        }
        let kept = keeping.kept().await;
        let now = desk.pops.link_of([id.as_str()]);
        // It turned out to be a call that somebody has linked.
        if now != link && now.as_ref().is_some_and(|link| link.is_chosen) {
            showing = looked_up(now.as_ref(), false);
        }
        let link = now;
        head["link"] = link_json(link.as_ref());
        head["url"] = rung.pop_id.as_ref().and(showing.url).into();
        head["pop_id"] = rung.pop_id.into();
        head["agent"] = rung.agent.into();
        head["reason"] = rung.reason.into();
        head["replicated"] = (kept == Kept::Replicated).into();
    }
    out.clear();
    if form == Form::Sipgate {
        out.extend_from_slice(b"{}");
    } else {
        write_with_lookup(&head, &lookup, out);
    }
    Ok(Reply::json(200))
}

/// What is kept of `ring`: the number as every listener reads it, and as many variables as are bearable.
fn facts(source: &Source, ring: &Ring) -> Facts {
    let variables = ring.variables.iter().filter(|(_, value)| !value.is_empty());
    let variables = variables
        .take(VARIABLES_MAX)
        .map(|(name, value)| (cut(name), cut(value)));
    Facts {
        ani: cut(&source.canonical(&ring.ani)),
        dnis: ring.dnis.as_deref().map(cut),
        queue: ring.queue.as_deref().map(cut),
        is_outbound: ring.direction == Direction::Outbound,
        call_type: ring.call_type.as_deref().map(cut),
        verstat: ring.verstat.as_deref().map(cut),
        diversion: ring.variable("diversion").map(cut),
        variables: variables.collect(),
    }
}

/// What is kept of a text. Control characters mean nothing on a screen, and each would be six bytes of an entry.
fn cut(text: &str) -> String {
    let kept = &text[..text.floor_char_boundary(VALUE_MAX)];
    kept.replace(char::is_control, " ")
}

/// What the call is called beside its id, and the calls that it goes on from.
fn ids(ring: &Ring) -> Vec<String> {
    let plain = ["secondaryId", "secondary_id"]
        .into_iter()
        .filter_map(|name| ring.variable(name));
    let mut ids: Vec<String> = plain.map(str::to_owned).collect();
    // The address of the dialog that a transferred one comes from ends in its id.
    let dialog = ring
        .variable("associatedDialogUri")
        .and_then(|uri| uri.rsplit('/').next());
    ids.extend(dialog.map(str::to_owned));
    if let Some(key) = ring.variable("callKeyCallId") {
        let prefix = ring.variable("callKeyPrefix").unwrap_or_default();
        ids.push(format!("callkey={prefix}/{key}"));
    }
    ids.retain(|id| !id.is_empty() && id.len() <= ID_MAX);
    ids
}

fn news(ring: &Ring) -> News {
    match ring.event {
        Event::Ring => News::Ring,
        Event::Answer => News::Answer,
        Event::End => News::End,
        Event::Update => wrap_up(ring).map_or(News::Update, News::WrapUp),
    }
}

/// What the agent said that it was about.
fn wrap_up(ring: &Ring) -> Option<String> {
    let said = WRAP_UPS.into_iter().find_map(|name| ring.variable(name));
    said.filter(|text| !text.is_empty()).map(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_not_kept_of_what_is_said_of_a_call() {
        assert_eq!(cut("one\ntwo\u{1}"), "one two ");
        let long = format!("{}é", "\u{1}".repeat(VALUE_MAX - 1));
        assert_eq!(cut(&long), " ".repeat(VALUE_MAX - 1));
    }

    #[test]
    fn an_agent_or_a_telephone_is_called_nothing_that_grows_in_an_entry() {
        let ring = |agent: &str, extension: &str| {
            let body = br#"{"call_id": "7", "ani": "+14806754110", "agent": "1001"}"#;
            let mut ring = Ring::from_native("", body).unwrap();
            ring.agents = vec![agent.to_owned()];
            ring.extension = Some(extension.to_owned());
            bounded(&ring).map_err(|refused| refused.to_string())
        };
        assert_eq!(ring("1001", "4411"), Ok(()));
        for (agent, extension, field) in [("10\u{1}", "4411", "agent: "), ("1001", "44\n", "extension: ")] {
            let refused = ring(agent, extension).unwrap_err();
            let expected = "expected at most 256 bytes without control characters, found another text";
            assert!(
                refused.starts_with(field) && refused.contains(expected),
                "{refused}"
            );
        }
    }
}
