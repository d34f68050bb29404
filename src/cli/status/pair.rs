//! The line of a pair.

use serde_json::{Map, Value};

/// How the node stands in its pair; nothing where it stands alone.
pub(super) fn line(status: &Map<String, Value>) -> Option<String> {
    let pair = status.get("pair").filter(|pair| pair.is_object())?;
    let said = |key: &str| pair.get(key).and_then(Value::as_str);
    let mut line = format!(
        "{}, {} since {}, epoch {}, keepalived {}",
        said("node")?,
        said("role")?,
        said("since")?,
        pair.get("epoch")?,
        said("vrrp").unwrap_or("silent"),
    );
    if pair.get("quorum").and_then(Value::as_bool) == Some(false) {
        line.push_str(", no quorum");
    }
    if let Some(reason) = said("reason") {
        line.push_str(": ");
        line.push_str(reason);
    }
    Some(line)
}

/// How the other node stood when this one last asked it.
pub(super) fn other(status: &Map<String, Value>) -> Option<String> {
    let other = status
        .get("pair")?
        .get("other")
        .filter(|other| other.is_object())?;
    let said = |key: &str| other.get(key).and_then(Value::as_str);
    if let Some(error) = said("error") {
        return Some(error.to_owned());
    }
    let electable = match other.get("electable").and_then(Value::as_bool) {
        Some(true) => "could take over",
        _ => "could not take over",
    };
    let vrrp = said("vrrp").unwrap_or("silent");
    let mut line = format!(
        "{}, {}, {electable}, keepalived {vrrp}",
        said("node")?,
        said("role")?
    );
    if let Some(reason) = said("reason") {
        line.push_str(": ");
        line.push_str(reason);
    }
    Some(line)
}
