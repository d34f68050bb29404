//! Salesforce (REST API, `query`), as flows and connectors ask it for contacts, accounts and cases:
//! `/services/data/v52.0/query?q=SELECT+Id,Name+FROM+Contact+WHERE+…`, in any version.

mod soql;

use bytes::BytesMut;

use super::call::{Call, Reply};
use super::crm::{Crm, IdForm, Kind, Row, State, TableSpec};
use super::dialect::Dialect;
use super::json;
use super::lookup::Source;
use super::parameters::{Form, Parameters, decoded};
use super::refusal::Refusal;
use super::settings::{Speaking, Unspeakable};
use super::speaker::Speaker;

const PATHS: &str = "/services/data/v52.0/query?q=";
const CONTENT_TYPE: &str = "application/json;charset=UTF-8";

const TABLES: [TableSpec; 3] = [
    TableSpec {
        names: &["Contact"],
        kind: Kind::Contacts,
        columns: &[
            ("Id", "id"),
            ("Name", "name"),
            ("FirstName", "first_name"),
            ("LastName", "last_name"),
            ("AccountId", "id"),
            ("Account.Name", "company"),
            ("Phone", "ani"),
            ("MobilePhone", "ani"),
            ("HomePhone", "ani"),
            ("OtherPhone", "ani"),
            ("AssistantPhone", "ani"),
            ("CreatedDate", "created_at"),
            ("LastModifiedDate", "updated_at"),
        ],
        aliases: &[("Account.Id", "AccountId")],
        accounts: &["AccountId"],
        state: None,
    },
    TableSpec {
        names: &["Account"],
        kind: Kind::Accounts,
        columns: &[
            ("Id", "id"),
            ("Name", "name"),
            ("Phone", "ani"),
            ("PersonMobilePhone", "ani"),
            ("PersonHomePhone", "ani"),
            ("PersonOtherPhone", "ani"),
            ("CreatedDate", "created_at"),
            ("LastModifiedDate", "updated_at"),
        ],
        aliases: &[],
        accounts: &[],
        state: None,
    },
    TableSpec {
        names: &["Case"],
        kind: Kind::Cases,
        columns: &[
            ("Id", "case.id"),
            ("CaseNumber", "case.number"),
            ("ContactId", "id"),
            ("AccountId", "id"),
            ("Contact.Name", "name"),
            ("Contact.Phone", "ani"),
            ("Contact.MobilePhone", "ani"),
            ("Account.Name", "company"),
            ("Subject", "case.title"),
            ("Status", "case.status"),
            ("Priority", "case.priority"),
            ("Description", ""),
            ("CreatedDate", "case.created_at"),
        ],
        aliases: &[("Contact.Id", "ContactId"), ("Account.Id", "AccountId")],
        accounts: &["AccountId", "Account.Id"],
        state: Some(State {
            column: "IsClosed",
            open: "false",
            ended: "true",
        }),
    },
];

/// The dialect of Salesforce.
#[derive(Debug)]
pub(super) struct Salesforce {
    crm: Crm,
}

impl Salesforce {
    pub(super) fn new(speaking: &Speaking) -> Result<Salesforce, Unspeakable> {
        Ok(Salesforce {
            crm: Crm::new(Dialect::Salesforce, IdForm::Salesforce, &TABLES, speaking)?,
        })
    }
}

impl Speaker for Salesforce {
    fn reads_body(&self, _: &Call<'_>) -> bool {
        false
    }

    fn answer(&self, source: &Source, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refusal> {
        if !call.is_get() {
            return Err(Refusal::Method { allow: "GET, HEAD" });
        }
        let version = version_of(call.trimmed_path()).ok_or(Refusal::NoSuchPath { known: PATHS })?;
        let text = Form(call.query).get("q").map(decoded).ok_or(Refusal::Syntax {
            expected: "a query in the parameter q",
            found: "none".to_owned(),
        })?;
        let query = soql::parse(&text)?;
        let name = self.crm.table(&query.table).map_or("", |table| table.name());
        let parameters = Parameters::of(None, call.query);
        let context = parameters.context(call);
        self.crm.answer(source, &query, &context, |rows| {
            out.clear();
            out.extend_from_slice(b"{\"totalSize\":");
            json::integer(out, rows.len() as u64);
            out.extend_from_slice(b",\"done\":true,\"records\":[");
            for (place, row) in rows.iter().enumerate() {
                if place > 0 {
                    out.extend_from_slice(b",");
                }
                write(row, name, version, out);
            }
            out.extend_from_slice(b"]}");
        })?;
        Ok(reply(200))
    }

    fn refuse(&self, _: &Call<'_>, refusal: &Refusal, out: &mut BytesMut) -> Reply {
        out.extend_from_slice(b"[{\"message\":");
        json::string(out, &refusal.to_string());
        out.extend_from_slice(b",\"errorCode\":");
        json::string(out, code(refusal));
        out.extend_from_slice(b"}]");
        reply(refusal.status())
    }
}

/// The version in `/services/data/v52.0/query`, with its letter; `None` for any other path.
fn version_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/services/data/")?;
    let (version, resource) = rest.split_once('/')?;
    let digits = version.strip_prefix('v')?;
    let is_version = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_query = matches!(resource.trim_end_matches('/'), "query" | "queryAll");
    (is_version && is_query).then_some(version)
}

/// Salesforce's own words for errors.
fn code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Unsupported { .. } => "FUNCTIONALITY_NOT_ENABLED",
        Refusal::NoSuchPath { .. } | Refusal::NoSuchCustomer => "NOT_FOUND",
        Refusal::Method { .. } => "METHOD_NOT_ALLOWED",
        Refusal::Denied { status: 401, .. } => "INVALID_SESSION_ID",
        Refusal::Denied { .. } => "INSUFFICIENT_ACCESS",
        Refusal::Overload | Refusal::Off => "SERVER_UNAVAILABLE",
        Refusal::Internal => "UNKNOWN_EXCEPTION",
        _ => "MALFORMED_QUERY",
    }
}

/// Writes `row` of `table`; `Contact.Name` is the member `Name` of the member `Contact`.
fn write(row: &Row<'_>, table: &str, version: &str, out: &mut BytesMut) {
    out.extend_from_slice(b"{\"attributes\":{\"type\":");
    json::string(out, table);
    out.extend_from_slice(b",\"url\":");
    json::displayed(
        out,
        format_args!("/services/data/{version}/sobjects/{table}/{}", row.id()),
    );
    out.extend_from_slice(b"}");
    let mut parents: Vec<&str> = Vec::new();
    for (name, value) in row.members() {
        let Some((parent, _)) = name.split_once('.') else {
            write_member(name, value, out);
            continue;
        };
        if parents.contains(&parent) {
            continue;
        }
        parents.push(parent);
        out.extend_from_slice(b",");
        json::string(out, parent);
        out.extend_from_slice(b":{\"attributes\":{\"type\":");
        json::string(out, parent);
        out.extend_from_slice(b"}");
        for (name, value) in row.members() {
            if let Some((other, child)) = name.split_once('.')
                && other == parent
            {
                write_member(child, value, out);
            }
        }
        out.extend_from_slice(b"}");
    }
    out.extend_from_slice(b"}");
}

fn write_member(name: &str, value: &[u8], out: &mut BytesMut) {
    out.extend_from_slice(b",");
    json::string(out, name);
    out.extend_from_slice(b":");
    out.extend_from_slice(value);
}

fn reply(status: u16) -> Reply {
    Reply {
        content_type: CONTENT_TYPE,
        ..Reply::json(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_version_is_answered() {
        for (path, version) in [
            ("/services/data/v52.0/query", Some("v52.0")),
            ("/services/data/v61.0/query/", Some("v61.0")),
            ("/services/data/v9/queryAll", Some("v9")),
            ("/services/data/v52.0/sobjects", None),
            ("/services/data/52.0/query", None),
            ("/services/data/query", None),
            ("/services/data/v52.0/query/01g", None),
        ] {
            assert_eq!(version_of(path), version, "{path}");
        }
    }
}
