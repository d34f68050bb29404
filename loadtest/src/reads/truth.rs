//! Customers as they should be: a plain model that says what each change makes of everybody's numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::oracle::{Answer, Asked, Version};

/// Most numbers of one customer, and most claimants of one number.
const MOST: usize = 3;

/// A customer and its numbers, each with the seq at which the claim began.
#[derive(Debug, Clone)]
struct Person {
    tag: u64,
    claims: BTreeMap<usize, u64>,
}

/// Everybody, written changes included that are not visible yet.
pub(crate) struct Truth {
    people: Vec<Option<Person>>,
    /// Who claims each number and since when; the last one owns it.
    claimants: Vec<BTreeSet<(u64, usize)>>,
    touched: BTreeSet<Asked>,
}

impl Truth {
    pub(crate) fn new(people: usize, numbers: usize) -> Truth {
        Truth {
            people: vec![None; people],
            claimants: vec![BTreeSet::new(); numbers],
            touched: BTreeSet::new(),
        }
    }

    pub(crate) fn is_there(&self, person: usize) -> bool {
        self.people[person].is_some()
    }

    pub(crate) fn numbers_of(&self, person: usize) -> Vec<usize> {
        self.people[person]
            .as_ref()
            .map_or_else(Vec::new, |person| person.claims.keys().copied().collect())
    }

    pub(crate) fn owner(&self, number: usize) -> Option<usize> {
        self.claimants[number].last().map(|(_, person)| *person)
    }

    /// Whether one more may claim `number`, and `person` may claim one more.
    pub(crate) fn has_room(&self, number: usize, person: usize) -> bool {
        self.claimants[number].len() < MOST && self.numbers_of(person).len() < MOST
    }

    /// The change `seq` made `person` what `tag` says, with `numbers`.
    pub(crate) fn put(&mut self, person: usize, numbers: &[usize], tag: u64, seq: u64) {
        let before = self.forget(person);
        let claims: BTreeMap<usize, u64> = numbers
            .iter()
            .map(|number| (*number, before.get(number).copied().unwrap_or(seq)))
            .collect();
        for (number, since) in &claims {
            self.claimants[*number].insert((*since, person));
            self.touched.insert(Asked::Number(*number));
        }
        self.people[person] = Some(Person { tag, claims });
    }

    pub(crate) fn delete(&mut self, person: usize) {
        self.forget(person);
    }

    fn forget(&mut self, person: usize) -> BTreeMap<usize, u64> {
        self.touched.insert(Asked::Person(person));
        let claims = self.people[person]
            .take()
            .map_or_else(BTreeMap::new, |p| p.claims);
        for (number, since) in &claims {
            self.claimants[*number].remove(&(*since, person));
            self.touched.insert(Asked::Number(*number));
        }
        claims
    }

    /// What is answered otherwise since this was called last.
    pub(crate) fn take_touched(&mut self) -> Vec<(Asked, Answer)> {
        let touched = std::mem::take(&mut self.touched);
        touched
            .into_iter()
            .map(|asked| (asked, self.answer(asked)))
            .collect()
    }

    fn answer(&self, asked: Asked) -> Answer {
        let person = match asked {
            Asked::Person(person) => person,
            Asked::Number(number) => self.owner(number)?,
        };
        let tag = self.people[person].as_ref()?.tag;
        Some(Version { person, tag })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_claim_owns_and_an_unbroken_one_stays_as_old() {
        let mut truth = Truth::new(2, 2);
        truth.put(0, &[0], 1, 1);
        truth.put(1, &[0, 1], 2, 2);
        assert_eq!(truth.owner(0), Some(1));
        truth.put(0, &[0], 3, 3);
        assert_eq!(truth.owner(0), Some(1));
        truth.delete(1);
        assert_eq!((truth.owner(0), truth.owner(1)), (Some(0), None));
        let touched = truth.take_touched();
        assert!(touched.contains(&(Asked::Number(0), Some(Version { person: 0, tag: 3 }))));
        assert!(touched.contains(&(Asked::Number(1), None)) && truth.take_touched().is_empty());
    }
}
