//! The built program.

use std::path::PathBuf;

/// Where `ringside` is: beside the tests. `cargo build` makes it.
///
/// # Errors
/// It is not built.
pub fn ringside() -> std::io::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(|deps| deps.parent());
    let program = folder.map(|folder| folder.join("ringside")).unwrap_or_default();
    if program.exists() {
        return Ok(program);
    }
    let why = format!("{}: not there; `cargo build` makes it", program.display());
    Err(std::io::Error::new(std::io::ErrorKind::NotFound, why))
}
