//! Parts of a customer that grow call by call: cases and interactions.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::fields::{Fields, Path, found};
use super::json::{Json, Kind};
use super::moment::instant;
use super::{Activity, Case, Customer, Interaction, Refusal};

/// The most activities that one interaction may have.
const MOST_ACTIVITIES: usize = 200;

/// How many parts a customer keeps, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Cases.
    pub cases: usize,
    /// Interactions.
    pub interactions: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cases: super::document::DEFAULT_CASES,
            interactions: super::document::DEFAULT_INTERACTIONS,
        }
    }
}

impl Customer {
    /// Adds `case`, in the place of the one with its id where there is one, and keeps as many as `limits`
    /// allow.
    pub fn put_case(&mut self, case: Case, limits: Limits) {
        put(self.cases.get_or_insert_default(), case, limits.cases);
    }

    /// Removes the case `id`; whether it was there.
    pub fn remove_case(&mut self, id: &str) -> bool {
        remove(self.cases.as_mut(), id)
    }

    /// Adds `interaction`, in the place of the one with its id where there is one, and keeps as many as
    /// `limits` allow.
    pub fn put_interaction(&mut self, interaction: Interaction, limits: Limits) {
        put(
            self.interactions.get_or_insert_default(),
            interaction,
            limits.interactions,
        );
    }

    /// Removes the interaction `id`; whether it was there.
    pub fn remove_interaction(&mut self, id: &str) -> bool {
        remove(self.interactions.as_mut(), id)
    }
}

/// Reads the case of a change.
///
/// # Errors
/// The first field that is not as it should be, as `case.…`.
pub fn read_case(json: Json<'_>) -> Result<Case, Refusal> {
    case(json, &Path::Key(&Path::Document, "case"))
}

/// Reads the interaction of a change.
///
/// # Errors
/// The first field that is not as it should be, as `interaction.…`.
pub fn read_interaction(json: Json<'_>) -> Result<Interaction, Refusal> {
    interaction(json, &Path::Key(&Path::Document, "interaction"))
}

/// The cases of a document, from its list or its only one.
pub(super) fn cases(document: &Fields<'_>, limits: Limits) -> Result<Option<Vec<Case>>, Refusal> {
    if let Some(single) = document.get("case") {
        let path = document.at("case");
        if document.get("cases").is_some() {
            return Err(path.refuse("either `case` or `cases`", "both"));
        }
        return Ok(Some(kept(vec![case(single, &path)?], limits.cases)));
    }
    several(document, "cases", case, limits.cases)
}

/// The interactions of a document.
pub(super) fn interactions(
    document: &Fields<'_>,
    limits: Limits,
) -> Result<Option<Vec<Interaction>>, Refusal> {
    several(document, "interactions", interaction, limits.interactions)
}

/// What cases and interactions have in common.
trait Part {
    fn id(&self) -> &str;
    fn began_at(&self) -> Option<&str>;
}

impl Part for Case {
    fn id(&self) -> &str {
        &self.id
    }

    fn began_at(&self) -> Option<&str> {
        self.created_at.as_deref()
    }
}

impl Part for Interaction {
    fn id(&self) -> &str {
        &self.id
    }

    fn began_at(&self) -> Option<&str> {
        self.started_at.as_deref()
    }
}

/// The parts under `key`. Two with one id would leave a later change of that part two to choose from.
fn several<P: Part>(
    document: &Fields<'_>,
    key: &str,
    read: fn(Json<'_>, &Path<'_>) -> Result<P, Refusal>,
    most: usize,
) -> Result<Option<Vec<P>>, Refusal> {
    let parts = document.list(key, usize::MAX, |value, path| read(value, path).map(Some))?;
    let Some(parts) = parts else { return Ok(None) };
    let mut ids = HashSet::with_capacity(parts.len());
    if let Some(twice) = parts.iter().find(|part| !ids.insert(part.id())) {
        let found = format!("{} twice", found(Kind::Text(twice.id())));
        return Err(document.at(key).refuse("an id of its own for each", found));
    }
    Ok(Some(kept(parts, most)))
}

/// The newest `most` of `parts`, newest first; those without a date are the oldest, and equals keep their
/// order.
fn kept<P: Part>(mut parts: Vec<P>, most: usize) -> Vec<P> {
    parts.sort_by_cached_key(|part| Reverse(part.began_at().and_then(instant)));
    parts.truncate(most);
    parts
}

/// Replacing in place makes a change that is seen twice change nothing; a new part goes before its equals.
fn put<P: Part>(parts: &mut Vec<P>, part: P, most: usize) {
    match parts.iter_mut().find(|old| old.id() == part.id()) {
        Some(old) => *old = part,
        None => parts.insert(0, part),
    }
    *parts = kept(std::mem::take(parts), most);
}

fn remove<P: Part>(parts: Option<&mut Vec<P>>, id: &str) -> bool {
    parts.is_some_and(|parts| {
        let before = parts.len();
        parts.retain(|part| part.id() != id);
        parts.len() < before
    })
}

fn case(json: Json<'_>, path: &Path<'_>) -> Result<Case, Refusal> {
    let fields = Fields::open(
        json,
        path,
        &["id", "number", "title", "status", "priority", "created_at"],
    )?;
    Ok(Case {
        id: fields.required_id()?,
        number: fields.text("number")?,
        title: fields.text("title")?,
        status: fields.text("status")?,
        priority: fields.text("priority")?,
        created_at: fields.moment("created_at")?,
    })
}

fn interaction(json: Json<'_>, path: &Path<'_>) -> Result<Interaction, Refusal> {
    const KNOWN: [&str; 7] = [
        "id",
        "started_at",
        "direction",
        "type",
        "ani",
        "duration_s",
        "activities",
    ];
    let fields = Fields::open(json, path, &KNOWN)?;
    let is_direction = |text: &str| {
        ["inbound", "outbound"]
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word))
    };
    let activities = fields.list("activities", MOST_ACTIVITIES, |value, path| {
        activity(value, path).map(Some)
    })?;
    Ok(Interaction {
        id: fields.required_id()?,
        started_at: fields.moment("started_at")?,
        direction: fields
            .checked("direction", "inbound or outbound", is_direction)?
            .map(|direction| direction.to_ascii_lowercase()),
        kind: fields.text("type")?,
        ani: fields.written("ani")?,
        duration_s: fields.seconds("duration_s")?,
        activities: activities.unwrap_or_default(),
    })
}

fn activity(json: Json<'_>, path: &Path<'_>) -> Result<Activity, Refusal> {
    const KNOWN: [&str; 8] = [
        "kind",
        "started_at",
        "duration_s",
        "agent_id",
        "agent_name",
        "team",
        "extension",
        "wrap_up",
    ];
    let fields = Fields::open(json, path, &KNOWN)?;
    Ok(Activity {
        kind: fields
            .text("kind")?
            .ok_or_else(|| fields.missing("kind", "ivr, agent, or another kind"))?,
        started_at: fields.moment("started_at")?,
        duration_s: fields.seconds("duration_s")?,
        agent_id: fields.id("agent_id")?,
        agent_name: fields.text("agent_name")?,
        team: fields.text("team")?,
        extension: fields.text("extension")?,
        wrap_up: fields.text("wrap_up")?,
    })
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::customer::Document;
    use serde_json::{Value, json};

    fn read_case(json: &Value) -> Result<Case, Refusal> {
        super::read_case(Document::from(json).json())
    }

    fn read_interaction(json: &Value) -> Result<Interaction, Refusal> {
        super::read_interaction(Document::from(json).json())
    }

    const LIMITS: Limits = Limits {
        cases: 2,
        interactions: 2,
    };

    fn case_of(id: &str, created_at: Option<&str>) -> Case {
        Case {
            id: id.into(),
            created_at: created_at.map(Into::into),
            ..Case::default()
        }
    }

    fn ids(customer: &Customer) -> Vec<&str> {
        customer
            .cases
            .iter()
            .flatten()
            .map(|case| case.id.as_str())
            .collect()
    }

    #[test]
    fn a_put_part_stands_where_its_date_says() {
        let mut customer = Customer::default();
        customer.put_case(case_of("old", Some("2026-01-01T00:00:00Z")), LIMITS);
        customer.put_case(case_of("new", Some("2026-03-01T00:00:00Z")), LIMITS);
        // The same moment as 2026-02-01T22:00:00Z: between the two, though its text sorts elsewhere.
        customer.put_case(case_of("mid", Some("2026-02-02T00:00:00+02:00")), LIMITS);
        assert_eq!(ids(&customer), ["new", "mid"]);
        customer.put_case(case_of("undated", None), LIMITS);
        assert_eq!(ids(&customer), ["new", "mid"]);
    }

    #[test]
    fn a_put_part_replaces_its_former_self() {
        let mut customer = Customer::default();
        customer.put_case(case_of("a", None), LIMITS);
        customer.put_case(case_of("b", None), LIMITS);
        let before = customer.clone();
        customer.put_case(case_of("a", None), LIMITS);
        assert_eq!(customer, before);
        customer.put_case(case_of("a", Some("2026-01-01T00:00:00Z")), LIMITS);
        assert_eq!(ids(&customer), ["a", "b"]);
    }

    #[test]
    fn a_removed_part_is_gone() {
        let mut customer = Customer::default();
        assert!(!customer.remove_interaction("i"));
        customer.put_interaction(read_interaction(&json!({"id": "i"})).unwrap(), LIMITS);
        customer.put_case(case_of("c", None), LIMITS);
        assert!(customer.remove_interaction("i") && !customer.remove_interaction("i"));
        assert!(customer.remove_case("c") && !customer.remove_case("c"));
        assert_eq!(
            (customer.cases, customer.interactions),
            (Some(vec![]), Some(vec![]))
        );
    }

    #[test]
    fn parts_of_changes_are_read() {
        let read = read_interaction(&json!({
            "id": 9, "started_at": "2026-11-18T14:02:11Z", "direction": "INBOUND", "type": "finesse",
            "ani": "+14806754110", "duration_s": 312,
            "activities": [null, {"kind": "agent", "agent_id": 1001, "extension": 4411, "duration_s": 271}]
        }))
        .unwrap();
        assert_eq!(read.id, "9");
        assert_eq!(read.direction.as_deref(), Some("inbound"));
        assert_eq!(read.activities.len(), 1);
        assert_eq!(read.activities[0].agent_id.as_deref(), Some("1001"));
        assert_eq!(read.activities[0].extension.as_deref(), Some("4411"));
    }

    #[test]
    fn parts_of_changes_are_refused_by_field() {
        let refused = [
            (read_case(&json!("x")).unwrap_err(), "case"),
            (read_case(&json!({"title": "x"})).unwrap_err(), "case.id"),
            (
                read_case(&json!({"id": 1, "titel": "x"})).unwrap_err(),
                "case.titel",
            ),
            (
                read_case(&json!({"id": 1, "created_at": "today"})).unwrap_err(),
                "case.created_at",
            ),
            (
                read_interaction(&json!({"id": "i", "ani": 480})).unwrap_err(),
                "interaction.ani",
            ),
            (
                read_interaction(&json!({"id": "i", "direction": "up"})).unwrap_err(),
                "interaction.direction",
            ),
            (
                read_interaction(&json!({"id": "i", "duration_s": -1})).unwrap_err(),
                "interaction.duration_s",
            ),
            (
                read_interaction(&json!({"id": "i", "activities": [{"kind": "ivr"}, {}]})).unwrap_err(),
                "interaction.activities[1].kind",
            ),
            (
                read_interaction(&json!({"id": "i", "activities": vec![json!({"kind": "ivr"}); 201]}))
                    .unwrap_err(),
                "interaction.activities",
            ),
        ];
        for (refusal, field) in refused {
            assert_eq!(refusal.field, field, "{refusal}");
        }
    }
}
