//! Microsoft Dynamics 365 (Dataverse Web API), as flows and connectors ask it for contacts and cases:
//! `/api/data/v9.2/contacts?$select=…&$filter=…` and `incidents`, in any version, and one row as `contacts(GUID)`.

mod odata;

use bytes::BytesMut;

use super::call::{Call, Reply};
use super::crm::{Crm, IdForm, Kind, Row, State, TableSpec};
use super::dialect::Dialect;
use super::json;
use super::lookup::Source;
use super::parameters::{Parameters, decoded};
use super::query::{Filter, Literal, Op, Query};
use super::refusal::Refusal;
use super::settings::{Speaking, Unspeakable};
use super::speaker::Speaker;
use odata::Options;

const PATHS: &str = "/api/data/v9.2/contacts, accounts and incidents";
const CONTENT_TYPE: &str = "application/json; odata.metadata=minimal";
const HEADERS: &[(&str, &str)] = &[("odata-version", "4.0")];
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

const TABLES: [TableSpec; 3] = [
    TableSpec {
        names: &["contacts", "contact"],
        kind: Kind::Contacts,
        columns: &[
            ("contactid", "id"),
            ("fullname", "name"),
            ("firstname", "first_name"),
            ("lastname", "last_name"),
            ("telephone1", "ani"),
            ("mobilephone", "ani"),
            ("telephone2", "ani"),
            ("telephone3", "ani"),
            ("business2", "ani"),
            ("home2", "ani"),
            ("address1_telephone1", "ani"),
            ("createdon", "created_at"),
            ("modifiedon", "updated_at"),
            ("statecode", "0"),
        ],
        aliases: &[],
        accounts: &[],
        state: None,
    },
    TableSpec {
        names: &["accounts", "account"],
        kind: Kind::Accounts,
        columns: &[
            ("accountid", "id"),
            ("name", "name"),
            ("telephone1", "ani"),
            ("telephone2", "ani"),
            ("telephone3", "ani"),
            ("address1_telephone1", "ani"),
            ("createdon", "created_at"),
            ("modifiedon", "updated_at"),
            ("statecode", "0"),
        ],
        aliases: &[],
        accounts: &[],
        state: None,
    },
    TableSpec {
        names: &["incidents", "incident"],
        kind: Kind::Cases,
        columns: &[
            ("incidentid", "case.id"),
            ("title", "case.title"),
            ("ticketnumber", "case.number"),
            ("_customerid_value", "id"),
            ("_primarycontactid_value", "id"),
            ("createdon", "case.created_at"),
        ],
        aliases: &[
            ("customerid", "_customerid_value"),
            ("customerid_contact/contactid", "_customerid_value"),
            ("customerid_account/accountid", "_customerid_value"),
            ("primarycontactid/contactid", "_customerid_value"),
        ],
        accounts: &[],
        state: Some(State {
            column: "statecode",
            open: "0",
            ended: "1",
        }),
    },
];

/// The dialect of Dynamics.
#[derive(Debug)]
pub(super) struct Dynamics {
    crm: Crm,
}

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place<'a> {
    version: &'a str,
    table: &'a str,
    /// The row, as `contacts(GUID)` names it.
    id: Option<&'a str>,
}

impl Dynamics {
    pub(super) fn new(speaking: &Speaking) -> Result<Dynamics, Unspeakable> {
        Ok(Dynamics {
            crm: Crm::new(Dialect::Dynamics, IdForm::Guid, &TABLES, speaking)?,
        })
    }
}

impl Speaker for Dynamics {
    fn reads_body(&self, _: &Call<'_>) -> bool {
        false
    }

    fn answer(&self, source: &Source, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refusal> {
        if !call.is_get() {
            return Err(Refusal::Method { allow: "GET, HEAD" });
        }
        let path = decoded_path(call.trimmed_path());
        let place = Place::of(&path).ok_or(Refusal::NoSuchPath { known: PATHS })?;
        if place.table == "WhoAmI" {
            write_nobody(call, &place, out);
            return Ok(reply(200));
        }
        let table = self
            .crm
            .table(place.table)
            .ok_or(Refusal::NoSuchPath { known: PATHS })?;
        let name = table.name();
        let key = table.key();
        let options = Options::of(call.query, decoded);
        let mut query = options.query(name)?;
        if let Some(id) = place.id {
            query.filter = Some(Filter::test(key, Op::Equal, Literal::Word(id.into())));
        }
        let parameters = Parameters::of(None, call.query);
        let context = parameters.context(call);
        let mut is_found = false;
        self.crm.answer(source, &query, &context, |rows| {
            out.clear();
            is_found = !rows.is_empty();
            write_context(call, place.version, name, &query, place.id.is_some(), out);
            match (place.id, rows.first()) {
                (Some(_), Some(row)) => {
                    out.extend_from_slice(b",");
                    write_members(row, key, out);
                    out.extend_from_slice(b"}");
                }
                (Some(_), None) => {}
                (None, _) => write_list(rows, key, options.counts(), out),
            }
        })?;
        if place.id.is_some() && !is_found {
            return Err(Refusal::NoSuchCustomer);
        }
        Ok(reply(200))
    }

    fn refuse(&self, _: &Call<'_>, refusal: &Refusal, out: &mut BytesMut) -> Reply {
        out.extend_from_slice(b"{\"error\":{\"code\":");
        json::string(out, code(refusal));
        out.extend_from_slice(b",\"message\":");
        json::string(out, &refusal.to_string());
        out.extend_from_slice(b"}}");
        reply(refusal.status())
    }
}

impl<'a> Place<'a> {
    /// Takes `/api/data/v9.2/contacts(…)` apart; `None` for any other path.
    fn of(path: &'a str) -> Option<Place<'a>> {
        let rest = path.strip_prefix("/api/data/")?;
        let (version, rest) = rest.split_once('/')?;
        let digits = version.strip_prefix('v').or_else(|| version.strip_prefix('V'))?;
        let is_version = digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let rest = rest.trim_end_matches('/');
        if !is_version || rest.contains('/') {
            return None;
        }
        let rest = rest.strip_suffix("()").unwrap_or(rest);
        let (table, id) = match rest.strip_suffix(')') {
            Some(rest) => {
                let (table, id) = rest.split_once('(')?;
                let id = id.split_once('=').map_or(id, |(_, id)| id);
                (table, Some(id.trim().trim_matches('\'')))
            }
            None => (rest, None),
        };
        Some(Place { version, table, id })
    }
}

/// The path without `%XX`: parentheses are often encoded.
fn decoded_path(path: &str) -> std::borrow::Cow<'_, str> {
    percent_encoding::percent_decode_str(path).decode_utf8_lossy()
}

/// Dynamics' own numbers of errors, as far as they are known.
fn code(refusal: &Refusal) -> &'static str {
    match refusal {
        // ObjectDoesNotExist.
        Refusal::NoSuchCustomer => "0x80040217",
        // ODataUnrecognizedPathException: what Dynamics says of any path or query that it cannot read.
        Refusal::NoSuchPath { .. } => "0x8006088a",
        Refusal::Denied { .. } => "0x80040220",
        // The limit on requests of its service protection.
        Refusal::Overload => "0x80072322",
        Refusal::Internal | Refusal::Off => "0x80040216",
        _ => "0x80060888",
    }
}

/// Writes `{"@odata.context":"…"`, which begins every answer.
fn write_context(
    call: &Call<'_>,
    version: &str,
    table: &str,
    query: &Query<'_>,
    is_one: bool,
    out: &mut BytesMut,
) {
    let scheme = if call.is_secure { "https" } else { "http" };
    let host = call.host.unwrap_or("localhost");
    let columns = match &*query.columns.join(",") {
        "" => String::new(),
        columns => format!("({columns})"),
    };
    let entity = if is_one { "/$entity" } else { "" };
    out.extend_from_slice(b"{\"@odata.context\":");
    json::displayed(
        out,
        format_args!("{scheme}://{host}/api/data/{version}/$metadata#{table}{columns}{entity}"),
    );
}

fn write_list(rows: &[Row<'_>], key: &str, counts: bool, out: &mut BytesMut) {
    if counts {
        out.extend_from_slice(b",\"@odata.count\":");
        json::integer(out, rows.len() as u64);
    }
    out.extend_from_slice(b",\"value\":[");
    for (place, row) in rows.iter().enumerate() {
        if place > 0 {
            out.extend_from_slice(b",");
        }
        out.extend_from_slice(b"{");
        write_members(row, key, out);
        out.extend_from_slice(b"}");
    }
    out.extend_from_slice(b"]}");
}

/// Writes the members of `row`, among which its key is also where nobody asked for it.
fn write_members(row: &Row<'_>, key: &str, out: &mut BytesMut) {
    out.extend_from_slice(b"\"@odata.etag\":");
    json::displayed(out, format_args!("W/\"{}\"", row.version()));
    for (name, value) in row.members() {
        out.extend_from_slice(b",");
        json::string(out, name);
        out.extend_from_slice(b":");
        out.extend_from_slice(value);
    }
    if !row.has(key) {
        out.extend_from_slice(b",");
        json::string(out, key);
        out.extend_from_slice(b":");
        json::string(out, row.id());
    }
}

/// Who asks: nobody that Dynamics would know. Connectors try their connection so.
fn write_nobody(call: &Call<'_>, place: &Place<'_>, out: &mut BytesMut) {
    let scheme = if call.is_secure { "https" } else { "http" };
    let host = call.host.unwrap_or("localhost");
    out.extend_from_slice(b"{\"@odata.context\":");
    json::displayed(
        out,
        format_args!(
            "{scheme}://{host}/api/data/{}/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse",
            place.version
        ),
    );
    for name in ["BusinessUnitId", "UserId", "OrganizationId"] {
        out.extend_from_slice(b",");
        json::string(out, name);
        out.extend_from_slice(b":");
        json::string(out, NOBODY);
    }
    out.extend_from_slice(b"}");
}

fn reply(status: u16) -> Reply {
    Reply {
        content_type: CONTENT_TYPE,
        headers: HEADERS,
        ..Reply::json(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let place = |version, table, id| Some(Place { version, table, id });
        for (path, expected) in [
            ("/api/data/v9.2/contacts", place("v9.2", "contacts", None)),
            ("/api/data/v9.0/contacts/", place("v9.0", "contacts", None)),
            ("/api/data/v8/incidents()", place("v8", "incidents", None)),
            (
                "/api/data/v9.2/contacts(0a-b)",
                place("v9.2", "contacts", Some("0a-b")),
            ),
            (
                "/api/data/v9.2/contacts(contactid='0a')",
                place("v9.2", "contacts", Some("0a")),
            ),
            ("/api/data/v9.2/", place("v9.2", "", None)),
            ("/api/data/v9.2", None),
            ("/api/data/9.2/contacts", None),
            ("/api/data/vx/contacts", None),
            ("/api/data/v9.2/contacts(0a)/fullname", None),
            ("/api/data/v9.2/contacts)", None),
        ] {
            assert_eq!(Place::of(path), expected, "{path}");
        }
    }
}
