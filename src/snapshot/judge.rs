//! Judging a snapshot that is to take the present one's place: is it the same contact centre, some days on?
//!
//! [`compare`] reads the present snapshot from its start to its end and looks every customer and every owned number up
//! in the other: no memory of its own, whatever their sizes. [`judge`] decides, and knows nothing but the counts.

use serde::{Deserialize, Serialize};

use super::claimants::{Claimants, Order};
use super::{Snapshot, SnapshotError};
use crate::customer::{Record, Schema};
use crate::number::Key;

/// Records between two reports, behind each of which a core is given up for a moment: callers are answered meanwhile.
const STEP: u64 = 1024;

/// What is held back: `[sanity]` of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The most present customers that may be missing, percent, 0–100.
    pub vanished_max_percent: u64,
    /// The most numbers that may lead elsewhere than now, percent, 0–100.
    pub moved_max_percent: u64,
    /// The most rows that may be refused, percent, 0–100.
    pub refused_max_percent: u64,
    /// As few customers, numbers or rows are never a reason.
    pub ignore_below: u64,
    /// What becomes of a schema that lacks an attribute, or has it with another type.
    pub schema_removals: SchemaRemovals,
}

/// What becomes of a snapshot whose schema lacks what the present one has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaRemovals {
    /// It is held back.
    Hold,
    /// It is no reason.
    Allow,
}

/// How many rows an import had, and how many it refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// All of them.
    pub rows: u64,
    /// Those of no customer.
    pub refused: u64,
}

/// What is different between the present snapshot and one that is to take its place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// Customers in the present one.
    pub customers_before: u64,
    /// Customers in the other.
    pub customers_after: u64,
    /// Customers of the present one that the other does not have.
    pub vanished: u64,
    /// Distinct numbers in the present one.
    pub numbers_before: u64,
    /// Distinct numbers in the other.
    pub numbers_after: u64,
    /// Numbers that lead to another customer than now, or to nobody though the customer is still there.
    pub moved: u64,
    /// Attributes that the other does not have.
    pub attributes_removed: Vec<String>,
    /// Attributes that the other has with another type.
    pub attributes_changed: Vec<String>,
    /// The import that made the other.
    #[serde(flatten)]
    pub import: Rows,
}

/// Why a snapshot is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// A word for programs: `vanished`, `moved`, `refused`, `schema`, `conflict`.
    pub code: String,
    /// For people, with what to look at.
    pub message: String,
}

impl Reason {
    /// A reason.
    pub fn new(code: &str, message: String) -> Reason {
        Reason {
            code: code.to_owned(),
            message,
        }
    }
}

/// Compares `present` with `other`, among whose claimants of a number the first in `order` answers. `go_on` is told
/// the customers of `present` that are done, now and then, and says whether it goes on.
///
/// # Errors
/// A damaged record of `present`; [`SnapshotError::Ended`] where it was told to end.
pub fn compare<D: AsRef<[u8]>, E: AsRef<[u8]>>(
    present: &Snapshot<D>,
    other: &Snapshot<E>,
    order: Order,
    import: Rows,
    mut go_on: impl FnMut(u64) -> bool,
) -> Result<Comparison, SnapshotError> {
    let (before, after) = (present.header(), other.header());
    let mut found = Comparison {
        customers_before: before.customers,
        customers_after: after.customers,
        numbers_before: before.numbers,
        numbers_after: after.numbers,
        import,
        ..Comparison::default()
    };
    compare_schemas(present.schema(), other.schema(), &mut found);
    let mut done = 0;
    for record in present.records() {
        let record = record?;
        let stays = other.customer(record.id()).is_some();
        found.vanished += u64::from(!stays);
        let numbers = record
            .claims()
            .filter(|claim| Key::from_raw(claim.key).is_number());
        for claim in numbers {
            let owned = owner(present, claim.key, order).is_some_and(|owner| owner.id() == record.id());
            if owned {
                found.moved += u64::from(match owner(other, claim.key, order) {
                    Some(owner) => owner.id() != record.id(),
                    // That of a customer who vanished has vanished with it.
                    None => stays,
                });
            }
        }
        done += 1;
        if done % STEP == 0 {
            if !go_on(done) {
                return Err(SnapshotError::Ended);
            }
            std::thread::yield_now();
        }
    }
    Ok(found)
}

fn compare_schemas(before: &Schema, after: &Schema, found: &mut Comparison) {
    for attribute in &before.attributes {
        match after.attributes.iter().find(|other| other.key == attribute.key) {
            None => found.attributes_removed.push(attribute.key.clone()),
            Some(other) if other.kind != attribute.kind => {
                found.attributes_changed.push(attribute.key.clone())
            }
            Some(_) => {}
        }
    }
}

/// Who answers for `key`; one of those who do where several share it.
fn owner<D: AsRef<[u8]>>(snapshot: &Snapshot<D>, key: u64, order: Order) -> Option<Record<'_>> {
    match snapshot.claimants(key) {
        Claimants::None | Claimants::Damaged => None,
        Claimants::One(record) => Some(record),
        Claimants::Many(many) => many
            .references(order)
            .next()
            .and_then(|reference| snapshot.claimant(reference)),
    }
}

/// Why what was compared is not to be published without somebody's word; empty where it is.
pub fn judge(found: &Comparison, settings: &Settings) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut share = |code: &str, part: u64, whole: u64, most: u64, message: String| {
        if part >= settings.ignore_below.max(1) && exceeds(part, whole, most) {
            let percent = percent(part, whole);
            let message = format!("{message} ({percent}; at most {most} % are published unasked)");
            reasons.push(Reason::new(code, message));
        }
    };
    share(
        "vanished",
        found.vanished,
        found.customers_before,
        settings.vanished_max_percent,
        format!(
            "{} of the {} present customers are not in the file: is it the whole export, and of the right system?",
            found.vanished, found.customers_before
        ),
    );
    share(
        "moved",
        found.moved,
        found.numbers_before,
        settings.moved_max_percent,
        format!(
            "{} of the {} present numbers would lead to another customer or to nobody: are the columns of ids and \
             phones the right ones, and the region?",
            found.moved, found.numbers_before
        ),
    );
    share(
        "refused",
        found.import.refused,
        found.import.rows,
        settings.refused_max_percent,
        format!(
            "{} of the {} rows were refused: the file of rejects says why",
            found.import.refused, found.import.rows
        ),
    );
    if settings.schema_removals == SchemaRemovals::Hold {
        for (what, attributes) in [
            ("are missing", &found.attributes_removed),
            ("have another type", &found.attributes_changed),
        ] {
            if !attributes.is_empty() {
                let message = format!(
                    "attributes that agents see now {what}: {}: is it an export of all columns?",
                    attributes.join(", ")
                );
                reasons.push(Reason::new("schema", message));
            }
        }
    }
    reasons
}

/// Whether `part` is more than `most` percent of `whole`.
fn exceeds(part: u64, whole: u64, most: u64) -> bool {
    u128::from(part) * 100 > u128::from(whole) * u128::from(most)
}

fn percent(part: u64, whole: u64) -> String {
    let tenths = u128::from(part) * 1000 / u128::from(whole.max(1));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests;
