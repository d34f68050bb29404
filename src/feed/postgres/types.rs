//! Values, from the text in which the server gives them to JSON. Sessions have their clock at UTC and dates as ISO 8601.

use std::collections::HashMap;

use serde_json::{Number, Value};

/// How deep arrays nest at the most; the server itself allows six dimensions.
const DEEPEST: usize = 6;
/// The first object id that is nobody's but the database's own users'.
const FIRST_OWN: u32 = 16_384;

/// What the text of a value says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Number,
    Json,
    /// A moment, with or without a zone; without one it is taken for UTC.
    Moment,
    /// A text filled up with blanks that mean nothing.
    Padded,
    Text,
    List(Box<Kind>),
}

/// The kinds of types by their object ids.
#[derive(Debug, Clone, Default)]
pub(super) struct Kinds {
    own: HashMap<u32, Type>,
}

/// A type that the catalogue knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    /// A domain over another one.
    Domain(u32),
    /// An array of another one.
    Array(u32),
    /// Anything else.
    Other,
}

impl Kinds {
    pub(super) fn new(own: HashMap<u32, Type>) -> Kinds {
        Kinds { own }
    }

    /// Whether `oid` can be told without asking the catalogue again.
    pub(super) fn knows(&self, oid: u32) -> bool {
        oid < FIRST_OWN || self.own.contains_key(&oid)
    }

    pub(super) fn of(&self, oid: u32) -> Kind {
        self.within(oid, 0)
    }

    fn within(&self, oid: u32, depth: usize) -> Kind {
        if depth > DEEPEST {
            return Kind::Text;
        }
        match oid {
            16 => Kind::Bool,
            20 | 21 | 23 | 26 | 700 | 701 | 1700 => Kind::Number,
            114 | 3802 => Kind::Json,
            1114 | 1184 => Kind::Moment,
            1042 => Kind::Padded,
            _ => match self.own.get(&oid) {
                Some(Type::Domain(base)) => self.within(*base, depth + 1),
                Some(Type::Array(element)) => Kind::List(Box::new(self.within(*element, depth + 1))),
                Some(Type::Other) | None => Kind::Text,
            },
        }
    }
}

impl Kind {
    /// The value that `text` is; what is not as its type says stays a text.
    pub(super) fn value(&self, text: &str) -> Value {
        match self {
            Kind::Bool => match text {
                "t" | "true" => true.into(),
                "f" | "false" => false.into(),
                _ => text.into(),
            },
            Kind::Number => number(text).map_or_else(|| text.into(), Value::Number),
            Kind::Json => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
            Kind::Moment => moment(text),
            Kind::Padded => text.trim_end_matches(' ').into(),
            Kind::Text => text.into(),
            Kind::List(element) => list(element, text).unwrap_or_else(|| text.into()),
        }
    }
}

/// The number that `text` is, where JSON's has not less than it.
fn number(text: &str) -> Option<Number> {
    if let Ok(whole) = text.parse::<i64>() {
        return (whole.to_string() == text).then(|| whole.into());
    }
    let number = Number::from_f64(text.parse().ok()?)?;
    (number.to_string() == text).then_some(number)
}

/// `2026-11-21 11:08:02.5+00` as RFC 3339; infinity is no moment.
fn moment(text: &str) -> Value {
    if text.ends_with("infinity") {
        return Value::Null;
    }
    let Some((date, time)) = text.split_once(' ').filter(|_| !text.ends_with("BC")) else {
        return text.into();
    };
    let time = time.strip_suffix("+00").unwrap_or(time);
    if time.contains(['+', '-']) {
        return text.into();
    }
    format!("{date}T{time}Z").into()
}

/// An array's literal, `{1,"a \"b\"",NULL}`.
fn list(element: &Kind, text: &str) -> Option<Value> {
    // Bounds that are not from 1 stand ahead, as `[0:1]={…}`.
    let text = if text.starts_with('[') {
        text.split_once('=')?.1
    } else {
        text
    };
    let mut rest = text.strip_prefix('{')?;
    let value = elements(element, &mut rest, 0)?;
    rest.is_empty().then_some(value)
}

/// Elements up to the brace that closes them, of which `rest` is what follows.
fn elements(element: &Kind, rest: &mut &str, depth: usize) -> Option<Value> {
    let mut found = Vec::new();
    if let Some(after) = rest.strip_prefix('}') {
        *rest = after;
        return Some(Value::Array(found));
    }
    loop {
        if let Some(after) = rest.strip_prefix('{') {
            if depth >= DEEPEST {
                return None;
            }
            *rest = after;
            found.push(elements(element, rest, depth + 1)?);
        } else if let Some(after) = rest.strip_prefix('"') {
            *rest = after;
            found.push(element.value(&quoted(rest)?));
        } else {
            let end = rest.find([',', '}'])?;
            let (word, after) = rest.split_at(end);
            *rest = after;
            found.push(match word {
                "NULL" => Value::Null,
                word => element.value(word),
            });
        }
        let mut characters = rest.chars();
        let next = characters.next()?;
        *rest = characters.as_str();
        match next {
            ',' => {}
            '}' => return Some(Value::Array(found)),
            _ => return None,
        }
    }
}

fn quoted(rest: &mut &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => {
                *rest = characters.as_str();
                return Some(text);
            }
            '\\' => text.push(characters.next()?),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn kinds() -> Kinds {
        Kinds::new(HashMap::from([
            (1007, Type::Array(23)),
            (1009, Type::Array(25)),
            (20_000, Type::Domain(1009)),
            (20_001, Type::Domain(20_001)),
            (20_002, Type::Other),
        ]))
    }

    #[test]
    fn values_are_what_their_types_say() {
        let of = |oid: u32, text: &str| kinds().of(oid).value(text);
        assert_eq!(of(16, "t"), json!(true));
        assert_eq!(of(20, "-9223372036854775808"), json!(i64::MIN));
        assert_eq!(of(3802, r#"{"a": [1, null]}"#), json!({"a": [1, null]}));
        assert_eq!(of(114, "{"), json!("{"), "what is no JSON stays a text");
        assert_eq!(
            of(1184, "2026-11-21 11:08:02.5+00"),
            json!("2026-11-21T11:08:02.5Z")
        );
        assert_eq!(of(1114, "2026-11-21 11:08:02"), json!("2026-11-21T11:08:02Z"));
        assert_eq!(of(1184, "infinity"), Value::Null);
        assert_eq!(
            of(1184, "0044-03-15 12:00:00+00 BC"),
            json!("0044-03-15 12:00:00+00 BC")
        );
        assert_eq!(of(1082, "2026-11-21"), json!("2026-11-21"));
        assert_eq!(of(1042, "ab  "), json!("ab"));
        assert_eq!(of(99_999, "whatever"), json!("whatever"));
    }

    #[test]
    fn a_number_loses_nothing() {
        let of = |text: &str| kinds().of(1700).value(text);
        assert_eq!(of("12"), json!(12));
        assert_eq!(of("1.5"), json!(1.5));
        assert_eq!(of("1.50"), json!("1.50"));
        assert_eq!(of("007"), json!("007"));
        assert_eq!(
            of("123456789012345678901234567890"),
            json!("123456789012345678901234567890")
        );
        assert_eq!(of("NaN"), json!("NaN"));
    }

    #[test]
    fn arrays_are_lists() {
        let of = |oid: u32, text: &str| kinds().of(oid).value(text);
        assert_eq!(of(1007, "{1,NULL,3}"), json!([1, null, 3]));
        assert_eq!(of(1007, "[0:1]={1,2}"), json!([1, 2]));
        assert_eq!(of(1007, "{{1,2},{3,4}}"), json!([[1, 2], [3, 4]]));
        assert_eq!(
            of(20_000, r#"{a,"b, \"c\" \\","NULL",""}"#),
            json!(["a", r#"b, "c" \"#, "NULL", ""])
        );
        assert_eq!(of(1009, "{}"), json!([]));
        assert_eq!(of(1009, "{a"), json!("{a"));
        assert_eq!(of(1009, "{a}b"), json!("{a}b"));
    }

    #[test]
    fn a_domain_over_itself_ends() {
        assert_eq!(kinds().of(20_001), Kind::Text);
        assert!(kinds().knows(20_002) && !kinds().knows(20_003) && kinds().knows(25));
    }

    proptest! {
        #[test]
        fn an_array_of_any_texts_comes_back(texts in proptest::collection::vec(".*", 0..8)) {
            let inside: Vec<String> = texts
                .iter()
                .map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
                .collect();
            let literal = format!("{{{}}}", inside.join(","));
            prop_assert_eq!(kinds().of(1009).value(&literal), json!(texts));
        }

        #[test]
        fn no_text_is_too_strange(text in ".*", oid in prop::sample::select(vec![16_u32, 20, 114, 1184, 1007, 1009])) {
            let _value = kinds().of(oid).value(&text);
        }
    }
}
