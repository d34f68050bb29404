//! `watchdog`: decides whether this node may have the virtual address, and tells keepalived by a track file.
//!
//! A process of its own, because one that is frozen or dead writes nothing; it needs nothing of the service but its
//! answers, and no runtime. It also repeats to the service what keepalived said, where the service did not hear it.

mod repeat;
mod track;
mod vigil;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use sd_notify::NotifyState;
use serde::Deserialize;

use super::error::CliError;
use super::line::{Answer, Line, Service, Silence};
use super::notify::{NotifyError, last, tell};
use super::output::note;
use repeat::Repeat;
use track::TrackFile;
use vigil::{Seen, Terms, Track, Vigil, Why};

/// How long this process may not run before it knows nothing any more, in ms. More than it waits for anything.
const SLEEP_MS: u64 = 1000;
/// Behind such a sleep the service has to be well for this many asks.
const WAKE_ASKS: u64 = 10;
/// How long the service has to take what keepalived said. Meanwhile nothing else is asked.
const TELL_TIMEOUT: Duration = Duration::from_millis(100);
/// How often the track file is looked at, and the service manager told that this process lives.
const LOOK_MS: u64 = 1000;

#[derive(Debug, Args)]
pub(super) struct WatchdogArguments {
    /// The file that keepalived tracks: 0 where this node may have the address, 1 where it may not
    #[arg(long, value_name = "FILE")]
    track: PathBuf,
    /// The file in which `ringside notify` keeps keepalived's last word; it is repeated to a service that has not heard it
    #[arg(long, value_name = "FILE")]
    run: Option<PathBuf>,
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    service: Service,
    /// A file with the key to show; without it the variable RINGSIDE_KEY, without that none
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// How quickly what is made of what is seen. `deploy keepalived` writes it into the watchdog's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub(super) struct Pace {
    /// How often the watchdog asks the service, in milliseconds, and how long the service has to answer
    #[arg(long, value_name = "MS", default_value_t = Pace::DEFAULT.every_ms, value_parser = clap::value_parser!(u64).range(10..=300))]
    pub(super) every_ms: u64,
    /// How many answers have to be missing, one behind another, for a fault
    #[arg(long, value_name = "N", default_value_t = Pace::DEFAULT.misses, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(super) misses: u32,
    /// How long the service has to be well, in milliseconds, before this node may have the address again
    #[arg(long, value_name = "MS", default_value_t = Pace::DEFAULT.rise_ms, value_parser = clap::value_parser!(u64).range(0..=600_000))]
    pub(super) rise_ms: u64,
}

impl Pace {
    pub(super) const DEFAULT: Pace = Pace {
        every_ms: 50,
        misses: 3,
        rise_ms: 3000,
    };
}

/// What `/electable` says.
#[derive(Debug, Default, Deserialize)]
struct Told {
    electable: bool,
    #[serde(default)]
    yielding: bool,
    #[serde(default)]
    reasons: Vec<String>,
    /// What it knows of keepalived; absent where it takes no words of it.
    #[serde(default, deserialize_with = "known")]
    vrrp: Option<Option<String>>,
}

/// What is there and null is something else than what is not there.
fn known<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

struct Watchdog<'a> {
    arguments: &'a WatchdogArguments,
    /// Where the service is asked.
    line: Line,
    /// Where it is told. Of its own, so that an answer that is owed to a telling says nothing of the service's health.
    telling: Line,
    file: TrackFile,
    vigil: Vigil,
    repeat: Repeat,
    begun: Instant,
    /// When the track file was looked at last.
    looked_ms: u64,
    /// What keeps the track file from being written, told once.
    trouble: Option<String>,
}

pub(super) fn run(arguments: &WatchdogArguments) -> Result<(), CliError> {
    let mut watchdog = Watchdog::begin(arguments)?;
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    note(match watchdog.vigil.track() {
        Track::Fine => "watching; this node may have the address",
        Track::Fault => "watching; this node may not have the address until the service is well",
    });
    loop {
        watchdog.round();
    }
}

impl Watchdog<'_> {
    fn begin(arguments: &WatchdogArguments) -> Result<Watchdog<'_>, CliError> {
        let begun = Instant::now();
        let file = TrackFile::at(arguments.track.clone());
        let pace = arguments.pace;
        let terms = Terms {
            misses: pace.misses,
            rise_ms: pace.rise_ms,
            wake_ms: (pace.every_ms * WAKE_ASKS).min(pace.rise_ms),
            sleep_ms: SLEEP_MS,
        };
        let vigil = Vigil::new(terms, file.read(), 0);
        // One that cannot write has nothing to do here, and whoever starts it should know.
        if file.read() != Some(vigil.track()) {
            file.write(vigil.track()).map_err(|source| CliError::File {
                step: "write",
                path: arguments.track.clone(),
                source,
            })?;
        }
        let line = || Line::to(&arguments.service, arguments.key_file.as_deref());
        Ok(Watchdog {
            arguments,
            line: line()?,
            telling: line()?,
            file,
            vigil,
            repeat: Repeat::default(),
            begun,
            looked_ms: 0,
            trouble: None,
        })
    }

    /// Asks once, does what comes of it, and waits for the moment of the next ask.
    fn round(&mut self) {
        let every = Duration::from_millis(self.arguments.pace.every_ms);
        let asked = Instant::now();
        let why = self.vigil.begins(self.now_ms());
        self.turn(why, &[]);
        let told = self.line.get("/electable", every);
        let (seen, told) = seen(told);
        let why = self.vigil.sees(self.now_ms(), seen);
        self.turn(why, &told.reasons);
        if let Some(known) = told.vrrp {
            self.repeat(known.as_deref());
        }
        let now = self.now_ms();
        if now.saturating_sub(self.looked_ms) >= LOOK_MS || self.trouble.is_some() {
            self.looked_ms = now;
            if self.file.read() != Some(self.vigil.track()) {
                self.write();
            }
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
        self.line.idle(every.saturating_sub(asked.elapsed()));
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Has the track file say what is so, where that has changed.
    fn turn(&mut self, why: Option<Why>, reasons: &[String]) {
        let Some(why) = why else { return };
        // First the file: every moment counts.
        self.write();
        let why = match why {
            Why::Slept(ms) => format!("this process did not run for {ms} ms"),
            Why::Seen(Seen::Well) => "the service is well".to_owned(),
            Why::Seen(Seen::Nobody) => "nobody listens".to_owned(),
            Why::Seen(Seen::Yielding) => "the service hands over".to_owned(),
            Why::Seen(Seen::Silent) => format!(
                "no answer within {} ms, {} times",
                self.arguments.pace.every_ms, self.arguments.pace.misses
            ),
            Why::Seen(Seen::Unwell) if reasons.is_empty() => {
                "the service says that it is not electable".to_owned()
            }
            Why::Seen(Seen::Unwell) => format!("the service is not electable: {}", reasons.join("; ")),
        };
        note(match self.vigil.track() {
            Track::Fine => format!("this node may have the address: {why}"),
            Track::Fault => format!("this node may not have the address: {why}"),
        });
    }

    fn write(&mut self) {
        let trouble = self.file.write(self.vigil.track()).err();
        self.complain(trouble);
    }

    fn complain(&mut self, trouble: Option<io::Error>) {
        let trouble = trouble.map(|error| error.to_string());
        if let Some(trouble) = trouble
            .as_ref()
            .filter(|trouble| self.trouble.as_ref() != Some(trouble))
        {
            note(format_args!(
                "cannot write {}: {trouble}; keepalived goes by what it said before. Trying again",
                self.arguments.track.display()
            ));
        }
        self.trouble = trouble;
    }

    /// Tells the service what keepalived said last, where it answers that it knows something else.
    fn repeat(&mut self, known: Option<&str>) {
        let Some(word) = self.arguments.run.as_deref().and_then(last) else {
            return;
        };
        if !self.repeat.is_due(self.now_ms(), word.state(), known) {
            return;
        }
        match tell(&mut self.telling, &word, TELL_TIMEOUT) {
            Ok(()) => note(format_args!(
                "told the service again what keepalived says: {}",
                word.state()
            )),
            // It is asked all the time: whether it answers is no news.
            Err(NotifyError::Silence(_)) => {}
            Err(error) => note(error),
        }
    }
}

/// What an ask has shown, and what the service said of itself.
fn seen(told: Result<Answer, Silence>) -> (Seen, Told) {
    let answer = match told {
        Ok(answer) => answer,
        Err(Silence::Nobody { .. }) => return (Seen::Nobody, Told::default()),
        Err(_) => return (Seen::Silent, Told::default()),
    };
    // A refusal of another kind, such as of one connection too many, says nothing of the service.
    let Ok(told) = serde_json::from_slice::<Told>(&answer.body) else {
        return (Seen::Silent, Told::default());
    };
    let seen = match (answer.status, told.electable) {
        (200, true) => Seen::Well,
        (_, true) => Seen::Silent,
        (_, false) if told.yielding => Seen::Yielding,
        (_, false) => Seen::Unwell,
    };
    (seen, told)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc::{Sender, channel};
    use std::thread;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        watchdog: WatchdogArguments,
    }

    /// Answers that the service is well and knows nothing of keepalived, but never that it was told; says what came.
    fn serve(stream: TcpStream, nth: usize, came: &Sender<(usize, String)>) {
        let mut owes = false;
        for line in BufReader::new(stream.try_clone().unwrap()).lines() {
            let Ok(line) = line else { return };
            let Some((what, _)) = line.split_once(" HTTP/1.1") else {
                continue;
            };
            owes |= what == "POST /role";
            let _ = came.send((nth, what.to_owned()));
            if !owes {
                let body = r#"{"electable":true,"vrrp":null}"#;
                let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                let _ = (&stream).write_all(text.as_bytes());
            }
        }
    }

    #[test]
    fn what_is_told_goes_where_nothing_is_asked() {
        let dir = tempfile::tempdir().unwrap();
        let (track, run) = (dir.path().join("track"), dir.path().join("vrrp"));
        std::fs::write(&track, "0\n").unwrap();
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        let word = serde_json::json!({
            "type": "INSTANCE", "name": "ringside", "state": "MASTER", "at_ms": 1, "boot": boot.trim(),
        });
        std::fs::write(&run, word.to_string()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let admin = format!("http://{}", listener.local_addr().unwrap());
        let (came, coming) = channel();
        thread::spawn(move || {
            for (nth, stream) in listener.incoming().enumerate() {
                let came = came.clone();
                thread::spawn(move || serve(stream.unwrap(), nth, &came));
            }
        });
        let (track, run) = (track.to_str().unwrap(), run.to_str().unwrap());
        let arguments = ["watchdog", "--track", track, "--run", run, "--admin", &admin];
        let arguments = Program::parse_from(arguments).watchdog;
        let mut watchdog = Watchdog::begin(&arguments).unwrap();
        let mut all = Vec::new();
        let is_told = |(_, what): &(usize, String)| what == "POST /role";
        while !all.iter().any(is_told) {
            watchdog.round();
            all.extend(coming.try_iter());
        }
        let told = all.iter().find(|came| is_told(came)).unwrap().0;
        let on_it: Vec<_> = all.iter().filter(|(nth, _)| *nth == told).collect();
        assert!(on_it.into_iter().all(is_told), "{all:?}");
    }

    fn answer(status: u16, body: &str) -> (Seen, Told) {
        let body = body.as_bytes().to_vec();
        seen(Ok(Answer { status, body }))
    }

    #[test]
    fn only_what_the_service_says_of_itself_counts_as_that() {
        for (status, body, expected) in [
            (200, r#"{"electable":true}"#, Seen::Well),
            (
                200,
                r#"{"electable":true,"role":"active","vrrp":"MASTER","reasons":[]}"#,
                Seen::Well,
            ),
            (503, r#"{"electable":false}"#, Seen::Unwell),
            (
                503,
                r#"{"electable":false,"yielding":true,"reasons":["handing over"]}"#,
                Seen::Yielding,
            ),
            (
                503,
                r#"{"error":{"code":"busy","message":"too many connections"}}"#,
                Seen::Silent,
            ),
            (
                401,
                r#"{"error":{"code":"key","message":"no key"}}"#,
                Seen::Silent,
            ),
            (200, "electable", Seen::Silent),
        ] {
            assert_eq!(answer(status, body).0, expected, "{body}");
        }
    }

    #[test]
    fn who_takes_no_words_of_keepalived_is_told_none() {
        assert_eq!(answer(200, r#"{"electable":true}"#).1.vrrp, None);
        assert_eq!(
            answer(200, r#"{"electable":true,"vrrp":null}"#).1.vrrp,
            Some(None)
        );
        let known = answer(200, r#"{"electable":true,"vrrp":"BACKUP"}"#).1.vrrp;
        assert_eq!(known, Some(Some("BACKUP".to_owned())));
    }
}
