//! TLS: certificates and keys from PEM files, checked when they are read, not when the first caller comes.

mod certificate;
mod error;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use certificate::Validity;

pub(super) use certificate::name;
pub use error::TlsError;

/// From how many days before its end on a certificate is warned of.
const WARN_DAYS: i64 = 14;
const DAY_S: i64 = 86_400;
/// Permissions that let people who are neither the owner nor in the group read or write.
const OTHERS: u32 = 0o006;

/// The files that TLS is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and behind it those that lead to its root, in PEM.
    pub certificate: PathBuf,
    /// The certificate's private key, in PEM, not encrypted.
    pub key: PathBuf,
    /// The certificates that clients' ones must lead to, in PEM; `None`: clients need none.
    pub client_ca: Option<PathBuf>,
}

/// TLS as it is served.
#[derive(Debug, Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    ends_s: i64,
    is_mutual: bool,
    warnings: Vec<String>,
}

impl Tls {
    /// Reads `files`, as of `now_s`, in seconds since 1970.
    ///
    /// # Errors
    /// A file is missing, is something else, does not belong to the others, or its certificate is out of its time.
    pub fn load(files: &TlsFiles, now_s: i64) -> Result<Tls, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let chain = certificates(&files.certificate)?;
        let validity = Validity::of(&chain[0], &files.certificate)?;
        validity.check(&files.certificate, now_s)?;
        let mut warnings = Vec::new();
        let left = validity.ends_s.saturating_sub(now_s) / DAY_S;
        if left < WARN_DAYS {
            warnings.push(format!(
                "{}: the certificate ends on {}, in {left} days; renew it",
                files.certificate.display(),
                validity.end()
            ));
        }
        let (key, warning) = private_key(&files.key)?;
        warnings.extend(warning);
        let certified = certified(chain, key, files, &provider)?;

        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|source| TlsError::refused(&files.certificate, &source))?;
        let builder = match &files.client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let roots = roots(file)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .map_err(|source| TlsError::refused(file, &source))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls {
            config: Arc::new(config),
            ends_s: validity.ends_s,
            is_mutual: files.client_ca.is_some(),
            warnings,
        })
    }

    /// When the certificate ends, in seconds since 1970.
    pub fn ends_s(&self) -> i64 {
        self.ends_s
    }

    /// Whether clients have to show a certificate.
    pub fn is_mutual(&self) -> bool {
        self.is_mutual
    }

    /// What will soon be wrong, or is not as it should be.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

/// The certificates in `file`, one at the least.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(file)?;
    let found = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| TlsError::refused(file, &source))?;
    if found.is_empty() {
        return Err(TlsError::Nothing {
            file: file.to_owned(),
            expected: "CERTIFICATE",
            found: error::labels(&text),
        });
    }
    Ok(found)
}

/// What a client is that trusts servers whose certificates lead to those in `file`.
///
/// # Errors
/// The file cannot be used.
pub fn trusting(file: &Path) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| TlsError::refused(file, &source))?;
    Ok(builder.with_root_certificates(roots(file)?).with_no_client_auth())
}

/// The certificates in `file` that others' may lead to.
fn roots(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for root in certificates(file)? {
        roots
            .add(root)
            .map_err(|source| TlsError::refused(file, &source))?;
    }
    Ok(roots)
}

/// The key in `file`, and what is wrong with its permissions.
fn private_key(file: &Path) -> Result<(PrivateKeyDer<'static>, Option<String>), TlsError> {
    let text = read(file)?;
    let has = |words: &str| text.windows(words.len()).any(|window| window == words.as_bytes());
    if has("BEGIN ENCRYPTED PRIVATE KEY") || has("Proc-Type: 4,ENCRYPTED") {
        return Err(TlsError::Encrypted(file.to_owned()));
    }
    let warning = is_open_to_others(file).then(|| {
        let shown = file.display();
        format!("{shown}: everybody on this machine can read this private key; `chmod o-rw {shown}`")
    });
    let key = PrivateKeyDer::pem_slice_iter(&text)
        .next()
        .ok_or_else(|| TlsError::Nothing {
            file: file.to_owned(),
            expected: "PRIVATE KEY",
            found: error::labels(&text),
        })?
        .map_err(|source| TlsError::refused(file, &source))?;
    Ok((key, warning))
}

/// Whether people who are neither its owner nor in its group may read or write `file`, which is a secret.
pub(super) fn is_open_to_others(file: &Path) -> bool {
    let mode = fs::metadata(file).map_or(0, |metadata| metadata.permissions().mode());
    mode & OTHERS != 0
}

/// The certificate with its key.
fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    files: &TlsFiles,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    CertifiedKey::from_der(chain, key, provider).map_err(|source| match source {
        rustls::Error::InconsistentKeys(_) => TlsError::Strangers {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
        },
        source => TlsError::refused(&files.key, &source),
    })
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|source| TlsError::Unreadable {
        file: file.to_owned(),
        source,
    })
}
