//! Connections: the socket below them, and the ordinary one on which statements run.

use std::time::Duration;

use pgwire_replication::protocol::messages::ErrorFields;
use pgwire_replication::tls::rustls::maybe_upgrade_to_tls;
use pgwire_replication::{PgWireError, SslMode};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::settings::Endpoint;
use crate::feed::secure;
use crate::feed::source::SourceError;

/// How values are written, the same on all connections so that each gives the same text; nothing ends a statement or a
/// transaction that a copy needs for long.
pub(super) const OPTIONS: &str = "-c datestyle=ISO -c intervalstyle=iso_8601 -c timezone=UTC -c extra_float_digits=3 \
    -c bytea_output=hex -c standard_conforming_strings=on -c search_path=pg_catalog -c statement_timeout=0 \
    -c idle_in_transaction_session_timeout=0";

/// A socket of any kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Rows of texts; `None` is null.
pub(super) type Rows = Vec<Vec<Option<String>>>;

/// Connects, over TLS where that is asked for.
pub(super) async fn open(endpoint: &Endpoint) -> Result<Box<dyn Stream>, SourceError> {
    within(endpoint, "connecting", open_socket(endpoint)).await
}

async fn open_socket(endpoint: &Endpoint) -> Result<Box<dyn Stream>, SourceError> {
    let place = format!("{}:{}", endpoint.host, endpoint.port);
    let away =
        |error: std::io::Error| SourceError::Away(format!("expected PostgreSQL at {place}, found: {error}"));
    if endpoint.host.starts_with('/') {
        let path = format!("{}/.s.PGSQL.{}", endpoint.host, endpoint.port);
        return Ok(Box::new(UnixStream::connect(path).await.map_err(away)?));
    }
    let socket = TcpStream::connect((endpoint.host.as_str(), endpoint.port))
        .await
        .map_err(away)?;
    socket.set_nodelay(true).map_err(away)?;
    // An ordinary connection waits for answers only, and has nobody who notices that the server is gone.
    // The system counts whole seconds, and from one on.
    let seconds = |time: Duration| time.max(Duration::from_secs(1));
    let keepalive = TcpKeepalive::new()
        .with_time(seconds(endpoint.silence / 2))
        .with_interval(seconds(endpoint.silence / 6))
        .with_retries(3);
    let socket_of_system = SockRef::from(&socket);
    socket_of_system.set_tcp_keepalive(&keepalive).map_err(away)?;
    socket_of_system
        .set_tcp_user_timeout(Some(endpoint.silence))
        .map_err(away)?;
    if endpoint.tls.mode == SslMode::Disable {
        return Ok(Box::new(socket));
    }
    secure::choose_provider();
    match maybe_upgrade_to_tls(socket, &endpoint.tls, &endpoint.host).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(tls_error(&place, &error)),
    }
}

fn tls_error(place: &str, error: &PgWireError) -> SourceError {
    let said = error.to_string();
    let remedy = if said.contains("SSLRequest rejected") {
        "the server has no TLS: set `ssl = on` in postgresql.conf, or sslmode = \"disable\" here where nobody else can \
         reach the network between"
    } else if said.contains("ertificate") || said.contains("TLS config error") {
        "the certificate has to name the host as it is configured here, and lead to one in tls.ca"
    } else {
        return SourceError::Away(format!("TLS with PostgreSQL at {place}: {said}"));
    };
    SourceError::Unfit(format!(
        "expected TLS with PostgreSQL at {place}, found: {said}; {remedy}"
    ))
}

/// At most as long as connecting may take.
pub(super) async fn within<T>(
    endpoint: &Endpoint,
    what: &str,
    future: impl Future<Output = Result<T, SourceError>>,
) -> Result<T, SourceError> {
    let limit = endpoint.connect_timeout;
    timeout(limit, future).await.unwrap_or_else(|_| {
        Err(SourceError::Away(format!(
            "PostgreSQL at {}:{}: {what} took longer than {} ms",
            endpoint.host,
            endpoint.port,
            limit.as_millis()
        )))
    })
}

/// An ordinary connection.
pub(super) struct Session {
    client: Client,
    task: JoinHandle<()>,
    /// The longest that a short statement may take.
    patience: Duration,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Session {
    pub(super) async fn connect(endpoint: &Endpoint) -> Result<Session, SourceError> {
        let stream = open(endpoint).await?;
        let mut config = tokio_postgres::Config::new();
        config
            .user(&endpoint.user)
            .dbname(&endpoint.database)
            .application_name("ringside")
            .options(OPTIONS)
            .ssl_mode(tokio_postgres::config::SslMode::Disable);
        if !endpoint.password.is_empty() {
            config.password(endpoint.password.reveal());
        }
        let connecting = async {
            let connected = config.connect_raw(stream, NoTls).await;
            connected.map_err(|error| failed("signing in", &error))
        };
        let (client, connection) = within(endpoint, "signing in", connecting).await?;
        let task = tokio::spawn(async move {
            // Whoever waits for an answer is told why there is none.
            let _ended = connection.await;
        });
        Ok(Session {
            client,
            task,
            patience: endpoint.silence,
        })
    }

    /// The rows that a short statement gives.
    pub(super) async fn rows(&self, what: &str, sql: &str) -> Result<Rows, SourceError> {
        let asked = timeout(self.patience, self.client.simple_query(sql)).await;
        let messages = asked
            .map_err(|_| {
                SourceError::Away(format!(
                    "PostgreSQL: {what} took longer than {} ms",
                    self.patience.as_millis()
                ))
            })?
            .map_err(|error| failed(what, &error))?;
        let mut rows = Rows::new();
        for message in messages {
            if let SimpleQueryMessage::Row(row) = message {
                let texts = (0..row.len()).map(|column| match row.try_get(column) {
                    Ok(text) => Ok(text.map(str::to_owned)),
                    Err(error) => Err(failed(what, &error)),
                });
                rows.push(texts.collect::<Result<_, _>>()?);
            }
        }
        Ok(rows)
    }

    /// Runs statements that give nothing.
    pub(super) async fn run(&self, what: &str, sql: &str) -> Result<(), SourceError> {
        self.rows(what, sql).await.map(|_| ())
    }

    /// For statements that take their time.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }
}

/// What `error` of an ordinary connection means.
pub(super) fn failed(what: &str, error: &tokio_postgres::Error) -> SourceError {
    match error.as_db_error() {
        Some(said) => refused(what, said.code().code(), said.message()),
        None => SourceError::Away(format!("PostgreSQL: {what}: {}", with_sources(error))),
    }
}

/// What an error message of a server means.
pub(super) fn refused_message(what: &str, payload: &[u8]) -> SourceError {
    let fields = ErrorFields::parse(payload);
    refused(
        what,
        &fields.code.unwrap_or_default(),
        &fields.message.unwrap_or_default(),
    )
}

/// What a server that answered with an error means. Its details are left out: they may hold rows.
fn refused(what: &str, code: &str, said: &str) -> SourceError {
    let told = format!("PostgreSQL: {what}: {said} (SQLSTATE {code})");
    let remedy = match code {
        "28P01" | "28000" => {
            "check the feed's user and password, and that pg_hba.conf lets that role in to this database"
        }
        "3D000" => "correct the feed's database",
        "42501" => "the role needs REPLICATION, and SELECT on the followed tables: docs/feeds/postgres.md",
        "53400" => "raise max_replication_slots or max_wal_senders, or drop slots that nobody uses",
        // What comes next refers to something that is no longer there.
        "42704" => return SourceError::Lost(told),
        _ => return SourceError::Away(told),
    };
    SourceError::Unfit(format!("{told}; {remedy}"))
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(deeper) = source {
        said = format!("{said}: {deeper}");
        source = deeper.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_refusal_is_retried_or_for_a_person() {
        let of = |code: &str| refused("signing in", code, "no");
        assert!(matches!(of("28P01"), SourceError::Unfit(_)));
        assert!(matches!(of("57P03"), SourceError::Away(_)), "starting up");
        assert!(
            matches!(of("53300"), SourceError::Away(_)),
            "too many connections"
        );
        assert!(matches!(of("42704"), SourceError::Lost(_)));
        let payload = b"SFATAL\0C28000\0Mno entry\0Drow (secret)\0\0";
        let said = refused_message("signing in", payload).to_string();
        assert!(said.contains("no entry") && !said.contains("secret"), "{said}");
    }

    #[test]
    fn a_name_that_does_not_match_is_for_a_person() {
        let broken = tls_error(
            "db:1",
            &PgWireError::Tls("TLS handshake failed: connection reset".into()),
        );
        assert!(matches!(broken, SourceError::Away(_)));
        let named =
            PgWireError::Tls("TLS handshake failed: invalid peer certificate: NotValidForName".into());
        assert!(matches!(tls_error("db:1", &named), SourceError::Unfit(_)));
    }
}
