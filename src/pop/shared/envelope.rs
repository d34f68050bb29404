//! Messages of the stream: who wrote them stands on the outside, everything else is sealed.

use std::str::FromStr;
use std::sync::Arc;

use async_nats::HeaderMap;

use super::super::entry::Entry;
use super::letter::{Letter, Origin};
use super::seal::Seal;
use super::side::{Side, SideKind};

/// The version of what is in a message.
const VERSION: &str = "1";
const VERSION_NAME: &str = "Ringside-Version";
const NODE: &str = "Ringside-Node";
const INCARNATION: &str = "Ringside-Incarnation";
const FIRST: &str = "Ringside-First";
/// The last word of the subject of entries.
pub(super) const ENTRIES: &str = "entries";

/// What is sent.
#[derive(Debug, Clone)]
pub(super) struct Sealed {
    /// Behind the prefix.
    pub(super) subject: &'static str,
    pub(super) id: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) payload: Vec<u8>,
}

/// What comes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Opened {
    Letter(Letter),
    Side(Side),
    /// It is none of ours.
    Strange,
    /// It is, and cannot be understood, for this reason.
    Unreadable(String),
}

/// Seals a letter.
///
/// # Errors
/// The system gives no random numbers.
pub(super) fn seal_letter(seal: &Seal, letter: &Letter) -> Result<Sealed, getrandom::Error> {
    let mut plain = Vec::new();
    for entry in &letter.entries {
        // Texts and numbers can be written to memory.
        let _infallible = serde_json::to_writer(&mut plain, &**entry);
        plain.push(b'\n');
    }
    let mut sealed = sealed(seal, ENTRIES, &letter.origin, letter.first, plain)?;
    sealed.id = Some(letter.id());
    Ok(sealed)
}

/// Seals what `origin` says beside the calls.
///
/// # Errors
/// The system gives no random numbers.
pub(super) fn seal_side(
    seal: &Seal,
    kind: SideKind,
    origin: &Origin,
    bytes: Vec<u8>,
) -> Result<Sealed, getrandom::Error> {
    sealed(seal, kind.as_str(), origin, 0, bytes)
}

fn sealed(
    seal: &Seal,
    subject: &'static str,
    origin: &Origin,
    first: u64,
    plain: Vec<u8>,
) -> Result<Sealed, getrandom::Error> {
    let payload = seal.seal(&origin.to_string(), &about(subject, first), plain)?;
    let mut headers = HeaderMap::new();
    headers.insert(VERSION_NAME, VERSION);
    headers.insert(NODE, origin.node.as_str());
    headers.insert(INCARNATION, origin.incarnation.to_string().as_str());
    headers.insert(FIRST, first.to_string().as_str());
    Ok(Sealed {
        subject,
        id: None,
        headers,
        payload,
    })
}

/// Opens the message `sequence`, which came under `subject`, behind the prefix.
pub(super) fn open(seal: &Seal, subject: &str, headers: &HeaderMap, payload: &[u8], sequence: u64) -> Opened {
    let Some(version) = headers.get(VERSION_NAME) else {
        return Opened::Strange;
    };
    let node = headers
        .get(NODE)
        .map_or("another node", |node| node.as_str())
        .to_owned();
    if version.as_str() != VERSION {
        return Opened::Unreadable(format!(
            "expected messages of version {VERSION} in the stream of calls, found version {version} of the node {node} (message \
             {sequence}); install the same version of ringside here"
        ));
    }
    let (Some(incarnation), Some(first)) = (number(headers, INCARNATION), number(headers, FIRST)) else {
        return Opened::Strange;
    };
    let side = SideKind::ALL.into_iter().find(|kind| kind.as_str() == subject);
    if side.is_none() && subject != ENTRIES {
        return Opened::Strange;
    }
    let origin = Origin { node, incarnation };
    let Some(plain) = seal.open(&origin.to_string(), &about(subject, first), payload) else {
        return Opened::Unreadable(format!(
            "expected messages of the node {} that are sealed with a secret of calls.jetstream.secret_file, found one that is \
             not (message {sequence} of the stream of calls); give both nodes the same file, and restart; where they had it all the time, delete the stream, and both bring what they know into another one",
            origin.node
        ));
    };
    if let Some(kind) = side {
        return Opened::Side(Side {
            kind,
            node: origin.node,
            bytes: plain,
            sequence,
        });
    }
    let lines = plain.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let entries: Result<Vec<Arc<Entry>>, _> = lines.map(serde_json::from_slice).collect();
    match entries {
        Ok(entries) if !entries.is_empty() => Opened::Letter(Letter {
            origin,
            first,
            entries,
        }),
        Ok(_) => Opened::Strange,
        // Not with what it says, which may be a caller's number.
        Err(error) => Opened::Unreadable(format!(
            "expected entries that this version knows in the stream of calls, found another one of the node {} (message \
             {sequence}: {:?} at byte {}); install the same version of ringside here",
            origin.node,
            error.classify(),
            error.column()
        )),
    }
}

/// The node that says that it wrote a message.
pub(super) fn writer(headers: &HeaderMap) -> Option<&str> {
    headers.get(NODE).map(|node| node.as_str())
}

/// Who says that they wrote a letter, and from which entry on.
pub(super) fn letter_of(headers: &HeaderMap) -> Option<(Origin, u64)> {
    let node = writer(headers)?.to_owned();
    let incarnation = number(headers, INCARNATION)?;
    Some((Origin { node, incarnation }, number(headers, FIRST)?))
}

/// What is sealed along: a message cannot be given out as another one.
fn about(subject: &str, first: u64) -> String {
    format!("{VERSION} {subject} {first}")
}

fn number<T: FromStr>(headers: &HeaderMap, name: &str) -> Option<T> {
    headers.get(name)?.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_is_not_understood_is_told_without_what_it_says() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, "0f".repeat(32)).unwrap();
        let seal = Seal::read(&path).unwrap();
        let origin = Origin {
            node: "a".to_owned(),
            incarnation: 7,
        };
        for line in [
            r#"{"at":"+14806754110","entry":"ended","call":"7"}"#,
            r#"{"at":1,"entry":"rang","ani":"+14806754110"}"#,
            r#"{"at":1,"entry":"+14806754110"}"#,
        ] {
            let sealed = sealed(&seal, ENTRIES, &origin, 1, line.into()).unwrap();
            let opened = open(&seal, ENTRIES, &sealed.headers, &sealed.payload, 9);
            let Opened::Unreadable(why) = opened else {
                panic!("{opened:?}")
            };
            assert!(why.contains("message 9: Data at byte "), "{why}");
            assert!(!why.contains("4806754110"), "{why}");
        }
    }
}
