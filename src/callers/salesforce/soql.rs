//! The part of SOQL in which Salesforce is asked for contacts, accounts and cases.

use std::borrow::Cow;

use crate::callers::query::{
    self, Budget, Direction, Filter, Literal, MOST_COLUMNS, Op, Query, QueryError, Quoting, Scanner, Token,
};

/// The query that `text` is.
///
/// # Errors
/// It is not SOQL, or asks for what is not answered.
pub(super) fn parse(text: &str) -> Result<Query<'_>, QueryError> {
    query::check_length(text)?;
    let mut scanner = Scanner::new(text, Quoting::Backslash);
    if !scanner.passes("select")? {
        return Err(scanner.unexpected("SELECT"));
    }
    let mut query = Query {
        columns: columns(&mut scanner)?,
        ..Query::default()
    };
    if !scanner.passes("from")? {
        return Err(scanner.unexpected("a comma or FROM"));
    }
    query.table = Cow::Borrowed(scanner.expect_word("an object behind FROM")?);
    if scanner.passes_sign(",")? {
        return Err(QueryError::unsupported(
            "a query of several objects is not answered",
        ));
    }
    if scanner.passes("using")? {
        scanner.expect_word("SCOPE")?;
        scanner.expect_word("a scope")?;
    }
    if scanner.passes("where")? {
        query.filter = Some(query::joined(&mut scanner, &mut Budget::default(), one)?);
    }
    for clause in ["with", "group", "having", "typeof"] {
        if scanner.passes(clause)? {
            return Err(QueryError::unsupported(format!(
                "the clause {} is not answered",
                clause.to_uppercase()
            )));
        }
    }
    if scanner.passes("order")? {
        if !scanner.passes("by")? {
            return Err(scanner.unexpected("BY behind ORDER"));
        }
        query.order = order(&mut scanner)?;
    }
    if scanner.passes("limit")? {
        query.limit = Some(number(&mut scanner)?);
    }
    if scanner.passes("offset")? && number(&mut scanner)? > 0 {
        return Err(QueryError::unsupported("OFFSET is not answered"));
    }
    if scanner.passes("for")? {
        scanner.expect_word("VIEW or REFERENCE")?;
    }
    match scanner.peek()? {
        Token::End => Ok(query),
        _ => Err(scanner.unexpected("WHERE, ORDER BY, LIMIT, or the end of the query")),
    }
}

fn columns<'q>(scanner: &mut Scanner<'q>) -> Result<Vec<Cow<'q, str>>, QueryError> {
    let mut columns = Vec::new();
    loop {
        if scanner.peek()? == Token::Sign("(") {
            return Err(QueryError::unsupported("a query within SELECT is not answered"));
        }
        if columns.len() == MOST_COLUMNS {
            return Err(QueryError::unsupported(format!(
                "more than {MOST_COLUMNS} columns"
            )));
        }
        let word = scanner.expect_word("a field")?;
        if scanner.passes_sign("(")? {
            if !word.eq_ignore_ascii_case("fields") {
                return Err(QueryError::unsupported("a function in SELECT is not answered"));
            }
            scanner.expect_word("ALL, STANDARD or CUSTOM")?;
            scanner.expect_sign(")", "a closing parenthesis")?;
            return Ok(Vec::new());
        }
        columns.push(Cow::Borrowed(word));
        if !scanner.passes_sign(",")? {
            return Ok(columns);
        }
    }
}

/// What is in parentheses, or a comparison.
fn one<'q>(scanner: &mut Scanner<'q>, budget: &mut Budget) -> Result<Filter<'q>, QueryError> {
    if scanner.passes_sign("(")? {
        let inner = budget.deeper(|budget| query::joined(scanner, budget, one))?;
        scanner.expect_sign(")", "a closing parenthesis, AND or OR")?;
        return Ok(inner);
    }
    let column = scanner.expect_word("a field or a parenthesis")?;
    let is_not = column.eq_ignore_ascii_case("not");
    if is_not || scanner.peek()? == Token::Sign("(") {
        return Err(QueryError::unsupported("NOT and functions are not answered"));
    }
    match scanner.next()? {
        Token::Sign(sign) => {
            let op = match sign {
                "=" => Op::Equal,
                "!=" | "<>" => Op::NotEqual,
                "<" => Op::Less,
                "<=" => Op::LessOrEqual,
                ">" => Op::Greater,
                ">=" => Op::GreaterOrEqual,
                _ => return Err(QueryError::syntax(COMPARISON, sign)),
            };
            budget.test()?;
            Ok(Filter::test(column, op, literal(scanner)?))
        }
        Token::Word(word) if word.eq_ignore_ascii_case("like") => {
            budget.test()?;
            match scanner.next()? {
                Token::Text(raw) => like(column, raw),
                _ => Err(scanner.unexpected("a text in quotation marks behind LIKE")),
            }
        }
        Token::Word(word) if word.eq_ignore_ascii_case("in") => {
            let tests = list(scanner, budget, column, Op::Equal)?;
            Ok(Filter::any(tests))
        }
        Token::Word(word) if word.eq_ignore_ascii_case("not") && scanner.passes("in")? => {
            let tests = list(scanner, budget, column, Op::NotEqual)?;
            Ok(Filter::all(tests))
        }
        Token::Word(word) if is_any(word, &["includes", "excludes"]) => {
            Err(QueryError::unsupported("INCLUDES and EXCLUDES are not answered"))
        }
        Token::Word(word) | Token::Text(word) => Err(QueryError::syntax(COMPARISON, word)),
        Token::End => Err(QueryError::syntax(COMPARISON, "")),
    }
}

const COMPARISON: &str = "=, !=, <, <=, >, >=, LIKE, IN or NOT IN behind a field";

fn list<'q>(
    scanner: &mut Scanner<'q>,
    budget: &mut Budget,
    column: &'q str,
    op: Op,
) -> Result<Vec<Filter<'q>>, QueryError> {
    scanner.expect_sign("(", "an opening parenthesis behind IN")?;
    if scanner.passes("select")? {
        return Err(QueryError::unsupported("a query within IN is not answered"));
    }
    let mut tests = Vec::new();
    loop {
        budget.test()?;
        tests.push(Filter::test(column, op, literal(scanner)?));
        if scanner.passes_sign(")")? {
            return Ok(tests);
        }
        scanner.expect_sign(",", "a comma or a closing parenthesis")?;
    }
}

fn literal<'q>(scanner: &mut Scanner<'q>) -> Result<Literal<'q>, QueryError> {
    const EXPECTED: &str = "a text in quotation marks, a number, a date, TRUE, FALSE or NULL";
    match scanner.peek()? {
        Token::Text(raw) => {
            scanner.next()?;
            Ok(Literal::Text(unescaped(raw)))
        }
        Token::Word(word) => {
            if is_any(word, &["true", "false"]) {
                scanner.next()?;
                return Ok(Literal::Bool(word.eq_ignore_ascii_case("true")));
            }
            if is_any(word, &["null"]) {
                scanner.next()?;
                return Ok(Literal::Null);
            }
            if word.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+' || c == '.') {
                scanner.next()?;
                return Ok(Literal::Word(Cow::Borrowed(word)));
            }
            let is_date = word.bytes().all(|byte| {
                byte.is_ascii_uppercase() || byte == b'_' || byte == b':' || byte.is_ascii_digit()
            });
            if is_date && word.len() > 1 && !word.starts_with(':') {
                return Err(QueryError::unsupported("a date by name is not answered"));
            }
            Err(scanner.unexpected(EXPECTED))
        }
        Token::Sign(_) | Token::End => Err(scanner.unexpected(EXPECTED)),
    }
}

/// `column LIKE 'raw'`: what stands between wildcards. A wildcard amidst digits stands for whatever people write between
/// them.
fn like<'q>(column: &'q str, raw: &'q str) -> Result<Filter<'q>, QueryError> {
    // Each character, and whether it is a wildcard.
    let mut pattern: Vec<(char, bool)> = Vec::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        pattern.push(match c {
            '\\' => (escape(chars.next()), false),
            c => (c, matches!(c, '%' | '_')),
        });
    }
    let is_wild = |found: Option<&(char, bool)>| found.is_some_and(|(_, is_wild)| *is_wild);
    let is_many = |found: &(char, bool)| *found == ('%', true);
    let (starts, ends) = (is_wild(pattern.first()), is_wild(pattern.last()));
    let whole = pattern.iter().skip_while(|found| is_many(found)).copied();
    let whole = whole.collect::<Vec<_>>();
    let len = whole
        .iter()
        .rposition(|found| !is_many(found))
        .map_or(0, |at| at + 1);
    let inner = whole.get(..len).unwrap_or_default();
    let is_split = inner.iter().any(|(_, is_wild)| *is_wild);
    if is_split && inner.iter().any(|(c, is_wild)| !is_wild && c.is_alphabetic()) {
        return Err(QueryError::unsupported(
            "a wildcard amidst a text is not answered",
        ));
    }
    // A blank ahead of digits is a plus that was eaten, and what a wildcard stands for is none.
    let text = inner
        .iter()
        .skip_while(|(_, is_wild)| *is_wild)
        .map(|(c, is_wild)| if *is_wild { ' ' } else { *c })
        .collect::<String>();
    let op = match (starts, ends) {
        (true, true) => Op::Contains,
        (true, false) => Op::EndsWith,
        (false, true) => Op::StartsWith,
        (false, false) => Op::Equal,
    };
    Ok(Filter::test(column, op, Literal::Text(Cow::Owned(text))))
}

fn order<'q>(scanner: &mut Scanner<'q>) -> Result<Vec<(Cow<'q, str>, Direction)>, QueryError> {
    let mut order = Vec::new();
    loop {
        if order.len() == MOST_COLUMNS {
            return Err(QueryError::unsupported(format!(
                "more than {MOST_COLUMNS} columns"
            )));
        }
        let column = scanner.expect_word("a field behind ORDER BY")?;
        let direction = if scanner.passes("desc")? {
            Direction::Descending
        } else {
            scanner.passes("asc")?;
            Direction::Ascending
        };
        if scanner.passes("nulls")? && !scanner.passes("first")? && !scanner.passes("last")? {
            return Err(scanner.unexpected("FIRST or LAST behind NULLS"));
        }
        order.push((Cow::Borrowed(column), direction));
        if !scanner.passes_sign(",")? {
            return Ok(order);
        }
    }
}

fn number(scanner: &mut Scanner<'_>) -> Result<usize, QueryError> {
    const EXPECTED: &str = "a whole number";
    let word = scanner.expect_word(EXPECTED)?;
    word.parse().map_err(|_| QueryError::syntax(EXPECTED, word))
}

fn unescaped(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        text.push(if c == '\\' { escape(chars.next()) } else { c });
    }
    Cow::Owned(text)
}

/// What a backslash and `escaped` stand for.
fn escape(escaped: Option<char>) -> char {
    match escaped {
        Some('n' | 'N') => '\n',
        Some('r' | 'R') => '\r',
        Some('t' | 'T') => '\t',
        Some('b' | 'B') => '\u{8}',
        Some('f' | 'F') => '\u{c}',
        Some(other) => other,
        None => '\\',
    }
}

fn is_any(word: &str, known: &[&str]) -> bool {
    known.iter().any(|known| word.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests;
