//! Reading a customer document: everything that comes in from outside passes here once.

use super::color::is_color;
use serde_json::Value;

use super::document::{Read, Strictness};
use super::fields::{self, Fields, MOST_CHARACTERS, Path, instead, is_blank, is_within, veiled};
use super::json::{Document, Json, Kind};
use super::moment::is_date;
use super::parts::{self, Limits};
use super::{AttributeDef, Customer, Flags, Label, Phone, Refusal, Schema};

/// The most phones that one customer may have.
pub const MOST_PHONES: usize = 100;
/// The most labels that one customer may have.
const MOST_LABELS: usize = 100;
/// The most characters of a label's name.
const MOST_LABEL_CHARACTERS: usize = 100;

/// What a document may say.
const KNOWN: [&str; 15] = [
    "id",
    "name",
    "created_at",
    "updated_at",
    "first_name",
    "last_name",
    "company",
    "phones",
    "labels",
    "flags",
    "attributes",
    "case",
    "cases",
    "interactions",
    "last_agent_id",
];

/// Reads one document, `json`, under `schema`, and keeps as many of its parts as `limits` allow.
///
/// Nulls are absent, and so are blank texts, save the name of a label. Where a text is expected, a number is
/// read as its text, but for numbers to call, which have lost the zeros they began with.
///
/// # Errors
/// The first field that is not as it should be.
pub fn read(json: &Value, schema: &Schema, strictness: Strictness, limits: Limits) -> Result<Read, Refusal> {
    read_json(Document::from(json).json(), schema, strictness, limits)
}

/// As [`read`], of a document that is no tree.
///
/// # Errors
/// The first field that is not as it should be.
pub fn read_json(
    json: Json<'_>,
    schema: &Schema,
    strictness: Strictness,
    limits: Limits,
) -> Result<Read, Refusal> {
    let fields = Fields::open(json, &Path::Document, &KNOWN)?;
    let id = fields.required_id()?;
    let mut left_out = Vec::new();
    let attributes = attributes(&fields, schema, |refusal| match strictness {
        Strictness::Import => Err(refusal),
        Strictness::Feed => {
            left_out.push(refusal);
            Ok(())
        }
    })?;
    let mut customer = Customer {
        id,
        name: fields.text("name")?.unwrap_or_default(),
        created_at: fields.moment("created_at")?,
        updated_at: fields.moment("updated_at")?,
        first_name: fields.text("first_name")?,
        last_name: fields.text("last_name")?,
        company: fields.text("company")?,
        phones: fields.list("phones", MOST_PHONES, phone)?.unwrap_or_default(),
        labels: fields.list("labels", MOST_LABELS, label)?.unwrap_or_default(),
        flags: flags(&fields)?,
        attributes,
        cases: parts::cases(&fields, limits)?,
        interactions: parts::interactions(&fields, limits)?,
        last_agent_id: fields.id("last_agent_id")?,
    };
    if customer.name.is_empty() {
        customer.name = composed_name(&customer);
    }
    if customer.name.is_empty() && customer.phones.is_empty() {
        return Err(fields.missing("name", "a name or at least one phone"));
    }
    Ok(Read { customer, left_out })
}

/// First and last name, or the company; empty where there is none of them.
fn composed_name(customer: &Customer) -> String {
    let person: Vec<_> = [&customer.first_name, &customer.last_name]
        .into_iter()
        .flatten()
        .map(|name| name.trim())
        .collect();
    let name = match (&*person, &customer.company) {
        ([], Some(company)) => company.clone(),
        _ => person.join(" "),
    };
    // Two names within their limits can be longer together.
    name.chars().take(MOST_CHARACTERS).collect()
}

fn phone(json: Json<'_>, path: &Path<'_>) -> Result<Option<Phone>, Refusal> {
    match json.kind() {
        text @ Kind::Text(_) => {
            Ok(fields::text(text, path)?.map(|number| Phone { number, ..Phone::default() }))
        }
        Kind::Object => {
            let fields = Fields::open(json, path, &["number", "region", "kind", "verified_at", "shared"])?;
            let is_region = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
            Ok(Some(Phone {
                number: fields
                    .written("number")?
                    .ok_or_else(|| fields.missing("number", "a phone number"))?,
                region: fields
                    .checked("region", "a region's two letters (ISO 3166-1), such as GB", is_region)?
                    .map(|region| region.to_ascii_uppercase()),
                kind: fields.text("kind")?,
                verified_at: fields.checked(
                    "verified_at",
                    "a date that exists, such as 2026-03-01",
                    is_date,
                )?,
                shared: fields.flag("shared")?,
            }))
        }
        other => Err(path.refuse(
            "a phone number in quotation marks, or an object with `number`, `region`, `kind`, `verified_at`, `shared`",
            veiled(other),
        )),
    }
}

fn label(json: Json<'_>, path: &Path<'_>) -> Result<Option<Label>, Refusal> {
    let (name, name_path, color) = match json.kind() {
        Kind::Text(_) => (json, *path, None),
        Kind::Object => {
            let fields = Fields::open(json, path, &["name", "color"])?;
            let name = fields
                .get("name")
                .ok_or_else(|| fields.missing("name", "the label's name"))?;
            let color = fields.checked("color", "#rgb, #rrggbb or a CSS colour word", is_color)?;
            (name, Path::Key(path, "name"), color)
        }
        other => {
            return Err(path.refuse(
                "a label's name, or an object with `name` and `color`",
                veiled(other),
            ));
        }
    };
    match name.kind() {
        Kind::Text(name) if !is_blank(name) && is_within(name, MOST_LABEL_CHARACTERS) => Ok(Some(Label {
            name: name.to_owned(),
            color,
        })),
        other => Err(name_path.refuse(
            format!("a label's name of 1 to {MOST_LABEL_CHARACTERS} characters"),
            veiled(other),
        )),
    }
}

fn flags(document: &Fields<'_>) -> Result<Flags, Refusal> {
    let Some(json) = document.get("flags") else {
        return Ok(Flags::default());
    };
    let path = document.at("flags");
    let fields = Fields::open(json, &path, &["do_not_call", "do_not_sms"])?;
    Ok(Flags {
        do_not_call: fields.flag("do_not_call")?,
        do_not_sms: fields.flag("do_not_sms")?,
    })
}

/// The attributes in schema order. What cannot be one goes to `leave_out`, which may refuse the document for
/// it.
fn attributes(
    document: &Fields<'_>,
    schema: &Schema,
    mut leave_out: impl FnMut(Refusal) -> Result<(), Refusal>,
) -> Result<Vec<(usize, String)>, Refusal> {
    let path = document.at("attributes");
    let mut given = vec![None; schema.attributes.len()];
    if let Some(json) = document.get("attributes") {
        if json.kind() != Kind::Object {
            return Err(path.refuse("an object", veiled(json.kind())));
        }
        for (key, value) in json.members() {
            match schema.position(key) {
                Some(position) => given[position] = Some(value),
                None => {
                    let keys: Vec<_> = schema.attributes.iter().map(|attribute| &attribute.key).collect();
                    leave_out(Path::Key(&path, key).refuse(instead(key, &keys), "an unknown key"))?;
                }
            }
        }
    }
    let mut attributes = Vec::with_capacity(schema.attributes.len());
    for (position, (attribute, value)) in schema.attributes.iter().zip(given).enumerate() {
        let path = Path::Key(&path, &attribute.key);
        match value.map(Json::kind).filter(|value| !is_absent(*value)) {
            Some(value) => match written(attribute, value, &path) {
                Ok(json) => attributes.push((position, json)),
                Err(refusal) => leave_out(refusal)?,
            },
            None if attribute.required => {
                leave_out(path.refuse(
                    format!("{}, as the schema requires one", attribute.kind.expects()),
                    "nothing",
                ))?;
            }
            None => {}
        }
    }
    Ok(attributes)
}

fn is_absent(value: Kind<'_>) -> bool {
    match value {
        Kind::Null => true,
        Kind::Text(text) => is_blank(text),
        _ => false,
    }
}

/// The value as JSON text; what a refusal says of a sensitive one is its kind and size.
fn written(attribute: &AttributeDef, value: Kind<'_>, path: &Path<'_>) -> Result<String, Refusal> {
    attribute.kind.written(value).map_err(|unfit| {
        path.refuse(
            unfit.expected,
            if attribute.sensitive {
                veiled(value)
            } else {
                unfit.found
            },
        )
    })
}

#[cfg(test)]
mod refusals;
#[cfg(test)]
mod tests;
