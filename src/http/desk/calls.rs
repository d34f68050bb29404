//! What agents and phone systems say of a call: whose it is, and what becomes of it.

use bytes::BytesMut;
use serde::Deserialize;
use serde_json::json;

use super::Desk;
use super::place::OfCall;
use super::refused::Refused;
use super::viewer::{link_json, write};
use crate::callers::{Call, Refusal, Reply, Source};
use crate::pop::{Heard, News, Unknown};

/// The longest id of a call, an agent or a telephone, in bytes.
const ID_MAX: usize = 256;
/// The longest wrap-up, in characters.
const WRAP_UP_MAX: usize = 500;
const EVENTS: &str = "answer, refuse, transfer, conference, wrap_up, ivr or end";

/// Whose call it is.
#[derive(Debug, Deserialize)]
struct Linking {
    /// Absent is not `null`: somebody forgot it.
    #[serde(default, deserialize_with = "present")]
    customer_id: Option<Option<String>>,
    #[serde(default)]
    agent: Option<String>,
}

/// What becomes of it.
#[derive(Debug, Deserialize)]
struct Happening {
    event: String,
    #[serde(default)]
    agent: Option<String>,
    #[serde(default)]
    extension: Option<String>,
    #[serde(default)]
    wrap_up: Option<String>,
    #[serde(default)]
    to_agent: Option<String>,
    #[serde(default)]
    to_extension: Option<String>,
    #[serde(default)]
    secondary_id: Option<String>,
}

/// Answers what is said of the call `id` by `agent`, where the path names one.
pub(super) async fn answer(
    desk: &Desk,
    source: &Source,
    id: &str,
    agent: Option<&str>,
    what: OfCall,
    call: &Call<'_>,
    out: &mut BytesMut,
) -> Result<Reply, Refused> {
    if id.is_empty() || id.len() > ID_MAX {
        return Err(Refused::field(
            "call_id",
            format!("1 to {ID_MAX} bytes"),
            "more, or none",
        ));
    }
    // A desktop has a say in its own calls; of others it does not even learn that there are any.
    if let Some(agent) = agent
        && !desk.pops.look(|calls| calls.concerns(id, agent))
    {
        return Err(Unknown::Call.into());
    }
    match what {
        OfCall::Link if call.method == "DELETE" => {
            desk.may_promise()?;
            desk.until_kept(desk.pops.unlink(id)?).await?;
            write(&json!({"call_id": id, "link": null}), out);
            Ok(Reply::json(200))
        }
        OfCall::Link if call.method != "PUT" => Err(Refusal::Method { allow: "PUT, DELETE" }.into()),
        OfCall::Link => link(desk, source, id, agent, call.body, out).await,
        OfCall::Events if call.method != "POST" => Err(Refusal::Method { allow: "POST" }.into()),
        OfCall::Events => happen(desk, id, agent, call.body, out).await,
    }
}

async fn link(
    desk: &Desk,
    source: &Source,
    id: &str,
    agent: Option<&str>,
    body: &[u8],
    out: &mut BytesMut,
) -> Result<Reply, Refused> {
    let linking: Linking = read(body, "{\"customer_id\": \"…\"} or {\"customer_id\": null}")?;
    let customer = linking.customer_id.ok_or_else(|| {
        Refused::field(
            "customer_id",
            "the customer's id, or null for none of those found",
            "none",
        )
    })?;
    if let Some(customer) = &customer
        && !source.has_customer(customer)
        && desk.pops.pending(customer).is_none()
    {
        return Err(Refused::NoCustomer);
    }
    if linking.agent.as_ref().is_some_and(|agent| agent.len() > ID_MAX) {
        return Err(Refused::field("agent", format!("at most {ID_MAX} bytes"), "more"));
    }
    let agent = agent.or(linking.agent.as_deref());
    let before = desk.pops.link_of([id]);
    let (link, keeping) = desk.link(id, customer.as_deref(), agent).await?;
    let kept = desk.until_kept(keeping).await;
    if matches!(kept, Err(Refused::NotReplicated)) {
        // What was refused must not be found on the screen, nor on the other node's later.
        desk.pops.put_back(id, before);
    }
    kept?;
    write(&json!({"call_id": id, "link": link_json(link.as_ref())}), out);
    Ok(Reply::json(200))
}

async fn happen(
    desk: &Desk,
    id: &str,
    agent: Option<&str>,
    body: &[u8],
    out: &mut BytesMut,
) -> Result<Reply, Refused> {
    let mut said: Happening = read(
        body,
        "a JSON object such as {\"event\": \"answer\", \"agent\": \"1001\"}",
    )?;
    for (field, value) in [
        ("agent", &said.agent),
        ("extension", &said.extension),
        ("to_agent", &said.to_agent),
        ("to_extension", &said.to_extension),
        ("secondary_id", &said.secondary_id),
    ] {
        if value
            .as_ref()
            .is_some_and(|value| value.is_empty() || value.len() > ID_MAX)
        {
            return Err(Refused::field(
                field,
                format!("1 to {ID_MAX} bytes"),
                "more, or none",
            ));
        }
    }
    // A desktop makes no call part of its own that is none of its agent's.
    if let Some(agent) = agent {
        said.secondary_id = said.secondary_id.filter(|id| {
            desk.pops
                .look(|calls| !calls.knows(id) || calls.concerns(id, agent))
        });
    }
    let agent = agent.map(str::to_owned).or(said.agent);
    let wrap_up = said.wrap_up.unwrap_or_default();
    let news = match said.event.as_str() {
        "answer" => News::Answer,
        "refuse" => News::Refuse,
        "transfer" => News::Transfer,
        "conference" => News::Conference,
        "ivr" => News::Ivr,
        "end" => News::End,
        "wrap_up" if wrap_up.is_empty() || wrap_up.chars().count() > WRAP_UP_MAX => {
            let expected = format!("1 to {WRAP_UP_MAX} characters");
            return Err(Refused::field("wrap_up", expected, "more, or none"));
        }
        "wrap_up" => News::WrapUp(wrap_up),
        _ => return Err(Refused::field("event", EVENTS, "another word")),
    };
    let needs_agent = matches!(news, News::Answer | News::Refuse | News::WrapUp(_));
    let is_known = desk.pops.look(|calls| calls.knows(id));
    if !is_known && news != News::Ivr {
        return Err(Unknown::Call.into());
    }
    if needs_agent && agent.is_none() && said.extension.is_none() {
        return Err(Unknown::Agent.into());
    }
    let heard = Heard {
        call: id.to_owned(),
        ids: said.secondary_id.into_iter().collect(),
        agents: agent.into_iter().collect(),
        extension: said.extension,
        news,
        ..Heard::default()
    };
    let (_, mut keeping) = desk.pops.hear(&heard, None);
    // Whoever it is handed to hears it ring here, where the phone system says it no other way.
    if matches!(heard.news, News::Transfer | News::Conference)
        && (said.to_agent.is_some() || said.to_extension.is_some())
    {
        let heard = Heard {
            agents: said.to_agent.into_iter().collect(),
            extension: said.to_extension,
            news: News::Ring,
            ..heard
        };
        keeping = desk.pops.hear(&heard, None).1;
    }
    let _told_in_metrics = keeping.kept().await;
    let state = desk.pops.look(|calls| calls.state(id));
    write(&json!({"call_id": id, "state": state}), out);
    Ok(Reply::json(200))
}

/// Reads the JSON in `body`.
pub(super) fn read<'b, T: Deserialize<'b>>(body: &'b [u8], expected: &'static str) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| {
        let found = if error.is_data() {
            format!("another form in line {}, column {}", error.line(), error.column())
        } else {
            format!("a fault in line {}, column {}", error.line(), error.column())
        };
        Refusal::Body { expected, found }.into()
    })
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
