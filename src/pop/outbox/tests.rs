//! The outbox with its files, and what is sent and understood.

mod answers;
mod files;
mod pair;
mod requests;
mod settings;

use super::Settings;

/// The documented defaults, with `more` in the place of a table's keys.
fn settings(more: &str) -> Settings {
    let defaults: toml::Table = include_str!("../../../config/default.toml").parse().unwrap();
    let mut table = defaults["system_of_record"].clone();
    let more: toml::Table = more.parse().unwrap();
    lay(table.as_table_mut().unwrap(), more);
    table.try_into().unwrap()
}

fn lay(table: &mut toml::Table, more: toml::Table) {
    for (key, value) in more {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(under)), toml::Value::Table(over)) => lay(under, over),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}
