//! Who is calling, for an agent's eye: the answer of a lookup, of the customer that a call was linked to where it was, and
//! the page of another system that is set for it.

use std::borrow::Cow;
use std::time::Instant;

use bytes::BytesMut;
use serde::Deserialize;

use super::answer::{Ani, Answer, Who};
use super::disclosure::Disclosure;
use super::fields::Fields;
use super::finesse::eye;
use super::lookup::{Heard, Request, Source};
use super::meters::Outcome;
use super::pop_url::{Page, PopUrls};
use super::suffix::{How, Match};
use crate::customer::Flags;
use crate::customer::record::Field;
use crate::index::View;
use crate::number::Key;
use crate::overlay::Superseded;

/// What is to be shown.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// What is known of the call.
    pub request: Request<'a>,
    /// Whose it was said to be.
    pub whose: Whose<'a>,
    /// Whether attributes are left out that the schema calls sensitive.
    pub hides_sensitive: bool,
}

/// A record's flags.
#[derive(Debug, Default, Deserialize)]
struct Said {
    #[serde(default)]
    do_not_call: bool,
    #[serde(default)]
    do_not_sms: bool,
}

/// Whose call it was said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose<'a> {
    /// Nobody has said: the number tells.
    Unsaid,
    /// This customer's.
    Customers(&'a str),
    /// None of those who were found.
    Nobodys,
}

/// What was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Showing {
    /// Whom the page is for.
    pub page: &'static str,
    /// Its address in another system, where one is set.
    pub url: Option<String>,
    /// The number as the answer repeats it; `None` where it is withheld.
    pub ani: Option<String>,
    /// The same, where it is a number that can be read.
    pub key: Option<Key>,
    /// The customer who alone has the whole number.
    pub only: Option<String>,
    /// What the network's word on the number amounts to: `full`, `passed`, `failed` or `absent`.
    pub attestation: &'static str,
}

impl Source {
    /// Writes what a lookup of `subject` answers to `out`, behind what it holds, and says what is to be shown. `variable`
    /// knows the call's variables. Counted as a lookup where `is_counted`.
    pub fn show<'v>(
        &self,
        subject: &Subject<'_>,
        urls: &PopUrls,
        variable: impl Fn(&str) -> Option<Cow<'v, str>>,
        is_counted: bool,
        out: &mut BytesMut,
    ) -> Showing {
        let begun = Instant::now();
        let begin = out.len();
        let request = &subject.request;
        let heard = self.hear(request);
        let freshness = self.tenant.freshness.now(begun);
        let (showing, outcome) = self.tenant.index.read(|view| {
            out.truncate(begin);
            let found = self.of_subject(view, subject, &heard)?;
            let judged = self.judge(view, &found, &heard);
            let disclosure = match (&found.how, found.who.one()) {
                // Whoever linked the call knows who it is.
                (How::Link, Some(_)) => {
                    let required = self.answers.require_attestation;
                    Disclosure::of_one(heard.attested, required, false, judged.decision)
                }
                _ => judged.disclosure,
            };
            let answer = Answer {
                view,
                ani: Ani::of(&heard.reading, request.ani),
                outcome: found.who.outcome(&heard.reading),
                decision: judged.decision,
                disclosure,
                who: found.who.as_whom(),
                key: found.key,
                how: found.how,
                freshness: &freshness,
                matches_max: self.answers.matches_max,
            };
            let schema = view.schema();
            let fields = if subject.hides_sensitive {
                Fields::without_sensitive(schema)
            } else {
                Fields::all()
            };
            answer.write_json(&fields, out)?;
            let page = page_of(&answer);
            let url = match answer.who.one() {
                Some(record) => urls.of_customer(&eye(&answer, record), &variable, request),
                None => urls.of_nobody(page, &answer, request, &variable),
            };
            let only = match (&found.how, answer.who.one()) {
                (How::Exact, Some(record)) => id_of(record.field(Field::Id)),
                _ => None,
            };
            let showing = Showing {
                page: page.name(),
                url,
                ani: match answer.ani {
                    Ani::Number(key) => Some(key.to_string()),
                    Ani::Written(text) => Some(text.to_owned()),
                    Ani::None => None,
                },
                key: match answer.ani {
                    Ani::Number(key) => Some(key),
                    Ani::Written(_) | Ani::None => None,
                },
                only,
                attestation: heard.attested.as_str(),
            };
            Ok((showing, answer.outcome))
        });
        if is_counted {
            self.meters.count(outcome, request.dnis, &self.numbering, begun);
        }
        showing
    }

    /// Whether there is a customer `id`.
    pub fn has_customer(&self, id: &str) -> bool {
        self.tenant.index.read(|view| Ok(view.customer(id)?.is_some()))
    }

    /// The ids of all customers with the number `key`.
    pub fn customers_with(&self, key: u64) -> Vec<String> {
        self.tenant.index.read(|view| {
            let found = Who::from(view.find(key)?);
            let records = found.as_whom().all().iter();
            Ok(records.map(|record| record.id().to_owned()).collect())
        })
    }

    /// What the customer `id` does not want; `None` where there is no such customer.
    pub fn flags(&self, id: &str) -> Option<Flags> {
        self.tenant.index.read(|view| {
            let Some(record) = view.customer(id)? else {
                return Ok(None);
            };
            let said = record.field(Field::Flags).map(serde_json::from_slice::<Said>);
            let said = said.and_then(Result::ok).unwrap_or_default();
            Ok(Some(Flags {
                do_not_call: said.do_not_call,
                do_not_sms: said.do_not_sms,
            }))
        })
    }

    fn of_subject<'v>(
        &self,
        view: &'v View<'_>,
        subject: &Subject<'_>,
        heard: &Heard<'_>,
    ) -> Result<Match<'v>, Superseded> {
        let nobody = Match {
            who: Who::Nobody,
            key: heard.reading.key(),
            how: How::Exact,
        };
        match subject.whose {
            Whose::Unsaid => self.matched(view, heard),
            Whose::Nobodys => Ok(nobody),
            Whose::Customers(id) => Ok(match view.customer(id)? {
                Some(record) => {
                    let key = heard.reading.key();
                    let key = key.filter(|key| record.claim(key.raw()).is_some());
                    Match {
                        who: Who::One(record),
                        key,
                        how: How::Link,
                    }
                }
                // Deleted since, or not known yet.
                None => nobody,
            }),
        }
    }
}

/// Whom the page of `answer` is for.
fn page_of(answer: &Answer<'_, '_>) -> Page {
    match (answer.who.one(), answer.outcome) {
        (Some(record), _) if record.open_case().is_some() => Page::Case,
        (Some(_), _) => Page::Customer,
        (None, Outcome::Ambiguous) => Page::Several,
        (None, Outcome::Anonymous) => Page::Withheld,
        (None, _) => Page::Unknown,
    }
}

/// The id in a field of JSON.
fn id_of(json: Option<&[u8]>) -> Option<String> {
    serde_json::from_slice(json?).ok()
}
