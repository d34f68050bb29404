//! TLS towards servers of sources: `[feed.NAME.tls]`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;

use super::source::SourceError;

/// Files of TLS towards a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Whether connections are made over TLS.
    pub enabled: bool,
    /// Certificates, in PEM, that the server's must lead to; empty: those that browsers trust.
    pub ca: PathBuf,
    /// Our own certificate, in PEM, with what leads to its root; empty: none.
    pub certificate: PathBuf,
    /// Its private key, in PEM, without a password.
    pub key: PathBuf,
}

/// Has libraries that ask nobody use the cryptography that everything here does: two are linked, and they would not
/// choose.
pub fn choose_provider() {
    // Whoever comes second finds it chosen.
    let _chosen = rustls::crypto::ring::default_provider().install_default();
}

impl Tls {
    /// What connections are made with; the server's name is verified.
    ///
    /// # Errors
    /// A file cannot be read, with what to do about it.
    pub fn client(&self) -> Result<Arc<ClientConfig>, SourceError> {
        choose_provider();
        let mut roots = RootCertStore::empty();
        if self.ca == PathBuf::new() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        } else {
            for certificate in certificates("ca", &self.ca)? {
                roots
                    .add(certificate)
                    .map_err(|error| unfit("ca", &self.ca, &error.to_string()))?;
            }
        }
        let builder = ClientConfig::builder().with_root_certificates(roots);
        let config = if self.certificate == PathBuf::new() {
            builder.with_no_client_auth()
        } else {
            let key = PrivateKeyDer::from_pem_file(&self.key)
                .map_err(|error| unfit("key", &self.key, &error.to_string()))?;
            builder
                .with_client_auth_cert(certificates("certificate", &self.certificate)?, key)
                .map_err(|error| unfit("certificate", &self.certificate, &error.to_string()))?
        };
        Ok(Arc::new(config))
    }
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, SourceError> {
    let failed = |error: rustls::pki_types::pem::Error| unfit(key, path, &error.to_string());
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(failed)?
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    if found.is_empty() {
        return Err(unfit(key, path, "no certificate is in it"));
    }
    Ok(found)
}

fn unfit(key: &str, path: &Path, why: &str) -> SourceError {
    SourceError::Unfit(format!(
        "tls.{key}: expected certificates or a key in PEM at {}, found: {why}; write the file, or correct the key",
        path.display()
    ))
}
