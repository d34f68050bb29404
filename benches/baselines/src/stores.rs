//! Stores that hold the records themselves, in files.
#![expect(
    unsafe_code,
    reason = "LMDB maps its file, which is unsafe by nature: others could change it behind the map"
)]

use std::fs;
use std::path::Path;

use heed::byteorder::BigEndian;
use heed::types::{Bytes, U64};
use heed::{Database, Env, EnvFlags, EnvOpenOptions, RoTxn, WithoutTls};
use redb::{ReadOnlyTable, ReadableDatabase, TableDefinition};
use ringside::customer::Record;
use ringside::snapshot::MappedSnapshot;
use ringside::snapshot::layout::SectionKind;

use crate::{Built, Index, Place, verified};

const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");

/// Each number with its record, in the order of the numbers.
fn records<'s>(snapshot: &'s MappedSnapshot, places: &'s [Place]) -> impl Iterator<Item = (u64, &'s [u8])> {
    let all = snapshot.section(SectionKind::Records);
    places.iter().filter_map(move |(key, place)| {
        let record = Record::open(all.get(usize::try_from(*place).ok()?..)?).ok()?;
        Some((*key, record.bytes()))
    })
}

/// Bytes of the file at `path`, less the records.
fn beside(path: &Path, snapshot: &MappedSnapshot, places: &[Place]) -> Result<u64, std::io::Error> {
    let held: usize = records(snapshot, places).map(|(_, record)| record.len()).sum();
    Ok(fs::metadata(path)?.len().saturating_sub(held as u64))
}

struct Redb {
    table: ReadOnlyTable<u64, &'static [u8]>,
    _database: redb::Database,
    bytes: u64,
}

/// redb's B-tree.
pub(crate) fn redb(folder: &Path, snapshot: &MappedSnapshot, places: &[Place]) -> Built {
    let path = folder.join("records.redb");
    let mut database = redb::Database::create(&path)?;
    let writing = database.begin_write()?;
    {
        let mut table = writing.open_table(TABLE)?;
        for (key, record) in records(snapshot, places) {
            table.insert(key, record)?;
        }
    }
    writing.commit()?;
    database.compact()?;
    let table = database.begin_read()?.open_table(TABLE)?;
    let bytes = beside(&path, snapshot, places)?;
    Ok(Box::new(Redb {
        table,
        _database: database,
        bytes,
    }))
}

impl Index for Redb {
    #[inline]
    fn answer(&self, key: u64) -> Option<u64> {
        verified(self.table.get(key).ok()??.value(), key)
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}

struct Lmdb {
    database: Database<U64<BigEndian>, Bytes>,
    reading: RoTxn<'static, WithoutTls>,
    bytes: u64,
}

/// LMDB's B-tree, by way of heed.
pub(crate) fn lmdb(folder: &Path, snapshot: &MappedSnapshot, places: &[Place]) -> Built {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    // Room for the file to grow in, of which only what is written takes any.
    options.map_size(64 << 30);
    // SAFETY: the file is made here, in a folder of this process alone, and nobody else opens it.
    let environment: Env<WithoutTls> = unsafe {
        options.flags(EnvFlags::NO_SUB_DIR | EnvFlags::NO_READ_AHEAD);
        options.open(folder.join("records.lmdb"))?
    };
    let mut writing = environment.write_txn()?;
    let database: Database<U64<BigEndian>, Bytes> = environment.create_database(&mut writing, None)?;
    for (key, record) in records(snapshot, places) {
        database.put_with_flags(&mut writing, heed::PutFlags::APPEND, &key, record)?;
    }
    writing.commit()?;
    let bytes = beside(&folder.join("records.lmdb"), snapshot, places)?;
    let reading = environment.static_read_txn()?;
    Ok(Box::new(Lmdb {
        database,
        reading,
        bytes,
    }))
}

impl Index for Lmdb {
    #[inline]
    fn answer(&self, key: u64) -> Option<u64> {
        verified(self.database.get(&self.reading, &key).ok()??, key)
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}
