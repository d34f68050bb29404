//! How this program can be called again by the person who called it now.

use std::env;
use std::ffi::OsStr;
use std::path::Path;

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

/// A path as a shell takes it.
pub(super) fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
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

    #[test]
    fn paths_are_quoted_where_a_shell_needs_it() {
        assert_eq!(shell(Path::new("data/main")), "data/main");
        assert_eq!(shell(Path::new("it's here")), r"'it'\''s here'");
    }
}
