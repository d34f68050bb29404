//! The numbers that a customer lists, as written: what the numbering plan turns into lookup keys.

use std::borrow::Cow;
use std::fmt;

use super::{AttributeType, Customer, Phone, Schema};

/// A number as a document writes it, and what it says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenNumber<'a> {
    /// Where it stands.
    pub field: NumberField<'a>,
    /// The number as written.
    pub written: Cow<'a, str>,
    /// Region whose dialling rules read it, where the source knows it.
    pub region: Option<&'a str>,
    /// Whether it is an internal extension.
    pub extension: bool,
    /// Whether it is declared to be used by several customers.
    pub shared: bool,
}

/// Where a number stands; shown as `phones[1]` or `attributes.fax`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberField<'a> {
    /// The customer's phone at this place, from 0.
    Phone(usize),
    /// The attribute with this key.
    Attribute(&'a str),
}

impl fmt::Display for NumberField<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phone(index) => write!(f, "phones[{index}]"),
            Self::Attribute(key) => write!(f, "attributes.{key}"),
        }
    }
}

impl Phone {
    /// Whether it is an internal extension.
    pub fn is_extension(&self) -> bool {
        self.kind
            .as_deref()
            .is_some_and(|kind| kind.eq_ignore_ascii_case("extension"))
    }
}

impl Customer {
    /// Every number that the customer lists: phones in the source's order, then attributes of type Phone in
    /// the order of `schema`, which must be the one that the customer was read under.
    pub fn numbers<'a>(&'a self, schema: &'a Schema) -> impl Iterator<Item = WrittenNumber<'a>> {
        let phones = self
            .phones
            .iter()
            .enumerate()
            .map(|(index, phone)| WrittenNumber {
                field: NumberField::Phone(index),
                written: Cow::Borrowed(phone.number.as_str()),
                region: phone.region.as_deref(),
                extension: phone.is_extension(),
                shared: phone.shared,
            });
        let attributes = self.attributes.iter().filter_map(|(position, json)| {
            let attribute = schema.attributes.get(*position)?;
            (attribute.kind == AttributeType::Phone).then(|| WrittenNumber {
                field: NumberField::Attribute(&attribute.key),
                written: text_of(json),
                region: None,
                extension: false,
                shared: false,
            })
        });
        phones.chain(attributes)
    }
}

/// The text that `json` writes, borrowed unless something in it is escaped.
fn text_of(json: &str) -> Cow<'_, str> {
    match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(text) if !text.contains('\\') => Cow::Borrowed(text),
        _ => serde_json::from_str(json).map_or(Cow::Borrowed(json), Cow::Owned),
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::customer::document::{self, Limits, Strictness};
    use serde_json::json;

    #[test]
    fn phones_come_first_then_phone_attributes() {
        let schema = Schema::from_json(
            1,
            &json!([{"key": "email", "type": "email"}, {"key": "fax", "type": "phone"}, {"key": "desk", "type": "phone"}]),
        )
        .unwrap();
        let json = json!({
            "id": "c", "phones": [
                "+1 480 675 4110",
                {"number": "4411", "kind": "Extension"},
                {"number": "020 7946 0958", "region": "gb", "shared": true}
            ],
            "attributes": {"desk": "tel \\ 12", "fax": "020 7946 0959", "email": "1@example.org"}
        });
        let customer = document::read(&json, &schema, Strictness::Import, Limits::default())
            .unwrap()
            .customer;
        let numbers: Vec<_> = customer.numbers(&schema).collect();
        let seen: Vec<_> = numbers
            .iter()
            .map(|n| {
                (
                    n.field.to_string(),
                    n.written.as_ref(),
                    n.region,
                    n.extension,
                    n.shared,
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("phones[0]".to_owned(), "+1 480 675 4110", None, false, false),
                ("phones[1]".to_owned(), "4411", None, true, false),
                ("phones[2]".to_owned(), "020 7946 0958", Some("GB"), false, true),
                ("attributes.fax".to_owned(), "020 7946 0959", None, false, false),
                ("attributes.desk".to_owned(), "tel \\ 12", None, false, false),
            ]
        );
        assert!(matches!(numbers[3].written, Cow::Borrowed(_)));
    }
}
