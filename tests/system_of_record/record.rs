//! A system of record that answers as a test says, and remembers what it was told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::wire::until;

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

/// What it does about it.
pub(crate) enum Reply {
    Status(u16, &'static str, String),
    Garbage,
    /// The connection stays open, and nothing comes.
    Never,
    /// The head of an answer, and a part of its body.
    Half,
    Close,
}

type Script = dyn Fn(&Request, usize) -> Reply + Send + Sync;

pub(crate) struct Record {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    is_over: Arc<AtomicBool>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        headers
            .find(|(found, _)| found == name)
            .map_or("", |(_, value)| value)
    }

    pub(crate) fn key(&self) -> &str {
        self.header("idempotency-key")
    }
}

pub(crate) fn json(status: u16, body: &str) -> Reply {
    Reply::Status(status, "", body.to_owned())
}

impl Record {
    /// One that does what `script` says about a request and how many came before it.
    pub(crate) fn start(script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Record {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (kept, over, script): (_, _, Arc<Script>) =
            (Arc::clone(&requests), Arc::clone(&is_over), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (kept, script) = (Arc::clone(&kept), Arc::clone(&script));
                thread::spawn(move || serve(stream.unwrap(), &kept, &*script));
            }
        });
        Record {
            address,
            requests,
            is_over,
        }
    }

    /// The configuration that leads to it.
    pub(crate) fn config(&self, more: &str) -> String {
        format!(
            "[system_of_record]\nkind = 'cim'\nurl = 'http://{}/api'\nbackoff_ms = 10\nbackoff_max_ms = 40\n{more}\n",
            self.address
        )
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// All that came, once that many did.
    pub(crate) fn after(&self, count: usize) -> Vec<Request> {
        until(|| self.requests(), |requests| requests.len() >= count)
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _woken = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, kept: &Mutex<Vec<Request>>, script: &Script) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(request) = read(&mut reader) {
        let before = {
            let mut kept = kept.lock().unwrap();
            kept.push(request.clone());
            kept.len() - 1
        };
        let sent = match script(&request, before) {
            Reply::Status(status, headers, body) => {
                let length = body.len();
                let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}\r\n");
                stream.write_all((head + &body).as_bytes())
            }
            Reply::Garbage => stream.write_all(b"\x16\x03\x01 what is this\r\n\r\n\r\n"),
            Reply::Never => {
                // Until the other side gives up.
                let _ended = reader.read(&mut [0; 1]);
                return;
            }
            Reply::Half => {
                let sent = stream.write_all(b"HTTP/1.1 201 X\r\nContent-Length: 100\r\n\r\n{\"_id\": \"half");
                sent.and_then(|()| stream.shutdown(std::net::Shutdown::Both))
            }
            Reply::Close => return,
        };
        if sent.is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    let mut next = || {
        line.clear();
        (reader.read_line(&mut line).ok()? > 0).then(|| line.trim_end().to_owned())
    };
    let first = next()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let line = next()?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ")?;
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        method,
        path,
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}
