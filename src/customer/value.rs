//! Values of attributes: what each type accepts, and how it is written as JSON.

use serde_json::Value;
use url::Url;

use super::AttributeType;
use super::fields::{self, MOST_CHARACTERS, is_within};
use super::json::Kind;
use super::moment::{instant, is_date};

/// The most characters of a value of type Phone.
const MOST_PHONE_CHARACTERS: usize = 40;
/// The most bytes of an e-mail address (RFC 5321 leaves room for no more).
const MOST_EMAIL_BYTES: usize = 254;
/// Schemes whose URLs are programs or pages of their own; an agent's click must not run what a caller wrote.
const REFUSED_SCHEMES: [&str; 3] = ["javascript", "data", "vbscript"];

/// A value that its attribute's type does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct Unfit {
    /// What the type allows.
    pub expected: &'static str,
    /// The beginning of what was there instead. Not to be shown where the attribute is sensitive.
    pub found: String,
}

impl AttributeType {
    /// Every type.
    pub const ALL: [Self; 7] = [
        Self::Text,
        Self::Phone,
        Self::Email,
        Self::Date,
        Self::DateTime,
        Self::Url,
        Self::Bool,
    ];

    /// The type's name in a schema.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Url => "url",
            Self::Bool => "bool",
        }
    }

    /// What values of this type look like, for people.
    pub const fn expects(self) -> &'static str {
        match self {
            Self::Text => "a text of at most 1000 characters",
            Self::Phone => "a phone number: a text with a digit in it, at most 40 characters",
            Self::Email => "an e-mail address, such as ada@example.org",
            Self::Date => "a date that exists, such as 1815-12-10",
            Self::DateTime => "a moment in RFC 3339, such as 2026-11-18T14:02:11Z",
            Self::Url => "an absolute URL, such as https://example.org/ada, that is no script or data",
            Self::Bool => "true or false (in a CSV cell also yes, no, 1 or 0)",
        }
    }

    /// Checks `value` and writes it as JSON text, as records hold it. A number is a Text too, read as its
    /// text; every other type but Bool takes JSON texts only, since a number has lost its leading zeros.
    ///
    /// # Errors
    /// A value that the type does not allow.
    pub fn to_json(&self, value: &Value) -> Result<String, Unfit> {
        self.written(Kind::from(value))
    }

    /// As [`AttributeType::to_json`], of a value wherever it is.
    pub(super) fn written(self, value: Kind<'_>) -> Result<String, Unfit> {
        match (self, value) {
            (Self::Text, Kind::Number(number)) => return Ok(format!("\"{number}\"")),
            (Self::Bool, Kind::Bool(value)) => return Ok(value.to_string()),
            // Writing a text to memory cannot fail.
            (_, Kind::Text(text)) if self.fits(text) => {
                return Ok(serde_json::to_string(text).unwrap_or_default());
            }
            _ => {}
        }
        let found = match value {
            // Its length is what is wrong, not how it begins.
            Kind::Text(text) if text.chars().count() > MOST_CHARACTERS => fields::veiled(value),
            _ => fields::found(value),
        };
        Err(Unfit {
            expected: self.expects(),
            found,
        })
    }

    /// The JSON value that a cell of a table stands for, to be checked as any other by
    /// [`to_json`](Self::to_json); `None` for a blank cell. A Bool's `true`, `yes`, `1`, `false`, `no` and
    /// `0` are bools in any case; spaces around a value count only in a Text.
    pub fn from_text(&self, cell: &str) -> Option<Value> {
        let trimmed = cell.trim();
        if trimmed.is_empty() {
            return None;
        }
        let is = |words: [&str; 3]| words.iter().any(|word| trimmed.eq_ignore_ascii_case(word));
        Some(match self {
            Self::Text => Value::from(cell),
            Self::Bool if is(["true", "yes", "1"]) => Value::Bool(true),
            Self::Bool if is(["false", "no", "0"]) => Value::Bool(false),
            _ => Value::from(trimmed),
        })
    }

    /// Whether `text` is a value of this type as a JSON text.
    fn fits(self, text: &str) -> bool {
        is_within(text, MOST_CHARACTERS)
            && match self {
                Self::Text => true,
                Self::Phone => is_phone(text),
                Self::Email => is_email(text),
                Self::Date => is_date(text),
                Self::DateTime => instant(text).is_some(),
                Self::Url => is_url(text),
                Self::Bool => false,
            }
    }
}

/// Whether there is something to dial; whether it is a number is the numbering plan's business.
fn is_phone(text: &str) -> bool {
    text.chars().any(char::is_numeric) && text.chars().count() <= MOST_PHONE_CHARACTERS
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    text.len() <= MOST_EMAIL_BYTES
        && !local.is_empty()
        && !domain.contains('@')
        && domain.split('.').all(|part| !part.is_empty())
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn is_url(text: &str) -> bool {
    // The parser skips surrounding spaces and control characters; what is kept and sent is the text as
    // written.
    let is_clean = text.trim() == text && !text.chars().any(char::is_control);
    is_clean && Url::parse(text).is_ok_and(|url| !REFUSED_SCHEMES.contains(&url.scheme()))
}

#[cfg(test)]
mod tests {

    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn each_type_takes_its_values() {
        let taken = [
            (
                AttributeType::Text,
                json!("Ada \"Countess\""),
                r#""Ada \"Countess\"""#,
            ),
            (
                AttributeType::Text,
                json!("é".repeat(1000)),
                &format!("\"{}\"", "é".repeat(1000)),
            ),
            (AttributeType::Text, json!(42), "\"42\""),
            (AttributeType::Text, json!(-1.5), "\"-1.5\""),
            (
                AttributeType::Phone,
                json!("+1 480 675 4110"),
                "\"+1 480 675 4110\"",
            ),
            (AttributeType::Phone, json!("٠٢٠"), "\"٠٢٠\""),
            (
                AttributeType::Email,
                json!("ada@example.org"),
                "\"ada@example.org\"",
            ),
            (
                AttributeType::Email,
                json!("root@localhost"),
                "\"root@localhost\"",
            ),
            (AttributeType::Date, json!("1815-12-10"), "\"1815-12-10\""),
            (AttributeType::Date, json!("2024-02-29"), "\"2024-02-29\""),
            (
                AttributeType::DateTime,
                json!("2026-11-18T14:02:11Z"),
                "\"2026-11-18T14:02:11Z\"",
            ),
            (
                AttributeType::DateTime,
                json!("2026-11-18t14:02:11.5-05:30"),
                "\"2026-11-18t14:02:11.5-05:30\"",
            ),
            (
                AttributeType::Url,
                json!("https://example.org/a?b=c"),
                "\"https://example.org/a?b=c\"",
            ),
            (
                AttributeType::Url,
                json!("tel:+14806754110"),
                "\"tel:+14806754110\"",
            ),
            (AttributeType::Bool, json!(true), "true"),
        ];
        for (kind, value, written) in taken {
            assert_eq!(kind.to_json(&value).as_deref(), Ok(written), "{kind:?} {value}");
        }
    }

    #[test]
    fn each_type_refuses_what_is_not_its_own() {
        let refused = [
            (AttributeType::Text, json!("é".repeat(1001))),
            (AttributeType::Text, json!(true)),
            (AttributeType::Phone, json!("none")),
            (AttributeType::Phone, json!("1".repeat(41))),
            (AttributeType::Phone, json!(4806754110_u64)),
            (AttributeType::Email, json!("ada")),
            (AttributeType::Email, json!("@example.org")),
            (AttributeType::Email, json!("ada@")),
            (AttributeType::Email, json!("ada@b@c")),
            (AttributeType::Email, json!("ada@example..org")),
            (AttributeType::Email, json!("ada lovelace@example.org")),
            (AttributeType::Email, json!("ada@exam\nple.org")),
            (
                AttributeType::Email,
                json!(format!("{}@example.org", "a".repeat(243))),
            ),
            (AttributeType::Date, json!("2023-02-30")),
            (AttributeType::Date, json!("2023-02-29")),
            (AttributeType::Date, json!("20230228")),
            (AttributeType::Date, json!("2023-2-28")),
            (AttributeType::Date, json!("2023-02-28T00:00:00Z")),
            (AttributeType::DateTime, json!("2026-11-18")),
            (AttributeType::DateTime, json!("2026-11-18T14:02:11")),
            (AttributeType::DateTime, json!("2026-11-18 14:02:11Z")),
            (AttributeType::DateTime, json!("2026-11-18T14:02:11.Z")),
            (AttributeType::DateTime, json!("2026-11-18T14:02:11Z[UTC]")),
            (AttributeType::DateTime, json!("2026-11-18T25:02:11Z")),
            (AttributeType::DateTime, json!("2023-02-30T14:02:11Z")),
            (AttributeType::Url, json!("/relative")),
            (AttributeType::Url, json!("www.example.org")),
            (AttributeType::Url, json!("javascript:alert(1)")),
            (AttributeType::Url, json!("JavaScript:alert(1)")),
            (AttributeType::Url, json!("java\tscript:alert(1)")),
            (AttributeType::Url, json!("data:text/html,x")),
            (AttributeType::Url, json!(" https://example.org")),
            (AttributeType::Bool, json!("true")),
            (AttributeType::Bool, json!(1)),
            (AttributeType::Bool, json!([])),
        ];
        for (kind, value) in refused {
            let unfit = kind.to_json(&value).unwrap_err();
            assert_eq!(unfit.expected, kind.expects(), "{value}");
            assert!(unfit.found.chars().count() < 50, "{}", unfit.found);
        }
    }

    #[test]
    fn a_cell_is_typed() {
        for cell in ["true", "TRUE", "yes", "Yes", "1", " 1 "] {
            assert_eq!(AttributeType::Bool.from_text(cell), Some(json!(true)), "{cell}");
        }
        for cell in ["false", "FALSE", "no", "0"] {
            assert_eq!(AttributeType::Bool.from_text(cell), Some(json!(false)), "{cell}");
        }
        assert_eq!(AttributeType::Bool.from_text("maybe"), Some(json!("maybe")));
        assert_eq!(
            AttributeType::Date.from_text(" 1815-12-10 "),
            Some(json!("1815-12-10"))
        );
        assert_eq!(AttributeType::Text.from_text(" 007"), Some(json!(" 007")));
        for kind in AttributeType::ALL {
            assert_eq!(kind.from_text("  "), None);
        }
    }

    #[test]
    fn names_are_those_of_the_schema() {
        for kind in AttributeType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), json!(kind.name()));
        }
    }

    #[test]
    fn the_offset_counts() {
        assert_eq!(
            instant("2026-11-18T14:00:00+02:00"),
            instant("2026-11-18T12:00:00Z")
        );
        assert!(instant("2026-11-18T14:00:00-00:00").is_some());
    }

    proptest! {
        #[test]
        fn what_fits_is_kept_as_it_was(text in "\\PC{0,60}|[0-9T:.+Z-]{0,30}|[a-z@.:/]{0,20}") {
            for kind in AttributeType::ALL {
                if let Ok(written) = kind.to_json(&json!(text)) {
                    prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text.clone());
                }
            }
        }
    }
}
