//! What can be wrong with a configuration, told so that it can be put right.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: the configuration cannot be read: {source}; correct the path or the file's permissions", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("{origin}: expected TOML, found a fault: {message}")]
    Syntax {
        /// Where.
        origin: Origin,
        /// The reader's words.
        message: String,
    },
    /// A key that this version does not know.
    #[error("{origin}: unknown key `{path}`; {hint}")]
    Unknown {
        /// Where.
        origin: Origin,
        /// The key's full path.
        path: String,
        /// The nearest known key, or all that are known there.
        hint: String,
    },
    /// A key that must be given is not.
    #[error("{origin}: `{path}` is missing; add it")]
    Missing {
        /// Where the table that lacks it is.
        origin: Origin,
        /// The key's full path.
        path: String,
    },
    /// A value of the wrong type, out of its range, or of no known meaning.
    #[error("{origin}: `{path}`: expected {expected}, found {found}")]
    Invalid {
        /// Where.
        origin: Origin,
        /// The key's full path.
        path: String,
        /// What would have been accepted.
        expected: String,
        /// What was there, shortened.
        found: String,
    },
    /// A value that the type which reads it refuses, in its own words.
    #[error("{origin}: `{path}`: {message}")]
    Refused {
        /// Where.
        origin: Origin,
        /// The key's full path.
        path: String,
        /// What was expected, what was found, and what to do.
        message: String,
    },
}

/// Who gave a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The defaults of this version.
    Default,
    /// A line, from 1, of a file.
    File(Arc<Path>, usize),
    /// An environment variable.
    Environment(Arc<str>),
}

impl Display for Origin {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("the defaults"),
            Origin::File(file, line) => write!(f, "{}:{line}", file.display()),
            Origin::Environment(variable) => write!(f, "environment variable {variable}"),
        }
    }
}

/// How alike two words must be to be offered for one another; 1 is equal.
const ALIKE: f64 = 0.75;

/// The word of `known` that someone who wrote `found` is likely to have meant.
pub(super) fn nearest<'k>(found: &str, known: &[&'k str]) -> Option<&'k str> {
    let likeness = |word: &str| strsim::jaro_winkler(&found.to_lowercase(), word);
    known
        .iter()
        .map(|word| (likeness(word), *word))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered_and_nonsense_is_not() {
        let known = ["enabled", "address", "unix", "region", "mode"];
        assert_eq!(nearest("adress", &known), Some("address"));
        assert_eq!(nearest("Adresse", &known), Some("address"));
        assert_eq!(nearest("enable", &known), Some("enabled"));
        assert_eq!(nearest("qqq", &known), None);
        assert_eq!(nearest("x", &[]), None);
    }
}
