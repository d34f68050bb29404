//! The other node, as its administration shows it.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ha::Settings;

/// How long the other node may take to say how it stands.
const PATIENCE: Duration = Duration::from_millis(500);
/// The longest answer that is read, in bytes.
const MOST: u64 = 64 << 10;

/// Where the other node is asked.
#[derive(Debug)]
pub(in crate::app) struct Peer {
    authority: String,
}

/// How the other node stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Other {
    pub(super) role: String,
    pub(super) node: String,
    pub(super) electable: bool,
    #[serde(default)]
    pub(super) reason: Option<String>,
    /// What keepalived said there last.
    #[serde(default)]
    pub(super) vrrp: Option<String>,
    /// Whether it can have a majority keep what it writes.
    #[serde(default)]
    pub(super) quorum: bool,
    /// The newest epoch that it knows of.
    #[serde(default)]
    pub(super) epoch: u64,
    /// Whether it knows any customers; one of an earlier version does not say.
    #[serde(default = "yes")]
    pub(super) has_customers: bool,
}

fn yes() -> bool {
    true
}

/// Why it does not say.
#[derive(Debug, thiserror::Error)]
pub(super) enum PeerError {
    #[error("the other node (`ha.peer`, {authority}) does not answer: {source}")]
    Silent { authority: String, source: io::Error },
    #[error(
        "the other node (`ha.peer`, {authority}) was asked for its role, and answered {found}; are both of one version?"
    )]
    Unknown { authority: String, found: String },
    #[error(
        "the other node (`ha.peer`, {authority}) calls itself `{node}` as this one does; give each its own `ha.node`"
    )]
    SameName { authority: String, node: String },
}

impl Peer {
    /// The peer of `settings`; `None` where none is named.
    pub(in crate::app) fn of(settings: &Settings) -> Option<Peer> {
        let authority = settings.peer.strip_prefix("http://").unwrap_or(&settings.peer);
        let authority = authority.trim_end_matches('/').to_owned();
        (!authority.is_empty()).then_some(Peer { authority })
    }

    /// How it stands. `own` is this node's name.
    pub(super) fn role(&self, own: &str) -> Result<Other, PeerError> {
        let authority = || self.authority.clone();
        let silent = |source| PeerError::Silent {
            authority: authority(),
            source,
        };
        let answer = self.get("/role", None, MOST, PATIENCE).map_err(silent)?;
        let unknown = |found| PeerError::Unknown {
            authority: authority(),
            found,
        };
        let (status, body) = parted(&answer).ok_or_else(|| unknown("no HTTP".to_owned()))?;
        if status != 200 {
            return Err(unknown(format!("status {status}")));
        }
        let other: Other = serde_json::from_slice(body)
            .map_err(|error| unknown(format!("JSON that is no role ({error})")))?;
        if other.node == own {
            return Err(PeerError::SameName {
                authority: authority(),
                node: other.node,
            });
        }
        Ok(other)
    }

    /// What it gives at `path` to whoever shows `key`: `most` bytes at the most, waiting so long for each piece.
    pub(in crate::app) fn fetch(
        &self,
        path: &str,
        key: Option<&str>,
        most: u64,
        patience: Duration,
    ) -> io::Result<Vec<u8>> {
        let mut answer = self.get(path, key, most, patience)?;
        let (status, body) = parted(&answer).ok_or(io::ErrorKind::InvalidData)?;
        if status != 200 {
            return Err(io::Error::other(format!(
                "the other node (`ha.peer`, {}) answered {path} with status {status}",
                self.authority
            )));
        }
        let head = answer.len() - body.len();
        Ok(answer.split_off(head))
    }

    fn get(&self, path: &str, key: Option<&str>, most: u64, patience: Duration) -> io::Result<Vec<u8>> {
        let address = self.authority.to_socket_addrs()?.next();
        let address = address.ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
        let mut stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        let host = &self.authority;
        let key = key.map_or_else(String::new, |key| format!("authorization: Bearer {key}\r\n"));
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: {host}\r\n{key}connection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        stream.take(most).read_to_end(&mut answer)?;
        Ok(answer)
    }
}

/// Status and body of a whole answer.
fn parted(answer: &[u8]) -> Option<(u16, &[u8])> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = head.parse(answer).ok()? else {
        return None;
    };
    Some((head.code?, &answer[length..]))
}
