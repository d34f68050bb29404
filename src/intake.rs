//! Taking a customer in: a document and the numbering plan make a record.
//!
//! Imports and feeds both pass through here, so that a number that one of them stores is found however the other
//! would have written it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::Value;

use crate::customer::document::{self, Limits, MOST_PHONES, Strictness};
use crate::customer::record::{self, Claim, Origin, TooLarge};
use crate::customer::{Customer, Phone, Record, Schema, identity};
use crate::number::{Cell, Invalid, Key, Numbering, Unstorable};

/// Makes records of customers. Cheap to clone, shared between threads; clones follow one another's [`Intake::replace`].
#[derive(Debug, Clone)]
pub struct Intake {
    plan: Arc<ArcSwap<Plan>>,
    /// Whose customers they are, where a feed delivers them.
    feed: Option<Arc<str>>,
}

/// What customers are taken in by, replaced whole.
#[derive(Debug)]
struct Plan {
    numbering: Numbering,
    /// How numbers of feeds' customers are read, where that is particular.
    feeds: BTreeMap<String, Numbering>,
    limits: Limits,
    /// Keys of the attributes by whose values customers are found too.
    id_attributes: Vec<String>,
}

impl Plan {
    fn numbering(&self, feed: Option<&str>) -> &Numbering {
        feed.and_then(|feed| self.feeds.get(feed))
            .unwrap_or(&self.numbering)
    }
}

/// A number that a customer lists and that nobody can be found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclaimed {
    /// Where it stands, such as `phones[1]` or `attributes.fax`.
    pub field: String,
    /// Why it is no key; the text never repeats the number.
    pub reason: Unstorable,
}

/// A customer's record, and what its numbers came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The record, as every layer stores it.
    pub bytes: Vec<u8>,
    /// The claims in it.
    pub claims: Vec<Claim>,
    /// Numbers that are shown and not claimed.
    pub unclaimed: Vec<Unclaimed>,
}

impl Intake {
    /// Reads numbers by `numbering`; `limits` say how many parts a customer keeps.
    pub fn new(numbering: Numbering, limits: Limits) -> Intake {
        let plan = Plan {
            numbering,
            feeds: BTreeMap::new(),
            limits,
            id_attributes: Vec::new(),
        };
        Intake {
            plan: Arc::new(ArcSwap::from_pointee(plan)),
            feed: None,
        }
    }

    /// The same, which claims the values of `id_attributes` too.
    #[must_use]
    pub fn finding_by(self, id_attributes: &[String]) -> Intake {
        let plan = self.plan.load();
        self.replace(
            plan.numbering.clone(),
            plan.feeds.clone(),
            plan.limits,
            id_attributes,
        );
        self
    }

    /// Reads numbers by `numbering`, those of the customers of `feeds` by theirs, keeps as many parts as `limits` say, and
    /// claims the values of `id_attributes`, from the next customer on, in every clone.
    pub fn replace(
        &self,
        numbering: Numbering,
        feeds: BTreeMap<String, Numbering>,
        limits: Limits,
        id_attributes: &[String],
    ) {
        self.plan.store(Arc::new(Plan {
            numbering,
            feeds,
            limits,
            id_attributes: id_attributes.to_vec(),
        }));
    }

    /// The same for customers of the feed `name`.
    #[must_use]
    pub fn of_feed(&self, name: &str) -> Intake {
        Intake {
            plan: Arc::clone(&self.plan),
            feed: Some(name.into()),
        }
    }

    /// Whether numbers of every feed's customers are read alike, so that it needs not be told which feed's they are.
    pub fn reads_feeds_alike(&self) -> bool {
        self.plan.load().feeds.is_empty()
    }

    /// How many parts a customer keeps.
    pub fn limits(&self) -> Limits {
        self.plan.load().limits
    }

    /// The numbering plan.
    pub fn numbering(&self) -> Numbering {
        self.plan.load().numbering(self.feed.as_deref()).clone()
    }

    /// What `customer`, read under `schema`, claims: its distinct numbers in the order in which it first lists them.
    /// Where one place lists several, each of them is claimed. A number listed twice is shared where either place says
    /// so. A withheld number is neither claimed nor a fault. Behind them come the values of the attributes by which customers
    /// are found, shared by however many have them: nobody takes an id away from another.
    /// `since` gives the seq at which the customer's unbroken claim on a key began.
    pub fn claims(
        &self,
        customer: &Customer,
        schema: &Schema,
        since: impl Fn(Key) -> u64,
    ) -> (Vec<Claim>, Vec<Unclaimed>) {
        let plan = self.plan.load();
        let numbering = plan.numbering(self.feed.as_deref());
        let mut claims: Vec<Claim> = Vec::with_capacity(customer.phones.len());
        let mut unclaimed = Vec::new();
        for number in customer.numbers(schema) {
            let single = [number.written.as_ref()];
            let apart = numbering.apart(&number.written, number.region, number.extension);
            let parts: &[&str] = match &apart {
                Cell::One => &single,
                Cell::Several(parts) => parts,
                Cell::Unclear => {
                    unclaimed.push(Unclaimed {
                        field: number.field.to_string(),
                        reason: Invalid::SeveralNumbers.into(),
                    });
                    continue;
                }
            };
            for part in parts {
                let key = match numbering.key_to_store(*part, number.region, number.extension) {
                    Ok(Some(key)) => key,
                    Ok(None) => continue,
                    Err(reason) => {
                        unclaimed.push(Unclaimed {
                            field: number.field.to_string(),
                            reason,
                        });
                        continue;
                    }
                };
                match claims.iter_mut().find(|claim| claim.key == key.raw()) {
                    Some(claim) => claim.shared |= number.shared,
                    None => claims.push(Claim {
                        key: key.raw(),
                        since: since(key),
                        shared: number.shared,
                    }),
                }
            }
        }
        for name in &plan.id_attributes {
            let json = schema
                .position(name)
                .and_then(|position| customer.attributes.iter().find(|(at, _)| *at == position));
            let text = json.and_then(|(_, json)| identity::text(json.as_bytes()));
            if let Some(key) = text.and_then(|text| Some(Key::attribute(name, &identity::canonical(&text)?)))
            {
                claims.push(Claim {
                    key: key.raw(),
                    since: since(key),
                    shared: true,
                });
            }
        }
        (claims, unclaimed)
    }

    /// `record` under another `schema`: attributes that it does not have or allow are left out. A claim that the record did
    /// not have begins at `seq`. `None` where the record cannot be brought under it.
    pub fn under(&self, record: &Record<'_>, schema: &Schema, seq: u64) -> Option<Vec<u8>> {
        let json: Value = serde_json::from_slice(record.json()).ok()?;
        let read = document::read(&json, schema, Strictness::Feed, self.limits()).ok()?;
        let since = |key: Key| record.claim(key.raw()).map_or(seq, |claim| claim.since);
        let recorded = self.record(&read.customer, schema, record.origin(), since).ok()?;
        Some(recorded.bytes)
    }

    /// `customer` with a phone for each number, where one phone lists several: agents dial phones. The new ones are of
    /// the same kind and region, and as shared. What would be more phones than a customer may have stays as written.
    pub fn with_phones_apart<'a>(&self, customer: &'a Customer) -> Cow<'a, Customer> {
        let plan = self.plan.load();
        let numbering = plan.numbering(self.feed.as_deref());
        let apart = |phone: &Phone| match numbering.apart(
            &phone.number,
            phone.region.as_deref(),
            phone.is_extension(),
        ) {
            Cell::Several(parts) => Some(parts.into_iter().map(str::to_owned).collect::<Vec<_>>()),
            Cell::One | Cell::Unclear => None,
        };
        let several: Vec<(usize, Vec<String>)> = customer
            .phones
            .iter()
            .enumerate()
            .filter_map(|(at, phone)| Some((at, apart(phone)?)))
            .collect();
        let mut customer = Cow::Borrowed(customer);
        // From the last, so that places stay what they are.
        for (at, numbers) in several.into_iter().rev() {
            if customer.phones.len() + numbers.len() - 1 > MOST_PHONES {
                continue;
            }
            let phone = customer.phones[at].clone();
            let phones = numbers.into_iter().map(|number| Phone {
                number,
                ..phone.clone()
            });
            customer.to_mut().phones.splice(at..=at, phones);
        }
        customer
    }

    /// Encodes `customer`, read under `schema` and come from `origin`, with its claims. A phone that lists several
    /// numbers becomes a phone for each.
    ///
    /// # Errors
    /// The customer does not fit in a record.
    pub fn record(
        &self,
        customer: &Customer,
        schema: &Schema,
        origin: Origin<'_>,
        since: impl Fn(Key) -> u64,
    ) -> Result<Recorded, TooLarge> {
        let (claims, unclaimed) = self.claims(customer, schema, since);
        Ok(Recorded {
            bytes: record::encode(&self.with_phones_apart(customer), schema, &claims, origin)?,
            claims,
            unclaimed,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use serde_json::json;

    use super::*;
    use crate::number::Settings;

    fn intake() -> Intake {
        let numbering = Numbering::new(&Settings::builtin())
            .unwrap()
            .for_source(Some("US".parse().unwrap()), None);
        Intake::new(numbering, Limits::default())
    }

    fn customer(json: &serde_json::Value, schema: &Schema) -> Customer {
        document::read(json, schema, Strictness::Import, Limits::default())
            .unwrap()
            .customer
    }

    #[test]
    fn each_number_is_claimed_once_where_it_is_listed_first() {
        let schema = Schema::from_json(1, &json!([{"key": "fax", "type": "phone"}])).unwrap();
        let customer = customer(
            &json!({"id": "a", "phones": [
                "+1 480 675 4110",
                {"number": "020 7946 0958", "region": "GB"},
                {"number": "(480) 675-4110", "shared": true},
                "anonymous",
                "12",
            ], "attributes": {"fax": "2565938310"}}),
            &schema,
        );
        let (claims, unclaimed) = intake().claims(&customer, &schema, |key| key.raw() % 10);
        let expected = [
            (14806754110, 0, true),
            (442079460958, 8, false),
            (12565938310, 0, false),
        ];
        assert_eq!(
            claims,
            expected.map(|(key, since, shared)| Claim { key, since, shared })
        );
        assert_eq!(unclaimed.len(), 1, "a withheld number is no fault");
        assert_eq!(unclaimed[0].field, "phones[4]");
    }

    #[test]
    fn values_of_id_attributes_are_claimed_behind_the_numbers() {
        let definitions = json!([
            {"key": "crm_id", "type": "text"}, {"key": "vip", "type": "bool"}, {"key": "legacy", "type": "text"}
        ]);
        let schema = Schema::from_json(1, &definitions).unwrap();
        let ids = ["legacy", "vip", "crm_id", "unknown"].map(str::to_owned);
        let intake = intake().finding_by(&ids);
        let keys = |attributes: serde_json::Value| {
            let json = json!({"id": "a", "phones": ["+14806754110"], "attributes": attributes});
            let (claims, unclaimed) = intake.claims(&customer(&json, &schema), &schema, |_| 5);
            assert!(unclaimed.is_empty() && claims[0].key == 14_806_754_110);
            claims[1..].to_vec()
        };
        let claim = |name, value| Claim {
            key: Key::attribute(name, value).raw(),
            since: 5,
            shared: true,
        };
        assert_eq!(
            keys(json!({"crm_id": " 4711 ", "legacy": "\u{e9}\"", "vip": true})),
            [claim("legacy", "\u{e9}\""), claim("crm_id", "4711")]
        );
        assert_eq!(keys(json!({"crm_id": "", "vip": false})), []);
    }

    #[test]
    fn a_number_is_shared_where_any_listing_says_so() {
        let schema = Schema::default();
        for phones in [
            json!(["+14806754110", {"number": "(480) 675-4110", "shared": true}]),
            json!([{"number": "(480) 675-4110", "shared": true}, "+14806754110"]),
        ] {
            let customer = customer(&json!({"id": "a", "phones": phones}), &schema);
            let (claims, _) = intake().claims(&customer, &schema, |_| 1);
            assert!(claims.len() == 1 && claims[0].shared, "{claims:?}");
        }
    }

    #[test]
    fn several_numbers_in_one_phone_are_phones_and_stay_so() {
        let schema = Schema::default();
        let written = customer(
            &json!({"id": "a", "phones": [
                {"number": "4806754110 / 4806754111", "kind": "home", "shared": true, "verified_at": "2026-03-01"},
                "+14806754112; 12 34 567",
                "12",
            ]}),
            &schema,
        );
        let origin = Origin {
            stream: 3,
            position: b"p",
            marks: &[],
        };
        let record = |customer: &Customer| intake().record(customer, &schema, origin, |_| 7).unwrap();
        let recorded = record(&written);
        let keys: Vec<(u64, bool)> = recorded
            .claims
            .iter()
            .map(|claim| (claim.key, claim.shared))
            .collect();
        assert_eq!(keys, [(14_806_754_110, true), (14_806_754_111, true)]);
        let unclaimed = [
            ("phones[1]", Invalid::SeveralNumbers.into()),
            ("phones[2]", Unstorable::NotValid),
        ];
        assert_eq!(
            recorded.unclaimed,
            unclaimed.map(|(field, reason)| Unclaimed {
                field: field.to_owned(),
                reason
            }),
            "by their places in what was written"
        );

        // As a change to the customer reads it again.
        let json: serde_json::Value =
            serde_json::from_slice(Record::open(&recorded.bytes).unwrap().json()).unwrap();
        let part =
            |number| json!({"number": number, "kind": "home", "shared": true, "verified_at": "2026-03-01"});
        assert_eq!(
            json["phones"],
            json!([
                part("4806754110"),
                part("4806754111"),
                "+14806754112; 12 34 567",
                "12"
            ])
        );
        let again = record(&customer(&json, &schema));
        assert_eq!((again.bytes, again.claims), (recorded.bytes, recorded.claims));
    }

    #[test]
    fn a_record_holds_the_claims_and_the_origin() {
        let schema = Schema::default();
        let customer = customer(&json!({"id": "a", "phones": ["+14806754110"]}), &schema);
        let origin = Origin {
            stream: 3,
            position: b"p",
            marks: &[],
        };
        let recorded = intake().record(&customer, &schema, origin, |_| 7).unwrap();
        let record = Record::open(&recorded.bytes).unwrap();
        assert_eq!((record.id(), record.origin()), ("a", origin));
        assert_eq!(record.claims().collect::<Vec<_>>(), recorded.claims);
        assert_eq!(recorded.claims[0].since, 7);
    }
}
