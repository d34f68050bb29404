//! Words of names, folded: what a search finds customers by.
//!
//! Case, accents and the width of letters do not count, in any script: `É` is `e`, `ß` is `ss`, `Ø` is `o`, `Ё` is `е`,
//! points and vowel signs that Hebrew and Arabic leave out in writing are left out. Marks without which a letter of
//! another script is another letter stay. What is joined by an apostrophe, a hyphen or a dot is found in parts and as
//! one: `O'Brien` by `brien` and by `obrien`.

use smallvec::SmallVec;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::Customer;
use super::record::{Field, Record, created_ms};

/// The most words of one customer that count.
pub const MOST_WORDS: usize = 32;
/// Bytes of a word that [`key`] holds.
pub const KEY_BYTES: usize = 16;
/// Longer texts are read up to here, in bytes: a company with a thousand letters is found by its beginning.
const MOST_TEXT: usize = 400;
/// The fields that words are taken from.
pub const FIELDS: [Field; 4] = [Field::Name, Field::FirstName, Field::LastName, Field::Company];

/// The first 16 bytes of a folded word, as a number that orders as the bytes do; shorter words end in zeros.
pub fn key(word: &str) -> u128 {
    let mut bytes = [0; KEY_BYTES];
    let len = word.len().min(KEY_BYTES);
    bytes[..len].copy_from_slice(&word.as_bytes()[..len]);
    u128::from_be_bytes(bytes)
}

/// The least and the greatest [`key`] that a word which begins with `word` can have.
pub fn keys_from(word: &str) -> (u128, u128) {
    let least = key(word);
    let open = u32::try_from(KEY_BYTES.saturating_sub(word.len())).unwrap_or(0) * 8;
    (least, least | u128::MAX.checked_shr(128 - open).unwrap_or(0))
}

/// Appends `text` to `folded`, folded.
pub fn fold(text: &str, folded: &mut String) {
    if text.is_ascii() {
        folded.extend(text.chars().map(|c| c.to_ascii_lowercase()));
        return;
    }
    // By way of upper case, which has the final sigma and its like as the others.
    let lower = |c: char| c.to_uppercase().flat_map(char::to_lowercase);
    text.nfkc().flat_map(lower).for_each(|c| fold_char(c, folded));
}

fn fold_char(c: char, folded: &mut String) {
    match c {
        '\0'..='\x7f' => folded.push(c),
        // The soft hyphen and the Arabic stroke that lengthens a line are no part of a word.
        '\u{ad}' | '\u{640}' => {}
        // Latin, whose letters with strokes and ligatures Unicode does not take apart.
        'ª'..='\u{2af}' | '\u{1e00}'..='\u{1eff}' => match deunicode::deunicode_char(c) {
            Some(letters) if c.is_alphabetic() => {
                folded.extend(letters.chars().map(|c| c.to_ascii_lowercase()));
            }
            _ => folded.push(c),
        },
        // Scripts whose marks may be left out in writing.
        ..'\u{900}' | '\u{1ab0}'..='\u{1dff}' | '\u{1f00}'..='\u{1fff}' => {
            folded.extend(c.nfd().filter(|letter| !is_combining_mark(*letter)));
        }
        _ => folded.push(c),
    }
}

/// What a character is to the words beside it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Letter,
    /// Joins two words to one.
    Joint,
    Gap,
}

fn role(c: char) -> Role {
    match c {
        '\'' | '-' | '.' | '’' | '‘' | 'ʼ' | '‐' | '‑' | '·' | '\u{5f3}' | '\u{5be}' | '\u{200c}'
        | '\u{200d}' => Role::Joint,
        c if c.is_alphanumeric() || is_combining_mark(c) => Role::Letter,
        _ => Role::Gap,
    }
}

/// The words of a text in their order, folded, and behind those that are joined what they are together.
#[derive(Debug, Default)]
pub struct Words {
    folded: String,
    joined: String,
}

impl Words {
    /// Room for the words of one text after another.
    pub fn new() -> Words {
        Words::default()
    }

    /// Calls `each` with every word of `text`; `joined` says whether also with what joined words are together.
    pub fn of(&mut self, text: &str, joined: bool, mut each: impl FnMut(&str)) {
        self.folded.clear();
        fold(beginning(text), &mut self.folded);
        let is_gap = |c| role(c) == Role::Gap;
        for compound in self.folded.split(is_gap).filter(|compound| !compound.is_empty()) {
            let is_joint = |c| role(c) == Role::Joint;
            let parts = || compound.split(is_joint).filter(|part| !part.is_empty());
            parts().for_each(&mut each);
            if joined && parts().nth(1).is_some() {
                self.joined.clear();
                self.joined.extend(parts());
                each(&self.joined);
            }
        }
    }

    /// Calls `each` with every word of `field` of `record`.
    pub fn of_field(&mut self, record: &Record<'_>, field: Field, each: impl FnMut(&str)) {
        self.folded.clear();
        if let Some(text) = record.field(field).and_then(text) {
            self.of(&text, true, each);
        }
    }

    /// What an index of names holds of `record`'s customer.
    pub fn facts(&mut self, record: &Record<'_>) -> Facts {
        let mut facts = Facts {
            created_ms: record.created_ms(),
            name: 0,
            keys: SmallVec::new(),
        };
        for field in FIELDS {
            let keys = &mut facts.keys;
            self.of_field(record, field, |word| add(keys, word));
            if field == Field::Name {
                facts.name = order(&self.folded);
            }
        }
        facts
    }

    /// The same of a `customer` that a record was made of.
    pub fn facts_of(&mut self, customer: &Customer) -> Facts {
        let mut facts = Facts {
            created_ms: created_ms(customer.created_at.as_deref(), &customer.id),
            name: 0,
            keys: SmallVec::new(),
        };
        let texts = [
            Some(&customer.name),
            customer.first_name.as_ref(),
            customer.last_name.as_ref(),
            customer.company.as_ref(),
        ];
        for (nth, text) in texts.into_iter().enumerate() {
            let Some(text) = text else { continue };
            let keys = &mut facts.keys;
            self.of(text, true, |word| add(keys, word));
            if nth == 0 {
                facts.name = order(&self.folded);
            }
        }
        facts
    }
}

fn add(keys: &mut SmallVec<[u128; 8]>, word: &str) {
    let key = key(word);
    if keys.len() < MOST_WORDS && !keys.contains(&key) {
        keys.push(key);
    }
}

/// What an index of names holds of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// As [`Record::created_ms`].
    pub created_ms: Option<i64>,
    /// The [`order`] of the name.
    pub name: u64,
    /// The keys of its different words, [`MOST_WORDS`] at the most.
    pub keys: SmallVec<[u128; 8]>,
}

/// The first eight bytes of a `folded` name, as a number that orders as the bytes do.
pub fn order(folded: &str) -> u64 {
    let mut bytes = [0; 8];
    let len = folded.len().min(8);
    bytes[..len].copy_from_slice(&folded.as_bytes()[..len]);
    u64::from_be_bytes(bytes)
}

/// The text that the JSON string `token` stands for.
pub fn text(token: &[u8]) -> Option<std::borrow::Cow<'_, str>> {
    if memchr::memchr(b'\\', token).is_none() {
        let inner = token.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        return std::str::from_utf8(inner).ok().map(std::borrow::Cow::Borrowed);
    }
    serde_json::from_slice::<String>(token)
        .ok()
        .map(std::borrow::Cow::Owned)
}

fn beginning(text: &str) -> &str {
    let mut end = text.len().min(MOST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn folded(text: &str) -> String {
        let mut folded = String::new();
        fold(text, &mut folded);
        folded
    }

    fn words(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        Words::new().of(text, true, |word| found.push(word.to_owned()));
        found
    }

    #[test]
    fn case_accents_and_width_do_not_count_in_any_script() {
        for (written, expected) in [
            ("Ada", "ada"),
            ("Émilie ÉMILIE e\u{301}milie", "emilie emilie emilie"),
            ("Groß GROẞ gross", "gross gross gross"),
            ("Søren Ørsted", "soren orsted"),
            ("Łukasz Đorđe", "lukasz dorde"),
            ("Æsir Œuvre", "aesir oeuvre"),
            ("Þór Sigurðsson", "thor sigurdsson"),
            ("İstanbul ısı", "istanbul isi"),
            ("Nguyễn Thị Hằng", "nguyen thi hang"),
            ("Ａｄａ ﬁn", "ada fin"),
            ("Άννα Παπαδόπουλος ΠΑΠΑΔΟΠΟΥΛΟΣ", "αννα παπαδοπουλοσ παπαδοπουλοσ"),
            ("Алёна АЛЕНА", "алена алена"),
            ("שָׁלוֹם", "שלום"),
            ("مُحَمَّد أحمد محـمد", "محمد احمد محمد"),
            ("山田太郎", "山田太郎"),
            ("가나다", "가나다"),
            ("がか", "がか"),
            ("प्रिया", "प्रिया"),
        ] {
            assert_eq!(folded(written), expected, "{written}");
        }
    }

    #[test]
    fn joined_words_are_found_in_parts_and_as_one() {
        assert_eq!(words("O'Brien"), ["o", "brien", "obrien"]);
        assert_eq!(
            words("Jean-Luc  d’Arc"),
            ["jean", "luc", "jeanluc", "d", "arc", "darc"]
        );
        assert_eq!(words("J.R.R. Tolkien"), ["j", "r", "r", "jrr", "tolkien"]);
        assert_eq!(words("Lovelace,Ada"), ["lovelace", "ada"]);
        assert_eq!(words("<b>Bold</b>"), ["b", "bold", "b"]);
        assert_eq!(words("\u{202e}שלום\u{202c} 3M & Co."), ["שלום", "3m", "co"]);
        assert_eq!(words("प्रिया शर्मा"), ["प्रिया", "शर्मा"]);
        assert!(words(" -'. ").is_empty());
    }

    #[test]
    fn keys_hold_the_beginnings_of_words() {
        assert!(key("ada") < key("adam") && key("adam") < key("b"));
        let (least, greatest) = keys_from("ada");
        for (word, is_within) in [
            ("ada", true),
            ("adam", true),
            ("ad", false),
            ("adb", false),
            ("b", false),
        ] {
            assert_eq!((least..=greatest).contains(&key(word)), is_within, "{word}");
        }
        let long = "konstantinopoulos";
        assert_eq!(keys_from(long), (key(long), key(long)));
        assert_eq!(keys_from(""), (0, u128::MAX));
    }

    proptest! {
        #[test]
        fn whatever_is_written_folds_once_and_words_are_found_by_their_beginnings(text in "\\PC{0,40}") {
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once);
            for word in words(&text) {
                prop_assert!(!word.is_empty());
                for (end, _) in word.char_indices().skip(1) {
                    let (least, greatest) = keys_from(&word[..end]);
                    prop_assert!((least..=greatest).contains(&key(&word)));
                }
            }
        }
    }
}
