//! The pointer to the file of a folder that is the present one.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{DurableError, write_atomically};

/// Name of the pointer in the folder.
const NAME: &str = "CURRENT";
/// The longest file name that common file systems take, in bytes.
const LONGEST_NAME: usize = 255;

/// The file `CURRENT` of a folder: one line, the name of one other file of the folder.
#[derive(Debug, Clone, Copy)]
pub struct Current;

impl Current {
    /// The path of the present file of `dir`; `None` where nothing was published yet. Whether that file is there
    /// and whole is for whoever opens it to find out.
    ///
    /// # Errors
    /// `CURRENT` cannot be read, or holds anything but a plain file name: a pointer never leads out of its folder.
    pub fn read(dir: &Path) -> Result<Option<PathBuf>, DurableError> {
        let path = dir.join(NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            // A missing folder is an error; a missing pointer in an existing folder is not.
            Err(error) if error.kind() == io::ErrorKind::NotFound && dir.is_dir() => return Ok(None),
            Err(error) => return Err(DurableError::new("read", &path, error)),
        };
        let name = String::from_utf8_lossy(&text);
        let name = name.strip_suffix('\n').unwrap_or(&name);
        if is_plain(name) {
            Ok(Some(dir.join(name)))
        } else {
            Err(not_plain(path, name))
        }
    }

    /// Makes the file `name` of `dir`, already published, the present one.
    ///
    /// # Errors
    /// `name` is not a plain file name or no file of the folder, or the pointer cannot be written; it is then as
    /// it was.
    pub fn publish(dir: &Path, name: &str) -> Result<(), DurableError> {
        if !is_plain(name) {
            return Err(not_plain(dir.join(NAME), name));
        }
        let target = dir.join(name);
        fs::metadata(&target).map_err(|error| DurableError::new("point to", &target, error))?;
        write_atomically(&dir.join(NAME), |file| writeln!(file, "{name}"))
    }
}

/// A name that means a file of the folder itself, and not the pointer.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !matches!(name, "." | ".." | NAME)
        && !name.contains(['/', '\\', '\u{fffd}'])
        && !name.chars().any(char::is_control)
}

fn not_plain(path: PathBuf, found: &str) -> DurableError {
    DurableError::Pointer {
        path,
        found: found.chars().take(80).collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;

    #[test]
    fn points_to_what_was_published_last() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Current::read(dir.path()).unwrap(), None);
        for name in ["1.snap", "2.snap"] {
            fs::write(dir.path().join(name), "").unwrap();
            Current::publish(dir.path(), name).unwrap();
            assert_eq!(Current::read(dir.path()).unwrap(), Some(dir.path().join(name)));
        }
    }

    #[test]
    fn never_leads_out_of_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        for held in [
            "",
            "\n",
            ".",
            "..",
            "../x",
            "/etc/passwd",
            "a/b",
            "a\nb",
            "a\n\n",
            "CURRENT",
            "a\0",
            "a\\b",
        ] {
            fs::write(dir.path().join(NAME), held).unwrap();
            let error = Current::read(dir.path()).unwrap_err();
            assert!(matches!(error, DurableError::Pointer { .. }), "{held:?}: {error}");
            assert!(Current::publish(dir.path(), held).is_err(), "{held:?}");
        }
        fs::write(dir.path().join(NAME), b"\xff").unwrap();
        assert!(Current::read(dir.path()).is_err());
        fs::write(dir.path().join(NAME), "x".repeat(256)).unwrap();
        assert!(Current::read(dir.path()).is_err());
    }

    #[test]
    fn never_points_to_nothing() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("1.snap"), "").unwrap();
        Current::publish(dir.path(), "1.snap").unwrap();
        let error = Current::publish(dir.path(), "2.snap").unwrap_err();
        assert!(error.to_string().contains("point to"), "{error}");
        assert_eq!(
            Current::read(dir.path()).unwrap(),
            Some(dir.path().join("1.snap"))
        );
    }

    #[test]
    fn a_missing_folder_is_not_an_empty_one() {
        let dir = tempfile::tempdir().unwrap();
        let error = Current::read(&dir.path().join("no")).unwrap_err();
        assert!(matches!(error, DurableError::Missing { .. }), "{error}");
    }
}
