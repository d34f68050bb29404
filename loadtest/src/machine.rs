//! The machine that a figure was taken on, and the command that took it.

use std::fs;

/// Facts of the machine, as JSON.
pub(crate) fn facts() -> serde_json::Value {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or_default();
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = meminfo
        .lines()
        .next()
        .and_then(|line| line.split_whitespace().nth(1))
        .unwrap_or_default();
    serde_json::json!({
        "cpu": model.trim_start_matches([' ', '\t', ':']),
        // Not those that this process is pinned to.
        "cores": cpuinfo.lines().filter(|line| line.starts_with("processor")).count(),
        "memory_kib": memory.parse::<u64>().ok(),
        "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
        "taken_at": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "build": if cfg!(debug_assertions) { "debug" } else { "release" },
    })
}

/// Options that say where the figures go, and not what is measured.
const DESTINATIONS: [&str; 2] = ["--json", "--html"];

/// The command line that is running, as one would type it to get the same figures.
pub(crate) fn command() -> String {
    let arguments = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned());
    typed(arguments)
}

/// The command line that measures by `arguments`.
pub(crate) fn typed(arguments: impl IntoIterator<Item = String>) -> String {
    let feature = if cfg!(feature = "phonenumber") {
        " --features phonenumber"
    } else {
        ""
    };
    let mut typed = format!("cargo run --release -p loadtest{feature} --");
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if DESTINATIONS.contains(&argument.as_str()) {
            arguments.next();
        } else if !DESTINATIONS.iter().any(|name| {
            argument
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('='))
        }) {
            typed.push(' ');
            typed.push_str(&argument);
        }
    }
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_figures_go_is_no_part_of_what_gives_them_again() {
        let arguments = ["cpu", "--json", "x", "--pairs", "10", "--html=y"].map(String::from);
        assert!(typed(arguments).ends_with(" -- cpu --pairs 10"));
    }
}
