//! What is sent for an item. Pure.

use hyper::header::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::client::Asked;
use super::item::{Item, Kind};
use super::settings::{Fields, Settings, is_path_place, is_place};
use super::template::{Json, Text};

/// What is encoded of a value in a path.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Whether an attribute is sensitive, by its key.
pub type IsSensitive = dyn Fn(&str) -> bool + Send + Sync;

/// What is sent to an API in the manner of CIM's.
///
/// # Errors
/// It lacks what its path has a place for, by name.
pub(super) fn to_api(settings: &Settings, item: &Item) -> Result<Asked, String> {
    let (path, method) = match item.kind {
        Kind::Customer if item.is_update() => (&settings.customer_path, settings.customer_method),
        Kind::Customer => (&settings.customers_path, settings.customers_method),
        Kind::Link => (&settings.links_path, settings.links_method),
        Kind::Interaction => (&settings.interactions_path, settings.interactions_method),
        Kind::Sms => (&settings.sms_path, settings.sms_method),
    };
    if path.is_empty() {
        return Err(format!("no path is configured for {}s", item.kind.name()));
    }
    let body = match item.kind {
        Kind::Customer => {
            let extra = serde_json::from_str(&settings.customer_extra).unwrap_or_default();
            customer(
                settings,
                &item.body,
                if item.is_update() { Map::new() } else { extra },
            )
        }
        Kind::Link => members(&settings.link_fields, &item.body, true),
        Kind::Interaction => interaction(settings, &item.body),
        Kind::Sms => members(&settings.sms_fields, &item.body, false),
    };
    Ok(Asked {
        method: method.http(),
        path: filled(path, &item.body)?,
        headers: vec![key(settings, item)?],
        body: Value::Object(body).to_string().into(),
    })
}

/// What is sent to a webhook: without sensitive attributes, for nobody knows who reads it.
///
/// # Errors
/// Its headers cannot be sent.
pub(super) fn to_webhook(
    settings: &Settings,
    item: &Item,
    is_sensitive: &IsSensitive,
) -> Result<Asked, String> {
    let template =
        Json::parse(&settings.webhook.template, &is_place).map_err(|_| "the template is none".to_owned())?;
    let mut body = item.body.clone();
    spare(&mut body, is_sensitive);
    let value = |name: &str| match name {
        "id" => Some(json!(item.id)),
        "key" => Some(json!(item.key)),
        "kind" => Some(json!(item.kind)),
        "created_at" => Some(json!(item.created_at.to_string())),
        "body" => Some(body.clone()),
        name => match name.strip_prefix("attributes.") {
            Some(key) => body.get("attributes")?.get(key).cloned(),
            None => ours(&body, name).cloned(),
        },
    };
    let mut headers = vec![key(settings, item)?];
    for (name, value) in &settings.webhook.headers {
        let unfit = || format!("the header {name} cannot be sent");
        let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| unfit())?;
        value.set_sensitive(true);
        headers.push((
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit())?,
            value,
        ));
    }
    Ok(Asked {
        method: settings.webhook.method.http(),
        path: String::new(),
        headers,
        body: template.fill(&value).to_string().into(),
    })
}

/// The line of a file.
pub(super) fn to_line(item: &Item) -> String {
    let line = json!({
        "id": item.id,
        "key": item.key,
        "kind": item.kind,
        "lane": item.lane,
        "created_at": item.created_at.to_string(),
        "body": item.body,
    });
    format!("{line}\n")
}

/// A path with its places filled.
///
/// # Errors
/// There is no value for one of them.
pub(super) fn filled(path: &str, body: &Value) -> Result<String, String> {
    let text = Text::parse(path, &is_path_place).map_err(|_| "its path is none".to_owned())?;
    let value = |name: &str| Some(encoded(body.get(name)?.as_str()?));
    text.fill(&value)
        .ok_or_else(|| "it lacks the customer or the call that its path has a place for".to_owned())
}

/// A value as it stands in a path.
pub(super) fn encoded(value: &str) -> String {
    // A step of dots alone would lead elsewhere.
    match value {
        "." | ".." => value.replace('.', "%2E"),
        _ => utf8_percent_encode(value, IN_PATH).to_string(),
    }
}

fn key(settings: &Settings, item: &Item) -> Result<(HeaderName, HeaderValue), String> {
    let unfit = |_| "its key cannot stand in a header".to_owned();
    let name = HeaderName::from_bytes(settings.key_header.as_bytes())
        .map_err(|_| "key_header is no header".to_owned())?;
    Ok((name, HeaderValue::from_str(&item.key).map_err(unfit)?))
}

/// What the body says of `name`, among its flags too.
fn ours<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    body.get(name).or_else(|| body.get("flags")?.get(name))
}

/// The members of `body` that `fields` names, under their names.
fn members(fields: &Fields, body: &Value, with_null: bool) -> Map<String, Value> {
    let named = fields.iter().filter(|(_, theirs)| !theirs.is_empty());
    named
        .filter_map(|(name, theirs)| {
            let value = ours(body, name).filter(|value| with_null || !value.is_null())?;
            Some((theirs.clone(), value.clone()))
        })
        .collect()
}

fn customer(settings: &Settings, body: &Value, extra: Map<String, Value>) -> Map<String, Value> {
    let fields = &settings.customer_fields;
    let mut all = extra;
    if let Some(Value::Object(attributes)) = body.get("attributes")
        && fields.get("attributes").is_some_and(|theirs| theirs == "*")
    {
        all.extend(attributes.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    // Ahead of attributes that are called the same.
    let mut named = members(fields, body, false);
    named.remove("*");
    if let Some(theirs) = fields.get("phones").filter(|theirs| !theirs.is_empty())
        && let Some(Value::Array(phones)) = body.get("phones")
    {
        let number = |phone: &Value| match phone {
            Value::Object(phone) => phone.get("number").cloned(),
            other => Some(other.clone()),
        };
        named.insert(theirs.clone(), phones.iter().filter_map(number).collect());
    }
    all.extend(named);
    all
}

fn interaction(settings: &Settings, body: &Value) -> Map<String, Value> {
    let mut named = members(&settings.interaction_fields, body, false);
    let theirs = settings.interaction_fields.get("activities");
    if let Some(theirs) = theirs.filter(|theirs| !theirs.is_empty())
        && let Some(Value::Array(activities)) = body.get("activities")
    {
        let activities = activities.iter();
        let activities =
            activities.map(|activity| Value::Object(members(&settings.activity_fields, activity, false)));
        named.insert(theirs.clone(), activities.collect());
    }
    named
}

/// Takes sensitive attributes off, of a customer wherever it is in `body`.
fn spare(body: &mut Value, is_sensitive: &IsSensitive) {
    let Value::Object(members) = body else {
        if let Value::Array(list) = body {
            list.iter_mut().for_each(|value| spare(value, is_sensitive));
        }
        return;
    };
    for (key, value) in members.iter_mut() {
        if key == "attributes"
            && let Value::Object(attributes) = value
        {
            attributes.retain(|key, _| !is_sensitive(key));
        }
        spare(value, is_sensitive);
    }
}
