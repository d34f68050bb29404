//! What a connector sends to log in: a form, or the same as JSON.

use std::fmt::{self, Debug, Formatter};

use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::callers::Refusal;

/// The members that matter; the first of several values counts, and others are ignored. Its `Debug` shows no secret.
#[derive(Default, PartialEq)]
pub(super) struct Form {
    pub(super) grant_type: Option<String>,
    pub(super) client_secret: Option<String>,
    pub(super) password: Option<String>,
    pub(super) scope: Option<String>,
    pub(super) resource: Option<String>,
}

impl Form {
    /// Reads `body`. What it is, it says itself: connectors send JSON as anything.
    ///
    /// # Errors
    /// It begins as an object of JSON and is none.
    pub(super) fn read(body: &[u8]) -> Result<Form, Refusal> {
        let body = body.trim_ascii();
        let mut form = Form::default();
        if body.starts_with(b"{") {
            let object: Map<String, Value> = serde_json::from_slice(body).map_err(|error| Refusal::Body {
                expected: "a form, or a JSON object with grant_type, client_id and client_secret",
                found: format!("a fault in line {}, column {}", error.line(), error.column()),
            })?;
            for (name, value) in object {
                if let Value::String(text) = value {
                    form.take(&name, text);
                }
            }
        } else {
            for (name, value) in form_urlencoded::parse(body) {
                form.take(&name, value.into_owned());
            }
        }
        Ok(form)
    }

    fn take(&mut self, name: &str, value: String) {
        let slot = match name {
            "grant_type" => &mut self.grant_type,
            "client_secret" => &mut self.client_secret,
            "password" => &mut self.password,
            "scope" => &mut self.scope,
            "resource" => &mut self.resource,
            _ => return,
        };
        slot.get_or_insert(value);
    }
}

impl Debug for Form {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form")
            .field("grant_type", &self.grant_type)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms_and_json_say_the_same() {
        let form = Form::read(
            b"grant_type=client_credentials&client_id=a&client_secret=x%2Fy+z&client_secret=2&scope=read+write",
        )
        .unwrap();
        let json = br#" {"grant_type":"client_credentials","client_id":7,"client_secret":"x/y z","scope":"read write","x":[]}"#;
        assert_eq!(form, Form::read(json).unwrap());
        assert_eq!(form.client_secret.as_deref(), Some("x/y z"));
        assert_eq!(Form::read(b"").unwrap(), Form::default());
        assert!(Form::read(b"{\"grant_type\":").is_err());
        assert!(!format!("{form:?}").contains("x/y"));
    }

    proptest! {
        #[test]
        fn no_body_is_too_odd(body: Vec<u8>, start in "(\\{|\\{\"a\":|)") {
            let _whatever = Form::read(&[start.as_bytes(), &body].concat());
        }
    }
}
