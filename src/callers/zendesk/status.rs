//! What a search says of a ticket's status, which Zendesk has an order of: new, open, pending, hold, solved, closed.
//!
//! What is kept here are the words of another system. Whether a case has ended is certain of all of them, and is what is
//! asked where a filter draws the line there.

use std::cmp::Ordering;

use super::super::query::{Filter, Literal, Op, Test};
use super::UNSOLVED;

/// The words, in their order.
const ORDER: [&str; 6] = ["new", "open", "pending", "hold", "solved", "closed"];
/// Where the first of those is that are an end.
const ENDED: usize = 4;

/// `filter` in the columns that there are.
pub(super) fn told(filter: Filter<'_>) -> Filter<'_> {
    match filter {
        Filter::All(filters) => Filter::All(filters.into_iter().map(told).collect()),
        Filter::Any(filters) => Filter::Any(filters.into_iter().map(told).collect()),
        Filter::Test(test) if test.column == "status" => status(test),
        test => test,
    }
}

fn status(test: Test<'_>) -> Filter<'_> {
    let place = test.value.text().and_then(|word| {
        let mut words = ORDER.iter();
        words.position(|known| known.eq_ignore_ascii_case(&word))
    });
    let Some(place) = place else {
        return Filter::Test(test);
    };
    let allowed = |nth: usize| {
        let order = nth.cmp(&place);
        match test.op {
            Op::Less => order == Ordering::Less,
            Op::LessOrEqual => order != Ordering::Greater,
            Op::Greater => order == Ordering::Greater,
            Op::GreaterOrEqual => order != Ordering::Less,
            Op::Equal => order == Ordering::Equal,
            Op::NotEqual => order != Ordering::Equal,
            Op::Contains | Op::StartsWith | Op::EndsWith => false,
        }
    };
    let is_unsolved = |is: bool| Filter::test(UNSOLVED.column, Op::Equal, Literal::Bool(is));
    let is_word = |nth: &usize| Filter::test("status", Op::Equal, Literal::Text(ORDER[*nth].into()));
    let (going, ended) = ((0..ENDED), (ENDED..ORDER.len()));
    let mut any = Vec::new();
    for (range, is) in [(going, true), (ended, false)] {
        let words: Vec<usize> = range.clone().filter(|nth| allowed(*nth)).collect();
        if words.len() == range.len() {
            any.push(is_unsolved(is));
        } else {
            any.extend(words.iter().map(is_word));
        }
    }
    Filter::any(any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsolved_is_whatever_has_not_ended() {
        let is = |is| Filter::test(UNSOLVED.column, Op::Equal, Literal::Bool(is));
        let word = |word: &'static str| Filter::test("status", Op::Equal, Literal::Text(word.into()));
        for (op, asked, expected) in [
            (Op::Less, "solved", is(true)),
            (Op::LessOrEqual, "Hold", is(true)),
            (Op::GreaterOrEqual, "solved", is(false)),
            (Op::Greater, "hold", is(false)),
            (Op::Less, "open", word("new")),
            (Op::Equal, "pending", word("pending")),
            (
                Op::LessOrEqual,
                "solved",
                Filter::Any(vec![is(true), word("solved")]),
            ),
            (Op::LessOrEqual, "closed", Filter::Any(vec![is(true), is(false)])),
            (Op::Greater, "closed", Filter::Any(vec![])),
        ] {
            let test = Filter::test("status", op, Literal::Word(asked.into()));
            assert_eq!(told(test), expected, "{op:?} {asked}");
        }
        let other = Filter::test("status", Op::Equal, Literal::Text("escalated".into()));
        assert_eq!(told(other.clone()), other);
    }
}
