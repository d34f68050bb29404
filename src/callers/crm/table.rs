//! The tables of another system: what they are called, and what their columns hold.

use std::collections::BTreeMap;

use super::ids::Names;
use crate::callers::settings::Unspeakable;
use crate::callers::slot::{CaseSlot, Columns, Slot};

/// What a dialect says of one table.
#[derive(Debug, Clone, Copy)]
pub(in crate::callers) struct TableSpec {
    /// What it is called, in any case; the first is its name.
    pub(in crate::callers) names: &'static [&'static str],
    /// What its rows are.
    pub(in crate::callers) kind: Kind,
    /// Columns and where their values come from, by the words of a configuration; the first one identifies a row. Those of the number are what customers are
    /// looked up by, and those of the id too.
    pub(in crate::callers) columns: &'static [(&'static str, &'static str)],
    /// Other names of columns, for filters.
    pub(in crate::callers) aliases: &'static [(&'static str, &'static str)],
    /// The columns whose ids name a customer as an organisation.
    pub(in crate::callers) accounts: &'static [&'static str],
    /// A column that says whether a case is open.
    pub(in crate::callers) state: Option<State>,
}

/// What the rows of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::callers) enum Kind {
    /// Customers, as people.
    Contacts,
    /// Customers, as organisations.
    Accounts,
    /// Cases.
    Cases,
}

/// A column that says whether a case is open.
#[derive(Debug, Clone, Copy)]
pub(in crate::callers) struct State {
    /// The column.
    pub(in crate::callers) column: &'static str,
    /// Its value of open cases, as JSON.
    pub(in crate::callers) open: &'static str,
    /// Its value of all others, as JSON.
    pub(in crate::callers) ended: &'static str,
}

/// A table, ready for questions.
#[derive(Debug)]
pub(in crate::callers) struct Table {
    spec: TableSpec,
    columns: Columns,
}

/// What a column means to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The number that customers are looked up by.
    Phone,
    /// The customer's id.
    Id,
    /// A value that filters are held against.
    Value,
}

/// Makes the tables, with the columns that a configuration `said` in those that they belong to: where a table has such a
/// column; else those of cases in tables of cases, and all others in those of customers.
///
/// # Errors
/// Something that is no slot.
pub(super) fn made(specs: &[TableSpec], said: &BTreeMap<String, String>) -> Result<Vec<Table>, Unspeakable> {
    let has = |spec: &TableSpec, column: &str| {
        let mut own = spec.columns.iter().map(|(known, _)| *known);
        own.any(|known| known.eq_ignore_ascii_case(column))
    };
    let is_known = |column: &str| specs.iter().any(|spec| has(spec, column));
    specs
        .iter()
        .map(|spec| {
            let is_of_cases = spec.kind == Kind::Cases;
            let here: BTreeMap<String, String> = said
                .iter()
                .filter(|(column, slot)| {
                    has(spec, column) || !is_known(column) && slot.starts_with("case.") == is_of_cases
                })
                .map(|(column, slot)| (column.clone(), slot.clone()))
                .collect();
            Ok(Table {
                spec: *spec,
                columns: Columns::new(spec.columns, &here)?,
            })
        })
        .collect()
}

/// The names of all tables, for people.
pub(super) fn names(tables: &[Table]) -> String {
    let names: Vec<_> = tables.iter().map(Table::name).collect();
    names.join(", ")
}

impl Table {
    /// Its name, as the system writes it.
    pub(in crate::callers) fn name(&self) -> &'static str {
        self.spec.names.first().copied().unwrap_or_default()
    }

    /// The column that identifies a row.
    pub(in crate::callers) fn key(&self) -> &'static str {
        self.spec.columns.first().map_or("", |(name, _)| *name)
    }

    /// What its rows are.
    pub(in crate::callers) fn kind(&self) -> Kind {
        self.spec.kind
    }

    pub(super) fn is_called(&self, name: &str) -> bool {
        self.spec
            .names
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    }

    /// The column `name`, as the system writes it, and what it holds.
    pub(super) fn column(&self, name: &str) -> Option<(&str, &Slot)> {
        self.columns.get(name).or_else(|| {
            let mut aliases = self.spec.aliases.iter();
            let (_, column) = aliases.find(|(alias, _)| alias.eq_ignore_ascii_case(name))?;
            self.columns.get(column)
        })
    }

    /// All columns.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, &Slot)> {
        self.columns.iter()
    }

    /// Whether a question may be about the column `name`.
    pub(in crate::callers) fn knows(&self, name: &str) -> bool {
        self.role(name).is_some()
    }

    /// What the column `name` means to a question; `None` where there is no such column.
    pub(super) fn role(&self, name: &str) -> Option<Role> {
        if self.state(name).is_some() {
            return Some(Role::Value);
        }
        self.column(name).map(|(_, slot)| match slot {
            Slot::Ani | Slot::Phone => Role::Phone,
            Slot::Id => Role::Id,
            _ => Role::Value,
        })
    }

    /// The state that the column `name` tells.
    pub(super) fn state(&self, name: &str) -> Option<State> {
        self.spec
            .state
            .filter(|state| state.column.eq_ignore_ascii_case(name))
    }

    /// The name of the column that tells whether a case is open.
    pub(super) fn state_column(&self) -> Option<State> {
        self.spec.state
    }

    /// What an id in the column `name` names.
    pub(super) fn names_of(&self, name: &str) -> Names {
        let is_account = self.spec.kind == Kind::Accounts
            || self
                .spec
                .accounts
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name));
        if is_account {
            Names::Account
        } else {
            Names::Customer
        }
    }

    /// The slot of what identifies a row.
    pub(super) fn id_slot(&self) -> Slot {
        match self.spec.kind {
            Kind::Contacts | Kind::Accounts => Slot::Id,
            Kind::Cases => Slot::Case(CaseSlot::Id),
        }
    }
}
