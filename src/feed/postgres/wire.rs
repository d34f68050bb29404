//! A connection that speaks replication: signing in, commands with rows, and then the stream.

use bytes::{BufMut, Bytes, BytesMut};
use pgwire_replication::PgWireError;
use pgwire_replication::protocol::framing::{
    BackendMessage, MessageReader, write_password_message, write_query, write_startup_message,
};
use pgwire_replication::protocol::messages::{auth, parse_auth_request};
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use tokio::io::{AsyncWriteExt, BufReader};

use super::session::{OPTIONS, Rows, Stream, open, refused_message, within};
use super::settings::Endpoint;
use crate::feed::source::SourceError;

/// Bytes that are read at once, so that small changes do not cost a call each.
const READ_BYTES: usize = 128 * 1024;
/// Version 3.0 of the protocol.
const PROTOCOL: i32 = 196_608;

pub(super) struct Wire {
    stream: BufReader<Box<dyn Stream>>,
    reader: MessageReader,
    /// What is still to be written.
    out: BytesMut,
    /// The server's process at the other end.
    process: Option<String>,
}

impl Wire {
    /// Connects and signs in; `name` is what the server lists the connection as.
    pub(super) async fn connect(endpoint: &Endpoint, name: &str) -> Result<Wire, SourceError> {
        let stream = open(endpoint).await?;
        let mut wire = Wire {
            stream: BufReader::with_capacity(READ_BYTES, stream),
            reader: MessageReader::new(),
            out: BytesMut::new(),
            process: None,
        };
        within(
            endpoint,
            "signing in for replication",
            wire.sign_in(endpoint, name),
        )
        .await?;
        Ok(wire)
    }

    async fn sign_in(&mut self, endpoint: &Endpoint, name: &str) -> Result<(), SourceError> {
        // The server asks after half of its time-out whether we are there, so that its silence says something.
        let options = format!("{OPTIONS} -c wal_sender_timeout={}", endpoint.silence.as_millis());
        let parameters = [
            ("user", endpoint.user.as_str()),
            ("database", &endpoint.database),
            ("replication", "database"),
            ("client_encoding", "UTF8"),
            ("application_name", name),
            ("options", &options),
        ];
        write_startup_message(&mut self.stream, PROTOCOL, &parameters)
            .await
            .map_err(broken)?;
        let mut scram = None;
        loop {
            let message = self.read().await?;
            match message.tag {
                b'R' => self.authenticate(endpoint, &mut scram, &message.payload).await?,
                b'E' => {
                    return Err(refused_message("signing in for replication", &message.payload));
                }
                b'K' => {
                    let number = message.payload.get(..4).and_then(|bytes| bytes.try_into().ok());
                    self.process = number.map(|bytes| u32::from_be_bytes(bytes).to_string());
                }
                b'Z' => return Ok(()),
                _ => {}
            }
        }
    }

    /// The number of the server's process at the other end.
    pub(super) fn process(&self) -> Option<String> {
        self.process.clone()
    }

    async fn authenticate(
        &mut self,
        endpoint: &Endpoint,
        scram: &mut Option<ScramSha256>,
        request: &[u8],
    ) -> Result<(), SourceError> {
        let (code, rest) = parse_auth_request(request).map_err(broken)?;
        let password = endpoint.password.reveal();
        let answer = match code {
            auth::OK => return Ok(()),
            auth::CLEARTEXT_PASSWORD => [password.as_bytes(), b"\0"].concat(),
            auth::MD5_PASSWORD => {
                let salt = rest.try_into().map_err(|_| strange("a salt of 4 bytes"))?;
                let hash = md5_hash(endpoint.user.as_bytes(), password.as_bytes(), salt);
                [hash.as_bytes(), b"\0"].concat()
            }
            auth::SASL => {
                let client = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
                let first = client.message();
                let length = u32::try_from(first.len()).map_err(|_| strange("a shorter message"))?;
                let answer = [SCRAM_SHA_256.as_bytes(), b"\0", &length.to_be_bytes(), first].concat();
                *scram = Some(client);
                answer
            }
            auth::SASL_CONTINUE => {
                let client = scram.as_mut().ok_or_else(|| strange("SCRAM to begin first"))?;
                client.update(rest).map_err(|error| broken(error.into()))?;
                client.message().to_vec()
            }
            auth::SASL_FINAL => {
                let client = scram.as_mut().ok_or_else(|| strange("SCRAM to begin first"))?;
                return client.finish(rest).map_err(|error| broken(error.into()));
            }
            other => {
                return Err(SourceError::Unfit(format!(
                    "PostgreSQL: expected a password to be asked for, found authentication {other}; set scram-sha-256 \
                     for the feed's role in pg_hba.conf"
                )));
            }
        };
        write_password_message(&mut self.stream, &answer)
            .await
            .map_err(broken)
    }

    /// Runs a command and gives its rows.
    pub(super) async fn rows(&mut self, what: &str, command: &str) -> Result<Rows, SourceError> {
        write_query(&mut self.stream, command).await.map_err(broken)?;
        let mut rows = Rows::new();
        let mut error = None;
        loop {
            let message = self.read().await?;
            match message.tag {
                b'D' => rows.push(row(&message.payload).ok_or_else(|| strange("a row"))?),
                b'E' => error = Some(refused_message(what, &message.payload)),
                b'Z' => return error.map_or(Ok(rows), Err),
                _ => {}
            }
        }
    }

    /// Has the stream begin; from then on there are only its messages.
    pub(super) async fn start(&mut self, command: &str) -> Result<(), SourceError> {
        write_query(&mut self.stream, command).await.map_err(broken)?;
        loop {
            let message = self.read().await?;
            match message.tag {
                b'W' => return Ok(()),
                b'E' => return Err(refused_message("starting to follow", &message.payload)),
                _ => {}
            }
        }
    }

    /// The next message. Whoever waits may stop.
    pub(super) async fn read(&mut self) -> Result<BackendMessage, SourceError> {
        self.reader.read(&mut self.stream).await.map_err(broken)
    }

    /// Puts a message of the stream among what is to be written.
    pub(super) fn put_copy_data(&mut self, payload: &[u8]) {
        self.out.put_u8(b'd');
        self.out
            .put_u32(u32::try_from(payload.len() + 4).unwrap_or(u32::MAX));
        self.out.put_slice(payload);
    }

    /// Whether something is to be written.
    pub(super) fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    /// Writes what is to be written. Whoever waits may stop.
    pub(super) async fn flush(&mut self) -> Result<(), SourceError> {
        while !self.out.is_empty() {
            let written = self.stream.write_buf(&mut self.out).await;
            written.map_err(|error| broken(error.into()))?;
        }
        self.stream.flush().await.map_err(|error| broken(error.into()))
    }

    /// Ends the stream and the connection.
    pub(super) async fn farewell(&mut self) -> Result<(), SourceError> {
        // CopyDone, Terminate.
        self.out.put_slice(b"c\0\0\0\x04X\0\0\0\x04");
        self.flush().await
    }

    /// Ends a connection on which there is no stream.
    pub(super) async fn terminate(&mut self) -> Result<(), SourceError> {
        self.out.put_slice(b"X\0\0\0\x04");
        self.flush().await
    }
}

fn broken(error: PgWireError) -> SourceError {
    SourceError::Away(format!(
        "PostgreSQL: the connection for replication broke: {error}"
    ))
}

fn strange(expected: &str) -> SourceError {
    SourceError::Away(format!(
        "PostgreSQL: expected {expected} on the connection for replication, found something else"
    ))
}

/// A row of texts.
fn row(payload: &Bytes) -> Option<Vec<Option<String>>> {
    let count = u16::from_be_bytes(payload.get(..2)?.try_into().ok()?);
    let mut rest = payload.get(2..)?;
    let mut texts = Vec::new();
    for _ in 0..count {
        let length = i32::from_be_bytes(rest.get(..4)?.try_into().ok()?);
        rest = rest.get(4..)?;
        // A length below nought is null.
        texts.push(match usize::try_from(length) {
            Err(_) => None,
            Ok(length) => {
                let text = String::from_utf8(rest.get(..length)?.to_vec()).ok()?;
                rest = rest.get(length..)?;
                Some(text)
            }
        });
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_texts_and_nulls() {
        let payload = Bytes::from_static(b"\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\0");
        assert_eq!(
            row(&payload),
            Some(vec![Some("ab".into()), None, Some(String::new())])
        );
        for length in 0..payload.len() {
            assert_eq!(row(&payload.slice(..length)), None, "{length} bytes of it");
        }
    }
}
