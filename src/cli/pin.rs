//! `pin`: a generation that is never removed.

use serde_json::{Value, json};

use super::arguments::PinArguments;
use super::error::CliError;
use super::generations::Way;
use super::output::Output;

pub(super) fn run(arguments: &PinArguments, out: &mut Output) -> Result<(), CliError> {
    let folder = &arguments.folder;
    let (way, _) = Way::to(folder)?;
    let (path, done) = if arguments.remove {
        ("/unpin", "no longer pinned")
    } else {
        ("/pin", "pinned: it stays, however many come after it")
    };
    let pinned: Value = way.act(path, &json!({"generation": arguments.generation}), folder.json)?;
    if folder.json {
        serde_json::to_writer(&mut *out, &pinned)?;
        return Ok(out.line("")?);
    }
    Ok(out.line(format_args!("Generation {} is {done}", arguments.generation))?)
}
