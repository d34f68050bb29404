//! What `/openapi.json` says, tried by schemathesis with questions that it makes up, right and wrong ones.

use std::path::Path;
use std::process::Command;
use std::thread;

use servers::python::program;

use crate::centre::Centre;

/// Every kind of fault, one at a time; what stands in a path is read by the same reader, and left out of it. At random,
/// questions are right ones: wrong ones would have unknown parameters, which are ignored, and control characters in heads,
/// which are no HTTP.
const PHASES: [&[&str]; 2] = [
    &[
        "--phases",
        "examples,coverage",
        "--mode",
        "all",
        "--exclude-path",
        "/v1/lookup/{ani}",
    ],
    &["--phases", "fuzzing", "--mode", "positive"],
];

#[test]
fn made_up_questions_are_answered_as_described() {
    let centre = Centre::start("");
    thread::scope(|scope| {
        for phases in PHASES {
            scope.spawn(|| made_up(&centre, phases));
        }
    });
}

fn made_up(centre: &Centre, phases: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let output = Command::new(program("schemathesis"))
        .arg("--config-file")
        .arg(scripts.join("schemathesis.toml"))
        .args(["run", &centre.url("/openapi.json")])
        .args(phases)
        .args([
            "--max-examples",
            "30",
            "--seed",
            "7464",
            "--generation-deterministic",
        ])
        // Streams never end, and what is said of calls holds for those that ring: tests/rings/description.rs asks there.
        .args(["--exclude-path-regex", "^/v1/(rings|calls|agents)"])
        // Made up as well, they would have signs in them that no head may have.
        .args(["--header", "Authorization: Bearer of-another-system"])
        .args([
            "--checks",
            "all",
            "--continue-on-failure",
            "--warnings",
            "off",
            "--no-color",
        ])
        .env("PYTHONPATH", scripts)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains(" selected / 27 total"), "{said}");
}
