//! How numbers are read: what a configuration says.

use serde::Deserialize;
use thiserror::Error;

use super::reading::Invalid;
use super::region::Region;

/// The rules for reading numbers. Every field is required; see [`Settings::builtin`] for values that suit most.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The region that numbers without a plus are dialled in; `ZZ` for none, which refuses them.
    pub default_region: Region,
    /// How digits without a plus are read.
    pub mode: Mode,
    /// Words and phrases that stand for a withheld number, in any case. One that is followed by digits or signs alone
    /// (`anonymous1234`) is withheld too.
    pub withheld_words: Vec<String>,
    /// Numbers that stand for a withheld number, written with `+` and digits.
    pub withheld_numbers: Vec<String>,
    /// How many digits internal extensions have, 1 to 17 each.
    pub extension_lengths: Vec<u8>,
    /// Ranges of internal extensions, `1000-1999`: both ends with as many digits, both included.
    pub extension_ranges: Vec<String>,
    /// Emergency numbers, digits alone.
    pub emergency_numbers: Vec<String>,
    /// Our own numbers, in any written form: as a caller they match nobody.
    pub own_numbers: Vec<String>,
    /// Blocks of our own numbers, `+14155550100-+14155550199`: both ends with as many digits, both included.
    pub own_ranges: Vec<String>,
    /// Lines that several people use (switchboards, households), in any written form: everybody who lists one answers
    /// for it.
    pub shared_lines: Vec<String>,
    /// What is dialled for an outside line (`9,`, `0`): taken off numbers without a plus before anything else.
    pub outside_line_prefixes: Vec<String>,
    /// The area code that seven digits are completed with; empty: seven digits are left to the parser, and refused
    /// where the region is in the North American plan.
    pub area_code: String,
    /// Whether `00` before another digit than 0 means plus, whatever the region's own international prefix is.
    pub double_zero_is_plus: bool,
    /// Legacy numbering plans: beginnings of numbers that are replaced. The first that fits applies.
    pub aliases: Vec<Alias>,
    /// Whether numbers that are not valid in their country's plan are stored.
    pub allow_invalid: bool,
}

/// How digits without a plus are read. Never guessed: the same digits may be valid numbers of two countries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// As dialled in the region: national, behind its international prefix, or with its own calling code.
    Auto,
    /// International numbers whose plus got lost.
    E164NoPlus,
    /// As dialled in the region, but never with its own calling code.
    National,
}

/// A beginning of public numbers that is replaced by another.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// The beginning, with `+`.
    pub from: String,
    /// What replaces it, with `+`.
    pub to: String,
    /// How many digits follow the beginning, exactly; other lengths stay as they are.
    pub digits: u8,
}

/// What one source of numbers (a listener, a feed) reads differently; absent: as everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSettings {
    /// See [`Settings::default_region`].
    pub default_region: Option<Region>,
    /// See [`Settings::mode`].
    pub mode: Option<Mode>,
    /// See [`Settings::outside_line_prefixes`].
    pub outside_line_prefixes: Option<Vec<String>>,
    /// See [`Settings::area_code`].
    pub area_code: Option<String>,
    /// See [`Settings::double_zero_is_plus`].
    pub double_zero_is_plus: Option<bool>,
    /// See [`Settings::withheld_words`].
    pub withheld_words: Option<Vec<String>>,
    /// See [`Settings::withheld_numbers`].
    pub withheld_numbers: Option<Vec<String>>,
    /// See [`Settings::extension_lengths`].
    pub extension_lengths: Option<Vec<u8>>,
    /// See [`Settings::extension_ranges`].
    pub extension_ranges: Option<Vec<String>>,
    /// See [`Settings::emergency_numbers`].
    pub emergency_numbers: Option<Vec<String>>,
}

impl SourceSettings {
    /// The keys that are given, by their names in a configuration.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        // Named one by one, so that a further one is not forgotten here.
        let SourceSettings {
            default_region,
            mode,
            outside_line_prefixes,
            area_code,
            double_zero_is_plus,
            withheld_words,
            withheld_numbers,
            extension_lengths,
            extension_ranges,
            emergency_numbers,
        } = self;
        [
            ("default_region", default_region.is_some()),
            ("mode", mode.is_some()),
            ("outside_line_prefixes", outside_line_prefixes.is_some()),
            ("area_code", area_code.is_some()),
            ("double_zero_is_plus", double_zero_is_plus.is_some()),
            ("withheld_words", withheld_words.is_some()),
            ("withheld_numbers", withheld_numbers.is_some()),
            ("extension_lengths", extension_lengths.is_some()),
            ("extension_ranges", extension_ranges.is_some()),
            ("emergency_numbers", emergency_numbers.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, is_given)| is_given.then_some(key))
    }

    /// These, and of what they leave out what `further` says.
    #[must_use]
    pub fn or(&self, further: &SourceSettings) -> SourceSettings {
        macro_rules! or {
            ($($field:ident),*) => {
                SourceSettings { $($field: self.$field.clone().or_else(|| further.$field.clone())),* }
            };
        }
        or!(
            default_region,
            mode,
            outside_line_prefixes,
            area_code,
            double_zero_is_plus,
            withheld_words,
            withheld_numbers,
            extension_lengths,
            extension_ranges,
            emergency_numbers
        )
    }
}

/// Settings that contradict themselves.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// A value of the wrong form.
    #[error("{key}: expected {expected}; found {found:?}")]
    Value {
        /// The setting.
        key: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What it was given.
        found: String,
    },
    /// A number of ours or a shared line that cannot be read under these very settings.
    #[error("{key}: {found:?} is not read as a number: {reason}")]
    Unread {
        /// The setting.
        key: &'static str,
        /// The number as it is written in the settings.
        found: String,
        /// Why it is none.
        reason: Invalid,
    },
}

impl SettingsError {
    /// The setting at fault, `own_numbers` or `aliases.from`.
    pub const fn key(&self) -> &'static str {
        match self {
            SettingsError::Value { key, .. } | SettingsError::Unread { key, .. } => key,
        }
    }

    /// What the setting takes.
    pub const fn expected(&self) -> &'static str {
        match self {
            SettingsError::Value { expected, .. } => expected,
            SettingsError::Unread { .. } => "numbers that these very settings read",
        }
    }

    /// What it was given, and what is wrong with that where it is not plain.
    pub fn found(&self) -> String {
        match self {
            SettingsError::Value { found, .. } => format!("{found:?}"),
            SettingsError::Unread { found, reason, .. } => format!("{found:?}: {reason}"),
        }
    }
}

impl Settings {
    /// Values that suit most centres, for users of the library, tests and the command line. The service takes its
    /// values from its default configuration file instead.
    pub fn builtin() -> Settings {
        let owned = |values: &[&str]| {
            values
                .iter()
                .map(|&value| value.to_owned())
                .collect::<Vec<String>>()
        };
        let alias = |from: &str, to: &str| Alias {
            from: from.to_owned(),
            to: to.to_owned(),
            digits: 10,
        };
        Settings {
            default_region: Region::from_library(rlibphonenumber::Region::US),
            mode: Mode::Auto,
            withheld_words: owned(&[
                "anonymous",
                "blocked",
                "private",
                "restricted",
                "unavailable",
                "unknown",
                "withheld",
                "blocked number",
                "caller id unavailable",
                "id unavailable",
                "no caller id",
                "number withheld",
                "private caller",
                "private number",
                "restricted number",
                "unknown caller",
                "unknown number",
                "withheld number",
            ]),
            // "anonymous", "restricted", "blocked", "unknown" and "unavailable" on a telephone's keys.
            withheld_numbers: owned(&[
                "+266696687",
                "+7378742833",
                "+2562533",
                "+8656696",
                "+86282452253",
            ]),
            extension_lengths: Vec::new(),
            extension_ranges: Vec::new(),
            emergency_numbers: owned(&["000", "110", "111", "112", "119", "911", "999"]),
            own_numbers: Vec::new(),
            own_ranges: Vec::new(),
            shared_lines: Vec::new(),
            outside_line_prefixes: Vec::new(),
            area_code: String::new(),
            double_zero_is_plus: false,
            aliases: vec![
                // Mexico dropped the 1, 044 and 045 before mobile numbers in 2019; carriers still send them.
                alias("+521", "+52"),
                alias("+52044", "+52"),
                alias("+52045", "+52"),
                // Argentina's 9 marks a mobile number called from abroad; carriers send it or leave it out. No
                // landline shares the ten digits, and without the 9 a mobile number cannot be told: so it is dropped.
                alias("+549", "+54"),
            ],
            allow_invalid: false,
        }
    }
}
