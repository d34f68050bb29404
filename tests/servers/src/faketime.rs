//! libfaketime: a process that lives in another time. Its monotonic clock stays.

use std::fs;
use std::path::PathBuf;

/// Where the library is; `tests/servers/install/faketime.sh` installs it.
pub fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap().flatten();
    let mut found = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    found
        .find(|library| library.exists())
        .expect("libfaketime is needed: run tests/servers/install/faketime.sh")
}

/// Variables of a process whose clock is off by `offset` seconds, such as `+300`.
pub fn variables(offset: &str) -> Vec<(String, String)> {
    [
        ("LD_PRELOAD", library().to_string_lossy().into_owned()),
        ("FAKETIME", offset.to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
