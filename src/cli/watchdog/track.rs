//! The track file, which keepalived follows.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::vigil::Track;

/// The longest file that is read, in bytes.
const MOST: u64 = 64;

/// The file. Its folder has to outlive this process: where the file goes away, keepalived takes that as 0.
#[derive(Debug)]
pub(super) struct TrackFile {
    path: PathBuf,
}

impl TrackFile {
    pub(super) fn at(path: PathBuf) -> TrackFile {
        TrackFile { path }
    }

    /// What it says; `None` where it is not there or says anything else.
    pub(super) fn read(&self) -> Option<Track> {
        let mut text = String::new();
        File::open(&self.path)
            .ok()?
            .take(MOST)
            .read_to_string(&mut text)
            .ok()?;
        match text.trim() {
            "0" => Some(Track::Fine),
            "1" => Some(Track::Fault),
            _ => None,
        }
    }

    /// Has it say `track`. Written in place and never cut to nothing, so that whoever reads meanwhile finds the old digit
    /// or the new one; keepalived reads when it is closed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write(&self, track: Track) -> io::Result<()> {
        let digit = match track {
            Track::Fine => b"0\n",
            Track::Fault => b"1\n",
        };
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.path)?;
        file.write_all_at(digit, 0)?;
        match file.metadata()?.len() == 2 {
            true => Ok(()),
            false => file.set_len(2),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;

    #[test]
    fn whatever_it_said_it_says_one_digit_then() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("track");
        let file = TrackFile::at(path.clone());
        assert_eq!(file.read(), None);
        for (before, known) in [
            ("", None),
            ("0", Some(Track::Fine)),
            ("1\n", Some(Track::Fault)),
            ("-254 \n\n", None),
        ] {
            std::fs::write(&path, before).unwrap();
            assert_eq!(file.read(), known);
            for (track, text) in [(Track::Fault, "1\n"), (Track::Fine, "0\n")] {
                file.write(track).unwrap();
                assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
                assert_eq!(file.read(), Some(track));
            }
        }
        assert!(
            TrackFile::at(dir.path().join("no/track"))
                .write(Track::Fine)
                .is_err()
        );
    }
}
