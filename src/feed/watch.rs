//! Watching the folders of followed files, so that what is appended is read at once and not at the next look.
//!
//! It hastens looks and decides nothing: a folder that cannot be watched, as on some network file systems, is looked at as
//! often as `poll_ms` says, and so is everything that a watch does not tell.

use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fd::OwnedFd;
use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;

use super::signals::Signal;

/// A thread that watches, until this is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    stop: Arc<OwnedFd>,
    /// Something was told that nobody has looked at yet.
    told: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Watches for what is written to the files at `paths`, and says [`Signal::Grown`]; `None` where nothing can be watched.
    pub(super) fn begin(paths: &[PathBuf], signals: Sender<Signal>) -> Option<Watch> {
        let watched = Watched::new(paths).inspect_err(|error| {
            tracing::debug!(%error, "files are looked at from time to time, and not watched");
        });
        let watched = watched.ok().filter(|watched| !watched.names.is_empty())?;
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).ok()?);
        let told = Arc::new(AtomicBool::new(false));
        let (stopped, tells) = (Arc::clone(&stop), Arc::clone(&told));
        let thread = std::thread::Builder::new()
            .name("watch".into())
            .spawn(move || watched.run(&stopped, &tells, &signals))
            .ok()?;
        Some(Watch {
            stop,
            told,
            thread: Some(thread),
        })
    }

    /// What was told is looked at now: what comes from here on is told again.
    pub(super) fn looked_at(&self) {
        self.told.store(false, Ordering::SeqCst);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // A counter that is full wakes whoever waits for it too.
        let _full = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// Files by the watches of their folders.
struct Watched {
    inotify: OwnedFd,
    names: Vec<(i32, Box<OsStr>)>,
}

impl Watched {
    fn new(paths: &[PathBuf]) -> Result<Watched, Errno> {
        let inotify = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let what = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO;
        let watch = |path: &PathBuf| {
            let folder = path.parent().filter(|folder| *folder != Path::new(""));
            let watch = add_watch(&inotify, folder.unwrap_or(Path::new(".")), what);
            let watch = watch.inspect_err(|error| {
                tracing::debug!(%error, "a folder is looked at from time to time, and not watched");
            });
            Some((watch.ok()?, path.file_name()?.into()))
        };
        let names = paths.iter().filter_map(watch).collect();
        Ok(Watched { inotify, names })
    }

    fn run(&self, stop: &OwnedFd, told: &AtomicBool, signals: &Sender<Signal>) {
        let mut room = [MaybeUninit::uninit(); 4096];
        loop {
            let mut waits = [
                PollFd::new(stop, PollFlags::IN),
                PollFd::new(&self.inotify, PollFlags::IN),
            ];
            match poll(&mut waits, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => {
                    tracing::warn!(%error, "files are no longer watched, and looked at from time to time");
                    return;
                }
            }
            if !waits[0].revents().is_empty() {
                return;
            }
            let mut reader = Reader::new(&self.inotify, &mut room);
            let mut grown = false;
            // Until there is nothing more; what cannot be read is told by the next poll.
            while let Ok(event) = reader.next() {
                let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
                grown |= self
                    .names
                    .iter()
                    .any(|(watch, file)| *watch == event.wd() && name.is_none_or(|name| *name == **file));
                // More events than the kernel keeps: any file may have grown.
                grown |= event.wd() < 0;
            }
            if grown && !told.swap(true, Ordering::SeqCst) && signals.send(Signal::Grown).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use std::fs::{self, File};
    use std::io::Write;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_appended_is_told_once_until_it_was_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("changes");
        let (signals, told) = channel();
        let watch = Watch::begin(std::slice::from_ref(&path), signals).unwrap();
        // Of another file nothing is told.
        fs::write(folder.path().join("other"), "x").unwrap();
        let mut file = File::create(&path).unwrap();
        assert!(matches!(told.recv_timeout(PATIENCE), Ok(Signal::Grown)));
        watch.looked_at();
        file.write_all(b"x\n").unwrap();
        assert!(matches!(told.recv_timeout(PATIENCE), Ok(Signal::Grown)));
        drop(watch);
        assert!(told.recv().is_err(), "whoever watches has ended");
    }

    #[test]
    fn a_folder_that_is_not_there_is_not_watched() {
        let folder = tempfile::tempdir().unwrap();
        let (signals, _told) = channel();
        assert!(Watch::begin(&[folder.path().join("gone/changes")], signals).is_none());
    }
}
