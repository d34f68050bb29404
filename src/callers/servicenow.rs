//! ServiceNow's table API: users and contacts by their number, incidents and cases by whose they are.

mod question;
mod values;

use std::borrow::Cow;

use bytes::BytesMut;
use percent_encoding::percent_decode_str;

use super::call::{Call, Reply};
use super::crm::{Crm, IdForm, Kind, Row, State, TableSpec};
use super::dialect::Dialect;
use super::json;
use super::lookup::Source;
use super::parameters::Parameters;
use super::query::{Filter, Literal, Op};
use super::refusal::Refusal;
use super::settings::{Speaking, Unspeakable};
use super::speaker::Speaker;
use question::{Question, Values};
use values::{Base, States};

/// Where the table API is, in the ways in which its version is written.
const PREFIXES: [&str; 3] = ["/api/now/table/", "/api/now/v1/table/", "/api/now/v2/table/"];
const KNOWN: &str = "/api/now/table/TABLE and /api/now/table/TABLE/SYS_ID";

/// What tells whether somebody still has to act on an incident.
const ACTIVE: State = State {
    column: "active",
    open: "true",
    ended: "false",
};

const TABLES: [TableSpec; 5] = [
    TableSpec {
        names: &["sys_user"],
        kind: Kind::Contacts,
        columns: &[
            ("sys_id", "id"),
            ("name", "name"),
            ("first_name", "first_name"),
            ("last_name", "last_name"),
            ("phone", "ani"),
            ("mobile_phone", "ani"),
            ("home_phone", "ani"),
            ("email", "attributes.email"),
            ("user_name", "own_id"),
            ("active", "true"),
            ("company.name", "company"),
            ("sys_created_on", "created_at"),
            ("sys_updated_on", "updated_at"),
        ],
        aliases: &[],
        accounts: &[],
        state: None,
    },
    TableSpec {
        names: &["customer_contact", "csm_consumer"],
        kind: Kind::Contacts,
        columns: &[
            ("sys_id", "id"),
            ("name", "name"),
            ("first_name", "first_name"),
            ("last_name", "last_name"),
            ("phone", "ani"),
            ("mobile_phone", "ani"),
            ("home_phone", "ani"),
            ("business_phone", "ani"),
            ("email", "attributes.email"),
            ("user_name", "own_id"),
            ("active", "true"),
            ("account", "id"),
            ("account.name", "company"),
            ("sys_created_on", "created_at"),
            ("sys_updated_on", "updated_at"),
        ],
        aliases: &[],
        accounts: &["account"],
        state: None,
    },
    TableSpec {
        names: &["customer_account", "core_company"],
        kind: Kind::Accounts,
        columns: &[
            ("sys_id", "id"),
            ("name", "name"),
            ("number", "own_id"),
            ("phone", "ani"),
            ("sys_created_on", "created_at"),
            ("sys_updated_on", "updated_at"),
        ],
        aliases: &[],
        accounts: &["sys_id"],
        state: None,
    },
    TableSpec {
        names: &["incident"],
        kind: Kind::Cases,
        columns: &[
            ("sys_id", "case.id"),
            ("number", "case.number"),
            ("short_description", "case.title"),
            ("state", "case.status"),
            ("incident_state", "case.status"),
            ("priority", "case.priority"),
            ("caller_id", "id"),
            ("caller_id.name", "name"),
            ("caller_id.phone", "ani"),
            ("caller_id.mobile_phone", "ani"),
            ("opened_at", "case.created_at"),
            ("sys_created_on", "case.created_at"),
        ],
        aliases: &[],
        accounts: &[],
        state: Some(ACTIVE),
    },
    TableSpec {
        names: &["sn_customerservice_case"],
        kind: Kind::Cases,
        columns: &[
            ("sys_id", "case.id"),
            ("number", "case.number"),
            ("short_description", "case.title"),
            ("state", "case.status"),
            ("priority", "case.priority"),
            ("contact", "id"),
            ("contact.name", "name"),
            ("contact.phone", "ani"),
            ("contact.mobile_phone", "ani"),
            ("consumer", "id"),
            ("consumer.name", "name"),
            ("account", "id"),
            ("account.name", "company"),
            ("opened_at", "case.created_at"),
            ("sys_created_on", "case.created_at"),
        ],
        aliases: &[],
        accounts: &["account"],
        state: Some(ACTIVE),
    },
];

/// ServiceNow, as it is asked.
#[derive(Debug)]
pub(super) struct Servicenow {
    crm: Crm,
}

impl Servicenow {
    pub(super) fn new(speaking: &Speaking) -> Result<Servicenow, Unspeakable> {
        let crm = Crm::new(Dialect::Servicenow, IdForm::SysId, &TABLES, speaking)?;
        Ok(Servicenow { crm })
    }
}

impl Speaker for Servicenow {
    fn reads_body(&self, _: &Call<'_>) -> bool {
        false
    }

    fn answer(&self, source: &Source, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refusal> {
        let path = call.trimmed_path();
        let rest = PREFIXES.into_iter().find_map(|prefix| path.strip_prefix(prefix));
        let rest = rest.ok_or(Refusal::NoSuchPath { known: KNOWN })?;
        if !call.is_get() {
            return Err(Refusal::Method { allow: "GET, HEAD" });
        }
        let mut segments = rest
            .trim_end_matches('/')
            .split('/')
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy());
        let name = segments.next().unwrap_or_default();
        let sys_id = segments.next();
        if segments.next().is_some() {
            return Err(Refusal::NoSuchPath { known: KNOWN });
        }
        let known = self.crm.table(&name);
        let table = known.map_or(name.clone(), |table| Cow::Borrowed(table.name()));
        let knows = |column: &str| known.is_some_and(|table| table.knows(column));
        let mut question = Question::read(table, call.query, knows)?;
        let states = States::of(&question.query.table);
        if let Some(filter) = question.query.filter.take() {
            question.query.filter = Some(states.told(filter));
        }
        if let Some(id) = &sys_id {
            let test = Filter::test("sys_id", Op::Equal, Literal::Text(id.clone()));
            question.query.filter = Some(test);
        }
        let base = Base::of(call);
        let asked = question.ask_names();
        // Left out here, so that the engine gives enough of them.
        let limit = question.query.limit.take();
        let parameters = Parameters::of(None, call.query);
        let context = parameters.context(call);
        let mut is_found = false;
        self.crm.answer(source, &question.query, &context, |rows| {
            out.clear();
            let rows = rows
                .iter()
                .skip(question.offset)
                .take(limit.unwrap_or(usize::MAX));
            let mut rows = rows.peekable();
            is_found = rows.peek().is_some();
            let write = |out: &mut BytesMut, row: &Row<'_>| {
                values::write_row(row, &question, &asked, &states, &base, out);
            };
            out.extend_from_slice(b"{\"result\":");
            if sys_id.is_some() {
                match rows.next() {
                    Some(row) => write(out, row),
                    None => out.extend_from_slice(b"null"),
                }
            } else {
                out.extend_from_slice(b"[");
                for (nth, row) in rows.enumerate() {
                    if nth > 0 {
                        out.extend_from_slice(b",");
                    }
                    write(out, row);
                }
                out.extend_from_slice(b"]");
            }
            out.extend_from_slice(b"}");
        })?;
        if sys_id.is_some() && !is_found {
            return Err(Refusal::NoSuchCustomer);
        }
        Ok(Reply::json(200))
    }

    fn refuse(&self, _: &Call<'_>, refusal: &Refusal, out: &mut BytesMut) -> Reply {
        let text = refusal.to_string();
        // Clients compare the words of these two.
        let (message, detail) = match refusal {
            Refusal::Denied { status: 401, .. } => ("User Not Authenticated", text.as_str()),
            Refusal::NoSuchCustomer => ("No Record found", text.as_str()),
            _ => (text.as_str(), refusal.code()),
        };
        out.extend_from_slice(b"{\"error\":{\"message\":");
        json::string(out, message);
        out.extend_from_slice(b",\"detail\":");
        json::string(out, detail);
        out.extend_from_slice(b"},\"status\":\"failure\"}");
        refusal.reply()
    }
}
