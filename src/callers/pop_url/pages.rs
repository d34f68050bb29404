//! The addresses of pages in another system, by who was found.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::super::answer::{Ani, Answer};
use super::super::lookup::Request;
use super::super::settings::Unspeakable;
use super::super::slot::{Guest, Slot};
use super::{Place, PopUrl};
use crate::number::{self, Key};

/// Whom a page is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Page {
    /// One customer with an open case that may be spoken of.
    Case,
    /// One customer.
    Customer,
    /// Several, of whom nobody knows which.
    Several,
    /// Nobody.
    Unknown,
    /// Somebody who shows no number.
    Withheld,
}

/// What is known where a template is filled.
struct Known<'k> {
    ani: Cow<'k, str>,
    key: Option<Key>,
    guest: Option<&'k Guest<'k>>,
    request: &'k Request<'k>,
}

/// A template for each, as far as there are any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PopUrls([Option<PopUrl>; Page::ALL.len()]);

impl Page {
    const ALL: [Page; 5] = [
        Page::Case,
        Page::Customer,
        Page::Several,
        Page::Unknown,
        Page::Withheld,
    ];

    pub(in super::super) fn name(self) -> &'static str {
        match self {
            Page::Case => "case",
            Page::Customer => "customer",
            Page::Several => "several",
            Page::Unknown => "unknown",
            Page::Withheld => "withheld",
        }
    }
}

impl PopUrls {
    /// The hosts that they lead to.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().map(PopUrl::host)
    }

    /// Reads templates by the names of their pages; an empty one is none.
    ///
    /// # Errors
    /// A name that no page has, and what is no template.
    pub fn new(said: &BTreeMap<String, String>) -> Result<PopUrls, Unspeakable> {
        let mut urls = PopUrls::default();
        for (name, text) in said {
            let Some(page) = Page::ALL.into_iter().find(|page| page.name() == name) else {
                return Err(Unspeakable {
                    key: format!("pop_url.{name}"),
                    expected: format!("one of {}", Page::ALL.map(Page::name).join(", ")),
                    found: format!("{name:?}"),
                });
            };
            if text.is_empty() {
                continue;
            }
            let url = text.parse().map_err(|error: super::PopUrlError| Unspeakable {
                key: format!("pop_url.{name}"),
                expected: error.to_string(),
                found: format!("{text:?}"),
            })?;
            urls.0[page as usize] = Some(url);
        }
        Ok(urls)
    }

    /// The page of the customer `guest`, where there is a template for it: the one for open cases first.
    pub(in super::super) fn of_customer<'v>(
        &self,
        guest: &Guest<'_>,
        variable: impl Fn(&str) -> Option<Cow<'v, str>>,
        request: &Request<'_>,
    ) -> Option<String> {
        let with_case = self.0[Page::Case as usize]
            .as_ref()
            .filter(|_| case_id(guest).is_some());
        let url = with_case.or(self.0[Page::Customer as usize].as_ref())?;
        let known = Known {
            ani: guest
                .key
                .map_or(Cow::Borrowed(request.ani), |key| Cow::Owned(key.to_string())),
            key: guest.key,
            guest: Some(guest),
            request,
        };
        Some(url.fill(|place| known.value(place, &variable)))
    }

    /// The page `page` for a ring of nobody in particular, where there is a template for it.
    pub(in super::super) fn of_nobody<'v>(
        &self,
        page: Page,
        answer: &Answer<'_, '_>,
        request: &Request<'_>,
        variable: impl Fn(&str) -> Option<Cow<'v, str>>,
    ) -> Option<String> {
        let url = self.0[page as usize].as_ref()?;
        let known = Known {
            ani: match answer.ani {
                Ani::Number(key) => Cow::Owned(key.to_string()),
                Ani::Written(text) => Cow::Borrowed(text),
                Ani::None => Cow::Borrowed(""),
            },
            key: match answer.ani {
                Ani::Number(key) => Some(key),
                Ani::Written(_) | Ani::None => None,
            },
            guest: None,
            request,
        };
        Some(url.fill(|place| Cow::Owned(known.value(place, &variable).into_owned())))
    }
}

impl Known<'_> {
    fn value<'v>(&self, place: &Place, variable: &impl Fn(&str) -> Option<Cow<'v, str>>) -> Cow<'v, str> {
        let text = |slot: &Slot| self.guest.map(|guest| guest.text(slot).into_owned());
        let found = match place {
            Place::Variable(name) => return variable(name).unwrap_or_default(),
            Place::Ani => Some(self.ani.to_string()),
            Place::AniNational => {
                let digits = self.key.and_then(number::national_digits);
                Some(digits.unwrap_or_else(|| self.ani.to_string()))
            }
            Place::CustomerId => text(&Slot::OwnId),
            Place::CaseId => self.guest.and_then(case_id),
            Place::CallId => self.request.call_id.map(str::to_owned),
            Place::Dnis => self.request.dnis.map(str::to_owned),
            Place::Attribute(key) => text(&Slot::Attribute(key.clone())),
        };
        Cow::Owned(found.unwrap_or_default())
    }
}

/// The id of the newest open case, where it may be told.
fn case_id(guest: &Guest<'_>) -> Option<String> {
    let case: Value =
        serde_json::from_slice(guest.record.open_case().filter(|_| guest.may_disclose)?).ok()?;
    case.get("id")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_pages_is_checked() {
        let read =
            |name: &str, text: &str| PopUrls::new(&BTreeMap::from([(name.to_owned(), text.to_owned())]));
        assert_eq!(read("customer", ""), Ok(PopUrls::default()));
        assert!(read("customer", "https://crm.example/{customer_id}").is_ok());
        let error = read("customers", "").unwrap_err();
        assert_eq!(error.key, "pop_url.customers");
        assert_eq!(
            error.expected,
            "one of case, customer, several, unknown, withheld"
        );
        let error = read("several", "https://{ani}/").unwrap_err();
        assert!(error.to_string().contains("host"), "{error}");
    }
}
