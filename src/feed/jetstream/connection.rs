//! Connecting to NATS servers, and saying what is wrong where that fails.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, ServerAddr};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::feed::secure::Tls;
use crate::feed::source::SourceError;
use crate::feed::{Secret, secure};

/// How long a server may take to be connected to.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a server may take to answer a request.
pub const ANSWER: Duration = Duration::from_secs(5);
/// The port of servers that name none.
const PORT: u16 = 4222;
/// How often a connection is looked at on which nothing comes.
const PING: Duration = Duration::from_secs(5);

/// Who one is to a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// User; empty: none.
    pub user: String,
    /// The user's password; empty: see `password_file`.
    pub password: Secret,
    /// The file with the user's password, its first line; empty: none.
    pub password_file: PathBuf,
    /// The file with a token, its first line; empty: none.
    pub token_file: PathBuf,
    /// The file with the seed of an NKey, its first line; empty: none.
    pub nkey_file: PathBuf,
    /// A credentials file, as `nsc` writes it; empty: none.
    pub credentials_file: PathBuf,
}

impl Login {
    /// How many ways of saying who one is are configured; one at most makes sense.
    pub fn ways(&self) -> usize {
        let files = [&self.token_file, &self.nkey_file, &self.credentials_file];
        let files = files
            .into_iter()
            .filter(|file| !file.as_os_str().is_empty())
            .count();
        files + usize::from(!self.user.is_empty())
    }

    fn apply(
        &self,
        options: ConnectOptions,
        addresses: &[ServerAddr],
    ) -> Result<ConnectOptions, SourceError> {
        let named = |path: &Path| !path.as_os_str().is_empty();
        if named(&self.credentials_file) {
            let text = whole("credentials_file", &self.credentials_file)?;
            return options
                .credentials(&text)
                .map_err(|_| unfit_file("credentials_file", &self.credentials_file, "no credentials"));
        }
        if named(&self.nkey_file) {
            return Ok(options.nkey(line("nkey_file", &self.nkey_file)?));
        }
        if named(&self.token_file) {
            return Ok(options.token(line("token_file", &self.token_file)?));
        }
        if self.user.is_empty() {
            return Ok(apply_address(options, addresses));
        }
        let password = if named(&self.password_file) {
            line("password_file", &self.password_file)?
        } else {
            self.password.reveal().to_owned()
        };
        Ok(options.user_and_password(self.user.clone(), password))
    }
}

/// Says who one is as the first of `addresses` that does, which the library itself does not: NAME:PASSWORD, or a token.
fn apply_address(options: ConnectOptions, addresses: &[ServerAddr]) -> ConnectOptions {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut named = addresses
        .iter()
        .filter_map(|address| Some((decoded(address.username()?), address.password().map(decoded))));
    match named.next() {
        Some((user, Some(password))) => options.user_and_password(user, password),
        Some((token, None)) => options.token(token),
        None => options,
    }
}

/// How long servers are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Haste {
    /// How long one may take to be connected to.
    pub connect: Duration,
    /// How long one may take to answer.
    pub answer: Duration,
    /// How often a connection is looked at on which nothing comes.
    pub ping: Duration,
    /// Whether the servers are tried in the order in which they are written.
    pub in_order: bool,
}

impl Default for Haste {
    fn default() -> Haste {
        Haste {
            connect: CONNECT,
            answer: ANSWER,
            ping: PING,
            in_order: false,
        }
    }
}

/// A connection.
#[derive(Debug, Clone)]
pub struct Connection {
    /// What is asked for streams.
    pub jetstream: Context,
    client: Client,
    cut: Arc<AtomicBool>,
}

impl Connection {
    /// Connects to one of `servers`, as `name`.
    ///
    /// # Errors
    /// None can be reached, or none lets us in.
    pub async fn open(
        servers: &[Secret],
        login: &Login,
        tls: &Tls,
        name: &str,
    ) -> Result<Connection, SourceError> {
        Connection::open_in(Haste::default(), servers, login, tls, name).await
    }

    /// The same with as much `haste`.
    ///
    /// # Errors
    /// None can be reached, or none lets us in.
    pub async fn open_in(
        haste: Haste,
        servers: &[Secret],
        login: &Login,
        tls: &Tls,
        name: &str,
    ) -> Result<Connection, SourceError> {
        secure::choose_provider();
        let addresses: Vec<ServerAddr> = servers.iter().map(address).collect::<Result<_, _>>()?;
        let cut = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&cut);
        let mut options = ConnectOptions::new()
            .name(name)
            .connection_timeout(haste.connect)
            .request_timeout(Some(haste.answer))
            .ping_interval(haste.ping)
            // Whoever uses the connection makes another one, and looks at the stream anew: what a library sends again on
            // its own cannot be told from what somebody else sent.
            .max_reconnects(addresses.len().max(1))
            .event_callback(move |event| {
                if matches!(event, Event::Disconnected | Event::Closed) {
                    seen.store(true, Ordering::Relaxed);
                }
                std::future::ready(())
            });
        if haste.in_order {
            options = options.retain_servers_order();
        }
        if tls.enabled {
            let config = tls.client()?;
            options = options
                .tls_client_config(config.as_ref().clone())
                .require_tls(true);
        }
        let connecting = login.apply(options, &addresses)?.connect(addresses);
        let client = connecting.await.map_err(|error| told(servers, &error))?;
        let jetstream = jetstream::ContextBuilder::new()
            .timeout(haste.answer)
            .max_ack_inflight(1 << 16)
            .build(client.clone());
        Ok(Connection {
            jetstream,
            client,
            cut,
        })
    }

    /// Whether the connection was cut at any time.
    pub fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }

    /// Takes the connection for cut, whatever it is.
    pub fn give_up(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    /// The most bytes of a message and its headers.
    pub fn max_payload(&self) -> usize {
        self.client.server_info().max_payload
    }

    /// Sends a message to ourselves by way of the server, and waits for it. Whether it came; nobody but whoever calls this
    /// bounds the time.
    pub async fn echo(&self) -> bool {
        let inbox = self.client.new_inbox();
        let Ok(mut comes) = self.client.subscribe(inbox.clone()).await else {
            return false;
        };
        let sent = self.client.publish(inbox, bytes::Bytes::new()).await;
        sent.is_ok() && futures_util::StreamExt::next(&mut comes).await.is_some()
    }

    /// Has everything sent that was handed over.
    pub async fn flush(&self) {
        // Where that fails there is nobody to send it to.
        let _flushed = tokio::time::timeout(ANSWER, self.client.flush()).await;
    }
}

fn address(server: &Secret) -> Result<ServerAddr, SourceError> {
    server.reveal().parse().map_err(|_| {
        // The address may hold a password.
        SourceError::Unfit(
            "servers: expected addresses as nats://HOST:4222 or tls://HOST:4222, found something else".into(),
        )
    })
}

/// Where `servers` are, without what is secret of it.
pub fn places(servers: &[Secret]) -> String {
    let place = |server: &Secret| match address(server) {
        Ok(address) => format!("{}:{}", address.host(), address.port()),
        Err(_) => format!("an address that cannot be read (port {PORT})"),
    };
    servers.iter().map(place).collect::<Vec<_>>().join(", ")
}

/// What `error` means, and what to do about it.
fn told(servers: &[Secret], error: &ConnectError) -> SourceError {
    let at = places(servers);
    if let Some(why) = rejected_certificate(error) {
        return SourceError::Unfit(format!(
            "NATS at {at}: expected a certificate that leads to tls.ca and names the host as it is written in `servers`, \
             found: {why}; correct `servers` or tls.ca, or give the server such a certificate"
        ));
    }
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            SourceError::Unfit(format!(
                "NATS at {at}: expected to be let in, found: {}; correct the keys of `login`, or the server's users",
                error.kind()
            ))
        }
        ConnectErrorKind::ServerParse => SourceError::Unfit(format!(
            "NATS at {at}: expected an address as nats://HOST:4222 in `servers`"
        )),
        ConnectErrorKind::Tls => SourceError::Unfit(format!(
            "NATS at {at}: TLS cannot be set up: {error}; correct the keys of `tls`"
        )),
        kind => SourceError::Away(format!("NATS at {at} cannot be reached: {kind}")),
    }
}

/// What is wrong with a server's certificate, or with ours in the server's eyes, where that is what `error` is about.
fn rejected_certificate(error: &ConnectError) -> Option<String> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(tls.to_string());
        }
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && let Some(tls) = io
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        {
            return Some(tls.to_string());
        }
        next = error.source();
    }
    None
}

fn whole(key: &str, path: &Path) -> Result<String, SourceError> {
    std::fs::read_to_string(path).map_err(|error| unfit_file(key, path, &error.to_string()))
}

fn line(key: &str, path: &Path) -> Result<String, SourceError> {
    let text = whole(key, path)?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.map(str::to_owned)
        .ok_or_else(|| unfit_file(key, path, "nothing"))
}

fn unfit_file(key: &str, path: &Path, found: &str) -> SourceError {
    SourceError::Unfit(format!(
        "login.{key}: expected a secret in {}, found: {found}; write the file, or correct the key",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_tell_no_secret_and_files_say_what_is_wrong_with_them() {
        let servers = [Secret::from("nats://joan:hunter2@nats.example:4333".to_owned())];
        assert_eq!(places(&servers), "nats.example:4333");
        let login = Login {
            token_file: "/nonexistent/token".into(),
            ..Login::default()
        };
        let Err(SourceError::Unfit(why)) = login.apply(ConnectOptions::new(), &[]) else {
            panic!("a missing file was taken")
        };
        assert!(
            why.contains("login.token_file") && why.contains("/nonexistent/token"),
            "{why}"
        );
        assert_eq!(login.ways(), 1);
        let violation = ConnectError::new(ConnectErrorKind::AuthorizationViolation);
        assert!(matches!(told(&servers, &violation), SourceError::Unfit(why) if why.contains("login")));
        let away = ConnectError::new(ConnectErrorKind::TimedOut);
        assert!(matches!(told(&servers, &away), SourceError::Away(why) if why.contains("nats.example:4333")));
    }

    #[test]
    fn a_rejected_certificate_is_found_below_other_errors() {
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let io = std::io::Error::new(std::io::ErrorKind::InvalidData, tls);
        let error = ConnectError::with_source(ConnectErrorKind::Io, io);
        let servers = [Secret::from("tls://nats.example".to_owned())];
        assert!(matches!(told(&servers, &error), SourceError::Unfit(why) if why.contains("UnknownIssuer")));
    }
}
