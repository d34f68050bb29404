use proptest::prelude::*;

use super::*;
use crate::callers::parameters::decoded;
use crate::callers::query::{MOST_DEPTH, MOST_TESTS, MOST_TEXT};

fn parsed(text: &str) -> Filter<'_> {
    filter(text).unwrap()
}

fn text<'q>(column: &'q str, op: Op, value: &'q str) -> Filter<'q> {
    Filter::test(column, op, Literal::Text(value.into()))
}

fn word<'q>(column: &'q str, op: Op, value: &'q str) -> Filter<'q> {
    Filter::test(column, op, Literal::Word(value.into()))
}

#[test]
fn the_templates_requests_are_read() {
    let raw = "$select=fullname,telephone1,contactid&$filter=contains(telephone1,'14806754110')";
    let options = Options::of(raw, decoded);
    let query = options.query("contacts").unwrap();
    assert_eq!(query.columns, ["fullname", "telephone1", "contactid"]);
    assert_eq!(
        query.filter,
        Some(text("telephone1", Op::Contains, "14806754110"))
    );
    assert_eq!((query.order, query.limit), (vec![], None));

    let raw = "%24filter=_customerid_value%20eq%20%27475b158c-541c-e511-80d3-3863bb347ba8%27&$select=title,\
               _customerid_value,ticketnumber&$orderby=createdon+desc&$top=1&$count=true";
    let options = Options::of(raw, decoded);
    let query = options.query("incidents").unwrap();
    assert_eq!(query.order, [("createdon".into(), Direction::Descending)]);
    assert_eq!((query.limit, options.counts()), (Some(1), true));
    let guid = "475b158c-541c-e511-80d3-3863bb347ba8";
    assert_eq!(query.filter, Some(text("_customerid_value", Op::Equal, guid)));
}

#[test]
fn filters_are_read() {
    for (written, expected) in [
        ("a eq 'O''Neil'", text("a", Op::Equal, "O'Neil")),
        (
            "a EQ 475b158c-541c-e511-80d3-3863bb347ba8",
            word("a", Op::Equal, "475b158c-541c-e511-80d3-3863bb347ba8"),
        ),
        ("a eq guid'475b'", word("a", Op::Equal, "475b")),
        ("a ne null", Filter::test("a", Op::NotEqual, Literal::Null)),
        ("a eq true", Filter::test("a", Op::Equal, Literal::Bool(true))),
        ("a lt 5", word("a", Op::Less, "5")),
        (
            "a le 2026-11-02T09:30:00Z",
            word("a", Op::LessOrEqual, "2026-11-02T09:30:00Z"),
        ),
        ("a gt -1", word("a", Op::Greater, "-1")),
        ("a ge 5", word("a", Op::GreaterOrEqual, "5")),
        ("startswith(a,'x')", text("a", Op::StartsWith, "x")),
        ("endswith( a , 'x' ) eq true", text("a", Op::EndsWith, "x")),
        ("substringof('x',a)", text("a", Op::Contains, "x")),
        ("contains(tolower(a),'x')", text("a", Op::Contains, "x")),
        ("toupper(a) eq 'X'", text("a", Op::Equal, "X")),
        ("contains(a,'or b eq 1')", text("a", Op::Contains, "or b eq 1")),
        (
            "a eq 1 or b eq 2 and c eq 3",
            Filter::any(vec![
                word("a", Op::Equal, "1"),
                Filter::all(vec![word("b", Op::Equal, "2"), word("c", Op::Equal, "3")]),
            ]),
        ),
        (
            "(a eq 1 or (b eq 2))and(c eq 3)",
            Filter::all(vec![
                Filter::any(vec![word("a", Op::Equal, "1"), word("b", Op::Equal, "2")]),
                word("c", Op::Equal, "3"),
            ]),
        ),
    ] {
        assert_eq!(parsed(written), expected, "{written}");
    }
}

#[test]
fn what_is_not_odata_is_refused() {
    for written in [
        "a",
        "a eq",
        "a eq 'x",
        "a is 'x'",
        "a eq 'x' and",
        "a eq 'x' b eq 'y'",
        "a eq 'x'; drop table contacts",
        "(a eq 'x'",
        "a eq 'x')",
        "contains(a)",
        "contains(a 'x')",
        "contains('x',a)",
        "eq eq eq eq",
        "a eq (1)",
        "'x' eq a",
        ")",
        "''",
    ] {
        assert!(
            matches!(filter(written), Err(QueryError::Syntax { .. })),
            "{written}"
        );
    }
}

#[test]
fn what_is_not_answered_is_told_apart() {
    for written in [
        "not contains(a,'x')",
        "contains(a,'x') eq false",
        "Microsoft.Dynamics.CRM.LastXDays(PropertyName='createdon',PropertyValue=7)",
        "length(a) eq 5",
    ] {
        assert!(
            matches!(filter(written), Err(QueryError::Unsupported { .. })),
            "{written}"
        );
    }
    for raw in [
        "$apply=groupby((x))",
        "$skip=5",
        "fetchXml=%3Cfetch/%3E",
        "savedQuery=1",
    ] {
        assert!(matches!(
            Options::of(raw, decoded).query("contacts"),
            Err(QueryError::Unsupported { .. })
        ));
    }
    for raw in ["$top=x", "$top=-1", "$orderby=a sideways"] {
        assert!(matches!(
            Options::of(raw, decoded).query("contacts"),
            Err(QueryError::Syntax { .. })
        ));
    }
    assert_eq!(
        Options::of("$select=*&x=1&&$expand=y", decoded)
            .query("contacts")
            .unwrap()
            .columns
            .len(),
        0
    );
}

#[test]
fn large_and_deep_filters_end_early() {
    let nested = |levels: usize| format!("{}a eq 1{}", "(".repeat(levels), ")".repeat(levels));
    assert!(filter(&nested(MOST_DEPTH)).is_ok() && filter(&nested(MOST_DEPTH + 1)).is_err());
    assert!(filter(&"(".repeat(MOST_TEXT)).is_err());
    let many = |tests: usize| vec!["a eq 1"; tests].join(" or ");
    assert!(filter(&many(MOST_TESTS)).is_ok() && filter(&many(MOST_TESTS + 1)).is_err());
    let long = format!("$filter=a eq '{}'", "x".repeat(64 << 10));
    assert!(Options::of(&long, decoded).query("contacts").is_err());
}

proptest! {
    #[test]
    fn any_filter_is_read(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "(", ")", ",", "'", "''", "a", "eq", "ne", "and", "or", "not", "contains", "null", "'x'", "guid", " ", "=",
                "tolower", "é", "%", "1",
            ]),
            0..40,
        ),
        other in "\\PC*",
    ) {
        let _either = (filter(&pieces.concat()), filter(&pieces.join(" ")), filter(&other));
        let _any = Options::of(&other, decoded).query("contacts");
    }

    #[test]
    fn a_quoted_text_survives(value in "\\PC*") {
        let written = format!("a eq '{}'", value.replace('\'', "''"));
        prop_assert_eq!(parsed(&written), text("a", Op::Equal, &value));
    }
}
