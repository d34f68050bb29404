//! What a message of a broker says: the seam between who carries changes and how they are written.

use crate::replica::{Change, Decoded};

use super::source::Unreadable;

/// A message as a broker delivers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Under what it was published: subject or topic.
    pub subject: &'a str,
    /// Its key, where the broker has such.
    pub key: Option<&'a [u8]>,
    /// What it holds.
    pub value: &'a [u8],
}

/// A change with the time at which the source made it, in milliseconds since 1970, where that is said; or what cannot be
/// read.
pub type Said = Result<(Option<i64>, Change), Unreadable>;

/// Reads messages of one format.
pub trait Decode: std::fmt::Debug {
    /// Appends to `out` what `message` says, in its order; nothing where it says nothing of customers.
    fn decode(&self, message: Message<'_>, out: &mut Vec<Said>);
}

/// Messages that each hold one change, as `POST /v1/changes` takes it.
#[derive(Debug, Clone, Copy, Default)]
pub struct NativeChanges;

impl Decode for NativeChanges {
    fn decode(&self, message: Message<'_>, out: &mut Vec<Said>) {
        if message.value.trim_ascii().is_empty() {
            return;
        }
        out.push(match Change::decode(message.value) {
            // Where it stands the broker says.
            Ok(Decoded { at_ms, change, .. }) => Ok((at_ms, change)),
            Err(error) => Err(Unreadable {
                reason: error.without_content(),
                found: message.value.to_vec(),
            }),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(value: &[u8]) -> Vec<Said> {
        let mut out = Vec::new();
        let message = Message {
            subject: "s",
            key: None,
            value,
        };
        NativeChanges.decode(message, &mut out);
        out
    }

    #[test]
    fn a_message_is_one_change_and_a_strange_one_is_kept() {
        let gone = Change::Delete { id: "c".into() };
        assert_eq!(
            said(br#"{"op":"delete","id":"c","position":7,"at":1}"#),
            [Ok((Some(1), gone))]
        );
        assert_eq!(said(b" \n"), []);
        let refused = said(br#"{"op":"upset"}"#);
        let [Err(unreadable)] = refused.as_slice() else {
            panic!("{refused:?}")
        };
        assert_eq!(unreadable.found, br#"{"op":"upset"}"#);
        assert!(!unreadable.reason.contains("upset"), "{}", unreadable.reason);
    }
}
