//! Customers by an id that another system has for them.

use super::claimants::{Budget, Claimants};
use super::view::{Found, View};
use crate::customer::{Record, attributes, identity};
use crate::number::Key;
use crate::overlay::Superseded;

impl View<'_> {
    /// The customer whose attribute `name` is `value`, in any way of writing it that [`identity::canonical`] has as the same,
    /// where customers are found by that attribute. [`Found::Several`] where several have it, whatever the rules of who
    /// answers; nobody where that is not known for all, where a stronger claim on a number hides the only one, and where
    /// the attribute is sensitive: asking must not tell what answers keep.
    ///
    /// # Errors
    /// [`Superseded`].
    pub fn by_attribute(&self, name: &str, value: &str) -> Result<Found<'_>, Superseded> {
        let attribute = self
            .schema()
            .attributes
            .iter()
            .find(|attribute| attribute.key == name);
        let Some(value) = identity::canonical(value) else {
            return Ok(Found::Nobody);
        };
        if attribute.is_none_or(|attribute| attribute.sensitive) {
            return Ok(Found::Nobody);
        }
        let mut budget = Budget::of_a_lookup();
        let key = Key::attribute(name, &value).raw();
        let Claimants {
            mut records, partial, ..
        } = self.claimants(key, &mut budget)?;
        // The key is a hash, so the attribute itself has the last word.
        records.retain(|record| self.has(record, name, &value));
        if self.ownership.replaces() {
            let mut standing = super::Records::new();
            for record in records {
                if !self.is_hidden(&record, &mut budget)? {
                    standing.push(record);
                }
            }
            records = standing;
        }
        Ok(match records.as_slice() {
            [] => Found::Nobody,
            [_] if partial => Found::Nobody,
            [record] => Found::One(*record),
            _ => Found::Several(records),
        })
    }

    fn has(&self, record: &Record<'_>, name: &str, value: &str) -> bool {
        attributes::value(record, self.schema(), name)
            .and_then(identity::text)
            .is_some_and(|text| identity::canonical(&text).as_deref() == Some(value))
    }
}
