//! Ringside's own index: the view of a lookup, over the snapshot alone.

use std::sync::Arc;

use ringside::index::{Found, Ownership, Writer};
use ringside::snapshot::layout::SectionKind;
use ringside::snapshot::{MappedSnapshot, Snapshot};

use crate::{Built, Index, said};

struct Ringside {
    index: Arc<ringside::index::Index>,
    /// Whoever could write to it.
    _writer: Writer,
}

/// The index of the snapshot at `path`, whose tables were written with it.
pub(crate) fn built(path: &std::path::Path) -> Built {
    let snapshot: MappedSnapshot = Snapshot::map(path)?;
    snapshot.populate(0, u64::MAX)?;
    let (index, writer) = ringside::index::Index::new(Arc::new(snapshot), Ownership::BUILTIN);
    Ok(Box::new(Ringside {
        index,
        _writer: writer,
    }))
}

impl Index for Ringside {
    #[inline]
    fn answer(&self, key: u64) -> Option<u64> {
        self.index.read(|view| {
            Ok(match view.find(key)? {
                Found::One(record) => Some(said(&record)),
                Found::Nobody | Found::Several(_) => None,
            })
        })
    }

    fn bytes(&self) -> u64 {
        let snapshot = self.index.snapshot();
        let length = |kind| snapshot.header().section(kind).length;
        length(SectionKind::Numbers) + length(SectionKind::Claimants)
    }
}
