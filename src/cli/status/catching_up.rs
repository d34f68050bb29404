//! Whether a node takes over what another has, how far that is, and how long it took to be ready.

use serde_json::{Map, Value};

use super::{number, text};
use crate::cli::words;

/// Nothing where there is nothing to be said: a server of another version may say none of it.
pub(super) fn row(status: &Map<String, Value>) -> Option<String> {
    let state = status.get("catch_up")?.as_object()?;
    let from = text(state, "from").unwrap_or_default();
    let mut told = Vec::new();
    match text(state, "phase").unwrap_or_default() {
        "asking" => told.push(format!("asking {from}")),
        "fetching" => told.push(fetching(state, from)),
        "verifying" => told.push(format!("verifying what came from {from}")),
        "following" => told.push(format!("following behind what came from {from}")),
        "held" => told.push(format!("what came from {from} waits for `ringside accept`")),
        "failed" => told.push(format!(
            "nothing could be fetched: {}",
            text(state, "error").unwrap_or_default()
        )),
        _ => {}
    }
    // Of one that follows, how far it is behind is told until it is ready.
    let ready = number(state, "ready_after_ms");
    if let (None, false, Some(lag)) = (ready, told.is_empty(), number(state, "lag_ms")) {
        told.push(format!("{} behind", words::duration(lag / 1000)));
    }
    told.extend(ready.map(|after| {
        let seconds = std::time::Duration::from_millis(after).as_secs_f64();
        format!("ready {seconds:.1} s after the start")
    }));
    (!told.is_empty()).then(|| told.join("; "))
}

fn fetching(state: &Map<String, Value>, from: &str) -> String {
    let bytes = |key: &str| words::bytes(number(state, key).unwrap_or(0));
    let pace =
        number(state, "bytes_per_s").map_or_else(String::new, |pace| format!(", {}/s", words::bytes(pace)));
    let left =
        number(state, "left_s").map_or_else(String::new, |left| format!(", {} left", words::duration(left)));
    format!(
        "fetching from {from}: {} of {}{pace}{left}",
        bytes("bytes"),
        bytes("total_bytes")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(state: Value) -> Option<String> {
        let status = json!({"catch_up": state});
        status.as_object().and_then(row)
    }

    #[test]
    fn each_phase_is_told_in_words() {
        let fetching = json!({
            "phase": "fetching", "from": "http://b:7465", "bytes": 1 << 30, "total_bytes": 4_u64 << 30,
            "bytes_per_s": 100 << 20, "left_s": 30, "ready_after_ms": null,
        });
        let said = told(fetching).unwrap_or_default();
        assert!(said.starts_with("fetching from http://b:7465: 1"), "{said}");
        assert!(said.contains(" of 4") && said.ends_with("0:30 left"), "{said}");
        let failed = json!({"phase": "failed", "error": "nobody there", "ready_after_ms": 1234});
        let said = told(failed).unwrap_or_default();
        assert_eq!(
            said,
            "nothing could be fetched: nobody there; ready 1.2 s after the start"
        );
        let following = json!({"phase": "following", "from": "s3://b/p", "lag_ms": 61_000});
        assert!(
            told(following).is_some_and(|said| said.contains("behind what came from s3://b/p; 1:01 behind"))
        );
        assert_eq!(told(json!({"phase": "own"})), None);
        assert_eq!(row(&Map::new()), None);
    }
}
