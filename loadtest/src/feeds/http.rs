//! Changes that are posted over one connection that stays open, to Ringside or to a bare receiver.

use std::io::{BufRead, BufReader, Error, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;

use tokio::runtime::{self, Runtime};

use super::documents;
use super::source::{Bare, Received, Source};
use crate::client::Connection;

/// Changes of one post where there are many.
const TOGETHER: usize = 1000;

pub(super) struct Posts {
    runtime: Runtime,
    connection: Option<Connection>,
}

impl Posts {
    pub(super) fn start() -> Result<Posts, Error> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Posts {
            runtime,
            connection: None,
        })
    }

    fn post(&mut self, body: &[u8]) -> Result<(), Error> {
        let connection = self
            .connection
            .as_mut()
            .ok_or_else(|| Error::other("nobody is posted to"))?;
        let mut request = format!(
            "POST /v1/changes HTTP/1.1\r\nhost: ringside\r\ncontent-type: application/x-ndjson\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        let (status, answer) = self.runtime.block_on(connection.exchange(&request))?;
        let answer = String::from_utf8_lossy(answer);
        if status == 200 && answer.contains("\"rejected\":0") {
            Ok(())
        } else {
            Err(Error::other(format!("{status}: {answer}")))
        }
    }
}

impl Source for Posts {
    fn config(&self) -> String {
        "[feed.main]\nkind = \"http\"\n".to_owned()
    }

    fn put(&mut self, nth: u64) -> Result<(), Error> {
        self.post(&documents::line(nth))
    }

    fn put_all(&mut self, changes: Range<u64>) -> Result<(), Error> {
        let all: Vec<u64> = changes.collect();
        for some in all.chunks(TOGETHER) {
            let lines: Vec<Vec<u8>> = some.iter().map(|nth| documents::line(*nth)).collect();
            self.post(&lines.join(&b'\n'))?;
        }
        Ok(())
    }

    fn bare(&mut self) -> Result<Bare, Error> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        self.post_to(listener.local_addr()?)?;
        Ok(Box::new(move |received: Received<'_>| {
            let (stream, _) = listener.accept()?;
            stream.set_nodelay(true)?;
            let mut answers = stream.try_clone()?;
            let mut requests = BufReader::with_capacity(1 << 20, stream);
            let mut body = Vec::new();
            loop {
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    if requests.read_line(&mut line)? == 0 {
                        return Ok(());
                    }
                    if let Some(said) = line.strip_prefix("content-length: ") {
                        length = said.trim().parse().map_err(Error::other)?;
                    }
                    if line.trim().is_empty() {
                        break;
                    }
                }
                body.resize(length, 0);
                requests.read_exact(&mut body)?;
                let mut is_last = false;
                for line in body.split(|byte| *byte == b'\n') {
                    is_last |= documents::of_line(line).is_some_and(|nth| !received(nth));
                }
                answers.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{\"rejected\":0}")?;
                if is_last {
                    return Ok(());
                }
            }
        }))
    }

    fn is_posted(&self) -> bool {
        true
    }

    fn post_to(&mut self, address: SocketAddr) -> Result<(), Error> {
        self.connection = Some(self.runtime.block_on(Connection::open(address))?);
        Ok(())
    }
}
