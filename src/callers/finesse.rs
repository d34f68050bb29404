//! Cisco Finesse: a workflow's Browser Pop, its HTTP Request, and dialogs that a gadget relays.
//!
//! A page is for an agent's eye, so that it names whoever was found, and says where that is not to be said to the caller.
//! What may not be disclosed is not on it.

mod page;

use std::borrow::Cow;

use bytes::BytesMut;

use super::answer::{Answer, Whom};
use super::call::{Call, Reply};
use super::lookup::Source;
use super::meters::Outcome;
use super::pop_url::{Page, PopUrls};
use super::refusal::Refusal;
use super::ring::Ring;
use super::settings::{Speaking, Unspeakable};
use super::slot::Guest;
use super::speaker::Speaker;

pub(super) use page::eye;

/// Where workflows and gadgets send calls.
const RINGS: &str = "/v1/rings/finesse";

/// Finesse's dialect.
#[derive(Debug)]
pub(super) struct Finesse {
    pages: PopUrls,
}

impl Finesse {
    pub(super) fn new(speaking: &Speaking) -> Result<Finesse, Unspeakable> {
        speaking.without_fields()?;
        let pages = PopUrls::new(&speaking.pop_url)?;
        Ok(Finesse { pages })
    }

    fn profile(&self, source: &Source, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refusal> {
        if !call.is_get() && call.method != "POST" {
            return Err(Refusal::Method {
                allow: "GET, HEAD, POST",
            });
        }
        let ring = Ring::from_finesse(call.query, call.body)?;
        let mut location = None;
        source.look_up(&ring.request(), |answer| {
            out.clear();
            location = self.elsewhere(answer, &ring);
            if location.is_none() {
                page::write(answer, |guest| self.page_of(guest, &ring), out);
            }
            Ok(())
        });
        Ok(match location {
            Some(location) => Reply {
                status: 302,
                location: Some(location.into()),
                ..html(302)
            },
            None => html(200),
        })
    }

    /// The page elsewhere that is set for what was found.
    fn elsewhere(&self, answer: &Answer<'_, '_>, ring: &Ring) -> Option<String> {
        match (answer.who, answer.outcome) {
            (Whom::One(record), _) => self.page_of(&page::eye(answer, record), ring),
            (Whom::Several(_), _) => self.page_of_nobody(Page::Several, answer, ring),
            (Whom::Nobody, Outcome::Anonymous) => self.page_of_nobody(Page::Withheld, answer, ring),
            (Whom::Nobody, _) => self.page_of_nobody(Page::Unknown, answer, ring),
        }
    }

    fn page_of_nobody(&self, page: Page, answer: &Answer<'_, '_>, ring: &Ring) -> Option<String> {
        let variable = |name: &str| ring.variable(name).map(Cow::Borrowed);
        self.pages.of_nobody(page, answer, &ring.request(), variable)
    }

    fn page_of(&self, guest: &Guest<'_>, ring: &Ring) -> Option<String> {
        let variable = |name: &str| ring.variable(name).map(Cow::Borrowed);
        self.pages.of_customer(guest, variable, &ring.request())
    }
}

impl Speaker for Finesse {
    fn answer(&self, source: &Source, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refusal> {
        if is_ring(call) {
            // Announced by whoever knows desktops; the path is known here so that refusals have the right shape.
            return Err(Refusal::Internal);
        }
        self.profile(source, call, out)
    }

    fn refuse(&self, call: &Call<'_>, refusal: &Refusal, out: &mut BytesMut) -> Reply {
        if is_ring(call) {
            return refusal.write(out);
        }
        let title = match refusal {
            Refusal::Missing(_) => "No calling number was sent",
            Refusal::Overload | Refusal::Off => "Customers cannot be shown now",
            Refusal::Denied { .. } => "Customers cannot be shown to you",
            _ => "The request cannot be read",
        };
        page::write_message(title, &refusal.to_string(), out);
        html(refusal.status())
    }
}

fn is_ring(call: &Call<'_>) -> bool {
    call.trimmed_path().trim_end_matches('/') == RINGS
}

fn html(status: u16) -> Reply {
    Reply {
        content_type: page::HTML,
        headers: page::HEADERS,
        ..Reply::json(status)
    }
}
