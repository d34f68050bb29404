//! The file of keys: read whole, written whole or not at all, by one at a time.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Key, Keyring};
use crate::durable::{self, DurableError};

/// The version of the file's form that is read and written.
const VERSION: u32 = 1;
/// Nobody but the user who runs the service.
const MODE: u32 = 0o600;

/// What is wrong with keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be read or locked.
    #[error("cannot {step} the keys in {}: {source}; run as the user whose service it is, or correct the path", file.display())]
    Io {
        /// What was being done.
        step: &'static str,
        /// The file.
        file: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file is not one of keys.
    #[error("{}: expected a file of keys as `ringside key add` writes it, found a fault: {message}; restore it", file.display())]
    Broken {
        /// The file.
        file: PathBuf,
        /// What is wrong, without what the file holds.
        message: String,
    },
    /// There were keys and their file is gone.
    #[error("{}: expected the file of keys, found none; put it back, or restart without keys", .0.display())]
    Gone(PathBuf),
    /// The file cannot be written.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// A name that cannot be.
    #[error(
        "name of a key: expected 1 to 64 characters without control characters and without spaces around them, found \
         another; correct it"
    )]
    Name,
    /// A name or id that no key has.
    #[error(
        "expected the name or the id of a key, found one that no key has; `ringside key list` shows them"
    )]
    NoSuchKey,
    /// A secret that cannot be one.
    #[error("the secret: expected {expected}, found {found}; {remedy}")]
    Secret {
        /// What it has to be.
        expected: &'static str,
        /// What it is, without what it holds.
        found: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A secret that counts already.
    #[error(
        "expected a secret that no key has yet, found one that counts; revoke that key, or have the system make another secret"
    )]
    SameSecret,
    /// More secrets that were chosen elsewhere than there may be.
    #[error(
        "expected at most {most} secrets that were chosen elsewhere, found more; have Ringside make keys: leave out --secret-file"
    )]
    TooManyChosen {
        /// The most of them, those that count no more among them.
        most: usize,
    },
    /// The system has no chance to give.
    #[error("the system gives no random bytes: {0}; try again")]
    Random(String),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    keys: Vec<Key>,
}

/// The keys in `file`; `None` where there is no such file.
pub(super) fn read(file: &Path) -> Result<Option<Keyring>, KeysError> {
    let text = match fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed("read", file, source)),
    };
    let broken = |message: String| KeysError::Broken {
        file: file.to_owned(),
        message,
    };
    let document: Document = serde_json::from_slice(&text).map_err(|error| {
        // The reader's words may repeat a value; where it is will do.
        broken(format!("line {}, column {}", error.line(), error.column()))
    })?;
    if document.version != VERSION {
        return Err(broken(format!(
            "version {}, where this program knows {VERSION}",
            document.version
        )));
    }
    let ring = Keyring::new(document.keys);
    if ring.by_id.len() != ring.keys.len() {
        return Err(broken("two keys with one id".to_owned()));
    }
    Ok(Some(ring))
}

/// Lets `change` change the keys of `file`, which begins without any where it does not exist, and writes it. Whoever
/// else wants to meanwhile waits.
///
/// # Errors
/// The file cannot be read or written, or `change` says so; the file is then as it was.
pub fn edit<T>(
    file: &Path,
    change: impl FnOnce(&mut Keyring) -> Result<T, KeysError>,
) -> Result<T, KeysError> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(|source| failed("create the folder of", file, source))?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    // A file of its own: the one with the keys is replaced, and a lock on the old one would guard nothing.
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .open(folder.join(format!(".{name}.lock")))
        .map_err(|source| failed("lock", file, source))?;
    let owner = fs::metadata(folder).map_err(|source| failed("read", file, source))?;
    give(&lock, &owner).map_err(|source| failed("lock", file, source))?;
    lock.lock().map_err(|source| failed("lock", file, source))?;

    let mut ring = read(file)?.unwrap_or_default();
    let changed = change(&mut ring)?;
    let document = Document {
        version: VERSION,
        keys: ring.keys,
    };
    durable::write_atomically(file, |staged| {
        staged.get_ref().set_permissions(Permissions::from_mode(MODE))?;
        give(staged.get_ref(), &owner)?;
        serde_json::to_writer_pretty(&mut *staged, &document)?;
        staged.write_all(b"\n")
    })?;
    Ok(changed)
}

/// Gives `file` to the owner of its folder, as far as that is allowed: root makes keys for a service that runs as another
/// user, and anybody else may not give files away.
fn give(file: &File, owner: &Metadata) -> io::Result<()> {
    if file.metadata()?.uid() != owner.uid() {
        let _refused = fchown(file, Some(owner.uid()), Some(owner.gid()));
    }
    Ok(())
}

fn failed(step: &'static str, file: &Path, source: io::Error) -> KeysError {
    KeysError::Io {
        step,
        file: file.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use std::sync::Barrier;

    use super::*;
    use crate::http::access::Scope;

    #[test]
    fn the_file_is_the_owners_and_holds_no_key() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("new/keys.json");
        let token = edit(&file, |ring| {
            ring.add("pbx", vec![Scope::Lookup, Scope::Admin], 5, Some(9))
                .map(|(_, token)| token)
        })
        .unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains(&token.expose()[12..]), "the secret is in the file");
        let ring = read(&file).unwrap().unwrap();
        let key = ring.identify(token.expose().as_bytes(), 6).unwrap();
        assert_eq!((key.created_s, key.expires_s, key.scopes.len()), (5, Some(9), 2));
    }

    #[test]
    fn all_who_write_at_once_are_heard() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys.json");
        let together = Barrier::new(8);
        std::thread::scope(|scope| {
            for nth in 0..8 {
                let (file, together) = (&file, &together);
                scope.spawn(move || {
                    together.wait();
                    edit(file, |ring| {
                        ring.add(&format!("k{nth}"), vec![], 0, None).map(drop)
                    })
                    .unwrap();
                });
            }
        });
        assert_eq!(read(&file).unwrap().unwrap().all().len(), 8);
    }

    #[test]
    fn what_is_no_file_of_keys_is_told_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys.json");
        let key = r#"{"id":"0a0b0c0d","name":"a","sha256":"00","scopes":[],"created_s":0,"expires_s":null,"revoked_s":null}"#;
        for text in [
            "",
            "[]",
            r#"{"version":2,"keys":[]}"#,
            r#"{"version":1,"keys":[],"more":1}"#,
            &format!(r#"{{"version":1,"keys":[{key}]}}"#),
        ] {
            fs::write(&file, text).unwrap();
            let error = edit(&file, |ring| ring.add("b", vec![], 0, None).map(drop)).unwrap_err();
            assert!(matches!(error, KeysError::Broken { .. }), "{text}: {error}");
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        let whole = key.replace("\"00\"", &format!("\"{}\"", "00".repeat(32)));
        fs::write(&file, format!(r#"{{"version":1,"keys":[{whole},{whole}]}}"#)).unwrap();
        assert!(
            read(&file)
                .unwrap_err()
                .to_string()
                .contains("two keys with one id")
        );
    }
}
