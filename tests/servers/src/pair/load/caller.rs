//! A connection of a caller, as libraries of telephone systems keep it.

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::http::{Answer, read};

/// One connection, made when it is needed, and again when it was lost.
#[derive(Debug)]
pub struct Caller {
    at: SocketAddr,
    within: Duration,
    stream: Option<BufReader<TcpStream>>,
}

impl Caller {
    /// One to `at`; connecting, and again an answer, may take `within`.
    pub fn new(at: SocketAddr, within: Duration) -> Caller {
        Caller {
            at,
            within,
            stream: None,
        }
    }

    /// Forgets the connection: the next request is made on a new one.
    pub fn hang_up(&mut self) {
        self.stream = None;
    }

    /// Asks one thing.
    ///
    /// # Errors
    /// Nobody answers in time.
    pub fn ask(&mut self, method: &str, target: &str, body: &str) -> io::Result<Answer> {
        let answer = self.try_ask(method, target, body);
        let is_over = match &answer {
            Ok(answer) => answer.header("connection") == Some("close"),
            Err(_) => true,
        };
        if is_over {
            self.hang_up();
        }
        answer
    }

    fn try_ask(&mut self, method: &str, target: &str, body: &str) -> io::Result<Answer> {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect_timeout(&self.at, self.within)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(self.within))?;
                stream.set_write_timeout(Some(self.within))?;
                BufReader::new(stream)
            }
        };
        let stream = self.stream.insert(stream);
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n", self.at);
        if method != "GET" {
            request.push_str("Content-Type: application/json\r\n");
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(body);
        stream.get_mut().write_all(request.as_bytes())?;
        read(stream)
    }
}
