//! What an answer means. Pure.

use std::time::SystemTime;

use hyper::StatusCode;
use hyper::header::{HeaderMap, LOCATION, RETRY_AFTER};
use serde_json::Value;

use super::client::{Answered, Failure};
use super::item::{Item, Kind};
use super::queue::Answer;
use super::settings::{Settings, TargetKind};

/// What is kept of how a server explains a refusal, in characters.
const EXPLANATION_MAX: usize = 500;
/// The longest id, in bytes.
const ID_MAX: usize = 200;

/// What `answered` means for `item`.
pub(super) fn judge(
    settings: &Settings,
    item: &Item,
    answered: Result<Answered, Failure>,
    now: SystemTime,
) -> Answer {
    let answered = match answered {
        Ok(answered) => answered,
        Err(failure) => return failed(failure),
    };
    let status = answered.status;
    let error = format!("status {}", status.as_u16());
    let answer = explanation(&answered.body);
    let is_api = settings.kind == TargetKind::Cim;
    let creates = item.creates().is_some();
    let json = serde_json::from_slice::<Value>(&answered.body).ok();
    match status.as_u16() {
        200..=299 if is_api && json.is_none() && !answered.body.trim_ascii().is_empty() => Answer::Failed {
            // The page of a proxy where one is to log in, for example.
            error: format!("{error} with something that is no JSON"),
            answer,
        },
        200..=299 => {
            let body = json.as_ref().and_then(|json| id_at(json, &settings.created_id));
            let assigned = body.or_else(|| id_in_location(&answered.headers, status));
            Answer::Delivered {
                assigned_id: assigned.filter(|_| creates && is_api),
            }
        }
        // Somebody else may have the same phone: only where the server says which customer is there, it is this one.
        409 if is_api && item.kind == Kind::Customer => {
            let existing = json.as_ref().and_then(|json| id_at(json, &settings.existing_id));
            match existing.filter(|_| creates) {
                Some(id) => Answer::Delivered {
                    assigned_id: Some(id),
                },
                None => Answer::Refused { error, answer },
            }
        }
        409 => Answer::Delivered { assigned_id: None },
        300..=399 => Answer::Away {
            error: format!("{error}: redirects are not followed; correct system_of_record.url"),
            asked_ms: None,
        },
        401 | 403 | 407 => Answer::Away {
            error: format!("{error}: what we show does not count; look at system_of_record.auth"),
            asked_ms: None,
        },
        429 | 503 => Answer::Away {
            error,
            asked_ms: retry_after(&answered.headers, now),
        },
        408 | 425 | 500..=599 => Answer::Failed { error, answer },
        _ => Answer::Refused { error, answer },
    }
}

fn failed(failure: Failure) -> Answer {
    let failed = |error: &str| Answer::Failed {
        error: error.to_owned(),
        answer: None,
    };
    match failure {
        Failure::Unreachable => Answer::Away {
            error: "cannot be reached".to_owned(),
            asked_ms: None,
        },
        Failure::Late => failed("no answer within system_of_record.timeout_ms"),
        Failure::Broken => failed("no whole answer in HTTP"),
        Failure::TooLong => failed("an answer that is too long"),
    }
}

/// The id at the first of `paths` that leads to one.
fn id_at(json: &Value, paths: &[String]) -> Option<String> {
    paths.iter().find_map(|path| {
        let found = path.split('.').try_fold(json, |value, step| value.get(step))?;
        let text = match found {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Object(object) => object.get("$oid")?.as_str()?.to_owned(),
            _ => return None,
        };
        is_id(&text).then_some(text)
    })
}

/// The last step of where the server says that the new one is.
fn id_in_location(headers: &HeaderMap, status: StatusCode) -> Option<String> {
    if status != StatusCode::CREATED {
        return None;
    }
    let location = headers.get(LOCATION)?.to_str().ok()?;
    let path = location.split(['?', '#']).next()?.trim_end_matches('/');
    let last = path.rsplit('/').next()?;
    let id = percent_encoding::percent_decode_str(last).decode_utf8().ok()?;
    is_id(&id).then(|| id.into_owned())
}

fn is_id(text: &str) -> bool {
    (1..=ID_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// The time that the server asks to be left alone for, in milliseconds: as seconds or as a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(seconds.saturating_mul(1000));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    let wait = at.duration_since(now).unwrap_or_default();
    u64::try_from(wait.as_millis()).ok()
}

fn explanation(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let text: String = text
        .trim()
        .chars()
        .filter(|char| !char.is_control())
        .take(EXPLANATION_MAX)
        .collect();
    (!text.is_empty()).then_some(text)
}
