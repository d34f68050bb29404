//! Changes that were refused, kept in a file that a person can look at, until they have to be erased.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;

/// The file's name within the tenant's folder.
pub(super) const NAME: &str = "feed-rejects.ndjson";
/// What was in it before it was full.
const BEFORE: &str = "feed-rejects.before.ndjson";

/// The file of rejects, bounded: once it is full it takes the place of the one before, and another begins.
#[derive(Debug)]
pub(super) struct Rejects {
    path: PathBuf,
    before: PathBuf,
    file: Option<File>,
    bytes: u64,
    /// When the file was begun, in milliseconds since 1970.
    begun_ms: i64,
    most_bytes: u64,
    /// How long a reject may stay, in milliseconds.
    erase_within_ms: i64,
    failing: bool,
}

impl Rejects {
    /// Those of the folder `dir`, in files of `most_bytes` together; each goes within `erase_within_s` seconds.
    pub(super) fn new(dir: &Path, most_bytes: u64, erase_within_s: u64, now_ms: i64) -> Rejects {
        let path = dir.join(NAME);
        Rejects {
            bytes: fs::metadata(&path).map_or(0, |metadata| metadata.len()),
            path,
            before: dir.join(BEFORE),
            file: None,
            // What an earlier process began is as old as its first line says, which is at most what the file's age is.
            begun_ms: now_ms,
            most_bytes,
            erase_within_ms: i64::try_from(erase_within_s.saturating_mul(1000)).unwrap_or(i64::MAX),
            failing: false,
        }
        .aged()
    }

    /// Keeps the `line` of `feed`, number `number`, which was refused for `reason` at `now_ms`.
    pub(super) fn keep(&mut self, feed: &str, number: u64, reason: &str, line: &[u8], now_ms: i64) {
        let at =
            jiff::Timestamp::from_millisecond(now_ms).map_or_else(|_| String::new(), |at| at.to_string());
        let mut reject = json!({
            "at": at,
            "feed": feed,
            "line": number,
            "reason": reason,
            "change": String::from_utf8_lossy(line),
        })
        .to_string();
        reject.push('\n');
        let written = self.write(reject.as_bytes(), now_ms);
        // Said once: the disk may be full for long, and every refused line is logged by itself.
        if let Err(error) = &written
            && !self.failing
        {
            tracing::error!(path = %self.path.display(), %error, "refused changes cannot be kept");
        }
        self.failing = written.is_err();
    }

    /// Removes what is older than it may be at `now_ms`.
    pub(super) fn erase(&mut self, now_ms: i64) {
        // Half the time as the present file, and most of the other half as the one before.
        if self.bytes > 0 && now_ms.saturating_sub(self.begun_ms) >= self.erase_within_ms / 2 {
            self.turn_over(now_ms);
        } else if self.bytes == 0 {
            self.begun_ms = now_ms;
        }
        let is_due = |at: i64| now_ms.saturating_sub(at) >= self.erase_within_ms / 10 * 9;
        let is_old = first_ms(&self.before).is_some_and(is_due);
        if is_old && let Err(error) = fs::remove_file(&self.before) {
            tracing::error!(path = %self.before.display(), %error, "refused changes cannot be erased");
        }
    }

    fn write(&mut self, reject: &[u8], now_ms: i64) -> io::Result<()> {
        if self.bytes > 0 && self.bytes + reject.len() as u64 > self.most_bytes / 2 {
            self.turn_over(now_ms);
        }
        if reject.len() as u64 > self.most_bytes / 2 {
            return Ok(());
        }
        if self.bytes == 0 {
            self.begun_ms = now_ms;
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let opened = OpenOptions::new()
                    .append(true)
                    .create(true)
                    .mode(0o640)
                    .open(&self.path)?;
                none.insert(opened)
            }
        };
        if let Err(error) = file.write_all(reject) {
            // A full disk takes part of a line, and the next one would go on within it.
            let _as_it_is = file.set_len(self.bytes);
            return Err(error);
        }
        self.bytes += reject.len() as u64;
        Ok(())
    }

    fn turn_over(&mut self, now_ms: i64) {
        self.file = None;
        match crate::durable::move_file(&self.path, &self.before) {
            Ok(()) => (self.bytes, self.begun_ms) = (0, now_ms),
            Err(error) => tracing::error!(%error, "the file of refused changes cannot be turned over"),
        }
    }

    fn aged(mut self) -> Rejects {
        if let Some(at) = first_ms(&self.path) {
            self.begun_ms = at;
        }
        self
    }
}

/// When the first reject of the file at `path` was kept, in milliseconds since 1970; `None` where there is no file, 0
/// where it does not say.
fn first_ms(path: &Path) -> Option<i64> {
    use std::io::BufRead;
    let file = File::open(path).ok()?;
    let mut line = String::new();
    let _unreadable = io::BufReader::new(file).read_line(&mut line);
    let at = serde_json::from_str::<serde_json::Value>(&line)
        .ok()
        .and_then(|reject| reject["at"].as_str()?.parse::<jiff::Timestamp>().ok())
        .map_or(0, jiff::Timestamp::as_millisecond);
    Some(at)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;

    #[test]
    fn rejects_are_kept_until_they_are_too_old_or_too_many() {
        let dir = tempfile::tempdir().unwrap();
        let mut rejects = Rejects::new(dir.path(), 2000, 10, 0);
        rejects.keep("main", 7, "no name", b"{\"op\":\"upsert\"}", 0);
        let kept = fs::read_to_string(dir.path().join(NAME)).unwrap();
        assert!(kept.contains("\"line\":7") && kept.contains("no name") && kept.contains("upsert"));
        rejects.erase(4_000);
        assert!(dir.path().join(NAME).exists());
        rejects.erase(5_000);
        assert!(!dir.path().join(NAME).exists() && dir.path().join(BEFORE).exists());
        rejects.erase(8_999);
        assert!(dir.path().join(BEFORE).exists());
        rejects.erase(9_000);
        assert!(!dir.path().join(BEFORE).exists(), "gone within ten seconds");
        for nth in 0..100 {
            rejects.keep("main", nth, "no name", b"{}", 10_000);
        }
        let bytes = |name| fs::metadata(dir.path().join(name)).map_or(0, |metadata| metadata.len());
        assert!(bytes(NAME) + bytes(BEFORE) <= 2000);
        let again = Rejects::new(dir.path(), 2000, 10, 20_000);
        assert_eq!(again.begun_ms, 10_000, "a restart makes nothing younger");
    }
}
