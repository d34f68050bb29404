//! Answers questions to a CRM from the customers that are kept here.
//!
//! A question is never run over all customers. It has to name a phone number or an id; who that is, is looked up as every
//! caller is, and the whole filter is then held against whom was found. So a question can find fewer than it would in the
//! CRM, and never somebody else: a part of a number is read as a number, and where several customers come into question
//! nobody is named.

mod ids;
mod plan;
mod rows;
mod search;
mod table;

use prometheus::IntCounterVec;

use super::dialect::Dialect;
use super::lookup::{Request, Source};
use super::query::Query;
use super::refusal::Refusal;
use super::settings::{Speaking, Unspeakable};
use crate::overlay::Superseded;
use crate::telemetry::Lines;

pub(super) use ids::IdForm;
use plan::Plan;
pub(super) use rows::Row;
pub(super) use table::{Kind, State, Table, TableSpec};

/// Another system as a dialect plays it: its tables, and the form of its ids.
#[derive(Debug)]
pub(super) struct Crm {
    dialect: Dialect,
    label: Box<str>,
    form: IdForm,
    ids: IdsFrom,
    tables: Vec<Table>,
    /// Strangers can cause as many of these lines as they like.
    unfiltered: Lines,
}

/// Where the ids of customers come from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum IdsFrom {
    /// Our own ids, or what spells them.
    Own,
    /// An attribute, which holds the other system's own ids.
    Attribute(Box<str>),
}

impl Crm {
    /// A system whose tables are `specs`, with what a configuration says laid over them.
    ///
    /// # Errors
    /// Something that a configuration cannot say.
    pub(super) fn new(
        dialect: Dialect,
        form: IdForm,
        specs: &[TableSpec],
        speaking: &Speaking,
    ) -> Result<Crm, Unspeakable> {
        let ids = match speaking.customer_id.as_str() {
            "" | "auto" => IdsFrom::Own,
            text => match text.strip_prefix("attributes.") {
                Some(key) if !key.is_empty() => IdsFrom::Attribute(key.into()),
                _ => {
                    return Err(Unspeakable {
                        key: "customer_id".to_owned(),
                        expected: "\"auto\" or \"attributes.KEY\"".to_owned(),
                        found: format!("{text:?}"),
                    });
                }
            },
        };
        Ok(Crm {
            dialect,
            label: speaking.label(dialect).into(),
            form,
            ids,
            tables: table::made(specs, &speaking.fields)?,
            unfiltered: Lines::default(),
        })
    }

    /// The table called `name`, in any case.
    pub(super) fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.is_called(name))
    }

    /// Looks up whom `query` asks for, all in one view, and hands their rows to `write`, which is called again, with
    /// another view, where the first one was superseded: it must then begin again. `context` is what is known of the call
    /// besides the number that the query names.
    ///
    /// A table that nobody has has no rows.
    ///
    /// # Errors
    /// The query asks for what is not answered.
    pub(super) fn answer(
        &self,
        source: &Source,
        query: &Query<'_>,
        context: &Request<'_>,
        mut write: impl FnMut(&[Row<'_>]),
    ) -> Result<(), Refusal> {
        let table = self.table(&query.table).ok_or_else(|| Refusal::Unsupported {
            what: format!("only the tables {} are answered", table::names(&self.tables)),
        })?;
        if query.filter.is_none() && table.kind() == Kind::Cases {
            self.note_unfiltered(source.meters.refused());
            write(&[]);
            return Ok(());
        }
        let plan = Plan::new(query, table)?;
        self.search(source, &plan, context, |found| -> Result<(), Superseded> {
            let rows = found.map_or_else(Vec::new, |hit| self.rows(&plan, hit));
            write(&rows);
            Ok(())
        });
        Ok(())
    }

    /// Whoever asks for every case gets none: all of them nobody wants, and those of one customer cannot be meant.
    fn note_unfiltered(&self, refused: &IntCounterVec) {
        refused.with_label_values(&[&*self.label, "unfiltered"]).inc();
        if self.unfiltered.may() {
            tracing::warn!(
                dialect = self.dialect.name(),
                "a query for cases names no customer, and was answered with none; add a filter by the customer's id"
            );
        }
    }
}
