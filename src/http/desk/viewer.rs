//! What one agent's desktop is shown: messages and pops as JSON, made of the customers as they are now.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use serde_json::{Value, json};

use super::profile::{Profile, Profiles};
use super::{Desk, Rights};
use crate::callers::{PopUrls, Request, Showing, Source, Subject, Whose};
use crate::pop::{Facts, Kind, Link, Message, Shown};

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

    /// Writes `message` as one line of JSON to `out`, behind what it holds.
    pub(in crate::http) fn message(&self, message: &Message, out: &mut BytesMut) {
        self.pop(&message.pop, message.kind, message.id, out);
    }

    /// Writes what begins a stream: `id` is the id of the newest message, `is_reset` whether what came before is not
    /// known, `pops` how many follow.
    pub(in crate::http) fn hello(&self, id: u64, is_reset: bool, pops: usize, out: &mut BytesMut) {
        let hello = json!({
            "type": "hello",
            "id": id,
            "epoch": 1,
            "agent": &*self.agent,
            "reset": is_reset,
            "now": jiff::Timestamp::now().to_string(),
            "pops": pops,
        });
        write(&hello, out);
    }

    /// What the desktop is to show now, newest first, as messages that carry the id of the newest message of all.
    pub(in crate::http) fn current(&self) -> Vec<Message> {
        let (shown, id) = self.desk.pops.current(&self.agent);
        let message = |pop: Arc<Shown>| Message {
            id,
            kind: if pop.state.is_live() {
                Kind::Pop
            } else {
                Kind::Update
            },
            agent: Arc::clone(&self.agent),
            pop,
        };
        shown.into_iter().map(message).collect()
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

    fn pop(&self, pop: &Shown, kind: Kind, id: u64, out: &mut BytesMut) {
        let mut lookup = BytesMut::new();
        let showing = show(
            &self.source,
            &pop.facts,
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
            "epoch": pop.epoch,
            "call_id": &*pop.call_id,
            "agent": &*pop.agent,
            "state": pop.state.as_str(),
            "page": showing.page,
            "url": showing.url,
            "fire_on": self.profile.settings.pop_on.as_str(),
            "at": moment(Some(pop.at)),
            "answered_at": moment(pop.answered_at),
            "ended_at": moment(pop.ended_at),
            "shown_by": pop.shown_by.as_deref(),
            "missed": pop.was_missed(),
            "wrap_up": pop.wrap_up.as_deref(),
            "ring": {
                "ani": showing.ani,
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
            "pending": pending.map(|pending| pending.customer),
            "agents": &*pop.agents,
        });
        write_with_lookup(&head, &lookup, out);
    }
}

/// Writes what `source` knows of a call with these `facts` to `out`, and says what is to be shown.
pub(in crate::http) fn show(
    source: &Source,
    facts: &Facts,
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
            call_id: None,
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
