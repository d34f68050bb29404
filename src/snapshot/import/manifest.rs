//! How far a build is, durably: what another try needs to go on from there.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::input::{Format, Regular};
use super::mapping::Mapping;
use super::target::Target;
use crate::customer::Schema;
use crate::durable::{self, DurableError};
use crate::intake::Intake;
use crate::snapshot::Stream;
use crate::snapshot::layout::LogPlace;

pub(super) use crate::snapshot::folder::MANIFEST as NAME;
/// Another version of the program may read rows in another way.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " 2");

/// What is being built: what each part of it is called, and its value or a hash of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Key(Vec<(String, String)>);

impl Key {
    pub(super) fn of(
        input: &Regular,
        format: Format,
        mapping: &Mapping,
        intake: &Intake,
        target: &Target,
    ) -> Key {
        let hashed = |text: String| format!("{:016x}", xxh3_64(text.as_bytes()));
        let base = target.base.as_ref().map(|base| *base.header());
        let parts = [
            ("the version of Ringside", VERSION.to_owned()),
            ("the input's path", input.path.to_string_lossy().into_owned()),
            ("the input's size", input.bytes.to_string()),
            ("the input's time of change", format!("{:?}", input.modified)),
            ("the format", format!("{format:?}")),
            ("the mapping or the region", hashed(format!("{mapping:?}"))),
            (
                "the configuration of numbers or customers",
                hashed(format!("{intake:?}")),
            ),
            ("the present snapshot", hashed(format!("{base:?}"))),
        ];
        Key(parts.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// Why what was built by `earlier` is not this.
    pub(super) fn differs_from(&self, earlier: &Key) -> Option<String> {
        let pairs = self.0.iter().zip(&earlier.0);
        let differing = pairs.clone().find(|(now, before)| now != before);
        match differing {
            Some(((name, _), _)) => Some(format!("{name} is another than it was")),
            None if self.0.len() != earlier.0.len() => Some("it is another version's".to_owned()),
            None => None,
        }
    }
}

/// A place in the input between two rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Bytes ahead of it.
    pub(super) bytes: u64,
    /// Lines ahead of it.
    pub(super) line: u64,
}

/// The beginning of a file that is durable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) bytes: u64,
    /// xxh3-64 of what the file holds so far.
    pub(super) xxh3: u64,
}

/// What the summary counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) rows: u64,
    /// The row that was read last.
    pub(super) last: u64,
    pub(super) refused: u64,
    pub(super) kept_phones: u64,
}

/// How far a build is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) key: Key,
    pub(super) created_at_ms: i64,
    /// The streams that go on over the snapshot, as far as they were when the build first began: the input is not newer.
    pub(super) streams: Vec<Stream>,
    /// The change log that goes on over it, as far as it was then.
    pub(super) log: LogPlace,
    /// Scatters the number table.
    pub(super) seed: u64,
    pub(super) place: Place,
    pub(super) records: Mark,
    pub(super) notes: Mark,
    pub(super) counts: Counts,
    /// The schema as far as rows have made it.
    pub(super) schema: Option<Schema>,
}

impl Manifest {
    /// The manifest of the build folder `dir`; `None` where there is none, the inner error where it is damaged.
    pub(super) fn load(dir: &Path) -> io::Result<Option<Result<Manifest, &'static str>>> {
        let bytes = match fs::read(dir.join(NAME)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let manifest = bytes
            .split_at_checked(8)
            .filter(|(checksum, json)| xxh3_64(json).to_le_bytes() == *checksum)
            .and_then(|(_, json)| serde_json::from_slice(json).ok());
        Ok(Some(manifest.ok_or("its manifest is damaged")))
    }

    /// Makes it the folder's, durably.
    pub(super) fn save(&self, dir: &Path) -> Result<(), DurableError> {
        let path = dir.join(NAME);
        let json = serde_json::to_vec(self)
            .map_err(|error| DurableError::new("write", &path, io::Error::from(error)))?;
        durable::write_atomically(&path, |file| {
            file.write_all(&xxh3_64(&json).to_le_bytes())?;
            file.write_all(&json)
        })
    }

    /// Whether the build folder `dir` has one.
    pub(super) fn is_in(dir: &Path) -> bool {
        dir.join(NAME).exists()
    }
}
