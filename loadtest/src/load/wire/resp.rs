//! Redis's protocol, as far as `GET` needs it.

use super::{Answer, Malformed, Said, digits};
use crate::load::schedule::Key;

/// `GET` of a number's digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resp;

/// The longest value that is believed, as Redis's own bound.
const LONGEST: usize = 512 << 20;

impl Resp {
    pub(super) fn request(self, key: Key, out: &mut Vec<u8>) {
        // Every number of the made-up customers has eleven digits.
        out.extend_from_slice(b"*2\r\n$3\r\nGET\r\n$11\r\n");
        digits(key.number(), out);
        out.extend_from_slice(b"\r\n");
    }

    pub(super) fn answer(self, received: &[u8]) -> Result<Option<Answer>, Malformed> {
        let Some(kind) = received.first() else {
            return Ok(None);
        };
        if !b"$-+:".contains(kind) {
            return Err(Malformed("a reply of an unknown type"));
        }
        let Some(end) = received.windows(2).position(|two| two == b"\r\n") else {
            return Ok(None);
        };
        let line = end + 2;
        let empty = |said| Answer {
            length: line,
            body: line..line,
            said,
            closes: false,
        };
        if *kind != b'$' {
            return Ok(Some(empty(Said::Unexpected)));
        }
        let text =
            std::str::from_utf8(&received[1..end]).map_err(|_| Malformed("a length that is no text"))?;
        if text == "-1" {
            return Ok(Some(empty(Said::Missing)));
        }
        let length: usize = text
            .parse()
            .map_err(|_| Malformed("a length that is no number"))?;
        if length > LONGEST {
            return Err(Malformed("a value that is too long"));
        }
        let body = line..line + length;
        Ok((received.len() >= body.end + 2).then(|| Answer {
            length: body.end + 2,
            body,
            said: Said::Found,
            closes: false,
        }))
    }
}
