//! Zendesk's search: users by their number, tickets by whose they are.

mod question;
mod status;

use bytes::BytesMut;

use super::call::{Call, Reply};
use super::crm::{Crm, IdForm, Kind, Row, State, TableSpec};
use super::dialect::Dialect;
use super::json;
use super::lookup::Source;
use super::parameters::Parameters;
use super::refusal::Refusal;
use super::settings::{Speaking, Unspeakable};
use super::speaker::Speaker;
use question::{Question, TICKETS, USERS};

const KNOWN: &str = "/api/v2/users/search.json and /api/v2/search.json";

/// Tells whether a ticket is solved, for filters alone: Zendesk has no such column.
const UNSOLVED: State = State {
    column: "ringside_unsolved",
    open: "true",
    ended: "false",
};

const TABLES: [TableSpec; 2] = [
    TableSpec {
        names: &[USERS],
        kind: Kind::Contacts,
        columns: &[
            ("id", "id"),
            ("name", "name"),
            ("email", "attributes.email"),
            ("phone", "ani"),
            ("role", "'end-user'"),
            ("external_id", "own_id"),
            ("active", "true"),
            ("suspended", "false"),
            ("created_at", "created_at"),
            ("updated_at", "updated_at"),
        ],
        aliases: &[],
        accounts: &[],
        state: None,
    },
    TableSpec {
        names: &[TICKETS],
        kind: Kind::Cases,
        columns: &[
            ("id", "case.id"),
            ("external_id", "case.number"),
            ("subject", "case.title"),
            ("status", "case.status"),
            ("priority", "case.priority"),
            ("requester_id", "id"),
            ("created_at", "case.created_at"),
        ],
        aliases: &[
            ("requester", "requester_id"),
            ("ticket_id", "id"),
            ("created", "created_at"),
        ],
        accounts: &[],
        state: Some(UNSOLVED),
    },
];

/// Zendesk, as it is asked.
#[derive(Debug)]
pub(super) struct Zendesk {
    crm: Crm,
}

impl Zendesk {
    pub(super) fn new(speaking: &Speaking) -> Result<Zendesk, Unspeakable> {
        let crm = Crm::new(Dialect::Zendesk, IdForm::Integer, &TABLES, speaking)?;
        Ok(Zendesk { crm })
    }
}

impl Speaker for Zendesk {
    fn reads_body(&self, _: &Call<'_>) -> bool {
        false
    }

    fn customer_of(&self, source: &Source, id: &str) -> Option<String> {
        self.crm.customer_of(source, id)
    }

    fn answer(&self, source: &Source, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refusal> {
        let path = call.trimmed_path().trim_end_matches('/');
        let (table, list) = match path.strip_suffix(".json").unwrap_or(path) {
            "/api/v2/users/search" => (Some(USERS), "users"),
            "/api/v2/search" => (None, "results"),
            _ => return Err(Refusal::NoSuchPath { known: KNOWN }),
        };
        if !call.is_get() {
            return Err(Refusal::Method { allow: "GET, HEAD" });
        }
        let mut question = Question::read(table, call.query)?;
        if let Some(filter) = question.query.filter.take() {
            question.query.filter = Some(status::told(filter));
        }
        // What `search` finds is of either table, and says which.
        let kind = match (table, &*question.query.table) {
            (Some(_), _) => None,
            (None, TICKETS) => Some("ticket"),
            (None, _) => Some("user"),
        };
        let page = question.page;
        let parameters = Parameters::of(None, call.query);
        self.crm
            .answer(source, &question.query, &parameters.context(call), |rows| {
                out.clear();
                let ahead = (page.page - 1).saturating_mul(page.per_page);
                let here = rows.iter().skip(ahead).take(page.per_page);
                out.extend_from_slice(b"{");
                json::string(out, list);
                out.extend_from_slice(b":");
                json::array(out, here, |out, row| write(row, kind, out));
                if kind.is_some() {
                    out.extend_from_slice(b",\"facets\":null");
                }
                out.extend_from_slice(b",\"next_page\":null,\"previous_page\":null,\"count\":");
                json::integer(out, rows.len() as u64);
                out.extend_from_slice(b"}");
            })?;
        Ok(Reply::json(200))
    }

    fn refuse(&self, _: &Call<'_>, refusal: &Refusal, out: &mut BytesMut) -> Reply {
        let (status, error) = match refusal {
            Refusal::Syntax { .. } | Refusal::Unsupported { .. } => (422, "invalid"),
            Refusal::Denied { status: 401, .. } => (401, "Couldn't authenticate you"),
            Refusal::NoSuchPath { .. } => (404, "InvalidEndpoint"),
            Refusal::NoDesktop | Refusal::NoSuchCustomer => (404, "RecordNotFound"),
            refusal => (refusal.status(), refusal.code()),
        };
        out.extend_from_slice(b"{\"error\":");
        json::string(out, error);
        out.extend_from_slice(b",\"description\":");
        json::string(out, &refusal.to_string());
        out.extend_from_slice(b"}");
        Reply {
            status,
            ..refusal.reply()
        }
    }
}

/// Writes `row`, and of `kind` where that has to be said.
fn write(row: &Row<'_>, kind: Option<&str>, out: &mut BytesMut) {
    json::members(
        out,
        row.members().filter(|(name, _)| *name != UNSOLVED.column),
        |out| {
            if let Some(kind) = kind {
                out.extend_from_slice(b",\"result_type\":");
                json::string(out, kind);
            }
        },
    );
}
