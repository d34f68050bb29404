//! Compaction: when to merge overlay and snapshot, and doing it beside the traffic.

mod ahead;
mod erasure;

use std::io::ErrorKind;
use std::sync::Arc;

use crate::durable::DurableError;
use crate::index::Merge;
use crate::snapshot::folder::{FolderError, Held, ReadBack};
use crate::snapshot::sort::Room;
use crate::snapshot::{MappedSnapshot, Snapshot, SnapshotError, Stream};
pub use erasure::Erasure;

/// What to do about the overlay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Nothing.
    Nothing,
    /// Seal it and merge it.
    Merge,
}

/// What there is to be merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Bytes of the overlays.
    pub overlay_bytes: u64,
    /// Bytes of the change log.
    pub log_bytes: u64,
    /// A followed file has been replaced, and may soon be gone.
    pub rotated: bool,
    /// The present generation holds what has to be erased.
    pub to_erase: bool,
}

/// How much of it there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the overlays.
    pub overlay_bytes: u64,
    /// Bytes of the change log.
    pub log_bytes: u64,
}

/// Decides: merge once there is more than may be, or where the past has to go. A log that is too long though the overlay
/// is empty gets shorter by trimming alone.
pub fn choose(load: Load, most: Limits) -> Choice {
    let is_much = load.overlay_bytes >= most.overlay_bytes || load.log_bytes >= most.log_bytes;
    if load.overlay_bytes > 0 && (is_much || load.rotated || load.to_erase) {
        Choice::Merge
    } else {
        Choice::Nothing
    }
}

/// A generation that is kept, as far as the change log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Its serial number.
    pub generation: u64,
    /// The newest change that it holds or takes the place of.
    pub follows: u64,
    /// Whether it is the present one.
    pub is_present: bool,
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
}

/// A generation that is kept and over which another log went on, or that cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Other {
    /// Its serial number.
    pub generation: u64,
    /// Milliseconds since 1970; 0 where it cannot be opened.
    pub created_at_ms: i64,
}

impl From<Kept> for Other {
    fn from(kept: Kept) -> Other {
        Other {
            generation: kept.generation,
            created_at_ms: kept.created_at_ms,
        }
    }
}

/// The generations of `folder` over which the log `line` goes on, and the others but for the present one.
///
/// # Errors
/// The folder or one of them cannot be read, though it may be whole.
pub fn kept(folder: &Held, line: u64) -> Result<(Vec<Kept>, Vec<Other>), FolderError> {
    let present = folder.present();
    let (mut kept, mut others) = (Vec::new(), Vec::new());
    for generation in folder.folder().generations()? {
        let path = folder.folder().snapshot(generation);
        // One that is damaged cannot be gone back to either, and is as old as can be.
        let header = match Snapshot::map(&path) {
            // It went meanwhile.
            Err(SnapshotError::Io(error)) if error.kind() == ErrorKind::NotFound => continue,
            // Files or memory may have run out for a moment: nothing may be erased or trimmed for that.
            Err(SnapshotError::Io(error)) => return Err(DurableError::new("read", &path, error).into()),
            mapped => mapped.map(|snapshot| *snapshot.header()),
        };
        let is_present = generation == present;
        match header {
            Ok(header) if header.log.line == line => kept.push(Kept {
                generation,
                follows: header.log.follows,
                is_present,
                created_at_ms: header.created_at_ms,
            }),
            other if !is_present => others.push(Other {
                generation,
                created_at_ms: other.map_or(0, |header| header.created_at_ms),
            }),
            _ => {}
        }
    }
    Ok((kept, others))
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
    let file = staged.file().map_err(SnapshotError::Io)?;
    let writer = staged.writer().map_err(SnapshotError::Io)?;
    ahead::writing(&file, ReadBack(writer), |out| {
        merge.write(out, &room, generation, created_at_ms, streams)?;
        Ok(())
    })
    .map_err(|error| match error {
        SnapshotError::Io(source) => DurableError::new("write", staged_at, source).into(),
        other => CompactionError::Snapshot(other),
    })?;
    drop(file);
    // Finished, it changes no more, whatever its name is; so its pages are mapped while the disk takes them.
    let snapshot = Snapshot::map(staged.path())?;
    std::thread::scope(|scope| -> Result<(), CompactionError> {
        let populate = || {
            if let Err(error) = snapshot.populate(0, u64::MAX) {
                tracing::debug!(%error, "the new generation is read from disk as it is asked for");
            }
        };
        let populating = std::thread::Builder::new()
            .name("populate".into())
            .spawn_scoped(scope, populate);
        if let Err(error) = populating {
            tracing::debug!(%error, "the new generation is mapped as it is asked for");
        }
        folder.settle(staged)?;
        Ok(())
    })?;
    // Last, so that a merge that cannot be served is not the present generation either.
    if let Err(error) = folder.point_to(generation, merge.base()) {
        if matches!(error, FolderError::Conflict { .. }) {
            folder.discard(generation);
        }
        return Err(error.into());
    }
    Ok(Arc::new(snapshot))
}
