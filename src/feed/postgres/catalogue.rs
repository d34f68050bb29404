//! Asking a server for the facts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::str::FromStr;

use pgwire_replication::Lsn;

use super::facts::{
    Column, Facts, Holder, Identity, IdentityBy, Named, Publication, Server, Slot, Table, TableKind, Target,
};
use super::session::Session;
use super::sql::{literal, qualified};
use super::types::{Kinds, Type};
use crate::feed::source::SourceError;

/// The first version that knows lists of columns and filters of rows.
const KNOWS_LISTS: u32 = 150_000;
/// The first that is followed.
pub(super) const OLDEST: u32 = 130_000;

type Found = Vec<Option<String>>;

/// Everything that has to be known of a server ahead of following it.
pub(super) async fn facts(
    session: &Session,
    targets: &[Target],
    publication: &str,
    slot: &str,
) -> Result<Facts, SourceError> {
    let server = server(session).await?;
    let mut tables = Vec::new();
    if server.version >= OLDEST {
        for target in targets {
            tables.push((target.clone(), table(session, target).await?));
        }
    }
    let oids: Vec<u32> = tables
        .iter()
        .filter_map(|(_, table)| Some(table.as_ref()?.oid))
        .collect();
    Ok(Facts {
        publication: read_publication(session, server.version, publication, &oids).await?,
        slot: read_slot(session, slot).await?,
        server,
        tables,
    })
}

async fn server(session: &Session) -> Result<Server, SourceError> {
    let sql = "SELECT current_setting('server_version_num'), pg_is_in_recovery(), current_setting('wal_level'), \
        current_setting('max_replication_slots'), (SELECT count(*) FROM pg_replication_slots), current_user, \
        r.rolsuper OR r.rolreplication OR EXISTS (SELECT FROM pg_roles m WHERE m.rolname = 'rds_replication' AND \
        pg_has_role(m.oid, 'MEMBER')), current_database(), current_setting('synchronous_standby_names'), \
        (SELECT system_identifier FROM pg_control_system()), \
        CASE WHEN pg_is_in_recovery() THEN '00000000' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END, \
        CASE WHEN pg_is_in_recovery() THEN '0/0' ELSE pg_current_wal_flush_lsn() END \
        FROM pg_roles r WHERE r.rolname = current_user";
    let rows = session.rows("asking what server it is", sql).await?;
    let row = rows.into_iter().next().ok_or_else(|| strange("itself"))?;
    Ok(Server {
        version: number(&row, 0)?,
        in_recovery: flag(&row, 1),
        wal_level: text(&row, 2),
        slots_max: number(&row, 3)?,
        slots_used: number(&row, 4)?,
        role: text(&row, 5),
        may_replicate: flag(&row, 6),
        database: text(&row, 7),
        synchronous_standbys: text(&row, 8),
        system: text(&row, 9),
        timeline: u32::from_str_radix(&text(&row, 10), 16).map_err(|_| strange("its timeline"))?,
        end: text(&row, 11).parse().map_err(|_| strange("its log"))?,
    })
}

async fn table(session: &Session, target: &Target) -> Result<Option<Table>, SourceError> {
    let sql = format!(
        "SELECT c.oid, c.relkind, c.relpersistence = 'p', \
         has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), row_security_active(c.oid), \
         (SELECT sum(nullif(greatest(s.reltuples, -1), -1))::bigint FROM pg_class s WHERE s.oid = c.oid OR s.oid IN \
         (SELECT relid FROM pg_partition_tree(c.oid) WHERE isleaf)) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = {} AND c.relname = {}",
        literal(&target.schema),
        literal(&target.name)
    );
    let rows = session.rows("asking for a table", &sql).await?;
    let Some(row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let oid = number(&row, 0)?;
    Ok(Some(Table {
        oid,
        kind: match text(&row, 1).as_str() {
            "r" => TableKind::Plain,
            "p" => TableKind::Partitioned,
            _ => TableKind::Other,
        },
        is_logged: flag(&row, 2),
        may_select: flag(&row, 3),
        hides_rows: flag(&row, 4),
        rows: text(&row, 5).parse().ok(),
        columns: columns(session, oid).await?,
        identities: identities(session, oid).await?,
    }))
}

async fn columns(session: &Session, oid: u32) -> Result<Vec<Column>, SourceError> {
    let sql = format!(
        "SELECT attname, attnum, atttypid, attnotnull, attgenerated <> '' FROM pg_attribute \
         WHERE attrelid = {oid} AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    );
    let rows = session.rows("asking for columns", &sql).await?;
    rows.iter()
        .map(|row| {
            Ok(Column {
                name: text(row, 0),
                number: number(row, 1)?,
                type_oid: number(row, 2)?,
                is_not_null: flag(row, 3),
                is_generated: flag(row, 4),
            })
        })
        .collect()
}

async fn identities(session: &Session, oid: u32) -> Result<Vec<Identity>, SourceError> {
    let sql = format!(
        "SELECT n.nspname, c.relname, c.relreplident, (SELECT json_agg(a.attname) FROM pg_index i JOIN pg_attribute a \
         ON a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]) \
         WHERE i.indrelid = c.oid AND i.indisvalid AND \
         CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.oid = {oid} AND c.relkind <> 'p' OR c.oid IN (SELECT relid FROM pg_partition_tree({oid}) WHERE isleaf \
         AND relid <> {oid}) ORDER BY c.oid"
    );
    let rows = session.rows("asking for replica identities", &sql).await?;
    Ok(rows
        .iter()
        .map(|row| Identity {
            table: qualified(&text(row, 0), &text(row, 1)),
            by: match (text(row, 2).as_str(), names(row, 3)) {
                ("f", _) => IdentityBy::Full,
                (_, Some(columns)) => IdentityBy::Columns(columns),
                _ => IdentityBy::Nothing,
            },
        })
        .collect())
}

async fn read_publication(
    session: &Session,
    version: u32,
    name: &str,
    oids: &[u32],
) -> Result<Option<Publication>, SourceError> {
    let what = "asking for the publication";
    let sql = format!(
        "SELECT oid, xmin, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot FROM pg_publication WHERE pubname = {}",
        literal(name)
    );
    let rows = session.rows(what, &sql).await?;
    let Some(row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let oid: u32 = number(&row, 0)?;
    let sql = format!(
        "SELECT schemaname, tablename FROM pg_publication_tables WHERE pubname = {}",
        literal(name)
    );
    let tables: BTreeSet<(String, String)> = session
        .rows(what, &sql)
        .await?
        .iter()
        .map(|row| (text(row, 0), text(row, 1)))
        .collect();
    let mut schemas = String::new();
    if version >= KNOWS_LISTS {
        let sql = format!(
            "SELECT string_agg(oid::text, ' ' ORDER BY oid) FROM pg_publication_namespace WHERE pnpubid = {oid} \
             AND pnnspid IN (SELECT relnamespace FROM pg_class WHERE oid IN ({}))",
            among(oids)
        );
        let rows = session.rows(what, &sql).await?;
        schemas = rows.first().map(|row| text(row, 0)).unwrap_or_default();
    }
    Ok(Some(Publication {
        version: format!("{oid} {} {schemas}", text(&row, 1)),
        insert: flag(&row, 2),
        update: flag(&row, 3),
        delete: flag(&row, 4),
        truncate: flag(&row, 5),
        via_root: flag(&row, 6),
        tables,
        named: named(session, version, oid, oids).await?,
    }))
}

async fn named(
    session: &Session,
    version: u32,
    publication: u32,
    oids: &[u32],
) -> Result<BTreeMap<u32, Named>, SourceError> {
    let particulars = if version >= KNOWS_LISTS {
        "(SELECT json_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = r.prrelid AND \
         a.attnum = ANY (r.prattrs::int2[])), pg_get_expr(r.prqual, r.prrelid)"
    } else {
        "NULL, NULL"
    };
    let sql = format!(
        "SELECT r.prrelid, r.oid, r.xmin, {particulars}, (SELECT json_agg(a.attname) FROM pg_depend d \
         JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid WHERE \
         d.classid = 'pg_publication_rel'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass AND \
         d.refobjid = r.prrelid AND d.refobjsubid > 0) \
         FROM pg_publication_rel r WHERE r.prpubid = {publication} AND r.prrelid IN ({})",
        among(oids)
    );
    let rows = session.rows("asking for the publication's tables", &sql).await?;
    rows.iter()
        .map(|row| {
            let named = Named {
                version: format!("{} {}", text(row, 1), text(row, 2)),
                columns: names(row, 3),
                filter: row.get(4).cloned().flatten(),
                uses: names(row, 5).unwrap_or_default(),
            };
            Ok((number(row, 0)?, named))
        })
        .collect()
}

async fn read_slot(session: &Session, name: &str) -> Result<Option<Slot>, SourceError> {
    let sql = format!(
        "SELECT s.plugin, s.database, s.active_pid, r.application_name, s.wal_status, s.temporary, \
         s.confirmed_flush_lsn FROM pg_replication_slots s LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid \
         WHERE s.slot_name = {}",
        literal(name)
    );
    let rows = session.rows("asking for the slot", &sql).await?;
    let Some(row) = rows.into_iter().next() else {
        return Ok(None);
    };
    Ok(Some(Slot {
        plugin: text(&row, 0),
        database: text(&row, 1),
        holder: row.get(2).cloned().flatten().map(|pid| Holder {
            pid,
            name: text(&row, 3),
        }),
        is_lost: text(&row, 4) == "lost",
        is_lasting: !flag(&row, 5),
        confirmed: text(&row, 6).parse().ok(),
    }))
}

/// The kinds of all types that are not the same in every database.
pub(super) async fn kinds(session: &Session) -> Result<Kinds, SourceError> {
    let sql = "SELECT oid, CASE WHEN typtype = 'd' THEN typbasetype WHEN typcategory = 'A' THEN typelem ELSE 0 END, \
        typtype = 'd' FROM pg_type WHERE oid >= 16384 OR typcategory = 'A' OR typtype = 'd'";
    let rows = session.rows("asking for types", sql).await?;
    let own = rows.iter().map(|row| {
        let inner = number(row, 1)?;
        let kind = match (inner, flag(row, 2)) {
            (0, _) => Type::Other,
            (base, true) => Type::Domain(base),
            (element, false) => Type::Array(element),
        };
        Ok((number(row, 0)?, kind))
    });
    Ok(Kinds::new(own.collect::<Result<HashMap<_, _>, SourceError>>()?))
}

/// Where the log ends, as far as it is durable.
pub(super) async fn end_of_log(session: &Session) -> Result<Lsn, SourceError> {
    let sql = "SELECT CASE WHEN pg_is_in_recovery() THEN '0/0' ELSE pg_current_wal_flush_lsn() END";
    let rows = session.rows("asking for the end of the log", sql).await?;
    rows.first()
        .and_then(|row| text(row, 0).parse().ok())
        .ok_or_else(|| strange("its log"))
}

fn among(oids: &[u32]) -> String {
    // No object has the id 0: an empty list would be no statement.
    let texts: Vec<String> = [0].iter().chain(oids).map(u32::to_string).collect();
    texts.join(", ")
}

fn text(row: &Found, column: usize) -> String {
    row.get(column).cloned().flatten().unwrap_or_default()
}

fn flag(row: &Found, column: usize) -> bool {
    text(row, column) == "t"
}

fn number<N: FromStr>(row: &Found, column: usize) -> Result<N, SourceError> {
    text(row, column).parse().map_err(|_| strange("a number"))
}

fn names(row: &Found, column: usize) -> Option<BTreeSet<String>> {
    serde_json::from_str(row.get(column)?.as_ref()?).ok()
}

fn strange(what: &str) -> SourceError {
    SourceError::Away(format!(
        "PostgreSQL: expected the catalogue to say {what}, found something else; connect to the server itself"
    ))
}
