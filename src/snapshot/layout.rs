//! The snapshot file's bytes, format version 1, which is stable: every later Ringside reads it.
//!
//! ```text
//!     0  [u8; 8]  magic "RINGSIDE"
//!     8  u32      format version
//!    12  u32      number of sections
//!    16  u64      file length
//!    24  u64      generation
//!    32  u64      seq: the newest change that the file holds
//!    40  i64      created at, milliseconds since 1970
//!    48  u64      customers
//!    56  u64      entries of the number table (distinct keys)
//!    64  u64      claims, those on values of attributes included
//!    72  u64      contested numbers (more than one claimant)
//!    80  u64      seed of the number table's hash
//!    88  u64      line of the change log that goes on over the file; 0 for none yet
//!    96  u64      follows: the newest change of that log that the file holds or takes the place of
//!   104  u64      last digits that the suffix table goes by, 7–15; 0: there is none
//!   112  u64      entries of the suffix table (distinct suffixes)
//!   120  u64      entries of the number table that are values of attributes
//!   128  section directory, 40 bytes an entry:
//!          0  u32  kind      4  u16  version      6  u16  1 = required, 0 = optional
//!          8  u64  offset   16  u64  length      24  u64  xxh3-64      32  u64  zero
//!  4088  u64      xxh3-64 of bytes 0–4087
//!  4096  sections, each at a multiple of 64
//! ```
//!
//! Integers are little-endian. An unknown optional section is skipped; an unknown required one, an unknown version
//! of a known one and an unknown format version are refused by name. What becomes known later is an optional section,
//! where a reader that skips it answers as before, or another version of the format, where it would not.
//!
//! Version 0 has the same bytes but for the number at 8 and the header's checksum. It is read, and is version 1 with the
//! next merge.
//!
//! | kind | section | content |
//! | --- | --- | --- |
//! | 1 | records | records, each at a multiple of 8; references are file offset ÷ 8 |
//! | 2 | numbers | table of keys, of numbers and of values of attributes; a slot leads to a record or, where contested, to a claimants entry |
//! | 3 | claimants | entries, each at a multiple of 8: `u64` xxh3 of the rest, `u64` key, `u32` count, `u32` 1 = shared, count × `u64` references newest claim first, count × `u64` references newest customer first |
//! | 4 | ids | table of customer ids |
//! | 5 | schema | JSON |
//! | 6 | streams | JSON: `[{"stream", "incarnation", "token"}]`; a record's origin counts into it |
//! | 7 | suffixes | optional: table of the last digits of public numbers, as an integer; a slot leads to what the one number with them leads to, or has the reference 2⁴⁰ − 1, where several numbers have them |
//! | 8 | names | optional: customers by the words of their names, see below |
//!
//! The section of names has, one behind the other:
//!
//! ```text
//! a row for each customer, in the order of the records, 24 bytes:
//!          0  u64  reference    8  i64  created at, milliseconds since 1970; least number: not known
//!         16  u64  the first 8 bytes of the folded name, the first one weightiest
//! postings, for each word: the places of its customers' rows, from 0, ascending, as LEB128: the first, then differences
//! a word for each entry, ascending, 24 bytes:
//!          0  [u8; 16]  the first 16 bytes of the folded word, zeros behind a shorter one
//!         16  u64  where its postings end, from the first of all; they begin where those of the word before end
//! 0  u64  rows    8  u64  bytes of postings    16  u64  words    24  u64  zero
//! ```

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::SnapshotError;
pub use crate::customer::id_hash53;

pub(crate) const MAGIC: [u8; 8] = *b"RINGSIDE";
/// The format's version, as it is written.
pub const FORMAT_VERSION: u32 = 1;
/// The versions that are read.
pub const READ_VERSIONS: RangeInclusive<u32> = 0..=FORMAT_VERSION;
/// Bytes of the header page.
pub(crate) const HEADER_LEN: usize = 4096;
/// Alignment of sections, a cache line.
pub(crate) const SECTION_ALIGN: u64 = 64;
/// What a slot of the suffix table has for a reference where several numbers end so: all ones, from which no flipped bit
/// leads to a record of a file below 4 TiB.
pub(crate) const SEVERAL: u64 = (1 << 40) - 1;
/// Alignment of records and claimants entries, the unit of references.
pub(crate) const UNIT: u64 = 8;

const DIRECTORY: usize = 128;
const DIRECTORY_ENTRY: usize = 40;
const CHECKSUM: usize = HEADER_LEN - 8;
const MOST_SECTIONS: usize = (CHECKSUM - DIRECTORY) / DIRECTORY_ENTRY;

/// A section's kind. The discriminants are the file's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum SectionKind {
    /// The records.
    Records = 1,
    /// The number table.
    Numbers = 2,
    /// Claimants of contested numbers.
    Claimants = 3,
    /// The id table.
    Ids = 4,
    /// The schema.
    Schema = 5,
    /// The streams and their resume tokens.
    Streams = 6,
    /// The suffix table.
    Suffixes = 7,
    /// Customers by the words of their names.
    Names = 8,
}

impl SectionKind {
    /// Every kind, in the order of [`Header::sections`].
    pub const ALL: [SectionKind; 8] = [
        SectionKind::Records,
        SectionKind::Numbers,
        SectionKind::Claimants,
        SectionKind::Ids,
        SectionKind::Schema,
        SectionKind::Streams,
        SectionKind::Suffixes,
        SectionKind::Names,
    ];

    /// Whether a file without it is no snapshot, and whoever does not know it must not read the file.
    pub fn is_required(self) -> bool {
        !matches!(self, SectionKind::Suffixes | SectionKind::Names)
    }

    /// The section's name in messages.
    pub fn name(self) -> &'static str {
        match self {
            SectionKind::Records => "records",
            SectionKind::Numbers => "numbers",
            SectionKind::Claimants => "claimants",
            SectionKind::Ids => "ids",
            SectionKind::Schema => "schema",
            SectionKind::Streams => "streams",
            SectionKind::Suffixes => "suffixes",
            SectionKind::Names => "names",
        }
    }
}

/// Where a section is and what its bytes hash to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Section {
    /// Bytes from the start of the file.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// xxh3-64 of the bytes.
    pub xxh3: u64,
}

/// Where a change log goes on over a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPlace {
    /// Which line of logs: seqs of one say nothing of those of another. 0: no log was there yet.
    pub line: u64,
    /// The newest change that the snapshot holds, or takes the place of; those behind it are applied over it.
    pub follows: u64,
}

impl Section {
    /// An optional section that is not there: no bytes, and what those hash to.
    pub(super) fn absent() -> Section {
        Section {
            offset: 0,
            length: 0,
            xxh3: xxh3_64(&[]),
        }
    }
}

/// The header page, decoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Header {
    /// The version of the format that the file is in.
    pub format_version: u32,
    /// Bytes of the whole file.
    pub file_length: u64,
    /// Serial number of the snapshot in its folder.
    pub generation: u64,
    /// The newest change that the file holds.
    pub seq: u64,
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
    /// Customers.
    pub customers: u64,
    /// Distinct numbers.
    pub numbers: u64,
    /// Distinct values of attributes by which customers are found, which the number table has too.
    pub attributes: u64,
    /// Claims on either: a number that two customers list counts twice.
    pub claims: u64,
    /// Numbers with more than one claimant.
    pub contested: u64,
    /// Seed of the number table's hash.
    pub seed: u64,
    /// Which change log goes on over the file.
    pub log: LogPlace,
    /// Last digits that the suffix table goes by; 0 where there is none.
    pub suffix_digits: u64,
    /// Distinct suffixes of public numbers.
    pub suffixes: u64,
    /// The sections, in the order of [`SectionKind::ALL`].
    pub sections: [Section; SectionKind::ALL.len()],
}

impl Header {
    /// Distinct keys in the number table.
    pub fn keys(&self) -> u64 {
        self.numbers.saturating_add(self.attributes)
    }

    /// The section of `kind`.
    pub fn section(&self, kind: SectionKind) -> Section {
        self.sections[kind as usize - 1]
    }

    /// Whether the section of `kind` is there.
    pub fn has(&self, kind: SectionKind) -> bool {
        match kind {
            SectionKind::Suffixes => self.suffix_digits != 0,
            SectionKind::Names => self.section(kind).length != 0,
            _ => true,
        }
    }

    /// Compares what the bytes of `kind`'s section hash to with what their writer saw.
    pub(crate) fn check(&self, kind: SectionKind, found: u64) -> Result<(), SnapshotError> {
        let expected = self.section(kind).xxh3;
        if expected == found {
            return Ok(());
        }
        Err(SnapshotError::Checksum {
            what: kind.name(),
            expected,
            found,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut page = vec![0; HEADER_LEN];
        page[..8].copy_from_slice(&MAGIC);
        page[8..12].copy_from_slice(&self.format_version.to_le_bytes());
        let present = |kind: &SectionKind| self.has(*kind);
        let count = SectionKind::ALL
            .iter()
            .map(|kind| u32::from(present(kind)))
            .sum::<u32>();
        page[12..16].copy_from_slice(&count.to_le_bytes());
        let words = [
            self.file_length,
            self.generation,
            self.seq,
            u64::from_le_bytes(self.created_at_ms.to_le_bytes()),
            self.customers,
            self.keys(),
            self.claims,
            self.contested,
            self.seed,
            self.log.line,
            self.log.follows,
            self.suffix_digits,
            self.suffixes,
            self.attributes,
        ];
        for (word, at) in words.iter().zip((16..).step_by(8)) {
            page[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
        for (kind, entry) in SectionKind::ALL
            .iter()
            .filter(|kind| present(kind))
            .zip(page[DIRECTORY..].chunks_exact_mut(DIRECTORY_ENTRY))
        {
            let section = self.section(*kind);
            entry[..4].copy_from_slice(&(*kind as u32).to_le_bytes());
            entry[6..8].copy_from_slice(&u16::from(kind.is_required()).to_le_bytes());
            entry[8..16].copy_from_slice(&section.offset.to_le_bytes());
            entry[16..24].copy_from_slice(&section.length.to_le_bytes());
            entry[24..32].copy_from_slice(&section.xxh3.to_le_bytes());
        }
        let checksum = xxh3_64(&page[..CHECKSUM]);
        page[CHECKSUM..].copy_from_slice(&checksum.to_le_bytes());
        page
    }

    /// Decodes the header of a file of which `bytes` is the whole, and checks that every section lies inside.
    ///
    /// # Errors
    /// Whatever keeps the file from being a snapshot of a version that is read.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Header, SnapshotError> {
        let found_length = bytes.len() as u64;
        if !bytes.starts_with(&MAGIC) {
            return Err(SnapshotError::Magic);
        }
        let Some(page) = bytes.get(..HEADER_LEN) else {
            return Err(SnapshotError::Truncated {
                expected: HEADER_LEN as u64,
                found: found_length,
            });
        };
        let format_version = whole(page)?;
        let keys = u64_at(page, 56);
        let attributes = u64_at(page, 120).min(keys);
        let mut header = Header {
            format_version,
            file_length: u64_at(page, 16),
            generation: u64_at(page, 24),
            seq: u64_at(page, 32),
            created_at_ms: i64::from_le_bytes(u64_at(page, 40).to_le_bytes()),
            customers: u64_at(page, 48),
            numbers: keys - attributes,
            attributes,
            claims: u64_at(page, 64),
            contested: u64_at(page, 72),
            seed: u64_at(page, 80),
            log: LogPlace {
                line: u64_at(page, 88),
                follows: u64_at(page, 96),
            },
            suffix_digits: u64_at(page, 104),
            suffixes: u64_at(page, 112),
            sections: [Section::absent(); SectionKind::ALL.len()],
        };
        let has_suffixes = header.suffix_digits != 0;
        if header.file_length != found_length {
            return Err(SnapshotError::Truncated {
                expected: header.file_length,
                found: found_length,
            });
        }
        let mut present = [false; SectionKind::ALL.len()];
        let count = (u32_at(page, 12) as usize).min(MOST_SECTIONS);
        for entry in page[DIRECTORY..].chunks_exact(DIRECTORY_ENTRY).take(count) {
            let (kind, version) = (u32_at(entry, 0), u16::from_le_bytes([entry[4], entry[5]]));
            let required = entry[6] & 1 != 0;
            let Some(known) = SectionKind::ALL.iter().position(|known| *known as u32 == kind) else {
                if required {
                    return Err(SnapshotError::UnknownSection { kind });
                }
                continue;
            };
            let name = SectionKind::ALL[known].name();
            if version != 0 {
                return Err(SnapshotError::SectionVersion {
                    section: name,
                    expected: 0,
                    found: version,
                });
            }
            let section = Section {
                offset: u64_at(entry, 8),
                length: u64_at(entry, 16),
                xxh3: u64_at(entry, 24),
            };
            let end = section.offset.checked_add(section.length);
            if end.is_none_or(|end| end > found_length) {
                return Err(SnapshotError::SectionOutside {
                    section: name,
                    section_end: end.unwrap_or(u64::MAX),
                    file: found_length,
                });
            }
            header.sections[known] = section;
            present[known] = true;
        }
        let mut kinds = SectionKind::ALL.into_iter().zip(present);
        let needed = |kind: SectionKind| kind.is_required() || kind == SectionKind::Suffixes && has_suffixes;
        match kinds.find(|(kind, present)| needed(*kind) && !present) {
            Some((missing, _)) => Err(SnapshotError::MissingSection {
                section: missing.name(),
            }),
            None => Ok(header),
        }
    }
}

/// The version of the header `page`, which is one that is read, and whole.
fn whole(page: &[u8]) -> Result<u32, SnapshotError> {
    // The version is read ahead of the checksum, because another version may put its checksum elsewhere.
    let version = u32_at(page, 8);
    if !READ_VERSIONS.contains(&version) {
        return Err(SnapshotError::FormatVersion {
            newest: FORMAT_VERSION,
            found: version,
        });
    }
    let (expected, found) = (u64_at(page, CHECKSUM), xxh3_64(&page[..CHECKSUM]));
    if expected != found {
        return Err(SnapshotError::Checksum {
            what: "header",
            expected,
            found,
        });
    }
    Ok(version)
}

/// Gives the snapshot that begins with `page`, its header's page, another serial number, and says that the change log
/// `line` goes on over it: what is copied goes its own way, and seqs of the log it came from say nothing of those to come.
///
/// # Errors
/// It is not the whole header page of a snapshot of a version that is read.
pub fn renumber(page: &mut [u8], generation: u64, line: u64) -> Result<(), SnapshotError> {
    if !page.starts_with(&MAGIC) || page.len() < HEADER_LEN {
        return Err(SnapshotError::Magic);
    }
    whole(page)?;
    page[24..32].copy_from_slice(&generation.to_le_bytes());
    page[88..96].copy_from_slice(&line.to_le_bytes());
    let checksum = xxh3_64(&page[..CHECKSUM]);
    page[CHECKSUM..HEADER_LEN].copy_from_slice(&checksum.to_le_bytes());
    Ok(())
}

/// Offset and length of every section in the directory of a file that decodes, those of unknown kinds too.
pub(crate) fn extents(bytes: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    let count = (u32_at(bytes, 12) as usize).min(MOST_SECTIONS);
    (0..count).map(move |nth| {
        let entry = DIRECTORY + nth * DIRECTORY_ENTRY;
        (u64_at(bytes, entry + 8), u64_at(bytes, entry + 16))
    })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes
        .get(at..at + 8)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

/// The hash of a number's key: a bijection (Stafford's mix 13 of the seeded key), so that equal hashes mean equal
/// keys.
pub(crate) fn number_hash(key: u64, seed: u64) -> u64 {
    let mut hash = key ^ seed;
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// The key whose [`number_hash`] is `hash`: the same steps, backwards.
pub(crate) fn number_of_hash(hash: u64, seed: u64) -> u64 {
    let mut key = hash ^ (hash >> 31) ^ (hash >> 62);
    key = key.wrapping_mul(inverse(0x94d0_49bb_1331_11eb));
    key = key ^ (key >> 27) ^ (key >> 54);
    key = key.wrapping_mul(inverse(0xbf58_476d_1ce4_e5b9));
    key ^ (key >> 30) ^ (key >> 60) ^ seed
}

/// What an odd number is multiplied by for 1, modulo 2⁶⁴; each of Newton's steps doubles the bits that are right, of
/// which an odd number itself has three.
const fn inverse(odd: u64) -> u64 {
    let mut inverse = odd;
    let mut step = 0;
    while step < 5 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
        step += 1;
    }
    inverse
}

/// Spreads a 53-bit hash over 64 bits, so that its low bits serve as fingerprint and its high bits choose a bucket.
pub(crate) fn id_hash(hash53: u64) -> u64 {
    hash53 << 11 | hash53 & 0xff
}
