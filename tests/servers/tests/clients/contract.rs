//! What `/openapi.json` says, tried by schemathesis: questions made up from it, right and wrong ones.

use std::path::Path;
use std::process::Command;

use servers::python::program;

use crate::centre::Centre;

#[test]
fn made_up_questions_are_answered_as_described() {
    let centre = Centre::start("");
    let folder = tempfile::tempdir().unwrap();
    let hooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let output = Command::new(program("schemathesis"))
        .args(["run", &centre.url("/openapi.json")])
        .args(["--phases", "examples,coverage,fuzzing"])
        .args([
            "--max-examples",
            "60",
            "--seed",
            "7464",
            "--generation-deterministic",
        ])
        .args(["--checks", "all"])
        // Made up: a region that nobody has, and fields of a body that are no list here.
        .args(["--exclude-checks", "positive_data_acceptance"])
        .args(["--continue-on-failure", "--warnings", "off", "--no-color"])
        .env("PYTHONPATH", hooks)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
