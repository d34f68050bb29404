//! PostgreSQL's protocol, as far as a prepared select by primary key needs it: the number in binary, the value as text.

use std::io::{Read, Write};

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::{Answer, Malformed, Said};
use crate::load::error::Error;
use crate::load::schedule::Key;

/// The prepared select.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Postgresql;

/// Its name on each connection.
const STATEMENT: &str = "lookup";
/// The statement.
const SELECT: &str = "SELECT customer FROM customers WHERE number = $1";
/// `Bind` of [`STATEMENT`] to the unnamed portal, one parameter in binary, up to the parameter's eight bytes. Written out,
/// since building it would allocate on the way of a request.
const BIND: &[u8] = b"B\0\0\0\x22\0lookup\0\0\x01\0\x01\0\x01\0\0\0\x08";
/// What follows them: results as text; `Execute` without a bound on rows; `Sync`.
const EXECUTE_AND_SYNC: &[u8] = b"\0\x01\0\0E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04";
/// `bigint`.
const INT8: u32 = 20;
/// The longest message that is believed.
const LONGEST: usize = 64 << 20;

/// Reads messages until one of `last` has come, which is given with its body.
pub(crate) fn until(stream: &mut impl Read, last: &[u8]) -> Result<(u8, Vec<u8>), Error> {
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let mut body = vec![0; length.saturating_sub(4).min(LONGEST)];
        stream.read_exact(&mut body)?;
        let asks_for_password = head[0] == b'R' && body.get(..4) != Some(&[0; 4]);
        if head[0] == b'E' || asks_for_password {
            return Err(Error::target("PostgreSQL", String::from_utf8_lossy(&body)));
        }
        if last.contains(&head[0]) {
            return Ok((head[0], body));
        }
    }
}

impl Postgresql {
    /// Logs in, which the server has to trust, without preparing anything.
    pub(crate) fn log_in(stream: &mut (impl Read + Write)) -> Result<(), Error> {
        let mut out = BytesMut::new();
        frontend::startup_message([("user", "postgres"), ("database", "postgres")], &mut out)?;
        stream.write_all(&out)?;
        until(stream, b"Z").map(drop)
    }

    pub(super) fn greet(self, stream: &mut (impl Read + Write)) -> Result<(), Error> {
        Postgresql::log_in(stream)?;
        let mut out = BytesMut::new();
        frontend::parse(STATEMENT, SELECT, [INT8], &mut out)?;
        frontend::sync(&mut out);
        stream.write_all(&out)?;
        until(stream, b"Z").map(drop)
    }

    pub(super) fn request(self, key: Key, out: &mut Vec<u8>) {
        out.extend_from_slice(BIND);
        out.extend_from_slice(&key.number().to_be_bytes());
        out.extend_from_slice(EXECUTE_AND_SYNC);
    }

    pub(super) fn answer(self, received: &[u8]) -> Result<Option<Answer>, Malformed> {
        let mut at = 0;
        let (mut said, mut body) = (Said::Missing, 0..0);
        while let Some(head) = received.get(at..at + 5) {
            let kind = head[0];
            if !b"123CDEGHIKNRSTZnst".contains(&kind) {
                return Err(Malformed("a message of an unknown type"));
            }
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
            if !(4..LONGEST).contains(&length) {
                return Err(Malformed("a message of an unlikely length"));
            }
            let end = at + 1 + length;
            if received.len() < end {
                return Ok(None);
            }
            match kind {
                // How many columns, how long the first one is, and its bytes.
                b'D' if length >= 10 => (said, body) = (Said::Found, at + 11..end),
                b'D' => return Err(Malformed("a row without a column")),
                b'E' => said = Said::Unexpected,
                b'Z' => {
                    return Ok(Some(Answer {
                        length: end,
                        body,
                        said,
                        closes: false,
                    }));
                }
                _ => {}
            }
            at = end;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use postgres_protocol::IsNull;

    use super::*;

    #[test]
    fn the_request_is_what_the_protocols_own_library_makes() {
        let key = Key { nth: 0, is_hit: true };
        let mut library = BytesMut::new();
        let value = |value: [u8; 8], out: &mut BytesMut| {
            out.extend_from_slice(&value);
            Ok(IsNull::No)
        };
        let numbers = [key.number().to_be_bytes()];
        assert!(frontend::bind("", STATEMENT, [1], numbers, value, [0], &mut library).is_ok());
        frontend::execute("", 0, &mut library).unwrap();
        frontend::sync(&mut library);
        let mut ours = Vec::new();
        Postgresql.request(key, &mut ours);
        assert_eq!(ours, library);
    }
}
