//! The customers of a measured source, and what changes in them.

use serde_json::{Value, json};

use crate::customers;

/// Customers, so many that none changes twice in a half of a pair of row 13.
pub(super) const CUSTOMERS: u64 = 20_000;

/// Who the change `nth` is about.
pub(super) fn customer(nth: u64) -> u64 {
    nth % CUSTOMERS
}

/// The customer's number.
pub(super) fn number(nth: u64) -> u64 {
    customers::number(customer(nth))
}

/// The customer's name as of the change.
pub(super) fn name(nth: u64) -> String {
    format!("Changed {nth}")
}

/// Which change gave this name.
pub(super) fn of_name(name: &str) -> Option<u64> {
    name.strip_prefix("Changed ")?.parse().ok()
}

/// Which change it was of which this is the customer's document.
pub(super) fn of_document(document: &Value) -> Option<u64> {
    of_name(document.get("name")?.as_str()?)
}

/// The customer as of the change, but for its id: about 500 bytes.
pub(super) fn document(nth: u64) -> Value {
    let (who, number) = (customer(nth), number(nth));
    json!({
        "name": name(nth),
        "phones": [format!("+{number}")],
        "created_at": "2024-05-01T08:00:00Z",
        "labels": [{"name": "VIP", "color": "#d4af37"}],
        "cases": [{
            "id": format!("5f{who}"), "number": format!("CAS-{who}"), "title": "Router keeps rebooting after the update",
            "status": "open", "priority": "high", "created_at": "2026-11-02T09:30:00Z",
        }],
        "interactions": [{
            "id": format!("i-{who}"), "started_at": "2026-11-18T14:02:11Z", "direction": "inbound", "type": "finesse",
            "ani": format!("+{number}"), "duration_s": 312,
        }],
        "last_agent_id": "1001",
    })
}

/// The customer's id.
pub(super) fn id(nth: u64) -> String {
    format!("c-{}", customer(nth))
}

/// The change as a line that Ringside reads.
pub(super) fn line(nth: u64) -> Vec<u8> {
    let mut customer = document(nth);
    customer["id"] = id(nth).into();
    json!({"op": "upsert", "customer": customer})
        .to_string()
        .into_bytes()
}

/// Which change a line is, decoded whole as a receiver does.
pub(super) fn of_line(line: &[u8]) -> Option<u64> {
    let line: Value = serde_json::from_slice(line).ok()?;
    of_document(line.get("customer")?)
}
