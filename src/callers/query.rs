//! A question to a CRM, whatever language it was put in: what every parser of such a language makes.
//!
//! Nothing here is ever run as a query: a question is taken apart into whom it asks for (`super::crm`), and what is found
//! is held against its filter. Parsers build a filter through a [`Budget`], which bounds its depth and size, so that
//! whatever walks a filter may recurse.

mod joined;
mod scanner;

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::refusal::Refusal;
pub(super) use joined::joined;
pub(super) use scanner::{Quoting, Scanner, Token};

/// The most tests that a filter holds.
pub(super) const MOST_TESTS: usize = 64;
/// The most levels of parentheses, and of `and` and `or` within each other.
pub(super) const MOST_DEPTH: usize = 16;
/// The longest query that is read, in bytes, decoded.
pub(super) const MOST_TEXT: usize = 16 << 10;
/// The most columns that are asked for.
pub(super) const MOST_COLUMNS: usize = 128;

/// A question: which columns of which rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query<'q> {
    /// The table, as it was written.
    pub(super) table: Cow<'q, str>,
    /// The columns asked for, as they were written; none: all of them.
    pub(super) columns: Vec<Cow<'q, str>>,
    /// Which rows; `None`: every one.
    pub(super) filter: Option<Filter<'q>>,
    /// What the rows are ordered by, the weightiest first.
    pub(super) order: Vec<(Cow<'q, str>, Direction)>,
    /// The most rows.
    pub(super) limit: Option<usize>,
}

/// Which rows a question is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter<'q> {
    /// Those that all of these hold for.
    All(Vec<Filter<'q>>),
    /// Those that one of these holds for.
    Any(Vec<Filter<'q>>),
    /// Those that the test holds for.
    Test(Test<'q>),
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Test<'q> {
    /// The column, as it was written.
    pub(super) column: Cow<'q, str>,
    /// How it is compared.
    pub(super) op: Op,
    /// What it is compared with.
    pub(super) value: Literal<'q>,
}

/// How a column is compared with a literal. Texts are compared without regard to case, as the systems do whose languages
/// these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// The same; of null: null itself.
    Equal,
    /// Not [`Op::Equal`].
    NotEqual,
    /// Ahead of it, by time, number or text. Null never is.
    Less,
    /// Ahead of it or the same.
    LessOrEqual,
    /// Behind it.
    Greater,
    /// Behind it or the same.
    GreaterOrEqual,
    /// Holds it somewhere.
    Contains,
    /// Begins with it.
    StartsWith,
    /// Ends with it.
    EndsWith,
}

/// What a column is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal<'q> {
    /// A text in quotation marks, without them.
    Text(Cow<'q, str>),
    /// A number, an id, a date: whatever stood there without quotation marks.
    Word(Cow<'q, str>),
    /// True or false.
    Bool(bool),
    /// Nothing.
    Null,
}

/// Which way rows are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// The least, or oldest, first.
    Ascending,
    /// The greatest, or newest, first.
    Descending,
}

/// Why a query is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum QueryError {
    /// It is not written in its language.
    #[error("expected {expected}, found {found}; correct the query")]
    Syntax {
        /// What may stand there.
        expected: &'static str,
        /// What stands there, without what was asked about.
        found: String,
    },
    /// It asks for what is not answered here.
    #[error("{what}; ask by a phone number or by an id")]
    Unsupported {
        /// What, as a sentence without a full stop.
        what: String,
    },
}

/// What a parser may still build of one filter.
#[derive(Debug)]
pub(super) struct Budget {
    tests: usize,
    depth: usize,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget {
            tests: MOST_TESTS,
            depth: MOST_DEPTH,
        }
    }
}

impl Budget {
    /// Takes one test.
    ///
    /// # Errors
    /// There were [`MOST_TESTS`] already.
    pub(super) fn test(&mut self) -> Result<(), QueryError> {
        self.tests = self
            .tests
            .checked_sub(1)
            .ok_or_else(|| QueryError::unsupported(format!("more than {MOST_TESTS} conditions")))?;
        Ok(())
    }

    /// Parses by `inner` one level deeper.
    ///
    /// # Errors
    /// That would be more than [`MOST_DEPTH`] levels, or whatever `inner` finds.
    pub(super) fn deeper<T>(
        &mut self,
        inner: impl FnOnce(&mut Budget) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        self.depth = self.depth.checked_sub(1).ok_or_else(|| {
            QueryError::unsupported(format!("more than {MOST_DEPTH} levels of parentheses"))
        })?;
        let parsed = inner(self);
        self.depth += 1;
        parsed
    }
}

/// Refuses a query that is longer than [`MOST_TEXT`], before anything of it is read.
///
/// # Errors
/// It is.
pub(super) fn check_length(text: &str) -> Result<(), QueryError> {
    if text.len() > MOST_TEXT {
        return Err(QueryError::unsupported(format!(
            "a query of more than {MOST_TEXT} bytes"
        )));
    }
    Ok(())
}

impl QueryError {
    /// What `found` begins with, or the end of the query where it is empty, in place of `expected`. Nothing of it is
    /// repeated, since it may be a number or a name.
    pub(super) fn syntax(expected: &'static str, found: &str) -> QueryError {
        let found = match found.chars().next() {
            None => "the end of the query".to_owned(),
            Some('\'') => "a text in quotation marks".to_owned(),
            Some(sign) if sign.is_ascii_punctuation() => format!("the sign {sign}"),
            Some(c) if c.is_ascii_digit() => "a number".to_owned(),
            Some(_) => "another word".to_owned(),
        };
        QueryError::Syntax { expected, found }
    }

    /// `what` is asked for.
    pub(super) fn unsupported(what: impl Into<String>) -> QueryError {
        QueryError::Unsupported { what: what.into() }
    }
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Refusal {
        match error {
            QueryError::Syntax { expected, found } => Refusal::Syntax { expected, found },
            QueryError::Unsupported { what } => Refusal::Unsupported { what },
        }
    }
}

impl<'q> Filter<'q> {
    /// All of `filters`; the one, where it is one.
    pub(super) fn all(filters: Vec<Filter<'q>>) -> Filter<'q> {
        Filter::joined(filters, Filter::All)
    }

    /// Any of `filters`; the one, where it is one.
    pub(super) fn any(filters: Vec<Filter<'q>>) -> Filter<'q> {
        Filter::joined(filters, Filter::Any)
    }

    fn joined(mut filters: Vec<Filter<'q>>, join: fn(Vec<Filter<'q>>) -> Filter<'q>) -> Filter<'q> {
        match filters.pop() {
            Some(only) if filters.is_empty() => only,
            last => {
                filters.extend(last);
                join(filters)
            }
        }
    }

    /// A filter of one test.
    pub(super) fn test(column: impl Into<Cow<'q, str>>, op: Op, value: Literal<'q>) -> Filter<'q> {
        Filter::Test(Test {
            column: column.into(),
            op,
            value,
        })
    }

    /// Hands every test to `visit`, in the order in which they are written.
    ///
    /// # Errors
    /// What `visit` returns, at the first test that it does for.
    pub(super) fn each<'f, E>(
        &'f self,
        visit: &mut impl FnMut(&'f Test<'q>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Filter::All(filters) | Filter::Any(filters) => {
                filters.iter().try_for_each(|filter| filter.each(visit))
            }
            Filter::Test(test) => visit(test),
        }
    }

    /// Whether the filter holds, where `holds` says it of a test.
    pub(super) fn holds(&self, holds: &mut impl FnMut(&Test<'q>) -> bool) -> bool {
        match self {
            Filter::All(filters) => filters.iter().all(|filter| filter.holds(holds)),
            Filter::Any(filters) => filters.iter().any(|filter| filter.holds(holds)),
            Filter::Test(test) => holds(test),
        }
    }
}

impl Test<'_> {
    /// Whether the test holds for `found`, what the column has as text; `None` is null.
    pub(super) fn holds(&self, found: Option<&str>) -> bool {
        match self.op {
            Op::Equal => self.is_equal(found),
            Op::NotEqual => !self.is_equal(found),
            Op::Less => self.compare(found).is_some_and(Ordering::is_lt),
            Op::LessOrEqual => self.compare(found).is_some_and(Ordering::is_le),
            Op::Greater => self.compare(found).is_some_and(Ordering::is_gt),
            Op::GreaterOrEqual => self.compare(found).is_some_and(Ordering::is_ge),
            Op::Contains => self.by_text(found, |text, part| text.contains(part)),
            Op::StartsWith => self.by_text(found, |text, part| text.starts_with(part)),
            Op::EndsWith => self.by_text(found, |text, part| text.ends_with(part)),
        }
    }

    fn is_equal(&self, found: Option<&str>) -> bool {
        match (found, &self.value) {
            (None, Literal::Null) => true,
            (None, _) | (_, Literal::Null) => false,
            _ => self.compare(found).is_some_and(Ordering::is_eq),
        }
    }

    /// How `found` stands to the literal; `None` where either is null.
    fn compare(&self, found: Option<&str>) -> Option<Ordering> {
        let found = found?;
        let wanted = self.value.text()?;
        if let (Some(found), Some(wanted)) = (moment(found), moment(&wanted)) {
            return Some(found.cmp(&wanted));
        }
        if let (Literal::Word(_), Ok(found), Ok(wanted)) =
            (&self.value, found.parse::<i128>(), wanted.parse::<i128>())
        {
            return Some(found.cmp(&wanted));
        }
        Some(found.to_lowercase().cmp(&wanted.to_lowercase()))
    }

    fn by_text(&self, found: Option<&str>, holds: fn(&str, &str) -> bool) -> bool {
        match (found, self.value.text()) {
            (Some(found), Some(wanted)) => holds(&found.to_lowercase(), &wanted.to_lowercase()),
            _ => false,
        }
    }
}

impl Literal<'_> {
    /// The literal as text; `None` for null.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Literal::Text(text) | Literal::Word(text) => Some(Cow::Borrowed(text)),
            Literal::Bool(true) => Some(Cow::Borrowed("true")),
            Literal::Bool(false) => Some(Cow::Borrowed("false")),
            Literal::Null => None,
        }
    }
}

/// The moment that `text` names: RFC 3339, or a date, which begins at midnight UTC.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    // Most texts are neither, and parsing costs more than looking.
    if text.as_bytes().get(4) != Some(&b'-') {
        return None;
    }
    match text.parse::<Timestamp>() {
        Ok(moment) => Some(moment),
        Err(_) => {
            let midnight = text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?;
            Some(midnight.timestamp())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(found: Option<&str>, op: Op, value: Literal<'_>) -> bool {
        let column = Cow::Borrowed("x");
        Test { column, op, value }.holds(found)
    }

    fn text(text: &str) -> Literal<'_> {
        Literal::Text(Cow::Borrowed(text))
    }

    fn word(text: &str) -> Literal<'_> {
        Literal::Word(Cow::Borrowed(text))
    }

    #[test]
    fn texts_are_compared_without_case() {
        assert!(holds(Some("Ada"), Op::Equal, text("ADA")));
        assert!(holds(Some("Ada"), Op::NotEqual, text("Bob")));
        assert!(holds(Some("Lovelace"), Op::Contains, text("LACE")));
        assert!(holds(Some("Lovelace"), Op::StartsWith, text("love")));
        assert!(holds(Some("Lovelace"), Op::EndsWith, text("lace")));
        assert!(!holds(Some("Lovelace"), Op::StartsWith, text("lace")));
        assert!(holds(Some("b"), Op::Greater, text("A")));
        assert!(!holds(Some("true"), Op::Equal, Literal::Bool(false)));
    }

    #[test]
    fn numbers_and_moments_are_compared_as_such() {
        assert!(holds(Some("9"), Op::Less, word("10")));
        assert!(!holds(Some("9"), Op::Less, text("10")));
        assert!(holds(Some("007"), Op::Equal, word("7")) && !holds(Some("007"), Op::Equal, text("7")));
        let at = Some("2026-11-02T09:30:00Z");
        assert!(holds(at, Op::Equal, word("2026-11-02T10:30:00+01:00")));
        assert!(holds(at, Op::GreaterOrEqual, text("2026-11-02")));
        assert!(holds(at, Op::Less, word("2026-11-03")));
        assert!(holds(at, Op::LessOrEqual, word("2026-11-02T09:30:00.000Z")));
    }

    #[test]
    fn null_is_null_alone() {
        assert!(holds(None, Op::Equal, Literal::Null) && !holds(Some("x"), Op::Equal, Literal::Null));
        assert!(holds(Some("x"), Op::NotEqual, Literal::Null) && holds(None, Op::NotEqual, text("x")));
        for op in [
            Op::Equal,
            Op::Less,
            Op::GreaterOrEqual,
            Op::Contains,
            Op::StartsWith,
        ] {
            assert!(!holds(None, op, text("")), "{op:?}");
        }
    }

    #[test]
    fn filters_nest_and_lone_ones_do_not() {
        let test = |column: &'static str| Filter::test(column, Op::Equal, Literal::Null);
        let filter = Filter::all(vec![test("a"), Filter::any(vec![test("b"), test("c")])]);
        let mut columns = Vec::new();
        let seen: Result<(), ()> = filter.each(&mut |test| {
            columns.push(&*test.column);
            Ok(())
        });
        assert_eq!((seen, columns), (Ok(()), vec!["a", "b", "c"]));
        assert!(filter.holds(&mut |test| test.column != "b"));
        assert!(!filter.holds(&mut |test| test.column == "a"));
        assert_eq!(Filter::any(vec![test("a")]), test("a"));
    }

    #[test]
    fn a_budget_ends() {
        fn nest(budget: &mut Budget, levels: usize) -> Result<(), QueryError> {
            match levels.checked_sub(1) {
                None => Ok(()),
                Some(less) => budget.deeper(|budget| nest(budget, less)),
            }
        }
        let mut budget = Budget::default();
        assert!(nest(&mut budget, MOST_DEPTH).is_ok() && nest(&mut budget, MOST_DEPTH + 1).is_err());
        assert!((0..MOST_TESTS).all(|_| budget.test().is_ok()) && budget.test().is_err());
        assert!(
            check_length(&"x".repeat(MOST_TEXT)).is_ok() && check_length(&"x".repeat(MOST_TEXT + 1)).is_err()
        );
    }

    #[test]
    fn an_error_repeats_nothing() {
        for (found, said) in [
            ("4806754110 or", "a number"),
            ("Lovelace", "another word"),
            ("'Ada'", "a text in quotation marks"),
            (") and", "the sign )"),
            ("", "the end of the query"),
        ] {
            let said = format!("expected a column, found {said}; correct the query");
            assert_eq!(QueryError::syntax("a column", found).to_string(), said);
        }
    }
}
