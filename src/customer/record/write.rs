//! Writing a record: the JSON in one pass, noting where things start as it goes.

use rkyv::api::high::to_bytes_in;
use rkyv::rancor::Error as RkyvError;

use super::{Field, HEADER_LEN, Layout, MOST_BYTES, NO_CASE, SHARED, StoredClaim, WIDE};
use crate::customer::{Activity, Case, Claim, Customer, Interaction, Label, Phone, Schema};

/// Where a record came from: the stream's place in the snapshot's list of streams, and the position in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Origin<'a> {
    /// Place in the list of streams; 0 is the import.
    pub stream: u16,
    /// Order-preserving bytes; an import's row as 8 bytes, big-endian.
    pub position: &'a [u8],
    /// Up to where streams have delivered the rest, as [`Marks`](super::Marks) writes it; empty for nothing.
    pub marks: &'a [u8],
}

/// The customer does not fit in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a customer of at most {MOST_BYTES} bytes, found {found}; shorten its interactions or attributes"
)]
pub struct TooLarge {
    /// Bytes that the record would have.
    pub found: usize,
}

/// Bytes that most records have room in.
const ROOM: usize = 1024;

/// Encodes `customer`, whose attributes are in the order of `schema`.
///
/// # Errors
/// [`TooLarge`] above [`MOST_BYTES`].
pub fn encode(
    customer: &Customer,
    schema: &Schema,
    claims: &[Claim],
    origin: Origin<'_>,
) -> Result<Vec<u8>, TooLarge> {
    let mut writer = JsonWriter {
        out: begun(),
        ..JsonWriter::default()
    };
    writer.customer(customer, schema);
    let JsonWriter {
        mut out,
        fields,
        attributes,
        starts,
    } = writer;
    let json_len = out.len() - HEADER_LEN;
    let too_large = TooLarge { found: out.len() };
    if out.len() > MOST_BYTES {
        return Err(too_large);
    }
    let open_case = customer
        .cases
        .iter()
        .flatten()
        .position(Case::is_open)
        .and_then(|position| u16::try_from(position).ok())
        .unwrap_or(NO_CASE);
    let claims: Vec<StoredClaim> = claims
        .iter()
        .map(|claim| StoredClaim {
            key: claim.key,
            since: (claim.since << 1) | if claim.shared { SHARED } else { 0 },
        })
        .collect();
    macro_rules! layout {
        ($width:ty) => {
            Layout::<$width> {
                schema_version: schema.version,
                stream: origin.stream,
                fields,
                attributes,
                open_case,
                starts: starts
                    .iter()
                    .map(|&start| <$width>::try_from(start).ok())
                    .collect::<Option<_>>()
                    .ok_or(too_large)?,
                claims,
                position: origin.position.to_vec(),
                marks: origin.marks.to_vec(),
            }
        };
    }
    let wide = json_len > usize::from(u16::MAX);
    // Apart from the JSON: its places are numbers of 16 bits, counted from its beginning.
    let archive = Vec::with_capacity(ROOM / 4);
    let written = if wide {
        to_bytes_in::<_, RkyvError>(&layout!(u32), archive)
    } else {
        to_bytes_in::<_, RkyvError>(&layout!(u16), archive)
    };
    out.extend_from_slice(&written.map_err(|_| too_large)?);
    let (Ok(len), Ok(json_len)) = (u32::try_from(out.len()), u32::try_from(json_len)) else {
        return Err(too_large);
    };
    out[8..12].copy_from_slice(&len.to_le_bytes());
    out[12..16].copy_from_slice(&(json_len | if wide { WIDE } else { 0 }).to_le_bytes());
    let checksum = xxhash_rust::xxh3::xxh3_64(&out[8..]);
    out[..8].copy_from_slice(&checksum.to_le_bytes());
    Ok(out)
}

/// `case` as its record holds it.
pub fn case_json(case: &Case) -> Vec<u8> {
    part_json(|writer| writer.case(case))
}

/// `interaction` as its record holds it.
pub fn interaction_json(interaction: &Interaction) -> Vec<u8> {
    part_json(|writer| writer.interaction(interaction))
}

fn part_json(write: impl FnOnce(&mut JsonWriter)) -> Vec<u8> {
    let mut writer = JsonWriter::default();
    write(&mut writer);
    writer.out
}

#[derive(Default)]
struct JsonWriter {
    out: Vec<u8>,
    fields: u16,
    attributes: u64,
    starts: Vec<usize>,
}

impl JsonWriter {
    fn customer(&mut self, customer: &Customer, schema: &Schema) {
        self.raw("{");
        self.string_field(Field::Id, Some(&customer.id));
        self.string_field(Field::Name, Some(&customer.name));
        self.string_field(Field::CreatedAt, customer.created_at.as_deref());
        self.string_field(Field::UpdatedAt, customer.updated_at.as_deref());
        self.string_field(Field::FirstName, customer.first_name.as_deref());
        self.string_field(Field::LastName, customer.last_name.as_deref());
        self.string_field(Field::Company, customer.company.as_deref());
        if !customer.phones.is_empty() {
            self.field(Field::Phones, |w| {
                w.array(&customer.phones, |w, phone| w.phone(phone))
            });
        }
        if !customer.labels.is_empty() {
            self.field(Field::Labels, |w| {
                w.array(&customer.labels, |w, label| w.label(label))
            });
        }
        if customer.flags.do_not_call || customer.flags.do_not_sms {
            self.field(Field::Flags, |w| {
                w.object(&[
                    ("do_not_call", Some(Scalar::Bool(customer.flags.do_not_call))),
                    ("do_not_sms", Some(Scalar::Bool(customer.flags.do_not_sms))),
                ]);
            });
        }
        // Attributes and cases stand behind all fields, so they are held back until then.
        let mut attributes = Vec::new();
        if !customer.attributes.is_empty() {
            self.field(Field::Attributes, |w| {
                w.raw("{");
                for (nth, (position, json)) in customer.attributes.iter().enumerate() {
                    if nth > 0 {
                        w.raw(",");
                    }
                    attributes.push(w.at());
                    w.string(schema.attributes.get(*position).map_or("", |def| &def.key));
                    w.raw(":");
                    w.attributes |= 1 << position;
                    w.raw(json);
                }
                w.raw("}");
            });
        }
        let mut cases = Vec::new();
        if let Some(list) = customer.cases.as_ref().filter(|list| !list.is_empty()) {
            self.field(Field::Cases, |w| {
                w.array(list, |w, case| {
                    cases.push(w.at());
                    w.case(case);
                });
            });
        }
        if let Some(list) = customer.interactions.as_ref().filter(|list| !list.is_empty()) {
            self.field(Field::Interactions, |w| {
                w.array(list, |w, interaction| w.interaction(interaction))
            });
        }
        self.string_field(Field::LastAgentId, customer.last_agent_id.as_deref());
        self.raw("}");
        self.starts.append(&mut attributes);
        self.starts.append(&mut cases);
    }

    fn phone(&mut self, phone: &Phone) {
        let Phone {
            region,
            kind,
            verified_at,
            shared,
            ..
        } = phone;
        if region.is_none() && kind.is_none() && verified_at.is_none() && !shared {
            return self.string(&phone.number);
        }
        self.object(&[
            ("number", text(&phone.number)),
            ("region", phone.region.as_deref().and_then(text)),
            ("kind", phone.kind.as_deref().and_then(text)),
            ("verified_at", phone.verified_at.as_deref().and_then(text)),
            ("shared", shared.then_some(Scalar::Bool(true))),
        ]);
    }

    fn label(&mut self, label: &Label) {
        self.object(&[
            ("name", text(&label.name)),
            ("color", label.color.as_deref().and_then(text)),
        ]);
    }

    fn case(&mut self, case: &Case) {
        self.object(&[
            ("id", text(&case.id)),
            ("number", case.number.as_deref().and_then(text)),
            ("title", case.title.as_deref().and_then(text)),
            ("status", case.status.as_deref().and_then(text)),
            ("priority", case.priority.as_deref().and_then(text)),
            ("created_at", case.created_at.as_deref().and_then(text)),
        ]);
    }

    fn interaction(&mut self, interaction: &Interaction) {
        self.object(&[
            ("id", text(&interaction.id)),
            ("started_at", interaction.started_at.as_deref().and_then(text)),
            ("direction", interaction.direction.as_deref().and_then(text)),
            ("type", interaction.kind.as_deref().and_then(text)),
            ("ani", interaction.ani.as_deref().and_then(text)),
            ("duration_s", interaction.duration_s.map(Scalar::Number)),
        ]);
        if !interaction.activities.is_empty() {
            self.out.pop();
            self.raw(",\"activities\":");
            self.array(&interaction.activities, |w, activity| w.activity(activity));
            self.raw("}");
        }
    }

    fn activity(&mut self, activity: &Activity) {
        self.object(&[
            ("kind", text(&activity.kind)),
            ("agent_id", activity.agent_id.as_deref().and_then(text)),
            ("agent_name", activity.agent_name.as_deref().and_then(text)),
            ("team", activity.team.as_deref().and_then(text)),
            ("extension", activity.extension.as_deref().and_then(text)),
            ("started_at", activity.started_at.as_deref().and_then(text)),
            ("duration_s", activity.duration_s.map(Scalar::Number)),
            ("wrap_up", activity.wrap_up.as_deref().and_then(text)),
        ]);
    }

    fn string_field(&mut self, field: Field, value: Option<&str>) {
        if let Some(value) = value {
            self.field(field, |w| w.string(value));
        }
    }

    fn field(&mut self, field: Field, value: impl FnOnce(&mut JsonWriter)) {
        if self.at() > 1 {
            self.raw(",");
        }
        self.key(field.key());
        self.fields |= field.bit();
        self.starts.push(self.at());
        value(self);
    }

    fn array<T>(&mut self, items: &[T], mut write: impl FnMut(&mut JsonWriter, &T)) {
        self.raw("[");
        for (nth, item) in items.iter().enumerate() {
            if nth > 0 {
                self.raw(",");
            }
            write(self, item);
        }
        self.raw("]");
    }

    fn object(&mut self, members: &[(&str, Option<Scalar<'_>>)]) {
        self.raw("{");
        let present = members
            .iter()
            .filter_map(|(key, value)| value.map(|value| (key, value)));
        for (nth, (key, value)) in present.enumerate() {
            if nth > 0 {
                self.raw(",");
            }
            self.key(key);
            match value {
                Scalar::Text(text) => self.string(text),
                Scalar::Number(number) => self.json(&number),
                Scalar::Bool(flag) => self.raw(if flag { "true" } else { "false" }),
            }
        }
        self.raw("}");
    }

    /// A key of ours, which needs no escape, and its colon.
    fn key(&mut self, key: &str) {
        self.raw("\"");
        self.raw(key);
        self.raw("\":");
    }

    fn string(&mut self, value: &str) {
        self.json(value);
    }

    fn json<T: serde::Serialize + ?Sized>(&mut self, value: &T) {
        // Writing strings and numbers to memory cannot fail; nothing else is passed here.
        let _infallible = serde_json::to_writer(&mut self.out, value);
    }

    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Where the next byte of the JSON goes.
    fn at(&self) -> usize {
        self.out.len() - HEADER_LEN
    }
}

/// A value that has nothing in it.
#[derive(Clone, Copy)]
enum Scalar<'a> {
    Text(&'a str),
    Number(u64),
    Bool(bool),
}

fn text(value: &str) -> Option<Scalar<'_>> {
    Some(Scalar::Text(value))
}

/// A record's beginning, with room for most.
fn begun() -> Vec<u8> {
    let mut out = Vec::with_capacity(ROOM);
    out.resize(HEADER_LEN, 0);
    out
}
