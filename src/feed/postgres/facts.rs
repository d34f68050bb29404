//! What a server says of itself, of the followed tables, of the publication and of the slot.

use std::collections::{BTreeMap, BTreeSet};

use pgwire_replication::Lsn;

use crate::feed::mapping::Entity;

/// All of it, as of one moment or nearly so.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) server: Server,
    /// The followed tables; `None` where one does not exist.
    pub(super) tables: Vec<(Target, Option<Table>)>,
    pub(super) publication: Option<Publication>,
    pub(super) slot: Option<Slot>,
}

#[derive(Debug, Clone)]
pub(super) struct Server {
    /// As 150004.
    pub(super) version: u32,
    pub(super) in_recovery: bool,
    pub(super) wal_level: String,
    pub(super) slots_max: u32,
    pub(super) slots_used: u32,
    pub(super) role: String,
    /// Whether the role may replicate.
    pub(super) may_replicate: bool,
    pub(super) database: String,
    pub(super) synchronous_standbys: String,
    pub(super) system: String,
    pub(super) timeline: u32,
    /// Where the log ends, as far as it is durable there.
    pub(super) end: Lsn,
}

/// A table that the mapping names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) entity: Entity,
    pub(super) schema: String,
    pub(super) name: String,
}

#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) oid: u32,
    pub(super) kind: TableKind,
    /// Whether its changes are in the log at all.
    pub(super) is_logged: bool,
    pub(super) may_select: bool,
    /// Whether policies hide rows from us.
    pub(super) hides_rows: bool,
    /// About how many rows; `None` where nobody has counted.
    pub(super) rows: Option<u64>,
    pub(super) columns: Vec<Column>,
    /// Of itself, or of each of its partitions that hold rows.
    pub(super) identities: Vec<Identity>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TableKind {
    Plain,
    Partitioned,
    /// A view, a foreign table or another thing that has no log.
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) number: i32,
    pub(super) type_oid: u32,
    pub(super) is_not_null: bool,
    pub(super) is_generated: bool,
}

/// Which columns an update or delete names its row by.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    /// The table or partition, to be put into statements.
    pub(super) table: String,
    pub(super) by: IdentityBy,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum IdentityBy {
    Nothing,
    Full,
    /// A key or an index of these columns.
    Columns(BTreeSet<String>),
}

#[derive(Debug, Clone)]
pub(super) struct Publication {
    /// Another one whenever it was altered.
    pub(super) version: String,
    pub(super) insert: bool,
    pub(super) update: bool,
    pub(super) delete: bool,
    pub(super) truncate: bool,
    pub(super) via_root: bool,
    /// Published tables, by schema and name.
    pub(super) tables: BTreeSet<(String, String)>,
    /// What is particular to tables that it names, by their object ids.
    pub(super) named: BTreeMap<u32, Named>,
}

/// How a publication names a table.
#[derive(Debug, Clone, Default)]
pub(super) struct Named {
    /// Another one whenever it was altered.
    pub(super) version: String,
    /// Its list of columns.
    pub(super) columns: Option<BTreeSet<String>>,
    /// Its filter of rows.
    pub(super) filter: Option<String>,
    /// Columns that list and filter use.
    pub(super) uses: BTreeSet<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) plugin: String,
    pub(super) database: String,
    /// Who holds it.
    pub(super) holder: Option<Holder>,
    pub(super) is_lost: bool,
    /// Whether it is one that a server keeps.
    pub(super) is_lasting: bool,
    /// What was confirmed: nothing ahead of it can be had again.
    pub(super) confirmed: Option<Lsn>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) pid: String,
    /// What it calls itself, where we may know.
    pub(super) name: String,
}

impl Publication {
    /// The columns of `table` that arrive, in its order.
    pub(super) fn delivers<'a>(&'a self, table: &'a Table) -> impl Iterator<Item = &'a Column> {
        let list = self
            .named
            .get(&table.oid)
            .and_then(|named| named.columns.as_ref());
        table
            .columns
            .iter()
            .filter(move |column| !column.is_generated && list.is_none_or(|list| list.contains(&column.name)))
    }
}

impl Target {
    /// Of the table that `from` of the mapping names: `public` where it says no schema.
    pub(super) fn new(entity: Entity, from: &str) -> Target {
        let (schema, name) = from.split_once('.').unwrap_or(("public", from));
        Target {
            entity,
            schema: schema.to_owned(),
            name: name.to_owned(),
        }
    }

    /// To be put into statements.
    pub(super) fn quoted(&self) -> String {
        super::sql::qualified(&self.schema, &self.name)
    }
}
