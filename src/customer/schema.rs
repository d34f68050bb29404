//! The schema: which attributes customers of this contact centre have, their types and their order.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Refusal;
use super::fields::{self, Fields, Path, found, instead, is_blank, shorten};
use super::json::{Document, Json, Kind};

/// The most custom attributes that a schema may have.
pub const MOST_ATTRIBUTES: usize = 50;
/// The most characters of a key.
const MOST_KEY_CHARACTERS: usize = 64;
/// The most characters of a label.
const MOST_LABEL_CHARACTERS: usize = 100;
/// The most characters of a line of help.
const MOST_HELP_CHARACTERS: usize = 1000;

/// What an attribute holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeType {
    /// Up to 1000 characters.
    Text,
    /// A phone number; its values are lookup keys too.
    Phone,
    /// An e-mail address.
    Email,
    /// `YYYY-MM-DD`.
    Date,
    /// RFC 3339.
    DateTime,
    /// An absolute URL.
    Url,
    /// `true` or `false`.
    Bool,
}

/// One attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeDef {
    /// Key in documents.
    pub key: String,
    /// What a person reads; the key where left out.
    #[serde(default)]
    pub label: String,
    /// Type of its values.
    #[serde(rename = "type")]
    pub kind: AttributeType,
    /// Whether a customer without it is refused.
    #[serde(default)]
    pub required: bool,
    /// Kept out of logs, URLs, text answers and outbound webhooks.
    #[serde(default)]
    pub sensitive: bool,
    /// A line of help for the agent.
    #[serde(default)]
    pub help: String,
}

/// The attributes in display order, and which version of them this is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Grows by one with every change of the schema.
    pub version: u32,
    /// Display order.
    pub attributes: Vec<AttributeDef>,
}

/// Why attributes do not make a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// More than [`MOST_ATTRIBUTES`].
    #[error(
        "attribute `{key}`: expected at most {MOST_ATTRIBUTES} attributes, found one more; \
         leave out those that nobody looks at"
    )]
    TooMany {
        /// The first one too many.
        key: String,
    },
    /// A key that cannot be one.
    #[error(
        "attribute `{key}`: expected a key of 1 to {MOST_KEY_CHARACTERS} letters, digits, `_`, `.` or `-` (ASCII)"
    )]
    Key {
        /// The key, shortened.
        key: String,
    },
    /// Two keys that are the same, or would be but for the case of their letters.
    #[error("attribute `{key}`: expected a key of its own, found `{earlier}` before it; rename one of them")]
    Clash {
        /// The later key.
        key: String,
        /// The earlier key.
        earlier: String,
    },
    /// A label or a line of help that is too long.
    #[error("attribute `{key}`: expected a {what} of at most {most} characters, found {found}")]
    TooLong {
        /// The attribute's key.
        key: String,
        /// `label` or `help`.
        what: &'static str,
        /// The most characters.
        most: usize,
        /// The characters found.
        found: usize,
    },
    /// JSON that is not a list of attributes.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Schema {
    /// A valid schema of `attributes`, in this order. A blank label becomes the key.
    ///
    /// # Errors
    /// The first attribute that [`validate`](Self::validate) refuses.
    pub fn new(version: u32, attributes: Vec<AttributeDef>) -> Result<Self, SchemaError> {
        let mut schema = Self { version, attributes };
        for attribute in &mut schema.attributes {
            if is_blank(&attribute.label) {
                attribute.label.clone_from(&attribute.key);
            }
        }
        schema.validate()?;
        Ok(schema)
    }

    /// Whether this is a valid schema, wherever it came from.
    ///
    /// # Errors
    /// The first attribute beyond [`MOST_ATTRIBUTES`], with a key that is not 1–64 characters of
    /// `[A-Za-z0-9_.-]` or that differs from an earlier one in the case of its letters at the most, or with a
    /// label or help too long.
    pub fn validate(&self) -> Result<(), SchemaError> {
        for (position, attribute) in self.attributes.iter().enumerate() {
            check(attribute, &self.attributes[..position])?;
        }
        Ok(())
    }

    /// Reads the list of attributes that `json` is: `[{"key": "email", "type": "email", …}]`.
    ///
    /// # Errors
    /// JSON that is no such list, with the place as `schema[3].type`; or what [`new`](Self::new) refuses.
    pub fn from_json(version: u32, json: &Value) -> Result<Self, SchemaError> {
        let path = Path::Key(&Path::Document, "schema");
        let document = Document::from(json);
        let json = document.json();
        let Kind::List(_) = json.kind() else {
            return Err(path.refuse("a list of attributes", found(json.kind())).into());
        };
        let attributes = json
            .entries()
            .enumerate()
            .map(|(index, entry)| attribute(entry, &Path::Entry(&path, index)))
            .collect::<Result<_, _>>()?;
        Self::new(version, attributes)
    }

    /// Where the attribute with this key stands. A scan: fifty short keys compare faster than one hashes.
    pub fn position(&self, key: &str) -> Option<usize> {
        self.attributes.iter().position(|attribute| attribute.key == key)
    }

    /// Makes room for `value` under `key`, for an import that came without a schema: an unknown key is
    /// appended, as Bool where its first value is a JSON bool, else as Text. A null or a blank text says
    /// nothing of its type yet and appends nothing. The version stays: it counts the changes of a schema in
    /// use, and this one is being made.
    ///
    /// # Errors
    /// The key that [`validate`](Self::validate) would refuse; the schema stays as it was.
    pub fn infer(&mut self, key: &str, value: &Value) -> Result<(), SchemaError> {
        if self.position(key).is_some() || value.is_null() || value.as_str().is_some_and(is_blank) {
            return Ok(());
        }
        let attribute = AttributeDef {
            key: key.to_owned(),
            label: key.to_owned(),
            kind: if value.is_boolean() {
                AttributeType::Bool
            } else {
                AttributeType::Text
            },
            required: false,
            sensitive: false,
            help: String::new(),
        };
        check(&attribute, &self.attributes)?;
        self.attributes.push(attribute);
        Ok(())
    }
}

/// Whether `attribute` may follow the `earlier` ones.
fn check(attribute: &AttributeDef, earlier: &[AttributeDef]) -> Result<(), SchemaError> {
    let key = &attribute.key;
    let is_key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if key.is_empty() || key.len() > MOST_KEY_CHARACTERS || !key.bytes().all(is_key) {
        return Err(SchemaError::Key { key: shorten(key) });
    }
    if let Some(earlier) = earlier
        .iter()
        .find(|earlier| earlier.key.eq_ignore_ascii_case(key))
    {
        return Err(SchemaError::Clash {
            key: key.clone(),
            earlier: earlier.key.clone(),
        });
    }
    if earlier.len() >= MOST_ATTRIBUTES {
        return Err(SchemaError::TooMany { key: key.clone() });
    }
    let texts = [
        ("label", &attribute.label, MOST_LABEL_CHARACTERS),
        ("help", &attribute.help, MOST_HELP_CHARACTERS),
    ];
    for (what, text, most) in texts {
        let found = text.chars().count();
        if found > most {
            return Err(SchemaError::TooLong {
                key: key.clone(),
                what,
                most,
                found,
            });
        }
    }
    Ok(())
}

fn attribute(json: Json<'_>, path: &Path<'_>) -> Result<AttributeDef, Refusal> {
    let fields = Fields::open(
        json,
        path,
        &["key", "label", "type", "required", "sensitive", "help"],
    )?;
    Ok(AttributeDef {
        key: key(&fields)?,
        label: fields.text("label")?.unwrap_or_default(),
        kind: kind(&fields)?,
        required: fields.flag("required")?,
        sensitive: fields.flag("sensitive")?,
        help: fields.text("help")?.unwrap_or_default(),
    })
}

fn key(fields: &Fields<'_>) -> Result<String, Refusal> {
    let Some(json) = fields.get("key") else {
        return Err(fields.missing("key", "the attribute's key"));
    };
    fields::text(json.kind(), &fields.at("key"))?.ok_or_else(|| fields.missing("key", "the attribute's key"))
}

fn kind(fields: &Fields<'_>) -> Result<AttributeType, Refusal> {
    let names = AttributeType::ALL.map(AttributeType::name);
    let Some(json) = fields.get("type") else {
        return Err(fields.missing("type", &format!("one of {}", names.join(", "))));
    };
    let kind = AttributeType::ALL
        .into_iter()
        .find(|kind| json.as_str() == Some(kind.name()));
    kind.ok_or_else(|| {
        fields.at("type").refuse(
            instead(json.as_str().unwrap_or_default(), &names),
            found(json.kind()),
        )
    })
}

#[cfg(test)]
mod tests {

    use super::*;
    use serde_json::json;

    fn of(count: usize) -> Value {
        (0..count)
            .map(|n| json!({"key": format!("a{n}"), "type": "text"}))
            .collect()
    }

    #[test]
    fn a_schema_is_read_in_display_order() {
        let schema = Schema::from_json(
            7,
            &json!([
                {"key": "email", "label": "E-mail", "type": "email", "required": true, "sensitive": true, "help": "h"},
                {"key": "home.fax-2", "type": "phone", "label": null}
            ]),
        )
        .unwrap();
        assert_eq!(schema.version, 7);
        assert_eq!(
            (schema.position("email"), schema.position("home.fax-2")),
            (Some(0), Some(1))
        );
        assert_eq!(schema.position("Email"), None);
        let [email, fax] = &schema.attributes[..] else {
            unreachable!("two were given")
        };
        assert!(email.required && email.sensitive);
        assert_eq!(
            (email.label.as_str(), email.help.as_str(), email.kind),
            ("E-mail", "h", AttributeType::Email)
        );
        assert_eq!(
            (fax.label.as_str(), fax.kind, fax.required),
            ("home.fax-2", AttributeType::Phone, false)
        );
        let again: Schema = serde_json::from_str(&serde_json::to_string(&schema).unwrap()).unwrap();
        assert_eq!(again, schema);
    }

    #[test]
    fn fifty_attributes_and_no_more() {
        let full = Schema::from_json(1, &of(50)).unwrap();
        let error = Schema::from_json(1, &of(51)).unwrap_err();
        assert_eq!(error, SchemaError::TooMany { key: "a50".into() });
        assert!(error.to_string().contains("50"), "{error}");
        let mut inferred = full.clone();
        assert_eq!(
            inferred.infer("a51", &json!("x")),
            Err(SchemaError::TooMany { key: "a51".into() })
        );
        inferred.infer("a49", &json!("x")).unwrap();
        assert_eq!(inferred, full);
    }

    #[test]
    fn what_is_no_schema_is_refused_by_place() {
        let long = "k".repeat(65);
        let refused = [
            (
                json!({}),
                "schema: expected a list of attributes, found an object",
            ),
            (
                json!(["email"]),
                "schema[0]: expected an object, found a text of 5 characters",
            ),
            (
                json!([{"type": "text"}]),
                "schema[0].key: expected the attribute's key, found nothing",
            ),
            (
                json!([{"key": 5, "type": "text"}]),
                "schema[0].key: expected a text",
            ),
            (
                json!([{"key": "a"}]),
                "schema[0].type: expected one of text, phone, email, date, datetime, url, bool",
            ),
            (
                json!([{"key": "a", "type": "e-mail"}]),
                "schema[0].type: expected something known, perhaps `email`",
            ),
            (
                json!([{"key": "a", "type": 1}]),
                "schema[0].type: expected one of text",
            ),
            (
                json!([{"key": "a", "tpye": "text"}]),
                "schema[0].tpye: expected something known, perhaps `type`",
            ),
            (
                json!([{"key": "a", "type": "text", "required": "no"}]),
                "schema[0].required: expected true or false",
            ),
            (
                json!([{"key": "a b", "type": "text"}]),
                "attribute `a b`: expected a key of 1 to 64",
            ),
            (
                json!([{"key": "é", "type": "text"}]),
                "attribute `é`: expected a key of 1 to 64",
            ),
            (json!([{"key": long, "type": "text"}]), "attribute `kkkk"),
            (
                json!([{"key": "a", "type": "text"}, {"key": "a", "type": "text"}]),
                "attribute `a`: expected a key of its own",
            ),
            (
                json!([{"key": "Fax", "type": "text"}, {"key": "fax", "type": "text"}]),
                "attribute `fax`: expected a key of its own, found `Fax`",
            ),
            (
                json!([{"key": "a", "label": "x".repeat(101), "type": "text"}]),
                "attribute `a`: expected a label of at most 100 characters, found 101",
            ),
            (
                json!([{"key": "a", "help": "x".repeat(1001), "type": "text"}]),
                "schema[0].help: expected a text of at most 1000",
            ),
        ];
        for (json, message) in refused {
            let error = Schema::from_json(1, &json).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn an_import_without_a_schema_makes_one() {
        let mut schema = Schema::default();
        for (key, value) in [
            ("later", json!(null)),
            ("vip", json!(true)),
            ("city", json!("London")),
            ("later", json!(" ")),
            ("vip", json!("yes")),
            ("floor", json!(3)),
        ] {
            schema.infer(key, &value).unwrap();
        }
        let kinds: Vec<_> = schema
            .attributes
            .iter()
            .map(|a| (a.key.as_str(), a.kind))
            .collect();
        assert_eq!(
            kinds,
            [
                ("vip", AttributeType::Bool),
                ("city", AttributeType::Text),
                ("floor", AttributeType::Text)
            ]
        );
        assert!(schema.infer("no key", &json!("x")).is_err());
        assert_eq!(schema.validate(), Ok(()));
    }
}
