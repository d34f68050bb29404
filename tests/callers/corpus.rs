//! Requests as callers send them, and what they are answered: every file of `corpus/`, replayed without sockets.
//!
//! The customers are those of `centre.json`: `+14806754180` is a line of two, `+14806754181` a shared line of one,
//! `+14806754113` is not to be greeted.

use std::fs;
use std::path::Path;

use bytes::BytesMut;
use ringside::callers::{Call, Dialect, Need, Route, TreatmentRule};
use serde::Deserialize;
use serde_json::Value;

use crate::rings::Rings;
use crate::support::{Plan, centre};

/// One file: the requests of one dialect.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Corpus {
    request: Vec<Request>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    name: String,
    #[serde(default = "get")]
    method: String,
    target: String,
    content_type: Option<String>,
    #[serde(default)]
    body: String,
    #[serde(default = "ok")]
    status: u16,
    /// What the content type begins with.
    r#type: Option<String>,
    /// The whole body.
    text: Option<String>,
    /// What the body has somewhere.
    #[serde(default)]
    contains: Vec<String>,
    /// What the body has nowhere.
    #[serde(default)]
    lacks: Vec<String>,
    /// JSON pointers and the values there.
    #[serde(default)]
    json: toml::Table,
    /// JSON pointers at which there is nothing.
    #[serde(default)]
    missing: Vec<String>,
    /// What the location begins with.
    location: Option<String>,
}

fn get() -> String {
    "GET".to_owned()
}

fn ok() -> u16 {
    200
}

/// The centre that every corpus is of.
pub(crate) fn plan() -> Plan {
    let customers = include_str!("centre.json");
    Plan {
        customers: serde_json::from_str(customers).unwrap(),
        rules: vec![TreatmentRule {
            label: Some("quiet".to_owned()),
            may_greet: Some(false),
            ..TreatmentRule::default()
        }],
        ..Plan::default()
    }
}

fn faults(
    request: &Request,
    status: u16,
    content_type: &str,
    location: Option<&str>,
    body: &[u8],
) -> Vec<String> {
    let text = String::from_utf8_lossy(body);
    let mut faults = Vec::new();
    if status != request.status {
        faults.push(format!("status {status}"));
    }
    if request
        .r#type
        .as_deref()
        .is_some_and(|kind| !content_type.starts_with(kind))
    {
        faults.push(format!("content type {content_type}"));
    }
    if request.text.as_deref().is_some_and(|expected| expected != text) {
        faults.push(format!("text {text:?}"));
    }
    if let Some(expected) = &request.location
        && !location.is_some_and(|location| location.starts_with(expected))
    {
        faults.push(format!("location {location:?}"));
    }
    faults.extend(
        request
            .contains
            .iter()
            .filter(|part| !text.contains(*part))
            .map(|part| format!("no {part:?} in {text}")),
    );
    faults.extend(
        request
            .lacks
            .iter()
            .filter(|part| text.contains(*part))
            .map(|part| format!("{part:?} in {text}")),
    );
    if request.json.is_empty() && request.missing.is_empty() {
        return faults;
    }
    let Ok(json) = serde_json::from_slice::<Value>(body) else {
        faults.push(format!("no JSON: {text}"));
        return faults;
    };
    for (pointer, expected) in &request.json {
        let expected = serde_json::to_value(expected).unwrap();
        // TOML has no null.
        let is_null = expected == "null" && json.pointer(pointer) == Some(&Value::Null);
        if json.pointer(pointer) != Some(&expected) && !is_null {
            faults.push(format!("{pointer} is {:?} in {text}", json.pointer(pointer)));
        }
    }
    faults.extend(
        request
            .missing
            .iter()
            .filter_map(|pointer| Some(format!("{pointer} is {}", json.pointer(pointer)?))),
    );
    faults
}

#[test]
fn callers_are_answered_as_they_expect() {
    let centre = centre(&plan());
    let speakers = centre.speakers();
    let rings = Rings::of(&centre);
    let mut replayed = 0;
    let mut failed = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/callers/corpus");
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let corpus: Corpus = toml::from_str(&fs::read_to_string(&file).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for request in &corpus.request {
            // What is no URL to the server's HTTP library never comes as far as a dialect.
            let uri = request.target.parse::<hyper::Uri>();
            assert!(uri.is_ok(), "{}: {}", request.name, request.target);
            let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
            let call = Call {
                method: &request.method,
                path,
                query,
                content_type: request.content_type.as_deref(),
                host: Some("ringside.example:7464"),
                body: request.body.as_bytes(),
                ..Call::default()
            };
            let route = Route::of(call.trimmed_path());
            replayed += 1;
            let name = file.file_stem().unwrap().to_string_lossy();
            // Rings and desktops are answered by whoever tells desktops.
            if route
                .as_ref()
                .is_some_and(|route| matches!(route.need, Need::Ring | Need::Desktop(_)))
            {
                let response = rings.ask(
                    &request.method,
                    &request.target,
                    request.content_type.as_deref(),
                    call.body,
                );
                let faults = faults(
                    request,
                    response.status,
                    response.header("content-type").unwrap_or_default(),
                    response.header("location"),
                    response.body.as_bytes(),
                );
                failed.extend(
                    faults
                        .into_iter()
                        .map(|fault| format!("{name}: {}: {fault}", request.name)),
                );
                continue;
            }
            let dialect = route.map_or(Dialect::Native, |route| route.dialect);
            let mut out = BytesMut::new();
            let spoken = speakers.get(dialect).expect("a dialect of this version");
            let faults = match spoken.answer(&call, &mut out) {
                None => vec!["nobody answered".to_owned()],
                Some(reply) => faults(
                    request,
                    reply.status,
                    reply.content_type,
                    reply.location.as_deref(),
                    &out,
                ),
            };
            failed.extend(
                faults
                    .into_iter()
                    .map(|fault| format!("{name}: {}: {fault}", request.name)),
            );
        }
    }
    assert!(replayed > 10, "the corpus was not found");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
