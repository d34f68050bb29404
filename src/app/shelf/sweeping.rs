//! Removing what no list names any more.

use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt};

use super::{Entry, GENERATIONS, Keeping, MANIFESTS, MANIFESTS_KEPT, Manifest, Shelf, ShelfError};

impl Shelf {
    /// Removes generations that `manifest` does not name and that nobody is about to name, and those that are `gone` from it.
    pub(super) fn sweep(
        &self,
        manifest: &Manifest,
        gone: &[Entry],
        keeping: Keeping<'_>,
    ) -> Result<(), ShelfError> {
        let failed = |error: Error| self.failed("remove what no longer stays", &error);
        let is_in = |list: &[Entry], name: &str| list.iter().any(|entry| *name == *entry.name);
        let listed = self.runtime.block_on(async {
            let list = self.store.list(Some(&self.below(GENERATIONS)));
            list.try_collect::<Vec<_>>().await
        });
        for object in listed.map_err(failed)? {
            let name = object.location.filename().unwrap_or_default();
            // Somebody may have sent one that is going to be named next, whenever it was made.
            let is_left = object.last_modified.timestamp_millis() < keeping.unnamed_since_ms;
            if !is_in(&manifest.generations, name) && (is_left || is_in(gone, name)) {
                self.remove(&object.location)?;
            }
        }
        self.clear_staged(keeping.unnamed_since_ms)
            .map_err(|error| ShelfError::Store {
                store: self.shown.clone(),
                step: "remove what a broken upload has left",
                why: error.to_string(),
            })
    }

    /// Removes lists of before the list `written`.
    pub(super) fn sweep_lists(&self, written: u64) -> Result<(), ShelfError> {
        for number in self.numbers()? {
            if number.saturating_add(MANIFESTS_KEPT) <= written {
                self.remove(&self.manifest_at(number))?;
            }
        }
        Ok(())
    }

    fn remove(&self, at: &Path) -> Result<(), ShelfError> {
        match self.runtime.block_on(self.store.delete(at)) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("remove what no longer stays", &error)),
        }
    }

    /// Removes what uploads that were killed have left in a folder, where nobody has written to it since `since_ms`, in
    /// milliseconds since 1970: the library neither lists nor removes what it has staged, and customers are in it.
    pub(super) fn clear_staged(&self, since_ms: i64) -> io::Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let since_ms = u64::try_from(since_ms).unwrap_or(0);
        let since = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(since_ms));
        for part in [GENERATIONS, MANIFESTS] {
            let entries = match fs::read_dir(folder.join(part)) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                match clear(&entry?, since) {
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    cleared => cleared?,
                }
            }
        }
        Ok(())
    }
}

fn clear(entry: &DirEntry, since: Option<SystemTime>) -> io::Result<()> {
    let name = entry.file_name();
    let is_staged = name.to_str().and_then(|name| name.rsplit_once('#'));
    let is_staged = is_staged
        .is_some_and(|(_, count)| !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit()));
    if !is_staged {
        return Ok(());
    }
    let written = entry.metadata()?.modified()?;
    // A moment that no clock tells is behind everything.
    if since.is_none_or(|since| written < since) {
        fs::remove_file(entry.path())?;
    }
    Ok(())
}
