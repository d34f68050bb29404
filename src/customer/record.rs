//! The record: one customer as every layer stores, merges and sends it.
//!
//! ```text
//!  0  u64  xxh3-64 of everything behind it
//!  8  u32  length of the whole record
//! 12  u32  length of the JSON; bit 31: starts are 32 bits wide, not 16
//! 16  …    the customer's native JSON, ready to send
//!  …  …    rkyv archive of `Layout`, its root at the record's end
//! ```
//!
//! Integers are little-endian and nothing is aligned, so that a record may lie anywhere in a file. Nothing is
//! stored twice: the archive holds places in the JSON, not copies. Each record is its own rkyv root.

mod marks;
mod write;

use rkyv::rancor::Failure;
use rkyv::{Archive, Serialize};
use xxhash_rust::xxh3::xxh3_64;

pub use marks::{MOST_POSITION, Mark, Marks, Part};
pub use write::{Origin, TooLarge, case_json, encode, interaction_json};

/// Bytes ahead of a record's JSON.
pub const HEADER_LEN: usize = 16;
/// The longest record, in bytes.
pub const MOST_BYTES: usize = 16 << 20;

const WIDE: u32 = 1 << 31;
const SHARED: u64 = 1;
const NO_CASE: u16 = u16::MAX;

/// A customer lists a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The number's key.
    pub key: u64,
    /// The seq at which the customer's present unbroken claim began (below 2⁶³).
    pub since: u64,
    /// The customer declares the number to be used by several.
    pub shared: bool,
}

/// A field of a customer's JSON that a record leads to, in the order in which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Field {
    /// `id`, always there.
    Id,
    /// `name`, always there.
    Name,
    /// `created_at`.
    CreatedAt,
    /// `updated_at`.
    UpdatedAt,
    /// `first_name`.
    FirstName,
    /// `last_name`.
    LastName,
    /// `company`.
    Company,
    /// `phones`, an array.
    Phones,
    /// `labels`, an array of `{"name", "color"?}`.
    Labels,
    /// `flags`, an object.
    Flags,
    /// `attributes`, an object in schema order.
    Attributes,
    /// `cases`, an array, newest first.
    Cases,
    /// `interactions`, an array, newest first.
    Interactions,
    /// `last_agent_id`.
    LastAgentId,
}

impl Field {
    /// Every field, in the order of the JSON.
    pub const ALL: [Field; 14] = [
        Field::Id,
        Field::Name,
        Field::CreatedAt,
        Field::UpdatedAt,
        Field::FirstName,
        Field::LastName,
        Field::Company,
        Field::Phones,
        Field::Labels,
        Field::Flags,
        Field::Attributes,
        Field::Cases,
        Field::Interactions,
        Field::LastAgentId,
    ];

    /// The field's key in the JSON.
    pub fn key(self) -> &'static str {
        match self {
            Field::Id => "id",
            Field::Name => "name",
            Field::CreatedAt => "created_at",
            Field::UpdatedAt => "updated_at",
            Field::FirstName => "first_name",
            Field::LastName => "last_name",
            Field::Company => "company",
            Field::Phones => "phones",
            Field::Labels => "labels",
            Field::Flags => "flags",
            Field::Attributes => "attributes",
            Field::Cases => "cases",
            Field::Interactions => "interactions",
            Field::LastAgentId => "last_agent_id",
        }
    }

    #[inline]
    fn bit(self) -> u16 {
        1 << (self as u8)
    }
}

#[derive(Archive, Serialize)]
struct StoredClaim {
    key: u64,
    /// `since << 1 | shared`.
    since: u64,
}

/// Where things are in the JSON, fields first, then attributes, then cases; the bitmaps say which of the first two
/// are there, so that a place is found by counting bits. Only starts are kept, since the JSON is written in one
/// known way: a value ends where the key of the next one begins, and what lies between is known to the byte.
#[derive(Archive, Serialize)]
struct Layout<N> {
    schema_version: u32,
    stream: u16,
    fields: u16,
    attributes: u64,
    open_case: u16,
    /// Of a field and a case: where its value starts. Of an attribute: where its key's quotation mark stands.
    starts: Vec<N>,
    claims: Vec<StoredClaim>,
    position: Vec<u8>,
    marks: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Archived<'a> {
    Narrow(&'a ArchivedLayout<u16>),
    Wide(&'a ArchivedLayout<u32>),
}

/// Reads `$field` of either width of layout.
macro_rules! of {
    ($archived:expr, $layout:ident => $read:expr) => {
        match $archived {
            Archived::Narrow($layout) => $read,
            Archived::Wide($layout) => $read,
        }
    };
}

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Too short, or a length leads outside.
    #[error("expected a record of {expected} bytes, found {found}")]
    Length {
        /// Bytes that the record says it has, or the least that it can have.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// The checksum does not fit.
    #[error("expected checksum {expected:016x}, found {found:016x}")]
    Checksum {
        /// As stored.
        expected: u64,
        /// As computed.
        found: u64,
    },
    /// The checksum fits and the archive does not: written by a faulty or hostile writer.
    #[error("expected a valid archive behind the JSON, found none")]
    Archive,
}

/// A record, verified.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    bytes: &'a [u8],
    json: &'a [u8],
    layout: Archived<'a>,
}

impl std::fmt::Debug for Record<'_> {
    /// Bytes only: a record's content is somebody's data, and debug output ends in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record({} bytes)", self.bytes.len())
    }
}

/// When the source created the customer `id`, as [`Record::created_ms`].
pub fn created_ms(created_at: Option<&str>, id: &str) -> Option<i64> {
    if let Some(text) = created_at {
        return Some(text.parse::<jiff::Timestamp>().ok()?.as_millisecond());
    }
    if id.len() != 24 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some(i64::from(u32::from_str_radix(&id[..8], 16).ok()?) * 1000)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

impl<'a> Record<'a> {
    /// The record at the start of `bytes`, which may go on behind it; verifies its checksum and its archive.
    ///
    /// # Errors
    /// [`Damage`] where the bytes are not a record that [`encode`] wrote.
    #[inline]
    pub fn open(bytes: &'a [u8]) -> Result<Record<'a>, Damage> {
        let short = |expected| Damage::Length {
            expected,
            found: bytes.len(),
        };
        let (Some(expected), Some(len), Some(json_len)) =
            (u64_at(bytes, 0), u32_at(bytes, 8), u32_at(bytes, 12))
        else {
            return Err(short(HEADER_LEN));
        };
        let len = len as usize;
        let json_end = HEADER_LEN + (json_len & !WIDE) as usize;
        if json_end > len {
            return Err(short(json_end));
        }
        let bytes = bytes.get(..len).ok_or_else(|| short(len))?;
        let found = xxh3_64(&bytes[8..]);
        if found != expected {
            return Err(Damage::Checksum { expected, found });
        }
        let (json, archive) = (&bytes[HEADER_LEN..json_end], &bytes[json_end..]);
        let layout = if json_len & WIDE == 0 {
            rkyv::access::<ArchivedLayout<u16>, Failure>(archive).map(Archived::Narrow)
        } else {
            rkyv::access::<ArchivedLayout<u32>, Failure>(archive).map(Archived::Wide)
        };
        Ok(Record {
            bytes,
            json,
            layout: layout.map_err(|_| Damage::Archive)?,
        })
    }

    /// The whole record, as it is stored.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The customer's native JSON.
    pub fn json(&self) -> &'a [u8] {
        self.json
    }

    /// The customer's id.
    pub fn id(&self) -> &'a str {
        // Ids hold nothing that JSON escapes, so the token without its quotation marks is the id.
        let token = self.field(Field::Id).unwrap_or_default();
        token
            .get(1..token.len().saturating_sub(1))
            .and_then(|id| std::str::from_utf8(id).ok())
            .unwrap_or("")
    }

    /// `field`'s JSON value, such as `"Ada"` with its quotation marks; `None` where the customer has none.
    #[inline]
    pub fn field(&self, field: Field) -> Option<&'a [u8]> {
        let present = of!(self.layout, layout => layout.fields.to_native());
        if present & field.bit() == 0 {
            return None;
        }
        let nth = (present & (field.bit() - 1)).count_ones() as usize;
        let later = present & !(field.bit() | (field.bit() - 1));
        // Behind the value stands `,"key":` of the next field, or the end of the object.
        let end = match Field::ALL.get(later.trailing_zeros() as usize) {
            Some(next) => self.start(nth + 1)?.checked_sub(next.key().len() + 4)?,
            None => self.json.len().checked_sub(1)?,
        };
        self.json.get(self.start(nth)?..end)
    }

    /// The JSON value of the attribute at `position` of the schema of [`Record::schema_version`].
    pub fn attribute(&self, position: usize) -> Option<&'a [u8]> {
        let present = of!(self.layout, layout => layout.attributes.to_native());
        let bit = 1_u64.checked_shl(u32::try_from(position).ok()?)?;
        if present & bit == 0 {
            return None;
        }
        let nth = (present & (bit - 1)).count_ones() as usize;
        let member = self.member(self.field_count(), self.attribute_count(), nth, Field::Attributes)?;
        // Keys hold nothing that JSON escapes, so the second quotation mark ends the key; a colon follows it.
        let key = memchr::memchr(b'"', member.get(1..)?)?;
        member.get(key + 3..)
    }

    /// The JSON of the case at `position`, newest first.
    pub fn case(&self, position: usize) -> Option<&'a [u8]> {
        let first = self.field_count() + self.attribute_count();
        let count = of!(self.layout, layout => layout.starts.len()).checked_sub(first)?;
        if position >= count {
            return None;
        }
        self.member(first, count, position, Field::Cases)
    }

    /// The JSON of the newest open case.
    pub fn open_case(&self) -> Option<&'a [u8]> {
        match of!(self.layout, layout => layout.open_case.to_native()) {
            NO_CASE => None,
            position => self.case(usize::from(position)),
        }
    }

    /// The version of the schema under which the record was written.
    pub fn schema_version(&self) -> u32 {
        of!(self.layout, layout => layout.schema_version.to_native())
    }

    /// The claims, in the order of the customer's phones, one for each distinct number.
    pub fn claims(&self) -> impl ExactSizeIterator<Item = Claim> + 'a {
        let claims: &'a [ArchivedStoredClaim] = of!(self.layout, layout => layout.claims.as_slice());
        claims.iter().map(|claim| {
            let since = claim.since.to_native();
            Claim {
                key: claim.key.to_native(),
                since: since >> 1,
                shared: since & SHARED != 0,
            }
        })
    }

    /// The claim on `key`.
    pub fn claim(&self, key: u64) -> Option<Claim> {
        self.claims().find(|claim| claim.key == key)
    }

    /// Where the record came from.
    pub fn origin(&self) -> Origin<'a> {
        of!(self.layout, layout => Origin {
            stream: layout.stream.to_native(),
            position: layout.position.as_slice(),
            marks: layout.marks.as_slice(),
        })
    }

    /// When the source created the customer, in milliseconds since 1970: its `created_at`, else the time in a
    /// MongoDB object id. `None` where neither says.
    pub fn created_ms(&self) -> Option<i64> {
        let created_at = match self.field(Field::CreatedAt) {
            Some(token) => Some(std::str::from_utf8(token.get(1..token.len().saturating_sub(1))?).ok()?),
            None => None,
        };
        created_ms(created_at, self.id())
    }

    fn field_count(&self) -> usize {
        of!(self.layout, layout => layout.fields.to_native()).count_ones() as usize
    }

    fn attribute_count(&self) -> usize {
        of!(self.layout, layout => layout.attributes.to_native()).count_ones() as usize
    }

    /// The `nth` of the `count` members of `field`'s object or array, whose starts stand from `first` on.
    fn member(&self, first: usize, count: usize, nth: usize, field: Field) -> Option<&'a [u8]> {
        let start = self.start(first + nth)?;
        let end = if nth + 1 < count {
            self.start(first + nth + 1)?
        } else {
            let whole = self.field(field)?;
            (whole.as_ptr().addr() - self.json.as_ptr().addr()).checked_add(whole.len())?
        };
        // A comma, or the closing bracket.
        self.json.get(start..end.checked_sub(1)?)
    }

    #[inline]
    fn start(&self, position: usize) -> Option<usize> {
        match self.layout {
            Archived::Narrow(layout) => Some(usize::from(layout.starts.get(position)?.to_native())),
            Archived::Wide(layout) => usize::try_from(layout.starts.get(position)?.to_native()).ok(),
        }
    }
}

#[cfg(test)]
mod tests;
