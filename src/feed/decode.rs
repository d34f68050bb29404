//! What a transport carries, and what it says: the seam between files, posts and brokers on one side, and the formats that
//! come over any of them on the other.

use super::source::Unreadable;
use crate::replica::Change;

/// One message of a transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The topic or subject that it came by, where the transport has such.
    pub subject: Option<&'a str>,
    /// Its key, where the transport carries keys.
    pub key: Option<&'a [u8]>,
    /// Its content.
    pub value: &'a [u8],
}

impl<'a> Message<'a> {
    /// A message of a transport that has nothing but contents.
    pub fn of(value: &'a [u8]) -> Message<'a> {
        Message {
            subject: None,
            key: None,
            value,
        }
    }
}

/// What a message says.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// Something changed.
    Change {
        /// Where it stands in its stream, where the message itself says so; a transport that orders its messages has a
        /// position of its own for it.
        position: Option<u64>,
        /// When the source made it, in milliseconds since 1970, where it says so. It orders nothing.
        at_ms: Option<i64>,
        /// What changed.
        change: Change,
    },
    /// Something that cannot be read.
    Refused(Unreadable),
    /// Everything of one kind went at once, and nobody says who: what happened, and what a person should do.
    Truncated(String),
    /// Everything is said anew from here on, and what was deleted until now is not said: what a person should do where
    /// something was had of it before.
    Anew(String),
    /// Nothing that concerns us; it is done with.
    Nothing,
}

/// Reads messages. Never waits, remembers nothing, and refuses what it cannot read.
pub trait Decode: std::fmt::Debug + Send + Sync {
    /// Appends what `message` says to `out`, in order: one item at the least. What is said of one customer or part stands
    /// in one item.
    fn decode(&self, message: Message<'_>, out: &mut Vec<Item>);

    /// The messages of a body that holds any number of them: its lines, blank ones among them.
    fn messages<'a>(&self, body: &'a [u8]) -> Vec<&'a [u8]> {
        lines(body)
    }
}

/// The lines of `body`, without their ends.
pub(super) fn lines(body: &[u8]) -> Vec<&[u8]> {
    body.split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .collect()
}

/// Reads changes as Ringside itself writes them, one a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Native;

impl Decode for Native {
    fn decode(&self, message: Message<'_>, out: &mut Vec<Item>) {
        out.push(match Change::decode(message.value) {
            Ok(decoded) => Item::Change {
                position: decoded.position,
                at_ms: decoded.at_ms,
                change: decoded.change,
            },
            Err(error) => Item::Refused(Unreadable {
                reason: error.without_content(),
                found: message.value.to_vec(),
            }),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn native(value: &[u8]) -> Vec<Item> {
        let mut items = Vec::new();
        Native.decode(Message::of(value), &mut items);
        items
    }

    #[test]
    fn our_own_changes_are_read_with_where_and_when() {
        let items = native(br#"{"op":"delete","id":"c-1","position":"7","at":1795259376914}"#);
        let expected = Item::Change {
            position: Some(7),
            at_ms: Some(1_795_259_376_914),
            change: Change::Delete { id: "c-1".into() },
        };
        assert_eq!(items, [expected]);
    }

    #[test]
    fn what_is_none_is_kept_and_its_reason_repeats_nothing_of_it() {
        let line = br#"{"op":"upsert","Ada":"+14806754110"}"#;
        let [Item::Refused(refused)] = &*native(line) else {
            unreachable!("refused alone")
        };
        assert_eq!(refused.found, line);
        assert!(!refused.reason.contains("Ada"), "{}", refused.reason);
    }

    #[test]
    fn a_body_is_lines_whichever_way_they_end() {
        assert_eq!(Native.messages(b"a\r\n\nb"), [&b"a"[..], b"", b"b"]);
    }
}
