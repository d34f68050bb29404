//! What callers ask in each dialect, and what has to be in the answer: one entry a dialect and question.
//!
//! In texts `{number}` is the customer's number without its plus, `{area}`, `{exchange}` and `{line}` its parts, `{nth}` the
//! number that its name, id and case end in, and `{id}` what the caller has learned to call it.

use std::io::{Error, ErrorKind};

use crate::client::Exchange;
use crate::customers;

/// One way of asking.
#[derive(Debug)]
pub(super) struct Kind {
    /// Its two rows: CPU and p99.
    pub(super) rows: [(&'static str, &'static str); 2],
    request: Asking,
    /// Has to be in the answer.
    expected: &'static str,
    status: u16,
    /// How the caller learned the customer's id.
    pub(super) learned: Option<Learned>,
}

/// A question that gives the id that a caller then asks with.
#[derive(Debug)]
pub(super) struct Learned {
    request: Asking,
    /// Where the id is in the answer.
    pointer: &'static str,
}

/// A request.
#[derive(Debug)]
enum Asking {
    Get(&'static str),
    Post {
        target: &'static str,
        content_type: &'static str,
        body: &'static str,
    },
}

/// A row's two names.
macro_rules! rows {
    ($row:literal, $what:literal) => {
        [
            (
                concat!($row, ", CPU"),
                concat!($what, ": server CPU beside the native lookup"),
            ),
            (
                concat!($row, ", p99"),
                concat!($what, ": p99 of one caller beside the native lookup"),
            ),
        ]
    };
}

const NAME: &str = "Customer {nth}";
const CASE: &str = "CAS-{nth}";

/// What everything is measured beside.
pub(super) const NATIVE: Kind = Kind {
    rows: rows!("dialect native", "/v1/lookup"),
    request: Asking::Get("/v1/lookup?ani=%2B{number}"),
    expected: NAME,
    status: 200,
    learned: None,
};

const DYNAMICS: Asking = Asking::Get(
    "/api/data/v9.2/contacts?$select=fullname,telephone1,contactid&$filter=contains(telephone1,'{number}')",
);
const SALESFORCE: Asking = Asking::Get(
    "/services/data/v52.0/query?q=SELECT+id,Name+FROM+Contact+WHERE+Phone+LIKE+%27%25{number}%25%27",
);
const SERVICENOW: Asking = Asking::Get(
    "/api/now/table/sys_user?phone=%28{area}%29%20{exchange}-{line}&sysparm_fields=sys_id,name&sysparm_limit=1",
);
const ZENDESK: Asking = Asking::Get("/api/v2/users/search.json?query=type:user%20+{number}");
const FRESHDESK: Asking = Asking::Get("/api/v2/contacts?phone=%2B{number}");

/// One line a dialect and question.
pub(super) const EXCHANGES: [Kind; 16] = [
    Kind {
        rows: rows!("dialect cid", "/cid"),
        request: Asking::Get("/cid?number=+{number}"),
        ..NATIVE
    },
    Kind {
        rows: rows!("dialect dynamics 1", "a contact as Dynamics's flow asks"),
        request: DYNAMICS,
        ..NATIVE
    },
    Kind {
        rows: rows!("dialect dynamics 2", "its newest case"),
        request: Asking::Get(
            "/api/data/v9.2/incidents?$filter=_customerid_value%20eq%20'{id}'&$select=title,_customerid_value,ticketnumber&$orderby=createdon%20desc&$top=1",
        ),
        expected: CASE,
        learned: Some(Learned {
            request: DYNAMICS,
            pointer: "/value/0/contactid",
        }),
        ..NATIVE
    },
    Kind {
        rows: rows!("dialect salesforce 1", "a contact as Salesforce's flow asks"),
        request: SALESFORCE,
        ..NATIVE
    },
    Kind {
        rows: rows!("dialect salesforce 2", "its cases"),
        request: Asking::Get(
            "/services/data/v52.0/query?q=SELECT+Id,CaseNumber,ContactId,accountId,Subject,Priority,Description+FROM+Case+WHERE+ContactId=%27{id}%27",
        ),
        expected: CASE,
        learned: Some(Learned {
            request: SALESFORCE,
            pointer: "/records/0/Id",
        }),
        ..NATIVE
    },
    Kind {
        rows: rows!("dialect servicenow 1", "a user as ServiceNow's flow asks"),
        request: SERVICENOW,
        ..NATIVE
    },
    Kind {
        rows: rows!("dialect servicenow 2", "its incident"),
        request: Asking::Get("/api/now/table/incident?caller_id={id}&sysparm_fields=number&sysparm_limit=1"),
        expected: CASE,
        learned: Some(Learned {
            request: SERVICENOW,
            pointer: "/result/0/sys_id",
        }),
        ..NATIVE
    },
    Kind {
        rows: rows!("dialect zendesk 1", "a user as Zendesk's flow asks"),
        request: ZENDESK,
        ..NATIVE
    },
    Kind {
        rows: rows!("dialect zendesk 2", "its open tickets"),
        request: Asking::Get(
            "/api/v2/search.json?query=type:ticket%20status%3Csolved%20requester:{id}&sort_by=created_at&sort_order=desc",
        ),
        expected: "Router keeps rebooting",
        learned: Some(Learned {
            request: ZENDESK,
            pointer: "/users/0/id",
        }),
        ..NATIVE
    },
    Kind {
        rows: rows!("dialect freshdesk 1", "a contact as Freshdesk's clients ask"),
        request: FRESHDESK,
        ..NATIVE
    },
    Kind {
        rows: rows!("dialect freshdesk 2", "its tickets"),
        request: Asking::Get("/api/v2/tickets?requester_id={id}"),
        expected: "Router keeps rebooting",
        learned: Some(Learned {
            request: FRESHDESK,
            pointer: "/0/id",
        }),
        ..NATIVE
    },
    Kind {
        rows: rows!("dialect finesse", "a ring of a Finesse workflow"),
        request: Asking::Post {
            target: "/v1/rings/finesse",
            content_type: "text/json",
            body: r#"{"ani":"+{number}","agent":"1001","callVariable1":"x"}"#,
        },
        ..NATIVE
    },
    Kind {
        rows: rows!("dialect curri", "Unified CM's external call control"),
        request: Asking::Post {
            target: "/curri",
            content_type: "text/xml",
            body: r#"<?xml version="1.0" encoding="ISO-8859-1"?><Request xmlns="urn:oasis:names:tc:xacml:2.0:context:schema:os"><Subject SubjectCategory="urn:oasis:names:tc:xacml:1.0:subject-category:access-subject"><Attribute AttributeId="urn:Cisco:uc:1.0:callingnumber" DataType="http://www.w3.org/2001/XMLSchema#string"><AttributeValue>+{number}</AttributeValue></Attribute></Subject></Request>"#,
        },
        ..NATIVE
    },
    Kind {
        rows: rows!("dialect 3cx", "3CX's contact lookup"),
        request: Asking::Get("/3cx/lookup.json?phone={number}"),
        expected: "\"contacts\":[{",
        ..NATIVE
    },
    Kind {
        rows: rows!("dialect sipgate", "a push as sipgate sends it"),
        request: Asking::Post {
            target: "/v1/rings/sipgate",
            content_type: "application/x-www-form-urlencoded",
            body: "event=newCall&from={number}&to=15558675309&direction=in&callId=call-{nth}&user[]=Ada",
        },
        expected: "{}",
        ..NATIVE
    },
    Kind {
        rows: rows!("dialect cim", "CIM's contacts by number"),
        request: Asking::Post {
            target: "/contacts/getContactsBySearchTerms",
            content_type: "application/json",
            body: r#"{"phone":"+{number}"}"#,
        },
        ..NATIVE
    },
];

impl Kind {
    /// What is asked, for people.
    pub(super) fn what(&self) -> &'static str {
        self.rows[0].0.trim_end_matches(", CPU")
    }

    /// The exchange about customer `nth`, whom the caller calls `id`.
    pub(super) fn exchange(&self, nth: u64, id: &str) -> Exchange {
        Exchange {
            request: self.request.written(nth, id),
            status: self.status,
            expected: filled(self.expected, nth, id).into_bytes(),
        }
    }
}

impl Learned {
    /// The question about customer `nth`.
    pub(super) fn request(&self, nth: u64) -> Vec<u8> {
        self.request.written(nth, "")
    }

    /// The id that `answer` gives.
    ///
    /// # Errors
    /// It gives none.
    pub(super) fn id(&self, answer: &[u8]) -> Result<String, Error> {
        let none = || {
            let found = String::from_utf8_lossy(answer);
            Error::new(
                ErrorKind::InvalidData,
                format!("no id at {} of {found}", self.pointer),
            )
        };
        let json: serde_json::Value = serde_json::from_slice(answer).map_err(|_| none())?;
        match json.pointer(self.pointer) {
            Some(serde_json::Value::String(id)) => Ok(id.clone()),
            Some(serde_json::Value::Number(id)) => Ok(id.to_string()),
            _ => Err(none()),
        }
    }
}

impl Asking {
    fn written(&self, nth: u64, id: &str) -> Vec<u8> {
        let text = match *self {
            Asking::Get(target) => format!(
                "GET {} HTTP/1.1\r\nhost: ringside\r\n\r\n",
                filled(target, nth, id)
            ),
            Asking::Post {
                target,
                content_type,
                body,
            } => {
                let body = filled(body, nth, id);
                format!(
                    "POST {target} HTTP/1.1\r\nhost: ringside\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                )
            }
        };
        text.into_bytes()
    }
}

/// `text` with the places of customer `nth` filled.
fn filled(text: &str, nth: u64, id: &str) -> String {
    let number = customers::number(nth).to_string();
    text.replace("{number}", &number)
        .replace("{area}", &number[1..4])
        .replace("{exchange}", &number[4..7])
        .replace("{line}", &number[7..])
        .replace("{nth}", &nth.to_string())
        .replace("{id}", id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_one_line_of_http() {
        for kind in EXCHANGES.iter().chain([&NATIVE]) {
            let exchange = kind.exchange(7, "x-1");
            let text = String::from_utf8(exchange.request).unwrap();
            let line = text.lines().next().unwrap();
            assert_eq!(line.split(' ').count(), 3, "{line}");
            assert!(!text.contains("{number}") && !text.contains("{nth}") && !text.contains("{id}"));
            assert!(
                kind.learned.is_some() == text.contains("x-1"),
                "{}: an id is asked with where one was learned",
                kind.what()
            );
        }
    }

    #[test]
    fn ids_are_read_whatever_their_type() {
        let learned = |pointer| Learned {
            request: Asking::Get("/"),
            pointer,
        };
        assert_eq!(
            learned("/users/0/id").id(br#"{"users":[{"id":7}]}"#).unwrap(),
            "7"
        );
        assert_eq!(learned("/0/id").id(br#"[{"id":"x"}]"#).unwrap(), "x");
        assert!(learned("/0/id").id(b"[]").is_err());
    }
}
