//! Reading one field of a document of any shape. What cannot be read as what it should be is left out: a system of record
//! has customers of every age, and one strange field must not cost the others.

use serde_json::{Map, Value, json};

use crate::customer::document::{MOST_PHONES, is_color, is_id};

/// The most characters of a text.
const MOST_CHARACTERS: usize = 1000;
/// The most characters of a label.
const MOST_LABEL_CHARACTERS: usize = 100;
/// The most labels of a customer.
const MOST_LABELS: usize = 100;
/// The most activities of an interaction.
const MOST_ACTIVITIES: usize = 200;
/// Numbers below this are seconds since 1970, others milliseconds: this is the year 5138 in the one, 1973 in the other.
const SECONDS_BELOW: u64 = 100_000_000_000;

/// A document that is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    object: Option<&'a Map<String, Value>>,
}

impl<'a> Reader<'a> {
    pub(super) fn of(document: &'a Value) -> Reader<'a> {
        Reader {
            object: document.as_object(),
        }
    }

    pub(super) fn of_object(object: &'a Map<String, Value>) -> Reader<'a> {
        Reader { object: Some(object) }
    }

    /// Everything that `path` leads to.
    fn all(&self, path: &str) -> Vec<&'a Value> {
        let Some(object) = self.object else {
            return Vec::new();
        };
        // A key may hold a dot itself.
        if let Some(value) = object.get(path) {
            return vec![value];
        }
        let mut reached: Vec<&'a Value> = Vec::new();
        for (nth, key) in path.split('.').enumerate() {
            if nth == 0 {
                reached.extend(object.get(key));
                continue;
            }
            reached = reached
                .into_iter()
                .flat_map(|value| match value {
                    Value::Array(list) => list.iter().collect(),
                    other => vec![other],
                })
                .filter_map(|value| value.as_object()?.get(key))
                .collect();
        }
        reached
    }

    /// What the first of `paths` that leads to something leads to; the first of a list.
    pub(super) fn first(&self, paths: &[String]) -> Option<Value> {
        paths.iter().find_map(|path| {
            let mut flat = Vec::new();
            self.all(path)
                .into_iter()
                .for_each(|value| flatten(value, &mut flat));
            flat.into_iter().next()
        })
    }

    pub(super) fn text(&self, paths: &[String]) -> Option<Value> {
        let found = paths.iter().find_map(|path| {
            let mut flat = Vec::new();
            self.all(path)
                .into_iter()
                .for_each(|value| flatten(value, &mut flat));
            flat.iter().find_map(scalar)
        });
        found.map(|text| shorten(&text, MOST_CHARACTERS).into())
    }

    /// A number as somebody calls it.
    pub(super) fn written(&self, paths: &[String]) -> Option<Value> {
        self.text(paths)
    }

    pub(super) fn id(&self, paths: &[String]) -> Option<Value> {
        self.first(paths).and_then(|id| id_text(&id)).map(Value::from)
    }

    pub(super) fn moment(&self, paths: &[String]) -> Option<Value> {
        paths
            .iter()
            .find_map(|path| self.all(path).into_iter().find_map(moment))
            .map(Value::from)
    }

    pub(super) fn flag(&self, paths: &[String]) -> Option<bool> {
        self.first(paths).as_ref().and_then(flag)
    }

    pub(super) fn whole(&self, paths: &[String]) -> Option<Value> {
        self.first(paths).as_ref().and_then(whole).map(Value::from)
    }

    pub(super) fn direction(&self, paths: &[String]) -> Option<Value> {
        let word = self.text(paths)?.as_str()?.to_ascii_lowercase();
        match word.as_str() {
            "inbound" | "in" | "incoming" => Some("inbound".into()),
            "outbound" | "out" | "outgoing" => Some("outbound".into()),
            _ => None,
        }
    }

    /// An attribute's value: what is no list and no object as it is, a list of such as one text.
    pub(super) fn attribute(&self, path: &str) -> Option<Value> {
        let mut flat = Vec::new();
        self.all(path)
            .into_iter()
            .for_each(|value| flatten(value, &mut flat));
        match &*flat {
            [] => None,
            [Value::Bool(flag)] => Some((*flag).into()),
            [Value::Object(_)] => self.moment(&[path.to_owned()]),
            several => {
                let texts: Vec<String> = several.iter().filter_map(scalar).collect();
                (!texts.is_empty()).then(|| shorten(&texts.join(", "), MOST_CHARACTERS).into())
            }
        }
    }

    /// The object at `path`, the document itself where that is empty.
    pub(super) fn object(&self, path: &str) -> Option<&'a Map<String, Value>> {
        if path.is_empty() {
            return self.object;
        }
        self.all(path).into_iter().find_map(Value::as_object)
    }

    /// The list that the first of `paths` that leads to one leads to.
    pub(super) fn list(&self, paths: &[String]) -> Option<&'a Vec<Value>> {
        paths
            .iter()
            .find_map(|path| self.all(path).into_iter().find_map(Value::as_array))
    }

    /// Every phone that one of `paths` leads to; `region` is that of phones that say none.
    pub(super) fn phones(&self, paths: &[String], region: Option<&Value>) -> Option<Value> {
        let mut phones: Vec<Value> = Vec::new();
        for path in paths {
            let mut flat = Vec::new();
            self.all(path)
                .into_iter()
                .for_each(|value| flatten(value, &mut flat));
            for phone in flat.iter().filter_map(|value| phone(value, region)) {
                if !phones.contains(&phone) && phones.len() < MOST_PHONES {
                    phones.push(phone);
                }
            }
        }
        (!phones.is_empty()).then_some(Value::Array(phones))
    }

    /// Every label that one of `paths` leads to.
    pub(super) fn labels(&self, paths: &[String]) -> Option<Value> {
        let mut labels: Vec<Value> = Vec::new();
        for path in paths {
            let mut flat = Vec::new();
            self.all(path)
                .into_iter()
                .for_each(|value| flatten(value, &mut flat));
            labels.extend(flat.iter().filter_map(label));
        }
        labels.truncate(MOST_LABELS);
        (!labels.is_empty()).then_some(Value::Array(labels))
    }

    pub(super) fn activities(&self, paths: &[String]) -> Option<Value> {
        let list = self.list(paths)?;
        let activities: Vec<Value> = list.iter().filter_map(activity).take(MOST_ACTIVITIES).collect();
        Some(Value::Array(activities))
    }
}

/// The leaves of `value`: what is in lists of lists, but for nulls; objects stay whole.
fn flatten(value: &Value, into: &mut Vec<Value>) {
    match value {
        Value::Null => {}
        Value::Array(list) => list.iter().for_each(|value| flatten(value, into)),
        Value::Object(object) => into.push(plain(object).unwrap_or_else(|| value.clone())),
        other => into.push(other.clone()),
    }
}

/// What an object of MongoDB's Extended JSON stands for, where that is a text or a number.
fn plain(object: &Map<String, Value>) -> Option<Value> {
    let mut members = object.iter();
    let (key, value) = members.next().filter(|_| object.len() == 1)?;
    match key.as_str() {
        "$oid" | "$numberDecimal" | "$symbol" | "$uuid" => Some(value.clone()),
        "$numberLong" | "$numberInt" => Some(value.as_str()?.parse::<i64>().ok()?.into()),
        "$numberDouble" => Some(value.as_str()?.parse::<f64>().ok()?.into()),
        _ => None,
    }
}

/// A text, a number or a bool as text; nothing where it is blank.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim())
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
        Value::Number(number) => Some(digits(number)),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A number as a person writes it: a phone that was kept as a floating-point number has no fraction and no exponent.
fn digits(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if !number.is_i64() && !number.is_u64() && float.fract() == 0.0 && float.abs() < 1e18 => {
            format!("{float:.0}")
        }
        _ => number.to_string(),
    }
}

fn shorten(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// An id of ours; a number as its digits.
pub(super) fn id_text(value: &Value) -> Option<String> {
    let text = match value {
        Value::Object(object) => return plain(object).as_ref().and_then(id_text),
        Value::Bool(_) => return None,
        other => scalar(other)?,
    };
    is_id(&text).then_some(text)
}

/// When the document with the id `id` was made, where that is an object id, which begins with the seconds since 1970.
pub(super) fn object_id_time(id: &str) -> Option<String> {
    let is_object_id = id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let seconds = i64::from_str_radix(id.get(..8).filter(|_| is_object_id)?, 16).ok()?;
    Some(jiff::Timestamp::from_second(seconds).ok()?.to_string())
}

/// RFC 3339 of a text or a number, or of Extended JSON's `$date`.
fn moment(value: &Value) -> Option<String> {
    let of_ms = |ms: i64| Some(jiff::Timestamp::from_millisecond(ms).ok()?.to_string());
    match value {
        Value::String(text) => {
            let text = text.trim();
            if let Ok(at) = text.parse::<jiff::Timestamp>() {
                // Ours allow no space in it.
                return Some(if text.contains(' ') {
                    at.to_string()
                } else {
                    text.to_owned()
                });
            }
            let civil: jiff::civil::DateTime = text.parse().ok()?;
            Some(
                civil
                    .to_zoned(jiff::tz::TimeZone::UTC)
                    .ok()?
                    .timestamp()
                    .to_string(),
            )
        }
        Value::Number(number) => {
            let number = number.as_i64()?;
            of_ms(if number.unsigned_abs() < SECONDS_BELOW {
                number.checked_mul(1000)?
            } else {
                number
            })
        }
        Value::Object(object) => match object.get("$date")? {
            Value::Number(ms) => of_ms(ms.as_i64()?),
            Value::Object(long) => of_ms(plain(long)?.as_i64()?),
            text => moment(text),
        },
        Value::Array(list) => list.iter().find_map(moment),
        Value::Null | Value::Bool(_) => None,
    }
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => Some(number.as_f64()? != 0.0),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" => Some(true),
            "false" | "f" | "no" | "n" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn whole(value: &Value) -> Option<u64> {
    match scalar(value)?.split('.').next()?.parse().ok() {
        Some(whole) if !value.is_boolean() => Some(whole),
        _ => None,
    }
}

fn phone(value: &Value, region: Option<&Value>) -> Option<Value> {
    let mut phone = Map::new();
    let number = match value {
        Value::Object(object) => {
            let reader = Reader::of_object(object);
            if let Some(region) = reader.text(&paths(&["region", "country", "countryCode"])) {
                phone.insert("region".into(), region);
            }
            if let Some(kind) = reader.text(&paths(&["kind", "type", "label"])) {
                phone.insert("kind".into(), kind);
            }
            if reader.flag(&paths(&["shared"])) == Some(true) {
                phone.insert("shared".into(), true.into());
            }
            reader.text(&paths(&[
                "number",
                "value",
                "phoneNumber",
                "phone_number",
                "phone",
            ]))?
        }
        Value::Bool(_) => return None,
        other => scalar(other)?.into(),
    };
    let is_region = |region: &Value| region.as_str().is_some_and(is_region);
    if !phone.get("region").is_some_and(is_region) {
        phone.remove("region");
        if let Some(region) = region.filter(|region| is_region(region)) {
            phone.insert("region".into(), region.clone());
        }
    }
    if number.as_str()?.chars().count() > MOST_CHARACTERS {
        return None;
    }
    if phone.is_empty() {
        return Some(number);
    }
    phone.insert("number".into(), number);
    Some(Value::Object(phone))
}

fn paths(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn is_region(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn label(value: &Value) -> Option<Value> {
    let name = |value: &Value| scalar(value).map(|name| shorten(&name, MOST_LABEL_CHARACTERS));
    let Value::Object(object) = value else {
        return name(value).map(Value::from);
    };
    let label = ["name", "label", "title"]
        .iter()
        .find_map(|key| name(object.get(*key)?))?;
    let color = ["color", "colour", "colorCode", "color_code"]
        .iter()
        .find_map(|key| object.get(*key)?.as_str())
        .filter(|color| is_color(color));
    Some(match color {
        Some(color) => json!({"name": label, "color": color}),
        None => label.into(),
    })
}

fn activity(value: &Value) -> Option<Value> {
    let reader = Reader::of(value);
    let mut activity = Map::new();
    let kind = reader.text(&paths(&["kind", "type", "activityType"]))?;
    activity.insert("kind".into(), kind);
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            activity.insert(key.into(), value);
        }
    };
    put(
        "started_at",
        reader.moment(&paths(&["started_at", "startedAt", "startTime"])),
    );
    put(
        "duration_s",
        reader.whole(&paths(&["duration_s", "durationS", "duration"])),
    );
    put("agent_id", reader.id(&paths(&["agent_id", "agentId"])));
    put("agent_name", reader.text(&paths(&["agent_name", "agentName"])));
    put("team", reader.text(&paths(&["team", "teamName"])));
    put("extension", reader.text(&paths(&["extension", "agentExtension"])));
    put("wrap_up", reader.text(&paths(&["wrap_up", "wrapUp"])));
    Some(Value::Object(activity))
}
