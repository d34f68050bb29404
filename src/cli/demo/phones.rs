//! Numbers that exist in their plans and belong to nobody here, in the forms that real systems hold them in.

use super::countries::Country;
use super::dice::Dice;
use crate::number::{Key, Numbering, display_national, is_valid};

/// A number and how its system of record writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phone {
    pub(super) key: Key,
    pub(super) written: String,
    /// The region that `written` has to be read in; `None` where it says so itself.
    pub(super) region: Option<&'static str>,
}

/// What kind of line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    Mobile,
    Fixed,
}

/// The free numbers of one country.
#[derive(Debug)]
pub(super) struct Pool {
    mobile: Vec<Key>,
    fixed: Vec<Key>,
}

impl Pool {
    /// Every valid number that the country's beginnings leave room for, the next one to be taken last.
    pub(super) fn of(country: &Country) -> Pool {
        let numbers = |beginnings: &[(&str, u32)]| {
            let mut numbers = Vec::new();
            for (beginning, free) in beginnings {
                let width = *free as usize;
                // A few hundred of each are plenty.
                for tail in (0..10_u64.pow(*free)).take(1000) {
                    let digits = format!("{}{beginning}{tail:0width$}", country.code);
                    let key = digits.parse().ok().and_then(Key::e164);
                    numbers.extend(key.filter(|key| is_valid(*key)));
                }
            }
            numbers.reverse();
            numbers
        };
        Pool {
            mobile: numbers(country.mobile),
            fixed: numbers(country.fixed),
        }
    }

    /// A number that nobody has yet; of the other kind where this one has run out.
    pub(super) fn take(&mut self, line: Line) -> Option<Key> {
        let (first, second) = match line {
            Line::Mobile => (&mut self.mobile, &mut self.fixed),
            Line::Fixed => (&mut self.fixed, &mut self.mobile),
        };
        first.pop().or_else(|| second.pop())
    }
}

/// Writes `key`, a number of `country`, in one of the forms that are in use.
pub(super) fn written(key: Key, country: &Country, numbering: &Numbering, dice: &mut Dice) -> Phone {
    let full = key.to_string();
    let digits = full.trim_start_matches('+').to_owned();
    let national = display_national(key);
    let behind_code = full
        .strip_prefix(&format!("+{}", country.code))
        .unwrap_or_default();
    let (written, needs_region) = match dice.below(12) {
        0 => (national.clone(), true),
        1 => (national.replace([' ', '-'], ""), true),
        2 => (national.replace([' ', '-'], "."), true),
        3 => (format!("{} x{}", national, 100 + dice.below(900)), true),
        4 => (format!("+{} {}", country.code, grouped(behind_code, ' ')), false),
        5 => (format!("+{}-{}", country.code, grouped(behind_code, '-')), false),
        6 => (format!("tel:{full}"), false),
        7 => (format!("  {full} "), false),
        8 if national.starts_with('0') => (format!("+{} (0){}", country.code, behind_code), false),
        9 if country.code != 1 => (format!("00{digits}"), true),
        10 => (digits, true),
        _ => (full.clone(), false),
    };
    let region = needs_region.then_some(country.region);
    // A form that its country's rules read otherwise is not in use there.
    if matches!(numbering.key_to_store(&written, region, false), Ok(Some(read)) if read == key) {
        return Phone { key, written, region };
    }
    Phone {
        key,
        written: full,
        region: None,
    }
}

/// Digits in groups of three, the last one of up to five.
fn grouped(digits: &str, separator: char) -> String {
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 3 == 0 && digits.len() - at > 1 {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::super::countries::COUNTRIES;
    use super::*;
    use crate::number::{Settings, region_of};

    #[test]
    fn every_beginning_gives_numbers_of_its_country() {
        for country in COUNTRIES {
            let Pool { mobile, fixed } = Pool::of(country);
            assert!(mobile.len() >= 100, "{} mobile: {}", country.region, mobile.len());
            assert!(fixed.len() >= 100, "{} fixed: {}", country.region, fixed.len());
            for key in mobile.iter().chain(&fixed).step_by(97) {
                assert_eq!(region_of(*key), Some(country.region), "{key}");
            }
        }
    }

    #[test]
    fn many_forms_are_in_use_and_all_are_read_back() {
        let numbering = Numbering::new(&Settings::builtin()).unwrap();
        let mut dice = Dice::new(1);
        for country in COUNTRIES {
            let mut pool = Pool::of(country);
            let mut plain = 0;
            for _ in 0..60 {
                let key = pool.take(Line::Mobile).unwrap();
                let phone = written(key, country, &numbering, &mut dice);
                plain += usize::from(phone.written == key.to_string());
                assert_eq!(
                    numbering.key_to_store(&phone.written, phone.region, false),
                    Ok(Some(key)),
                    "{phone:?}"
                );
            }
            assert!(plain < 40, "{}: {plain} of 60 are plain", country.region);
        }
    }
}
