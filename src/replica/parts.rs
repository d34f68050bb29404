//! Cases and interactions beside the document: each has a place in its stream of its own.

use crate::customer::document::Limits;
use crate::customer::record::{Marks, Origin, Part};
use crate::customer::{Case, Customer, Interaction};

/// A case or an interaction.
trait Named {
    fn part(&self) -> Part;
}

impl Named for Case {
    fn part(&self) -> Part {
        Part::case(&self.id)
    }
}

impl Named for Interaction {
    fn part(&self) -> Part {
        Part::interaction(&self.id)
    }
}

/// Gives `customer`, a document that came from `origin`, the parts that it has: those that it does not speak of stay as
/// they were `before`, and so does each that the same stream has delivered from behind the document. Returns the marks
/// that are left of `marks`.
pub(super) fn settle(
    customer: &mut Customer,
    before: Option<&Customer>,
    mut marks: Marks,
    origin: Origin<'_>,
    limits: Limits,
) -> Marks {
    let no_cases = Vec::new();
    let cases = before
        .and_then(|before| before.cases.as_ref())
        .unwrap_or(&no_cases);
    match customer.cases.take() {
        None => customer.cases = before.and_then(|before| before.cases.clone()),
        Some(list) => {
            marks.set(Part::CASES, origin.stream, origin.position, false);
            let (list, later) = sift(list, cases, &mut marks, origin);
            customer.cases = Some(list);
            for case in later {
                customer.put_case(case, limits);
            }
        }
    }
    let no_interactions = Vec::new();
    let interactions = before
        .and_then(|before| before.interactions.as_ref())
        .unwrap_or(&no_interactions);
    match customer.interactions.take() {
        None => customer.interactions = before.and_then(|before| before.interactions.clone()),
        Some(list) => {
            marks.set(Part::INTERACTIONS, origin.stream, origin.position, false);
            let (list, later) = sift(list, interactions, &mut marks, origin);
            customer.interactions = Some(list);
            for interaction in later {
                customer.put_interaction(interaction, limits);
            }
        }
    }
    marks
}

/// The parts of `list` that `origin` has the last word on, and those of `before` that were delivered from behind it.
/// Marks that the document's own place covers from now on go.
fn sift<P: Named + Clone>(
    list: Vec<P>,
    before: &[P],
    marks: &mut Marks,
    origin: Origin<'_>,
) -> (Vec<P>, Vec<P>) {
    let is_later = |marks: &Marks, part: &P| {
        let mark = marks.get(part.part(), origin.stream);
        mark.is_some_and(|mark| *mark.position > *origin.position)
    };
    let covered: Vec<Part> = list.iter().chain(before).map(Named::part).collect();
    let later: Vec<P> = before
        .iter()
        .filter(|part| is_later(marks, part))
        .cloned()
        .collect();
    let list = list.into_iter().filter(|part| !is_later(marks, part)).collect();
    marks.retain(|mark| {
        mark.stream != origin.stream || *mark.position > *origin.position || !covered.contains(&mark.part)
    });
    (list, later)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(id: &str, title: &str) -> Case {
        Case {
            id: id.into(),
            title: Some(title.into()),
            ..Case::default()
        }
    }

    fn at(stream: u16, position: &[u8]) -> Origin<'_> {
        Origin {
            stream,
            position,
            marks: &[],
        }
    }

    fn with(cases: Option<Vec<Case>>) -> Customer {
        Customer {
            cases,
            ..Customer::default()
        }
    }

    #[test]
    fn a_late_document_does_not_undo_what_came_from_behind_it() {
        let mut marks = Marks::default();
        marks.set(Part::case("newer"), 1, b"7", false);
        marks.set(Part::case("older"), 1, b"2", false);
        marks.set(Part::case("gone"), 1, b"8", true);
        let before = with(Some(vec![case("newer", "of 7"), case("older", "of 2")]));
        let mut customer = with(Some(vec![
            case("newer", "of 5"),
            case("older", "of 5"),
            case("gone", "of 5"),
        ]));
        let marks = settle(
            &mut customer,
            Some(&before),
            marks,
            at(1, b"5"),
            Limits::default(),
        );
        let titles: Vec<_> = customer.cases.unwrap_or_default();
        assert!(titles.contains(&case("newer", "of 7")) && titles.contains(&case("older", "of 5")));
        assert_eq!(titles.len(), 2, "what was taken away later stays away");
        assert!(marks.covers(Part::CASES, 1, b"5"));
        assert!(marks.get(Part::case("older"), 1).is_none() && marks.get(Part::case("gone"), 1).is_some());
    }

    #[test]
    fn another_stream_has_no_earlier_word() {
        let mut marks = Marks::default();
        marks.set(Part::case("a"), 2, b"9", false);
        let before = with(Some(vec![case("a", "two")]));
        let mut customer = with(Some(vec![]));
        settle(
            &mut customer,
            Some(&before),
            marks,
            at(1, b"1"),
            Limits::default(),
        );
        assert_eq!(customer.cases, Some(vec![]));
        let mut silent = with(None);
        settle(
            &mut silent,
            Some(&before),
            Marks::default(),
            at(1, b"1"),
            Limits::default(),
        );
        assert_eq!(silent.cases, before.cases);
    }
}
