//! The reference parser: libphonenumber, ported. It reads whatever the tables leave to it, in microseconds and with
//! allocations, and it is what the tables are tested against.

use rlibphonenumber::{NotANumberError, PHONE_NUMBER_UTIL, ParseError};

use super::{ParseReason, Parsed};
use crate::number::region::Region;

/// Parses a text of at most 250 characters.
pub(super) fn parse(text: &str, region: Region) -> Result<Parsed, ParseReason> {
    let number = PHONE_NUMBER_UTIL
        .parse(text, region.to_library())
        .map_err(reason)?;
    let leading_zeros = if number.italian_leading_zero() {
        u8::try_from(number.number_of_leading_zeros())
    } else {
        Ok(0)
    };
    match (u16::try_from(number.country_code), leading_zeros) {
        (Ok(calling_code), Ok(leading_zeros)) if leading_zeros <= 17 => Ok(Parsed {
            calling_code,
            national: number.national_number,
            leading_zeros,
        }),
        _ => Err(ParseReason::NotANumber),
    }
}

fn reason(error: ParseError) -> ParseReason {
    match error {
        ParseError::InvalidCountryCode => ParseReason::UnknownCallingCode,
        ParseError::NotANumber(NotANumberError::FailedToParseNumberAsInt(_)) | ParseError::TooLongNsn => {
            ParseReason::TooLong
        }
        ParseError::NotANumber(_) => ParseReason::NotANumber,
        ParseError::TooShortAfterIdd => ParseReason::TooShortAfterPrefix,
        ParseError::TooShortNsn => ParseReason::TooShort,
    }
}
