//! The rules in their order: from a written form to a key.

use std::borrow::Cow;
use std::sync::Arc;

use super::address::{Address, Form};
use super::key::Key;
use super::lines::{Lines, Own, Range};
use super::parse::{self, ParseReason, Parsed};
use super::reading::{Invalid, Outcome, Reading, Unstorable};
use super::region::Region;
use super::rules::{Rules, Source};
use super::settings::{Mode, Settings, SettingsError, SourceSettings};
use super::suffix::SuffixDigits;
use super::trace::{Silent, Trace};
use super::written::{self, Digits, Line};

/// Calling code of the North American plan, whose seven digits are a number without its area code.
const NORTH_AMERICA: u16 = 1;
/// The least number of that plan with an area code: `+1` and ten digits.
const NORTH_AMERICA_FIRST: u64 = 10_000_000_000;

/// Reads numbers by the rules of one source. Cheap to clone, shared between threads.
#[derive(Clone, Debug)]
pub struct Numbering {
    rules: Arc<Rules>,
    source: Arc<Source>,
}

impl Numbering {
    /// Checks the settings and makes the rules of them.
    ///
    /// # Errors
    ///
    /// Names the setting, what it takes and what was found.
    pub fn new(settings: &Settings) -> Result<Numbering, SettingsError> {
        parse::prepare();
        let mut numbering = Numbering {
            rules: Arc::new(Rules::of(settings)?),
            source: Arc::new(Source::of(settings)?),
        };
        let lines = numbering.declared(settings)?;
        if let Some(rules) = Arc::get_mut(&mut numbering.rules) {
            rules.lines = lines;
        }
        Ok(numbering)
    }

    /// The numbers that `settings` declare, read by the rules made of everything else in them.
    fn declared(&self, settings: &Settings) -> Result<Lines, SettingsError> {
        let keys = |key, written: &[String]| {
            let read = |found: &String| {
                let reading = self.read(found, None);
                let reason = reading
                    .invalid()
                    .unwrap_or(Invalid::Parse(ParseReason::NotANumber));
                let unread = SettingsError::Unread {
                    key,
                    found: found.clone(),
                    reason,
                };
                reading.key().ok_or(unread)
            };
            written.iter().map(read).collect::<Result<Vec<Key>, _>>()
        };
        let ranges = settings.own_ranges.iter().map(|text| {
            let range = Range::parse(text)?;
            // Numbers are compared as they are today, and within a block the old ones would not be in order.
            if range.ends().iter().any(|end| self.rules.replaced(*end) != *end) {
                return Err(SettingsError::Value {
                    key: "own_ranges",
                    expected: "numbers of today's plans, which `aliases` replaces by no others",
                    found: text.clone(),
                });
            }
            Ok(range)
        });
        let shared = keys("shared_lines", &settings.shared_lines)?;
        let lines = Lines::new(
            keys("own_numbers", &settings.own_numbers)?,
            ranges.collect::<Result<_, _>>()?,
            shared.clone(),
        );
        match shared
            .iter()
            .zip(&settings.shared_lines)
            .find(|(key, _)| lines.own(**key).is_some())
        {
            Some((_, found)) => Err(SettingsError::Value {
                key: "shared_lines",
                expected: "lines of callers",
                found: format!("{found}, a number of our own, which matches nobody"),
            }),
            None => Ok(lines),
        }
    }

    /// The lines that are declared to be used by several people, in ascending order.
    pub fn shared_lines(&self) -> &[Key] {
        self.rules.lines.shared()
    }

    /// Whether one of our own numbers ends in the last digits `suffix`, `digits` of them.
    pub fn owns_suffix(&self, digits: SuffixDigits, suffix: u64) -> bool {
        self.rules.lines.owns_suffix(digits, suffix)
    }

    /// The same rules with another default region or mode; `None` keeps the present one.
    pub fn for_source(&self, region: Option<Region>, mode: Option<Mode>) -> Numbering {
        let source = self.source.reading(
            region.unwrap_or(self.source.region),
            mode.unwrap_or(self.source.mode),
        );
        Numbering {
            rules: Arc::clone(&self.rules),
            source: Arc::new(source),
        }
    }

    /// The same rules for a source with settings of its own.
    ///
    /// # Errors
    ///
    /// Names the setting, what it takes and what was found.
    pub fn with_source(&self, settings: &SourceSettings) -> Result<Numbering, SettingsError> {
        Ok(Numbering {
            rules: Arc::clone(&self.rules),
            source: Arc::new(self.source.with(settings)?),
        })
    }

    /// What stands behind an outside-line prefix, or all of it.
    pub(super) fn without_outside_line<'a>(&self, written: &'a str) -> &'a str {
        let text = written.trim_start();
        self.source.without_prefix(text).unwrap_or(written)
    }

    /// The region that numbers without a plus are read in.
    pub fn default_region(&self) -> Region {
        self.source.region
    }

    /// Reads a number for a lookup. It never fails: what is no number is [`Outcome::Invalid`].
    ///
    /// `region` overrides the default region for this number; empty counts as `None`.
    pub fn read<'a, W: AsRef<[u8]> + ?Sized>(&self, written: &'a W, region: Option<&str>) -> Reading<'a> {
        match str::from_utf8(written.as_ref()) {
            Ok(text) => self.follow(text, region, &mut Silent),
            Err(_) => Reading::of(Outcome::Invalid(Invalid::NotUtf8)),
        }
    }

    /// Reads `text` as [`Numbering::read`] does, for whoever has it as text.
    #[inline]
    pub fn read_text<'a>(&self, text: &'a str, region: Option<&str>) -> Reading<'a> {
        self.follow(text, region, &mut Silent)
    }

    /// Reads a number that a customer lists, for storing it. `Ok(None)`: withheld, there is nothing to store.
    ///
    /// With `extension` the phone was declared to be an internal one: its digits are the key, whatever they look like.
    /// Lookups find it where the settings name its length or range.
    ///
    /// # Errors
    ///
    /// Says why the number cannot be kept, without repeating it.
    pub fn key_to_store<W: AsRef<[u8]> + ?Sized>(
        &self,
        written: &W,
        region: Option<&str>,
        extension: bool,
    ) -> Result<Option<Key>, Unstorable> {
        if extension {
            return self.extension_to_store(written.as_ref());
        }
        let reading = self.read(written, region);
        match reading.outcome() {
            Outcome::Withheld => Ok(None),
            Outcome::Invalid(invalid) => Err(invalid.into()),
            // Emergency numbers are read as internal ones, unless an extension has the very digits.
            Outcome::Internal(key) if !self.source.is_extension(&key.to_string()) => {
                Err(Unstorable::Emergency)
            }
            Outcome::Internal(key) => Ok(Some(key)),
            Outcome::Key(key) | Outcome::OwnNumber(key) => {
                let stored = self.rules.allow_invalid || reading.sip_user().is_some() || reading.is_valid();
                if stored {
                    Ok(Some(key))
                } else {
                    Err(Unstorable::NotValid)
                }
            }
        }
    }

    /// The reference's plain parse, as E.164 text, without any rule of ours: up to 20 digits, valid or not.
    ///
    /// A region that is unknown is none, as the reference has it.
    ///
    /// # Errors
    ///
    /// Says why the text is no number.
    pub fn parse_raw(&self, written: &str, region: Option<&str>) -> Result<String, ParseReason> {
        self.parse_digits(written, region)
            .map(|digits| format!("+{digits}"))
    }

    /// [`Numbering::parse_raw`] without a text to put it in: the digits after the plus as one integer. No such number
    /// begins with 0.
    ///
    /// # Errors
    ///
    /// Says why the text is no number.
    pub fn parse_digits(&self, written: &str, region: Option<&str>) -> Result<u128, ParseReason> {
        let region = region.map_or(self.source.region, |text| text.parse().unwrap_or(Region::NONE));
        parse::parse(written, region).map(Parsed::digits)
    }

    /// Which rules applied to a written form, one line each. The lines contain the number.
    pub fn trace<W: AsRef<[u8]> + ?Sized>(&self, written: &W, region: Option<&str>) -> Vec<String> {
        let mut lines = Vec::new();
        let reading = match str::from_utf8(written.as_ref()) {
            Ok(text) => self.follow(text, region, &mut lines),
            Err(_) => Reading::of(Outcome::Invalid(Invalid::NotUtf8)),
        };
        if let Some(key) = reading.number() {
            match self.rules.lines.own(key) {
                Some(Own::Number) => lines.push("named in own_numbers".to_owned()),
                Some(Own::Within(range)) => lines.push(format!("within own_ranges: {range}")),
                None if self.shared_lines().binary_search(&key).is_ok() => {
                    lines.push("named in shared_lines: everybody who lists it answers".to_owned());
                }
                None => {}
            }
        }
        lines.push(match reading.outcome() {
            Outcome::Key(key) => format!(
                "key {key}, {}",
                if reading.is_valid() {
                    "valid"
                } else {
                    "not in any plan"
                }
            ),
            Outcome::Internal(key) => format!("internal number {key}"),
            Outcome::OwnNumber(key) => format!("our own number {key}: matches nobody"),
            Outcome::Withheld => "withheld: matches nobody".to_owned(),
            Outcome::Invalid(invalid) => format!("no number: {invalid}"),
        });
        lines
    }

    fn extension_to_store(&self, written: &[u8]) -> Result<Option<Key>, Unstorable> {
        let text = str::from_utf8(written).map_err(|_| Invalid::NotUtf8)?;
        let text = written::in_ascii(Address::of(text).user);
        if text.is_empty() || self.source.is_withheld_word(&text) {
            return Ok(None);
        }
        if written::is_scientific(&text) {
            return Err(Invalid::ScientificNotation.into());
        }
        let text = written::without_fraction(&text).unwrap_or(&text);
        let digits = Digits::of(text)
            .filter(|digits| !digits.plus)
            .ok_or(Unstorable::NotAnExtension)?;
        Key::extension(digits.as_str())
            .map(Some)
            .ok_or(Unstorable::NotAnExtension)
    }

    fn follow<'a, T: Trace>(&self, text: &'a str, region: Option<&str>, trace: &mut T) -> Reading<'a> {
        let region = match region
            .filter(|region| !region.is_empty())
            .map(str::parse::<Region>)
        {
            None => self.source.region,
            Some(Ok(region)) => region,
            Some(Err(_)) => return Reading::of(Outcome::Invalid(Invalid::UnknownRegion)),
        };
        trace.note(|| format!("region {region}"));
        // Nearly every number comes so, and what is looked for below is in none of them.
        if let Some(digits) = written::behind_plus(text)
            && self.source.without_prefix(text).is_none()
        {
            return match self.international(text, digits, region, trace) {
                Ok((outcome, parsed)) => Reading {
                    outcome,
                    parsed,
                    sip_user: None,
                },
                Err(invalid) => Reading::of(Outcome::Invalid(invalid)),
            };
        }
        let Address {
            user,
            form,
            context,
            anonymous_host,
            several,
        } = Address::of(text);
        if user.as_ref() != text {
            trace.note(|| format!("user part {user:?}"));
        }
        if several {
            return Reading::of(Outcome::Invalid(Invalid::SeveralNumbers));
        }
        let number = written::in_ascii(Cow::Borrowed(user.as_ref()));
        if anonymous_host || self.source.is_withheld_word(&number) || form != Form::Host && number.is_empty()
        {
            trace.note(|| "a word, an address or an empty text that stands for a withheld number".to_owned());
            return Reading::of(Outcome::Withheld);
        }
        if form != Form::Number && !written::is_numeric(&number) {
            if form == Form::Host {
                return Reading::of(Outcome::Invalid(Invalid::NoUser));
            }
            drop(number);
            trace.note(|| "not numeric: a SIP user".to_owned());
            let outcome = self.owned_or_not(Key::sip(&user));
            return Reading {
                outcome,
                parsed: None,
                sip_user: Some(user),
            };
        }
        match self.number(&number, context, region, trace) {
            Ok((outcome, parsed)) => Reading {
                outcome,
                parsed,
                sip_user: None,
            },
            Err(invalid) => Reading::of(Outcome::Invalid(invalid)),
        }
    }

    /// The rules for what is a number or nothing: its outcome, and a public number as it was parsed.
    fn number<T: Trace>(
        &self,
        text: &str,
        context: Option<&str>,
        region: Region,
        trace: &mut T,
    ) -> Result<(Outcome, Option<Key>), Invalid> {
        let mut text = text;
        if let Some(repaired) = written::repaired(text, region)? {
            trace.note(|| format!("cut to {repaired:?}: no number goes on like that"));
            text = repaired;
        }
        if let Some(rest) = self.source.without_prefix(text) {
            trace.note(|| format!("outside-line prefix taken off: {rest:?}"));
            text = rest;
        }
        let mut digits = Digits::none();
        if !digits.read(text) {
            trace.note(|| "more than digits and separators: left to the parser".to_owned());
            let with_context = context.map(|context| format!("{context}{text}"));
            return self.public(with_context.as_deref().unwrap_or(text), region, trace);
        }
        if text.is_empty() || digits.are_zeros() && !self.source.is_emergency(digits.as_str()) {
            trace.note(|| "nothing or zeros: withheld".to_owned());
            return Ok((Outcome::Withheld, None));
        }
        if !digits.plus
            && context.is_none()
            && let Some(internal) = self.internal(digits.as_str(), trace)
        {
            return Ok((internal, None));
        }
        if digits.are_one_digit_repeated() {
            trace.note(|| "one digit repeated: withheld".to_owned());
            return Ok((Outcome::Withheld, None));
        }
        if digits.plus {
            return self.international(text, digits.as_str(), region, trace);
        }
        self.without_plus(text, digits.as_str(), context, region, trace)
    }

    fn internal<T: Trace>(&self, digits: &str, trace: &mut T) -> Option<Outcome> {
        let rule = if self.source.is_extension(digits) {
            "an internal extension"
        } else if self.source.is_emergency(digits) {
            "an emergency number"
        } else {
            return None;
        };
        trace.note(|| format!("{rule} by the settings"));
        let key = Key::extension(digits)?;
        Some(if self.rules.is_own(key) {
            Outcome::OwnNumber(key)
        } else {
            Outcome::Internal(key)
        })
    }

    fn without_plus<T: Trace>(
        &self,
        text: &str,
        digits: &str,
        context: Option<&str>,
        region: Region,
        trace: &mut T,
    ) -> Result<(Outcome, Option<Key>), Invalid> {
        let behind_plus = |parts: &[&str], trace: &mut T| {
            let line = Line::of(parts).ok_or(ParseReason::TooLong)?;
            trace.note(|| format!("read as {}", line.as_str()));
            let digits = Digits::of(line.as_str()).ok_or(ParseReason::TooLong)?;
            self.international(line.as_str(), digits.as_str(), region, trace)
        };
        if let Some(context) = context {
            return behind_plus(&[context, digits], trace);
        }
        if self.source.double_zero_is_plus
            && let Some(rest) = digits.strip_prefix("00").filter(|rest| !rest.starts_with('0'))
        {
            return behind_plus(&["+", rest], trace);
        }
        if digits.len() == 7 && !self.source.area_code.is_empty() {
            let line = Line::of(&[&self.source.area_code, digits]).ok_or(ParseReason::TooLong)?;
            trace.note(|| format!("seven digits, area code put before: {}", line.as_str()));
            return self.public(line.as_str(), region, trace);
        }
        match self.source.mode {
            Mode::E164NoPlus => behind_plus(&["+", digits], trace),
            Mode::National => {
                let mut buffer = itoa::Buffer::new();
                match region.calling_code().map(|code| buffer.format(code)) {
                    // The parser would take the region's calling code off; behind a plus it cannot.
                    Some(code) if digits.starts_with(code) => behind_plus(&["+", code, digits], trace),
                    _ => self.dialled(text, digits, region, trace),
                }
            }
            Mode::Auto => self.dialled(text, digits, region, trace),
        }
    }

    /// A number dialled in its region. Seven digits of the North American plan lack their area code, unless the region
    /// has one area code only: then the parser has put it before them.
    fn dialled<T: Trace>(
        &self,
        text: &str,
        digits: &str,
        region: Region,
        trace: &mut T,
    ) -> Result<(Outcome, Option<Key>), Invalid> {
        let read = self.public(text, region, trace)?;
        let is_local = digits.len() == 7 && region.calling_code() == Some(NORTH_AMERICA);
        match read.1 {
            Some(parsed) if is_local && parsed.raw() < NORTH_AMERICA_FIRST => Err(Invalid::NoAreaCode),
            _ => Ok(read),
        }
    }

    fn international<T: Trace>(
        &self,
        text: &str,
        digits: &str,
        region: Region,
        trace: &mut T,
    ) -> Result<(Outcome, Option<Key>), Invalid> {
        if self.source.is_withheld_number(digits) {
            trace.note(|| "a number that gateways send for a withheld one".to_owned());
            return Ok((Outcome::Withheld, None));
        }
        self.public(text, region, trace)
    }

    fn public<T: Trace>(
        &self,
        text: &str,
        region: Region,
        trace: &mut T,
    ) -> Result<(Outcome, Option<Key>), Invalid> {
        let parsed = parse::parse(text, region).map_err(|reason| match reason {
            ParseReason::UnknownCallingCode if region == Region::NONE && !text.contains('+') => {
                Invalid::NoRegion
            }
            reason => Invalid::Parse(reason),
        })?;
        trace.note(|| format!("parsed as +{}", parsed.digits()));
        let parsed = parsed.key().ok_or(Invalid::MoreThanFifteenDigits)?;
        let key = self.rules.replaced(parsed);
        if key != parsed {
            trace.note(|| format!("legacy plan: now {key}"));
        }
        Ok((self.owned_or_not(key), Some(parsed)))
    }

    fn owned_or_not(&self, key: Key) -> Outcome {
        if self.rules.is_own(key) {
            Outcome::OwnNumber(key)
        } else {
            Outcome::Key(key)
        }
    }
}
