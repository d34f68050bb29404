//! A question to Freshdesk, taken apart: lists with filters as parameters, and searches in a language of their own.
//!
//! `AND` binds closer than `OR`; `:>` and `:<` hold for the bound itself too, as they do there.

use std::borrow::Cow;

use super::super::parameters::kept_plus;
use super::super::query::{
    Budget, Direction, Filter, Literal, MOST_COLUMNS, Op, Query, QueryError, check_length,
};

/// A question.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Question<'q> {
    pub(super) query: Query<'q>,
    /// From 1.
    pub(super) page: usize,
}

/// Rows of a page of a search; nobody can ask for another number.
pub(super) const SEARCH_PAGE: usize = 30;
const PER_PAGE_MAX: usize = 100;

impl<'q> Question<'q> {
    /// Reads the raw `query` of a list of `table`. A parameter that `knows` knows is a condition.
    ///
    /// # Errors
    /// It is too long.
    pub(super) fn listed(
        table: &'static str,
        query: &'q str,
        knows: impl Fn(&str) -> bool,
    ) -> Result<Question<'q>, QueryError> {
        check_length(query)?;
        let mut budget = Budget::default();
        let (mut conditions, mut seen) = (Vec::new(), Vec::new());
        let (mut by, mut direction) = (None, Direction::Descending);
        let mut question = Question {
            page: 1,
            ..Question::default()
        };
        let mut per_page = SEARCH_PAGE;
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (kept_plus(name), kept_plus(value));
            if seen.contains(&name) || seen.len() >= MOST_COLUMNS {
                continue;
            }
            seen.push(name.clone());
            let number = || value.trim().parse().ok().filter(|number: &usize| *number >= 1);
            match &*name {
                "order_by" => by = Some(value).filter(|by| !by.is_empty()),
                "order_type" if value == "asc" => direction = Direction::Ascending,
                "page" => question.page = number().unwrap_or(1),
                "per_page" => per_page = number().unwrap_or(SEARCH_PAGE).min(PER_PAGE_MAX),
                _ if knows(&name) => {
                    budget.test()?;
                    conditions.push(Filter::test(name, Op::Equal, Literal::Text(value)));
                }
                _ => {}
            }
        }
        question.query = Query {
            table: table.into(),
            filter: (!conditions.is_empty()).then(|| Filter::all(conditions)),
            order: by.map(|by| (by, direction)).into_iter().collect(),
            limit: Some(per_page),
            ..Query::default()
        };
        Ok(question)
    }

    /// Reads the raw `query` of a search in `table`.
    ///
    /// # Errors
    /// There is no search in it, it cannot be read, or is too long.
    pub(super) fn searched(table: &'static str, query: &'q str) -> Result<Question<'q>, QueryError> {
        check_length(query)?;
        let (mut search, mut page) = (None, 1);
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match &*kept_plus(name) {
                "query" => search = search.or_else(|| Some(kept_plus(value))),
                "page" => page = kept_plus(value).trim().parse().unwrap_or(1).max(1),
                _ => {}
            }
        }
        let search = search.ok_or_else(|| QueryError::syntax("a parameter `query`", ""))?;
        let text = search.trim();
        let inside = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let Some(inside) = inside else {
            return Err(QueryError::syntax("a query within double quotation marks", text));
        };
        let mut reader = Reader { rest: inside };
        let mut budget = Budget::default();
        let filter = reader.any(&mut budget)?;
        if !reader.rest.trim_start().is_empty() {
            return Err(QueryError::syntax("AND, OR or the end of the query", reader.rest));
        }
        Ok(Question {
            query: Query {
                table: table.into(),
                filter: Some(filter),
                limit: Some(SEARCH_PAGE),
                ..Query::default()
            },
            page,
        })
    }
}

/// What of a search is left to read.
struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    fn any<'q>(&mut self, budget: &mut Budget) -> Result<Filter<'q>, QueryError> {
        let mut any = vec![self.all(budget)?];
        while self.takes("OR") {
            any.push(self.all(budget)?);
        }
        Ok(Filter::any(any))
    }

    fn all<'q>(&mut self, budget: &mut Budget) -> Result<Filter<'q>, QueryError> {
        let mut all = vec![self.one(budget)?];
        while self.takes("AND") {
            all.push(self.one(budget)?);
        }
        Ok(Filter::all(all))
    }

    fn one<'q>(&mut self, budget: &mut Budget) -> Result<Filter<'q>, QueryError> {
        self.rest = self.rest.trim_start();
        if let Some(inside) = self.rest.strip_prefix('(') {
            self.rest = inside;
            let filter = budget.deeper(|budget| self.any(budget))?;
            self.rest = self.rest.trim_start();
            self.rest = self
                .rest
                .strip_prefix(')')
                .ok_or_else(|| QueryError::syntax("a closing parenthesis", self.rest))?;
            return Ok(filter);
        }
        budget.test()?;
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (field, behind) = self.rest.split_at(end);
        let behind = behind
            .trim_start()
            .strip_prefix(':')
            .filter(|_| !field.is_empty());
        let Some(behind) = behind else {
            return Err(QueryError::syntax(
                "a condition such as phone:'+14806754110'",
                self.rest,
            ));
        };
        let behind = behind.trim_start();
        let (op, behind) = if let Some(behind) = behind.strip_prefix('>') {
            (Op::GreaterOrEqual, behind)
        } else if let Some(behind) = behind.strip_prefix('<') {
            (Op::LessOrEqual, behind)
        } else {
            (Op::Equal, behind)
        };
        self.rest = behind.trim_start();
        let value = self.value()?;
        Ok(Filter::test(field.to_owned(), op, value))
    }

    fn value<'q>(&mut self) -> Result<Literal<'q>, QueryError> {
        if let Some(quoted) = self.rest.strip_prefix('\'') {
            let (text, behind) = quoted
                .split_once('\'')
                .ok_or_else(|| QueryError::syntax("a quotation mark at the end of a text", quoted))?;
            self.rest = behind;
            return Ok(Literal::Text(text.to_owned().into()));
        }
        let end = self
            .rest
            .find(|c: char| c.is_whitespace() || c == ')' || c == '(' || c == '\'' || c == '"')
            .unwrap_or(self.rest.len());
        let (word, behind) = self.rest.split_at(end);
        if word.is_empty() {
            return Err(QueryError::syntax("a value", self.rest));
        }
        self.rest = behind;
        Ok(match word {
            "null" => Literal::Null,
            "true" => Literal::Bool(true),
            "false" => Literal::Bool(false),
            word => Literal::Word(Cow::Owned(word.to_owned())),
        })
    }

    /// Whether `word` stands next, as a word; it is passed over then.
    fn takes(&mut self, word: &str) -> bool {
        let rest = self.rest.trim_start();
        let Some((found, behind)) = rest.split_at_checked(word.len()) else {
            return false;
        };
        let ends = !behind.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':');
        let takes = ends && found.eq_ignore_ascii_case(word);
        if takes {
            self.rest = behind;
        }
        takes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use proptest::prelude::*;

    use super::*;

    fn is<'q>(column: &'q str, value: &'q str) -> Filter<'q> {
        Filter::test(column, Op::Equal, Literal::Text(value.into()))
    }

    fn searched(raw: &str) -> Result<Filter<'_>, QueryError> {
        Question::searched("contacts", raw).map(|question| question.query.filter.unwrap())
    }

    #[test]
    fn contacts_are_searched_by_their_phones() {
        let either = Filter::Any(vec![is("phone", "+14806754110"), is("mobile", "+14806754110")]);
        for raw in [
            "query=%22phone:%27%2B14806754110%27%20OR%20mobile:%27%2B14806754110%27%22",
            "query=\"phone:'+14806754110'+OR+mobile:'+14806754110'\"",
            "nocache=1&query=%22(phone%3A%27+14806754110%27%20or%20mobile:%20%27+14806754110%27)%22",
        ] {
            assert_eq!(searched(raw).unwrap(), either, "{raw}");
        }
        assert_eq!(searched("query=\"phone:''\"").unwrap(), is("phone", ""));
        let word = |column: &'static str, op, text: &'static str| {
            Filter::test(column, op, Literal::Word(text.into()))
        };
        assert_eq!(
            searched("query=\"a:1 OR b:null AND (c:>'2026-01-01' OR d:<7) AND e:true\"").unwrap(),
            Filter::Any(vec![
                word("a", Op::Equal, "1"),
                Filter::All(vec![
                    Filter::test("b", Op::Equal, Literal::Null),
                    Filter::Any(vec![
                        Filter::test("c", Op::GreaterOrEqual, Literal::Text("2026-01-01".into())),
                        word("d", Op::LessOrEqual, "7"),
                    ]),
                    Filter::test("e", Op::Equal, Literal::Bool(true)),
                ])
            ])
        );
        assert_eq!(
            searched("query=\"order:1\"").unwrap(),
            word("order", Op::Equal, "1")
        );
    }

    #[test]
    fn lists_have_their_filters_as_parameters() {
        let knows = |name: &str| matches!(name, "phone" | "requester_id");
        let question = Question::listed("contacts", "phone=+14806754110&_=1", knows).unwrap();
        assert_eq!(question.query.filter, Some(is("phone", "+14806754110")));
        let raw = "requester_id=36&order_by=created_at&order_type=asc&per_page=1&page=2&updated_since=x";
        let question = Question::listed("tickets", raw, knows).unwrap();
        assert_eq!(
            question.query.order,
            [("created_at".into(), Direction::Ascending)]
        );
        assert_eq!((question.query.limit, question.page), (Some(1), 2));
    }

    #[test]
    fn what_is_no_search_is_refused() {
        for raw in [
            "",
            "query=",
            "query=phone:'1'",
            "query=\"phone:'1\"",
            "query=\"phone:'1' OR\"",
            "query=\"phone:'1' mobile:'1'\"",
            "query=\"(phone:'1'\"",
            "query=\"phone:'1')\"",
            "query=\"phone\"",
            "query=\":1\"",
            "query=\"phone:\"",
            "query=\"' OR 1=1 --\"",
            "query=\"\"",
            "query=\"",
        ] {
            assert!(searched(raw).is_err(), "{raw}");
        }
        let deep = format!("query=\"{}phone:'1'{}\"", "(".repeat(17), ")".repeat(17));
        assert!(searched(&deep).is_err());
        assert!(searched(&format!("query=\"{}\"", "(".repeat(10_000))).is_err());
        let many = format!("query=\"a:1{}\"", " OR a:1".repeat(64));
        assert!(searched(&many).is_err());
        assert!(searched(&"x".repeat(64 << 10)).is_err());
    }

    proptest! {
        #[test]
        fn no_search_is_too_odd(query in "(phone|:|'|\\(|\\)| AND | OR |<|>|null|1|é|%|\\+){0,30}", any in ".{0,60}") {
            let _whatever = searched(&format!("query=\"{query}\""));
            let _whatever = Question::listed("contacts", &any, |_| true);
        }
    }
}
