//! Who sent a call on to us: the header `Diversion` (RFC 5806), where the calling number is one of our own.
//!
//! A call that our own PBX sends on arrives with our pilot number as its caller. The party that diverted it stands in
//! the header, the latest diversion first.

use crate::number::{Numbering, Outcome, Reading};

/// The most diversions of one call that are looked at.
const MOST: usize = 8;

/// One diversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// Who diverted the call, as written: a URI or a number.
    pub(super) address: &'a str,
    /// Whether that party wants to stay unknown.
    is_private: bool,
}

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is looked up.
    Used,
    /// Our own number, which diverted the call within the house.
    Own,
    /// An internal number: within the house too.
    Internal,
    /// No number.
    NoNumber,
    /// Withheld: whoever stands behind it is further away, and nobody asked for is nobody found.
    Withheld,
}

impl Fate {
    /// What is said of the entry, behind its address.
    pub(super) fn words(self) -> &'static str {
        match self {
            Fate::Used => "looked up in place of our own number",
            Fate::Own => "our own, passed over",
            Fate::Internal => "an internal number, passed over",
            Fate::NoNumber => "no number, passed over",
            Fate::Withheld => "withheld, so that nobody is looked up",
        }
    }
}

/// The number that `text`, a plain number or the header's value, gives to look up in place of one of our own: that of
/// the latest diversion by a public number that is not our own. `note` is told what becomes of each entry on the way.
pub(super) fn behind<'a>(
    text: &'a str,
    numbering: &Numbering,
    region: Option<&str>,
    mut note: impl FnMut(&Entry<'a>, Fate),
) -> Option<Reading<'a>> {
    for entry in entries(text) {
        let reading = numbering.read(entry.address, region);
        let fate = match reading.outcome() {
            _ if entry.is_private => Fate::Withheld,
            Outcome::Withheld => Fate::Withheld,
            Outcome::OwnNumber(_) => Fate::Own,
            Outcome::Internal(_) => Fate::Internal,
            Outcome::Key(_) if reading.sip_user().is_none() => Fate::Used,
            Outcome::Key(_) | Outcome::Invalid(_) => Fate::NoNumber,
        };
        note(&entry, fate);
        match fate {
            Fate::Used => return Some(reading),
            Fate::Withheld => return None,
            Fate::Own | Fate::Internal | Fate::NoNumber => {}
        }
    }
    None
}

/// The diversions that `text` lists. Without angle brackets, which the header's entries have, it is one number: commas
/// may stand in it.
fn entries(text: &str) -> impl Iterator<Item = Entry<'_>> {
    let is_list = text.contains('<');
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let (entry, behind) = rest.map(|rest| split(rest, is_list))?;
        rest = behind;
        Some(entry)
    })
    .filter(|entry| !entry.trim().is_empty())
    .take(MOST)
    .map(Entry::of)
}

/// The first entry of `text`, and what follows its comma.
fn split(text: &str, is_list: bool) -> (&str, Option<&str>) {
    let end = if is_list { outside(text, b',') } else { None };
    match end {
        Some(end) => (&text[..end], text.get(end + 1..)),
        None => (text, None),
    }
}

/// Where `sign` first stands outside quotation marks and angle brackets, or is the bracket that opens.
fn outside(text: &str, sign: u8) -> Option<usize> {
    let (mut quoted, mut escaped, mut bracketed) = (false, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if !bracketed => quoted = !quoted,
            _ if quoted => {}
            byte if byte == sign && !bracketed => return Some(at),
            b'<' => bracketed = true,
            b'>' => bracketed = false,
            _ => {}
        }
    }
    None
}

impl<'a> Entry<'a> {
    fn of(text: &'a str) -> Entry<'a> {
        let bracketed = outside(text, b'<').and_then(|at| text.get(at + 1..));
        let (address, parameters) = match bracketed {
            Some(inside) => inside.split_once('>').unwrap_or((inside, "")),
            None => (
                text,
                text.split_once(';').map_or("", |(_, parameters)| parameters),
            ),
        };
        Entry {
            address: address.trim(),
            is_private: parameters.split(';').any(hides),
        }
    }
}

/// Whether a parameter says that the number is not to be shown; an unknown word may well mean that.
fn hides(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return false;
    };
    let value = value.trim().trim_matches('"');
    name.trim().eq_ignore_ascii_case("privacy")
        && !["off", "name"]
            .iter()
            .any(|known| value.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use proptest::prelude::*;

    use super::*;
    use crate::number::Settings;

    fn numbering() -> Numbering {
        Numbering::new(&Settings {
            own_numbers: vec!["+18005550199".to_owned()],
            own_ranges: vec!["+14155550100-+14155550199".to_owned()],
            extension_lengths: vec![4],
            ..Settings::builtin()
        })
        .unwrap()
    }

    fn found(text: &str) -> (Option<String>, Vec<Fate>) {
        let mut fates = Vec::new();
        let numbering = numbering();
        let reading = behind(text, &numbering, None, |_, fate| fates.push(fate));
        (
            reading
                .and_then(|reading| reading.key())
                .map(|key| key.to_string()),
            fates,
        )
    }

    #[test]
    fn the_latest_diversion_that_is_not_our_own_is_used() {
        use Fate::{Internal, NoNumber, Own, Used, Withheld};
        let number = Some("+14806754110");
        let uri = "<sip:+14806754110@carrier;user=phone>;reason=unconditional;counter=1";
        for (text, expected, fates) in [
            ("+14806754110", number, vec![Used]),
            ("(480) 675-4110", number, vec![Used]),
            ("sip:+14806754110@carrier;user=phone", number, vec![Used]),
            (uri, number, vec![Used]),
            (
                "\"Ada, \\\"<sip:+18005550199@x>\" <tel:+14806754110>;counter=1",
                number,
                vec![Used],
            ),
            ("<sip:+14806754110@a>, <sip:+14806754111@b>", number, vec![Used]),
            (
                "<sip:+18005550199@pbx>;reason=no-answer , <sip:+14806754110@a>",
                number,
                vec![Own, Used],
            ),
            (
                "<sip:+14155550123@pbx>,<sip:1001@pbx>,,<sip:queue@pbx>,<tel:+14806754110>",
                number,
                vec![Own, Internal, NoNumber, Used],
            ),
            ("<sip:+14806754110@a>;privacy=off", number, vec![Used]),
            ("<sip:+14806754110@a>; Privacy=\"name\"", number, vec![Used]),
            (
                "<sip:+14806754110@a>;privacy=full, <sip:+14806754111@b>",
                None,
                vec![Withheld],
            ),
            ("sip:+14806754110@a;privacy=uri", None, vec![Withheld]),
            (
                "<sip:anonymous@anonymous.invalid>,<sip:+14806754110@a>",
                None,
                vec![Withheld],
            ),
            ("<sip:+18005550199@pbx>", None, vec![Own]),
            ("<sip:+14806754110@a", number, vec![Used]),
            ("", None, vec![]),
            (" , ", None, vec![NoNumber]),
            ("<>", None, vec![Withheld]),
        ] {
            assert_eq!(found(text), (expected.map(str::to_owned), fates), "{text}");
        }
        let many = "<sip:+18005550199@pbx>,".repeat(MOST) + uri;
        assert_eq!(found(&many), (None, vec![Own; MOST]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in any::<Vec<u8>>(), text in "[<>\",;=\\\\a+1@: é]{0,40}") {
            let _ = found(&String::from_utf8_lossy(&bytes));
            prop_assert!(entries(&text).count() <= MOST);
            let _ = found(&text);
        }

        #[test]
        fn what_is_listed_is_found(numbers in prop::collection::vec(1_000_000_u64..9_999_999, 1..MOST), name in "[a-z,<>; ]{0,8}") {
            let list: Vec<String> = numbers.iter().map(|number| format!("\"{name}\" <sip:{number}@h;x=,>;counter=1")).collect();
            let list = list.join(",");
            let found: Vec<&str> = entries(&list).map(|entry| entry.address).collect();
            let expected: Vec<String> = numbers.iter().map(|number| format!("sip:{number}@h;x=,")).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
