//! What can be wrong with the files of TLS.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with the files of TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: expected a PEM file, found that it cannot be read: {source}; correct the path or its permissions", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// There is not in a file what should be.
    #[error("{}: expected -----BEGIN {expected}-----, found {found}; name the right file, in PEM", file.display())]
    Nothing {
        /// The file.
        file: PathBuf,
        /// What should be in it.
        expected: &'static str,
        /// What is.
        found: String,
    },
    /// A private key that a password protects.
    #[error("{}: expected a private key without a password, found an encrypted one; decrypt it with `openssl pkey -in FILE -out FILE`", .0.display())]
    Encrypted(PathBuf),
    /// The key is another certificate's.
    #[error("{}: expected the private key of the certificate in {}, found another one's; name the two that were made together", key.display(), certificate.display())]
    Strangers {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate's time is over.
    #[error("{}: expected a certificate that is valid, found one that ended on {end}; renew it", file.display())]
    Ended {
        /// The file.
        file: PathBuf,
        /// When that was.
        end: String,
    },
    /// The certificate's time has not begun.
    #[error("{}: expected a certificate that is valid, found one that begins on {begin}; correct this machine's clock, or wait", file.display())]
    NotBegun {
        /// The file.
        file: PathBuf,
        /// When that will be.
        begin: String,
    },
    /// What is in a file cannot be used.
    #[error("{}: expected what TLS can use, found a fault: {message}; make the file again", file.display())]
    Refused {
        /// The file.
        file: PathBuf,
        /// The library's words.
        message: String,
    },
}

impl TlsError {
    pub(super) fn refused(file: &Path, source: &impl Display) -> TlsError {
        TlsError::Refused {
            file: file.to_owned(),
            message: source.to_string(),
        }
    }
}

/// Which PEM blocks there are in `text`, for people.
pub(super) fn labels(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let labels: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .take(5)
        .collect();
    match labels.as_slice() {
        [] => "no PEM block".to_owned(),
        labels => labels.join(", "),
    }
}
