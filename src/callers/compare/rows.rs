//! What an answer tells: nobody, a line of text, or rows, of which callers read the first.

use serde_json::{Map, Value};

use super::values::{self, is_alike};
use super::{Asked, Cause, Compared, Side};

/// Where rows stand, in the dialects that there are.
const PLACES: [&str; 6] = ["value", "records", "result", "users", "results", "contacts"];
/// What callers of text take for nobody.
const NOBODY: [&str; 2] = ["unknown", "unavailable"];

/// What one side tells.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    Nobody,
    Text(String),
    Rows { first: Map<String, Value>, count: usize },
}

impl Told {
    /// How many it names.
    pub(super) fn count(&self) -> usize {
        match self {
            Told::Nobody => 0,
            Told::Text(_) => 1,
            Told::Rows { count, .. } => *count,
        }
    }

    /// The name that it tells, or else the case's, shortened.
    pub(super) fn shown(&self) -> Option<String> {
        match self {
            Told::Nobody => None,
            Told::Text(text) => Some(values::shortened(text)),
            Told::Rows { first, .. } => {
                let of = |kind| {
                    let mut columns = first
                        .iter()
                        .filter(|(column, _)| values::kind(column) == Some(kind));
                    columns.find_map(|(_, value)| values::text(value))
                };
                let shown = of(values::Kind::Name).or_else(|| of(values::Kind::Other));
                shown.map(|text| values::shortened(&text))
            }
        }
    }
}

/// Reads `side`, as rows of JSON or as a line of text; `None` where it is neither.
pub(super) fn read(side: &Side<'_>, as_rows: bool) -> Option<Told> {
    if side.status == 204 || matches!(side.status, 404 | 410) {
        return Some(Told::Nobody);
    }
    if !(200..300).contains(&side.status) {
        return None;
    }
    if as_rows {
        let value = serde_json::from_slice(side.body).ok()?;
        return rows(value);
    }
    let text = str::from_utf8(side.body).ok()?.trim();
    let is_nobody = text.is_empty() || NOBODY.iter().any(|word| text.eq_ignore_ascii_case(word));
    Some(match is_nobody {
        true => Told::Nobody,
        false => Told::Text(text.to_owned()),
    })
}

fn rows(value: Value) -> Option<Told> {
    match value {
        Value::Null => Some(Told::Nobody),
        Value::Array(rows) => of_array(rows),
        Value::Object(mut object) => {
            let place = PLACES.into_iter().find(|place| object.contains_key(*place));
            match place.and_then(|place| object.remove(place)) {
                Some(Value::Array(rows)) => return of_array(rows),
                Some(Value::Object(row)) => return Some(one(row)),
                Some(Value::Null) => return Some(Told::Nobody),
                // A column of that name, in an object that is the row itself.
                Some(_) | None => {}
            }
            let is_miss = object.get("found") == Some(&Value::Bool(false));
            // Nobody's shape is the shape of an error, too: a status of 200 does not make it a customer.
            let is_error = object.contains_key("error") || object.contains_key("errors");
            match (is_miss || object.is_empty(), is_error) {
                (true, _) => Some(Told::Nobody),
                (false, true) => None,
                (false, false) => Some(one(object)),
            }
        }
        _ => None,
    }
}

fn of_array(rows: Vec<Value>) -> Option<Told> {
    let count = rows.len();
    match rows.into_iter().next() {
        None => Some(Told::Nobody),
        Some(Value::Object(first)) => Some(Told::Rows { first, count }),
        Some(_) => None,
    }
}

fn one(row: Map<String, Value>) -> Told {
    Told::Rows { first: row, count: 1 }
}

/// Compares two first rows by the columns that both have and that say who it is.
pub(super) fn differ(
    asked: Asked,
    theirs: &Map<String, Value>,
    ours: &Map<String, Value>,
    is_ours: impl Fn(&str) -> bool,
) -> Compared {
    let mut shared = 0_usize;
    let mut ids_agree = false;
    let mut differing: Option<(values::Kind, Compared)> = None;
    for (column, value) in ours {
        let (Some(kind), Some(ours)) = (values::kind(column), values::text(value)) else {
            continue;
        };
        let Some(theirs) = theirs.get(column).and_then(values::text) else {
            continue;
        };
        if kind == values::Kind::Id && is_ours(&ours) {
            continue;
        }
        shared += 1;
        if is_alike(column, &theirs, &ours) {
            ids_agree |= kind == values::Kind::Id;
            continue;
        }
        // An id says more than a name, and a name more than anything else.
        if differing.as_ref().is_none_or(|(known, _)| kind < *known) {
            let compared = Compared {
                cause: Cause::OtherValue,
                column: Some(column.clone()),
                theirs: Some(values::shortened(&theirs)),
                ours: Some(values::shortened(&ours)),
            };
            differing = Some((kind, compared));
        }
    }
    match differing {
        Some((kind, compared)) => {
            let is_other = match kind {
                values::Kind::Id => true,
                values::Kind::Name => !ids_agree,
                values::Kind::Other => false,
            };
            let cause = match asked {
                Asked::Customer if is_other => Cause::OtherCustomer,
                _ => Cause::OtherValue,
            };
            Compared { cause, ..compared }
        }
        // Both have a row, and nothing can be said of whose: a query for ids that Ringside spells itself.
        None if shared == 0 && ours.values().any(|value| is_own(value, &is_ours)) => Cause::Same.into(),
        None if shared == 0 => Cause::Unreadable.into(),
        None => Cause::Same.into(),
    }
}

fn is_own(value: &Value, is_ours: impl Fn(&str) -> bool) -> bool {
    values::text(value).is_some_and(|text| is_ours(&text))
}
