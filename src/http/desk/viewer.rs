//! What one agent's desktop is shown: messages and pops as JSON, made of the customers as they are now.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use serde_json::{Value, json};

use super::profile::{Profile, Profiles};
use super::render::Render;
use super::standing::Standing;
use super::{Desk, Rights, agent};
use crate::callers::{PopUrls, Request, Showing, Source, Subject, Whose};
use crate::number;
use crate::pop::{Facts, Kind, Link, Message, Pending, Shown};

/// An agent's desktop, and what it may see.
#[derive(Debug, Clone)]
pub(in crate::http) struct Viewer {
    pub(in crate::http) desk: Desk,
    pub(in crate::http) source: Source,
    pub(in crate::http) agent: Arc<str>,
    pub(in crate::http) rights: Rights,
    pub(in crate::http) profile: Arc<Profile>,
    /// The profile's name.
    pub(in crate::http) named: Arc<str>,
}

impl Viewer {
    /// The desktop of `agent`, which asks for the profile `profile` or has its own.
    pub(in crate::http) fn new(
        desk: &Desk,
        source: &Source,
        agent: &str,
        rights: Rights,
        profile: Option<&str>,
    ) -> Viewer {
        let profiles: &Profiles = &desk.profiles;
        let (named, profile) = profiles.of(agent, profile);
        Viewer {
            desk: desk.clone(),
            source: source.clone(),
            agent: agent.into(),
            rights,
            profile: Arc::clone(profile),
            named: named.into(),
        }
    }

    /// Writes `{"pops": […], "id"}`.
    pub(in crate::http) fn write_current(&self, out: &mut BytesMut) {
        let (shown, id) = self.desk.pops.current(&self.agent);
        out.extend_from_slice(b"{\"pops\":[");
        for (nth, pop) in shown.iter().enumerate() {
            if nth > 0 {
                out.extend_from_slice(b",");
            }
            self.pop(pop, Kind::Pop, id, out);
        }
        out.extend_from_slice(b"],\"id\":");
        out.extend_from_slice(itoa::Buffer::new().format(id).as_bytes());
        out.extend_from_slice(b"}");
    }

    /// Somebody who was written down, as this desktop may see them.
    pub(in crate::http) fn pending(&self, pending: Pending) -> Value {
        let mut customer = pending.customer;
        if !self.rights.sensitive
            && let Some(attributes) = customer.get_mut("attributes").and_then(Value::as_object_mut)
        {
            let schema = self.source.tenant.index.schema();
            let is_sensitive = |key: &str| {
                let mut known = schema.attributes.iter().filter(|attribute| attribute.key == key);
                // One that the schema has no more was perhaps sensitive when it had it.
                known.next().is_none_or(|attribute| attribute.sensitive)
            };
            attributes.retain(|key, _| !is_sensitive(key));
        }
        customer
    }

    fn pop(&self, pop: &Shown, kind: Kind, id: u64, out: &mut BytesMut) {
        let mut lookup = BytesMut::new();
        let showing = show(
            &self.source,
            (&pop.call_id, &pop.facts),
            pop.link.as_ref(),
            &self.profile.urls,
            self.rights,
            false,
            &mut lookup,
        );
        let link = pop.link.as_ref();
        let pending = link
            .and_then(|link| link.customer.as_deref())
            .and_then(|customer| self.desk.pops.pending(customer));
        let facts = &pop.facts;
        let head = json!({
            "type": kind.as_str(),
            "id": id,
            "pop_id": &*pop.pop_id,
            "epoch": self.desk.pops.epoch(),
            "call_id": &*pop.call_id,
            "agent": &*pop.agent,
            "state": pop.state.as_str(),
            "page": showing.page,
            // Who was just made is nobody to be made.
            "url": showing.url.filter(|_| pending.is_none()),
            "fire_on": self.profile.settings.pop_on.as_str(),
            "at": moment(Some(pop.at)),
            "answered_at": moment(pop.answered_at),
            "ended_at": moment(pop.ended_at),
            "shown_by": pop.shown_by.as_deref(),
            "missed": pop.was_missed(),
            "wrap_up": pop.wrap_up.as_deref(),
            "ring": {
                "ani": showing.ani,
                "ani_national": showing.key.map(number::display_national),
                "region": showing.key.and_then(number::region_of),
                "dnis": facts.dnis,
                "queue": facts.queue,
                "extension": pop.extension.as_deref(),
                "direction": if facts.is_outbound { "outbound" } else { "inbound" },
                "call_type": facts.call_type,
                "verstat": facts.verstat,
                "attestation": showing.attestation,
                "variables": variables(facts),
            },
            "link": link_json(link),
            "pending": pending.map(|pending| self.pending(pending)),
            "agents": &*pop.agents,
        });
        write_with_lookup(&head, &lookup, out);
    }
}

/// A desktop that listens.
pub(super) struct Listener {
    pub(super) viewer: Viewer,
    pub(super) standing: Standing,
}

impl Render for Listener {
    fn render(&self, message: &Message, out: &mut BytesMut) {
        self.viewer.pop(&message.pop, message.kind, message.id, out);
    }

    fn current(&self) -> (Vec<Arc<Shown>>, u64) {
        self.viewer.desk.pops.current(&self.viewer.agent)
    }

    fn epoch(&self) -> u64 {
        self.viewer.desk.pops.epoch()
    }

    fn acknowledge(&self, pop_id: &str, tab: &str) {
        let _over_by_then = agent::shown(&self.viewer, pop_id, tab, &mut BytesMut::new());
    }

    fn may_go_on(&self) -> bool {
        self.standing.holds()
    }
}

/// Writes what `source` knows of a call with these `facts` to `out`, and says what is to be shown.
pub(in crate::http) fn show(
    source: &Source,
    (call_id, facts): (&str, &Facts),
    link: Option<&Link>,
    urls: &PopUrls,
    rights: Rights,
    is_counted: bool,
    out: &mut BytesMut,
) -> Showing {
    let whose = match link {
        Some(link) if link.is_chosen => match link.customer.as_deref() {
            Some(customer) => Whose::Customers(customer),
            None => Whose::Nobodys,
        },
        _ => Whose::Unsaid,
    };
    let subject = Subject {
        request: Request {
            ani: &facts.ani,
            dnis: facts.dnis.as_deref(),
            call_id: Some(call_id).filter(|id| !id.is_empty()),
            verstat: facts.verstat.as_deref(),
            diversion: facts.diversion.as_deref(),
            region: None,
        },
        whose,
        hides_sensitive: !rights.sensitive,
    };
    let variable = |name: &str| {
        let mut known = facts.variables.iter();
        let found = known.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| Cow::Borrowed(value.as_str()))
    };
    source.show(&subject, urls, variable, is_counted, out)
}

/// A link as JSON; `null` where there is none.
pub(in crate::http) fn link_json(link: Option<&Link>) -> Value {
    link.map_or(Value::Null, |link| {
        json!({
            "customer_id": link.customer,
            "by": if link.is_chosen { "agent" } else { "match" },
            "agent": link.agent,
            "at": moment(Some(link.at)),
        })
    })
}

/// Writes the object `head` with the member `lookup`, which is JSON already, behind what `out` holds.
pub(in crate::http) fn write_with_lookup(head: &Value, lookup: &[u8], out: &mut BytesMut) {
    write(head, out);
    out.truncate(out.len().saturating_sub(1));
    out.extend_from_slice(b",\"lookup\":");
    out.extend_from_slice(lookup);
    out.extend_from_slice(b"}");
}

/// Writes `value` behind what `out` holds.
pub(in crate::http) fn write(value: &Value, out: &mut BytesMut) {
    // Texts and numbers can be written to memory.
    let _infallible = serde_json::to_writer(out.writer(), value);
}

fn variables(facts: &Facts) -> Value {
    facts
        .variables
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
        .collect()
}

/// Milliseconds since 1970 in RFC 3339.
fn moment(at: Option<u64>) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(at?).ok()?).ok()?;
    Some(at.to_string())
}
