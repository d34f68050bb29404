//! `lookup`: one answer, as a person reads it or as callers get it.

mod answer;
mod card;
mod local;

use std::io::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use self::answer::Answer;
use super::arguments::LookupArguments;
use super::error::CliError;
use super::output::Output;
use super::{snapshot, words};
use crate::config::{Config, environment};
use crate::customer::Schema;
use crate::number::{Numbering, Region};

/// What stays as it is in the value of a query.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

pub(super) fn run(arguments: &LookupArguments, out: &mut Output) -> Result<(), CliError> {
    let config = Config::load(arguments.config.file.as_deref(), environment())?;
    let numbering = Numbering::new(&config.numbers)?.for_source(arguments.region, None);
    let query = query(&arguments.ani, arguments.region);
    let (body, source, schema) = match &arguments.server {
        Some(server) => {
            let body = server.get(&format!("/v1/lookup?{query}"))?;
            (body, server.to_string(), Schema::default())
        }
        None => {
            let path = arguments.snapshot.as_deref().unwrap_or(&config.data.dir);
            let (path, snapshot) = snapshot::open(path)?;
            let schema = snapshot.schema().clone();
            let body = local::answer(snapshot, &query, &numbering, &config)?;
            (body.freeze(), path.display().to_string(), schema)
        }
    };
    if arguments.json {
        out.write_all(body.trim_ascii_end())?;
        return Ok(out.line("")?);
    }
    let answer: Answer = serde_json::from_slice(&body).map_err(|error| CliError::Answer {
        server: source.clone(),
        expected: "an answer to a lookup",
        source: error,
    })?;
    card::Card {
        answer: &answer,
        written: &arguments.ani,
        source: &source,
        schema: &schema,
        numbering: &numbering,
        now_ms: words::now_ms(),
    }
    .print(out)?;
    Ok(())
}

/// The query of a question about one number.
pub(super) fn query(ani: &str, region: Option<Region>) -> String {
    let mut query = format!("ani={}", utf8_percent_encode(ani, PLAIN));
    if let Some(region) = region {
        query.push_str(&format!("&region={region}"));
    }
    query
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
