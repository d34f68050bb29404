//! Files that are written under a staged name and appear under their own whole, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, IntoInnerError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::DurableError;
use super::fault::{self, Step};
use super::names::{folder_of, remove_file, rename, sync_folder};

/// Customers' data is nobody's business but the owner's and the group's (backup, inspection).
const MODE: u32 = 0o640;
/// Bytes that are written at a time.
const WRITE_BYTES: usize = 1 << 16;

/// A big file being written; dropped before [`publish`](Staged::publish), it is removed.
#[derive(Debug)]
pub struct Staged {
    /// `None` once published.
    writer: Option<BufWriter<File>>,
    staged: PathBuf,
    target: PathBuf,
}

impl Staged {
    /// Opens a new staged file beside `target`, which stays as it is until [`publish`](Staged::publish).
    ///
    /// # Errors
    /// The folder is missing, not writable or full, or `target` ends in no file name.
    pub fn create(target: &Path) -> Result<Staged, DurableError> {
        let (file, staged) =
            create_new(target).map_err(|error| DurableError::new("create", target, error))?;
        Ok(Staged {
            writer: Some(BufWriter::with_capacity(WRITE_BYTES, file)),
            staged,
            target: target.to_owned(),
        })
    }

    /// Where to write. It also seeks, so that a header can be filled in last.
    ///
    /// # Errors
    /// Never in practice: only a published file has no writer, and publishing consumes the value.
    pub fn writer(&mut self) -> io::Result<&mut BufWriter<File>> {
        self.writer
            .as_mut()
            .ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// The file itself, for whoever has the disk take it while it is written.
    ///
    /// # Errors
    /// There can be no more files.
    pub fn file(&self) -> io::Result<File> {
        match &self.writer {
            Some(writer) => writer.get_ref().try_clone(),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Where it is until then.
    pub fn path(&self) -> &Path {
        &self.staged
    }

    /// The file that will appear.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Makes the bytes durable and gives the file its name, replacing whatever had it.
    ///
    /// # Errors
    /// The disk is full or failing. The target is then as it was, unless only the last step, making the new name
    /// durable, failed: then the new file is there, and a crash of the machine may bring the old one back.
    pub fn publish(mut self) -> Result<(), DurableError> {
        let Some(writer) = self.writer.take() else {
            return Ok(());
        };
        let published = fault::step(Step::Write, &self.staged)
            .and_then(|()| writer.into_inner().map_err(IntoInnerError::into_error))
            .map_err(|error| DurableError::new("write", &self.target, error))
            .and_then(|file| {
                fault::step(Step::Sync, &self.staged)
                    .and_then(|()| fault::fsync(&file, File::sync_all))
                    .map_err(|error| DurableError::new("make durable", &self.target, error))
            })
            .and_then(|()| {
                rename(&self.staged, &self.target)
                    .map_err(|error| DurableError::new("replace", &self.target, error))
            });
        if published.is_err() {
            remove(&self.staged);
        }
        published.and_then(|()| sync_folder(folder_of(&self.target)))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.writer.is_some() {
            remove(&self.staged);
        }
    }
}

/// Opens a new file beside `target` under a name that [`clean_stale`] knows.
pub(super) fn create_new(target: &Path) -> io::Result<(File, PathBuf)> {
    // Two staged files for one target may exist at once, and process ids recur (in a container they are
    // nearly constant), so the name is counted up until it is free.
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let Some(name) = target.file_name().and_then(|name| name.to_str()) else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the path ends in no readable file name",
        ));
    };
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let staged = target.with_file_name(format!(".{name}.tmp-{}.{count}", std::process::id()));
        fault::step(Step::Create, &staged)?;
        match OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(MODE)
            .open(&staged)
        {
            Ok(file) => return Ok((file, staged)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// A file in `dir` without a name, for reading and writing, which is gone once it is closed, in whatever way the
/// process ends.
///
/// # Errors
/// The folder is missing, not writable or full.
pub fn scratch(dir: &Path) -> io::Result<File> {
    let (file, staged) = create_new(&dir.join("scratch"))?;
    fault::step(Step::Remove, &staged)?;
    fs::remove_file(&staged)?;
    Ok(file)
}

/// Opens the file `path` for reading and writing, made where it is missing: one that another process goes on with after a
/// crash. Of its bytes the first `keep` stay; where it has fewer, all do.
///
/// # Errors
/// The folder is missing, not writable or full.
pub fn working(path: &Path, keep: u64) -> io::Result<File> {
    fault::step(Step::Create, path)?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .open(path)?;
    if file.metadata()?.len() > keep {
        fault::step(Step::Truncate, path)?;
        file.set_len(keep)?;
    }
    Ok(file)
}

/// Writes `path` whole or not at all: `write` fills a staged file, which then takes the name.
///
/// # Errors
/// What `write` returned, or a failing step; `path` is then as it was (but see [`Staged::publish`]).
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), DurableError> {
    let mut staged = Staged::create(path)?;
    staged
        .writer()
        .and_then(write)
        .map_err(|error| DurableError::new("write", path, error))?;
    staged.publish()
}

/// Removes the staged files that crashes left in `dir`, and returns them. Call it only while holding the
/// folder's lock: it cannot tell another writer's staged file from a dead one's.
///
/// # Errors
/// The folder cannot be read, or a file cannot be removed.
pub fn clean_stale(dir: &Path) -> Result<Vec<PathBuf>, DurableError> {
    let unreadable = |error| DurableError::new("read", dir, error);
    let mut removed = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.file_name().to_str().is_some_and(is_staged_name) {
            remove_file(&entry.path())?;
            removed.push(entry.path());
        }
    }
    removed.sort();
    Ok(removed)
}

/// `.NAME.tmp-PID.N`, and nothing that a person would call a file of theirs.
fn is_staged_name(name: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.strip_prefix('.')
        .and_then(|rest| rest.rsplit_once(".tmp-"))
        .filter(|(target, _)| !target.is_empty())
        .and_then(|(_, writer)| writer.split_once('.'))
        .is_some_and(|(pid, count)| digits(pid) && digits(count))
}

/// Best effort: what stays is found by [`clean_stale`], and the failure that led here is the one to report.
pub(super) fn remove(staged: &Path) {
    if let Err(error) = remove_file(staged) {
        tracing::warn!(path = %staged.display(), %error, "a staged file could not be removed");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use std::io::{Seek, SeekFrom, Write};

    use proptest::prelude::*;

    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_target_changes_only_when_published() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("1.snap");
        fs::write(&target, "old").unwrap();

        let mut staged = Staged::create(&target).unwrap();
        staged.writer().unwrap().write_all(b"?ew").unwrap();
        staged.writer().unwrap().seek(SeekFrom::Start(0)).unwrap();
        staged.writer().unwrap().write_all(b"n").unwrap();
        staged.writer().unwrap().flush().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"old");

        staged.publish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(names(dir.path()), ["1.snap"]);
    }

    #[test]
    fn dropped_unpublished_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut staged = Staged::create(&dir.path().join("1.snap")).unwrap();
        staged.writer().unwrap().write_all(&[7; 100_000]).unwrap();
        drop(staged);
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn a_failing_writer_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("state");
        write_atomically(&target, |file| file.write_all(b"old")).unwrap();
        // /dev/full answers every write as a full disk does.
        let error = write_atomically(&target, |file| {
            file.write_all(b"half")?;
            OpenOptions::new().write(true).open("/dev/full")?.write_all(b"x")
        })
        .unwrap_err();
        assert!(matches!(error, DurableError::Full { .. }), "{error}");
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(names(dir.path()), ["state"]);
    }

    #[test]
    fn a_disk_that_fills_at_the_last_flush_is_reported() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("state");
        let mut staged = Staged::create(&target).unwrap();
        staged.writer = Some(BufWriter::new(
            OpenOptions::new().write(true).open("/dev/full").unwrap(),
        ));
        staged
            .writer()
            .unwrap()
            .write_all(b"buffered, so that this step cannot fail")
            .unwrap();
        let error = staged.publish().unwrap_err();
        assert!(matches!(error, DurableError::Full { .. }), "{error}");
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn a_crash_before_the_rename_leaves_the_old_file_and_a_stale_one_that_is_cleaned() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("CURRENT");
        write_atomically(&target, |file| file.write_all(b"old")).unwrap();
        let mut staged = Staged::create(&target).unwrap();
        staged.writer().unwrap().write_all(b"new").unwrap();
        let left = staged.staged.clone();
        std::mem::forget(staged);

        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(clean_stale(dir.path()).unwrap(), [left]);
        assert_eq!(names(dir.path()), ["CURRENT"]);
    }

    #[test]
    fn what_a_former_process_of_the_same_id_left_is_stepped_over() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a");
        for count in 0..500 {
            fs::write(
                dir.path().join(format!(".a.tmp-{}.{count}", std::process::id())),
                "stale",
            )
            .unwrap();
        }
        write_atomically(&target, |file| file.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(clean_stale(dir.path()).unwrap().len(), 500);
    }

    #[test]
    fn two_writers_of_one_target_do_not_mix() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a");
        let mut first = Staged::create(&target).unwrap();
        let mut second = Staged::create(&target).unwrap();
        first.writer().unwrap().write_all(b"first").unwrap();
        second.writer().unwrap().write_all(b"second").unwrap();
        first.publish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"first");
        second.publish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"second");
    }

    #[test]
    fn other_peoples_files_are_not_stale() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            ".tmp-1.1",
            ".a.tmp-1",
            ".a.tmp-x.1",
            ".a.tmp-1.",
            "a.tmp-1.1",
            ".bashrc",
            "1.snap",
        ] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        assert!(clean_stale(dir.path()).unwrap().is_empty());
        assert_eq!(names(dir.path()).len(), 7);
    }

    #[test]
    fn a_missing_folder_and_a_file_for_a_folder_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let missing = write_atomically(&dir.path().join("no/state"), |_| Ok(())).unwrap_err();
        assert!(matches!(missing, DurableError::Missing { .. }), "{missing}");
        fs::write(dir.path().join("file"), "").unwrap();
        let file = write_atomically(&dir.path().join("file/state"), |_| Ok(())).unwrap_err();
        assert!(matches!(file, DurableError::NotAFolder { .. }), "{file}");
        let nameless = write_atomically(Path::new("/"), |_| Ok(())).unwrap_err();
        assert!(
            nameless.to_string().contains("no readable file name"),
            "{nameless}"
        );
    }

    #[test]
    fn others_may_not_read_what_is_published() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a");
        write_atomically(&target, |_| Ok(())).unwrap();
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o007, 0);
    }

    proptest! {
        #[test]
        fn every_staged_name_is_recognised(name in "[^/\0]{1,40}", pid: u32, count: u64) {
            prop_assert!(is_staged_name(&format!(".{name}.tmp-{pid}.{count}")), "{}", name);
        }
    }
}
