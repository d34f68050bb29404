//! 3CX's CRM integration: contacts by number, and the template that a 3CX system is given once.
//!
//! 3CX lists several contacts and lets a person choose, so several customers are several contacts. One customer who is
//! not to be greeted by name is none: the name would stand on every display.

mod template;

use bytes::BytesMut;

use super::answer::{Answer, Whom};
use super::call::{Call, Reply};
use super::json;
use super::lookup::{Request, Source};
use super::parameters::{Form, Parameters, Written};
use super::pop_url::PopUrls;
use super::refusal::Refusal;
use super::settings::{Speaking, Unspeakable};
use super::slot::{Columns, Guest, Slot};
use super::speaker::Speaker;
use crate::customer::record::Field;

/// What the number is called in queries.
const NUMBERS: [&str; 3] = ["phone", "number", "ani"];
/// A contact's members.
const COLUMNS: [(&str, &str); 7] = [
    ("id", "own_id"),
    ("firstname", "first_name"),
    ("lastname", "last_name"),
    ("company", "company"),
    ("email", "attributes.email"),
    ("phone_mobile", "ani"),
    ("phone_business", ""),
];
const NOBODY: &[u8] = b"{\"contacts\":[]}";
const TEMPLATE: &str = "/3cx/template.xml";
/// Where a template that names no other asks: on the same machine.
const HERE: &str = "127.0.0.1:7464";

/// 3CX's dialect.
#[derive(Debug)]
pub(super) struct Threecx {
    columns: Columns,
    pages: PopUrls,
}

impl Threecx {
    pub(super) fn new(speaking: &Speaking) -> Result<Threecx, Unspeakable> {
        Ok(Threecx {
            columns: Columns::new(&COLUMNS, &speaking.fields)?,
            pages: PopUrls::new(&speaking.pop_url)?,
        })
    }

    fn contacts(&self, answer: &Answer<'_, '_>, request: &Request<'_>, out: &mut BytesMut) {
        out.extend_from_slice(b"{\"contacts\":[");
        match answer.who {
            Whom::Several(records) => {
                let mut separator: &[u8] = b"";
                for record in records.iter().take(answer.matches_max) {
                    let guest = Guest {
                        record,
                        schema: answer.view.schema(),
                        key: answer.key,
                        may_disclose: false,
                    };
                    out.extend_from_slice(separator);
                    separator = b",";
                    self.contact(&guest, request, out);
                }
            }
            Whom::One(_) | Whom::Nobody => {
                if let Some(guest) = answer.guest() {
                    self.contact(&guest, request, out);
                }
            }
        }
        out.extend_from_slice(b"]}");
    }

    fn contact(&self, guest: &Guest<'_>, request: &Request<'_>, out: &mut BytesMut) {
        let has = |field| {
            guest
                .record
                .field(field)
                .is_some_and(|json| json != b"null" && json != b"\"\"")
        };
        let has_names = has(Field::FirstName) || has(Field::LastName);
        out.extend_from_slice(b"{");
        for (column, slot) in self.columns.iter() {
            json::string(out, column);
            out.extend_from_slice(b":");
            // Of whom there is one name, 3CX shows the last one.
            let slot = match slot {
                Slot::Of(Field::LastName) if !has_names => &Slot::Of(Field::Name),
                slot => slot,
            };
            json::string(out, &guest.text(slot));
            out.extend_from_slice(b",");
        }
        out.extend_from_slice(b"\"contact_url\":");
        let page = self.pages.of_customer(guest, |_| None, request);
        json::string(out, &page.unwrap_or_default());
        out.extend_from_slice(b"}");
    }
}

impl Speaker for Threecx {
    fn answer(&self, source: &Source, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refusal> {
        if !call.is_get() {
            return Err(Refusal::Method { allow: "GET, HEAD" });
        }
        if call.trimmed_path().trim_end_matches('/') == TEMPLATE {
            template::write(&base(call), out);
            return Ok(Reply {
                content_type: "application/xml; charset=utf-8",
                headers: &[("content-disposition", "attachment; filename=\"ringside.xml\"")],
                ..Reply::json(200)
            });
        }
        let number = NUMBERS.into_iter().find_map(|name| Form(call.query).get(name));
        let number = Written::decoded(number.ok_or(Refusal::Missing("phone"))?);
        let parameters = Parameters::of(None, call.query);
        let request = Request {
            ani: number.as_str(),
            ..parameters.context(call)
        };
        source.look_up(&request, |answer| {
            out.clear();
            self.contacts(answer, &request, out);
            Ok(())
        });
        Ok(Reply::json(200))
    }

    /// Nobody, with the status that is fitting: the template's rules are not asked where it is an error.
    fn refuse(&self, call: &Call<'_>, refusal: &Refusal, out: &mut BytesMut) -> Reply {
        if call.trimmed_path().trim_end_matches('/') == TEMPLATE {
            return refusal.write(out);
        }
        out.extend_from_slice(NOBODY);
        Reply::json(refusal.status())
    }
}

/// Where `call` has reached us, as far as it says so.
fn base(call: &Call<'_>) -> String {
    let fits =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    let host = call
        .host
        .filter(|host| !host.is_empty() && host.bytes().all(fits));
    let scheme = if call.is_secure { "https" } else { "http" };
    format!("{scheme}://{}", host.unwrap_or(HERE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_names_the_address_that_it_came_from() {
        let of = |host, is_secure| {
            base(&Call {
                host,
                is_secure,
                ..Call::default()
            })
        };
        assert_eq!(
            of(Some("ringside.example:7464"), false),
            "http://ringside.example:7464"
        );
        assert_eq!(of(Some("[::1]:7464"), true), "https://[::1]:7464");
        assert_eq!(of(Some("a\" Default=\"b"), false), "http://127.0.0.1:7464");
        assert_eq!(of(None, false), "http://127.0.0.1:7464");
    }
}
