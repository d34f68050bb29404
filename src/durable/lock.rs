//! One writer per folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::DurableError;

/// The longest command line that is told to who finds the folder in use, in characters.
const LONGEST_HOLDER: usize = 300;

/// The right to write a folder, held until dropped or until the process ends in whatever way: the kernel
/// releases it. The `LOCK` file itself stays, because removing it would let two processes lock two files.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
    dir: PathBuf,
}

impl FolderLock {
    /// Name of the lock file in the folder.
    pub const NAME: &str = "LOCK";

    /// Takes the lock of `dir`, which must exist, at once or not at all.
    ///
    /// # Errors
    /// [`DurableError::Locked`], naming the holder, or the folder cannot be written.
    pub fn acquire(dir: &Path) -> Result<FolderLock, DurableError> {
        let failed = |error| DurableError::new("lock", dir, error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join(FolderLock::NAME))
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DurableError::Locked {
                    dir: dir.to_owned(),
                    holder: holder(file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        sign(&mut file).map_err(failed)?;
        Ok(FolderLock {
            file,
            dir: dir.to_owned(),
        })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // The signature goes before the lock does, so that it never names a process that holds nothing.
        // Should it fail, the next holder overwrites it anyway.
        let _ = self.file.set_len(0);
        // Closing alone would not do: a child process that is being started at this moment has a copy of the
        // handle until it runs its program.
        let _ = self.file.unlock();
    }
}

/// Writes who we are into the file.
fn sign(file: &mut File) -> io::Result<()> {
    let command: Vec<String> = std::env::args_os()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(format!("{} {}\n", std::process::id(), command.join(" ")).as_bytes())
}

/// Who signed the file: between taking the lock and signing, and while leaving, nobody has.
fn holder(mut file: File) -> String {
    let mut text = Vec::new();
    if file.read_to_end(&mut text).is_err() {
        return "another process".to_owned();
    }
    let text = String::from_utf8_lossy(&text);
    match text.trim().split_once(' ') {
        Some((pid, command)) => {
            let command: String = command
                .chars()
                .filter(|c| !c.is_control())
                .take(LONGEST_HOLDER)
                .collect();
            format!("process {pid} ({command})")
        }
        None => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use std::fs;
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// Names the folder that a copy of this test binary is to lock until it is killed.
    const FOLDER_FOR_CHILD: &str = "RINGSIDE_TEST_LOCK_THIS_FOLDER";
    const HELD: &str = "the folder is held";

    /// Starts a copy of this test binary that runs only the test below, and waits until it holds `dir`.
    fn other_process_holding(dir: &Path) -> Child {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "durable::lock::tests::a_killed_holder_frees_the_folder",
                "--nocapture",
            ])
            .env(FOLDER_FOR_CHILD, dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        assert!(
            said.into_iter().any(|line| line.contains(HELD)),
            "the child never held the folder"
        );
        child
    }

    #[test]
    fn a_killed_holder_frees_the_folder() {
        if let Some(dir) = std::env::var_os(FOLDER_FOR_CHILD) {
            let _lock = FolderLock::acquire(Path::new(&dir)).unwrap();
            writeln!(io::stdout(), "{HELD}").unwrap();
            // Ends with the parent: its end of the pipe closes.
            let _ = io::stdin().read(&mut [0]);
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let mut child = other_process_holding(dir.path());
        let error = FolderLock::acquire(dir.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", child.id())), "{error}");
        assert!(
            error.contains("a_killed_holder_frees_the_folder"),
            "the command line is missing: {error}"
        );
        assert!(error.contains("stop that process"), "{error}");

        child.kill().unwrap();
        child.wait().unwrap();
        FolderLock::acquire(dir.path()).unwrap();
    }

    #[test]
    fn one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = FolderLock::acquire(dir.path()).unwrap();
        assert_eq!(first.dir(), dir.path());
        assert!(matches!(
            FolderLock::acquire(dir.path()),
            Err(DurableError::Locked { .. })
        ));
        drop(first);
        assert_eq!(fs::read(dir.path().join(FolderLock::NAME)).unwrap(), b"");
        FolderLock::acquire(dir.path()).unwrap();
    }

    #[test]
    fn a_signature_is_told_safely() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signed");
        for (signed, told) in [
            (&b""[..], "another process"),
            (b"12", "another process"),
            (b"12 ringside serve\n", "process 12 (ringside serve)"),
            (b"12 a\x1b[2Jb\xff", "process 12 (a[2Jb\u{fffd})"),
        ] {
            fs::write(&path, signed).unwrap();
            assert_eq!(holder(File::open(&path).unwrap()), told);
        }
    }

    #[test]
    fn a_longer_signature_leaves_no_tail() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FolderLock::NAME), vec![b'x'; 10_000]).unwrap();
        let _lock = FolderLock::acquire(dir.path()).unwrap();
        let signed = fs::read_to_string(dir.path().join(FolderLock::NAME)).unwrap();
        assert!(
            signed.starts_with(&format!("{} ", std::process::id())) && !signed.contains("xxx"),
            "{signed}"
        );
    }

    #[test]
    fn folders_that_cannot_be_locked_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let missing = FolderLock::acquire(&dir.path().join("no")).unwrap_err();
        assert!(matches!(missing, DurableError::Missing { .. }), "{missing}");
        fs::write(dir.path().join("file"), "").unwrap();
        let file = FolderLock::acquire(&dir.path().join("file")).unwrap_err();
        assert!(matches!(file, DurableError::NotAFolder { .. }), "{file}");
    }
}
