//! A folder to build in, and ways to look at what was built.

use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use ringside::customer::Record;
use ringside::customer::document::Limits;
use ringside::intake::Intake;
use ringside::number::{Numbering, Settings};
use ringside::snapshot::claimants::{Claimants, Order};
use ringside::snapshot::folder::{Folder, Held, resolve};
use ringside::snapshot::import::{Format, ImportError, Input, Mapping, Summary, build_and_publish};
use ringside::snapshot::{MappedSnapshot, Snapshot};
use tempfile::TempDir;

pub(super) const NOW_MS: i64 = 1_800_000_000_000;
/// Bytes of memory for sorting.
pub(super) const MEMORY: u64 = 64 << 20;

pub(super) fn numbering() -> Numbering {
    let numbering = Numbering::new(&Settings::builtin()).unwrap();
    numbering.for_source(Some("US".parse().unwrap()), None)
}

pub(super) fn intake() -> Intake {
    Intake::new(numbering(), Limits::default())
}

/// A folder of its own for each test.
pub(super) struct Place {
    pub(super) dir: TempDir,
    pub(super) held: Held,
}

impl Place {
    pub(super) fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let held = Folder::hold(Folder::of_tenant(dir.path()).dir()).unwrap();
        Place { dir, held }
    }

    pub(super) fn build<R: Read + Send>(
        &self,
        reader: R,
        format: Format,
        mapping: &Mapping,
    ) -> Result<Summary, ImportError> {
        let input = Input::stream(reader, format);
        build_and_publish(input, mapping, &intake(), &self.held, NOW_MS, MEMORY, |_| {})
    }

    pub(super) fn csv(&self, text: impl AsRef<[u8]>, mapping: &str) -> Result<Summary, ImportError> {
        let mapping = Mapping::parse(mapping).unwrap();
        self.build(Cursor::new(text.as_ref().to_vec()), Format::Csv, &mapping)
    }

    pub(super) fn ndjson(&self, text: &str, mapping: &str) -> Result<Summary, ImportError> {
        let mapping = Mapping::parse(mapping).unwrap();
        self.build(Cursor::new(text.as_bytes().to_vec()), Format::Ndjson, &mapping)
    }

    pub(super) fn snapshot(&self) -> MappedSnapshot {
        let snapshot = Snapshot::map(&resolve(self.dir.path()).unwrap()).unwrap();
        snapshot.verify(|_| {}).unwrap();
        snapshot
    }

    /// Names in the tenant's folder.
    pub(super) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.held.folder().dir()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

pub(super) fn json(record: &Record<'_>) -> serde_json::Value {
    serde_json::from_slice(record.json()).unwrap()
}

pub(super) fn rejects(summary: &Summary) -> Vec<serde_json::Value> {
    let Some(path) = &summary.rejects else {
        return Vec::new();
    };
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(super) fn hospitals() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hospitals.csv")
}

pub(super) fn claimant_ids(snapshot: &MappedSnapshot, key: u64) -> Vec<String> {
    match snapshot.claimants(key) {
        Claimants::None | Claimants::Damaged => Vec::new(),
        Claimants::One(record) => vec![record.id().to_owned()],
        Claimants::Many(many) => many
            .references(Order::NewestClaim)
            .map(|reference| snapshot.claimant(reference).unwrap().id().to_owned())
            .collect(),
    }
}
