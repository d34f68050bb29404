//! The Python of `tests/servers/install/callers.sh`, with JSONPath and schemathesis.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::built;

/// A program of its folder.
pub fn program(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| built().parent().unwrap().to_owned());
    let program = target.join("servers/callers-1/bin").join(name);
    assert!(
        program.exists(),
        "{} is missing; tests/servers/install/callers.sh installs it",
        program.display()
    );
    program
}

/// What each of `paths` finds in `document`, in the words of a JSONPath library that has nothing to do with us.
pub fn json_paths(document: &Value, paths: &[&str]) -> Vec<Vec<Value>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/json_paths.py");
    let mut child = Command::new(program("python"))
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let question = json!({"document": document, "paths": paths}).to_string();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(question.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}
