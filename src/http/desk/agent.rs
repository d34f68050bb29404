//! What a desktop asks for beside its stream: what to show, what is on it, who sits at it.

use bytes::BytesMut;
use serde::Deserialize;
use serde_json::{Value, json};

use super::calls::read;
use super::refused::Refused;
use super::standing::Holder;
use super::viewer::{Viewer, write};
use crate::callers::{Call, Refusal, Reply};
use crate::pop::outbox::Kind;
use crate::pop::{Unknown, What};

/// The longest id of an agent, a telephone or a tab, in characters, and the longest name.
const ID_MAX: usize = 64;
const NAME_MAX: usize = 200;
/// The longest that a log-in may say that it holds, in seconds.
const SESSION_MAX_S: u64 = 604_800;

#[derive(Debug, Deserialize)]
struct Acknowledged {
    pop_id: String,
    tab: String,
}

#[derive(Debug, Deserialize)]
struct LogIn {
    #[serde(default)]
    extension: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    team: Option<String>,
    #[serde(default)]
    expires_s: Option<u64>,
}

/// Answers which pops are on the desktop.
pub(super) fn current(viewer: &Viewer, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refused> {
    if !call.is_get() {
        return Err(Refusal::Method { allow: "GET, HEAD" }.into());
    }
    viewer.write_current(out);
    Ok(Reply::json(200))
}

/// Answers which tab shows a pop: the first that asks.
pub(super) fn acknowledge(viewer: &Viewer, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refused> {
    if call.method != "POST" {
        return Err(Refusal::Method { allow: "POST" }.into());
    }
    let said: Acknowledged = read(call.body, "{\"pop_id\": \"…\", \"tab\": \"…\"}")?;
    shown(viewer, &said.pop_id, &said.tab, out)?;
    Ok(Reply::json(200))
}

/// Writes which tab shows the pop `pop_id`, for the tab `tab`.
pub(super) fn shown(viewer: &Viewer, pop_id: &str, tab: &str, out: &mut BytesMut) -> Result<(), Refused> {
    fits("tab", tab, ID_MAX)?;
    let shown_by = viewer.desk.pops.acknowledge(&viewer.agent, pop_id, tab)?;
    let mine = shown_by == tab;
    write(
        &json!({"pop_id": pop_id, "shown_by": shown_by, "mine": mine}),
        out,
    );
    Ok(())
}

/// Answers what the desktop's page is to look like, and what may be done on it.
pub(super) fn desk(viewer: &Viewer, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refused> {
    if !call.is_get() {
        return Err(Refusal::Method { allow: "GET, HEAD" }.into());
    }
    let settings = &viewer.profile.settings;
    let tenant = &viewer.source.tenant;
    let freshness = tenant.freshness.now(std::time::Instant::now());
    let session = viewer.desk.pops.session(&viewer.agent);
    let as_of = freshness.age_ms.and_then(|age| {
        let now = jiff::Timestamp::now().as_millisecond();
        jiff::Timestamp::from_millisecond(now.checked_sub(i64::try_from(age).ok()?)?).ok()
    });
    let schema = tenant.index.schema();
    let may_see_sensitive = viewer.rights.sensitive;
    let schema: Vec<Value> = schema
        .attributes
        .iter()
        .filter(|attribute| may_see_sensitive || !attribute.sensitive)
        .filter_map(|attribute| serde_json::to_value(attribute).ok())
        .collect();
    let session = session.as_ref();
    let attributes = (!settings.attributes.is_empty()).then_some(&settings.attributes);
    let desk = json!({
        "agent": &*viewer.agent,
        "name": session.and_then(|session| session.name.as_deref()),
        "team": session.and_then(|session| session.team.as_deref()),
        "extension": session.and_then(|session| session.extension.as_deref()),
        "profile": &*viewer.named,
        "accent": settings.accent,
        "language": settings.language,
        "attributes": attributes,
        "origins": settings.origins,
        "dial": settings.dial,
        "sms": settings.sms,
        "pop_on": settings.pop_on.as_str(),
        "open": settings.pop_open,
        "wrap_ups": settings.wrap_ups,
        "sound": settings.sound,
        "schema": schema,
        "may_see_sensitive": may_see_sensitive,
        "may_create": viewer.desk.pops.tells(Kind::Customer),
        "may_text": viewer.desk.pops.tells(Kind::Sms),
        "has_history": viewer.desk.has_history(),
        "stale": freshness.stale,
        "as_of": as_of.map(|as_of| as_of.to_string()),
        "region": viewer.source.numbering.default_region().as_str(),
    });
    write(&desk, out);
    Ok(Reply::json(200))
}

/// Logs the agent in at a telephone, or out.
pub(super) async fn session(viewer: &Viewer, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refused> {
    let agent = viewer.agent.to_string();
    match call.method {
        "PUT" => {
            let said: LogIn = read(
                call.body,
                "{\"extension\": \"4411\", \"name\": \"…\", \"team\": \"…\"}",
            )?;
            let extension = said.extension.filter(|text| !text.is_empty());
            for (field, value, most) in [
                ("extension", &extension, ID_MAX),
                ("name", &said.name, NAME_MAX),
                ("team", &said.team, NAME_MAX),
            ] {
                if let Some(value) = value {
                    fits(field, value, most)?;
                }
            }
            let lasts_s = said.expires_s.unwrap_or(viewer.desk.pops.settings().session_s);
            if !(1..=SESSION_MAX_S).contains(&lasts_s) {
                let expected = format!("1 to {SESSION_MAX_S} seconds");
                return Err(Refused::field("expires_s", expected, lasts_s.to_string()));
            }
            let until = viewer.desk.pops.later(lasts_s);
            let keeping = viewer.desk.pops.note(What::LoggedIn {
                agent,
                extension: extension.clone(),
                name: said.name,
                team: said.team,
                until,
            });
            let _told_in_metrics = keeping.kept().await;
            let answer = json!({"agent": &*viewer.agent, "extension": extension, "expires_s": lasts_s});
            write(&answer, out);
            Ok(Reply::json(200))
        }
        "DELETE" => {
            let _told_in_metrics = viewer.desk.pops.note(What::LoggedOut { agent }).kept().await;
            Ok(Reply::json(204))
        }
        _ => Err(Refusal::Method { allow: "PUT, DELETE" }.into()),
    }
}

/// Answers with a ticket for the agent's stream.
pub(super) fn ticket(
    viewer: &Viewer,
    holder: &Holder,
    call: &Call<'_>,
    out: &mut BytesMut,
) -> Result<Reply, Refused> {
    if call.method != "POST" {
        return Err(Refusal::Method { allow: "POST" }.into());
    }
    let tickets = &viewer.desk.tickets;
    let ticket = tickets
        .issue(&viewer.agent, holder.clone())
        .map_err(|error| Refused::Streams(error.to_string()))?;
    write(
        &json!({"ticket": ticket.expose(), "expires_s": tickets.lasts_s()}),
        out,
    );
    Ok(Reply::json(200))
}

/// Whether `value` can be of `field`.
fn fits(field: &str, value: &str, most: usize) -> Result<(), Refused> {
    let is_fit = !value.is_empty() && value.chars().count() <= most && !value.contains(char::is_control);
    if is_fit {
        return Ok(());
    }
    let expected = format!("1 to {most} characters without control characters");
    Err(Refused::field(field, expected, "another text"))
}

/// An agent's id as a path names it.
pub(super) fn agent(text: &str) -> Result<(), Refused> {
    fits("agent", text, ID_MAX).map_err(|_| Unknown::Agent.into())
}
