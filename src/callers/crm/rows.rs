//! The rows that a question finds: a customer, or a customer's cases.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::ids::{IdForm, Names, Spelled};
use super::plan::Plan;
use super::search::{Hit, Person};
use super::table::{Kind, Table};
use super::{Crm, IdsFrom};
use crate::callers::query::{Direction, Test, moment};
use crate::callers::slot::{Case, CaseSlot, Guest, Slot};
use crate::callers::{attributes, json};
use crate::customer::document;
use crate::customer::{Record, Schema};
use crate::snapshot::layout::id_hash53;

/// A row of an answer.
#[derive(Debug)]
pub(in crate::callers) struct Row<'a> {
    id: String,
    version: u32,
    members: Vec<(&'a str, Vec<u8>)>,
}

impl Row<'_> {
    /// What identifies the row in its table, in the form that the system has for ids.
    pub(in crate::callers) fn id(&self) -> &str {
        &self.id
    }

    /// A number that another version of the customer nearly always differs in.
    pub(in crate::callers) fn version(&self) -> u32 {
        self.version
    }

    /// The columns asked for, as the system writes their names, and their values as JSON.
    pub(in crate::callers) fn members(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.members.iter().map(|(name, value)| (*name, &**value))
    }

    /// Whether the column `name` was asked for.
    pub(in crate::callers) fn has(&self, name: &str) -> bool {
        self.members
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}

/// What a row is made of.
#[derive(Clone, Copy)]
struct Of<'a> {
    hit: &'a Hit<'a>,
    guest: &'a Guest<'a>,
    /// The case and its place, from 0, where the rows are cases.
    case: Option<&'a Case<'a>>,
}

impl Crm {
    /// The rows of `plan`'s table that are `hit`'s.
    pub(super) fn rows<'p>(&self, plan: &'p Plan<'_>, hit: &Hit<'_>) -> Vec<Row<'p>> {
        let person = &hit.person;
        let guest = Guest {
            record: &person.record,
            schema: person.schema,
            key: person.key,
            may_disclose: person.may_disclose,
        };
        let customer = Of {
            hit,
            guest: &guest,
            case: None,
        };
        if plan.table.kind() != Kind::Cases {
            let is_row = plan.limit > 0 && self.holds(plan, customer);
            return is_row.then(|| self.row(plan, customer)).into_iter().collect();
        }
        if plan.is_newest_first() {
            // As they are stored: those behind the last one wanted need not be read.
            let rows = guest.cases().filter_map(|case| {
                let of = Of {
                    case: Some(&case),
                    ..customer
                };
                self.holds(plan, of).then(|| self.row(plan, of))
            });
            return rows.take(plan.limit).collect();
        }
        let cases: Vec<Case<'_>> = guest.cases().collect();
        let mut cases: Vec<Of<'_>> = cases
            .iter()
            .map(|case| Of {
                case: Some(case),
                ..customer
            })
            .filter(|of| self.holds(plan, *of))
            .collect();
        // Stable: what is not told apart stays newest first.
        cases.sort_by(|one, other| self.compare(plan, *one, *other));
        cases.truncate(plan.limit);
        cases.into_iter().map(|of| self.row(plan, of)).collect()
    }

    fn holds(&self, plan: &Plan<'_>, of: Of<'_>) -> bool {
        let Some(filter) = plan.filter else {
            return true;
        };
        filter.holds(&mut |test: &Test<'_>| match plan.seed_of(test) {
            Some(place) => of.hit.by.get(place) == Some(&true),
            None => match plan.table.state(&test.column) {
                Some(state) => test.holds(of.case.map(|case| state_of(case, state.open, state.ended))),
                None => {
                    let slot = plan.table.column(&test.column).map(|(_, slot)| slot);
                    let value = slot.map(|slot| self.json(plan.table, &test.column, slot, of));
                    test.holds(value.as_deref().and_then(text_of).as_deref())
                }
            },
        })
    }

    fn row<'p>(&self, plan: &'p Plan<'_>, of: Of<'_>) -> Row<'p> {
        let id = self.json(plan.table, "", &plan.table.id_slot(), of);
        let members = plan.columns.iter().map(|(name, slot)| {
            let value = match (slot, plan.table.state(name), of.case) {
                (Some(Slot::Ani), ..) if !plan.has_number(name) => b"null".to_vec(),
                (Some(slot), ..) => self.json(plan.table, name, slot, of),
                (None, Some(state), Some(case)) => {
                    state_of(case, state.open, state.ended).as_bytes().to_vec()
                }
                (None, ..) => b"null".to_vec(),
            };
            (&**name, value)
        });
        Row {
            id: text_of(&id).unwrap_or_default().into_owned(),
            version: version(&of.hit.person.record),
            members: members.collect(),
        }
    }

    /// The value of `slot`, which is that of the column `name`, as JSON.
    fn json(&self, table: &Table, name: &str, slot: &Slot, of: Of<'_>) -> Vec<u8> {
        match (slot, of.case) {
            (Slot::Id, _) => self.written(&self.id_of(&of.hit.person, table.names_of(name))),
            (Slot::Case(CaseSlot::Id), Some(case)) => match &*case.text(CaseSlot::Id) {
                "" => b"null".to_vec(),
                own => self.written(&self.form.of(own, Names::Case)),
            },
            (Slot::Case(slot), Some(case)) => case.json(*slot).as_bytes().to_vec(),
            (slot, _) => of.guest.json(slot).into_owned(),
        }
    }

    /// The id of `person` as this system knows it.
    fn id_of(&self, person: &Person<'_>, names: Names) -> String {
        let own = person.record.id();
        if !person.may_disclose {
            let names = match names {
                Names::Account => Names::UndisclosedAccount,
                _ => Names::Undisclosed,
            };
            return self.form.of(own, names);
        }
        match &self.ids {
            IdsFrom::Own => self.form.of(own, names),
            IdsFrom::Attribute(key) => {
                let is_fit = |id: &String| {
                    // Salesforce's ids say in which table they are.
                    self.form != IdForm::Salesforce || id.starts_with("001") == (names == Names::Account)
                };
                attribute_of(&person.record, person.schema, key)
                    .filter(is_fit)
                    .unwrap_or_else(|| {
                        let hash53 = id_hash53(own);
                        self.form.spell(Spelled { hash53, names })
                    })
            }
        }
    }

    /// `id` as JSON: a number where the system's ids are numbers.
    fn written(&self, id: &str) -> Vec<u8> {
        match self.form {
            // JSON has no zeros ahead of a number, and an attribute may hold some.
            IdForm::Integer if self.form.parse(id).is_some() && (id == "0" || !id.starts_with('0')) => {
                id.as_bytes().to_vec()
            }
            _ => {
                let mut out = bytes::BytesMut::new();
                json::string(&mut out, id);
                out.to_vec()
            }
        }
    }

    fn compare(&self, plan: &Plan<'_>, one: Of<'_>, other: Of<'_>) -> Ordering {
        for (slot, direction) in &plan.order {
            let one = self.json(plan.table, "", slot, one);
            let other = self.json(plan.table, "", slot, other);
            let ordering = match (text_of(&one), text_of(&other)) {
                (None, None) => Ordering::Equal,
                // Whichever way: what is not known is last.
                (None, Some(_)) => return Ordering::Greater,
                (Some(_), None) => return Ordering::Less,
                (Some(one), Some(other)) => {
                    let ordering = match (moment(&one), moment(&other)) {
                        (Some(one), Some(other)) => one.cmp(&other),
                        _ => one.to_lowercase().cmp(&other.to_lowercase()),
                    };
                    match direction {
                        Direction::Ascending => ordering,
                        Direction::Descending => ordering.reverse(),
                    }
                }
            };
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        Ordering::Equal
    }
}

/// The text of `record`'s attribute `key`, which is not sensitive; `None` where there is none.
fn attribute_of(record: &Record<'_>, schema: &Schema, key: &str) -> Option<String> {
    let is_told = schema
        .attributes
        .iter()
        .any(|attribute| attribute.key == key && !attribute.sensitive);
    let value = is_told
        .then(|| attributes::value(record, schema, key))
        .flatten()?;
    text_of(value)
        .map(Cow::into_owned)
        .filter(|text| !text.is_empty())
}

/// What `json` says; `None` for null.
fn text_of(json: &[u8]) -> Option<Cow<'_, str>> {
    (json != b"null").then(|| json::text_of(json))
}

fn state_of<'s>(case: &Case<'_>, open: &'s str, ended: &'s str) -> &'s str {
    let status = case.text(CaseSlot::Status);
    let case = document::Case {
        status: (!status.is_empty()).then(|| status.into_owned()),
        ..document::Case::default()
    };
    if case.is_open() { open } else { ended }
}

/// Half of the record's checksum.
fn version(record: &Record<'_>) -> u32 {
    record
        .bytes()
        .get(..4)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}
