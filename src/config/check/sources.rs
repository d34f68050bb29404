//! Feeds that copy their source as a whole.

use super::{Config, Unfit, within};
use crate::feed::{Kind, Settings};

/// What a feed needs whose source is a system of record.
pub(super) fn source(name: &str, feed: &Settings) -> Result<(), Unfit> {
    let path = |key: &str| format!("feed.{name}.{key}");
    if matches!(feed.kind, Kind::Mongodb | Kind::Postgres) && feed.customers.from.is_empty() {
        let expected = "the collection or table of customers: without them there is nobody whose cases could be followed";
        return Err(Unfit::new(path("customers.from"), expected, "\"\""));
    }
    if feed.kind != Kind::Mongodb {
        return Ok(());
    }
    let mongodb = &feed.mongodb;
    if mongodb.uri.is_empty() {
        let expected = "a connection string, such as \"mongodb://user:password@host1,host2/?replicaSet=rs0\"";
        return Err(Unfit::new(path("mongodb.uri"), expected, "\"\""));
    }
    if mongodb.database.is_empty() {
        return Err(Unfit::new(
            path("mongodb.database"),
            "the database to follow",
            "\"\"",
        ));
    }
    let millis = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    within(
        &path("mongodb.connect_timeout_ms"),
        millis(mongodb.connect_timeout),
        100..=60_000,
    )?;
    within(
        &path("mongodb.silence_ms"),
        millis(mongodb.silence),
        3_000..=600_000,
    )?;
    within(
        &path("mongodb.batch_documents"),
        u64::from(mongodb.batch_documents),
        1..=100_000,
    )
}

/// One feed alone may copy its source: a copy takes the place of everything.
pub(super) fn together(config: &Config) -> Result<(), Unfit> {
    let mut copying = config.feed.iter().filter(|(_, feed)| feed.copies());
    let (Some((first, _)), Some((second, _))) = (copying.next(), copying.next()) else {
        return Ok(());
    };
    Err(Unfit::new(
        format!("feed.{second}.kind"),
        format!(
            "\"none\", \"file\", \"http\" or \"debezium\" over these, since feed.{first} copies its source already, and a copy takes the place of everything"
        ),
        "a kind that copies its source, too",
    ))
}
