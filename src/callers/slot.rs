//! Where a value of an answer comes from, as the configuration names it: dialects fill another system's columns with them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::Answer;
use super::attributes;
use super::json;
use super::settings::Unspeakable;
use crate::customer::record::Field;
use crate::customer::{Record, Schema};
use crate::number::Key;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slot {
    /// Nowhere: it is null.
    Null,
    /// It is always this, as JSON.
    Constant(Box<str>),
    /// The customer's id, in the form that the dialect has for ids.
    Id,
    /// The customer's id as it is.
    OwnId,
    /// A field of the customer.
    Of(Field),
    /// The number that was found.
    Ani,
    /// The customer's first phone, as written.
    Phone,
    /// The names of the customer's labels, joined by commas.
    Labels,
    /// An attribute that is not sensitive.
    Attribute(Box<str>),
    /// A member of a case.
    Case(CaseSlot),
}

/// A member of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CaseSlot {
    /// In the form that the dialect has for ids.
    Id,
    OwnId,
    Number,
    Title,
    Status,
    Priority,
    CreatedAt,
}

/// The one customer who may be greeted by name.
#[derive(Debug)]
pub(super) struct Guest<'a> {
    pub(super) record: &'a Record<'a>,
    pub(super) schema: &'a Schema,
    /// The number that was found; none where the customer was found by id.
    pub(super) key: Option<Key>,
    /// Whether cases and the like may be told.
    pub(super) may_disclose: bool,
}

/// A case, read. What it has not is `None`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Case<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    number: Option<&'a RawValue>,
    #[serde(borrow)]
    title: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    priority: Option<&'a RawValue>,
    #[serde(borrow)]
    created_at: Option<&'a RawValue>,
}

/// Columns and where their values come from: a dialect's own, with those of the configuration laid over them.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns(Vec<(Box<str>, Slot)>);

const NULL: &[u8] = b"null";

impl Slot {
    const WORDS: &'static str = "\"\", \"'text'\", \"id\", \"own_id\", \"name\", \"first_name\", \"last_name\", \"company\", \"ani\", \"phone\", \"labels\", \"last_agent_id\", \"created_at\", \"updated_at\", \"attributes.KEY\", or \"case.\" and one of id, own_id, number, title, status, priority, created_at";

    /// Reads what a configuration names.
    pub(super) fn parse(text: &str) -> Option<Slot> {
        if let Some(constant) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            return serde_json::to_string(constant)
                .ok()
                .map(|json| Slot::Constant(json.into()));
        }
        if let Some(key) = text.strip_prefix("attributes.") {
            return (!key.is_empty()).then(|| Slot::Attribute(key.into()));
        }
        if let Some(member) = text.strip_prefix("case.") {
            return Some(Slot::Case(match member {
                "id" => CaseSlot::Id,
                "own_id" => CaseSlot::OwnId,
                "number" => CaseSlot::Number,
                "title" => CaseSlot::Title,
                "status" => CaseSlot::Status,
                "priority" => CaseSlot::Priority,
                "created_at" => CaseSlot::CreatedAt,
                _ => return None,
            }));
        }
        Some(match text {
            "" => Slot::Null,
            "id" => Slot::Id,
            "own_id" => Slot::OwnId,
            "ani" => Slot::Ani,
            "phone" => Slot::Phone,
            "labels" => Slot::Labels,
            "name" => Slot::Of(Field::Name),
            "first_name" => Slot::Of(Field::FirstName),
            "last_name" => Slot::Of(Field::LastName),
            "company" => Slot::Of(Field::Company),
            "last_agent_id" => Slot::Of(Field::LastAgentId),
            "created_at" => Slot::Of(Field::CreatedAt),
            "updated_at" => Slot::Of(Field::UpdatedAt),
            // Numbers and truth values, for columns that are constant in another system.
            _ => {
                let value: serde_json::Value = serde_json::from_str(text).ok()?;
                (value.is_number() || value.is_boolean()).then(|| Slot::Constant(text.into()))?
            }
        })
    }
}

impl Columns {
    /// `defaults` with what the configuration says laid over them: a column that has a default stays in its place, others
    /// follow. Names are compared without regard to case.
    ///
    /// # Errors
    /// Something that is no slot.
    pub(super) fn new(
        defaults: &[(&str, &str)],
        said: &BTreeMap<String, String>,
    ) -> Result<Columns, Unspeakable> {
        let mut columns: Vec<(Box<str>, Slot)> = Vec::with_capacity(defaults.len() + said.len());
        let given = said.iter().map(|(column, slot)| (column.as_str(), slot.as_str()));
        for (column, text) in defaults.iter().copied().chain(given) {
            let slot = Slot::parse(text).ok_or_else(|| Unspeakable {
                key: format!("fields.{column}"),
                expected: Slot::WORDS.to_owned(),
                found: format!("{text:?}"),
            })?;
            match columns
                .iter_mut()
                .find(|(known, _)| known.eq_ignore_ascii_case(column))
            {
                Some((_, known)) => *known = slot,
                None => columns.push((column.into(), slot)),
            }
        }
        Ok(Columns(columns))
    }

    /// Where the column `name` comes from, and how it is spelled here; `None` where nobody has said.
    pub(super) fn get(&self, name: &str) -> Option<(&str, &Slot)> {
        self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// All columns, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Slot)> {
        self.0.iter().map(|(column, slot)| (&**column, slot))
    }
}

impl Answer<'_, '_> {
    /// The one customer who may be greeted by name. Callers with room for one answer everything else as a miss: nobody,
    /// several, withheld, not to be named.
    pub(super) fn guest(&self) -> Option<Guest<'_>> {
        let record = self.who.one()?;
        self.disclosure.greet.ok()?;
        Some(Guest {
            record,
            schema: self.view.schema(),
            key: self.key,
            may_disclose: self.disclosure.disclose.is_ok(),
        })
    }
}

impl Guest<'_> {
    /// The value of `slot` as JSON; `null` where there is none. [`Slot::Id`] is the id as it is: a dialect with ids of
    /// its own form spells it itself. Slots of cases are null here.
    pub(super) fn json(&self, slot: &Slot) -> Cow<'_, [u8]> {
        let borrowed =
            |json: Option<&'_ [u8]>| json.map_or(Cow::Borrowed(NULL), |json| Cow::Owned(json.to_vec()));
        match slot {
            Slot::Null | Slot::Case(_) => Cow::Borrowed(NULL),
            Slot::Constant(json) => Cow::Owned(json.as_bytes().to_vec()),
            Slot::Id | Slot::OwnId => Cow::Borrowed(self.record.field(Field::Id).unwrap_or(NULL)),
            Slot::Of(field) => Cow::Borrowed(self.record.field(*field).unwrap_or(NULL)),
            Slot::Ani => match self.key {
                Some(key) => Cow::Owned(format!("\"{key}\"").into_bytes()),
                None => self.phone(),
            },
            Slot::Phone => self.phone(),
            Slot::Labels => self.labels(),
            Slot::Attribute(key) => {
                let is_told = self
                    .schema
                    .attributes
                    .iter()
                    .any(|attribute| attribute.key == **key && !attribute.sensitive);
                borrowed(
                    is_told
                        .then(|| attributes::value(self.record, self.schema, key))
                        .flatten(),
                )
            }
        }
    }

    /// The value of `slot` as text; empty where there is none.
    pub(super) fn text(&self, slot: &Slot) -> Cow<'_, str> {
        let json = self.json(slot);
        if *json == *NULL {
            return Cow::Borrowed("");
        }
        Cow::Owned(json::text_of(&json).into_owned())
    }

    /// The customer's cases, newest first; none where they may not be told.
    pub(super) fn cases(&self) -> impl Iterator<Item = Case<'_>> {
        (0..)
            .map_while(|place| self.record.case(place))
            .take_while(|_| self.may_disclose)
            .filter_map(|json| serde_json::from_slice(json).ok())
    }

    fn phone(&self) -> Cow<'_, [u8]> {
        #[derive(Deserialize)]
        struct Described<'a> {
            #[serde(borrow)]
            number: &'a RawValue,
        }
        let phones = self.record.field(Field::Phones);
        let phones = phones.and_then(|json| serde_json::from_slice::<Vec<&RawValue>>(json).ok());
        let first = phones.and_then(|phones| phones.first().copied());
        first.map_or(Cow::Borrowed(NULL), |first| {
            let json = first.get();
            if !json.starts_with('{') {
                return Cow::Owned(json.as_bytes().to_vec());
            }
            let number = serde_json::from_str::<Described<'_>>(json);
            Cow::Owned(number.map_or_else(|_| NULL.to_vec(), |phone| phone.number.get().as_bytes().to_vec()))
        })
    }

    fn labels(&self) -> Cow<'_, [u8]> {
        #[derive(Deserialize)]
        struct Label {
            name: String,
        }
        let labels = self.record.field(Field::Labels);
        let labels = labels.and_then(|json| serde_json::from_slice::<Vec<Label>>(json).ok());
        let names: Vec<String> = labels.into_iter().flatten().map(|label| label.name).collect();
        let joined = serde_json::to_vec(&names.join(", "));
        Cow::Owned(joined.unwrap_or_else(|_| NULL.to_vec()))
    }
}

impl<'a> Case<'a> {
    /// The value of `slot` as JSON; `null` where there is none, and for slots of customers. Ids are as they are.
    pub(super) fn json(&self, slot: CaseSlot) -> &'a str {
        let value = match slot {
            CaseSlot::Id | CaseSlot::OwnId => self.id,
            CaseSlot::Number => self.number,
            CaseSlot::Title => self.title,
            CaseSlot::Status => self.status,
            CaseSlot::Priority => self.priority,
            CaseSlot::CreatedAt => self.created_at,
        };
        value.map_or("null", RawValue::get)
    }

    /// The value of `slot` as text; empty where there is none.
    pub(super) fn text(&self, slot: CaseSlot) -> Cow<'a, str> {
        match self.json(slot) {
            "null" => Cow::Borrowed(""),
            json => json::text_of(json.as_bytes()),
        }
    }
}
