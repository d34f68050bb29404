//! A desktop as bytes: events and frames as they come.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::wire::PATIENCE;

pub(crate) const EVENTS: &str = "/v1/agents/1001/events";
const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A connection on which a desktop listens.
pub(crate) struct Desktop {
    stream: TcpStream,
    read: Vec<u8>,
    pub(crate) head: String,
}

/// One event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) id: Option<u64>,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

impl Desktop {
    /// Asks for `target` with `headers`, each with its line break.
    pub(crate) fn ask(at: SocketAddr, target: &str, headers: &str) -> Desktop {
        let mut stream = TcpStream::connect(at).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let host = if headers.contains("Host:") {
            ""
        } else {
            "Host: desk\r\n"
        };
        let request = format!("GET {target} HTTP/1.1\r\n{host}{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut desktop = Desktop {
            stream,
            read: Vec::new(),
            head: String::new(),
        };
        desktop.head = desktop.until("\r\n\r\n");
        desktop
    }

    /// The agent 1001 listens to events behind `last`, and is told hello.
    pub(crate) fn events(at: SocketAddr, last: Option<u64>) -> (Desktop, Event) {
        let known = last.map_or_else(String::new, |last| format!("Last-Event-ID: {last}\r\n"));
        let mut desktop = Desktop::ask(at, EVENTS, &known);
        assert_eq!(desktop.status(), 200, "{}", desktop.head);
        let hello = desktop.event();
        assert_eq!(hello.kind, "hello");
        (desktop, hello)
    }

    /// The agent 1001 listens to a WebSocket, and is told hello.
    pub(crate) fn socket(at: SocketAddr, target: &str, headers: &str) -> Desktop {
        let mut desktop = Desktop::handshake(at, target, headers);
        assert_eq!(desktop.status(), 101, "{}", desktop.head);
        assert_eq!(desktop.json()["type"], "hello");
        desktop
    }

    pub(crate) fn handshake(at: SocketAddr, target: &str, headers: &str) -> Desktop {
        Desktop::ask(at, target, &format!("{HANDSHAKE}{headers}"))
    }

    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The next event that is no heartbeat.
    pub(crate) fn event(&mut self) -> Event {
        loop {
            let text = self.block();
            let field = |name: &str| {
                text.lines()
                    .find_map(|line| line.strip_prefix(name))
                    .map(str::to_owned)
            };
            if let Some(data) = field("data: ") {
                return Event {
                    id: field("id: ").map(|id| id.parse().unwrap()),
                    kind: field("event: ").unwrap(),
                    data: serde_json::from_str(&data).unwrap(),
                };
            }
        }
    }

    /// Waits for a heartbeat.
    pub(crate) fn heartbeat(&mut self) {
        while !self.block().contains(": heartbeat") {}
    }

    /// The next lines up to an empty one; lengths of chunks are among them.
    fn block(&mut self) -> String {
        self.until("\n\n")
    }

    /// The next frame's JSON that is no heartbeat.
    pub(crate) fn json(&mut self) -> Value {
        loop {
            let (opcode, payload) = self.frame();
            assert_eq!(opcode, 1, "{payload:?}");
            let json: Value = serde_json::from_slice(&payload).unwrap();
            if json["type"] != "heartbeat" {
                return json;
            }
        }
    }

    /// Why the WebSocket is closed.
    pub(crate) fn close_code(&mut self) -> u16 {
        loop {
            let (opcode, payload) = self.frame();
            if opcode == 8 {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    }

    /// Says `text` in a frame that is masked by nothing.
    pub(crate) fn say(&mut self, text: &str) {
        let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        self.stream.write_all(&frame).unwrap();
    }

    fn frame(&mut self) -> (u8, Vec<u8>) {
        let head = self.take(2);
        let length = match head[1] {
            126 => usize::from(u16::from_be_bytes(self.take(2).try_into().unwrap())),
            127 => usize::try_from(u64::from_be_bytes(self.take(8).try_into().unwrap())).unwrap(),
            short => usize::from(short),
        };
        (head[0] & 15, self.take(length))
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            assert!(self.more(), "the connection ended");
        }
        self.read.drain(..count).collect()
    }

    /// What comes up to `end`, and with it.
    #[allow(dead_code, reason = "of hand-overs alone")]
    /// Everything up to the end of the connection.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = std::mem::take(&mut self.read);
        self.stream.read_to_end(&mut rest).unwrap();
        String::from_utf8(rest).unwrap()
    }

    fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self
                .read
                .windows(end.len())
                .position(|window| window == end.as_bytes())
            {
                return String::from_utf8(self.read.drain(..at + end.len()).collect()).unwrap();
            }
            assert!(
                self.more(),
                "the connection ended: {:?}",
                String::from_utf8_lossy(&self.read)
            );
        }
    }

    /// Reads to the end of the connection; whether the body had an end too.
    pub(crate) fn ends_whole(mut self) -> bool {
        while !self.read.ends_with(b"0\r\n\r\n") && self.more() {}
        self.read.ends_with(b"0\r\n\r\n")
    }

    /// The body of an error.
    pub(crate) fn error(&mut self) -> Value {
        let body = self.until("}}");
        serde_json::from_str(&body).unwrap()
    }

    fn more(&mut self) -> bool {
        let mut buffer = [0; 1 << 14];
        let count = self
            .stream
            .read(&mut buffer)
            .unwrap_or_else(|error| panic!("nothing came: {error}"));
        self.read.extend_from_slice(&buffer[..count]);
        count > 0
    }
}
