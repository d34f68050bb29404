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

/// Every example of the documentation is a file that checks, and all of them together are one.
#[test]
fn the_examples_of_rules_check() {
    let dir = tempfile::tempdir().unwrap();
    let text = include_str!("../../docs/rules.md");
    let examples: Vec<&str> = text
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(examples.len() >= 5, "{examples:?}");
    for example in examples {
        let file = write(dir.path(), "example.toml", example);
        let said = run(&["config", "check", &file]).ok();
        assert!(said.ends_with("example.toml: good\n"), "{said}");
    }
}

#[test]
fn rules_that_make_no_sense_are_named_with_their_lines() {
    let dir = tempfile::tempdir().unwrap();
    for (text, parts) in [
        (
            "[numbers]\n\nown_ranges = ['+1415-+14156']\n",
            ["bad.toml:3", "`numbers.own_ranges`", "as many digits"],
        ),
        (
            "[numbers]\nshared_lines = ['x']\n",
            ["bad.toml:2", "`numbers.shared_lines`", "\"x\""],
        ),
        (
            "[[treatment]]\nqueue = 'a'\n[[treatment]]\nqueue = 'b'\n",
            ["bad.toml:3", "`treatment[1]`", "treatment[0]"],
        ),
        (
            "[[treatment]]\nlast_agnet = false\n",
            ["bad.toml:2", "`treatment[0].last_agnet`", "`last_agent`"],
        ),
    ] {
        let file = write(dir.path(), "bad.toml", text);
        run(&["config", "check", &file]).failed(&parts);
    }
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
    for caller in [
        "amazon-connect",
        "asterisk",
        "curl",
        "kamailio",
        "twilio",
        "webex",
        "webex-dynamics",
        "webex-salesforce",
    ] {
        let example = run(&["config", "example", caller]).ok();
        assert!(
            example.contains("Bearer ") || example.contains(":rs_"),
            "{caller} does not say how to show a key"
        );
    }
    for (caller, way) in [("freepbx", "Password    rs_"), ("freeswitch", "key=rs_")] {
        assert!(run(&["config", "example", caller]).ok().contains(way), "{caller}");
    }
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
        "reload",
        "config",
        "completions",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}");
    }
    assert!(run(&["--version"]).ok().starts_with("ringside "));
    assert_eq!(run(&["lokup"]).code, 2);
    assert_eq!(run(&[]).code, 2);
}
