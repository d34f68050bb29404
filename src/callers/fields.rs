//! Which parts of an answer a caller wants (`fields=name,customer.company`).

use smallvec::SmallVec;

use super::refusal::Refusal;
use crate::customer::Schema;
use crate::customer::record::Field;

/// Defines the keys, and what is written of each in one piece: a key with a value that is known already is copied once.
macro_rules! keys {
    ($($key:ident: $name:literal,)*) => {
        /// A top-level key of an answer, in the order in which they are written.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Key {
            $($key,)*
        }

        impl Key {
            /// Every key, in order.
            pub(super) const ALL: [Key; [$($name),*].len()] = [$(Key::$key),*];

            /// The key's name.
            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Key::$key => $name,)*
                }
            }

            /// The key, as in JSON: a comma, the key and its colon.
            #[inline(always)]
            pub(super) const fn prefix(self) -> &'static [u8] {
                match self {
                    $(Key::$key => concat!(",\"", $name, "\":").as_bytes(),)*
                }
            }

            /// The key with `null`.
            #[inline(always)]
            pub(super) const fn null(self) -> &'static [u8] {
                match self {
                    $(Key::$key => concat!(",\"", $name, "\":null").as_bytes(),)*
                }
            }

            /// The key with `value`.
            #[inline(always)]
            pub(super) const fn boolean(self, value: bool) -> &'static [u8] {
                match (self, value) {
                    $(
                        (Key::$key, true) => concat!(",\"", $name, "\":true").as_bytes(),
                        (Key::$key, false) => concat!(",\"", $name, "\":false").as_bytes(),
                    )*
                }
            }
        }
    };
}

keys! {
    Found: "found",
    Match: "match",
    Reason: "reason",
    Ani: "ani",
    Count: "count",
    CustomerId: "customer_id",
    Name: "name",
    Customer: "customer",
    Case: "case",
    OpenCase: "open_case",
    Treatment: "treatment",
    Queue: "queue",
    LastAgentId: "last_agent_id",
    MayGreet: "may_greet",
    MayDisclose: "may_disclose",
    Matches: "matches",
    NotOwned: "not_owned",
    PopUrl: "pop_url",
    Generation: "generation",
    Position: "position",
    AgeMs: "age_ms",
    Stale: "stale",
    Connected: "connected",
    SourceLagMs: "source_lag_ms",
}

/// A selection of an answer's parts.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    keys: u32,
    customer: Customer<'a>,
}

/// A selection of a customer's parts.
#[derive(Debug, Clone)]
pub(super) enum Customer<'a> {
    /// All of it.
    Whole,
    /// Some fields, and some attributes by their keys where not all of them are among the fields.
    Parts {
        /// In the order of [`Field::ALL`].
        fields: u16,
        /// As asked for.
        attributes: SmallVec<[&'a str; 8]>,
    },
}

impl<'a> Fields<'a> {
    /// Everything.
    pub(super) const fn all() -> Fields<'a> {
        Fields {
            keys: u32::MAX,
            customer: Customer::Whole,
        }
    }

    /// Everything but attributes that `schema` calls sensitive.
    pub(super) fn without_sensitive(schema: &'a Schema) -> Fields<'a> {
        if schema.attributes.iter().all(|attribute| !attribute.sensitive) {
            return Fields::all();
        }
        let fields = Field::ALL.into_iter().filter(|field| *field != Field::Attributes);
        let told = schema.attributes.iter().filter(|attribute| !attribute.sensitive);
        Fields {
            keys: u32::MAX,
            customer: Customer::Parts {
                fields: fields.fold(0, |fields, field| fields | 1 << (field as u16)),
                attributes: told.map(|attribute| attribute.key.as_str()).collect(),
            },
        }
    }

    /// Reads a comma-separated list. Empty selects everything.
    ///
    /// # Errors
    /// A name that no part has, with the nearest that one has.
    pub(super) fn parse(list: &'a str, schema: &Schema) -> Result<Fields<'a>, Refusal> {
        let mut selected = Fields {
            keys: 0,
            customer: Customer::Parts {
                fields: 0,
                attributes: SmallVec::new(),
            },
        };
        let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
        for name in names {
            selected.select(name, schema)?;
        }
        Ok(if selected.keys == 0 {
            Fields::all()
        } else {
            selected
        })
    }

    fn select(&mut self, name: &'a str, schema: &Schema) -> Result<(), Refusal> {
        if let Some(key) = Key::ALL.into_iter().find(|key| key.name() == name) {
            self.keys |= 1 << (key as u32);
            if key == Key::Customer {
                self.customer = Customer::Whole;
            }
            return Ok(());
        }
        let part = name
            .strip_prefix("customer.")
            .ok_or_else(|| unknown(name, schema))?;
        let field = Field::ALL.into_iter().find(|field| field.key() == part);
        // An attribute that the schema does not have now is null: a changed schema must not break a caller's flow.
        let attribute = part.strip_prefix("attributes.").filter(|key| !key.is_empty());
        if field.is_none() && attribute.is_none() {
            return Err(unknown(name, schema));
        }
        self.keys |= 1 << (Key::Customer as u32);
        if let Customer::Parts { fields, attributes } = &mut self.customer {
            *fields |= field.map_or(0, |field| 1 << (field as u16));
            attributes.extend(attribute.filter(|key| !attributes.contains(key)));
        }
        Ok(())
    }

    /// Whether `key` was asked for.
    #[inline(always)]
    pub(super) fn has(&self, key: Key) -> bool {
        self.keys & (1 << (key as u32)) != 0
    }

    /// Which parts of the customer were asked for.
    pub(super) fn customer(&self) -> &Customer<'a> {
        &self.customer
    }
}

fn unknown(name: &str, schema: &Schema) -> Refusal {
    let mut known: Vec<String> = Key::ALL.iter().map(|key| key.name().to_owned()).collect();
    known.extend(Field::ALL.iter().map(|field| format!("customer.{}", field.key())));
    known.extend(
        schema
            .attributes
            .iter()
            .map(|attribute| format!("customer.attributes.{}", attribute.key)),
    );
    Refusal::unknown(
        "fields",
        "keys of the answer, customer.FIELD or customer.attributes.KEY, joined by commas",
        name,
        known.iter().map(String::as_str),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_in_their_order() {
        for (place, key) in Key::ALL.into_iter().enumerate() {
            assert_eq!(place, key as usize, "{key:?}");
        }
    }

    #[test]
    fn nothing_selects_everything() {
        let schema = Schema::default();
        for list in ["", ",", " "] {
            let fields = Fields::parse(list, &schema).unwrap();
            assert!(Key::ALL.into_iter().all(|key| fields.has(key)), "{list:?}");
        }
    }
}
