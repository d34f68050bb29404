//! A system of record that answers as a test tells it, and remembers what it was asked, byte by byte.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// The serial number of its connection.
    pub(crate) connection: usize,
}

impl Asked {
    /// The first line.
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// What is done about a request.
pub(crate) enum Act {
    /// These bytes are sent, as they are.
    Answer(Vec<u8>),
    /// These, and then the connection is closed.
    Last(Vec<u8>),
    /// Nothing, for as long as the test lasts.
    Hang,
}

type Handler = dyn Fn(&Asked) -> Act + Send + Sync;

/// One that listens until it is dropped.
pub(crate) struct SystemOfRecord {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    listening: Option<JoinHandle<()>>,
    open: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl SystemOfRecord {
    pub(crate) fn new(handler: impl Fn(&Asked) -> Act + Send + Sync + 'static) -> SystemOfRecord {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let open = Arc::new(Mutex::new(Some(Vec::new())));
        let handler: Arc<Handler> = Arc::new(handler);
        let (known, accepted) = (Arc::clone(&asked), Arc::clone(&open));
        let listening = std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let stream = stream.unwrap();
                match accepted.lock().unwrap().as_mut() {
                    Some(open) => open.push(stream.try_clone().unwrap()),
                    None => return,
                }
                let (known, handler) = (Arc::clone(&known), Arc::clone(&handler));
                std::thread::spawn(move || serve(stream, connection, &known, &*handler));
            }
        });
        SystemOfRecord {
            address,
            asked,
            listening: Some(listening),
            open,
        }
    }

    /// One that answers everything with `body` as JSON.
    pub(crate) fn json(body: &'static str) -> SystemOfRecord {
        SystemOfRecord::new(move |_| Act::Answer(ok("application/json", body)))
    }

    /// One that answers everything with `name`, as text.
    pub(crate) fn text(name: &'static str) -> SystemOfRecord {
        SystemOfRecord::new(move |_| Act::Answer(ok("text/plain", name)))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Drop for SystemOfRecord {
    fn drop(&mut self) {
        let open = self.open.lock().unwrap().take();
        for stream in open.into_iter().flatten() {
            let _ended = stream.shutdown(std::net::Shutdown::Both);
        }
        // Wakes the one that accepts.
        let _woken = TcpStream::connect(self.address);
        let _ended = self.listening.take().map(JoinHandle::join);
    }
}

/// A response with `body`.
pub(crate) fn ok(content_type: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    answer("200 OK", &format!("Content-Type: {content_type}\r\n"), body)
}

/// A response with `headers`, each with its line break.
pub(crate) fn answer(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = body.len();
    let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn serve(mut stream: TcpStream, connection: usize, known: &Mutex<Vec<Asked>>, handler: &Handler) {
    let mut read = Vec::new();
    while let Some(asked) = request(&mut stream, &mut read, connection) {
        known.lock().unwrap().push(asked.clone());
        match handler(&asked) {
            Act::Answer(bytes) if stream.write_all(&bytes).is_ok() => {}
            Act::Last(bytes) => {
                let _written = stream.write_all(&bytes);
                let _ended = stream.shutdown(std::net::Shutdown::Both);
                return;
            }
            Act::Hang => {
                let _until_it_ends = stream.read(&mut [0; 64]);
                return;
            }
            Act::Answer(_) => return,
        }
    }
}

fn request(stream: &mut TcpStream, read: &mut Vec<u8>, connection: usize) -> Option<Asked> {
    let mut buffer = [0; 1 << 16];
    let mut more = |read: &mut Vec<u8>| {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&buffer[..count]);
        Some(())
    };
    let end = loop {
        match read.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(at) => break at + 4,
            None => more(read)?,
        }
    };
    let head = String::from_utf8(read.drain(..end).collect()).unwrap();
    let mut asked = Asked {
        head,
        body: Vec::new(),
        connection,
    };
    let length: usize = asked
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    while read.len() < length {
        more(read)?;
    }
    asked.body = read.drain(..length).collect();
    Some(asked)
}
