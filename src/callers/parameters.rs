//! The parameters of a lookup, from a path, a query string or a form.

use std::borrow::Cow;

use percent_encoding::{percent_decode, percent_decode_str};
use smallvec::SmallVec;

use super::call::Call;
use super::lookup::Request;
use crate::number;

/// The longest run of digits that is put behind its plus without the heap.
const MOST_DIGITS: usize = 23;

/// What a caller gave; the first of several values counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters<'a> {
    pub(super) ani: Option<Written<'a>>,
    pub(super) dnis: Option<Written<'a>>,
    pub(super) call_id: Option<Cow<'a, str>>,
    pub(super) verstat: Option<Cow<'a, str>>,
    pub(super) diversion: Option<Written<'a>>,
    pub(super) listener: Option<Cow<'a, str>>,
    pub(super) dialect: Option<Cow<'a, str>>,
    pub(super) region: Option<Cow<'a, str>>,
    pub(super) format: Option<Cow<'a, str>>,
    pub(super) onmiss: Option<Cow<'a, str>>,
    pub(super) fields: Option<Cow<'a, str>>,
}

/// A number as written.
#[derive(Debug, Clone)]
pub(super) enum Written<'a> {
    /// Any text.
    Text(Cow<'a, str>),
    /// A plus and digits: what `%2B…` stands for.
    Plus(SmallVec<[u8; MOST_DIGITS + 1]>),
}

/// A query string or a form, not decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form<'a>(pub(super) &'a str);

impl<'a> Form<'a> {
    /// Every pair in its order: the name decoded, the value as sent.
    pub(super) fn pairs(self) -> impl Iterator<Item = (Cow<'a, str>, &'a str)> {
        let mut rest = Some(self.0);
        let pairs = std::iter::from_fn(move || {
            let (pair, behind) = split(rest?, b'&');
            rest = behind;
            Some(pair)
        });
        pairs.filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, raw) = split(pair, b'=');
            (decoded(name), raw.unwrap_or_default())
        })
    }

    /// The first value of `name`, as sent: a number is read by [`Written::decoded`], any other text by [`decoded`].
    pub(super) fn get(self, name: &str) -> Option<&'a str> {
        self.pairs().find(|(known, _)| known == name).map(|(_, raw)| raw)
    }
}

/// A number in text that was decoded already, as a word of a query language is: a blank before its first digit is a
/// plus that form decoding has eaten.
pub(super) fn in_text(text: &str) -> Cow<'_, str> {
    let rest = text.trim_start_matches([' ', '\u{a0}']);
    if rest.len() < text.len() && rest.starts_with(|c: char| c.is_ascii_digit()) {
        return Cow::Owned(format!("+{rest}"));
    }
    Cow::Borrowed(rest)
}

impl<'a> Parameters<'a> {
    /// The parameters of a path and a query, where the body is not read.
    pub(super) fn of(in_path: Option<&'a str>, query: &'a str) -> Parameters<'a> {
        let mut parameters = Parameters {
            ani: in_path.map(Written::decoded),
            ..Parameters::default()
        };
        parameters.read_form(query);
        parameters
    }

    /// Reads a query string or a form. Parameters that nobody knows are ignored: callers add their own.
    pub(super) fn read_form(&mut self, form: &'a str) {
        for (name, raw) in Form(form).pairs() {
            match &*name {
                "ani" => set(&mut self.ani, || Written::decoded(raw)),
                "dnis" => set(&mut self.dnis, || Written::decoded(raw)),
                "call_id" => set(&mut self.call_id, || decoded(raw)),
                "verstat" => set(&mut self.verstat, || decoded(raw)),
                "diversion" => set(&mut self.diversion, || Written::decoded(raw)),
                "listener" => set(&mut self.listener, || decoded(raw)),
                "dialect" => set(&mut self.dialect, || decoded(raw)),
                "region" => set(&mut self.region, || decoded(raw)),
                "format" => set(&mut self.format, || decoded(raw)),
                "onmiss" => set(&mut self.onmiss, || decoded(raw)),
                "fields" => set(&mut self.fields, || decoded(raw)),
                _ => {}
            }
        }
    }

    /// What is known of `call` besides its number. It counts in every dialect: a number that the network calls forged
    /// is nobody's, whoever asks.
    pub(super) fn context<'c>(&'c self, call: &Call<'c>) -> Request<'c> {
        let diverted = self.diversion.as_ref().map(Written::as_str);
        Request {
            dnis: self.dnis.as_ref().map(Written::as_str),
            call_id: self.call_id.as_deref(),
            verstat: self.verstat.as_deref(),
            diversion: diverted.filter(|text| !text.is_empty()).or(call.diversion),
            ..Request::default()
        }
    }

    /// Takes the member `name` of a JSON object.
    pub(super) fn take(&mut self, name: &str, value: String) {
        let text = || Cow::Owned(value);
        match name {
            "ani" => set(&mut self.ani, || Written::Text(text())),
            "dnis" => set(&mut self.dnis, || Written::Text(text())),
            "call_id" => set(&mut self.call_id, text),
            "verstat" => set(&mut self.verstat, text),
            "diversion" => set(&mut self.diversion, || Written::Text(text())),
            "region" => set(&mut self.region, text),
            "format" => set(&mut self.format, text),
            "onmiss" => set(&mut self.onmiss, text),
            "fields" => set(&mut self.fields, text),
            _ => {}
        }
    }
}

impl<'a> Written<'a> {
    /// Reads a raw value of a query, a form or a path.
    pub(super) fn decoded(raw: &'a str) -> Written<'a> {
        let digits = raw.strip_prefix("%2B").or_else(|| raw.strip_prefix("%2b"));
        match digits {
            Some(digits)
                if digits.len() <= MOST_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                let mut text = SmallVec::from_slice(b"+");
                text.extend_from_slice(digits.as_bytes());
                Written::Plus(text)
            }
            _ => Written::Text(number::from_query(raw)),
        }
    }

    /// The number as written.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Written::Text(text) => text,
            Written::Plus(text) => str::from_utf8(text).unwrap_or_default(),
        }
    }
}

/// What is ahead of the first `sign`, which is ASCII, and what is behind it. Byte by byte, for these texts are short.
fn split(text: &str, sign: u8) -> (&str, Option<&str>) {
    let at = text.bytes().position(|byte| byte == sign);
    let parts = at.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?)));
    parts.map_or((text, None), |(ahead, behind)| (ahead, Some(behind)))
}

/// Decodes `%XX` and `+`, once; bytes that are no text become `�`.
pub(super) fn decoded(raw: &str) -> Cow<'_, str> {
    if !raw.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(raw);
    }
    let spaced = raw.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

/// Decodes as [`decoded`] does, but for a plus that belongs to a number: one that stands raw ahead of a digit, where no
/// word ends. Numbers stand within queries too, behind a field and its operator or behind a blank.
pub(super) fn kept_plus(raw: &str) -> Cow<'_, str> {
    if !raw.contains(['%', '+']) {
        return Cow::Borrowed(raw);
    }
    let bytes = raw.as_bytes();
    let mut spaced = Vec::with_capacity(bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        let is_ahead = bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
        let before = &bytes[..at];
        let is_begin = before.is_empty()
            || before.ends_with(b"%20")
            || before.last().is_some_and(|byte| b"+ :='\"*,".contains(byte))
            || [
                &b"%22"[..],
                b"%27",
                b"%3A",
                b"%3a",
                b"%3D",
                b"%3d",
                b"%2A",
                b"%2a",
            ]
            .iter()
            .any(|sign| before.ends_with(sign));
        match byte {
            b'+' if is_ahead && is_begin => spaced.extend_from_slice(b"%2B"),
            b'+' => spaced.push(b' '),
            byte => spaced.push(*byte),
        }
    }
    let decoded: Vec<u8> = percent_decode(&spaced).collect();
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

fn set<T>(slot: &mut Option<T>, value: impl FnOnce() -> T) {
    if slot.is_none() {
        *slot = Some(value());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read() {
        let mut parameters = Parameters::default();
        parameters.read_form(
            "nocache=1&&ani=%2B4416&ani=1&=x&dnis=+4417&verstat=No+TN%2DValidation&region&f%69elds=a%2Cb",
        );
        let texts = [
            parameters.ani.as_ref().map(Written::as_str),
            parameters.dnis.as_ref().map(Written::as_str),
            parameters.verstat.as_deref(),
            parameters.region.as_deref(),
            parameters.fields.as_deref(),
            parameters.call_id.as_deref(),
        ];
        assert_eq!(
            texts,
            [
                Some("+4416"),
                Some("+4417"),
                Some("No TN-Validation"),
                Some(""),
                Some("a,b"),
                None
            ]
        );
    }

    #[test]
    fn a_plus_is_kept_where_a_number_begins() {
        for (raw, text) in [
            ("type:user%20+14806754110", "type:user +14806754110"),
            ("type:user++14806754110", "type:user +14806754110"),
            ("type:user+14806754110", "type:user 14806754110"),
            ("type%3Auser+%2B14806754110", "type:user +14806754110"),
            ("phone=+44", "phone=+44"),
            ("phone:%27+44%27", "phone:'+44'"),
            ("(480)+675", "(480) 675"),
            ("a+b", "a b"),
            ("+", " "),
            ("%zz%f0", "%zz\u{fffd}"),
            ("", ""),
        ] {
            assert_eq!(kept_plus(raw), text, "{raw}");
        }
    }

    #[test]
    fn the_short_way_reads_as_the_long_one() {
        for raw in [
            "%2B4416",
            "%2b4416",
            "%2B",
            "%2B1234567890123456789012345",
            "%2B44x",
            "%2B%2B44",
            "4416",
            "+44",
            "",
        ] {
            assert_eq!(Written::decoded(raw).as_str(), number::from_query(raw), "{raw}");
        }
    }
}
