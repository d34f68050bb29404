//! What documents of a system of record mean: which field of a collection or table is which of a customer, a case or an
//! interaction.
//!
//! A field of ours is read from the first of its paths that leads to something; a path goes through objects by their keys
//! and through lists by every element, `phones.number` thus through a list of phones. What a source has and nobody asked
//! for is left out.

mod columns;
mod read;
mod settings;

use serde_json::{Map, Value, json};

use crate::customer::Schema;
use crate::replica::{Change, Decoded, PartGone};

use super::source::{Row, Unreadable};
pub use columns::Reading;
use read::{Reader, id_text};
pub use settings::{AttributeField, Cases, Customers, Interactions, Schemas};

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entity {
    /// A customer.
    Customer,
    /// A case.
    Case,
    /// An interaction.
    Interaction,
    /// An attribute of the schema.
    Attribute,
}

impl Entity {
    /// All of them, in the order in which they are best copied.
    pub const ALL: [Entity; 4] = [
        Entity::Attribute,
        Entity::Case,
        Entity::Interaction,
        Entity::Customer,
    ];
}

/// What documents of one feed mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Of customers.
    pub customers: Customers,
    /// Of cases.
    pub cases: Cases,
    /// Of interactions.
    pub interactions: Interactions,
    /// Of the schema.
    pub schema: Schemas,
}

impl Mapping {
    /// The collection or table of `entity`; `None` where the source has none.
    pub fn from(&self, entity: Entity) -> Option<&str> {
        let from = match entity {
            Entity::Customer => &self.customers.from,
            Entity::Case => &self.cases.from,
            Entity::Interaction => &self.interactions.from,
            Entity::Attribute => &self.schema.from,
        };
        Some(from.as_str()).filter(|from| !from.is_empty())
    }

    /// What the documents of the collection or table `from` are.
    pub fn entity(&self, from: &str) -> Option<Entity> {
        Entity::ALL
            .into_iter()
            .find(|entity| self.from(*entity) == Some(from))
    }

    /// The paths of the id in documents of `entity`, the first that leads to something counts; top-level keys, as a rule.
    pub fn id_paths(&self, entity: Entity) -> &[String] {
        match entity {
            Entity::Customer => &self.customers.id,
            Entity::Case => &self.cases.id,
            Entity::Interaction => &self.interactions.id,
            Entity::Attribute => &self.schema.key,
        }
    }

    /// The paths of the customer's id in documents of `entity`; none where it is no part of a customer.
    pub fn owner_paths(&self, entity: Entity) -> &[String] {
        match entity {
            Entity::Case => &self.cases.customer_id,
            Entity::Interaction => &self.interactions.customer_id,
            Entity::Customer | Entity::Attribute => &[],
        }
    }

    /// A number that is another one when the mapping is: what was copied under another mapping has to be copied again.
    pub fn fingerprint(&self) -> u64 {
        xxhash_rust::xxh3::xxh3_64(format!("{self:?}").as_bytes())
    }

    /// The row of a copy that `document` is.
    pub fn row(&self, entity: Entity, document: &Value) -> Option<Row> {
        let read = |unread: Result<Row, Unreadable>| unread.unwrap_or_else(Row::Refused);
        Some(read(match entity {
            // Nobody to us, as where it changes into one.
            Entity::Customer => match self.customer(document) {
                Ok(customer) if is_nobody(&customer) => return None,
                customer => customer.map(Row::Customer),
            },
            Entity::Case => self
                .part(entity, document)
                .map(|(customer_id, case)| Row::Case { customer_id, case }),
            Entity::Interaction => {
                self.part(entity, document)
                    .map(|(customer_id, interaction)| Row::Interaction {
                        customer_id,
                        interaction,
                    })
            }
            // Only all of them together are a schema.
            Entity::Attribute => return None,
        }))
    }

    /// The change by which `document` of `entity` is new, or is now so.
    ///
    /// # Errors
    /// It has no id, or is otherwise none; of a schema's attribute, which is no change by itself.
    pub fn put(&self, entity: Entity, document: &Value) -> Result<Change, Unreadable> {
        match entity {
            // Somebody who can neither be called nor named is nobody to us, and must not stay who they were.
            Entity::Customer => match self.customer(document)? {
                nobody if is_nobody(&nobody) => Ok(Change::Delete {
                    id: nobody["id"].as_str().unwrap_or_default().to_owned(),
                }),
                customer => Ok(Change::Upsert {
                    customer: customer.into(),
                }),
            },
            Entity::Case | Entity::Interaction => {
                let (customer_id, part) = self.part(entity, document)?;
                let op = name(entity);
                decode(json!({"op": op, "customer_id": customer_id, op: part}), document)
            }
            Entity::Attribute => Err(unreadable("a customer, a case or an interaction", document)),
        }
    }

    /// The change by which what `before` was of `entity` is gone; `before` has its id at the least. A part that does not
    /// say whose it was is looked for.
    ///
    /// # Errors
    /// It has no id.
    pub fn delete(&self, entity: Entity, before: &Value) -> Result<Change, Unreadable> {
        let id = self.id(entity, before)?;
        match entity {
            Entity::Customer => Ok(Change::Delete { id }),
            Entity::Case | Entity::Interaction => {
                let op = name(entity);
                match self.owner(entity, before) {
                    Some(owner) => decode(json!({"op": op, "customer_id": owner, "delete": id}), before),
                    None if entity == Entity::Case => Ok(Change::Gone(PartGone::Case(id))),
                    None => Ok(Change::Gone(PartGone::Interaction(id))),
                }
            }
            Entity::Attribute => Err(unreadable("a customer, a case or an interaction", before)),
        }
    }

    /// The id of `document`.
    ///
    /// # Errors
    /// It has none.
    pub fn id(&self, entity: Entity, document: &Value) -> Result<String, Unreadable> {
        let paths = self.id_paths(entity);
        Reader::of(document)
            .first(paths)
            .and_then(|id| id_text(&id))
            .ok_or_else(|| unreadable(&format!("an id at {}", paths.join(" or ")), document))
    }

    /// Whose part `document` is, where it says so.
    pub fn owner(&self, entity: Entity, document: &Value) -> Option<String> {
        Reader::of(document)
            .first(self.owner_paths(entity))
            .and_then(|id| id_text(&id))
    }

    /// The schema whose attributes are `documents`, in display order; of the configured attributes where there are none.
    pub fn schema(&self, documents: &[Value]) -> Option<Value> {
        let attributes: Vec<Value> = if self.from(Entity::Attribute).is_some() {
            documents
                .iter()
                .filter_map(|document| self.schema.attribute(document))
                .filter(|attribute| {
                    !self
                        .customers
                        .takes(attribute["key"].as_str().unwrap_or_default())
                })
                .collect()
        } else {
            self.customers
                .attributes
                .iter()
                .map(AttributeField::definition)
                .collect()
        };
        let all = Value::Array(attributes);
        // One that is no schema would cost every customer its attributes.
        Schema::from_json(1, &all).is_ok().then_some(all)
    }

    fn customer(&self, document: &Value) -> Result<Value, Unreadable> {
        let id = self.id(Entity::Customer, document)?;
        let reader = Reader::of(document);
        let mut customer = self.customers.read(&reader, &self.schema);
        if customer.get("created_at").is_none()
            && let Some(at) = read::object_id_time(&id)
        {
            customer.insert("created_at".into(), at.into());
        }
        customer.insert("id".into(), id.into());
        let embedded = |paths: &[String], read: &dyn Fn(&Value) -> Option<Map<String, Value>>| {
            let parts = reader.list(paths)?;
            Some(Value::Array(
                parts.iter().filter_map(read).map(Value::Object).collect(),
            ))
        };
        if let Some(cases) = embedded(&self.cases.inside, &|case| self.cases.read(case)) {
            customer.insert("cases".into(), cases);
        }
        if let Some(interactions) = embedded(&self.interactions.inside, &|interaction| {
            self.interactions.read(interaction)
        }) {
            customer.insert("interactions".into(), interactions);
        }
        Ok(Value::Object(customer))
    }

    fn part(&self, entity: Entity, document: &Value) -> Result<(String, Value), Unreadable> {
        self.id(entity, document)?;
        let owner = self.owner(entity, document).ok_or_else(|| {
            let paths = self.owner_paths(entity).join(" or ");
            unreadable(&format!("a customer's id at {paths}"), document)
        })?;
        let part = match entity {
            Entity::Case => self.cases.read(document),
            _ => self.interactions.read(document),
        };
        let part = part.ok_or_else(|| unreadable("an object", document))?;
        Ok((owner, Value::Object(part)))
    }
}

/// Whether nobody could be found or greeted as `customer`.
fn is_nobody(customer: &Value) -> bool {
    let says = |key: &str| customer.get(key).is_some();
    !["name", "first_name", "last_name", "company", "phones"]
        .into_iter()
        .any(says)
}

fn name(entity: Entity) -> &'static str {
    match entity {
        Entity::Customer => "customer",
        Entity::Case => "case",
        Entity::Interaction => "interaction",
        Entity::Attribute => "attribute",
    }
}

fn decode(line: Value, document: &Value) -> Result<Change, Unreadable> {
    match Change::decode_value(line) {
        Ok(Decoded { change, .. }) => Ok(change),
        Err(error) => Err(Unreadable {
            reason: error.without_content(),
            found: document.to_string().into_bytes(),
        }),
    }
}

/// What cannot be read as `expected`.
pub fn unreadable(expected: &str, found: &Value) -> Unreadable {
    Unreadable {
        reason: format!("expected {expected}"),
        found: found.to_string().into_bytes(),
    }
}
