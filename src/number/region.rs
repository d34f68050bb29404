//! Regions: the country whose dialling habits a number is written in.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use thiserror::Error;

use super::tables::tables;

/// Every code of two letters in order, so that a region has a text that lives for ever.
const CODES: [u8; 26 * 26 * 2] = {
    let mut codes = [0; 26 * 26 * 2];
    let (mut at, mut first) = (0, b'A');
    while first <= b'Z' {
        let mut second = b'A';
        while second <= b'Z' {
            codes[at] = first;
            codes[at + 1] = second;
            at += 2;
            second += 1;
        }
        first += 1;
    }
    codes
};

static CODE_TEXT: &str = match str::from_utf8(&CODES) {
    Ok(text) => text,
    Err(_) => "",
};

/// A region of libphonenumber's metadata (ISO 3166 code of two letters), or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Region(Option<rlibphonenumber::Region>);

/// A region that is neither two letters with a numbering plan nor `ZZ`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("expected a region of two letters such as US or GB, or ZZ for none; found {found:?}")]
pub struct UnknownRegion {
    found: String,
}

impl Region {
    /// No region, written `ZZ`: only numbers with a plus can be read.
    pub const NONE: Region = Region(None);

    /// The region's two letters; `ZZ` for none.
    pub fn as_str(self) -> &'static str {
        let Some(region) = self.0 else { return "ZZ" };
        let code = region.as_region_str();
        let &[first, second] = code.as_bytes() else {
            return "ZZ";
        };
        let at = usize::from(first.saturating_sub(b'A')) * 52 + usize::from(second.saturating_sub(b'A')) * 2;
        CODE_TEXT.get(at..at + 2).unwrap_or("ZZ")
    }

    /// The calling code that the region's numbers begin with after the plus; `None` where there is no region.
    pub fn calling_code(self) -> Option<u16> {
        tables().of_region(self.0?).map(|plan| plan.calling_code)
    }

    pub(super) const fn from_library(region: rlibphonenumber::Region) -> Region {
        match region {
            rlibphonenumber::Region::World => Region::NONE,
            region => Region(Some(region)),
        }
    }

    pub(super) const fn to_library(self) -> Option<rlibphonenumber::Region> {
        self.0
    }
}

impl FromStr for Region {
    type Err = UnknownRegion;

    fn from_str(text: &str) -> Result<Region, UnknownRegion> {
        let unknown = || UnknownRegion {
            found: text.chars().take(16).collect(),
        };
        if text.eq_ignore_ascii_case("ZZ") {
            return Ok(Region::NONE);
        }
        // The library also knows "001", the numbers of no country; nobody dials from there.
        let region = match rlibphonenumber::Region::from_code(text) {
            Ok(region) if text.len() == 2 => region,
            _ => return Err(unknown()),
        };
        if tables().of_region(region).is_none() {
            return Err(unknown());
        }
        Ok(Region(Some(region)))
    }
}

impl TryFrom<String> for Region {
    type Error = UnknownRegion;

    fn try_from(text: String) -> Result<Region, UnknownRegion> {
        text.parse()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use rlibphonenumber::PHONE_NUMBER_UTIL;

    use super::*;

    #[test]
    fn every_region_of_the_metadata_keeps_its_code() {
        for region in PHONE_NUMBER_UTIL.get_supported_regions() {
            let code = region.to_string();
            assert_eq!(code.parse::<Region>().map(Region::as_str), Ok(code.as_str()));
        }
    }

    #[test]
    fn codes_are_read_in_either_case_and_unknown_ones_are_refused() {
        assert_eq!(
            "gb".parse::<Region>().ok().and_then(Region::calling_code),
            Some(44)
        );
        assert_eq!("zz".parse::<Region>(), Ok(Region::NONE));
        for unknown in ["", "XX", "001", "England", "4", "ÄÖ"] {
            assert!(unknown.parse::<Region>().is_err(), "{unknown}");
        }
    }
}
