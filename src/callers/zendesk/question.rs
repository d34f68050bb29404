//! A question to Zendesk's search, taken apart: keywords with a value, and words without one.
//!
//! Words without a keyword are, of users, their number: connectors search for nothing else. Several of one keyword are
//! alternatives, different ones have to hold together.

use std::borrow::Cow;

use super::super::parameters::kept_plus;
use super::super::query::{Budget, Direction, Filter, Literal, Op, Query, QueryError, check_length};

/// The table of people.
pub(super) const USERS: &str = "users";
/// The table of tickets.
pub(super) const TICKETS: &str = "tickets";
/// Where words without a keyword are looked for.
const NUMBER: &str = "phone";

/// Which rows of all that are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// From 1.
    pub(super) page: usize,
    /// 1–100.
    pub(super) per_page: usize,
}

impl Default for Page {
    fn default() -> Page {
        Page {
            page: 1,
            per_page: PER_PAGE_MAX,
        }
    }
}

const PER_PAGE_MAX: usize = 100;

/// A question.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Question<'q> {
    pub(super) query: Query<'q>,
    pub(super) page: Page,
}

/// One word of a search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Word {
    is_not: bool,
    /// With its operator; `None` for a word on its own.
    keyword: Option<(String, Sign)>,
    text: String,
    /// Whether it stood in quotation marks.
    is_quoted: bool,
    /// Whether two blanks or more stood ahead of it: there a plus may have been.
    is_apart: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Is,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Signs behind a keyword, longer ones ahead of those that they begin with.
const SIGNS: [(&str, Sign); 5] = [
    ("<=", Sign::LessOrEqual),
    (">=", Sign::GreaterOrEqual),
    (":", Sign::Is),
    ("<", Sign::Less),
    (">", Sign::Greater),
];

impl<'q> Question<'q> {
    /// Reads the raw `query` of a search in `table`, or in what its `type:` names where that is `None`.
    ///
    /// # Errors
    /// It cannot be read, or asks for what is not answered.
    pub(super) fn read(table: Option<&'static str>, query: &'q str) -> Result<Question<'q>, QueryError> {
        check_length(query)?;
        let (mut search, mut external, mut by, mut direction) = (None, None, None, None);
        let mut page = Page::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = || kept_plus(value);
            let number = || value().trim().parse().ok().filter(|number: &usize| *number >= 1);
            match &*kept_plus(name) {
                "query" => search = search.or_else(|| Some(value())),
                "external_id" => external = external.or_else(|| Some(value())),
                "sort_by" => by = by.or_else(|| Some(value())),
                "sort_order" => direction = direction.or_else(|| Some(value())),
                "page" => page.page = number().unwrap_or(1),
                "per_page" => page.per_page = number().unwrap_or(PER_PAGE_MAX).min(PER_PAGE_MAX),
                _ => {}
            }
        }
        let mut words = words(search.as_deref().unwrap_or_default())?;
        let mut take = |names: [&str; 2]| {
            let is = |word: &Word| matches!(&word.keyword, Some((name, Sign::Is)) if names.contains(&name.as_str()));
            let taken = words.iter().find(|word| is(word)).map(|word| word.text.clone());
            words.retain(|word| !is(word));
            taken
        };
        let kind = take(["type", "type"]);
        by = by.or_else(|| take(["order_by", "sort_by"]).map(Cow::Owned));
        direction = direction.or_else(|| take(["sort", "sort_order"]).map(Cow::Owned));
        let table = match (table, kind.as_deref()) {
            (_, Some("user")) if table != Some(TICKETS) => USERS,
            (None, Some("ticket")) => TICKETS,
            (Some(table), None) => table,
            (None, None) => guessed(&words),
            (_, Some(kind)) => {
                return Err(QueryError::unsupported(format!(
                    "a search for type:{}",
                    kind.chars().take(20).collect::<String>()
                )));
            }
        };
        let mut filter = filter(table, words)?;
        if let Some(id) = external {
            let test = Filter::test("external_id", Op::Equal, Literal::Text(id));
            filter = Some(match filter {
                Some(filter) => Filter::all(vec![filter, test]),
                None => test,
            });
        }
        if filter.is_none() && table == USERS {
            // Somebody who calls without a number.
            filter = Some(Filter::test(NUMBER, Op::Equal, Literal::Text("".into())));
        }
        let direction = match direction.as_deref() {
            Some("asc") => Direction::Ascending,
            _ => Direction::Descending,
        };
        let by = by.filter(|by| !by.is_empty() && by != "relevance");
        Ok(Question {
            query: Query {
                table: table.into(),
                filter,
                order: by.map(|by| (by, direction)).into_iter().collect(),
                ..Query::default()
            },
            page,
        })
    }
}

/// What `words` look for that do not say it: tickets have keywords that users have not.
fn guessed(words: &[Word]) -> &'static str {
    const OF_TICKETS: [&str; 4] = ["requester", "requester_id", "status", "ticket_id"];
    let is_of_tickets =
        |word: &Word| matches!(&word.keyword, Some((name, _)) if OF_TICKETS.contains(&name.as_str()));
    if words.iter().any(is_of_tickets) {
        TICKETS
    } else {
        USERS
    }
}

/// Takes `text` apart at its blanks.
fn words(text: &str) -> Result<Vec<Word>, QueryError> {
    let mut words = Vec::new();
    let mut budget = Budget::default();
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start();
        let blanks = rest.len() - trimmed.len();
        if trimmed.is_empty() {
            return Ok(words);
        }
        budget.test()?;
        let (word, behind) = word(trimmed, blanks >= 2)?;
        words.push(word);
        rest = behind;
    }
}

/// The word that `text` begins with, and what stands behind it.
fn word(text: &str, is_apart: bool) -> Result<(Word, &str), QueryError> {
    let mut word = Word {
        is_apart,
        ..Word::default()
    };
    // A number's sign is none.
    let is_not = |rest: &&str| rest.starts_with(|c: char| c.is_alphabetic() || c == '"');
    let mut rest = match text.strip_prefix('-').filter(is_not) {
        Some(rest) => {
            word.is_not = true;
            rest
        }
        None => text,
    };
    let end = rest
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
        .unwrap_or(rest.len());
    let (name, behind) = rest.split_at(end);
    let sign = SIGNS
        .iter()
        .find_map(|(text, sign)| Some((*sign, behind.strip_prefix(text)?)));
    if let Some((sign, behind)) = sign.filter(|_| name.starts_with(|c: char| c.is_ascii_alphabetic())) {
        word.keyword = Some((name.to_ascii_lowercase(), sign));
        rest = behind;
    }
    if let Some(quoted) = rest.strip_prefix('"') {
        let (text, behind) = quoted
            .split_once('"')
            .ok_or_else(|| QueryError::syntax("a quotation mark at the end of a phrase", quoted))?;
        word.text = text.to_owned();
        word.is_quoted = true;
        return Ok((word, behind));
    }
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let (text, behind) = rest.split_at(end);
    word.text = text.to_owned();
    Ok((word, behind))
}

/// What has to hold of a row of `table`; `None` where `words` say nothing.
fn filter<'q>(table: &str, words: Vec<Word>) -> Result<Option<Filter<'q>>, QueryError> {
    let mut number: Option<String> = None;
    // Keywords in the order in which they came, with their alternatives.
    let mut keywords: Vec<(String, Vec<Filter<'q>>)> = Vec::new();
    let mut all = Vec::new();
    for word in words {
        let Some((name, sign)) = word.keyword.clone() else {
            if table != USERS || word.is_not {
                return Err(QueryError::unsupported("a search for words"));
            }
            // A number may be written with blanks.
            match &mut number {
                Some(number) => {
                    number.push(' ');
                    number.push_str(&word.text);
                }
                None => number = Some(begun(&word)),
            }
            continue;
        };
        let test = tested(&name, sign, &word);
        let is_alternative = sign == Sign::Is && !word.is_not;
        match keywords
            .iter_mut()
            .find(|(known, _)| is_alternative && *known == name)
        {
            Some((_, alternatives)) => alternatives.push(test),
            None if is_alternative => keywords.push((name, vec![test])),
            None => all.push(test),
        }
    }
    let number = number.map(|number| Filter::test(NUMBER, Op::Equal, Literal::Text(number.into())));
    let keywords = keywords
        .into_iter()
        .map(|(_, alternatives)| Filter::any(alternatives));
    let all: Vec<Filter<'q>> = number.into_iter().chain(keywords).chain(all).collect();
    Ok((!all.is_empty()).then(|| Filter::all(all)))
}

/// The begin of a number, which lost its plus where two blanks stand ahead of it.
fn begun(word: &Word) -> String {
    let is_digits = word.text.len() >= 7 && word.text.bytes().all(|byte| byte.is_ascii_digit());
    if word.is_apart && is_digits && !word.is_quoted {
        format!("+{}", word.text)
    } else {
        word.text.clone()
    }
}

fn tested<'q>(name: &str, sign: Sign, word: &Word) -> Filter<'q> {
    let text = |text: &str| Literal::Text(text.to_owned().into());
    let op = |op: Op, opposite: Op| if word.is_not { opposite } else { op };
    let (op, value) = match sign {
        Sign::Less => (
            op(Op::Less, Op::GreaterOrEqual),
            Literal::Word(word.text.clone().into()),
        ),
        Sign::LessOrEqual => (
            op(Op::LessOrEqual, Op::Greater),
            Literal::Word(word.text.clone().into()),
        ),
        Sign::Greater => (
            op(Op::Greater, Op::LessOrEqual),
            Literal::Word(word.text.clone().into()),
        ),
        Sign::GreaterOrEqual => (
            op(Op::GreaterOrEqual, Op::Less),
            Literal::Word(word.text.clone().into()),
        ),
        Sign::Is if word.is_quoted => (op(Op::Equal, Op::NotEqual), text(&word.text)),
        Sign::Is if word.text == "none" => (op(Op::Equal, Op::NotEqual), Literal::Null),
        Sign::Is if word.text == "*" => (op(Op::NotEqual, Op::Equal), Literal::Null),
        Sign::Is => {
            let plain = word.text.trim_matches('*');
            match (word.text.starts_with('*'), word.text.ends_with('*')) {
                _ if word.is_not => (Op::NotEqual, text(plain)),
                (false, false) => (Op::Equal, text(plain)),
                (true, false) => (Op::EndsWith, text(plain)),
                (false, true) => (Op::StartsWith, text(plain)),
                (true, true) => (Op::Contains, text(plain)),
            }
        }
    };
    Filter::test(name.to_owned(), op, value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use proptest::prelude::*;

    use super::*;

    fn is<'q>(column: &'q str, op: Op, value: &'q str) -> Filter<'q> {
        Filter::test(column, op, Literal::Text(value.into()))
    }

    fn found(query: &str) -> (String, Option<Filter<'_>>) {
        let question = Question::read(None, query).unwrap();
        (question.query.table.into_owned(), question.query.filter)
    }

    #[test]
    fn a_caller_is_found_by_the_words_of_a_search() {
        for (raw, number) in [
            ("type:user%20%2B14806754110", "+14806754110"),
            ("type:user%20+14806754110", "+14806754110"),
            ("type:user++14806754110", "+14806754110"),
            ("type:user%20%2014806754110", "+14806754110"),
            ("type:user+14806754110", "14806754110"),
            ("14806754110", "14806754110"),
            ("type:user%20%22+1%20480%20675-4110%22", "+1 480 675-4110"),
            ("type:user%20(480)%20675-4110", "(480) 675-4110"),
            ("type:user%20anonymous", "anonymous"),
            ("type:user%20", ""),
            ("", ""),
        ] {
            let query = format!("query={raw}");
            let expected = Some(is("phone", Op::Equal, number));
            assert_eq!(found(&query), ("users".to_owned(), expected), "{raw}");
        }
        for (raw, expected) in [
            ("phone:+14806754110", is("phone", Op::Equal, "+14806754110")),
            ("phone:%2214806754110%22", is("phone", Op::Equal, "14806754110")),
            ("phone:*4806754110", is("phone", Op::EndsWith, "4806754110")),
            ("phone:480*", is("phone", Op::StartsWith, "480")),
            ("phone:*480*", is("phone", Op::Contains, "480")),
            ("-email:none", Filter::test("email", Op::NotEqual, Literal::Null)),
        ] {
            assert_eq!(
                found(&format!("query=type:user+{raw}")).1,
                Some(expected),
                "{raw}"
            );
        }
        let question = Question::read(Some(USERS), "external_id=c-1842").unwrap();
        assert_eq!(
            question.query.filter,
            Some(is("external_id", Op::Equal, "c-1842"))
        );
    }

    #[test]
    fn tickets_of_a_requester_are_asked_for_with_double_blanks_and_an_order() {
        let raw = "query=type:ticket%20status%3Csolved%20%20requester:361&sort_by=created_at&sort_order=desc&per_page=1";
        let question = Question::read(None, raw).unwrap();
        assert_eq!(question.query.table, "tickets");
        let unsolved = Filter::test("status", Op::Less, Literal::Word("solved".into()));
        let of = is("requester", Op::Equal, "361");
        assert_eq!(question.query.filter, Some(Filter::All(vec![of, unsolved])));
        assert_eq!(
            question.query.order,
            [("created_at".into(), Direction::Descending)]
        );
        assert_eq!(question.page, Page { page: 1, per_page: 1 });

        let within = Question::read(
            None,
            "query=requester:7+status:open+status:new+order_by:updated_at+sort:asc",
        );
        let within = within.unwrap();
        assert_eq!(within.query.order, [("updated_at".into(), Direction::Ascending)]);
        assert_eq!(
            within.query.filter,
            Some(Filter::All(vec![
                is("requester", Op::Equal, "7"),
                Filter::Any(vec![
                    is("status", Op::Equal, "open"),
                    is("status", Op::Equal, "new")
                ])
            ]))
        );
        assert_eq!(
            found("query=type:ticket").1,
            None,
            "whose tickets is not said, and the answer is none"
        );
        let negated = found("query=type:ticket%20-status%3Csolved%20requester:7")
            .1
            .unwrap();
        assert_eq!(
            negated,
            Filter::All(vec![
                is("requester", Op::Equal, "7"),
                Filter::test("status", Op::GreaterOrEqual, Literal::Word("solved".into()))
            ])
        );
    }

    #[test]
    fn what_is_not_answered_is_refused() {
        for query in [
            "query=type:organization+acme",
            "query=type:ticket+printer",
            "query=type:user+-ada",
            "query=%22unbalanced",
            "query=type:user+phone:%22480",
        ] {
            assert!(Question::read(None, query).is_err(), "{query}");
        }
        assert!(Question::read(Some(USERS), "query=type:ticket").is_err());
        let many = format!("query={}", "a:b+".repeat(65));
        assert!(Question::read(None, &many).is_err());
        assert!(Question::read(None, &"x".repeat(64 << 10)).is_err());
    }

    proptest! {
        #[test]
        fn no_search_is_too_odd(query in "((type:user|phone:|status<|-|\"|\\*|\\+|%20|%|é|1){0,3} ?){0,20}", any in ".{0,60}") {
            let _whatever = Question::read(None, &format!("query={query}"));
            let _whatever = Question::read(Some(USERS), &any);
        }
    }
}
