//! The system of record's API, as far as it is told things: a server at the client's place, which can be away.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::net::Place;

/// One that takes everything, and remembers it.
#[derive(Debug)]
pub struct Record {
    port: u16,
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    is_away: AtomicBool,
    has_ended: AtomicBool,
    told: Mutex<Vec<Told>>,
}

/// What it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Method and path.
    pub line: String,
    /// The key that tells repetitions.
    pub key: String,
    /// What was said.
    pub body: String,
}

impl Record {
    /// Opens it, where this thread is.
    pub fn open() -> Record {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let inner = Arc::new(Inner::default());
        let shared = Arc::clone(&inner);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.has_ended.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || while one(&stream, &shared).is_some() {});
            }
        });
        Record { port, inner }
    }

    /// How the nodes reach it.
    pub fn configuration(&self) -> String {
        format!(
            "[system_of_record]\nkind = \"cim\"\nurl = \"http://{}:{}\"\ntimeout_ms = 2000\nbackoff_ms = 100\nbackoff_max_ms = 500\n",
            Place::Client.address(),
            self.port
        )
    }

    /// Has it answer 503 to whatever it is told, or take it.
    pub fn is_away(&self, away: bool) {
        self.inner.is_away.store(away, Ordering::Relaxed);
    }

    /// What it has taken.
    pub fn told(&self) -> Vec<Told> {
        self.inner.told.lock().unwrap().clone()
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.inner.has_ended.store(true, Ordering::Relaxed);
        // Its thread waits for somebody to come. Where it was opened elsewhere, it ends with the program.
        let _woken = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)));
    }
}

/// One request of a connection; `None` where there is none any more.
fn one(stream: &TcpStream, inner: &Inner) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let (mut length, mut key) = (0, String::new());
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "idempotency-key" => key = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let status = if inner.is_away.load(Ordering::Relaxed) {
        "503 Service Unavailable"
    } else {
        let told = Told {
            line: line.trim_end().trim_end_matches(" HTTP/1.1").to_owned(),
            key,
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        inner.told.lock().unwrap().push(told);
        "200 OK"
    };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    )
    .ok()
}
