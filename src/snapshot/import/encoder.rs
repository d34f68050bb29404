//! Documents become records, as they will stand in the snapshot, and notes of what is wrong with them.

use super::InvalidPhones;
use super::manifest::Counts;
use super::notes::About;
use super::pipeline::{Document, Documents};
use super::rejects::Reject;
use crate::customer::document::{self, Strictness};
use crate::customer::record::Origin;
use crate::customer::words::Words;
use crate::customer::{Phone, Refusal, id_hash53};
use crate::intake::Intake;
use crate::number::{Cell, Invalid, Region, Unstorable};
use crate::snapshot::MappedSnapshot;
use crate::snapshot::layout::UNIT;
use crate::snapshot::writer::Noted;

/// What became of some rows.
#[derive(Debug)]
pub(super) struct Made {
    /// The records of customers, each up to where the next one begins.
    pub(super) records: Vec<u8>,
    pub(super) noted: Noted,
    words: Words,
    /// What is wrong, in the order of the rows.
    pub(super) notes: Vec<(About, Reject)>,
    pub(super) counts: Counts,
}

impl Made {
    pub(super) fn new(seed: u64) -> Made {
        Made {
            records: Vec::new(),
            noted: Noted::new(seed),
            words: Words::new(),
            notes: Vec::new(),
            counts: Counts::default(),
        }
    }
}

/// What every worker does with a document.
#[derive(Clone, Copy)]
pub(super) struct Encoder<'a> {
    pub(super) intake: &'a Intake,
    pub(super) invalid_phones: InvalidPhones,
    pub(super) region: Option<Region>,
    /// What is served now.
    pub(super) base: Option<&'a MappedSnapshot>,
    /// The seq behind which the claims of rows begin.
    pub(super) behind: u64,
    /// As in the target.
    pub(super) copy_of: Option<u16>,
    /// Of the snapshot's number table.
    pub(super) seed: u64,
}

impl Encoder<'_> {
    /// Adds to `made` what becomes of the `document` in `row`.
    pub(super) fn encode<D: Documents>(
        &self,
        row: u64,
        document: Result<Document, Reject>,
        documents: &D,
        made: &mut Made,
    ) {
        made.counts.rows += 1;
        made.counts.last = row;
        if let Err(reject) = document.and_then(|document| self.customer(row, document, documents, made)) {
            made.counts.refused += 1;
            made.notes.push((About::Refused, reject));
        }
    }

    fn customer<D: Documents>(
        &self,
        row: u64,
        document: Document,
        documents: &D,
        made: &mut Made,
    ) -> Result<(), Reject> {
        let reject = |field: String, reason: String, kept| Reject {
            row,
            column: documents.column(&field, &document.phones),
            field,
            reason,
            kept,
        };
        let schema = documents.schema();
        let limits = self.intake.limits();
        let strictness = match self.copy_of {
            Some(_) => Strictness::Feed,
            None => Strictness::Import,
        };
        let mut customer = match document::read(&document.json, schema, strictness, limits) {
            Ok(read) => read.customer,
            Err(Refusal {
                field,
                expected,
                found,
            }) => {
                return Err(reject(
                    field,
                    format!("expected {expected}, found {found}"),
                    false,
                ));
            }
        };
        if let Some(region) = self.region {
            let has_plus = |number: &str| number.trim_start().starts_with('+');
            // Behind a first number with a plus there may be one without.
            let is_national = |phone: &&mut Phone| {
                phone.region.is_none()
                    && (!has_plus(&phone.number)
                        || self.intake.numbering().apart(
                            &phone.number,
                            Some(region.as_str()),
                            phone.is_extension(),
                        ) != Cell::One)
            };
            for phone in customer.phones.iter_mut().filter(is_national) {
                phone.region = Some(region.as_str().to_owned());
            }
        }
        let position = row.to_be_bytes();
        let origin = Origin {
            stream: self.copy_of.unwrap_or(0),
            // Ahead of every position.
            position: if self.copy_of.is_some() { &[] } else { &position },
            marks: &[],
        };
        let known = self.base.and_then(|base| base.customer(&customer.id));
        let begins = self.behind + row;
        let recorded = self
            .intake
            .record(&customer, schema, origin, |key| {
                let unbroken = known.as_ref().and_then(|known| known.claim(key.raw()));
                unbroken.map_or(begins, |claim| claim.since)
            })
            .map_err(|error| Reject::row(row, error.to_string()))?;
        let mut phones = Vec::new();
        for unclaimed in recorded.unclaimed {
            // Which of several numbers is the customer's nobody can say, so that there is nothing to show either.
            let kept = self.invalid_phones == InvalidPhones::Keep
                && unclaimed.reason != Unstorable::Invalid(Invalid::SeveralNumbers);
            let reject = reject(unclaimed.field, unclaimed.reason.to_string(), kept);
            if !kept {
                return Err(reject);
            }
            phones.push(reject);
        }
        let keys = recorded.claims.iter().map(|claim| claim.key);
        made.noted
            .note(id_hash53(&customer.id), keys, recorded.bytes.len());
        made.noted.name(&made.words.facts_of(&customer));
        made.records.extend_from_slice(&recorded.bytes);
        let unit = usize::try_from(UNIT).unwrap_or(1);
        made.records.resize(made.records.len().next_multiple_of(unit), 0);
        made.counts.kept_phones += phones.len() as u64;
        let left_out = document.left_out.into_iter();
        made.notes.extend(left_out.map(|reject| (About::LeftOut, reject)));
        made.notes
            .extend(phones.into_iter().map(|reject| (About::Phone, reject)));
        Ok(())
    }
}
