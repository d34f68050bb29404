//! The settings, checked and ready to apply.

use super::key::Key;
use super::lines::Lines;
use super::region::Region;
use super::settings::{Alias, Mode, Settings, SettingsError, SourceSettings};

/// What applies to numbers of every source.
#[derive(Debug)]
pub(super) struct Rules {
    aliases: Vec<Replacement>,
    pub(super) lines: Lines,
    pub(super) allow_invalid: bool,
}

/// What each source may have for itself.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) region: Region,
    pub(super) mode: Mode,
    pub(super) area_code: String,
    pub(super) double_zero_is_plus: bool,
    outside_line_prefixes: Vec<String>,
    withheld_words: Vec<String>,
    /// Digits after the plus.
    withheld_numbers: Vec<String>,
    extension_lengths: Vec<usize>,
    extension_ranges: Vec<ExtensionRange>,
    emergency_numbers: Vec<String>,
}

#[derive(Clone, Debug)]
struct ExtensionRange {
    first: String,
    last: String,
}

#[derive(Debug)]
struct Replacement {
    from: u64,
    to: u64,
    /// 10 to the power of the digits that follow.
    power: u64,
}

impl Rules {
    /// Everything but the declared numbers: reading those takes the rules.
    pub(super) fn of(settings: &Settings) -> Result<Rules, SettingsError> {
        Ok(Rules {
            aliases: settings
                .aliases
                .iter()
                .map(Replacement::of)
                .collect::<Result<_, _>>()?,
            lines: Lines::default(),
            allow_invalid: settings.allow_invalid,
        })
    }

    pub(super) fn is_own(&self, key: Key) -> bool {
        self.lines.own(key).is_some()
    }

    /// The number under which a number of a legacy plan is known today.
    pub(super) fn replaced(&self, number: Key) -> Key {
        let fitting = self
            .aliases
            .iter()
            .find(|alias| number.raw() / alias.power == alias.from);
        fitting
            .and_then(|alias| Key::e164(alias.to * alias.power + number.raw() % alias.power))
            .unwrap_or(number)
    }
}

impl Source {
    pub(super) fn of(settings: &Settings) -> Result<Source, SettingsError> {
        Ok(Source {
            region: settings.default_region,
            mode: settings.mode,
            area_code: area_code(&settings.area_code)?,
            double_zero_is_plus: settings.double_zero_is_plus,
            outside_line_prefixes: prefixes(&settings.outside_line_prefixes)?,
            withheld_words: words(&settings.withheld_words)?,
            withheld_numbers: withheld(&settings.withheld_numbers)?,
            extension_lengths: lengths(&settings.extension_lengths)?,
            extension_ranges: ranges(&settings.extension_ranges)?,
            emergency_numbers: emergencies(&settings.emergency_numbers)?,
        })
    }

    pub(super) fn reading(&self, region: Region, mode: Mode) -> Source {
        Source {
            region,
            mode,
            ..self.clone()
        }
    }

    pub(super) fn with(&self, settings: &SourceSettings) -> Result<Source, SettingsError> {
        /// What `own` is made of by `make`, or else what the source has.
        fn own<S: ?Sized, T: Clone>(
            own: Option<&S>,
            make: impl Fn(&S) -> Result<T, SettingsError>,
            known: &T,
        ) -> Result<T, SettingsError> {
            own.map_or_else(|| Ok(known.clone()), make)
        }
        Ok(Source {
            region: settings.default_region.unwrap_or(self.region),
            mode: settings.mode.unwrap_or(self.mode),
            area_code: own(settings.area_code.as_deref(), area_code, &self.area_code)?,
            double_zero_is_plus: settings.double_zero_is_plus.unwrap_or(self.double_zero_is_plus),
            outside_line_prefixes: own(
                settings.outside_line_prefixes.as_deref(),
                prefixes,
                &self.outside_line_prefixes,
            )?,
            withheld_words: own(settings.withheld_words.as_deref(), words, &self.withheld_words)?,
            withheld_numbers: own(
                settings.withheld_numbers.as_deref(),
                withheld,
                &self.withheld_numbers,
            )?,
            extension_lengths: own(
                settings.extension_lengths.as_deref(),
                lengths,
                &self.extension_lengths,
            )?,
            extension_ranges: own(
                settings.extension_ranges.as_deref(),
                ranges,
                &self.extension_ranges,
            )?,
            emergency_numbers: own(
                settings.emergency_numbers.as_deref(),
                emergencies,
                &self.emergency_numbers,
            )?,
        })
    }

    /// The number behind an outside-line prefix.
    pub(super) fn without_prefix<'a>(&self, text: &'a str) -> Option<&'a str> {
        let rest = self
            .outside_line_prefixes
            .iter()
            .find_map(|prefix| text.strip_prefix(prefix.as_str()))?;
        Some(rest.trim_start_matches([' ', ',', '-', '.', '/']))
    }

    /// Whether a text is one of the words or phrases for a withheld number, alone or with digits and signs behind it.
    pub(super) fn is_withheld_word(&self, text: &str) -> bool {
        if !text.starts_with(char::is_alphabetic) {
            return false;
        }
        let word_end = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
        let (word, rest) = text.split_at(word_end);
        let has_one = |text| self.withheld_words.iter().any(|word| is_same_word(word, text));
        has_one(text) || !rest.contains(char::is_alphabetic) && has_one(word)
    }

    /// Whether digits that stand behind a plus are a number that gateways send for a withheld one.
    pub(super) fn is_withheld_number(&self, digits: &str) -> bool {
        self.withheld_numbers.iter().any(|number| number == digits)
    }

    pub(super) fn is_extension(&self, digits: &str) -> bool {
        self.extension_lengths.contains(&digits.len())
            || self.extension_ranges.iter().any(|range| range.contains(digits))
    }

    pub(super) fn is_emergency(&self, digits: &str) -> bool {
        self.emergency_numbers.iter().any(|number| number == digits)
    }
}

impl ExtensionRange {
    fn of(text: &str) -> Result<ExtensionRange, SettingsError> {
        let range = text
            .split_once('-')
            .map(|(first, last)| (first.trim(), last.trim()));
        match range {
            Some((first, last))
                if first.len() == last.len()
                    && first <= last
                    && Key::extension(first).and(Key::extension(last)).is_some() =>
            {
                Ok(ExtensionRange {
                    first: first.to_owned(),
                    last: last.to_owned(),
                })
            }
            _ => Err(wrong(
                "extension_ranges",
                "two extensions of the same length, such as 1000-1999",
                text,
            )),
        }
    }

    /// Among texts of the same length the order of texts is the order of numbers.
    fn contains(&self, digits: &str) -> bool {
        digits.len() == self.first.len() && (self.first.as_str()..=self.last.as_str()).contains(&digits)
    }
}

impl Replacement {
    fn of(alias: &Alias) -> Result<Replacement, SettingsError> {
        let number = |key, text: &str| {
            let digits = after_plus(text).filter(|digits| digits.len() + usize::from(alias.digits) <= 15);
            digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| {
                wrong(
                    key,
                    "the beginning of a number after a +, of 15 digits at most with those that follow",
                    text,
                )
            })
        };
        Ok(Replacement {
            from: number("aliases.from", &alias.from)?,
            to: number("aliases.to", &alias.to)?,
            power: 10u64.checked_pow(u32::from(alias.digits)).unwrap_or(u64::MAX),
        })
    }
}

/// The digits of a number that is written in settings: `+` and up to 15 digits that do not begin with 0.
fn after_plus(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('+')?;
    let is_number = (1..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(digits)
}

fn area_code(text: &str) -> Result<String, SettingsError> {
    if text.len() > 5 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong("area_code", "up to 5 digits, or nothing", text));
    }
    Ok(text.to_owned())
}

fn prefixes(texts: &[String]) -> Result<Vec<String>, SettingsError> {
    let is_prefix = |text: &str| text.starts_with(|c: char| c.is_ascii_digit() || c == '*' || c == '#');
    each(texts, is_prefix, || {
        ("outside_line_prefixes", "what is dialled, such as 9, or 0")
    })
}

fn words(texts: &[String]) -> Result<Vec<String>, SettingsError> {
    let is_phrase = |word: &str| word.chars().next().is_some_and(char::is_alphabetic);
    each(texts, is_phrase, || {
        ("withheld_words", "a word that begins with a letter")
    })
}

fn withheld(numbers: &[String]) -> Result<Vec<String>, SettingsError> {
    let expected = "a number of 1 to 15 digits after a +, such as +266696687";
    let digits = |number: &String| {
        let digits = after_plus(number).map(str::to_owned);
        digits.ok_or_else(|| wrong("withheld_numbers", expected, number))
    };
    numbers.iter().map(digits).collect()
}

fn lengths(lengths: &[u8]) -> Result<Vec<usize>, SettingsError> {
    match lengths.iter().find(|length| !(1..=17).contains(*length)) {
        Some(length) => Err(wrong("extension_lengths", "1 to 17 digits", &length.to_string())),
        None => Ok(lengths.iter().map(|&length| usize::from(length)).collect()),
    }
}

fn ranges(texts: &[String]) -> Result<Vec<ExtensionRange>, SettingsError> {
    texts.iter().map(|text| ExtensionRange::of(text)).collect()
}

fn emergencies(texts: &[String]) -> Result<Vec<String>, SettingsError> {
    let is_number = |number: &str| Key::extension(number).is_some();
    each(texts, is_number, || {
        ("emergency_numbers", "1 to 17 digits such as 112")
    })
}

fn each(
    texts: &[String],
    is_right: impl Fn(&str) -> bool,
    expected: impl Fn() -> (&'static str, &'static str),
) -> Result<Vec<String>, SettingsError> {
    match texts.iter().find(|text| !is_right(text)) {
        Some(text) => {
            let (key, expected) = expected();
            Err(wrong(key, expected, text))
        }
        None => Ok(texts.to_vec()),
    }
}

fn wrong(key: &'static str, expected: &'static str, found: &str) -> SettingsError {
    SettingsError::Value {
        key,
        expected,
        found: found.to_owned(),
    }
}

fn is_same_word(left: &str, right: &str) -> bool {
    left.chars()
        .flat_map(char::to_lowercase)
        .eq(right.chars().flat_map(char::to_lowercase))
}
