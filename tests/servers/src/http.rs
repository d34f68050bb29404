//! One request and its answer: what tests ask servers that they started, each on a connection of its own.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Lines of the head behind the status line, in lower case.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body, which is JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The value of the head's field `name`, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key == name).then(|| value.trim())
        })
    }
}

/// Sends one request to `at`, with `headers` each a whole line, and reads its answer, `within` at a time.
///
/// # Errors
/// Nobody is there, or what is answered is no whole answer.
pub fn send(
    at: SocketAddr,
    within: Duration,
    (method, target): (&str, &str),
    headers: &[String],
    body: &[u8],
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(within))?;
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    if method != "GET" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut request = head.into_bytes();
    request.extend_from_slice(body);
    stream.write_all(&request)?;
    read(&mut BufReader::new(stream))
}

/// Reads one answer.
///
/// # Errors
/// The stream ends ahead of it.
pub(crate) fn read(stream: &mut impl BufRead) -> io::Result<Answer> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status =
        status.ok_or_else(|| io::Error::other(format!("expected an answer's first line, found {line:?}")))?;
    let mut head = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line.to_ascii_lowercase());
    }
    let mut answer = Answer {
        status,
        head,
        body: String::new(),
    };
    let mut body = Vec::new();
    if answer.header("transfer-encoding") == Some("chunked") {
        chunks(stream, &mut body)?;
    } else if let Some(length) = answer.header("content-length").and_then(|it| it.parse().ok()) {
        body.resize(length, 0);
        stream.read_exact(&mut body)?;
    } else {
        stream.read_to_end(&mut body)?;
    }
    answer.body = String::from_utf8_lossy(&body).into_owned();
    Ok(answer)
}

fn chunks(stream: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        let begun = body.len();
        // The line's end behind each chunk is its own.
        body.resize(begun + size + 2, 0);
        stream.read_exact(&mut body[begun..])?;
        body.truncate(begun + size);
        if size == 0 {
            return Ok(());
        }
    }
}
