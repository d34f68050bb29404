//! Customers and their parts, brought together by the customer's id, in bounded memory.
//!
//! Both are scattered over partitions by a hash of the id (as in a Grace hash join: Kitsuregawa, Tanaka and Moto-Oka,
//! 1983); a partition is kept in memory, and in a file beyond a bound. At the end each partition is joined by itself.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::feed::source::SourceError;

/// Partitions: one of a copy of ten gigabytes is forty megabytes.
const PARTITIONS: usize = 256;
/// The name of their files begins so.
const NAME: &str = "join-";
/// Bytes of parts without a customer that are kept.
const MOST_ORPHANS: usize = 64 << 20;

/// A part whose customer was not copied: it may come later.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Orphan {
    pub(super) customer_id: String,
    /// `cases` or `interactions`.
    pub(super) list: &'static str,
    pub(super) part: Value,
}

/// Rows that wait to be joined.
#[derive(Debug)]
pub(super) struct Join {
    dir: PathBuf,
    partitions: Vec<Partition>,
    bytes: usize,
    memory: usize,
}

#[derive(Debug, Default)]
struct Partition {
    bytes: Vec<u8>,
    file: Option<File>,
}

impl Join {
    /// Keeps `memory` bytes in memory, and what is more in files in `dir`.
    pub(super) fn new(dir: &Path, memory: usize) -> Join {
        Join {
            dir: dir.to_owned(),
            partitions: (0..PARTITIONS).map(|_| Partition::default()).collect(),
            bytes: 0,
            memory,
        }
    }

    pub(super) fn customer(&mut self, customer: &Value) -> io::Result<()> {
        let id = customer.get("id").and_then(Value::as_str).unwrap_or_default();
        self.put(0, id, customer)
    }

    pub(super) fn part(&mut self, customer_id: &str, list: &'static str, part: &Value) -> io::Result<()> {
        self.put(if list == "cases" { 1 } else { 2 }, customer_id, part)
    }

    fn put(&mut self, kind: u8, id: &str, json: &Value) -> io::Result<()> {
        let nth = usize::try_from(xxh3_64(id.as_bytes()) % PARTITIONS as u64).unwrap_or(0);
        let bytes = &mut self.partitions[nth].bytes;
        let before = bytes.len();
        bytes.push(kind);
        bytes.extend_from_slice(&length(id.len())?);
        bytes.extend_from_slice(id.as_bytes());
        let at = bytes.len();
        bytes.extend_from_slice(&[0; 4]);
        serde_json::to_writer(&mut *bytes, json)?;
        let len = length(bytes.len() - at - 4)?;
        bytes[at..at + 4].copy_from_slice(&len);
        self.bytes += bytes.len() - before;
        if self.bytes > self.memory {
            self.spill()
        } else {
            Ok(())
        }
    }

    fn spill(&mut self) -> io::Result<()> {
        for (nth, partition) in self.partitions.iter_mut().enumerate() {
            if partition.bytes.is_empty() {
                continue;
            }
            let file = match &mut partition.file {
                Some(file) => file,
                none => none.insert(
                    OpenOptions::new()
                        .create(true)
                        .truncate(true)
                        .read(true)
                        .write(true)
                        .open(self.dir.join(format!("{NAME}{nth}")))?,
                ),
            };
            file.write_all(&partition.bytes)?;
            partition.bytes.clear();
            partition.bytes.shrink_to(1 << 16);
        }
        self.bytes = 0;
        Ok(())
    }

    /// Hands every customer, with its parts, to `each`, as a line of JSON; gives back parts without a customer.
    pub(super) fn finish(
        mut self,
        each: &mut dyn FnMut(&[u8]) -> Result<(), SourceError>,
    ) -> Result<Vec<Orphan>, SourceError> {
        let mut orphans = Orphans::default();
        for (nth, partition) in std::mem::take(&mut self.partitions).into_iter().enumerate() {
            let mut bytes = Vec::new();
            if let Some(file) = partition.file {
                read_all(file, &mut bytes).map_err(super::spill)?;
                // The name alone is in the way; the folder goes with the build.
                let _gone = fs::remove_file(self.dir.join(format!("{NAME}{nth}")));
            }
            bytes.extend_from_slice(&partition.bytes);
            join(&bytes, each, &mut orphans)?;
        }
        if orphans.passed_over > 0 {
            tracing::warn!(
                parts = orphans.passed_over,
                "more cases and interactions without a customer than are kept: they are left out"
            );
        }
        Ok(orphans.kept)
    }
}

/// Parts without a customer.
#[derive(Debug, Default)]
struct Orphans {
    kept: Vec<Orphan>,
    bytes: usize,
    passed_over: u64,
}

fn read_all(mut file: File, into: &mut Vec<u8>) -> io::Result<()> {
    use std::io::Seek;
    file.rewind()?;
    BufReader::new(file).read_to_end(into)?;
    Ok(())
}

impl Drop for Join {
    fn drop(&mut self) {
        for nth in 0..self.partitions.len() {
            if self.partitions[nth].file.is_some() {
                let _gone = fs::remove_file(self.dir.join(format!("{NAME}{nth}")));
            }
        }
    }
}

fn length(len: usize) -> io::Result<[u8; 4]> {
    let len = u32::try_from(len)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a document over 4 GiB"))?;
    Ok(len.to_le_bytes())
}

/// One of the rows of a partition.
struct Entry<'a> {
    kind: u8,
    id: &'a str,
    json: &'a [u8],
}

fn entries(mut bytes: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    fn sized<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
        let (len, rest) = bytes.split_first_chunk::<4>()?;
        let (own, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
        *bytes = rest;
        Some(own)
    }
    std::iter::from_fn(move || {
        let (kind, rest) = bytes.split_first()?;
        bytes = rest;
        let id = std::str::from_utf8(sized(&mut bytes)?).ok()?;
        let json = sized(&mut bytes)?;
        Some(Entry {
            kind: *kind,
            id,
            json,
        })
    })
}

fn join(
    bytes: &[u8],
    each: &mut dyn FnMut(&[u8]) -> Result<(), SourceError>,
    orphans: &mut Orphans,
) -> Result<(), SourceError> {
    let mut parts: HashMap<&str, Vec<Entry<'_>>> = HashMap::new();
    for entry in entries(bytes).filter(|entry| entry.kind > 0) {
        parts.entry(entry.id).or_default().push(entry);
    }
    for customer in entries(bytes).filter(|entry| entry.kind == 0) {
        let Some(own) = parts.get_mut(customer.id) else {
            each(customer.json)?;
            continue;
        };
        let mut json: Value = read(customer.json)?;
        for part in own.iter() {
            put(&mut json, list(part.kind), read(part.json)?);
        }
        // Whoever comes twice has them twice; they are an orphan's no more.
        own.iter_mut().for_each(|part| part.kind |= TAKEN);
        each(json.to_string().as_bytes())?;
    }
    for part in parts
        .into_values()
        .flatten()
        .filter(|part| part.kind & TAKEN == 0)
    {
        let bytes = size_of::<Orphan>() + part.id.len() + 4 * part.json.len();
        if orphans.bytes + bytes > MOST_ORPHANS {
            orphans.passed_over += 1;
        } else {
            orphans.bytes += bytes;
            orphans.kept.push(Orphan {
                customer_id: part.id.to_owned(),
                list: list(part.kind),
                part: read(part.json)?,
            });
        }
    }
    Ok(())
}

/// Marks the kind of a part whose customer was found.
const TAKEN: u8 = 0x80;

fn list(kind: u8) -> &'static str {
    if kind & !TAKEN == 1 {
        "cases"
    } else {
        "interactions"
    }
}

fn read(json: &[u8]) -> Result<Value, SourceError> {
    serde_json::from_slice(json)
        .map_err(|_| SourceError::Away("what was kept of a copy is damaged; look at the disk".into()))
}

/// Puts `part` into the `list` of `customer`, in place of one with its id.
fn put(customer: &mut Value, list: &str, part: Value) {
    if !customer[list].is_array() {
        customer[list] = Value::Array(Vec::new());
    }
    let Some(parts) = customer[list].as_array_mut() else {
        return;
    };
    match parts.iter_mut().find(|known| known["id"] == part["id"]) {
        Some(known) => *known = part,
        None => parts.push(part),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_part_finds_its_customer_whatever_fits_in_memory(
            rows in prop::collection::vec((0_u8..3, 0_u8..20, 0_u8..5), 0..200),
            memory in prop_oneof![Just(0_usize), Just(500), Just(1 << 20)],
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut joined = Join::new(dir.path(), memory);
            let mut customers = BTreeMap::new();
            let mut parts: BTreeMap<(String, &str), BTreeMap<String, Value>> = BTreeMap::new();
            for (nth, (kind, customer, part)) in rows.iter().enumerate() {
                let id = format!("c{customer}");
                if *kind == 0 {
                    if customers.insert(id.clone(), ()).is_none() {
                        joined.customer(&json!({"id": id})).unwrap();
                    }
                    continue;
                }
                let list = if *kind == 1 { "cases" } else { "interactions" };
                let part_id = format!("p{part}");
                let value = json!({"id": part_id, "n": nth});
                joined.part(&id, list, &value).unwrap();
                parts.entry((id, list)).or_default().insert(part_id, value);
            }
            let mut seen = BTreeMap::new();
            let orphans = joined.finish(&mut |line| {
                let customer: Value = serde_json::from_slice(line).unwrap();
                let id = customer["id"].as_str().unwrap().to_owned();
                assert!(seen.insert(id, customer).is_none());
                Ok(())
            }).unwrap();
            prop_assert_eq!(seen.len(), customers.len());
            for ((id, list), expected) in &parts {
                match seen.get(id) {
                    Some(customer) => {
                        let found: BTreeMap<String, Value> = customer[*list].as_array().unwrap().iter()
                            .map(|part| (part["id"].as_str().unwrap().to_owned(), part.clone())).collect();
                        prop_assert_eq!(&found, expected);
                    }
                    None => prop_assert!(orphans.iter().any(|orphan| orphan.customer_id == *id && orphan.list == *list)),
                }
            }
            prop_assert!(orphans.iter().all(|orphan| !customers.contains_key(&orphan.customer_id)));
            prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }
}
