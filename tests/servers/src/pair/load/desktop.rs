//! A desktop, which follows the rules of a page: one stream, the last id, no epoch below one that was seen.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;

use super::Clock;
use crate::pair::node;

/// How long nothing may come: heartbeats are a second apart.
const SILENCE: Duration = Duration::from_millis(2500);
/// How long connecting may take, and how soon another attempt follows.
const CONNECT: Duration = Duration::from_millis(500);

/// What a desktop was told.
#[derive(Debug, Clone, Default)]
pub struct Desktop {
    is_live: bool,
    /// Lines that came, heartbeats too.
    heard: u64,
    last: Option<u64>,
    /// The highest epoch.
    pub epoch: u64,
    /// Every epoch, in the order in which the desktop took it up.
    pub epochs: Vec<u64>,
    /// Messages that were of a lower epoch: each was dropped, and its stream left.
    pub dropped: Vec<String>,
    /// Pops that were shown, by their id: the call, and how often `pop` said so.
    pub pops: BTreeMap<String, (String, u32)>,
    /// How often a stream began, and how often it began with `reset`.
    pub streams: (u32, u32),
}

impl Desktop {
    /// Whether its stream has begun, and has not been lost.
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// How much it has heard: it grows with every message and every heartbeat.
    pub fn heard(&self) -> u64 {
        self.heard
    }

    /// The pops that were shown of a call.
    pub fn of_call(&self, call: &str) -> BTreeSet<String> {
        let pops = self.pops.iter().filter(|(_, (of, _))| of == call);
        pops.map(|(pop, _)| pop.clone()).collect()
    }

    /// Takes a message; not one of a node that does not know yet that it has been replaced, which is left.
    fn take(&mut self, message: &Value) -> io::Result<()> {
        let epoch = message["epoch"].as_u64().unwrap_or(self.epoch);
        if epoch < self.epoch {
            self.dropped.push(message.to_string());
            return Err(io::Error::other("an earlier term"));
        }
        self.rise(epoch);
        let id = message["id"].as_u64();
        if message["type"] == "hello" {
            self.is_live = true;
            self.streams.0 += 1;
            if message["reset"] == true {
                self.last = None;
                self.streams.1 += 1;
            }
            return Ok(());
        }
        let Some(pop) = message["pop_id"].as_str() else {
            return Ok(());
        };
        let call = message["call_id"].as_str().unwrap_or_default().to_owned();
        let shown = self.pops.entry(pop.to_owned()).or_insert((call, 0));
        if message["type"] == "pop" {
            shown.1 += 1;
        }
        self.last = self.last.max(id);
        Ok(())
    }

    fn rise(&mut self, epoch: u64) {
        if self.epochs.last() != Some(&epoch) {
            self.epochs.push(epoch);
            self.epoch = epoch;
        }
    }
}

/// Listens until the clock has ended.
pub(super) fn run(clock: &Clock, agent: &str, seen: &Mutex<Desktop>) {
    while !clock.has_ended() {
        let _lost = listen(clock, agent, seen);
        seen.lock().unwrap().is_live = false;
        if !clock.has_ended() {
            std::thread::park_timeout(CONNECT / 2);
        }
    }
}

/// One stream, to its end.
fn listen(clock: &Clock, agent: &str, seen: &Mutex<Desktop>) -> io::Result<()> {
    let last = seen.lock().unwrap().last;
    let mut stream = TcpStream::connect_timeout(&node::vip(), CONNECT)?;
    stream.set_read_timeout(Some(SILENCE))?;
    let last = last
        .map(|id| format!("Last-Event-ID: {id}\r\n"))
        .unwrap_or_default();
    write!(
        stream,
        "GET /v1/agents/{agent}/events HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n{last}\r\n",
        node::vip()
    )?;
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    while !clock.has_ended() {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        seen.lock().unwrap().heard += 1;
        // What frames chunks stands in lines of its own, which begin with no field of an event.
        if let Some(data) = line.strip_prefix("data:") {
            let message: Value = serde_json::from_str(data.trim()).map_err(io::Error::other)?;
            seen.lock().unwrap().take(&message)?;
        }
    }
    Ok(())
}
