//! Whether another snapshot may take the place of the present one unasked: what it would change, and how much of that is
//! more than a day's work explains. A file of other customers, or one whose column of phones was lost, is whole and well
//! formed; only the comparison tells.

use serde::{Deserialize, Serialize};

use crate::customer::{Record, Schema};
use crate::index::Ownership;
use crate::snapshot::claimants::Claimants;
use crate::snapshot::{MappedSnapshot, SnapshotError};

/// Records between two words of progress, at which the processor is offered to lookups as well.
const STEP: u64 = 4096;

/// What passes unasked: `[sanity]` of the configuration. Shares are in percent, 0–100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sanity {
    /// Share of the customers that may be gone.
    pub vanished_max_percent: u64,
    /// Share of the numbers that another customer may answer for.
    pub moved_max_percent: u64,
    /// Share of the numbers that nobody may have any more.
    pub lost_max_percent: u64,
    /// Share of the input's rows that may have been refused.
    pub refused_max_percent: u64,
    /// So many customers, numbers or rows are never a reason.
    pub ignore_below: u64,
    /// What becomes of a schema that lacks attributes, or has them in another type.
    pub schema_removals: SchemaRemovals,
}

/// What becomes of a schema that lacks attributes, or has them in another type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaRemovals {
    /// The snapshot waits to be accepted.
    Hold,
    /// It passes.
    Allow,
}

/// What a snapshot would change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// Customers now.
    pub customers_before: u64,
    /// Customers then.
    pub customers: u64,
    /// Customers of now that would be gone.
    pub vanished: u64,
    /// Numbers now.
    pub numbers_before: u64,
    /// Numbers then.
    pub numbers: u64,
    /// Numbers that another customer would answer for.
    pub moved: u64,
    /// Numbers that nobody would have.
    pub lost: u64,
    /// Attributes that would be gone.
    pub attributes_removed: Vec<String>,
    /// Attributes that would have another type.
    pub attributes_retyped: Vec<String>,
}

/// How the input of a build was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Rows of the input.
    pub rows: u64,
    /// Rows that were refused.
    pub refused: u64,
}

impl Comparison {
    /// Compares `candidate` with `present`. Reads the one's records in order and looks them up in the other; `progress` is
    /// told the customers done, now and then. Memory: none that grows.
    ///
    /// # Errors
    /// A damaged record of the present snapshot.
    pub fn of(
        present: &MappedSnapshot,
        candidate: &MappedSnapshot,
        ownership: Ownership,
        mut progress: impl FnMut(u64),
    ) -> Result<Comparison, SnapshotError> {
        let mut comparison = Comparison {
            customers_before: present.header().customers,
            customers: candidate.header().customers,
            numbers_before: present.header().numbers,
            numbers: candidate.header().numbers,
            ..Comparison::of_schemas(present.schema(), candidate.schema())
        };
        for (done, record) in (1..).zip(present.records()) {
            let record = record?;
            if candidate.customer(record.id()).is_none() {
                comparison.vanished += 1;
            }
            for claim in record.claims() {
                if !is_owner(present, ownership, &record, claim.key) {
                    // The number is counted with its owner.
                    continue;
                }
                match owner(candidate, ownership, claim.key) {
                    Owned::Nobody => comparison.lost += 1,
                    Owned::By(other) if other.id() != record.id() => comparison.moved += 1,
                    Owned::By(_) => {}
                }
            }
            if done % STEP == 0 {
                progress(done);
                std::thread::yield_now();
            }
        }
        Ok(comparison)
    }

    fn of_schemas(present: &Schema, candidate: &Schema) -> Comparison {
        let mut comparison = Comparison::default();
        for attribute in &present.attributes {
            let now = candidate.attributes.iter().find(|now| now.key == attribute.key);
            match now {
                None => comparison.attributes_removed.push(attribute.key.clone()),
                Some(now) if now.kind != attribute.kind => {
                    comparison.attributes_retyped.push(attribute.key.clone());
                }
                Some(_) => {}
            }
        }
        comparison
    }

    /// Why it must not take the present one's place unasked, a sentence each; nothing where it may.
    pub fn reasons(&self, reading: Reading, sanity: &Sanity) -> Vec<String> {
        let mut reasons = Vec::new();
        let mut share = |count: u64, of: u64, most: u64, what: &str, key: &str| {
            let over = u128::from(count) * 100 > u128::from(most) * u128::from(of);
            if count > sanity.ignore_below && over {
                let percent = u128::from(count) * 100 / u128::from(of.max(1));
                reasons.push(format!(
                    "{count} of {of} {what} ({percent} %); up to {most} % pass unasked (sanity.{key})"
                ));
            }
        };
        share(
            self.vanished,
            self.customers_before,
            sanity.vanished_max_percent,
            "customers would be gone",
            "vanished_max_percent",
        );
        share(
            self.moved,
            self.numbers_before,
            sanity.moved_max_percent,
            "numbers would be answered for by another customer",
            "moved_max_percent",
        );
        share(
            self.lost,
            self.numbers_before,
            sanity.lost_max_percent,
            "numbers would be nobody's",
            "lost_max_percent",
        );
        share(
            reading.refused,
            reading.rows,
            sanity.refused_max_percent,
            "rows were refused",
            "refused_max_percent",
        );
        if sanity.schema_removals == SchemaRemovals::Hold {
            for (attributes, what) in [
                (&self.attributes_removed, "would be gone"),
                (&self.attributes_retyped, "would have another type"),
            ] {
                if !attributes.is_empty() {
                    reasons.push(format!(
                        "attributes {what}: {} (sanity.schema_removals = \"allow\" lets them)",
                        attributes.join(", ")
                    ));
                }
            }
        }
        reasons
    }
}

enum Owned<'s> {
    Nobody,
    By(Record<'s>),
}

/// Who answers for `key` first, also where all claimants do. A number whose claimants are damaged has nobody.
fn owner(snapshot: &MappedSnapshot, ownership: Ownership, key: u64) -> Owned<'_> {
    match snapshot.claimants(key) {
        Claimants::None | Claimants::Damaged => Owned::Nobody,
        Claimants::One(record) => Owned::By(record),
        Claimants::Many(many) => many
            .references(ownership.order())
            .next()
            .and_then(|reference| snapshot.claimant(reference))
            .map_or(Owned::Nobody, Owned::By),
    }
}

fn is_owner(snapshot: &MappedSnapshot, ownership: Ownership, record: &Record<'_>, key: u64) -> bool {
    match owner(snapshot, ownership, key) {
        Owned::Nobody => false,
        Owned::By(owner) => owner.id() == record.id(),
    }
}
