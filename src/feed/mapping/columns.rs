//! Which columns of a row a mapping reads, and how.

use super::settings::{AttributeField, Cases, Customers, Interactions, Schemas};
use super::{Entity, Mapping};

/// What a mapping makes of a column, which is a top-level key of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reading {
    /// Nothing.
    Nothing,
    /// A text, a number, a moment.
    Plain,
    /// Something that may hold more: a list, or an object that paths go into.
    Structure,
}

impl Mapping {
    /// What is made of `column` in documents of `entity`.
    pub fn reads(&self, entity: Entity, column: &str) -> Reading {
        match entity {
            Entity::Customer => self.customer_reads(column),
            Entity::Case => self.cases.reads(column),
            Entity::Interaction => self.interactions.reads(column),
            Entity::Attribute => self.schema.reads(column),
        }
    }

    fn customer_reads(&self, column: &str) -> Reading {
        // Taken apart, so that no field can be forgotten.
        let Customers {
            from: _,
            id,
            name,
            first_name,
            last_name,
            company,
            created_at,
            updated_at,
            phones,
            region,
            labels,
            last_agent_id,
            do_not_call,
            do_not_sms,
            attributes,
        } = &self.customers;
        let plain = [
            id,
            name,
            first_name,
            last_name,
            company,
            created_at,
            updated_at,
            region,
            last_agent_id,
            do_not_call,
            do_not_sms,
        ];
        let inside = [phones, labels, &self.cases.inside, &self.interactions.inside];
        let of_fields = reading(column, &plain, &inside);
        if self.schema.from.is_empty() {
            let paths = attributes.iter().map(AttributeField::path);
            return of_paths(column, paths, Reading::Plain).max(of_fields);
        }
        // Every key may be an attribute.
        match self.schema.under.as_str() {
            "" => Reading::Plain.max(of_fields),
            under => of_paths(column, [under].into_iter(), Reading::Structure).max(of_fields),
        }
    }
}

impl Cases {
    fn reads(&self, column: &str) -> Reading {
        let Cases {
            from: _,
            inside: _,
            id,
            customer_id,
            number,
            title,
            status,
            priority,
            created_at,
        } = self;
        reading(
            column,
            &[id, customer_id, number, title, status, priority, created_at],
            &[],
        )
    }
}

impl Interactions {
    fn reads(&self, column: &str) -> Reading {
        let Interactions {
            from: _,
            inside: _,
            id,
            customer_id,
            started_at,
            direction,
            kind,
            ani,
            duration_s,
            activities,
        } = self;
        let plain = [id, customer_id, started_at, direction, kind, ani, duration_s];
        reading(column, &plain, &[activities])
    }
}

impl Schemas {
    fn reads(&self, column: &str) -> Reading {
        let Schemas {
            from: _,
            under: _,
            key,
            label,
            kind,
            required,
            sensitive,
            help,
        } = self;
        reading(column, &[key, label, kind, required, sensitive, help], &[])
    }
}

/// What is made of `column` where the paths of `plain` lead to single values and those of `inside` to lists.
fn reading(column: &str, plain: &[&Vec<String>], inside: &[&Vec<String>]) -> Reading {
    let paths = |lists: &[&Vec<String>], kind| {
        let paths = lists.iter().flat_map(|list| list.iter());
        of_paths(column, paths.map(String::as_str), kind)
    };
    paths(plain, Reading::Plain).max(paths(inside, Reading::Structure))
}

fn of_paths<'a>(column: &str, paths: impl Iterator<Item = &'a str>, kind: Reading) -> Reading {
    paths
        .filter_map(|path| match path.strip_prefix(column)? {
            "" => Some(kind),
            deeper if deeper.starts_with('.') => Some(Reading::Structure),
            _ => None,
        })
        .max()
        .unwrap_or(Reading::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_by_the_paths_that_begin_with_them() {
        let mapping = Mapping {
            customers: Customers {
                id: vec!["id".into()],
                phones: vec!["phones.number".into(), "mobile".into()],
                name: vec!["person.name".into()],
                attributes: vec![AttributeField {
                    path: "tier".into(),
                    ..attribute("level")
                }],
                ..Customers::default()
            },
            interactions: Interactions {
                activities: vec!["steps".into()],
                ..Interactions::default()
            },
            ..Mapping::default()
        };
        let reads = |column| mapping.reads(Entity::Customer, column);
        assert_eq!(reads("id"), Reading::Plain);
        assert_eq!(reads("phones"), Reading::Structure);
        assert_eq!(reads("mobile"), Reading::Structure);
        assert_eq!(reads("person"), Reading::Structure);
        assert_eq!(reads("tier"), Reading::Plain);
        for other in ["level", "identity", "i", "notes"] {
            assert_eq!(reads(other), Reading::Nothing, "{other}");
        }
        assert_eq!(mapping.reads(Entity::Interaction, "steps"), Reading::Structure);
        assert_eq!(mapping.reads(Entity::Case, "steps"), Reading::Nothing);
    }

    fn attribute(key: &str) -> AttributeField {
        AttributeField {
            key: key.into(),
            path: String::new(),
            label: String::new(),
            kind: crate::customer::AttributeType::Text,
            required: false,
            sensitive: false,
            help: String::new(),
        }
    }
}
