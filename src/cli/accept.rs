//! `accept`: somebody's word for the generation that waits, or for a feed that is held.

use serde_json::{Value, json};

use super::arguments::AcceptArguments;
use super::error::CliError;
use super::generations::{self, Way};
use super::output::Output;

pub(super) fn run(arguments: &AcceptArguments, out: &mut Output) -> Result<(), CliError> {
    let folder = &arguments.folder;
    let (way, dir) = Way::to(folder)?;
    if let Some(feed) = &arguments.feed {
        let asked = json!({"feed": feed, "drop": arguments.drop});
        let released: Value = way.act("/release", &asked, folder.json)?;
        if folder.json {
            serde_json::to_writer(&mut *out, &released)?;
            return Ok(out.line("")?);
        }
        let how = if arguments.drop {
            "; what waits is applied without what deletes or moves customers"
        } else {
            ""
        };
        return Ok(out.line(format_args!("The feed {feed} goes on{how}"))?);
    }
    if !arguments.drop {
        let published = way.act("/accept", &json!({}), folder.json)?;
        return generations::published(&published, &dir, folder.json, out);
    }
    let dropped: Value = way.act("/drop-candidate", &json!({}), folder.json)?;
    if folder.json {
        serde_json::to_writer(&mut *out, &dropped)?;
        return Ok(out.line("")?);
    }
    Ok(out.line(format_args!("Generation {} is removed", dropped["dropped"]))?)
}
