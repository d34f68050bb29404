//! The words of a search, and how well a customer fits them.

use smallvec::SmallVec;

use crate::customer::Record;
use crate::customer::record::Field;
use crate::customer::words::{self, FIELDS, Words};

/// The most words that a search holds: a bit each.
pub const MOST_WANTED: usize = 16;

/// A word that a customer has to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The word, or the beginning of it, folded.
    pub word: String,
    /// In which field alone; `None`: in any of [`FIELDS`].
    pub field: Option<Field>,
}

impl Wanted {
    /// The words of `text`, each of which a customer has to have in `field`.
    pub fn of(text: &str, field: Option<Field>) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        Words::new().of(text, false, |word| {
            wanted.push(Wanted {
                word: word.to_owned(),
                field,
            });
        });
        wanted
    }

    /// The keys of the words that begin so.
    pub(super) fn keys(&self) -> (u128, u128) {
        words::keys_from(&self.word)
    }

    /// The keys of the word itself.
    pub(super) fn exact(&self) -> (u128, u128) {
        let key = words::key(&self.word);
        (key, key)
    }

    /// Whether whoever has a word between the keys has one that begins so: keys hold no more of it.
    pub(super) fn is_told_by_keys(&self) -> bool {
        self.field.is_none() && self.word.len() <= words::KEY_BYTES
    }
}

/// How a customer fits a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// It has every word itself.
    Exact,
    /// It has words that begin so.
    Beginnings,
}

/// How `record`'s customer fits `wanted`; `None` where it does not.
pub(super) fn fit(record: &Record<'_>, wanted: &[Wanted], words: &mut Words) -> Option<Fit> {
    let wanted = wanted.get(..wanted.len().min(MOST_WANTED)).unwrap_or_default();
    let exact_keys: SmallVec<[u128; MOST_WANTED]> =
        wanted.iter().map(|wanted| words::key(&wanted.word)).collect();
    let (mut begun, mut exact) = (0_u32, 0_u32);
    for field in FIELDS {
        if wanted.is_empty() {
            break;
        }
        words.of_field(record, field, |word| {
            for (nth, wanted) in wanted.iter().enumerate() {
                if wanted.field.is_none_or(|only| only == field) && word.starts_with(&wanted.word) {
                    begun |= 1 << nth;
                    // As far as an index of names tells words apart.
                    exact |= u32::from(words::key(word) == exact_keys[nth]) << nth;
                }
            }
        });
    }
    let all = (1_u32 << wanted.len()) - 1;
    (begun == all).then_some(if exact == all { Fit::Exact } else { Fit::Beginnings })
}
