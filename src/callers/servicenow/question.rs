//! A question to ServiceNow's table API, taken apart: fields as parameters, and encoded queries.
//!
//! An encoded query is conditions joined by `^` (and), `^OR` (or, with the condition ahead of it) and `^NQ` (or, of
//! everything). Nothing marks where a field ends and its operator begins but that fields are written in small letters.

use std::borrow::Cow;

use super::super::parameters::kept_plus;
use super::super::query::{
    Budget, Direction, Filter, Literal, MOST_COLUMNS, Op, Query, QueryError, check_length,
};

/// A question.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Question<'q> {
    pub(super) query: Query<'q>,
    /// How many rows ahead of the first one are left out.
    pub(super) offset: usize,
    pub(super) values: Values,
    /// Whether a reference is given without the link to what it refers to.
    pub(super) without_links: bool,
}

/// What is given of a column: `sysparm_display_value`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Values {
    /// What is in the database.
    #[default]
    Stored,
    /// What people see.
    Shown,
    /// Both.
    Both,
}

/// Operators of encoded queries, longer ones ahead of those that they begin with.
const OPERATORS: [(&str, Operator); 22] = [
    ("!=", Operator::Is(Op::NotEqual)),
    ("<=", Operator::Is(Op::LessOrEqual)),
    (">=", Operator::Is(Op::GreaterOrEqual)),
    ("=", Operator::Is(Op::Equal)),
    ("<", Operator::Is(Op::Less)),
    (">", Operator::Is(Op::Greater)),
    ("NOT IN", Operator::NotIn),
    ("NOT LIKE", Operator::Other),
    ("NOTLIKE", Operator::Other),
    ("DOES NOT CONTAIN", Operator::Other),
    ("LIKE", Operator::Is(Op::Contains)),
    ("CONTAINS", Operator::Is(Op::Contains)),
    ("STARTSWITH", Operator::Is(Op::StartsWith)),
    ("ENDSWITH", Operator::Is(Op::EndsWith)),
    ("ISNOTEMPTY", Operator::Empty(Op::NotEqual)),
    ("ISEMPTY", Operator::Empty(Op::Equal)),
    ("INSTANCEOF", Operator::Other),
    ("IN", Operator::In),
    ("ANYTHING", Operator::Anything),
    ("ON", Operator::Other),
    ("BETWEEN", Operator::Other),
    ("DYNAMIC", Operator::Other),
];

#[derive(Debug, Clone, Copy)]
enum Operator {
    Is(Op),
    Empty(Op),
    In,
    NotIn,
    Anything,
    /// One that is known and not answered.
    Other,
}

const CONDITION: &str = "a condition such as phone=+14806754110";

impl<'q> Question<'q> {
    /// Reads the parameters in the raw `query` to `table`. One whose name `knows` knows is a condition; others are
    /// ignored, as the table API ignores names that it does not know.
    ///
    /// # Errors
    /// `sysparm_query` cannot be read, or asks for what is not answered.
    pub(super) fn read(
        table: Cow<'q, str>,
        query: &'q str,
        knows: impl Fn(&str) -> bool,
    ) -> Result<Question<'q>, QueryError> {
        check_length(query)?;
        let mut question = Question::default();
        question.query.table = table;
        let mut budget = Budget::default();
        let mut conditions = Vec::new();
        let mut seen = Vec::new();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (kept_plus(name), kept_plus(value));
            // The first of several counts, and nobody sends as many as are looked through here.
            if seen.contains(&name) || seen.len() >= MOST_COLUMNS {
                continue;
            }
            seen.push(name.clone());
            match &*name {
                "sysparm_query" => {
                    conditions.extend(encoded(value, &mut question.query.order, &mut budget)?);
                }
                "sysparm_fields" => question.query.columns = listed(&value)?,
                "sysparm_limit" => question.query.limit = value.trim().parse().ok(),
                "sysparm_offset" => question.offset = value.trim().parse().unwrap_or(0),
                "sysparm_display_value" => {
                    question.values = match &*value {
                        "true" => Values::Shown,
                        "all" => Values::Both,
                        _ => Values::Stored,
                    }
                }
                "sysparm_exclude_reference_link" => question.without_links = value == "true",
                _ if !name.starts_with("sysparm_") && knows(&name) => {
                    budget.test()?;
                    conditions.push(Filter::test(name, Op::Equal, Literal::Text(value)));
                }
                _ => {}
            }
        }
        question.query.filter = (!conditions.is_empty()).then(|| Filter::all(conditions));
        Ok(question)
    }
}

fn listed<'q>(value: &str) -> Result<Vec<Cow<'q, str>>, QueryError> {
    let columns: Vec<Cow<'q, str>> = value
        .split(',')
        .map(str::trim)
        .filter(|column| !column.is_empty())
        .map(|column| column.to_owned().into())
        .collect();
    if columns.len() > MOST_COLUMNS {
        return Err(QueryError::unsupported(format!(
            "more than {MOST_COLUMNS} fields"
        )));
    }
    Ok(columns)
}

/// What the encoded query `text` asks for, if anything; where it says how to order, that is put into `order`.
fn encoded<'q>(
    text: Cow<'q, str>,
    order: &mut Vec<(Cow<'q, str>, Direction)>,
    budget: &mut Budget,
) -> Result<Option<Filter<'q>>, QueryError> {
    let mut alternatives = Vec::new();
    // All of these have to hold, and of each group one.
    let mut groups: Vec<Vec<Filter<'q>>> = Vec::new();
    let mut is_first = true;
    for part in parts(&text) {
        let is_opening = std::mem::take(&mut is_first);
        let (part, is_new, is_or) = match part.strip_prefix("NQ") {
            Some(rest) if !is_opening => (rest, true, false),
            _ => match part.strip_prefix("OR").filter(|rest| !rest.starts_with("DERBY")) {
                Some(rest) if !is_opening => (rest, false, true),
                _ => (&*part, false, false),
            },
        };
        if is_new {
            finish(&mut alternatives, &mut groups);
        }
        if part.is_empty() || part == "EQ" || part.starts_with("GROUPBY") {
            continue;
        }
        if let Some(column) = part.strip_prefix("ORDERBYDESC") {
            ordered(order, column, Direction::Descending)?;
            continue;
        }
        if let Some(column) = part.strip_prefix("ORDERBY") {
            ordered(order, column, Direction::Ascending)?;
            continue;
        }
        let Some(condition) = condition(part, budget)? else {
            continue;
        };
        match groups.last_mut().filter(|_| is_or) {
            Some(group) => group.push(condition),
            None => groups.push(vec![condition]),
        }
    }
    finish(&mut alternatives, &mut groups);
    Ok((!alternatives.is_empty()).then(|| Filter::any(alternatives)))
}

/// What `^` separates; two of them are the character itself.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, parts.last_mut()) {
            ('^', Some(part)) if rest.next_if_eq(&'^').is_some() => part.push('^'),
            ('^', _) => parts.push(String::new()),
            (c, Some(part)) => part.push(c),
            (_, None) => {}
        }
    }
    parts
}

fn finish<'q>(alternatives: &mut Vec<Filter<'q>>, groups: &mut Vec<Vec<Filter<'q>>>) {
    if !groups.is_empty() {
        let all = groups.drain(..).map(Filter::any).collect();
        alternatives.push(Filter::all(all));
    }
}

fn ordered<'q>(
    order: &mut Vec<(Cow<'q, str>, Direction)>,
    column: &str,
    direction: Direction,
) -> Result<(), QueryError> {
    if column.is_empty() || !column.bytes().all(is_of_field) {
        return Err(QueryError::syntax("a field behind ORDERBY", column));
    }
    if order.len() < MOST_COLUMNS {
        order.push((column.to_owned().into(), direction));
    }
    Ok(())
}

fn is_of_field(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.')
}

/// The condition that `part` is; `None` where it holds for everything.
fn condition<'q>(part: &str, budget: &mut Budget) -> Result<Option<Filter<'q>>, QueryError> {
    let end = part
        .bytes()
        .position(|byte| !is_of_field(byte))
        .unwrap_or(part.len());
    let (field, rest) = part.split_at(end);
    let found = OPERATORS
        .iter()
        .find_map(|(word, operator)| Some((word, operator, rest.strip_prefix(word)?)));
    let Some((word, operator, value)) = found.filter(|_| !field.is_empty()) else {
        return Err(QueryError::syntax(CONDITION, part));
    };
    if value.starts_with("javascript:") {
        return Err(QueryError::unsupported("a script in a condition"));
    }
    let field = field.to_owned();
    let test = |op: Op, value: &str, budget: &mut Budget| {
        budget.test()?;
        // What is greater and less is asked of numbers and times, and what is equal of texts.
        let literal = match op {
            Op::Less | Op::LessOrEqual | Op::Greater | Op::GreaterOrEqual => Literal::Word,
            _ => Literal::Text,
        };
        let value = literal(value.to_owned().into());
        Ok::<_, QueryError>(Filter::test(field.clone(), op, value))
    };
    let mut each = |op: Op| {
        let values = value.split(',').map(str::trim).filter(|value| !value.is_empty());
        values
            .map(|value| test(op, value, budget))
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(Some(match operator {
        Operator::Is(op) => test(*op, value, budget)?,
        Operator::Empty(op) => {
            budget.test()?;
            Filter::test(field.clone(), *op, Literal::Null)
        }
        Operator::In => match each(Op::Equal)? {
            // Nothing is in no list.
            none if none.is_empty() => test(Op::Equal, "", budget)?,
            some => Filter::any(some),
        },
        Operator::NotIn => match each(Op::NotEqual)? {
            none if none.is_empty() => return Ok(None),
            some => Filter::all(some),
        },
        Operator::Anything => return Ok(None),
        Operator::Other => return Err(QueryError::unsupported(format!("the operator {word}"))),
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use proptest::prelude::*;

    use super::*;

    fn read(query: &str) -> Result<Question<'_>, QueryError> {
        Question::read("sys_user".into(), query, |name| {
            !name.is_empty() && name != "nocache"
        })
    }

    fn is<'q>(column: &'q str, op: Op, value: &'q str) -> Filter<'q> {
        Filter::test(column, op, Literal::Text(value.into()))
    }

    fn filter(query: &str) -> Filter<'_> {
        read(query).unwrap().query.filter.unwrap()
    }

    #[test]
    fn fields_are_parameters() {
        let asked =
            "phone=(480)%20675-4110&sysparm_fields=sys_id,%20name,&sysparm_limit=1&nocache=7&sysparm_x=1";
        let question = read(asked).unwrap();
        assert_eq!(question.query.columns, ["sys_id", "name"]);
        assert_eq!((question.query.limit, question.offset), (Some(1), 0));
        assert_eq!(
            question.query.filter,
            Some(is("phone", Op::Equal, "(480) 675-4110"))
        );
        for (raw, phone) in [
            ("+14806754110", "+14806754110"),
            ("%2B14806754110", "+14806754110"),
            ("%2b14806754110", "+14806754110"),
            ("(480)+675-4110", "(480) 675-4110"),
            ("%2014806754110", " 14806754110"),
            ("", ""),
        ] {
            assert_eq!(
                filter(&format!("phone={raw}")),
                is("phone", Op::Equal, phone),
                "{raw}"
            );
        }
        assert_eq!(
            filter("phone=1&name=Ada&phone=2"),
            Filter::All(vec![is("phone", Op::Equal, "1"), is("name", Op::Equal, "Ada")])
        );
        assert_eq!(read("").unwrap().query.filter, None);
        let question = read("sysparm_display_value=all&sysparm_exclude_reference_link=true&sysparm_offset=2");
        let question = question.unwrap();
        assert_eq!((question.values, question.without_links), (Values::Both, true));
        assert_eq!(question.offset, 2);
    }

    #[test]
    fn encoded_queries_are_read_with_their_operators() {
        for (encoded, expected) in [
            ("phone=+14806754110", is("phone", Op::Equal, "+14806754110")),
            ("phoneLIKE4806754110", is("phone", Op::Contains, "4806754110")),
            ("phoneENDSWITH4110", is("phone", Op::EndsWith, "4110")),
            ("nameSTARTSWITHAda L", is("name", Op::StartsWith, "Ada L")),
            ("number!=INC1", is("number", Op::NotEqual, "INC1")),
            (
                "caller_id.phoneCONTAINS7",
                is("caller_id.phone", Op::Contains, "7"),
            ),
            ("name=a=b^^c", is("name", Op::Equal, "a=b^c")),
            ("emailISEMPTY", Filter::test("email", Op::Equal, Literal::Null)),
            (
                "emailISNOTEMPTY",
                Filter::test("email", Op::NotEqual, Literal::Null),
            ),
            (
                "opened_at>=2026-01-01",
                Filter::test(
                    "opened_at",
                    Op::GreaterOrEqual,
                    Literal::Word("2026-01-01".into()),
                ),
            ),
            (
                "sys_idINa, b,",
                Filter::Any(vec![is("sys_id", Op::Equal, "a"), is("sys_id", Op::Equal, "b")]),
            ),
            (
                "stateNOT IN6,7",
                Filter::All(vec![
                    is("state", Op::NotEqual, "6"),
                    is("state", Op::NotEqual, "7"),
                ]),
            ),
            ("sys_idIN", is("sys_id", Op::Equal, "")),
        ] {
            let query = format!("sysparm_query={}", encoded.replace('+', "%2B"));
            assert_eq!(filter(&query), expected, "{encoded}");
        }
    }

    #[test]
    fn or_binds_to_the_condition_ahead_and_nq_to_nothing() {
        let one = |column| is(column, Op::Equal, "1");
        let query = "sysparm_query=a=1^b=1^ORc=1^ORd=1^NQe=1^ORDERBYDESCsys_created_on^ORDERBYnumber^EQ";
        assert_eq!(
            filter(query),
            Filter::Any(vec![
                Filter::All(vec![one("a"), Filter::Any(vec![one("b"), one("c"), one("d")])]),
                one("e"),
            ])
        );
        let order = read(query).unwrap().query.order;
        assert_eq!(
            order,
            [
                ("sys_created_on".into(), Direction::Descending),
                ("number".into(), Direction::Ascending)
            ]
        );
        let both = filter("active=1&sysparm_query=phone=1^ORmobile_phone=1");
        assert_eq!(
            both,
            Filter::All(vec![
                one("active"),
                Filter::Any(vec![one("phone"), one("mobile_phone")])
            ])
        );
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for encoded in [
            "phone",
            "=1",
            "phone~1",
            "PHONE=1",
            "a=1^b",
            "phoneNOT LIKE1",
            "phoneBETWEEN1@2",
            "opened_at>javascript:gs.daysAgo(1)",
            "ORDERBY a",
            "' OR 1=1 --",
        ] {
            let query = format!("sysparm_query={encoded}");
            assert!(read(&query).is_err(), "{encoded}");
        }
        let many = format!("sysparm_query={}", "a=1^".repeat(65));
        assert!(read(&many).is_err());
        let many = format!("sysparm_query=sys_idIN{}", "a,".repeat(65));
        assert!(read(&many).is_err());
        assert!(read(&"x".repeat(64 << 10)).is_err());
    }

    proptest! {
        #[test]
        fn no_query_is_too_odd(query in "(sysparm_query=|)([a-z]{0,3}(=|LIKE|IN|\\^|\\^OR|\\^NQ|ORDERBY|%5E|%|\\+)){0,20}", any in ".{0,60}") {
            let _whatever = read(&query);
            let _whatever = read(&format!("sysparm_query={any}"));
        }
    }
}
