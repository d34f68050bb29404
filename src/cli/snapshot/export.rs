//! `snapshot export`: every customer back as NDJSON.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::cli::arguments::ExportArguments;
use crate::cli::error::CliError;
use crate::cli::output::{self, Output};
use crate::cli::program::{self, shell};
use crate::cli::progress::{Progress, Unit};
use crate::cli::words;
use crate::durable::{self, DurableError, Staged};
use crate::snapshot::{SnapshotError, export};

pub(in crate::cli) fn run(arguments: &ExportArguments, out: &mut Output) -> Result<(), CliError> {
    let (path, snapshot) = super::open(&arguments.path)?;
    let failed = |source| CliError::Snapshot {
        path: path.clone(),
        source,
    };
    let Some(target) = &arguments.out else {
        export::export(&snapshot, out, |_| {}).map_err(|source| match source {
            // A mapped snapshot is read without the system's help: it is the output that failed.
            SnapshotError::Io(source) => CliError::Output(source),
            source => failed(source),
        })?;
        return Ok(());
    };
    let total = snapshot.header().customers;
    let mut progress = Progress::new("exporting", Unit::Customers, Some(total));
    let mut staged = Staged::create(target)?;
    let unwritable = |source| CliError::File {
        step: "write",
        path: target.clone(),
        source,
    };
    let writer = staged.writer().map_err(unwritable)?;
    let customers =
        export::export(&snapshot, writer, |done| progress.at(done, Some(total), done)).map_err(|source| {
            match source {
                SnapshotError::Io(source) => unwritable(source),
                source => failed(source),
            }
        })?;
    staged.publish()?;
    drop(progress);
    output::note(format_args!(
        "{} in {}",
        words::counted(customers, "customer"),
        target.display()
    ));
    if !snapshot.schema().attributes.is_empty() {
        let mapping = mapping_path(target);
        write_mapping(&mapping, snapshot.schema())?;
        output::note(format_args!(
            "to import it again with the same attributes: {} snapshot build --input {} --format ndjson --mapping {} --out DIR",
            program::name(),
            shell(target),
            shell(&mapping)
        ));
    }
    Ok(())
}

fn write_mapping(path: &Path, schema: &crate::customer::Schema) -> Result<(), DurableError> {
    durable::write_atomically(path, |file| {
        let text = export::mapping(schema).map_err(std::io::Error::other)?;
        std::io::Write::write_all(file, text.as_bytes())
    })
}

/// `customers.ndjson` has its mapping in `customers.ndjson.mapping.toml`.
fn mapping_path(target: &Path) -> PathBuf {
    let mut name = target.file_name().map(OsString::from).unwrap_or_default();
    name.push(".mapping.toml");
    target.with_file_name(name)
}
