//! Values as ServiceNow writes them: everything is a text, references are ids with a link, states and priorities are
//! numbers with a meaning.

use std::borrow::Cow;

use bytes::BytesMut;

use super::super::call::Call;
use super::super::crm::Row;
use super::super::json;
use super::super::query::{Filter, Literal, Op, moment};
use super::{ACTIVE, Question, Values};

/// Columns that refer to a row of another table.
const REFERENCES: [(&str, &str); 4] = [
    ("caller_id", "sys_user"),
    ("contact", "customer_contact"),
    ("consumer", "csm_consumer"),
    ("account", "customer_account"),
];
/// Columns of moments.
const MOMENTS: [&str; 3] = ["sys_created_on", "sys_updated_on", "opened_at"];
/// Columns of states.
const STATES: [&str; 2] = ["state", "incident_state"];
const PRIORITIES: [(&str, &str, &[&str]); 5] = [
    ("1", "1 - Critical", &["critical", "urgent"]),
    ("2", "2 - High", &["high"]),
    ("3", "3 - Moderate", &["moderate", "medium", "normal"]),
    ("4", "4 - Low", &["low"]),
    ("5", "5 - Planning", &["planning"]),
];

/// Where this server was reached, for links.
pub(super) struct Base(String);

/// The states of a table: their numbers, names, and the words that mean them.
#[derive(Debug, Clone, Copy)]
pub(super) struct States {
    known: &'static [(&'static str, &'static str, &'static [&'static str])],
    /// What stands for every case that is open, where a filter asks by number.
    open: &'static str,
    /// And for every other.
    ended: &'static str,
}

const INCIDENTS: States = States {
    known: &[
        ("1", "New", &["new"]),
        ("2", "In Progress", &["in progress", "open", "active", "assigned"]),
        ("3", "On Hold", &["on hold", "hold", "pending", "waiting"]),
        ("6", "Resolved", &["resolved", "solved"]),
        ("7", "Closed", &["closed", "done", "completed"]),
        ("8", "Canceled", &["canceled", "cancelled"]),
    ],
    open: "2",
    ended: "7",
};
const CASES: States = States {
    known: &[
        ("1", "New", &["new"]),
        ("10", "Open", &["open", "in progress", "active", "assigned"]),
        (
            "18",
            "Awaiting Info",
            &["awaiting info", "pending", "on hold", "hold", "waiting"],
        ),
        ("6", "Resolved", &["resolved", "solved"]),
        ("3", "Closed", &["closed", "done", "completed"]),
        ("7", "Cancelled", &["cancelled", "canceled"]),
    ],
    open: "10",
    ended: "3",
};

impl Base {
    pub(super) fn of(call: &Call<'_>) -> Base {
        let is_host = |host: &&str| {
            host.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
        };
        let host = call.host.filter(is_host).unwrap_or("localhost");
        Base(format!(
            "{}://{host}/api/now/table/",
            if call.is_secure { "https" } else { "http" }
        ))
    }
}

impl States {
    /// Those of `table`.
    pub(super) fn of(table: &str) -> States {
        match table {
            "sn_customerservice_case" => CASES,
            _ => INCIDENTS,
        }
    }

    /// `filter` with whether a case is open where it asks for states by number: what is kept here are words, of which
    /// only that is certain.
    pub(super) fn told<'q>(&self, filter: Filter<'q>) -> Filter<'q> {
        match filter {
            Filter::All(filters) => {
                Filter::All(filters.into_iter().map(|filter| self.told(filter)).collect())
            }
            Filter::Any(filters) => {
                Filter::Any(filters.into_iter().map(|filter| self.told(filter)).collect())
            }
            Filter::Test(test) => {
                let is_number =
                    |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let asks = STATES.contains(&&*test.column)
                    && matches!(&test.value, Literal::Text(text) | Literal::Word(text) if is_number(text));
                if !asks {
                    return Filter::Test(test);
                }
                let is = |value: bool| Filter::test(ACTIVE.column, Op::Equal, Literal::Bool(value));
                match (test.holds(Some(self.open)), test.holds(Some(self.ended))) {
                    (true, true) => Filter::All(Vec::new()),
                    (true, false) => is(true),
                    (false, true) => is(false),
                    (false, false) => Filter::Any(Vec::new()),
                }
            }
        }
    }
}

impl<'q> Question<'q> {
    /// The columns that were asked for, none: all of them. Where people's values are asked for, the names behind
    /// references are asked for as well.
    pub(super) fn ask_names(&mut self) -> Vec<Cow<'q, str>> {
        let asked = self.query.columns.clone();
        if self.values != Values::Stored {
            for (column, _) in REFERENCES {
                if asked.iter().any(|known| known.eq_ignore_ascii_case(column)) {
                    self.query.columns.push(format!("{column}.name").into());
                }
            }
        }
        asked
    }
}

/// Writes `row`, of which `asked` columns were asked for.
pub(super) fn write_row(
    row: &Row<'_>,
    question: &Question<'_>,
    asked: &[Cow<'_, str>],
    states: &States,
    base: &Base,
    out: &mut BytesMut,
) {
    let is_asked = |name: &str| match asked {
        // Columns of other rows have to be asked for.
        [] => !name.contains('.'),
        asked => asked.iter().any(|known| known.eq_ignore_ascii_case(name)),
    };
    out.extend_from_slice(b"{");
    let mut separator: &[u8] = b"";
    for (name, value) in row.members().filter(|(name, _)| is_asked(name)) {
        out.extend_from_slice(separator);
        separator = b",";
        json::string(out, name);
        out.extend_from_slice(b":");
        let told = text(value);
        let reference = REFERENCES
            .iter()
            .find(|(column, _)| *column == name && !told.is_empty());
        let shown = match reference {
            Some(_) => row
                .members()
                .find(|(known, _)| known.strip_suffix(".name") == Some(name))
                .map_or(told.clone(), |(_, value)| text(value)),
            None => written(name, &told, states, Values::Shown),
        };
        let stored = written(name, &told, states, Values::Stored);
        let link = reference
            .filter(|_| !question.without_links)
            .map(|(_, table)| format!("{}{table}/{told}", base.0));
        let members: &[(&str, &str)] = match (question.values, &link) {
            (Values::Stored, None) => {
                json::string(out, &stored);
                continue;
            }
            (Values::Shown, None) => {
                json::string(out, &shown);
                continue;
            }
            (Values::Both, None) => &[("display_value", &shown), ("value", &stored)],
            (Values::Stored, Some(link)) => &[("link", link), ("value", &stored)],
            (Values::Shown, Some(link)) => &[("display_value", &shown), ("link", link)],
            (Values::Both, Some(link)) => &[("display_value", &shown), ("link", link), ("value", &stored)],
        };
        let mut opening: &[u8] = b"{";
        for (name, text) in members {
            out.extend_from_slice(opening);
            opening = b",";
            json::string(out, name);
            out.extend_from_slice(b":");
            json::string(out, text);
        }
        out.extend_from_slice(b"}");
    }
    out.extend_from_slice(b"}");
}

/// A value as text; null is the empty one.
fn text(value: &[u8]) -> Cow<'_, str> {
    if value == b"null" {
        return Cow::Borrowed("");
    }
    json::text_of(value)
}

/// `told`, the value of the column `name`, as it is stored or shown there.
fn written<'t>(name: &str, told: &'t str, states: &States, values: Values) -> Cow<'t, str> {
    let coded = |codes: &[(&'static str, &'static str, &[&str])]| {
        let known = codes.iter().find(|(number, _, words)| {
            *number == told || words.iter().any(|word| word.eq_ignore_ascii_case(told))
        });
        known.map_or(Cow::Borrowed(told), |(number, shown, _)| match values {
            Values::Shown => Cow::Borrowed(*shown),
            _ => Cow::Borrowed(*number),
        })
    };
    match name {
        name if MOMENTS.contains(&name) => match moment(told) {
            Some(moment) => Cow::Owned(moment.strftime("%Y-%m-%d %H:%M:%S").to_string()),
            None => Cow::Borrowed(told),
        },
        name if STATES.contains(&name) => coded(states.known),
        "priority" => coded(&PRIORITIES),
        _ => Cow::Borrowed(told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_there() {
        for (name, told, stored, shown) in [
            ("state", "open", "2", "In Progress"),
            ("state", "Closed", "7", "Closed"),
            ("state", "escalated", "escalated", "escalated"),
            ("priority", "high", "2", "2 - High"),
            ("priority", "", "", ""),
            (
                "opened_at",
                "2026-11-02T10:30:00+01:00",
                "2026-11-02 09:30:00",
                "2026-11-02 09:30:00",
            ),
            ("opened_at", "yesterday", "yesterday", "yesterday"),
            ("number", "open", "open", "open"),
        ] {
            assert_eq!(
                written(name, told, &INCIDENTS, Values::Stored),
                stored,
                "{name} {told}"
            );
            assert_eq!(
                written(name, told, &INCIDENTS, Values::Shown),
                shown,
                "{name} {told}"
            );
        }
        assert_eq!(written("state", "open", &CASES, Values::Stored), "10");
    }

    #[test]
    fn states_by_number_ask_whether_a_case_is_open() {
        let told =
            |op, value: &'static str| INCIDENTS.told(Filter::test("state", op, Literal::Word(value.into())));
        let is = |value| Filter::test("active", Op::Equal, Literal::Bool(value));
        assert_eq!(told(Op::Less, "6"), is(true));
        assert_eq!(told(Op::NotEqual, "7"), is(true));
        assert_eq!(told(Op::Equal, "7"), is(false));
        assert_eq!(
            told(Op::NotEqual, "6"),
            Filter::All(vec![]),
            "of closed ones that holds too"
        );
        assert_eq!(told(Op::Equal, "9"), Filter::Any(vec![]));
        let word = Filter::test("state", Op::Equal, Literal::Text("open".into()));
        assert_eq!(INCIDENTS.told(word.clone()), word);
    }
}
