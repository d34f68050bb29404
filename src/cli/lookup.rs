//! `lookup`: one answer, as a person reads it or as callers get it.

mod answer;
mod card;
mod local;
mod phones;

use std::io::Write;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use self::answer::Answer;
use self::phones::Claimed;
use super::arguments::LookupArguments;
use super::client::Trust;
use super::error::CliError;
use super::output::Output;
use super::{snapshot, words};
use crate::app::sources;
use crate::config::{Config, environment};
use crate::customer::Schema;
use crate::number::{Key, Numbering, Region};
use crate::snapshot::MappedSnapshot;

/// What stays as it is in the value of a query.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

pub(super) fn run(arguments: &LookupArguments, out: &mut Output) -> Result<(), CliError> {
    let config = Config::load(arguments.config.file.as_deref(), environment())?;
    let any = sources::Numberings::new(&config)?.any.numbering;
    let numbering = any.for_source(arguments.region, None);
    let query = query(&arguments.ani, arguments.region);
    let (body, source, snapshot) = match &arguments.server {
        Some(server) => {
            let body = server.get(
                &format!("/v1/lookup?{query}"),
                &Trust::of(&arguments.credentials)?,
            )?;
            (body, server.to_string(), None)
        }
        None => {
            let path = arguments.snapshot.as_deref().unwrap_or(&config.data.dir);
            let (path, snapshot) = snapshot::open(path)?;
            let snapshot = Arc::new(snapshot);
            let body = local::answer(Arc::clone(&snapshot), &query, &numbering, &config)?;
            (body.freeze(), path.display().to_string(), Some((path, snapshot)))
        }
    };
    if arguments.json {
        out.write_all(body.trim_ascii_end())?;
        out.gap()?;
    } else {
        let snapshot = snapshot.as_ref().map(|(_, snapshot)| snapshot.as_ref());
        print(arguments, &body, &source, snapshot, &numbering, out)?;
    }
    match &snapshot {
        Some((path, snapshot)) => snapshot::whole(path, snapshot),
        None => Ok(()),
    }
}

fn print(
    arguments: &LookupArguments,
    body: &[u8],
    source: &str,
    snapshot: Option<&MappedSnapshot>,
    numbering: &Numbering,
    out: &mut Output,
) -> Result<(), CliError> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| CliError::Answer {
        server: source.to_owned(),
        expected: "an answer to a lookup",
        source: error,
    })?;
    let schema = snapshot.map_or_else(Schema::default, |snapshot| snapshot.schema().clone());
    card::Card {
        claimed: &claimed(&answer, snapshot, numbering),
        answer: &answer,
        written: &arguments.ani,
        source,
        schema: &schema,
        numbering,
        now_ms: words::now_ms(),
    }
    .print(out)?;
    Ok(())
}

/// What is known of the numbers of the customer in `answer`, who was found in `snapshot` or by a server.
fn claimed(answer: &Answer, snapshot: Option<&MappedSnapshot>, numbering: &Numbering) -> Claimed {
    let record = answer
        .customer
        .as_ref()
        .zip(snapshot)
        .and_then(|(customer, snapshot)| snapshot.customer(&customer.id));
    match record {
        Some(record) => Claimed::All(
            record
                .claims()
                .map(|claim| Key::from_raw(claim.key))
                .filter(|key| key.is_number())
                .collect(),
        ),
        None => {
            let told = answer.ani.iter().chain(&answer.not_owned);
            Claimed::Some(
                told.filter_map(|number| numbering.read(number, None).number())
                    .collect(),
            )
        }
    }
}

/// The query of a question about one number.
pub(super) fn query(ani: &str, region: Option<Region>) -> String {
    let mut query = format!("ani={}", utf8_percent_encode(ani, PLAIN));
    add(
        &mut query,
        "region",
        region.map(|region| region.to_string()).as_deref(),
    );
    query
}

/// Adds a parameter to `query`, where there is a value for it.
pub(super) fn add(query: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        query.push_str(&format!("&{name}={}", utf8_percent_encode(value, PLAIN)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_reaches_the_server_as_it_was_typed() {
        assert_eq!(query("+1 (480) 675", None), "ani=%2B1%20%28480%29%20675");
        assert_eq!(query("020", "GB".parse().ok()), "ani=020&region=GB");
    }
}
