//! The part of OData 4 in which Dynamics is asked: `$select`, `$filter`, `$orderby`, `$top` and `$count`.

use std::borrow::Cow;

use crate::callers::query::{
    self, Budget, Direction, Filter, Literal, MOST_COLUMNS, Op, Query, QueryError, Quoting, Scanner, Token,
};

/// The system query options of a request, decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Options<'q> {
    select: Option<Cow<'q, str>>,
    filter: Option<Cow<'q, str>>,
    order_by: Option<Cow<'q, str>>,
    top: Option<Cow<'q, str>>,
    count: Option<Cow<'q, str>>,
    /// Options that change which rows an answer has, and are not answered.
    refused: Option<&'static str>,
}

impl<'q> Options<'q> {
    /// The options of the raw query string `raw`; the first of several counts, and others are ignored.
    pub(super) fn of(raw: &'q str, decoded: fn(&'q str) -> Cow<'q, str>) -> Options<'q> {
        let mut options = Options::default();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name);
            let slot = match name.trim() {
                "$select" => &mut options.select,
                "$filter" => &mut options.filter,
                "$orderby" => &mut options.order_by,
                "$top" => &mut options.top,
                "$count" => &mut options.count,
                "$apply" => {
                    options.refused = Some("$apply");
                    continue;
                }
                "$skip" => {
                    options.refused = Some("$skip");
                    continue;
                }
                "$search" => {
                    options.refused = Some("$search");
                    continue;
                }
                "fetchXml" => {
                    options.refused = Some("fetchXml");
                    continue;
                }
                "savedQuery" | "userQuery" => {
                    options.refused = Some("a saved query");
                    continue;
                }
                _ => continue,
            };
            if slot.is_none() {
                *slot = Some(decoded(value));
            }
        }
        options
    }

    /// Whether the number of rows is asked for too.
    pub(super) fn counts(&self) -> bool {
        self.count
            .as_deref()
            .is_some_and(|count| count.eq_ignore_ascii_case("true"))
    }

    /// The question about `table`.
    ///
    /// # Errors
    /// Options that are not written as OData, or ask for what is not answered.
    pub(super) fn query<'o>(&'o self, table: &'o str) -> Result<Query<'o>, QueryError> {
        for text in [&self.select, &self.filter, &self.order_by, &self.top]
            .into_iter()
            .flatten()
        {
            query::check_length(text)?;
        }
        if let Some(option) = self.refused {
            return Err(QueryError::unsupported(format!("{option} is not answered")));
        }
        Ok(Query {
            table: Cow::Borrowed(table),
            columns: self.select.as_deref().map_or(Ok(Vec::new()), columns)?,
            filter: match self.filter.as_deref().filter(|filter| !filter.trim().is_empty()) {
                Some(text) => Some(filter(text)?),
                None => None,
            },
            order: self.order_by.as_deref().map_or(Ok(Vec::new()), order)?,
            limit: self.top.as_deref().map(top).transpose()?,
        })
    }
}

fn columns(select: &str) -> Result<Vec<Cow<'_, str>>, QueryError> {
    let names = select.split(',').map(str::trim).filter(|name| !name.is_empty());
    let columns: Vec<_> = names.map(Cow::Borrowed).collect();
    if columns.len() > MOST_COLUMNS {
        return Err(QueryError::unsupported(format!(
            "more than {MOST_COLUMNS} columns"
        )));
    }
    if columns.iter().any(|name| name == "*") {
        return Ok(Vec::new());
    }
    Ok(columns)
}

fn order(text: &str) -> Result<Vec<(Cow<'_, str>, Direction)>, QueryError> {
    let mut order = Vec::new();
    for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        if order.len() == MOST_COLUMNS {
            return Err(QueryError::unsupported(format!(
                "more than {MOST_COLUMNS} columns"
            )));
        }
        let (column, direction) = item.split_once(char::is_whitespace).unwrap_or((item, "asc"));
        let direction = direction.trim();
        let direction = if direction.eq_ignore_ascii_case("asc") {
            Direction::Ascending
        } else if direction.eq_ignore_ascii_case("desc") {
            Direction::Descending
        } else {
            return Err(QueryError::syntax(
                "asc or desc behind a column of $orderby",
                direction,
            ));
        };
        order.push((Cow::Borrowed(column), direction));
    }
    Ok(order)
}

fn top(text: &str) -> Result<usize, QueryError> {
    let text = text.trim();
    text.parse()
        .map_err(|_| QueryError::syntax("a whole number in $top", text))
}

fn filter(text: &str) -> Result<Filter<'_>, QueryError> {
    let mut scanner = Scanner::new(text, Quoting::Doubled);
    let parsed = query::joined(&mut scanner, &mut Budget::default(), one)?;
    match scanner.peek()? {
        Token::End => Ok(parsed),
        _ => Err(scanner.unexpected("and, or, or the end of the filter")),
    }
}

/// What is in parentheses, a function, or a comparison.
fn one<'q>(scanner: &mut Scanner<'q>, budget: &mut Budget) -> Result<Filter<'q>, QueryError> {
    if scanner.passes_sign("(")? {
        let inner = budget.deeper(|budget| query::joined(scanner, budget, one))?;
        scanner.expect_sign(")", "a closing parenthesis, and, or or")?;
        return Ok(inner);
    }
    budget.test()?;
    let word = scanner.expect_word("a column, a function or a parenthesis")?;
    if word.eq_ignore_ascii_case("not") {
        return Err(QueryError::unsupported("not is not answered"));
    }
    if scanner.peek()? != Token::Sign("(") || is_case_only(word) {
        let column = unwrapped(scanner, word)?;
        let op = comparison(scanner)?;
        return Ok(Filter::test(column, op, literal(scanner)?));
    }
    function(scanner, word)
}

fn function<'q>(scanner: &mut Scanner<'q>, name: &'q str) -> Result<Filter<'q>, QueryError> {
    let op = [
        ("contains", Op::Contains),
        ("substringof", Op::Contains),
        ("startswith", Op::StartsWith),
        ("endswith", Op::EndsWith),
    ]
    .into_iter()
    .find(|(known, _)| name.eq_ignore_ascii_case(known));
    let Some((known, op)) = op else {
        let shown: String = name.chars().take(40).collect();
        return Err(QueryError::unsupported(format!(
            "the function {shown} is not answered"
        )));
    };
    scanner.expect_sign("(", "an opening parenthesis")?;
    // OData 2 had them the other way round.
    let is_reversed = known == "substringof";
    let early = if is_reversed {
        Some(argument(scanner, ",")?)
    } else {
        None
    };
    let word = scanner.expect_word("a column")?;
    let column = unwrapped(scanner, word)?;
    let value = match early {
        Some(value) => value,
        None => {
            scanner.expect_sign(",", "a comma between column and text")?;
            literal(scanner)?
        }
    };
    scanner.expect_sign(")", "a closing parenthesis")?;
    if scanner.passes("eq")? && !scanner.passes("true")? {
        return Err(QueryError::unsupported(
            "a function that is not to hold is not answered",
        ));
    }
    Ok(Filter::test(column, op, value))
}

fn argument<'q>(scanner: &mut Scanner<'q>, end: &str) -> Result<Literal<'q>, QueryError> {
    let value = literal(scanner)?;
    scanner.expect_sign(end, "a comma between text and column")?;
    Ok(value)
}

/// Functions that change nothing where case and blanks at the ends do not count.
fn is_case_only(name: &str) -> bool {
    ["tolower", "toupper", "trim"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// The column `word`, or the one within the function that `word` is.
fn unwrapped<'q>(scanner: &mut Scanner<'q>, word: &'q str) -> Result<&'q str, QueryError> {
    if !is_case_only(word) || !scanner.passes_sign("(")? {
        return Ok(word);
    }
    let column = scanner.expect_word("a column")?;
    scanner.expect_sign(")", "a closing parenthesis")?;
    Ok(column)
}

fn comparison(scanner: &mut Scanner<'_>) -> Result<Op, QueryError> {
    const OPS: [(&str, Op); 6] = [
        ("eq", Op::Equal),
        ("ne", Op::NotEqual),
        ("lt", Op::Less),
        ("le", Op::LessOrEqual),
        ("gt", Op::Greater),
        ("ge", Op::GreaterOrEqual),
    ];
    for (word, op) in OPS {
        if scanner.passes(word)? {
            return Ok(op);
        }
    }
    Err(scanner.unexpected("eq, ne, lt, le, gt or ge behind a column"))
}

fn literal<'q>(scanner: &mut Scanner<'q>) -> Result<Literal<'q>, QueryError> {
    const EXPECTED: &str = "a text in quotation marks, a number, an id, true, false or null";
    match scanner.peek()? {
        Token::Text(raw) => {
            scanner.next()?;
            Ok(Literal::Text(undoubled(raw)))
        }
        Token::Word(word) => {
            scanner.next()?;
            let is = |known: &str| word.eq_ignore_ascii_case(known);
            if is("true") || is("false") {
                return Ok(Literal::Bool(is("true")));
            }
            if is("null") {
                return Ok(Literal::Null);
            }
            // `guid'…'`, `datetime'…'`: how OData 2 wrote them.
            match scanner.peek()? {
                Token::Text(raw) if word.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                    scanner.next()?;
                    Ok(Literal::Word(undoubled(raw)))
                }
                Token::Text(_) | Token::Sign("(") => Err(scanner.unexpected(EXPECTED)),
                _ => Ok(Literal::Word(Cow::Borrowed(word))),
            }
        }
        Token::Sign(_) | Token::End => Err(scanner.unexpected(EXPECTED)),
    }
}

fn undoubled(raw: &str) -> Cow<'_, str> {
    if raw.contains("''") {
        Cow::Owned(raw.replace("''", "'"))
    } else {
        Cow::Borrowed(raw)
    }
}

#[cfg(test)]
mod tests;
