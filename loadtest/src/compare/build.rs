//! Ringside as a program, built by whoever measures it.

use std::env;
use std::fs;
use std::io::{Error, ErrorKind};
use std::path::Path;
use std::process::Command;

/// Builds `ringside` beside this program where its source is at hand, and sees that it is there.
///
/// # Errors
/// It does not build, or is not there.
pub(super) fn ready(is_built: bool) -> Result<(), Error> {
    let own = env::current_exe()?;
    let program = own.with_file_name("ringside");
    let source = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
    if cfg!(debug_assertions) {
        eprintln!(
            "this is a debug build, whose figures say nothing: cargo run --release -p loadtest -- compare"
        );
    }
    if !is_built && source.exists() && build(source, &own)? {
        return Ok(());
    }
    let built = |path: &Path| fs::metadata(path)?.modified();
    match built(&program) {
        Err(_) => Err(Error::new(
            ErrorKind::NotFound,
            format!(
                "expected {}; build it with `cargo build --release --locked -p ringside`",
                program.display()
            ),
        )),
        Ok(at) if at < built(&own)? => {
            eprintln!(
                "{} is older than this program; `cargo build --release --locked -p ringside` brings it up to date",
                program.display()
            );
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

/// Whether there was a cargo to build it with.
fn build(source: &Path, own: &Path) -> Result<bool, Error> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // With this program's own features, so that nothing is compiled a second time.
    cargo
        .args([
            "build",
            "--locked",
            "-p",
            "ringside",
            "-p",
            "loadtest",
            "--manifest-path",
        ])
        .arg(source);
    if cfg!(feature = "phonenumber") {
        cargo.args(["--features", "loadtest/phonenumber"]);
    }
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    // Where this program was built, whatever the environment says now.
    if let Some(target) = own.parent().and_then(Path::parent) {
        cargo.arg("--target-dir").arg(target);
    }
    eprintln!("building ringside …");
    match cargo.status() {
        Ok(status) if status.success() => Ok(true),
        Ok(status) => Err(Error::other(format!("ringside does not build: {status}"))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
