//! Whether a server, its tables, the publication and the slot suit: looked at before anything is made, since a
//! publication that does not suit breaks the application's own writes.

use std::collections::BTreeSet;

use super::catalogue::OLDEST;
use super::facts::{Facts, Identity, IdentityBy, Publication, Server, Slot, Table, TableKind, Target};
use super::settings::Settings;
use super::sql::identifiers;
use super::wanted::{Wanted, found_by};
use crate::feed::mapping::{Entity, Mapping};
use crate::feed::source::SourceError;

/// That everything suits.
///
/// # Errors
/// The first thing that does not: what was expected, what was found, and the statement that mends it.
pub(super) fn check(facts: &Facts, settings: &Settings, mapping: &Mapping) -> Result<(), SourceError> {
    server(&facts.server, facts.slot.is_none(), settings).map_err(SourceError::Unfit)?;
    if facts.tables.is_empty() {
        return unfit("expected a table of customers, found none: name it in the feed's customers.from");
    }
    let mut seen = BTreeSet::new();
    for (target, found) in &facts.tables {
        let name = target.quoted();
        if !seen.insert(name.clone()) {
            return unfit(format!(
                "expected a table for each of customers, cases, interactions and the schema, found {name} twice: give \
                 each its own in the feed's mapping"
            ));
        }
        let Some(table) = found else {
            return unfit(format!(
                "expected a table {name}, found none: correct `from` in the feed's mapping (schema.table, as the \
                 catalogue writes them), or create it"
            ));
        };
        readable(table, target, facts).map_err(SourceError::Unfit)?;
        identity(table, target, mapping).map_err(SourceError::Unfit)?;
    }
    match &facts.publication {
        Some(publication) => {
            publishes(publication, settings, facts).map_err(SourceError::Unfit)?;
            for (target, table) in &facts.tables {
                if let Some(table) = table {
                    published(publication, table, target, settings, mapping).map_err(SourceError::Unfit)?;
                }
            }
        }
        None if settings.create_publication => {}
        None => {
            return unfit(format!(
                "expected a publication {}, found none: run, as the tables' owner,\n  {};\nor set create_publication = \
                 true and let the feed's role own the tables",
                settings.publication,
                create_publication(facts, settings)
            ));
        }
    }
    match &facts.slot {
        Some(found) => slot(found, settings, &facts.server.database).map_err(SourceError::Unfit),
        None => Ok(()),
    }
}

/// The statement that makes the publication.
pub(super) fn create_publication(facts: &Facts, settings: &Settings) -> String {
    let tables: Vec<String> = facts.tables.iter().map(|(target, _)| target.quoted()).collect();
    let root = if facts.tables.iter().any(|(_, table)| {
        table
            .as_ref()
            .is_some_and(|table| table.kind == TableKind::Partitioned)
    }) {
        " WITH (publish_via_partition_root = true)"
    } else {
        ""
    };
    format!(
        "CREATE PUBLICATION {} FOR TABLE {}{root}",
        settings.publication,
        tables.join(", ")
    )
}

fn unfit<T>(why: impl Into<String>) -> Result<T, SourceError> {
    Err(SourceError::Unfit(why.into()))
}

fn server(server: &Server, needs_slot: bool, settings: &Settings) -> Result<(), String> {
    if server.version < OLDEST {
        return Err(format!(
            "expected PostgreSQL 13 or later, found {}.{}: upgrade it, or follow it through Debezium",
            server.version / 10_000,
            server.version % 10_000
        ));
    }
    if server.in_recovery {
        return Err("expected a primary, found a standby: connect to the primary".into());
    }
    if server.wal_level != "logical" {
        return Err(format!(
            "expected wal_level = logical, found {}: run ALTER SYSTEM SET wal_level = 'logical'; and restart the server",
            server.wal_level
        ));
    }
    if !server.may_replicate {
        let role = super::sql::identifier(&server.role);
        return Err(format!(
            "expected a role with REPLICATION, found {role} without: run ALTER ROLE {role} REPLICATION; (on Amazon RDS, \
             GRANT rds_replication TO {role};)"
        ));
    }
    if needs_slot && server.slots_used >= server.slots_max {
        return Err(format!(
            "expected a free replication slot, found {} of {} in use: drop one that nobody uses (SELECT slot_name, active \
             FROM pg_replication_slots;), or run ALTER SYSTEM SET max_replication_slots = {}; and restart the server",
            server.slots_used,
            server.slots_max,
            server.slots_max + 4
        ));
    }
    let ours = application_name(settings);
    let waits_for_us = server
        .synchronous_standbys
        .split(|character: char| !(character.is_alphanumeric() || "_*".contains(character)))
        .any(|name| name == "*" || name.eq_ignore_ascii_case(&ours));
    if waits_for_us {
        return Err(format!(
            "expected synchronous_standby_names to name the standbys, found {:?}, by which every commit of the application \
             would wait for us: run ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (NAME, …)'; and SELECT \
             pg_reload_conf();",
            server.synchronous_standbys
        ));
    }
    Ok(())
}

/// What the server lists the stream as.
pub(super) fn application_name(settings: &Settings) -> String {
    format!("ringside_{}", settings.slot)
}

fn readable(table: &Table, target: &Target, facts: &Facts) -> Result<(), String> {
    let name = target.quoted();
    let role = super::sql::identifier(&facts.server.role);
    if table.kind == TableKind::Other {
        return Err(format!(
            "expected {name} to be a table, found a view or a foreign table, whose changes are in no log: map the tables \
             below it"
        ));
    }
    if !table.is_logged {
        return Err(format!(
            "expected {name} to be logged, found an unlogged or temporary table: run ALTER TABLE {name} SET LOGGED;"
        ));
    }
    if !table.may_select {
        return Err(format!(
            "expected {role} to have SELECT on {name}, found no right: run GRANT USAGE ON SCHEMA {} TO {role}; GRANT \
             SELECT ON {name} TO {role};",
            super::sql::identifier(&target.schema)
        ));
    }
    if table.hides_rows {
        return Err(format!(
            "expected to see all rows of {name}, found policies that hide some from {role}: run ALTER ROLE {role} \
             BYPASSRLS;"
        ));
    }
    Ok(())
}

/// That updates and deletes name their rows, and whose they were.
fn identity(table: &Table, target: &Target, mapping: &Mapping) -> Result<(), String> {
    let name = target.quoted();
    let mut needed: BTreeSet<&str> = BTreeSet::new();
    let paths = [
        ("an id", mapping.id_paths(target.entity)),
        ("a customer's id", mapping.owner_paths(target.entity)),
    ];
    for (what, paths) in paths {
        let columns = found_by(table, paths);
        if columns.is_empty() && !paths.is_empty() {
            return Err(format!(
                "expected {name} to have a column with {what}, found none of {}: correct the feed's mapping",
                paths.join(", ")
            ));
        }
        if let Some(column) = columns.iter().find(|column| column.is_generated) {
            return Err(format!(
                "expected {what} of {name} in a plain column, found {}, which is generated and is not delivered: map \
                 the columns that it is made of",
                column.name
            ));
        }
        needed.extend(columns.iter().map(|column| column.name.as_str()));
    }
    // A schema is read as a whole: which of its rows changed does not matter.
    if target.entity == Entity::Attribute {
        needed.clear();
    }
    if table.identities.is_empty() {
        return Err(format!(
            "expected {name} to have partitions, found none: create one"
        ));
    }
    for Identity { table, by } in &table.identities {
        let mend = format!(
            "run CREATE UNIQUE INDEX CONCURRENTLY ringside_identity ON {table} ({columns}); ALTER TABLE {table} REPLICA \
             IDENTITY USING INDEX ringside_identity; (all of these columns NOT NULL), or ALTER TABLE {table} REPLICA \
             IDENTITY FULL; (more is logged then)",
            columns = identifiers(needed.iter().copied())
        );
        match by {
            IdentityBy::Full => {}
            IdentityBy::Nothing => {
                return Err(format!(
                    "expected {table} to have a primary key or a replica identity, found neither: published like that, \
                     the application's own UPDATE and DELETE fail; add a primary key, or {mend}"
                ));
            }
            IdentityBy::Columns(columns) => {
                let missing: Vec<&str> = needed
                    .iter()
                    .copied()
                    .filter(|column| !columns.contains(*column))
                    .collect();
                if !missing.is_empty() {
                    return Err(format!(
                        "expected the replica identity of {table} to hold {}, without which deletes and moves say \
                         neither what nor whose it was, found ({}): {mend}",
                        missing.join(" and "),
                        columns.iter().cloned().collect::<Vec<_>>().join(", ")
                    ));
                }
            }
        }
    }
    Ok(())
}

/// That the publication says all that happens.
fn publishes(publication: &Publication, settings: &Settings, facts: &Facts) -> Result<(), String> {
    let name = &settings.publication;
    let kinds = [
        ("insert", publication.insert),
        ("update", publication.update),
        ("delete", publication.delete),
        ("truncate", publication.truncate),
    ];
    let missing: Vec<&str> = kinds
        .iter()
        .filter(|(_, is_said)| !is_said)
        .map(|(kind, _)| *kind)
        .collect();
    if !missing.is_empty() {
        return Err(format!(
            "expected publication {name} to publish insert, update, delete and truncate, found no {}: run ALTER \
             PUBLICATION {name} SET (publish = 'insert, update, delete, truncate');",
            missing.join(" and no ")
        ));
    }
    let partitioned = facts.tables.iter().find(|(_, table)| {
        table
            .as_ref()
            .is_some_and(|table| table.kind == TableKind::Partitioned)
    });
    match partitioned {
        Some((target, _)) if !publication.via_root => Err(format!(
            "expected publication {name} to publish the partitioned {} as one table, found it by partitions: run ALTER \
             PUBLICATION {name} SET (publish_via_partition_root = true);",
            target.quoted()
        )),
        _ => Ok(()),
    }
}

/// That `table` is published, with every column that is read, and so that the application can go on writing.
fn published(
    publication: &Publication,
    table: &Table,
    target: &Target,
    settings: &Settings,
    mapping: &Mapping,
) -> Result<(), String> {
    let (name, of) = (&settings.publication, target.quoted());
    let key = (target.schema.clone(), target.name.clone());
    if !publication.tables.contains(&key) {
        return Err(format!(
            "expected publication {name} to publish {of}, found it does not: run ALTER PUBLICATION {name} ADD TABLE {of};"
        ));
    }
    let plainly =
        format!("run ALTER PUBLICATION {name} DROP TABLE {of}; ALTER PUBLICATION {name} ADD TABLE {of};");
    let wanted = Wanted::new(mapping, target.entity);
    let generated = table.columns.iter().find(|column| {
        column.is_generated && matches!(&wanted, Wanted::Named(names) if names.contains(&column.name))
    });
    if let Some(column) = generated {
        return Err(format!(
            "expected the columns of {of} that the mapping names to be delivered, found {}, which is generated: map the \
             columns that it is made of",
            column.name
        ));
    }
    let Some(named) = publication.named.get(&table.oid) else {
        return Ok(());
    };
    let outside = |columns: &BTreeSet<String>, by: &IdentityBy| match by {
        IdentityBy::Columns(identity) => identity.difference(columns).next().cloned(),
        IdentityBy::Full | IdentityBy::Nothing => Some("every column".to_owned()),
    };
    if let Some(list) = &named.columns {
        if named.filter.is_some() {
            return Err(format!(
                "expected {of} to be published with a list of columns or a filter of rows at the most, found both: {plainly}"
            ));
        }
        for Identity { by, .. } in &table.identities {
            if let Some(column) = outside(list, by) {
                return Err(format!(
                    "expected the columns by which {name} publishes {of} to hold its replica identity, found {column} \
                     missing: the application's own UPDATE and DELETE fail like that; {plainly}"
                ));
            }
        }
        let missing = table.columns.iter().find(|column| {
            wanted.takes(&column.name) && !column.is_generated && !list.contains(&column.name)
        });
        if let Some(column) = missing.filter(|_| wanted != Wanted::All) {
            return Err(format!(
                "expected {name} to publish every column of {of} that the mapping names, found {} missing: {plainly}",
                column.name
            ));
        }
    }
    if named.filter.is_some() {
        let filtered = table.identities.iter().find_map(|Identity { by, .. }| match by {
            IdentityBy::Full => None,
            IdentityBy::Columns(identity) => named.uses.difference(identity).next().cloned(),
            IdentityBy::Nothing => named.uses.iter().next().cloned(),
        });
        if let Some(column) = filtered {
            return Err(format!(
                "expected the filter by which {name} publishes {of} to use its replica identity alone, found {column}: \
                 the application's own UPDATE and DELETE fail like that; {plainly}"
            ));
        }
    }
    Ok(())
}

fn slot(slot: &Slot, settings: &Settings, database: &str) -> Result<(), String> {
    let name = &settings.slot;
    let another = format!(
        "give the feed another `slot`, or drop that one where nobody needs it: SELECT pg_drop_replication_slot('{name}');"
    );
    if slot.plugin != "pgoutput" {
        let plugin = if slot.plugin.is_empty() {
            "no plugin"
        } else {
            &slot.plugin
        };
        return Err(format!(
            "expected slot {name} to use pgoutput, found {plugin}: {another}"
        ));
    }
    if slot.database != database {
        return Err(format!(
            "expected slot {name} to be of database {database}, found {}: {another}",
            slot.database
        ));
    }
    if !slot.is_lasting {
        return Err(format!(
            "expected slot {name} to last, found a temporary one: {another}"
        ));
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
