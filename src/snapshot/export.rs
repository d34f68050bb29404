//! Getting every customer back out of a snapshot, as documents.

use std::io::Write;

use serde::Serialize;

use super::{Snapshot, SnapshotError};
use crate::customer::{AttributeDef, Schema};

/// Writes the native JSON of every customer to `out`, one a line, in the snapshot's order; `progress` is told the
/// number of customers written, now and then. Building again from these lines, with the same attributes in the
/// mapping, gives the same customers. Returns how many there are.
///
/// # Errors
/// A damaged record, or `out` cannot be written.
pub fn export<D: AsRef<[u8]>>(
    snapshot: &Snapshot<D>,
    out: &mut impl Write,
    mut progress: impl FnMut(u64),
) -> Result<u64, SnapshotError> {
    let mut customers = 0;
    for record in snapshot.records() {
        out.write_all(record?.json())?;
        out.write_all(b"\n")?;
        customers += 1;
        if customers % 4096 == 0 {
            progress(customers);
        }
    }
    out.flush()?;
    progress(customers);
    Ok(customers)
}

/// The mapping file, in TOML, under which the exported lines are read with the attributes that they were written with.
///
/// # Errors
/// Never in practice: every schema can be written as TOML.
pub fn mapping(schema: &Schema) -> Result<String, toml::ser::Error> {
    #[derive(Serialize)]
    struct Mapping<'a> {
        attribute: &'a [AttributeDef],
    }
    toml::to_string(&Mapping {
        attribute: &schema.attributes,
    })
}
