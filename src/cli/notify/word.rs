//! What keepalived says of this node, and the run file, which keeps the last of it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ha::{HaError, Vrrp};

/// The longest run file that is read, in bytes.
const MOST: u64 = 4096;
/// Two words within this time, in ms, are ordered by when their processes began. Others are by when they are written.
const RACE_MS: u64 = 10_000;
/// Where the kernel says which start of the machine this is.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// What a state is told for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// The node is in this state now.
    State(Vrrp),
    /// Another node claims the address with less priority, and nothing changes for this one.
    Unchanged,
}

/// One word of keepalived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct Word {
    /// `INSTANCE` or `GROUP`.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// The instance's or group's name in keepalived's configuration.
    pub(super) name: String,
    /// The state.
    #[serde(serialize_with = "write_state", deserialize_with = "read_state")]
    pub(super) state: Vrrp,
    /// The priority, where keepalived told one.
    pub(super) priority: Option<u16>,
}

/// A word, and when it was said, in ms of a clock that never goes back while the machine runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    word: Word,
    at_ms: u64,
    /// The machine's start in which it was said. In another one nothing of it is so, and its moments mean nothing.
    boot: Option<String>,
}

impl Word {
    /// The state, as the administration tells it.
    pub(in crate::cli) fn state(&self) -> &'static str {
        self.state.as_str()
    }

    /// The body that the administration is sent.
    pub(in crate::cli) fn to_body(&self) -> Vec<u8> {
        // Strings and a number: nothing in it can fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn write_state<S: Serializer>(state: &Vrrp, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(state.as_str())
}

fn read_state<'de, D: Deserializer<'de>>(from: D) -> Result<Vrrp, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(D::Error::custom)
}

impl FromStr for Told {
    type Err = HaError;

    fn from_str(text: &str) -> Result<Told, HaError> {
        match text {
            // Whether keepalived has ended or has forgotten the address, this node has it no more.
            "DELETED" => Ok(Told::State(Vrrp::Stop)),
            "MASTER_RX_LOWER_PRI" => Ok(Told::Unchanged),
            text => text.parse().map(Told::State),
        }
    }
}

/// Keeps `word`, said at `at_ms`, in the run file at `path`, unless a newer one is there: keepalived starts a process for
/// each word, and they may pass each other. Gives back which one is kept.
///
/// # Errors
/// The file cannot be written.
pub(super) fn keep(path: &Path, word: Word, at_ms: u64) -> io::Result<Word> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    file.lock()?;
    if let Some(kept) = read(&file)
        && kept.at_ms > at_ms
        && kept.at_ms - at_ms < RACE_MS
    {
        return Ok(kept.word);
    }
    let boot = boot();
    let kept = Kept { word, at_ms, boot };
    let mut text = serde_json::to_vec(&kept).map_err(io::Error::other)?;
    text.push(b'\n');
    file.write_all_at(&text, 0)?;
    file.set_len(u64::try_from(text.len()).unwrap_or(0))?;
    Ok(kept.word)
}

/// The last word since the machine's start; `None` where there is none yet, or one is being written, which nobody is to wait for.
pub(in crate::cli) fn last(path: &Path) -> Option<Word> {
    let file = File::open(path).ok()?;
    match file.try_lock_shared() {
        Ok(()) => read(&file).map(|kept| kept.word),
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
    }
}

fn read(file: &File) -> Option<Kept> {
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text).ok()?;
    let kept: Kept = serde_json::from_str(&text).ok()?;
    (kept.boot == boot()).then_some(kept)
}

/// Which start of the machine this is; `None` where the kernel does not say.
fn boot() -> Option<String> {
    let text = std::fs::read_to_string(BOOT).ok()?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;

    fn word(state: Vrrp) -> Word {
        Word {
            kind: "INSTANCE".to_owned(),
            name: "ringside".to_owned(),
            state,
            priority: Some(150),
        }
    }

    #[test]
    fn words_that_pass_each_other_are_kept_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vrrp");
        assert_eq!(last(&path), None);
        assert_eq!(keep(&path, word(Vrrp::Fault), 10_000).unwrap().state, Vrrp::Fault);
        assert_eq!(
            keep(&path, word(Vrrp::Master), 10_050).unwrap().state,
            Vrrp::Master
        );
        // Said before, and late: what counts stays, and is what the service is to be told.
        assert_eq!(
            keep(&path, word(Vrrp::Backup), 10_049).unwrap().state,
            Vrrp::Master
        );
        assert_eq!(last(&path), Some(word(Vrrp::Master)));
    }

    #[test]
    fn a_word_of_before_the_machine_s_start_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vrrp");
        keep(&path, word(Vrrp::Master), 10_000).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace(&boot().unwrap(), "another")).unwrap();
        assert_eq!(last(&path), None);
        // Nor does its moment count, though the clock has begun again.
        assert_eq!(
            keep(&path, word(Vrrp::Backup), 9_900).unwrap().state,
            Vrrp::Backup
        );
        assert_eq!(last(&path), Some(word(Vrrp::Backup)));
    }

    #[test]
    fn what_is_no_word_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vrrp");
        for text in [
            "",
            "{",
            "null",
            r#"{"type":"INSTANCE","name":"x","state":"QUEEN","at_ms":1}"#,
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(last(&path), None, "{text}");
        }
        // A shorter one leaves nothing of a longer one.
        std::fs::write(&path, "x".repeat(3000)).unwrap();
        keep(&path, word(Vrrp::Stop), 1).unwrap();
        assert_eq!(last(&path), Some(word(Vrrp::Stop)));
        // Nobody waits for whoever writes.
        let writing = File::open(&path).unwrap();
        writing.lock().unwrap();
        assert_eq!(last(&path), None);
    }

    #[test]
    fn the_administration_is_sent_keepalived_s_words() {
        let body: serde_json::Value = serde_json::from_slice(&word(Vrrp::Master).to_body()).unwrap();
        assert_eq!(
            body,
            serde_json::json!({"type": "INSTANCE", "name": "ringside", "state": "MASTER", "priority": 150})
        );
        assert_eq!("DELETED".parse(), Ok(Told::State(Vrrp::Stop)));
        assert_eq!("MASTER_RX_LOWER_PRI".parse(), Ok(Told::Unchanged));
        assert!("master".parse::<Told>().is_err());
    }
}
