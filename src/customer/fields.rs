//! One JSON object read key by key: where we are, what is expected there, and the refusal where it is not.

use std::fmt::{self, Display, Write};

use smallvec::SmallVec;

use super::Refusal;
use super::json::{Json, Kind};
use super::moment::instant;

/// The most characters of any text that does not state its own limit.
pub(super) const MOST_CHARACTERS: usize = 1000;
/// The most bytes of an id.
const MOST_ID_BYTES: usize = 256;
/// How many characters of what was found a refusal shows.
const SHOWN: usize = 40;
/// Longer keys than any known one are not compared with them: the distance costs the product of both lengths.
const MOST_COMPARED: usize = 64;

/// Where in a document a value stands. Borrowed from step to step, so that only a refusal pays for the text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'a> {
    /// The document itself.
    Document,
    /// Under a key.
    Key(&'a Path<'a>, &'a str),
    /// In a list.
    Entry(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// The refusal of what stands here.
    pub(super) fn refuse(&self, expected: impl Into<String>, found: impl Into<String>) -> Refusal {
        Refusal {
            field: self.to_string(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}

impl Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Document => f.write_str("document"),
            Path::Key(Path::Document, key) => f.write_str(&shorten(key)),
            Path::Key(parent, key) => write!(f, "{parent}.{}", shorten(key)),
            Path::Entry(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// An object all of whose keys are known.
pub(super) struct Fields<'a> {
    members: SmallVec<[(&'a str, Json<'a>); 16]>,
    path: &'a Path<'a>,
}

impl<'a> Fields<'a> {
    /// Opens the object at `path`; a key outside `known` refuses it.
    pub(super) fn open(json: Json<'a>, path: &'a Path<'a>, known: &[&str]) -> Result<Self, Refusal> {
        if json.kind() != Kind::Object {
            return Err(path.refuse("an object", veiled(json.kind())));
        }
        let members: SmallVec<_> = json.members().collect();
        match members.iter().find(|(key, _)| !known.contains(key)) {
            Some((key, _)) => Err(Path::Key(path, key).refuse(instead(key, known), "an unknown key")),
            None => Ok(Self { members, path }),
        }
    }

    /// Where the value of `key` stands.
    pub(super) fn at<'k>(&'k self, key: &'k str) -> Path<'k> {
        Path::Key(self.path, key)
    }

    /// The value of `key`, the last of several; a null is an absent one.
    pub(super) fn get(&self, key: &str) -> Option<Json<'a>> {
        let mut members = self.members.iter().rev();
        let (_, value) = members.find(|(found, _)| *found == key)?;
        (!value.is_null()).then_some(*value)
    }

    /// The refusal of an object without `key`.
    pub(super) fn missing(&self, key: &str, expected: &str) -> Refusal {
        self.at(key).refuse(expected, "nothing")
    }

    /// A text of up to [`MOST_CHARACTERS`]; a number is read as its text, a blank text is an absent one.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, Refusal> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match value.kind() {
            Kind::Number(number) => Ok(Some(number.to_string())),
            kind => text(kind, &self.at(key)),
        }
    }

    /// A phone number as written: a text, since a JSON number has lost the zeros it began with.
    pub(super) fn written(&self, key: &str) -> Result<Option<String>, Refusal> {
        self.get(key)
            .map_or(Ok(None), |value| text(value.kind(), &self.at(key)))
    }

    /// An id: 1–256 bytes that need no escape in JSON, or a whole number, read as its text.
    pub(super) fn id(&self, key: &str) -> Result<Option<String>, Refusal> {
        let refuse = |found: String| {
            self.at(key).refuse(
                "an id of 1 to 256 bytes without control characters, quotation marks or backslashes",
                found,
            )
        };
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match value.kind() {
            Kind::Text(id) if id.len() > MOST_ID_BYTES => Err(refuse(format!("{} bytes", id.len()))),
            Kind::Text(id) if !is_id(id) => Err(refuse(found(value.kind()))),
            Kind::Text(id) => Ok((!is_blank(id)).then(|| id.to_owned())),
            Kind::Number(number) if number.is_u64() || number.is_i64() => Ok(Some(number.to_string())),
            other => Err(refuse(found(other))),
        }
    }

    /// An id that has to be there.
    pub(super) fn required_id(&self) -> Result<String, Refusal> {
        self.id("id")?.ok_or_else(|| self.missing("id", "an id"))
    }

    /// A moment in RFC 3339, kept as written.
    pub(super) fn moment(&self, key: &str) -> Result<Option<String>, Refusal> {
        self.checked(
            key,
            "a moment in RFC 3339, such as 2026-11-18T14:02:11Z",
            |text| instant(text).is_some(),
        )
    }

    /// A text that `is_right` accepts, kept as written.
    pub(super) fn checked(
        &self,
        key: &str,
        expected: &str,
        is_right: impl Fn(&str) -> bool,
    ) -> Result<Option<String>, Refusal> {
        match self.get(key).map(Json::kind) {
            None => Ok(None),
            Some(Kind::Text(text)) if is_blank(text) => Ok(None),
            Some(Kind::Text(text)) if is_right(text) => Ok(Some(text.to_owned())),
            Some(other) => Err(self.at(key).refuse(expected, found(other))),
        }
    }

    /// A bool; absent is false.
    pub(super) fn flag(&self, key: &str) -> Result<bool, Refusal> {
        match self.get(key).map(Json::kind) {
            None => Ok(false),
            Some(Kind::Bool(flag)) => Ok(flag),
            Some(other) => Err(self.at(key).refuse("true or false", found(other))),
        }
    }

    /// Whole seconds.
    pub(super) fn seconds(&self, key: &str) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let kind = value.kind();
        let seconds = match kind {
            Kind::Number(number) => number.as_u64(),
            _ => None,
        };
        let refuse = || self.at(key).refuse("whole seconds, 0 or more", found(kind));
        seconds.map(Some).ok_or_else(refuse)
    }

    /// A list of up to `most` entries, each read by `entry`; null entries are absent, and so are those for
    /// which `entry` gives nothing. `None` where the list itself is absent.
    pub(super) fn list<T>(
        &self,
        key: &str,
        most: usize,
        entry: impl Fn(Json<'_>, &Path<'_>) -> Result<Option<T>, Refusal>,
    ) -> Result<Option<Vec<T>>, Refusal> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let path = self.at(key);
        let len = match value.kind() {
            Kind::List(len) => len,
            other => return Err(path.refuse("a list", veiled(other))),
        };
        if len > most {
            return Err(path.refuse(format!("at most {most} entries"), len.to_string()));
        }
        value
            .entries()
            .enumerate()
            .filter(|(_, value)| !value.is_null())
            .filter_map(|(index, value)| entry(value, &Path::Entry(&path, index)).transpose())
            .collect::<Result<_, _>>()
            .map(Some)
    }
}

/// The text at `path`, within [`MOST_CHARACTERS`]; nothing where it is blank.
pub(super) fn text(value: Kind<'_>, path: &Path<'_>) -> Result<Option<String>, Refusal> {
    match value {
        Kind::Text(text) if is_within(text, MOST_CHARACTERS) => {
            Ok((!is_blank(text)).then(|| text.to_owned()))
        }
        other => Err(path.refuse(
            format!("a text of at most {MOST_CHARACTERS} characters"),
            veiled(other),
        )),
    }
}

/// Whether `text` has at most `most` characters.
pub(super) fn is_within(text: &str, most: usize) -> bool {
    // No character is shorter than a byte.
    text.len() <= most || text.chars().count() <= most
}

/// Whether a text says nothing.
pub(super) fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// What a refusal shows of `value`: the beginning of it.
pub(super) fn found(value: Kind<'_>) -> String {
    match value {
        Kind::Text(text) => format!("\"{}\"", shorten(text)),
        Kind::Bool(value) => value.to_string(),
        Kind::Number(number) => shorten(&number.to_string()),
        Kind::Null => "null".to_owned(),
        Kind::List(_) | Kind::Object => veiled(value),
    }
}

/// What a refusal may say of a `value` that must not be seen: its kind and its size.
pub(super) fn veiled(value: Kind<'_>) -> String {
    match value {
        Kind::Null => "null".to_owned(),
        Kind::Bool(_) => "a bool".to_owned(),
        Kind::Number(_) => "a number".to_owned(),
        Kind::Text(text) => format!("a text of {} characters", text.chars().count()),
        Kind::List(entries) => format!("a list of {entries}"),
        Kind::Object => "an object".to_owned(),
    }
}

/// What could have stood instead of the unknown word `key`: the nearest of `known`, or all of them where none
/// is near.
pub(super) fn instead<S: AsRef<str>>(key: &str, known: &[S]) -> String {
    match nearest(key, known) {
        Some(near) => format!("something known, perhaps `{near}`"),
        None if known.is_empty() => "none at all".to_owned(),
        None => format!(
            "one of {}",
            known.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
        ),
    }
}

/// The one of `known` that `key` was probably meant to be.
fn nearest<'k, S: AsRef<str>>(key: &str, known: &'k [S]) -> Option<&'k str> {
    let length = key.chars().count();
    if length > MOST_COMPARED {
        return None;
    }
    let key = key.to_lowercase();
    known
        .iter()
        .map(AsRef::as_ref)
        .map(|known| (strsim::osa_distance(&key, &known.to_lowercase()), known))
        .filter(|(distance, known)| *distance <= length.max(known.len()).div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// The beginning of `text`, escaped, so that a refusal stays one line whatever was in the document.
pub(super) fn shorten(text: &str) -> String {
    let mut chars = text.chars();
    let mut short = String::new();
    for c in chars.by_ref().take(SHOWN) {
        // Writing to a String cannot fail.
        let _ = write!(short, "{}", c.escape_debug());
    }
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

/// Whether `text` may be an id: 0 to 256 bytes without control characters, quotation marks or backslashes.
pub fn is_id(text: &str) -> bool {
    text.len() <= MOST_ID_BYTES && !text.chars().any(|c| c.is_control() || matches!(c, '"' | '\\'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_reads_as_one_would_write_it() {
        let phones = Path::Key(&Path::Document, "phones");
        let second = Path::Entry(&phones, 1);
        assert_eq!(Path::Key(&second, "region").to_string(), "phones[1].region");
        assert_eq!(Path::Document.to_string(), "document");
    }

    #[test]
    fn an_unknown_key_meets_its_nearest() {
        let known = ["created_at", "email", "phones"];
        assert_eq!(nearest("createdAt", &known), Some("created_at"));
        assert_eq!(nearest("Phone", &known), Some("phones"));
        assert_eq!(nearest("shoe_size", &known), None);
        assert_eq!(nearest(&"x".repeat(1 << 20), &known), None);
        assert_eq!(instead("shoe_size", &known), "one of created_at, email, phones");
    }

    #[test]
    fn what_was_found_is_one_short_line() {
        assert_eq!(found(Kind::from(&json!("a\nb"))), r#""a\nb""#);
        assert_eq!(
            found(Kind::from(&json!("x".repeat(41)))),
            format!("\"{}…\"", "x".repeat(40))
        );
        assert_eq!(found(Kind::from(&json!([1, 2]))), "a list of 2");
        assert_eq!(veiled(Kind::from(&json!("secret"))), "a text of 6 characters");
    }
}
