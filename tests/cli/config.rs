use super::program::{program, run, write};

#[test]
fn the_default_is_a_file_that_checks() {
    let dir = tempfile::tempdir().unwrap();
    let default = run(&["config", "default"]).ok();
    assert_eq!(default, include_str!("../../config/default.toml"));
    let file = write(dir.path(), "ringside.toml", &default);
    assert!(
        run(&["config", "check", &file])
            .ok()
            .ends_with("ringside.toml: good\n")
    );
}

#[test]
fn a_fault_is_named_with_its_line_and_what_was_meant() {
    let dir = tempfile::tempdir().unwrap();
    for (text, parts) in [
        (
            "[listener.main]\n\nadress = 'x'\n",
            ["bad.toml:3", "`listener.main.adress`", "`address`"],
        ),
        (
            "[phones]\nmode = 'uniqe'\n",
            ["bad.toml:2", "`phones.mode`", "unique"],
        ),
        (
            "[http]\nworkers = 5000\n",
            ["bad.toml:2", "`http.workers`", "5000"],
        ),
        ("[http\n", ["bad.toml:1", "expected TOML", "found a fault"]),
    ] {
        let file = write(dir.path(), "bad.toml", text);
        run(&["config", "check", &file]).failed(&parts);
    }
    run(&["config", "check", "missing.toml"]).failed(&["missing.toml", "correct the path"]);
}

#[test]
fn the_environment_is_checked_as_serve_would_see_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "r.toml", "[http]\nworkers = 2\n");
    let check = |variable: &str, value: &str| {
        let ran = program()
            .args(["config", "check", &file])
            .env(variable, value)
            .output()
            .unwrap();
        let said = [ran.stdout, ran.stderr].concat();
        (ran.status.code(), String::from_utf8(said).unwrap())
    };
    let (code, said) = check("RINGSIDE__HTTP__WORKERS", "5000");
    assert_eq!(code, Some(1));
    assert!(
        said.contains("RINGSIDE__HTTP__WORKERS") && said.contains("5000"),
        "{said}"
    );
    let (code, said) = check("RINGSIDE__HTTP__WORKERS", "3");
    assert_eq!(code, Some(0));
    assert!(
        said.ends_with("r.toml: good, with RINGSIDE__HTTP__WORKERS\n"),
        "{said}"
    );
}

#[test]
fn every_caller_has_an_example_and_every_shell_its_completions() {
    assert!(run(&["config", "example", "webex"]).ok().contains("/v1/lookup"));
    assert!(
        run(&["config", "example", "prometheus"])
            .ok()
            .contains("metrics_path: /metrics")
    );
    let ran = run(&["config", "example", "pigeon"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("kamailio"), "{}", ran.err);
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]).ok();
        assert!(
            script.contains("normalize") && script.contains("snapshot"),
            "{shell}"
        );
    }
}

#[test]
fn help_lists_the_commands_and_nonsense_is_a_fault_of_usage() {
    let help = run(&["--help"]).ok();
    for command in [
        "demo",
        "serve",
        "snapshot",
        "lookup",
        "explain",
        "normalize",
        "status",
        "key",
        "config",
        "completions",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}");
    }
    assert!(run(&["--version"]).ok().starts_with("ringside "));
    assert_eq!(run(&["lokup"]).code, 2);
    assert_eq!(run(&[]).code, 2);
}
