//! The parameters of a lookup, from a path, a query string or a form.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use smallvec::SmallVec;

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
        self.0.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, raw) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), raw)
        })
    }

    /// The first value of `name`, as sent: a number is read by [`Written::decoded`], any other text by [`decoded`].
    pub(super) fn get(self, name: &str) -> Option<&'a str> {
        self.pairs().find(|(known, _)| known == name).map(|(_, raw)| raw)
    }
}

/// A number in text that was decoded already, as a word of a query language is: a blank before its first digit is a
/// plus that form decoding has eaten.
#[allow(dead_code, reason = "dialects come one by one")]
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
                "region" => set(&mut self.region, || decoded(raw)),
                "format" => set(&mut self.format, || decoded(raw)),
                "onmiss" => set(&mut self.onmiss, || decoded(raw)),
                "fields" => set(&mut self.fields, || decoded(raw)),
                _ => {}
            }
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

/// Decodes `%XX` and `+`, once; bytes that are no text become `�`.
pub(super) fn decoded(raw: &str) -> Cow<'_, str> {
    if !raw.contains(['%', '+']) {
        return Cow::Borrowed(raw);
    }
    let spaced = raw.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
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
