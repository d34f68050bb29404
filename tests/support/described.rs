//! Whether answers are as `/openapi.json` says, and which of what it says was seen.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing step fails the test")]

use std::collections::BTreeSet;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::wire::Response;

/// The description, and the statuses that were seen: the path, the method, the status.
pub(crate) struct Described {
    document: Value,
    seen: BTreeSet<(String, String, String)>,
}

impl Described {
    /// As `document` describes.
    pub(crate) fn by(document: Value) -> Described {
        Described {
            document,
            seen: BTreeSet::new(),
        }
    }

    /// Whether `response` to `method` at `path`, as the description spells it, is one that it has.
    #[track_caller]
    pub(crate) fn check(&mut self, path: &str, method: &str, response: &Response) {
        let status = response.status.to_string();
        let operation = &self.document["paths"][path][method];
        let described = self.resolved(&operation["responses"][&*status]);
        assert!(
            described.is_object(),
            "{method} {path} {status}: {}",
            response.body
        );
        if described["content"].is_null() {
            assert_eq!(response.body, "", "{method} {path} {status}");
        } else {
            let kind = response.header("content-type").unwrap();
            let kind = kind.split(';').next().unwrap();
            let schema = &described["content"][kind]["schema"];
            assert!(schema.is_object(), "{method} {path} {status}: {kind}");
            let body = match kind {
                "application/json" => response.json(),
                _ => Value::from(&*response.body),
            };
            self.assert_valid(schema, &body);
        }
        for (name, header) in described["headers"].as_object().into_iter().flatten() {
            let found = response.header(name);
            let found = found.unwrap_or_else(|| panic!("{method} {path} {status}: no {name}"));
            let header = self.resolved(header);
            let is_number = header["schema"]["type"] == "integer";
            let found = if is_number {
                serde_json::from_str(found).unwrap()
            } else {
                json!(found)
            };
            self.assert_valid(&header["schema"], &found);
        }
        self.seen.insert((path.to_owned(), method.to_owned(), status));
    }

    /// Whether `value` is what the schema called `name` says.
    #[track_caller]
    pub(crate) fn check_schema(&self, name: &str, value: &Value) {
        self.assert_valid(&json!({"$ref": format!("#/components/schemas/{name}")}), value);
    }

    /// What the schema called `name` finds wrong with `value`.
    pub(crate) fn is_valid(&self, name: &str, value: &Value) -> bool {
        self.validator(&json!({"$ref": format!("#/components/schemas/{name}")}))
            .is_valid(value)
    }

    /// What is described of the paths of which `is_meant` holds: the path, the method, the status.
    pub(crate) fn answers(&self, is_meant: impl Fn(&str) -> bool) -> Vec<(String, String, String)> {
        let mut answers = Vec::new();
        for (path, methods) in self.document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                for status in operation["responses"].as_object().unwrap().keys() {
                    answers.push((path.clone(), method.clone(), status.clone()));
                }
            }
        }
        answers.retain(|(path, ..)| is_meant(path));
        answers
    }

    /// Those of these that were not seen.
    pub(crate) fn unseen(&self, is_meant: impl Fn(&str) -> bool) -> Vec<String> {
        let mut answers = self.answers(is_meant);
        answers.retain(|answer| !self.seen.contains(answer));
        let name = |(path, method, status)| format!("{method} {path} {status}");
        answers.into_iter().map(name).collect()
    }

    /// What the description has at `pointer`.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.document.pointer(pointer).unwrap()
    }

    /// Whether the screen pop is what `path` is for: `tests/rings/description.rs` asks there.
    pub(crate) fn is_of_the_pop(path: &str) -> bool {
        ["/v1/rings", "/v1/calls/", "/v1/agents/"]
            .into_iter()
            .any(|of| path.starts_with(of))
    }

    fn resolved<'d>(&'d self, part: &'d Value) -> &'d Value {
        let Some(reference) = part["$ref"].as_str() else {
            return part;
        };
        self.document.pointer(reference.trim_start_matches('#')).unwrap()
    }

    #[track_caller]
    fn assert_valid(&self, schema: &Value, value: &Value) {
        let validator = self.validator(schema);
        let faults: Vec<String> = validator
            .iter_errors(value)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{faults:?}\n{value}");
    }

    fn validator(&self, schema: &Value) -> Validator {
        let mut whole = schema.clone();
        whole["components"] = self.document["components"].clone();
        whole["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        jsonschema::options()
            .should_validate_formats(true)
            .build(&whole)
            .unwrap()
    }
}
