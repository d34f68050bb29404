//! `rollback`: an earlier generation is the present one again.

use serde_json::{Value, json};

use super::arguments::RollbackArguments;
use super::error::CliError;
use super::generations::Way;
use super::output::{Output, Style};
use super::words;

pub(super) fn run(arguments: &RollbackArguments, out: &mut Output) -> Result<(), CliError> {
    let folder = &arguments.folder;
    let (way, _) = Way::to(folder)?;
    let body = json!({"generation": arguments.generation, "replace": arguments.replace});
    let done: Value = way.act("/rollback", &body, folder.json)?;
    if folder.json {
        serde_json::to_writer(&mut *out, &done)?;
        return Ok(out.line("")?);
    }
    let title = format!("Generation {} is the present one", done["generation"]);
    let customers = words::counted(done["customers"].as_u64().unwrap_or(0), "customer");
    let what = format!(
        ": {customers}; generation {} stays, to go forward again",
        done["before"]
    );
    Ok(out.pieces(&[(Style::Good, &title), (Style::Plain, &what)])?)
}
