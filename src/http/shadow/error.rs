//! Why there is no shadow mode.

use super::settings::ShadowFault;

/// What is wrong with a shadow mode's configuration or files; a listener's name goes before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShadowError {
    /// A value that is not what its key takes.
    #[error("{}: expected {}, found {}; correct it", .0.key, .0.expected, .0.found)]
    Value(ShadowFault),
    /// The upstream's name cannot be in a certificate.
    #[error("upstream: expected a host's name or address, found something else; correct it")]
    Name,
    /// A file of certificates or a key.
    #[error("{0}")]
    File(String),
    /// A dialled number.
    #[error("dnis[{0}]: expected a phone number, found one that cannot be read; correct it")]
    Dnis(usize),
}

impl ShadowError {
    /// What is wrong with a file that `error`, of the shared way to read such files, tells.
    pub(super) fn of_file(error: &crate::feed::source::SourceError) -> ShadowError {
        let told = error.to_string();
        ShadowError::File(told.strip_prefix("tls.").unwrap_or(&told).to_owned())
    }
}

impl From<ShadowFault> for ShadowError {
    fn from(fault: ShadowFault) -> ShadowError {
        ShadowError::Value(fault)
    }
}
