//! Changes as a source writes them: one line for one customer, whole.

use std::hint::black_box;
use std::io::Error;

use ringside::snapshot::MappedSnapshot;
use serde_json::Value;

use crate::centre::other;

/// A prime, so that changes in a row are of customers far apart.
const SCATTER: u64 = 2_654_435_761;

/// `count` changes from the `first` on, of customers of `snapshot` that keep their numbers: each has another name. Those
/// of as many changes as there are customers are all different.
pub(crate) fn lines(
    snapshot: &MappedSnapshot,
    customers: u64,
    first: u64,
    count: u64,
) -> Result<Vec<Vec<u8>>, Error> {
    let line = |change: u64| {
        let nth = change % customers * SCATTER % customers;
        let record = snapshot.customer(&format!("c-{nth}"))?;
        let json = std::str::from_utf8(record.json()).ok()?;
        let customer = json.replace("\"Customer ", &format!("\"Changed {change} "));
        Some(format!("{{\"op\":\"upsert\",\"position\":{change},\"customer\":{customer}}}").into_bytes())
    };
    (first..first + count)
        .map(|change| line(change).ok_or_else(|| Error::other("a customer is missing")))
        .collect()
}

/// What a bare receiver does with a line: decodes it whole, as anybody would, and keeps nothing.
pub(crate) fn discard(line: &[u8]) -> Result<(), Error> {
    black_box(serde_json::from_slice::<Value>(line).map_err(other)?);
    Ok(())
}
