//! What a certificate says of itself: its time and its name.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::error::TlsError;

/// The most characters of a name.
const NAME_MAX: usize = 64;

/// The time of a certificate, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    begins_s: i64,
    pub(super) ends_s: i64,
}

impl Validity {
    /// The time in which `leaf`, from `file`, is valid. Those behind it in the chain may end before: clients that trust
    /// it by another way do not mind.
    pub(super) fn of(leaf: &CertificateDer<'_>, file: &Path) -> Result<Validity, TlsError> {
        let (_, leaf) = X509Certificate::from_der(leaf).map_err(|error| TlsError::refused(file, &error))?;
        let validity = leaf.validity();
        Ok(Validity {
            begins_s: validity.not_before.timestamp(),
            ends_s: validity.not_after.timestamp(),
        })
    }

    pub(super) fn check(&self, file: &Path, now_s: i64) -> Result<(), TlsError> {
        let file = file.to_owned();
        if now_s > self.ends_s {
            return Err(TlsError::Ended {
                file,
                end: self.end(),
            });
        }
        if now_s < self.begins_s {
            return Err(TlsError::NotBegun {
                file,
                begin: date(self.begins_s),
            });
        }
        Ok(())
    }

    pub(super) fn end(&self) -> String {
        date(self.ends_s)
    }
}

/// Whose certificate `leaf` is: its common name, or else its first other name; for logs.
pub(in crate::http) fn name(leaf: &CertificateDer<'_>) -> Arc<str> {
    let parsed = X509Certificate::from_der(leaf).ok();
    let found = parsed.as_ref().and_then(|(_, certificate)| {
        let common = certificate.subject().iter_common_name().next();
        let common = common
            .and_then(|name| name.as_str().ok())
            .filter(|name| !name.is_empty());
        let other = || {
            let names = certificate.subject_alternative_name().ok().flatten()?;
            names.value.general_names.iter().find_map(|name| match name {
                GeneralName::DNSName(name) | GeneralName::URI(name) | GeneralName::RFC822Name(name) => {
                    Some(*name)
                }
                _ => None,
            })
        };
        common.or_else(other)
    });
    found
        .unwrap_or("a certificate without a name")
        .chars()
        .filter(|c| !c.is_control())
        .take(NAME_MAX)
        .collect::<String>()
        .into()
}

fn date(seconds: i64) -> String {
    match jiff::Timestamp::from_second(seconds) {
        Ok(moment) => moment.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => format!("{seconds} s after 1970"),
    }
}
