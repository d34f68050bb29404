//! A file to which lines are appended.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Error, Seek, SeekFrom, Write};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::path::PathBuf;

use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
use tempfile::TempDir;

use super::documents;
use super::source::{Bare, Received, Source};

/// Between two looks at the file that nobody hastens; both are told when it grows.
const POLL_MS: u64 = 10;

pub(super) struct Lines {
    folder: TempDir,
    file: File,
}

impl Lines {
    pub(super) fn start() -> Result<Lines, Error> {
        let folder = tempfile::tempdir()?;
        let file = File::options()
            .create(true)
            .append(true)
            .open(folder.path().join("changes"))?;
        Ok(Lines { folder, file })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("changes")
    }
}

/// The change as a line of the file.
fn line(nth: u64) -> Vec<u8> {
    let mut line = documents::line(nth);
    line.push(b'\n');
    line
}

impl Source for Lines {
    fn config(&self) -> String {
        format!(
            "[feed.main]\nkind = \"file\"\npath = {:?}\npoll_ms = {POLL_MS}\n",
            self.path()
        )
    }

    fn put(&mut self, nth: u64) -> Result<(), Error> {
        self.file.write_all(&line(nth))
    }

    fn put_all(&mut self, changes: Range<u64>) -> Result<(), Error> {
        let mut file = BufWriter::with_capacity(1 << 20, &self.file);
        for nth in changes {
            file.write_all(&line(nth))?;
        }
        file.flush()
    }

    fn bare(&mut self) -> Result<Bare, Error> {
        let mut file = File::open(self.path())?;
        file.seek(SeekFrom::End(0))?;
        let inotify = init(CreateFlags::CLOEXEC)?;
        add_watch(&inotify, self.path(), WatchFlags::MODIFY)?;
        Ok(Box::new(move |received: Received<'_>| {
            let mut room = [MaybeUninit::uninit(); 4096];
            let mut grown = Reader::new(&inotify, &mut room);
            let mut lines = BufReader::with_capacity(1 << 20, file);
            let mut line = Vec::new();
            loop {
                lines.read_until(b'\n', &mut line)?;
                if line.last() != Some(&b'\n') {
                    grown.next()?;
                    continue;
                }
                if documents::of_line(&line).is_some_and(|nth| !received(nth)) {
                    return Ok(());
                }
                line.clear();
            }
        }))
    }
}
