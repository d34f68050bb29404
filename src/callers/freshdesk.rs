//! Freshdesk: contacts by their number, tickets by whose they are; as lists and as searches.

mod question;

use std::borrow::Cow;

use bytes::BytesMut;
use percent_encoding::percent_decode_str;

use super::call::{Call, Reply};
use super::crm::{Crm, IdForm, Kind, Row, State, TableSpec};
use super::dialect::Dialect;
use super::json;
use super::lookup::Source;
use super::parameters::Parameters;
use super::query::{Filter, Literal, Op, Query};
use super::refusal::Refusal;
use super::settings::{Speaking, Unspeakable};
use super::speaker::Speaker;
use question::Question;

const CONTACTS: &str = "contacts";
const TICKETS: &str = "tickets";
const KNOWN: &str = "/api/v2/contacts, /api/v2/contacts/ID, /api/v2/tickets, /api/v2/search/contacts and /api/v2/search/tickets";

/// Freshdesk's numbers of an open ticket and of a closed one; those of others (3 pending, 4 resolved) no word here is
/// certain to mean.
const STATUS: State = State {
    column: "status",
    open: "2",
    ended: "5",
};

const TABLES: [TableSpec; 2] = [
    TableSpec {
        names: &[CONTACTS],
        kind: Kind::Contacts,
        columns: &[
            ("id", "id"),
            ("name", "name"),
            ("email", "attributes.email"),
            ("phone", "ani"),
            ("mobile", "ani"),
            ("unique_external_id", "own_id"),
            ("active", "true"),
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
            ("subject", "case.title"),
            ("priority", "case.priority"),
            ("requester_id", "id"),
            ("created_at", "case.created_at"),
        ],
        aliases: &[],
        accounts: &[],
        state: Some(STATUS),
    },
];
/// Words of priorities, by Freshdesk's numbers from 1.
const PRIORITIES: [&[&str]; 4] = [
    &["low"],
    &["medium", "normal", "moderate"],
    &["high"],
    &["urgent", "critical"],
];

/// Freshdesk, as it is asked.
#[derive(Debug)]
pub(super) struct Freshdesk {
    crm: Crm,
}

/// What is written around rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    /// `[…]`
    List,
    /// `{"total", "results"}`
    Search,
    /// The one row.
    One,
}

impl Freshdesk {
    pub(super) fn new(speaking: &Speaking) -> Result<Freshdesk, Unspeakable> {
        let crm = Crm::new(Dialect::Freshdesk, IdForm::Integer, &TABLES, speaking)?;
        Ok(Freshdesk { crm })
    }

    /// What `call` asks for, and how that is answered.
    fn question<'c>(&self, call: &Call<'c>) -> Result<(Question<'c>, Frame), Refusal> {
        let path = call.trimmed_path().trim_end_matches('/');
        let rest = path.strip_prefix("/api/v2/").unwrap_or_default();
        let listed = |table: &'static str| {
            let knows = |name: &str| self.crm.table(table).is_some_and(|table| table.knows(name));
            Question::listed(table, call.query, knows)
        };
        Ok(match rest {
            "search/contacts" => (Question::searched(CONTACTS, call.query)?, Frame::Search),
            "search/tickets" => (Question::searched(TICKETS, call.query)?, Frame::Search),
            "contacts" => (listed(CONTACTS)?, Frame::List),
            "tickets" => (listed(TICKETS)?, Frame::List),
            _ => match rest.strip_prefix("contacts/").map(percent_decode_str) {
                Some(id) if !rest.ends_with("/autocomplete") => {
                    let id: Cow<'_, str> = id.decode_utf8_lossy();
                    let filter = Filter::test("id", Op::Equal, Literal::Text(id.into_owned().into()));
                    let query = Query {
                        table: CONTACTS.into(),
                        filter: Some(filter),
                        ..Query::default()
                    };
                    (Question { query, page: 1 }, Frame::One)
                }
                _ => return Err(Refusal::NoSuchPath { known: KNOWN }),
            },
        })
    }
}

impl Speaker for Freshdesk {
    fn reads_body(&self, _: &Call<'_>) -> bool {
        false
    }

    fn answer(&self, source: &Source, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refusal> {
        let (mut question, frame) = self.question(call)?;
        if !call.is_get() {
            return Err(Refusal::Method { allow: "GET, HEAD" });
        }
        // Left out here, so that the engine gives all of them to count.
        let per_page = question.query.limit.take().unwrap_or(usize::MAX);
        let ahead = (question.page - 1).saturating_mul(per_page);
        let mut is_found = false;
        let parameters = Parameters::of(None, call.query);
        self.crm
            .answer(source, &question.query, &parameters.context(call), |rows| {
                out.clear();
                is_found = !rows.is_empty();
                let here = rows.iter().skip(ahead).take(per_page);
                match frame {
                    Frame::One => {
                        if let Some(row) = rows.first() {
                            write(row, out);
                        }
                    }
                    Frame::List => json::array(out, here, |out, row| write(row, out)),
                    Frame::Search => {
                        out.extend_from_slice(b"{\"results\":");
                        json::array(out, here, |out, row| write(row, out));
                        out.extend_from_slice(b",\"total\":");
                        json::integer(out, rows.len() as u64);
                        out.extend_from_slice(b"}");
                    }
                }
            })?;
        if frame == Frame::One && !is_found {
            return Err(Refusal::NoSuchCustomer);
        }
        Ok(Reply::json(200))
    }

    fn refuse(&self, _: &Call<'_>, refusal: &Refusal, out: &mut BytesMut) -> Reply {
        let text = refusal.to_string();
        let word = |out: &mut BytesMut, code: &str| {
            out.extend_from_slice(b"\"code\":");
            json::string(out, code);
            out.extend_from_slice(b",\"message\":");
            json::string(out, &text);
            out.extend_from_slice(b"}");
        };
        out.extend_from_slice(b"{");
        match refusal.status() {
            400 => {
                out.extend_from_slice(
                    b"\"description\":\"Validation failed\",\"errors\":[{\"field\":\"query\",",
                );
                word(out, "invalid_value");
                out.extend_from_slice(b"]}");
            }
            401 => word(out, "invalid_credentials"),
            403 => word(out, "access_denied"),
            _ => word(out, refusal.code()),
        }
        refusal.reply()
    }
}

fn write(row: &Row<'_>, out: &mut BytesMut) {
    let members = row.members().map(|(name, value)| {
        if name != "priority" {
            return (name, Cow::Borrowed(value));
        }
        let word = json::text_of(value);
        let is = |words: &&[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(&word));
        let number = PRIORITIES.iter().position(is).map(|place| place + 1);
        (
            name,
            number.map_or(Cow::Borrowed(value), |number| {
                number.to_string().into_bytes().into()
            }),
        )
    });
    json::members(out, members, |_| {});
}
