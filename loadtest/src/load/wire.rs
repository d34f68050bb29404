//! What is said on a connection: a request for a key, and where its answer ends. Knows no sockets.

mod http;
mod postgresql;
mod resp;

use std::io::{Read, Write};
use std::ops::Range;

use super::error::Error;
use super::schedule::Key;

pub(crate) use http::{Head, Http, head};
pub(crate) use postgresql::{Postgresql, until};
pub(crate) use resp::Resp;

/// A protocol.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wire {
    /// Lookups over HTTP/1.1.
    Http(Http),
    /// `GET` of Redis.
    Resp(Resp),
    /// A prepared select of PostgreSQL.
    Postgresql(Postgresql),
}

/// A whole answer at the beginning of what was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Its bytes, head and body.
    pub(crate) length: usize,
    /// Where its body is, which the oracle compares.
    pub(crate) body: Range<usize>,
    /// What it says.
    pub(crate) said: Said,
    /// Whether the server ends the connection behind it.
    pub(crate) closes: bool,
}

/// What an answer says, as far as one sees without an oracle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// Somebody has the number.
    Found,
    /// Nobody has it.
    Missing,
    /// An answer as it should be that says nothing of that: a constant.
    Constant,
    /// Overloaded.
    Refused,
    /// A status or an error that nobody expects.
    Unexpected,
}

/// Bytes that are no answer of the protocol; the connection is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an answer, found {0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

impl Wire {
    /// What a new connection has to say and hear before its first request, waiting for it.
    pub(crate) fn greet(self, stream: &mut (impl Read + Write)) -> Result<(), Error> {
        match self {
            Wire::Http(_) | Wire::Resp(_) => Ok(()),
            Wire::Postgresql(wire) => wire.greet(stream),
        }
    }

    /// Whether there is something to be said before the first request.
    pub(crate) fn greets(self) -> bool {
        matches!(self, Wire::Postgresql(_))
    }

    /// Appends the request for `key`.
    pub(crate) fn request(self, key: Key, out: &mut Vec<u8>) {
        match self {
            Wire::Http(wire) => wire.request(key, out),
            Wire::Resp(wire) => wire.request(key, out),
            Wire::Postgresql(wire) => wire.request(key, out),
        }
    }

    /// The answer that `received` begins with; `None` while it is not whole.
    ///
    /// # Errors
    /// Whatever follows cannot make it an answer.
    pub(crate) fn answer(self, received: &[u8]) -> Result<Option<Answer>, Malformed> {
        match self {
            Wire::Http(wire) => wire.answer(received),
            Wire::Resp(wire) => wire.answer(received),
            Wire::Postgresql(wire) => wire.answer(received),
        }
    }
}

/// Appends the decimal digits of `number`, without allocating.
fn digits(mut number: u64, out: &mut Vec<u8>) {
    let mut buffer = [0; 20];
    let mut at = buffer.len();
    loop {
        at -= 1;
        buffer[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&buffer[at..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An answer with what follows it, and what it has to be taken for.
    fn samples() -> Vec<(Wire, Vec<u8>, Answer)> {
        let http = Wire::Http(Http { is_last: false });
        let sample = |wire, text: &[u8], body: Range<usize>, said, closes| {
            let answer = Answer {
                length: text.len(),
                body,
                said,
                closes,
            };
            (wire, text.to_vec(), answer)
        };
        let row = b"2\0\0\0\x04D\0\0\0\x0d\0\x01\0\0\0\x03abcC\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I";
        let none = b"2\0\0\0\x04C\0\0\0\x0dSELECT 0\0Z\0\0\0\x05I";
        vec![
            sample(
                http,
                b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"found\":true}",
                39..53,
                Said::Found,
                false,
            ),
            sample(
                http,
                b"HTTP/1.1 200 \r\nx: y\r\ncontent-length:2\r\nconnection: close\r\n\r\nhi",
                60..62,
                Said::Constant,
                true,
            ),
            sample(
                http,
                b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n",
                40..40,
                Said::Refused,
                false,
            ),
            sample(
                http,
                b"HTTP/1.1 404 No\r\ncontent-length: 15\r\n\r\n{\"found\":false}",
                39..54,
                Said::Unexpected,
                false,
            ),
            sample(Wire::Resp(Resp), b"$3\r\nabc\r\n", 4..7, Said::Found, false),
            sample(Wire::Resp(Resp), b"$-1\r\n", 5..5, Said::Missing, false),
            sample(Wire::Resp(Resp), b"-ERR no\r\n", 9..9, Said::Unexpected, false),
            sample(Wire::Postgresql(Postgresql), row, 16..19, Said::Found, false),
            sample(Wire::Postgresql(Postgresql), none, 0..0, Said::Missing, false),
        ]
    }

    #[test]
    fn answers_are_taken_apart_wherever_they_are_cut_and_whatever_follows() {
        for (wire, text, expected) in samples() {
            for cut in 0..text.len() {
                assert_eq!(wire.answer(&text[..cut]), Ok(None), "{cut} of {text:?}");
            }
            let doubled = [text.as_slice(), text.as_slice()].concat();
            for received in [&text, &doubled] {
                assert_eq!(wire.answer(received).unwrap().unwrap(), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn what_is_no_answer_is_said_to_be_none() {
        for wire in [
            Wire::Http(Http { is_last: false }),
            Wire::Resp(Resp),
            Wire::Postgresql(Postgresql),
        ] {
            assert!(
                wire.answer(b"\x01\x02 nonsense of forty bytes \r\n\r\n and more")
                    .is_err(),
                "{wire:?}"
            );
        }
    }

    #[test]
    fn requests_name_the_number() {
        let key = Key { nth: 0, is_hit: true };
        let said = |wire: Wire| {
            let mut out = Vec::new();
            wire.request(key, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        };
        assert_eq!(
            said(Wire::Http(Http { is_last: true })),
            "GET /v1/lookup?ani=%2B12012000000 HTTP/1.1\r\nhost: ringside\r\nconnection: close\r\n\r\n"
        );
        assert_eq!(
            said(Wire::Resp(Resp)),
            "*2\r\n$3\r\nGET\r\n$11\r\n12012000000\r\n"
        );
    }

    proptest! {
        #[test]
        fn digits_are_those_that_people_write(number: u64) {
            let mut out = Vec::new();
            digits(number, &mut out);
            prop_assert_eq!(out, number.to_string().into_bytes());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            for wire in [Wire::Http(Http { is_last: false }), Wire::Resp(Resp), Wire::Postgresql(Postgresql)] {
                let _any = wire.answer(&bytes);
            }
        }
    }
}
