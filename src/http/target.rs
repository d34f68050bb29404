//! Request targets as callers write them: some leave `"`, `<` and `>` raw, which no URL holds, and which hyper's parser
//! refuses ahead of everybody who could answer.
//!
//! Freshdesk's own examples have a query in raw quotation marks, Zendesk's have `status<solved`. Servers take them.

use bytes::{Buf, BytesMut};
use tokio::io::ReadBuf;

/// The first line of requests, as it passes.
#[derive(Debug, Default)]
pub(super) struct Target {
    place: Place,
    /// What has been rewritten and not been taken yet.
    held: BytesMut,
}

/// Where in a request what is read next stands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Where nothing is changed.
    #[default]
    Elsewhere,
    /// At its beginning. Of requests behind each other what is read may begin anywhere in the second one, for hyper has the
    /// beginning already: what does not begin like a first line is none.
    Begin,
    /// Within the method.
    Method,
    /// Behind the method's blank.
    Blank,
    /// In the target, or behind it.
    Line,
}

impl Target {
    /// What is read from here on begins a request.
    pub(super) fn begin(&mut self) {
        self.place = Place::Begin;
    }

    /// Puts what is held into `buffer`; whether there was anything.
    pub(super) fn release(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let length = self.held.len().min(buffer.remaining());
        buffer.put_slice(&self.held[..length]);
        self.held.advance(length);
        length > 0
    }

    /// Percent-encodes what has to be, in as much of a first line as `buffer` has behind its first `before` bytes. Nothing
    /// else is changed: the lengths that headers tell are those of bodies.
    #[inline]
    pub(super) fn pass(&mut self, buffer: &mut ReadBuf<'_>, before: usize) {
        if self.place == Place::Elsewhere {
            return;
        }
        let read = &buffer.filled()[before..];
        let mut bytes = read.iter();
        while self.place != Place::Line {
            let Some(byte) = bytes.next() else {
                return;
            };
            self.place = match (self.place, byte) {
                (Place::Begin | Place::Method, b'A'..=b'Z') => Place::Method,
                (Place::Method, b' ') => Place::Blank,
                // A path, or an absolute target.
                (Place::Blank, b'/' | b'h') => Place::Line,
                _ => {
                    self.place = Place::Elsewhere;
                    return;
                }
            };
        }
        let end = memchr::memchr(b'\n', read);
        if end.is_some() {
            self.place = Place::Elsewhere;
        }
        let line = &read[..end.unwrap_or(read.len())];
        if memchr::memchr3(b'"', b'<', b'>', line).is_some() {
            self.rewrite(buffer, before, line.len());
        }
    }

    #[cold]
    fn rewrite(&mut self, buffer: &mut ReadBuf<'_>, before: usize, line: usize) {
        let (line, rest) = buffer.filled()[before..].split_at(line);
        for byte in line {
            match byte {
                b'"' => self.held.extend_from_slice(b"%22"),
                b'<' => self.held.extend_from_slice(b"%3C"),
                b'>' => self.held.extend_from_slice(b"%3E"),
                byte => self.held.extend_from_slice(&[*byte]),
            }
        }
        self.held.extend_from_slice(rest);
        buffer.set_filled(before);
        self.release(buffer);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use proptest::prelude::*;

    use super::*;

    /// What comes out where `pieces` are read one by one into buffers of `room` bytes.
    fn passed(pieces: &[&[u8]], room: usize) -> Vec<u8> {
        let mut target = Target::default();
        target.begin();
        let mut out = Vec::new();
        let mut space = vec![0; room];
        for piece in pieces.iter().flat_map(|piece| piece.chunks(room)) {
            let mut buffer = ReadBuf::new(&mut space);
            buffer.put_slice(piece);
            target.pass(&mut buffer, 0);
            out.extend_from_slice(buffer.filled());
            loop {
                let mut buffer = ReadBuf::new(&mut space);
                if !target.release(&mut buffer) {
                    break;
                }
                out.extend_from_slice(buffer.filled());
            }
        }
        out
    }

    #[test]
    fn the_first_line_alone_is_changed() {
        let request = b"POST /a?q=\"b<c>\" HTTP/1.1\r\nX: \"<>\"\r\n\r\n{\"a\": \"<>\"}";
        let expected = b"POST /a?q=%22b%3Cc%3E%22 HTTP/1.1\r\nX: \"<>\"\r\n\r\n{\"a\": \"<>\"}";
        for room in [1, 2, 7, 1000] {
            assert_eq!(passed(&[request], room), expected, "{room}");
            let (one, other) = request.split_at(12);
            assert_eq!(passed(&[one, other], room), expected, "{room}");
        }
    }

    #[test]
    fn what_begins_within_a_head_is_left() {
        for rest in [
            "ontent-Type: \"<>\"\r\n\r\n",
            ": \"x\"\r\n",
            "Type: \"<>\"\r\n",
            "\r\n\"",
            "9 \"\r\n",
        ] {
            for room in [1, 3, 1000] {
                assert_eq!(
                    passed(&[rest.as_bytes()], room),
                    rest.as_bytes(),
                    "{rest:?} {room}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_what_is_no_line_is_left(bytes: Vec<u8>, cut in 0_usize..40, room in 1_usize..50) {
            let bytes = [b"GET /".as_slice(), &bytes].concat();
            let (one, other) = bytes.split_at(cut.min(bytes.len()));
            let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
            let line = String::from_utf8_lossy(&bytes[..end]).replace('"', "%22").replace('<', "%3C").replace('>', "%3E");
            let out = passed(&[one, other], room);
            prop_assert!(out.ends_with(&bytes[end..]));
            prop_assert_eq!(String::from_utf8_lossy(&out[..out.len() - (bytes.len() - end)]), line);
        }
    }
}
