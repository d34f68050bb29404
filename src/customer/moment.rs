//! Dates and moments, as documents write them.

use jiff::Timestamp;
use jiff::civil::Date;

/// Whether `text` is `YYYY-MM-DD` and in the calendar.
pub(super) fn is_date(text: &str) -> bool {
    is_shaped(text.as_bytes(), b"0000-00-00") && text.parse::<Date>().is_ok()
}

/// The moment that `text` names in RFC 3339. Narrower than the parser, which takes most of ISO 8601: what we
/// keep as written has to be readable by everyone whom we send it to.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let (head, tail) = text.as_bytes().split_at_checked("2026-11-18T14:02:11".len())?;
    let offset = match tail.strip_prefix(b".") {
        None => tail,
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            &fraction[digits..]
        }
    };
    let is_offset = is_shaped(offset, b"Z") || is_shaped(offset, b"+00:00");
    (is_shaped(head, b"0000-00-00T00:00:00") && is_offset)
        .then(|| text.parse().ok())
        .flatten()
}

/// Whether `text` has the shape of `like`, in which `0` is any digit, `+` either sign, and letters are of any
/// case.
fn is_shaped(text: &[u8], like: &[u8]) -> bool {
    text.len() == like.len()
        && text.iter().zip(like).all(|(byte, like)| match like {
            b'0' => byte.is_ascii_digit(),
            b'+' => matches!(byte, b'+' | b'-'),
            _ => byte.eq_ignore_ascii_case(like),
        })
}
