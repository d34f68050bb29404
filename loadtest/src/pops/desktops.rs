//! Desktops by the thousand: connections that read what they are told, and know a pop when they see one.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use super::board::Board;

/// Connections that are being made at once.
const AT_ONCE: usize = 64;
/// What every call's id begins with.
pub(super) const CALL: &str = "load-";
const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// What desktops connect to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Ringside: events and WebSockets by turns.
    Mixed,
    /// A server that sends frames of so many bytes back.
    Echo(usize),
}

/// All of them.
pub(super) struct Desktops {
    all: Vec<Rc<Desktop>>,
    pub(super) board: Rc<Board>,
    frame: Vec<u8>,
    seen: Rc<Seen>,
}

/// What all of them have seen.
#[derive(Default)]
struct Seen {
    ended: Cell<usize>,
    /// Bytes of the longest message.
    longest: Cell<usize>,
}

struct Desktop {
    stream: TcpStream,
    /// Which of the board's is on its way, where frames come back.
    waits_for: RefCell<VecDeque<usize>>,
}

/// How a desktop is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Events,
    Frames,
    Echoes,
}

impl Desktops {
    /// Connects `count` of them, each of the agent of its number.
    pub(super) async fn connect(address: SocketAddr, count: usize, kind: Kind) -> Result<Desktops, Error> {
        let (board, seen) = (Rc::new(Board::default()), Rc::new(Seen::default()));
        let connect = |nth: usize| {
            let (board, seen) = (Rc::clone(&board), Rc::clone(&seen));
            async move {
                let told = match kind {
                    Kind::Echo(_) => Told::Echoes,
                    Kind::Mixed if nth.is_multiple_of(2) => Told::Events,
                    Kind::Mixed => Told::Frames,
                };
                let (desktop, rest) = Desktop::open(address, nth, told).await?;
                let desktop = Rc::new(desktop);
                let reading = Rc::clone(&desktop);
                spawn_local(async move {
                    // A server that ends is the end of all of it.
                    let _error = reading.read(told, rest, &board, &seen).await;
                    seen.ended.set(seen.ended.get() + 1);
                });
                Ok::<_, Error>(desktop)
            }
        };
        let all = stream::iter((0..count).map(connect))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let frame = match kind {
            Kind::Mixed => Vec::new(),
            Kind::Echo(bytes) => masked(&vec![b' '; bytes]),
        };
        Ok(Desktops {
            all,
            board,
            frame,
            seen,
        })
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// Bytes of the longest message that any of them has had.
    pub(super) fn longest(&self) -> usize {
        self.seen.longest.get()
    }

    /// An error where connections have ended.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self.seen.ended.get() {
            0 => Ok(()),
            ended => Err(Error::new(
                ErrorKind::UnexpectedEof,
                format!(
                    "expected {} desktops to stay connected, found {ended} that did not",
                    self.count()
                ),
            )),
        }
    }

    /// Sends a frame to come back, for the board's `nth`.
    pub(super) async fn echo(&self, desktop: usize, nth: usize) -> Result<(), Error> {
        let desktop = &self.all[desktop];
        desktop.waits_for.borrow_mut().push_back(nth);
        desktop.write(&self.frame).await
    }
}

impl Desktop {
    /// Connects, and gives what was read behind the answer's head.
    async fn open(address: SocketAddr, nth: usize, told: Told) -> Result<(Desktop, Vec<u8>), Error> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let desktop = Desktop {
            stream,
            waits_for: RefCell::default(),
        };
        let more = if told == Told::Events { "" } else { HANDSHAKE };
        let request = format!(
            "GET /v1/agents/{}/events HTTP/1.1\r\nHost: desk\r\n{more}\r\n",
            agent(nth)
        );
        desktop.write(request.as_bytes()).await?;
        let mut read = Vec::new();
        let end = loop {
            if let Some(at) = find(&read, b"\r\n\r\n") {
                break at + 4;
            }
            desktop.more(&mut read).await?;
        };
        let status = if told == Told::Events { "200" } else { "101" };
        if find(&read[..end], status.as_bytes()) != Some(9) {
            let found = String::from_utf8_lossy(&read).into_owned();
            return Err(Error::other(format!("expected status {status}, found {found}")));
        }
        read.drain(..end);
        Ok((desktop, read))
    }

    async fn write(&self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what there is behind `read`.
    async fn more(&self, read: &mut Vec<u8>) -> Result<(), Error> {
        // On the stack: a desktop that is told nothing holds nothing.
        let mut buffer = [0; 16 << 10];
        loop {
            self.stream.readable().await?;
            match self.stream.try_read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    read.extend_from_slice(&buffer[..count]);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads without end, and tells `board` what has come.
    async fn read(&self, told: Told, mut read: Vec<u8>, board: &Board, seen: &Seen) -> Result<(), Error> {
        loop {
            let now = Instant::now();
            while let Some(end) = whole(told, &read) {
                let text = &read[..end];
                seen.longest.set(seen.longest.get().max(end));
                if told == Told::Echoes {
                    if let Some(nth) = self.waits_for.borrow_mut().pop_front() {
                        board.came(nth, now);
                    }
                } else if let Some(nth) = pop(text) {
                    board.came(nth, now);
                }
                read.drain(..end);
            }
            if read.is_empty() {
                read = Vec::new();
            }
            Box::pin(self.more(&mut read)).await?;
        }
    }
}

/// The agent of the desktop `nth`.
pub(super) fn agent(nth: usize) -> String {
    format!("a{nth}")
}

/// Bytes of the first message in `read`, where it is whole.
fn whole(told: Told, read: &[u8]) -> Option<usize> {
    if told == Told::Events {
        return find(read, b"\n\n").map(|at| at + 2);
    }
    let (head, length) = match *read.get(1)? & 127 {
        126 => (4, usize::from(u16::from_be_bytes([*read.get(2)?, *read.get(3)?]))),
        127 => {
            let bytes: [u8; 8] = read.get(2..10)?.try_into().ok()?;
            (10, u64::from_be_bytes(bytes) as usize)
        }
        short => (2, usize::from(short)),
    };
    (read.len() >= head + length).then_some(head + length)
}

/// The number of the call that `text` is the pop of.
fn pop(text: &[u8]) -> Option<usize> {
    find(text, b"\"type\":\"pop\"")?;
    let begin = find(text, CALL.as_bytes())? + CALL.len();
    let digits = text[begin..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    str::from_utf8(&text[begin..begin + digits]).ok()?.parse().ok()
}

pub(super) fn find(text: &[u8], words: &[u8]) -> Option<usize> {
    text.windows(words.len()).position(|window| window == words)
}

/// `payload` as a client's frame of text.
fn masked(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u16::try_from(payload.len()) {
        Ok(short) if short < 126 => frame.push(0x80 | short as u8),
        Ok(length) => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    let mask = [7, 99, 1, 200];
    frame.extend_from_slice(&mask);
    frame.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_whole() {
        assert_eq!(whole(Told::Events, b"a: b\n\nc"), Some(6));
        assert_eq!(whole(Told::Events, b"a: b\n"), None);
        assert_eq!(whole(Told::Frames, &[0x81, 2, b'a', b'b', b'c']), Some(4));
        assert_eq!(whole(Told::Frames, &[0x81, 2, b'a']), None);
        let mut long = vec![0x81, 126, 1, 0];
        long.extend([b'x'; 255]);
        assert_eq!(whole(Told::Echoes, &long), None);
        long.push(b'x');
        assert_eq!(whole(Told::Echoes, &long), Some(260));
    }

    #[test]
    fn pops_are_told_from_the_rest() {
        assert_eq!(
            pop(br#"x {"type":"pop","id":3,"call_id":"load-17","a":1}"#),
            Some(17)
        );
        assert_eq!(pop(br#"{"type":"update","call_id":"load-17"}"#), None);
        assert_eq!(pop(br#"{"type":"heartbeat"}"#), None);
    }
}
