//! The answer and its native JSON, written around the record's own bytes.

use bytes::BytesMut;

use super::customer;
use super::disclosure::Disclosure;
use super::fields::{Fields, Key};
use super::json;
use super::meters::Outcome;
use super::suffix::How;
use super::treatment::{Decision, LastAgent};
use crate::customer::Record;
use crate::customer::record::Field;
use crate::index::{Records, View};
use crate::number;
use crate::overlay::Superseded;
use crate::replica::freshness;

/// The most characters of a number that could not be read that an answer repeats.
const MOST_REPEATED: usize = 80;

/// Room for what an answer says beside the customer, nearly always.
const BESIDE_CUSTOMER: usize = 1024;

/// Everything that an answer says, as of one view.
pub(super) struct Answer<'a, 'v> {
    pub(super) view: &'a View<'v>,
    pub(super) ani: Ani<'a>,
    /// The number that was found, or looked up.
    pub(super) key: Option<number::Key>,
    pub(super) how: How,
    pub(super) who: Whom<'a>,
    pub(super) outcome: Outcome,
    pub(super) decision: Option<&'a Decision>,
    pub(super) disclosure: Disclosure,
    pub(super) freshness: &'a freshness::Reading,
    /// The most matches listed.
    pub(super) matches_max: usize,
}

/// Who has the number.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "boxing would allocate on the way of a lookup"
)]
pub(super) enum Who<'a> {
    Nobody,
    One(Record<'a>),
    Several(Records<'a>),
}

/// [`Who`] as an answer refers to it: room for several is too much to hand about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whom<'a> {
    Nobody,
    One(&'a Record<'a>),
    Several(&'a [Record<'a>]),
}

/// The calling number as an answer repeats it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ani<'a> {
    /// A number.
    Number(number::Key),
    /// A SIP user, or what could not be read, as sent.
    Written(&'a str),
    /// Withheld.
    None,
}

/// A value that is no object and no list.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Integer(u64),
    Text(&'a str),
    /// A JSON value of a record.
    Token(&'a [u8]),
    Number(number::Key),
}

impl<'a> Who<'a> {
    /// The customer, where it is one.
    pub(super) fn one(&self) -> Option<&Record<'a>> {
        match self {
            Who::One(record) => Some(record),
            Who::Nobody | Who::Several(_) => None,
        }
    }

    pub(super) fn as_whom(&self) -> Whom<'_> {
        match self {
            Who::Nobody => Whom::Nobody,
            Who::One(record) => Whom::One(record),
            Who::Several(records) => Whom::Several(records),
        }
    }
}

impl<'a> Whom<'a> {
    /// The customer, where it is one.
    pub(super) fn one(self) -> Option<&'a Record<'a>> {
        match self {
            Whom::One(record) => Some(record),
            Whom::Nobody | Whom::Several(_) => None,
        }
    }

    /// The customers.
    pub(super) fn all(self) -> &'a [Record<'a>] {
        match self {
            Whom::Nobody => &[],
            Whom::One(record) => std::slice::from_ref(record),
            Whom::Several(records) => records,
        }
    }
}

impl<'a> Ani<'a> {
    /// The number that `reading` read from `written`.
    pub(super) fn of(reading: &'a number::Reading<'_>, written: &'a str) -> Ani<'a> {
        match (reading.sip_user(), reading.number()) {
            (Some(user), _) => Ani::Written(user),
            (None, Some(key)) => Ani::Number(key),
            (None, None) if reading.reason() == Some(number::Reason::Anonymous) => Ani::None,
            (None, None) => Ani::repeated(written),
        }
    }

    /// The number as `written`, which nobody has read; none where nothing is written.
    pub(super) fn unread(written: &'a str) -> Ani<'a> {
        if written.is_empty() {
            return Ani::None;
        }
        Ani::repeated(written)
    }

    fn repeated(written: &'a str) -> Ani<'a> {
        let end = written
            .char_indices()
            .nth(MOST_REPEATED)
            .map_or(written.len(), |(at, _)| at);
        Ani::Written(&written[..end])
    }
}

impl Answer<'_, '_> {
    /// Writes the selected parts as native JSON.
    ///
    /// # Errors
    /// [`Superseded`], as of the view; what was written so far is worth nothing then.
    pub(super) fn write_json(&self, fields: &Fields<'_>, out: &mut BytesMut) -> Result<(), Superseded> {
        let customer = self.who.one().map_or(0, |record| record.json().len());
        out.reserve(customer + BESIDE_CUSTOMER);
        let begin = out.len();
        // Each key is compiled for itself: in a loop, finding out what to do takes longer than doing it.
        macro_rules! write_each {
            ($($key:ident)*) => {
                $(if fields.has(Key::$key) {
                    self.write_part(Key::$key, fields, out)?;
                })*
            };
        }
        write_each!(
            Found Match Reason Ani Count CustomerId Name Customer Case OpenCase Treatment Queue LastAgentId
            MayGreet MayDisclose Matches NotOwned PopUrl Generation Position AgeMs Stale Connected SourceLagMs
        );
        // What stands ahead of the first key is a comma, as ahead of the others.
        if let Some(first) = out.get_mut(begin) {
            *first = b'{';
        }
        out.extend_from_slice(b"}");
        Ok(())
    }

    #[inline(always)]
    fn write_part(&self, key: Key, fields: &Fields<'_>, out: &mut BytesMut) -> Result<(), Superseded> {
        match self.scalar(key) {
            Some(Scalar::Null) => out.extend_from_slice(key.null()),
            Some(Scalar::Bool(value)) => out.extend_from_slice(key.boolean(value)),
            Some(scalar) => {
                out.extend_from_slice(key.prefix());
                scalar.write_json(out);
            }
            None => {
                out.extend_from_slice(key.prefix());
                self.write_nested(key, fields, out)?;
            }
        }
        Ok(())
    }

    /// The value of `key`, where it is no object and no list.
    #[inline(always)]
    pub(super) fn scalar(&self, key: Key) -> Option<Scalar<'_>> {
        let one = self.who.one();
        let text = |text: Option<&'static str>| text.map_or(Scalar::Null, Scalar::Text);
        let decided = |name: fn(&Decision) -> &Option<Box<str>>| {
            let name = self.decision.and_then(|decision| name(decision).as_deref());
            name.map_or(Scalar::Null, Scalar::Text)
        };
        let field = |field| {
            one.and_then(|record| record.field(field))
                .map_or(Scalar::Null, Scalar::Token)
        };
        Some(match key {
            Key::Found => Scalar::Bool(self.outcome.is_found()),
            Key::Match => Scalar::Text(if self.outcome.is_found() {
                self.how.as_str()
            } else {
                "none"
            }),
            Key::Reason => text(self.outcome.reason()),
            Key::Ani => match self.ani {
                Ani::Number(key) => Scalar::Number(key),
                Ani::Written(text) => Scalar::Text(text),
                Ani::None => Scalar::Null,
            },
            Key::Count => Scalar::Integer(self.who.all().len() as u64),
            Key::CustomerId => field(Field::Id),
            Key::Name => field(Field::Name),
            Key::Treatment => decided(|decision| &decision.treatment),
            Key::Queue => decided(|decision| &decision.queue),
            Key::LastAgentId => match self.decision.map(|decision| &decision.last_agent) {
                None | Some(LastAgent::OfCustomer) => field(Field::LastAgentId),
                Some(LastAgent::Nobody) => Scalar::Null,
                Some(LastAgent::Fixed(id)) => Scalar::Text(id),
            },
            Key::MayGreet => Scalar::Bool(self.disclosure.greet.is_ok()),
            Key::MayDisclose => Scalar::Bool(self.disclosure.disclose.is_ok()),
            Key::PopUrl => Scalar::Null,
            Key::Generation => Scalar::Integer(self.view.generation()),
            Key::Position => match self.freshness.position.as_deref() {
                Some(position) => Scalar::Text(position),
                None => Scalar::Null,
            },
            Key::AgeMs => self.freshness.age_ms.map_or(Scalar::Null, Scalar::Integer),
            Key::Stale => Scalar::Bool(self.freshness.stale),
            Key::Connected => Scalar::Bool(self.freshness.connected),
            Key::SourceLagMs => self.freshness.lag_ms.map_or(Scalar::Null, Scalar::Integer),
            Key::Customer | Key::Case | Key::OpenCase | Key::Matches | Key::NotOwned => return None,
        })
    }

    #[inline(always)]
    fn write_nested(&self, key: Key, fields: &Fields<'_>, out: &mut BytesMut) -> Result<(), Superseded> {
        if key == Key::Matches {
            self.write_matches(out);
            return Ok(());
        }
        let Some(record) = self.who.one() else {
            out.extend_from_slice(if key == Key::NotOwned { b"[]" } else { b"null" });
            return Ok(());
        };
        match key {
            Key::Case => out.extend_from_slice(record.case(0).unwrap_or(b"null")),
            Key::OpenCase => out.extend_from_slice(record.open_case().unwrap_or(b"null")),
            Key::NotOwned => {
                let found = self.key.map(number::Key::raw);
                customer::write_not_owned(self.view, record, found, out)?;
            }
            _ => customer::write(record, self.view.schema(), fields.customer(), out),
        }
        Ok(())
    }

    fn write_matches(&self, out: &mut BytesMut) {
        out.extend_from_slice(b"[");
        let mut separator: &[u8] = b"";
        for record in self.who.all().iter().take(self.matches_max) {
            let field = |field| record.field(field).unwrap_or(b"null");
            out.extend_from_slice(separator);
            separator = b",";
            out.extend_from_slice(b"{\"customer_id\":");
            out.extend_from_slice(field(Field::Id));
            out.extend_from_slice(b",\"name\":");
            out.extend_from_slice(field(Field::Name));
            out.extend_from_slice(b",\"company\":");
            out.extend_from_slice(field(Field::Company));
            out.extend_from_slice(b",\"last_agent_id\":");
            out.extend_from_slice(field(Field::LastAgentId));
            out.extend_from_slice(b"}");
        }
        out.extend_from_slice(b"]");
    }
}

impl Scalar<'_> {
    /// Writes the value as JSON.
    #[inline(always)]
    pub(super) fn write_json(self, out: &mut BytesMut) {
        match self {
            Scalar::Null => out.extend_from_slice(b"null"),
            Scalar::Bool(value) => json::boolean(out, value),
            Scalar::Integer(value) => json::integer(out, value),
            Scalar::Text(text) => json::string(out, text),
            Scalar::Token(token) => out.extend_from_slice(token),
            Scalar::Number(key) => json::number(out, key),
        }
    }
}
