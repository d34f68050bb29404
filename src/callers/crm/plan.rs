//! What has to be looked up for a question, and whether that is all that it can be about.

use std::borrow::Cow;

use super::table::{Kind, Role, Table};
use crate::callers::query::{Direction, Filter, Literal, Op, Query, Test};
use crate::callers::refusal::Refusal;
use crate::callers::slot::{CaseSlot, Slot};

/// The most numbers and ids that are looked up for one question.
const MOST_SEEDS: usize = 16;

/// A question that can be answered.
#[derive(Debug)]
pub(super) struct Plan<'q> {
    pub(super) table: &'q Table,
    /// The columns of a row: as they are called in it, and where they come from; `None` where nobody has said.
    pub(super) columns: Vec<(Cow<'q, str>, Option<&'q Slot>)>,
    pub(super) filter: Option<&'q Filter<'q>>,
    /// Everything that is looked up, each once.
    pub(super) seeds: Vec<Seed<'q>>,
    pub(super) order: Vec<(&'q Slot, Direction)>,
    pub(super) limit: usize,
}

/// What is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seed<'q> {
    /// A phone number, as written.
    Number(&'q str),
    /// A customer's id, as written.
    Id(&'q str),
}

impl<'q> Plan<'q> {
    /// What to do for `query`, whose table is `table`.
    ///
    /// # Errors
    /// The query names neither a number nor an id that it is about, tests a column that there is not, or tests one in a way
    /// that is not answered.
    pub(super) fn new(query: &'q Query<'q>, table: &'q Table) -> Result<Plan<'q>, Refusal> {
        let mut seeds = Vec::new();
        let mut collect = |test: &'q Test<'q>| {
            if let Some(seed) = checked(test, table)?
                && !seeds.contains(&seed)
            {
                seeds.push(seed);
            }
            Ok::<(), Refusal>(())
        };
        if let Some(filter) = &query.filter {
            filter.each(&mut collect)?;
        }
        if seeds.len() > MOST_SEEDS {
            return Err(unsupported(format!(
                "more than {MOST_SEEDS} numbers and ids in one query"
            )));
        }
        let is_bounded = query.filter.as_ref().is_some_and(|filter| bounded(filter, table));
        if !is_bounded {
            return Err(unsupported(match table.kind() {
                Kind::Cases => "a query for cases that names no customer's id is not answered".to_owned(),
                Kind::Contacts | Kind::Accounts => {
                    "a query that names no phone number and no id is not answered".to_owned()
                }
            }));
        }
        Ok(Plan {
            table,
            columns: columns(query, table),
            filter: query.filter.as_ref(),
            seeds,
            order: query
                .order
                .iter()
                .filter_map(|(column, direction)| Some((table.column(column)?.1, *direction)))
                .collect(),
            limit: query.limit.unwrap_or(usize::MAX),
        })
    }

    /// Whether cases are wanted in the order in which a customer's are kept.
    pub(super) fn is_newest_first(&self) -> bool {
        matches!(
            *self.order,
            [] | [(Slot::Case(CaseSlot::CreatedAt), Direction::Descending)]
        )
    }

    /// The place among the seeds of what `test` has looked up; `None` where it is held against values.
    pub(super) fn seed_of(&self, test: &Test<'_>) -> Option<usize> {
        let seed = seed(test, self.table.role(&test.column)?)?;
        self.seeds.iter().position(|known| *known == seed)
    }

    /// Whether the column `name` has the number that was found: the first one of the table, and those that were asked by.
    pub(super) fn has_number(&self, name: &str) -> bool {
        let mut phones = self.table.columns().filter(|(_, slot)| matches!(slot, Slot::Ani));
        if phones
            .next()
            .is_some_and(|(first, _)| first.eq_ignore_ascii_case(name))
        {
            return true;
        }
        let mut is_tested = false;
        if let Some(filter) = self.filter {
            let _all: Result<(), ()> = filter.each(&mut |test| {
                is_tested |= test.column.eq_ignore_ascii_case(name);
                Ok(())
            });
        }
        is_tested
    }
}

fn columns<'q>(query: &'q Query<'q>, table: &'q Table) -> Vec<(Cow<'q, str>, Option<&'q Slot>)> {
    if query.columns.is_empty() {
        let own = table
            .columns()
            .map(|(name, slot)| (Cow::Borrowed(name), Some(slot)));
        let state = table
            .state_column()
            .map(|state| (Cow::Borrowed(state.column), None));
        return own.chain(state).collect();
    }
    let mut columns: Vec<(Cow<'q, str>, Option<&'q Slot>)> = Vec::with_capacity(query.columns.len());
    for name in &query.columns {
        let (name, slot) = match (table.column(name), table.state(name)) {
            (Some((name, slot)), _) => (name, Some(slot)),
            (None, Some(state)) => (state.column, None),
            (None, None) => (&**name, None),
        };
        if !columns.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            columns.push((Cow::Borrowed(name), slot));
        }
    }
    columns
}

/// What `test` has looked up, where it can be answered.
fn checked<'q>(test: &'q Test<'q>, table: &Table) -> Result<Option<Seed<'q>>, Refusal> {
    let Some(role) = table.role(&test.column) else {
        return Err(unsupported(format!(
            "a filter by a column that {} does not have here is not answered; map it by fields",
            table.name()
        )));
    };
    match (role, test.op) {
        (Role::Value, _) => Ok(None),
        (_, Op::Equal) => Ok(seed(test, role)),
        (_, Op::NotEqual) if test.value == Literal::Null => Ok(None),
        (Role::Phone, Op::Contains | Op::StartsWith | Op::EndsWith) if test.value != Literal::Null => {
            Ok(seed(test, role))
        }
        _ => Err(unsupported(
            "phone numbers and ids are compared with one that they are alone".to_owned(),
        )),
    }
}

fn seed<'q>(test: &'q Test<'_>, role: Role) -> Option<Seed<'q>> {
    let (Literal::Text(text) | Literal::Word(text)) = &test.value else {
        return None;
    };
    match role {
        Role::Phone => Some(Seed::Number(text)),
        Role::Id => Some(Seed::Id(text)),
        Role::Value => None,
    }
}

/// Whether everybody whom `filter` may hold for is among those that are looked up.
fn bounded(filter: &Filter<'_>, table: &Table) -> bool {
    match filter {
        Filter::All(filters) => filters.iter().any(|filter| bounded(filter, table)),
        Filter::Any(filters) => filters.iter().all(|filter| bounded(filter, table)),
        Filter::Test(test) => {
            let looked_up = table.role(&test.column).and_then(|role| seed(test, role));
            looked_up.is_some()
        }
    }
}

fn unsupported(what: String) -> Refusal {
    Refusal::Unsupported { what }
}
