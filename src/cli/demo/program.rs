//! How this program can be called again by the person who called it now.

use std::env;
use std::ffi::OsStr;
use std::path::Path;

use crate::cli::snapshot::build::shell;

/// What to type instead of `ringside`.
pub(super) fn name() -> String {
    let argument = env::args_os().next();
    let executable = env::current_exe().ok();
    called(
        argument.as_deref(),
        executable.as_deref(),
        env::var_os("CARGO").is_some(),
    )
}

/// `argument` is how the program was called, `executable` where it is; `by_cargo`: `cargo run` started it.
fn called(argument: Option<&OsStr>, executable: Option<&Path>, by_cargo: bool) -> String {
    let is_release = |path: &Path| path.components().any(|part| part.as_os_str() == "release");
    match (argument.map(Path::new), executable) {
        (_, Some(executable)) if by_cargo && is_release(executable) => "cargo run --release --".to_owned(),
        (_, Some(_)) if by_cargo => "cargo run --".to_owned(),
        // Found by its name alone, it will be again.
        (Some(argument), _) if argument.components().count() == 1 => shell(argument),
        (_, Some(executable)) => shell(executable),
        (Some(argument), None) => shell(argument),
        (None, None) => "ringside".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_works_for_whoever_called() {
        let called = |argument: &str, executable: &str, by_cargo| {
            called(Some(OsStr::new(argument)), Some(Path::new(executable)), by_cargo)
        };
        assert_eq!(called("ringside", "/usr/bin/ringside", false), "ringside");
        assert_eq!(
            called("./ringside", "/opt/my things/ringside", false),
            "'/opt/my things/ringside'"
        );
        assert_eq!(
            called("target/release/ringside", "/src/target/release/ringside", true),
            "cargo run --release --"
        );
        assert_eq!(
            called("target/debug/ringside", "/src/target/debug/ringside", true),
            "cargo run --"
        );
    }
}
