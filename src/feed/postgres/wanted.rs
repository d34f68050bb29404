//! Which columns of a table the mapping reads.

use std::collections::BTreeSet;

use super::facts::{Column, Table};
use crate::feed::mapping::{Entity, Mapping};

/// Columns that are read of the documents of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Whatever there is: attributes that a schema names may be anything.
    All,
    /// Those of these names.
    Named(BTreeSet<String>),
}

impl Wanted {
    pub(super) fn new(mapping: &Mapping, entity: Entity) -> Wanted {
        let mut names = BTreeSet::new();
        let mut add = |paths: &[String]| {
            for path in paths {
                names.extend(columns_of(path));
            }
        };
        match entity {
            Entity::Customer => {
                let it = &mapping.customers;
                let lists = [
                    &it.id,
                    &it.name,
                    &it.first_name,
                    &it.last_name,
                    &it.company,
                    &it.created_at,
                    &it.updated_at,
                    &it.phones,
                    &it.region,
                    &it.labels,
                    &it.last_agent_id,
                    &it.do_not_call,
                    &it.do_not_sms,
                    &mapping.cases.inside,
                    &mapping.interactions.inside,
                ];
                lists.into_iter().for_each(|paths| add(paths));
                if mapping.schema.from.is_empty() {
                    for attribute in &it.attributes {
                        let is_key = attribute.path.is_empty();
                        add(&[if is_key { &attribute.key } else { &attribute.path }.clone()]);
                    }
                } else if mapping.schema.under.is_empty() {
                    return Wanted::All;
                } else {
                    add(std::slice::from_ref(&mapping.schema.under));
                }
            }
            Entity::Case => {
                let it = &mapping.cases;
                let lists = [
                    &it.id,
                    &it.customer_id,
                    &it.number,
                    &it.title,
                    &it.status,
                    &it.priority,
                    &it.created_at,
                ];
                lists.into_iter().for_each(|paths| add(paths));
            }
            Entity::Interaction => {
                let it = &mapping.interactions;
                let lists = [
                    &it.id,
                    &it.customer_id,
                    &it.started_at,
                    &it.direction,
                    &it.kind,
                    &it.ani,
                    &it.duration_s,
                    &it.activities,
                ];
                lists.into_iter().for_each(|paths| add(paths));
            }
            Entity::Attribute => {
                let it = &mapping.schema;
                let lists = [
                    &it.key,
                    &it.label,
                    &it.kind,
                    &it.required,
                    &it.sensitive,
                    &it.help,
                ];
                lists.into_iter().for_each(|paths| add(paths));
            }
        }
        Wanted::Named(names)
    }

    pub(super) fn takes(&self, column: &str) -> bool {
        match self {
            Wanted::All => true,
            Wanted::Named(names) => names.contains(column),
        }
    }
}

/// The columns that `path` may lead through: its first part, or all of it where the name itself has a dot.
fn columns_of(path: &str) -> impl Iterator<Item = String> {
    let first = path.split('.').next().unwrap_or(path);
    [first.to_owned(), path.to_owned()].into_iter()
}

/// The columns of `table` by which `paths` find something in every row: each that may be null, up to one that may not.
/// Empty: none of them is a column.
pub(super) fn found_by<'a>(table: &'a Table, paths: &[String]) -> Vec<&'a Column> {
    let mut found: Vec<&Column> = Vec::new();
    for path in paths {
        let Some(column) =
            columns_of(path).find_map(|name| table.columns.iter().find(|column| column.name == name))
        else {
            continue;
        };
        if !found.contains(&column) {
            found.push(column);
        }
        if column.is_not_null && column.name == *path {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::mapping::Customers;
    use crate::feed::postgres::checks::tests::table;

    #[test]
    fn columns_are_the_beginnings_of_paths() {
        let mut mapping = Mapping {
            customers: Customers {
                id: vec!["id".into()],
                phones: vec!["contact.phones.number".into()],
                ..Customers::default()
            },
            ..Mapping::default()
        };
        let wanted = Wanted::new(&mapping, Entity::Customer);
        assert!(wanted.takes("id") && wanted.takes("contact") && !wanted.takes("notes"));
        mapping.schema.from = "attributes".into();
        assert_eq!(Wanted::new(&mapping, Entity::Customer), Wanted::All);
        mapping.schema.under = "custom".into();
        let wanted = Wanted::new(&mapping, Entity::Customer);
        assert!(wanted.takes("custom") && !wanted.takes("notes"));
    }

    #[test]
    fn an_id_is_found_up_to_a_column_that_is_never_null() {
        let paths: Vec<String> = ["_id", "id", "customer_id"].map(str::to_owned).into();
        let mut table = table(&["id", "customer_id", "name"]);
        let names = |table: &Table| -> Vec<String> {
            let found = found_by(table, &paths);
            found.iter().map(|column| column.name.clone()).collect()
        };
        assert_eq!(names(&table), ["id"]);
        table.columns[0].is_not_null = false;
        assert_eq!(names(&table), ["id", "customer_id"]);
    }
}
