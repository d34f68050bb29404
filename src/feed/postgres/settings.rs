//! Which server, whose name, which slot: `[feed.NAME.postgres]`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use pgwire_replication::TlsConfig;
use serde::Deserialize;
use url::Url;

use crate::feed::secret::Secret;
use crate::feed::secure::Tls;
use crate::feed::source::SourceError;

/// How PostgreSQL is followed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `postgresql://user:password@host:port/database?sslmode=…`; what it says counts ahead of the keys below. Empty: they
    /// say everything.
    pub uri: Secret,
    /// Name or address of the server, or the folder of its Unix socket, which begins with `/`.
    pub host: String,
    /// Port, 1 to 65535.
    pub port: u16,
    /// Database.
    pub database: String,
    /// Role.
    pub user: String,
    /// Its password; empty: none.
    pub password: Secret,
    /// File whose first line is the password, read at each connecting; empty: none.
    pub password_file: PathBuf,
    /// How much TLS is asked for.
    pub sslmode: SslMode,
    /// Replication slot, which is ours alone: 1 to 63 of `a-z 0-9 _`, no digit first.
    pub slot: String,
    /// Publication: 1 to 63 of `a-z 0-9 _`, no digit first.
    pub publication: String,
    /// Whether a publication that does not exist is made.
    pub create_publication: bool,
    /// Milliseconds that connecting may take, 100 to 600 000.
    pub connect_timeout_ms: u64,
    /// Milliseconds without a word of the server after which it counts as gone, 1000 to 3 600 000.
    pub silence_timeout_ms: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            uri: Secret::default(),
            host: String::new(),
            port: 5432,
            database: String::new(),
            user: String::new(),
            password: Secret::default(),
            password_file: PathBuf::new(),
            sslmode: SslMode::VerifyFull,
            slot: "ringside".into(),
            publication: "ringside".into(),
            create_publication: false,
            connect_timeout_ms: 10_000,
            silence_timeout_ms: 30_000,
        }
    }
}

/// How much TLS is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// None.
    Disable,
    /// TLS, whoever answers.
    Require,
    /// TLS, and the server's certificate names the host and leads to one that is trusted.
    VerifyFull,
}

/// Where to connect, and as whom.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) database: String,
    pub(super) user: String,
    pub(super) password: Secret,
    pub(super) tls: TlsConfig,
    pub(super) connect_timeout: Duration,
    pub(super) silence: Duration,
}

impl Settings {
    /// What is not as it should be, without asking anybody: the key, what is expected, and what was found, unless that is
    /// secret.
    pub fn fault(&self) -> Option<(&'static str, &'static str, String)> {
        const NAME: &str = "1 to 63 of a-z, 0-9 and _, no digit first";
        const URI: &str =
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE, with no other parameters";
        let from_uri = if self.uri.is_empty() {
            Parts::default()
        } else {
            match Parts::read(self.uri.reveal()) {
                Some(parts) => parts,
                None => return Some(("uri", URI, "another text".into())),
            }
        };
        let needed = [
            ("host", &self.host, from_uri.host.is_some()),
            ("user", &self.user, from_uri.user.is_some()),
            ("database", &self.database, from_uri.database.is_some()),
        ];
        for (key, value, is_in_uri) in needed {
            if value.is_empty() && !is_in_uri {
                return Some((key, "a name, here or in `uri`", "\"\"".into()));
            }
        }
        if self.port == 0 {
            return Some(("port", "1 to 65535", "0".into()));
        }
        for (key, name) in [("slot", &self.slot), ("publication", &self.publication)] {
            if !is_plain_name(name) {
                return Some((key, NAME, format!("{name:?}")));
            }
        }
        if !(100..=600_000).contains(&self.connect_timeout_ms) {
            return Some((
                "connect_timeout_ms",
                "100 to 600000",
                self.connect_timeout_ms.to_string(),
            ));
        }
        if !(1000..=3_600_000).contains(&self.silence_timeout_ms) {
            return Some((
                "silence_timeout_ms",
                "1000 to 3600000",
                self.silence_timeout_ms.to_string(),
            ));
        }
        None
    }

    /// Where to connect, with the password of the moment.
    pub(super) fn endpoint(&self, tls: &Tls) -> Result<Endpoint, SourceError> {
        if let Some((key, expected, found)) = self.fault() {
            return Err(SourceError::Unfit(format!(
                "postgres.{key}: expected {expected}, found {found}; correct it in the configuration"
            )));
        }
        let uri = Parts::read(self.uri.reveal()).unwrap_or_default();
        let host = uri.host.unwrap_or_else(|| self.host.clone());
        let password = match uri.password {
            Some(password) => password,
            None if self.password_file != PathBuf::new() => self.password_from_file()?,
            None => self.password.clone(),
        };
        let mode = if host.starts_with('/') {
            SslMode::Disable
        } else {
            uri.sslmode.unwrap_or(self.sslmode)
        };
        let file = |path: &PathBuf| (*path != PathBuf::new()).then(|| path.clone());
        Ok(Endpoint {
            tls: TlsConfig {
                mode: match mode {
                    SslMode::Disable => pgwire_replication::SslMode::Disable,
                    SslMode::Require => pgwire_replication::SslMode::Require,
                    SslMode::VerifyFull => pgwire_replication::SslMode::VerifyFull,
                },
                ca_pem_path: file(&tls.ca),
                client_cert_pem_path: file(&tls.certificate),
                client_key_pem_path: file(&tls.key),
                // Said even where it is the host, so that a certificate may name an address.
                sni_hostname: Some(host.clone()),
            },
            port: uri.port.unwrap_or(self.port),
            database: uri.database.unwrap_or_else(|| self.database.clone()),
            user: uri.user.unwrap_or_else(|| self.user.clone()),
            host,
            password,
            connect_timeout: Duration::from_millis(self.connect_timeout_ms),
            silence: Duration::from_millis(self.silence_timeout_ms),
        })
    }

    fn password_from_file(&self) -> Result<Secret, SourceError> {
        let text = fs::read_to_string(&self.password_file).map_err(|error| {
            SourceError::Unfit(format!(
                "postgres.password_file: expected a file with the password at {}, found: {error}; write it, or correct the key",
                self.password_file.display()
            ))
        })?;
        Ok(Secret::from(text.lines().next().unwrap_or_default().to_owned()))
    }
}

/// What an address says.
#[derive(Default)]
struct Parts {
    host: Option<String>,
    port: Option<u16>,
    database: Option<String>,
    user: Option<String>,
    password: Option<Secret>,
    sslmode: Option<SslMode>,
}

impl Parts {
    fn read(uri: &str) -> Option<Parts> {
        let url = Url::parse(uri).ok()?;
        if !["postgresql", "postgres"].contains(&url.scheme()) || url.fragment().is_some() {
            return None;
        }
        let text = |encoded: &str| {
            let decoded = percent_encoding::percent_decode_str(encoded).decode_utf8();
            decoded.ok().map(|text| text.into_owned())
        };
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        let host = url.host_str().unwrap_or_default();
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let mut sslmode = None;
        for (key, value) in url.query_pairs() {
            sslmode = match (&*key, &*value) {
                ("sslmode", "disable") => Some(SslMode::Disable),
                ("sslmode", "require") => Some(SslMode::Require),
                ("sslmode", "verify-full") => Some(SslMode::VerifyFull),
                _ => return None,
            };
        }
        let password = match url.password() {
            Some(password) => Some(Secret::from(text(password)?)),
            None => None,
        };
        Some(Parts {
            host: said(Some(text(host)?)),
            port: url.port(),
            database: said(Some(text(url.path().trim_start_matches('/'))?)),
            user: said(Some(text(url.username())?)),
            password,
            sslmode,
        })
    }
}

/// A name that needs no quotes anywhere.
fn is_plain_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        && !name.as_bytes()[0].is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            host: "db".into(),
            database: "crm".into(),
            user: "ringside".into(),
            ..Settings::default()
        }
    }

    #[test]
    fn an_address_says_everything_and_counts_first() {
        let settings = Settings {
            uri: Secret::from("postgresql://u%40x:p%2Fw@[::1]:6543/d%20b?sslmode=require".to_owned()),
            ..settings()
        };
        let endpoint = settings.endpoint(&Tls::default()).unwrap();
        assert_eq!((endpoint.host.as_str(), endpoint.port), ("::1", 6543));
        assert_eq!(
            (endpoint.user.as_str(), endpoint.database.as_str()),
            ("u@x", "d b")
        );
        assert_eq!(endpoint.password.reveal(), "p/w");
        assert_eq!(endpoint.tls.mode, pgwire_replication::SslMode::Require);
        let shown = format!("{settings:?} {endpoint:?}");
        assert!(!shown.contains("p/w") && !shown.contains("p%2Fw"), "{shown}");
    }

    #[test]
    fn what_cannot_be_is_said_by_its_key() {
        type Spoil = fn(&mut Settings);
        let faults: [(&str, Spoil); 8] = [
            ("host", |settings| settings.host.clear()),
            ("user", |settings| settings.user.clear()),
            ("database", |settings| settings.database.clear()),
            ("slot", |settings| settings.slot = "Ringside".into()),
            ("publication", |settings| settings.publication = "a b".into()),
            ("connect_timeout_ms", |settings| settings.connect_timeout_ms = 1),
            ("silence_timeout_ms", |settings| settings.silence_timeout_ms = 1),
            ("uri", |settings| {
                settings.uri = Secret::from("postgresql://h/d?sslmode=prefer".to_owned())
            }),
        ];
        assert_eq!(settings().fault(), None);
        for (key, spoil) in faults {
            let mut spoilt = settings();
            spoil(&mut spoilt);
            assert_eq!(spoilt.fault().map(|fault| fault.0), Some(key));
        }
    }

    #[test]
    fn a_password_is_read_from_its_file_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let settings = Settings {
            password_file: path.clone(),
            ..settings()
        };
        assert!(matches!(
            settings.endpoint(&Tls::default()),
            Err(SourceError::Unfit(_))
        ));
        for password in ["one", "two"] {
            fs::write(&path, format!("{password}\n")).unwrap();
            let endpoint = settings.endpoint(&Tls::default()).unwrap();
            assert_eq!(endpoint.password.reveal(), password);
        }
    }

    #[test]
    fn a_socket_needs_no_tls() {
        let settings = Settings {
            host: "/run/postgresql".into(),
            ..settings()
        };
        let endpoint = settings.endpoint(&Tls::default()).unwrap();
        assert_eq!(endpoint.tls.mode, pgwire_replication::SslMode::Disable);
    }
}
