use proptest::prelude::*;

use super::*;
use crate::callers::parameters::decoded;
use crate::callers::query::{MOST_DEPTH, MOST_TESTS};

fn text<'q>(column: &'q str, op: Op, value: &'q str) -> Filter<'q> {
    Filter::test(column, op, Literal::Text(value.into()))
}

fn word<'q>(column: &'q str, op: Op, value: &'q str) -> Filter<'q> {
    Filter::test(column, op, Literal::Word(value.into()))
}

/// The filter of a query with `condition`.
fn filtered(condition: &str) -> Result<Option<Filter<'static>>, QueryError> {
    let text: &'static str = Box::leak(format!("SELECT Id FROM Contact WHERE {condition}").into_boxed_str());
    parse(text).map(|query| query.filter)
}

#[test]
fn the_templates_requests_are_read() {
    let raw = decoded("SELECT+id,Name+FROM+Contact+WHERE+Phone+LIKE+%27%254806754110%25%27");
    let query = parse(&raw).unwrap();
    assert_eq!(
        (&*query.table, &*query.columns),
        ("Contact", &["id".into(), "Name".into()][..])
    );
    assert_eq!(query.filter, Some(text("Phone", Op::Contains, "4806754110")));

    let raw = decoded(
        "SELECT+Id,CaseNumber,ContactId,accountId,Subject,Priority,Description+FROM+Case+WHERE+ContactId=%27003%27",
    );
    let query = parse(&raw).unwrap();
    assert_eq!((&*query.table, query.columns.len()), ("Case", 7));
    assert_eq!(query.filter, Some(text("ContactId", Op::Equal, "003")));
}

#[test]
fn every_clause_is_read() {
    let query = parse(
        "select Id from case using scope mine where ContactId = '1' order by CreatedDate desc nulls last, Id limit 5 \
         offset 0 for view",
    )
    .unwrap();
    assert_eq!(
        query.order,
        [
            ("CreatedDate".into(), Direction::Descending),
            ("Id".into(), Direction::Ascending)
        ]
    );
    assert_eq!(query.limit, Some(5));
    assert_eq!(parse("SELECT FIELDS(ALL) FROM Contact").unwrap().columns.len(), 0);
}

#[test]
fn conditions_are_read() {
    for (written, expected) in [
        ("A='O\\'Neil'", text("A", Op::Equal, "O'Neil")),
        ("A = 'x\\n\\\\'", text("A", Op::Equal, "x\n\\")),
        ("A != null", Filter::test("A", Op::NotEqual, Literal::Null)),
        (
            "A <> FALSE",
            Filter::test("A", Op::NotEqual, Literal::Bool(false)),
        ),
        (
            "A>=2026-11-02T09:30:00Z",
            word("A", Op::GreaterOrEqual, "2026-11-02T09:30:00Z"),
        ),
        ("A < 5", word("A", Op::Less, "5")),
        ("A like 'x%'", text("A", Op::StartsWith, "x")),
        ("A LIKE '%x'", text("A", Op::EndsWith, "x")),
        ("A LIKE 'x'", text("A", Op::Equal, "x")),
        ("A LIKE '%%x%%'", text("A", Op::Contains, "x")),
        ("A LIKE '%'", text("A", Op::Contains, "")),
        ("A LIKE '%100\\%%'", text("A", Op::Contains, "100%")),
        ("A LIKE '%480%675%4110'", text("A", Op::EndsWith, "480 675 4110")),
        ("A LIKE '% 14806754110%'", text("A", Op::Contains, " 14806754110")),
        (
            "A IN ('x','y')",
            Filter::any(vec![text("A", Op::Equal, "x"), text("A", Op::Equal, "y")]),
        ),
        ("A in('x')", text("A", Op::Equal, "x")),
        (
            "A NOT IN ('x', 'y')",
            Filter::all(vec![text("A", Op::NotEqual, "x"), text("A", Op::NotEqual, "y")]),
        ),
        (
            "(A=1 OR B=2) AND C=3",
            Filter::all(vec![
                Filter::any(vec![word("A", Op::Equal, "1"), word("B", Op::Equal, "2")]),
                word("C", Op::Equal, "3"),
            ]),
        ),
    ] {
        assert_eq!(filtered(written), Ok(Some(expected)), "{written}");
    }
}

#[test]
fn what_is_not_soql_is_refused() {
    for written in [
        "",
        "DELETE FROM Contact",
        "SELECT",
        "SELECT Id",
        "SELECT Id FROM",
        "SELECT Id, FROM Contact WHERE",
        "SELECT Id FROM Contact WHERE A",
        "SELECT Id FROM Contact WHERE A = 'x",
        "SELECT Id FROM Contact WHERE A = 'x\\'",
        "SELECT Id FROM Contact WHERE A = x",
        "SELECT Id FROM Contact WHERE A LIKE 5",
        "SELECT Id FROM Contact WHERE A = 'x' OR",
        "SELECT Id FROM Contact WHERE A = 'x' ; DROP TABLE y",
        "SELECT Id FROM Contact WHERE A = :bound",
        "SELECT Id FROM Contact WHERE (A = 'x'",
        "SELECT Id FROM Contact WHERE A IN 'x'",
        "SELECT Id FROM Contact LIMIT x",
        "SELECT Id FROM Contact ORDER Id",
        "SELECT * FROM Contact WHERE",
    ] {
        assert!(
            matches!(parse(written), Err(QueryError::Syntax { .. })),
            "{written}"
        );
    }
}

#[test]
fn what_is_not_answered_is_told_apart() {
    for written in [
        "SELECT COUNT() FROM Contact",
        "SELECT Id, (SELECT Id FROM Cases) FROM Contact",
        "SELECT Id FROM Contact WHERE NOT A = 'x'",
        "SELECT Id FROM Contact WHERE A IN (SELECT Id FROM Case)",
        "SELECT Id FROM Contact WHERE CALENDAR_YEAR(A) = 5",
        "SELECT Id FROM Contact WHERE A = LAST_N_DAYS:3",
        "SELECT Id FROM Contact WHERE A INCLUDES ('x')",
        "SELECT Id FROM Contact WHERE A LIKE 'x%y'",
        "SELECT Id FROM Contact WHERE A = 'x' GROUP BY Id",
        "SELECT Id FROM Contact, Case",
        "SELECT Id FROM Contact OFFSET 5",
    ] {
        assert!(
            matches!(parse(written), Err(QueryError::Unsupported { .. })),
            "{written}"
        );
    }
}

#[test]
fn large_and_deep_queries_end_early() {
    let nested = |levels: usize| format!("{}A=1{}", "(".repeat(levels), ")".repeat(levels));
    assert!(filtered(&nested(MOST_DEPTH)).is_ok() && filtered(&nested(MOST_DEPTH + 1)).is_err());
    let many = |tests: usize| format!("A IN ({})", vec!["1"; tests].join(","));
    assert!(filtered(&many(MOST_TESTS)).is_ok() && filtered(&many(MOST_TESTS + 1)).is_err());
    assert!(filtered(&format!("A='{}'", "x".repeat(64 << 10))).is_err());
    assert!(parse(&format!("SELECT {} FROM Contact", vec!["a"; 1000].join(","))).is_err());
}

proptest! {
    #[test]
    fn any_query_is_read(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "SELECT", "FROM", "WHERE", "Id", "Contact", "AND", "OR", "NOT", "LIKE", "IN", "ORDER", "BY", "LIMIT", "(",
                ")", ",", "'", "\\", "'%x%'", "=", "!=", "<", "1", "NULL", "é", "%",
            ]),
            0..40,
        ),
        other in "\\PC*",
    ) {
        let queries = [pieces.concat(), pieces.join(" "), format!("SELECT Id FROM Contact WHERE {}", pieces.join(" ")), other];
        for query in &queries {
            let _either = parse(query);
        }
    }

    #[test]
    fn a_quoted_text_survives(value in "\\PC*") {
        let written = format!("SELECT Id FROM Contact WHERE A='{}'", value.replace('\\', "\\\\").replace('\'', "\\'"));
        prop_assert_eq!(parse(&written).unwrap().filter, Some(text("A", Op::Equal, &value)));
    }
}

#[test]
fn a_wildcard_ahead_of_digits_is_no_plus() {
    for (pattern, op, expected) in [
        ("_4806754110", Op::EndsWith, "4806754110"),
        ("%_4806754110%", Op::Contains, "4806754110"),
        ("__48067541_0", Op::EndsWith, "48067541 0"),
        // Form decoding has eaten a plus here.
        ("% 14806754110", Op::EndsWith, " 14806754110"),
    ] {
        let filter = filtered(&format!("Phone LIKE '{pattern}'")).unwrap();
        assert_eq!(filter, Some(text("Phone", op, expected)), "{pattern}");
    }
    assert!(filtered("Name LIKE '_da'").is_err());
}
