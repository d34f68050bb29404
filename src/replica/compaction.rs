//! Compaction: when to merge overlay and snapshot, and doing it beside the traffic.

use std::sync::Arc;

use crate::durable::DurableError;
use crate::index::Merge;
use crate::snapshot::folder::{FolderError, Held, ReadBack};
use crate::snapshot::sort::Room;
use crate::snapshot::{MappedSnapshot, Snapshot, SnapshotError, Stream};

/// What to do about the overlay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Nothing.
    Nothing,
    /// Seal it and merge it.
    Merge,
}

/// Decides: merge once `overlay_bytes` reach `most_bytes`, or where a followed file has been replaced and what came from
/// it is in the overlay alone.
pub fn choose(overlay_bytes: u64, most_bytes: u64, source_replaced: bool) -> Choice {
    if overlay_bytes >= most_bytes || (source_replaced && overlay_bytes > 0) {
        Choice::Merge
    } else {
        Choice::Nothing
    }
}

/// Why a merge failed. What is served stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum CompactionError {
    /// The folder cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The staged file cannot be written.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// A fault of this program; its message stands above in the log.
    #[error("the merge ended in a panic; please report what it said")]
    Panicked,
    /// The snapshot cannot be read or written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// Writes `merge` as the next generation of `folder`, publishes it and maps it. Takes as long as writing the whole
/// snapshot does: call it beside the traffic. `memory_bytes` bounds what sorting takes, to half of it.
///
/// # Errors
/// The folder cannot be written, the present snapshot is damaged, or it was replaced meanwhile
/// ([`FolderError::Conflict`]); the merge is then of no more use.
pub fn compact(
    merge: &Merge,
    streams: &[Stream],
    folder: &Held,
    created_at_ms: i64,
    memory_bytes: u64,
) -> Result<Arc<MappedSnapshot>, CompactionError> {
    let generation = folder.reserve()?;
    let mut staged = folder.stage(generation)?;
    let staged_at = &folder.folder().snapshot(generation);
    let room = Room::new(folder.folder().dir(), memory_bytes);
    let writer = staged.writer().map_err(SnapshotError::Io)?;
    merge
        .write(ReadBack(writer), &room, generation, created_at_ms, streams)
        .map_err(|error| match error {
            SnapshotError::Io(source) => DurableError::new("write", staged_at, source).into(),
            other => CompactionError::Snapshot(other),
        })?;
    let path = folder.settle(staged)?;
    let snapshot = Snapshot::map(&path)?;
    if let Err(error) = snapshot.populate(0, u64::MAX) {
        tracing::debug!(%error, "the new generation is read from disk as it is asked for");
    }
    // Last, so that a merge that cannot be served is not the present generation either.
    if let Err(error) = folder.point_to(generation, merge.base()) {
        if matches!(error, FolderError::Conflict { .. }) {
            folder.discard(generation);
        }
        return Err(error.into());
    }
    Ok(Arc::new(snapshot))
}
