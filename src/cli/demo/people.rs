//! Invented customers of an invented contact centre: the same every time, and made to look like real data.
//!
//! Names fit their countries and numbers their plans; nobody here exists. Some are made for the lines that the
//! demonstration prints, among them a VIP with an open case, a household and a number that two customers claim.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::countries::{COUNTRIES, Country};
use super::dice::Dice;
use super::history::{self, TODAY};
use super::phones::{self, Line, Phone, Pool};
use crate::number::{Key, Numbering};

/// Decides everything that is invented.
const SEED: u64 = 7464;

/// The customers, and those that the printed lines speak of.
#[derive(Debug)]
pub(super) struct People {
    /// One customer document each.
    pub(super) documents: Vec<Value>,
    /// A VIP with an open case.
    pub(super) vip: Someone,
    /// A household's line.
    pub(super) household: Key,
    /// A number that two customers claim.
    pub(super) contested: Key,
    /// A valid number that nobody has.
    pub(super) unknown: Key,
    /// Countries that there are customers in.
    pub(super) countries: usize,
}

/// A customer whom the printed lines speak of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Someone {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) key: Key,
}

/// Invents `count` customers, 50 or more; `numbering` is what will read their numbers.
pub(super) fn invent(count: u32, numbering: &Numbering) -> Option<People> {
    let mut inventor = Inventor {
        dice: Dice::new(SEED),
        pools: COUNTRIES.iter().map(Pool::of).collect(),
        numbering,
        documents: Vec::new(),
        countries: BTreeSet::new(),
    };
    // The first country is the one whose numbers the demonstration's server reads without a plus.
    let vip = inventor.vip()?;
    let household = inventor.household(["Dana", "Milo"], "Holloway")?;
    let contested = inventor.contested()?;
    inventor.blacklisted()?;
    let unknown = inventor.pools.first_mut()?.take(Line::Mobile)?;
    while inventor.documents.len() < count as usize {
        match inventor.dice.below(40) {
            0 => drop(inventor.household(["Robin", "Kim"], "Whitaker")?),
            1 => drop(inventor.company()?),
            _ => drop(inventor.person()?),
        }
    }
    inventor.documents.truncate(count as usize);
    Some(People {
        documents: inventor.documents,
        vip,
        household,
        contested,
        unknown,
        countries: inventor.countries.len(),
    })
}

struct Inventor<'a> {
    dice: Dice,
    pools: Vec<Pool>,
    numbering: &'a Numbering,
    documents: Vec<Value>,
    countries: BTreeSet<&'static str>,
}

impl Inventor<'_> {
    fn next_id(&self) -> String {
        format!("c-{:04}", 1001 + self.documents.len())
    }

    fn country(&mut self) -> usize {
        let sum = COUNTRIES.iter().map(|country| country.weight).sum();
        let mut drawn = self.dice.below(sum);
        for (at, country) in COUNTRIES.iter().enumerate() {
            match drawn.checked_sub(country.weight) {
                Some(rest) => drawn = rest,
                None => return at,
            }
        }
        0
    }

    /// A new number of the country at `at`; of another where it has run out.
    fn phone(&mut self, at: usize, line: Line) -> Option<Phone> {
        let places = (at..COUNTRIES.len()).chain(0..at);
        for place in places {
            if let Some(key) = self.pools[place].take(line) {
                return Some(phones::written(
                    key,
                    &COUNTRIES[place],
                    self.numbering,
                    &mut self.dice,
                ));
            }
        }
        None
    }

    fn person(&mut self) -> Option<Someone> {
        let at = self.country();
        let country = &COUNTRIES[at];
        let (first, last) = (self.dice.pick(country.first), self.dice.pick(country.last));
        let mobile = self.phone(at, Line::Mobile)?;
        let mut phones = vec![listed(&mobile, "mobile", false)];
        if self.dice.chance(25) {
            phones.push(listed(&self.phone(at, Line::Fixed)?, "home", false));
        }
        let mut document = self.document(country, first, last, phones);
        history::add(&mut document, &mobile.key.to_string(), &mut self.dice);
        Some(self.keep(document, country, mobile.key))
    }

    fn vip(&mut self) -> Option<Someone> {
        let country = COUNTRIES.first()?;
        let mobile = self.phone(0, Line::Mobile)?;
        let desk = self.phone(0, Line::Fixed)?;
        let phones = vec![listed(&mobile, "mobile", false), listed(&desk, "work", false)];
        let mut document = self.document(country, "Grace", "Okafor", phones);
        document["labels"] = json!([{"name": "VIP", "color": "#d4af37"}]);
        document["last_agent_id"] = json!("1001");
        document["cases"] = json!([
            {"id": "case-1", "number": "CAS-01213", "title": "Router keeps rebooting", "status": "open",
             "priority": "high", "created_at": history::moment(3 * 24 * 60)},
            {"id": "case-0", "number": "CAS-00871", "title": "Invoice sent twice", "status": "closed",
             "priority": "normal", "created_at": history::moment(70 * 24 * 60)},
        ]);
        let calls = [
            (90, "Joan Mbeki", "Support", "Technical problem"),
            (5 * 24 * 60, "Ravi Sand", "Support", "Callback promised"),
            (71 * 24 * 60, "Joan Mbeki", "Accounts", "Billing"),
        ];
        let calls = calls
            .iter()
            .enumerate()
            .map(|(nth, (ago, agent, team, wrap_up))| {
                history::call(
                    &format!("i-vip-{nth}"),
                    *ago,
                    &mobile.key.to_string(),
                    &[(*agent, *team)],
                    wrap_up,
                    312,
                )
            });
        document["interactions"] = calls.collect();
        Some(self.keep(document, country, mobile.key))
    }

    /// Two people with a line of their own each and one that they share.
    fn household(&mut self, first: [&str; 2], last: &str) -> Option<Key> {
        let country = COUNTRIES.first()?;
        let shared = self.phone(0, Line::Fixed)?;
        for first in first {
            let own = self.phone(0, Line::Mobile)?;
            let phones = vec![listed(&own, "mobile", false), listed(&shared, "home", true)];
            let mut document = self.document(country, first, last, phones);
            history::add(&mut document, &shared.key.to_string(), &mut self.dice);
            self.keep(document, country, own.key);
        }
        Some(shared.key)
    }

    /// A number that went from one customer to another, and that the first one's entry still lists.
    fn contested(&mut self) -> Option<Key> {
        let country = COUNTRIES.first()?;
        let number = self.phone(0, Line::Mobile)?;
        for (first, last) in [("Wyatt", "Brandt"), ("Marisol", "Delgado")] {
            let document = self.document(country, first, last, vec![listed(&number, "mobile", false)]);
            self.keep(document, country, number.key);
        }
        Some(number.key)
    }

    fn blacklisted(&mut self) -> Option<()> {
        let country = COUNTRIES.first()?;
        let mobile = self.phone(0, Line::Mobile)?;
        let mut document = self.document(
            country,
            "Dwight",
            "Pruitt",
            vec![listed(&mobile, "mobile", false)],
        );
        document["labels"] = json!([{"name": "blacklist", "color": "#000000"}]);
        self.keep(document, country, mobile.key);
        Some(())
    }

    /// A company: a switchboard that everybody there calls from, and two people with lines of their own.
    fn company(&mut self) -> Option<()> {
        let at = self.country();
        let country = &COUNTRIES[at];
        let name = format!("{} {}", self.dice.pick(country.last), country.company);
        let switchboard = self.phone(at, Line::Fixed)?;
        for _ in 0..2 {
            let (first, last) = (self.dice.pick(country.first), self.dice.pick(country.last));
            let own = self.phone(at, Line::Mobile)?;
            let phones = vec![
                listed(&own, "mobile", false),
                listed(&switchboard, "switchboard", true),
            ];
            let mut document = self.document(country, first, last, phones);
            document["company"] = json!(name);
            document["attributes"]["website"] = json!(format!("https://www.example.com/{}", self.next_id()));
            history::add(&mut document, &own.key.to_string(), &mut self.dice);
            self.keep(document, country, own.key);
        }
        Some(())
    }

    /// A customer without a history.
    fn document(&mut self, country: &Country, first: &str, last: &str, phones: Vec<Value>) -> Value {
        let id = self.next_id();
        let name = if country.family_first {
            format!("{last} {first}")
        } else {
            format!("{first} {last}")
        };
        let dice = &mut self.dice;
        let created = dice.below(5 * 365 * 24 * 60) + 100 * 24 * 60;
        let mut attributes = json!({
            "city": dice.pick(country.cities),
            "contract": format!("{}-{:06}", country.region, dice.below(1_000_000)),
        });
        if dice.chance(80) {
            attributes["email"] = json!(format!("{id}@example.com"));
        }
        if dice.chance(60) {
            let (year, month, day) = (1945 + dice.below(60), 1 + dice.below(12), 1 + dice.below(28));
            attributes["birthday"] = json!(format!("{year}-{month:02}-{day:02}"));
        }
        if dice.chance(15) {
            attributes["tax_id"] = json!(format!("{:09}", dice.below(1_000_000_000)));
        }
        if dice.chance(30) {
            attributes["opted_out"] = json!(dice.chance(50));
        }
        let mut document = json!({
            "id": id, "name": name, "first_name": first, "last_name": last,
            "created_at": history::moment(created),
            "updated_at": history::moment(dice.below(created)),
            "phones": phones, "attributes": attributes,
        });
        let labels = match dice.below(100) {
            0..4 => json!([{"name": "VIP", "color": "#d4af37"}]),
            4..9 => json!([{"name": "payment due", "color": "#c0392b"}]),
            9..16 => json!([{"name": "fibre", "color": "#2980b9"}]),
            16..19 => json!([{"name": "new customer", "color": "#27ae60"}]),
            _ => Value::Null,
        };
        if !labels.is_null() {
            document["labels"] = labels;
        }
        if dice.chance(8) {
            document["flags"] = json!({"do_not_call": dice.chance(50), "do_not_sms": true});
        }
        document
    }

    fn keep(&mut self, document: Value, country: &Country, key: Key) -> Someone {
        let text = |key: &str| document[key].as_str().unwrap_or_default().to_owned();
        let someone = Someone {
            id: text("id"),
            name: text("name"),
            key,
        };
        self.countries.insert(country.region);
        self.documents.push(document);
        someone
    }
}

/// A phone as a document lists it: a text where nothing more is to be said, as many systems do.
fn listed(phone: &Phone, kind: &str, shared: bool) -> Value {
    match (phone.region, kind, shared) {
        (None, "mobile", false) => json!(phone.written),
        (region, kind, shared) => {
            let mut listed = json!({"number": phone.written, "kind": kind});
            if let Some(region) = region {
                listed["region"] = json!(region);
            }
            if shared {
                listed["shared"] = json!(true);
            }
            if kind == "mobile" && phone.key.raw().is_multiple_of(3) {
                listed["verified_at"] = json!(&TODAY[..10]);
            }
            listed
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::customer::Schema;
    use crate::customer::document::{self, Limits, Strictness};
    use crate::number::{Settings, is_valid};
    use crate::snapshot::import::Mapping;

    fn numbering() -> Numbering {
        Numbering::new(&Settings::builtin()).unwrap()
    }

    #[test]
    fn every_customer_is_one_and_every_phone_is_valid() {
        let people = invent(3000, &numbering()).unwrap();
        assert_eq!(people.documents.len(), 3000);
        assert!(people.countries >= 15, "{}", people.countries);
        let mapping = Mapping::parse(include_str!("mapping.toml")).unwrap();
        let definitions = mapping.attributes.iter().map(|attribute| attribute.definition());
        let schema = Schema::new(1, definitions.collect()).unwrap();
        let mut ids = HashSet::new();
        let mut claimants: HashMap<Key, usize> = HashMap::new();
        for json in &people.documents {
            let customer = document::read(json, &schema, Strictness::Import, Limits::default())
                .unwrap_or_else(|refusal| panic!("{refusal}: {json}"))
                .customer;
            assert!(ids.insert(customer.id.clone()));
            assert!(!customer.phones.is_empty());
            for number in customer.numbers(&schema) {
                let read = numbering().key_to_store(number.written.as_ref(), number.region, false);
                let key = read.unwrap().unwrap();
                assert!(is_valid(key), "{json}");
                *claimants.entry(key).or_default() += 1;
            }
        }
        assert_eq!(claimants.get(&people.vip.key), Some(&1));
        assert_eq!(claimants.get(&people.household), Some(&2));
        assert_eq!(claimants.get(&people.contested), Some(&2));
        assert_eq!(claimants.get(&people.unknown), None);
    }

    #[test]
    fn people_are_the_same_every_time() {
        let (one, other) = (
            invent(400, &numbering()).unwrap(),
            invent(400, &numbering()).unwrap(),
        );
        assert_eq!(one.documents, other.documents);
        assert_eq!(one.vip, other.vip);
        let more = invent(500, &numbering()).unwrap();
        assert_eq!(
            one.vip, more.vip,
            "the printed lines hold for any number of customers"
        );
    }

    #[test]
    fn there_is_room_for_the_most_that_may_be_asked_for() {
        assert_eq!(invent(6000, &numbering()).unwrap().documents.len(), 6000);
    }
}
