//! What of calls goes to the system of record, and what comes back of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::entry::What;
use super::interaction::moment;
use super::outbox::{Item, Kind, Outbox, OutboxError, Outcome, Sharing};
use super::pops::{Pops, now};
use crate::customer::Record;
use crate::customer::record::Field;
use crate::index::{Found, View};
use crate::overlay::Superseded;
use crate::tenant::Tenant;

/// How long a customer who was written down is waited for, ms.
const PENDING_MAX_MS: u64 = 7 * 24 * 3600 * 1000;

/// The most customers who are waited for.
const PENDING_MAX: usize = 10_000;

/// A customer who is waited for, without the document.
struct Waited {
    id: String,
    keys: Vec<u64>,
    known: Vec<String>,
    assigned: Option<String>,
    name: String,
    is_old: bool,
}

impl Pops {
    /// Where customers, links and interactions go; `None` where they go nowhere.
    pub fn outbox(&self) -> Option<&Arc<Outbox>> {
        self.outbox.as_ref()
    }

    /// Whether items of `kind` go anywhere.
    pub fn tells(&self, kind: Kind) -> bool {
        self.outbox.as_ref().is_some_and(|outbox| outbox.takes(kind))
    }

    /// Hands on that `agent` says that the call `id` is of `customer`. Waits for the disk.
    ///
    /// # Errors
    /// It cannot be kept.
    pub fn tell_link(
        &self,
        id: &str,
        customer: Option<&str>,
        agent: Option<&str>,
    ) -> Result<Sharing, OutboxError> {
        let Some(outbox) = self.outbox.as_ref().filter(|outbox| outbox.takes(Kind::Link)) else {
            return Ok(Sharing::default());
        };
        let at = now();
        let body = json!({
            "call_id": id, "customer_id": customer, "agent": agent, "by": "agent", "at": moment(at),
        });
        let item = Item::new(format!("link:{}", digest(&body)), id, Kind::Link, body);
        outbox.share(item).map(|(_, sharing)| sharing)
    }

    /// Hands the customer `id` on, whom `agent` has written down as `document`. Waits for the disk.
    ///
    /// # Errors
    /// It cannot be kept, or goes nowhere.
    pub fn tell_customer(&self, id: &str, document: &Value, agent: &str) -> Result<Sharing, OutboxError> {
        let outbox = self
            .outbox
            .as_ref()
            .ok_or(OutboxError::NotTaken(Kind::Customer))?;
        let mut body = document.as_object().cloned().unwrap_or_default();
        body.remove("id");
        body.insert("customer_id".to_owned(), id.into());
        body.insert("agent".to_owned(), agent.into());
        let item = Item::new(format!("customer:{id}"), id, Kind::Customer, body.into());
        outbox.share(item).map(|(_, sharing)| sharing)
    }

    /// Hands on what an agent did beside calls: a message to a customer. Waits for the disk.
    ///
    /// # Errors
    /// It cannot be kept, or goes nowhere.
    pub fn tell_sms(
        &self,
        agent: &str,
        key: &str,
        mut body: Map<String, Value>,
    ) -> Result<Sharing, OutboxError> {
        let outbox = self.outbox.as_ref().ok_or(OutboxError::NotTaken(Kind::Sms))?;
        let customer = body
            .get("customer_id")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        body.insert("at".to_owned(), moment(now()).into());
        let item = Item::new(
            format!("sms:{}:{key}", digest(&Value::from(agent))),
            format!("sms:{customer}"),
            Kind::Sms,
            body.into(),
        );
        outbox.share(item).map(|(_, sharing)| sharing)
    }

    /// Hands on what a call has become. Waits for the disk.
    pub(super) fn tell_interaction(&self, interaction: Value) -> Result<(), OutboxError> {
        let Some(outbox) = self
            .outbox
            .as_ref()
            .filter(|outbox| outbox.takes(Kind::Interaction))
        else {
            return Ok(());
        };
        let text = |name: &str| {
            interaction
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (id, lane) = (text("id"), text("call_id"));
        let key = format!("interaction:{}", digest(&Value::from(id)));
        outbox.push(Item::new(key, lane, Kind::Interaction, interaction))?;
        Ok(())
    }

    /// Takes in what has come of an item.
    pub fn told(&self, outcome: &Outcome) {
        if let Outcome::Delivered {
            item,
            assigned_id: Some(to),
        } = outcome
            && let Some(id) = item.customer_id().filter(|_| item.kind == Kind::Customer)
        {
            let what = What::Assigned {
                id: id.to_owned(),
                to: to.clone(),
            };
            let _kept_or_told_again = self.note(what);
        }
    }

    /// Looks which of the customers who were written down have come with a change.
    pub(super) fn look_for_confirmed(&self, tenant: &Tenant, now: u64) {
        let waited: Vec<Waited> = self.look(|calls| {
            let pending = calls.pending();
            // The oldest give way where there are too many.
            let above = pending.len().saturating_sub(PENDING_MAX);
            let mut begun: Vec<u64> = pending.iter().map(|(_, pending)| pending.at).collect();
            begun.sort_unstable();
            let line = above.checked_sub(1).and_then(|last| begun.get(last)).copied();
            let is_old = |at: u64| at + PENDING_MAX_MS <= now || line.is_some_and(|line| at <= line);
            let waited = pending.iter().map(|(id, pending)| Waited {
                id: id.to_owned(),
                keys: pending.keys.clone(),
                known: pending.known.clone(),
                assigned: pending.assigned.clone(),
                name: folded(
                    pending
                        .customer
                        .get("name")
                        .and_then(Value::as_str)
                        .unwrap_or_default(),
                ),
                is_old: is_old(pending.at),
            });
            waited.collect()
        });
        let mut taken = BTreeSet::new();
        for waited in waited {
            let found = tenant.index.read(|view| confirmed(view, &waited));
            let found = found.filter(|found| taken.insert(found.clone()));
            if found.is_some() || waited.is_old {
                let what = What::Confirmed {
                    customer: found.or(waited.assigned),
                    id: waited.id,
                };
                let _kept_or_found_again = self.note(what);
            }
        }
    }

    /// Gives up what is to be told of customers who are deleted: `seen` are those who were there at the last look.
    pub(super) fn look_for_deleted(&self, tenant: &Tenant, seen: &mut BTreeSet<String>) {
        let Some(outbox) = &self.outbox else {
            return;
        };
        let (mut there, mut gone) = (BTreeSet::new(), Vec::new());
        for customer in outbox.customers() {
            if tenant.index.read(|view| Ok(view.customer(&customer)?.is_some())) {
                there.insert(customer);
            } else if seen.contains(&customer) {
                gone.push(customer);
            }
        }
        *seen = there;
        for customer in gone {
            if let Err(error) = outbox.forget(&customer) {
                tracing::error!(%error, "what was to be told of a deleted customer stays in the outbox");
                seen.insert(customer);
            }
        }
    }
}

/// Who the customer is as whom `pending` has come; `None` while they have not. Where the system of record has said how it
/// calls them, nobody else will do; else it is who has a number of theirs that they did not have before, under their name.
fn confirmed(view: &View<'_>, pending: &Waited) -> Result<Option<String>, Superseded> {
    if let Some(assigned) = &pending.assigned {
        return Ok(view.customer(assigned)?.map(|_| assigned.clone()));
    }
    for key in &pending.keys {
        let found = view.find(*key)?;
        let records: &[Record<'_>] = match &found {
            Found::Nobody => &[],
            Found::One(record) => std::slice::from_ref(record),
            Found::Several(records) => records,
        };
        let is_it = |record: &&Record<'_>| {
            let name = record
                .field(Field::Name)
                .and_then(|json| serde_json::from_slice::<String>(json).ok());
            let is_new = !pending.known.iter().any(|known| known == record.id());
            is_new && name.is_some_and(|name| folded(&name) == pending.name)
        };
        if let Some(record) = records.iter().find(is_it) {
            return Ok(Some(record.id().to_owned()));
        }
    }
    Ok(None)
}

/// A name as all of its spellings have it, as far as blanks and case go.
fn folded(name: &str) -> String {
    let words: Vec<String> = name.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}

/// A short name for `body`, the same for the same one.
fn digest(body: &Value) -> String {
    format!(
        "{:032x}",
        xxhash_rust::xxh3::xxh3_128(body.to_string().as_bytes())
    )
}
