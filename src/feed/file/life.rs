//! One life of a stream, and where to go on in it.

use std::fmt;
use std::str::FromStr;

/// A life of the stream: one file from its start to its end, or until it was cut or written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Its name: `8-42` by the file's device and inode; `8-42#2` and on where the file was cut or written anew.
    pub incarnation: String,
    /// Where to go on; `None` where that is not known, so that only another life can follow.
    pub place: Option<Place>,
}

/// A place in a file, as a snapshot keeps it: `offset,lines,hash of the bytes ahead of offset`, and `,end` where the
/// file was read to its end and another one has taken its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Bytes read.
    pub offset: u64,
    /// Lines read.
    pub lines: u64,
    /// xxh3-64 of the last bytes that were read.
    pub tail: u64,
    /// Whether the file was read to its end.
    pub ended: bool,
}

impl Life {
    /// The life `incarnation` with the place that `token` names.
    pub fn new(incarnation: &str, token: &str) -> Life {
        Life {
            incarnation: incarnation.into(),
            place: token.parse().ok(),
        }
    }

    /// Whether it is a life of `file`, named by device and inode.
    pub(super) fn is_of(&self, file: &str) -> bool {
        self.incarnation.split('#').next() == Some(file)
    }

    /// Whether there may be more of it than was read.
    pub(super) fn is_open(&self) -> bool {
        self.place.is_some_and(|place| !place.ended)
    }

    /// The name of the life that follows in the same file.
    pub(super) fn next(&self) -> String {
        let (file, nth) = self
            .incarnation
            .split_once('#')
            .unwrap_or((&self.incarnation, "1"));
        format!("{file}#{}", nth.parse().unwrap_or(1_u64).saturating_add(1))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.ended { ",end" } else { "" };
        write!(f, "{},{},{:016x}{end}", self.offset, self.lines, self.tail)
    }
}

/// The text is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Place, NoPlace> {
        let (text, ended) = text
            .strip_suffix(",end")
            .map_or((text, false), |text| (text, true));
        let mut parts = text.splitn(3, ',');
        let mut part = || parts.next().ok_or(NoPlace);
        Ok(Place {
            offset: part()?.parse().map_err(|_| NoPlace)?,
            lines: part()?.parse().map_err(|_| NoPlace)?,
            tail: u64::from_str_radix(part()?, 16).map_err(|_| NoPlace)?,
            ended,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lives_of_one_file_are_counted() {
        let life = Life::new("8-42", "");
        assert_eq!(life.next(), "8-42#2");
        assert_eq!(Life::new("8-42#2", "").next(), "8-42#3");
        assert!(life.is_of("8-42") && !life.is_of("8-4") && !life.is_open());
    }

    proptest! {
        #[test]
        fn a_token_says_the_place(offset: u64, lines: u64, tail: u64, ended: bool) {
            let place = Place { offset, lines, tail, ended };
            prop_assert_eq!(place.to_string().parse(), Ok(place));
        }

        #[test]
        fn other_texts_are_no_places(text in "[0-9a-f,end]{0,12}|\\PC{0,12}") {
            if let Ok(place) = text.parse::<Place>() {
                prop_assert_eq!(place.to_string().parse(), Ok(place), "{}", text);
            }
        }
    }
}
