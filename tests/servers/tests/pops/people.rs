//! Who calls here.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

pub(crate) const ADA: &str = "+14806754110";
pub(crate) const GRACE: &str = "+14806754111";
/// Three people share it.
pub(crate) const HOUSEHOLD: &str = "+14806754180";
pub(crate) const NOBODY: &str = "+14806754199";
pub(crate) const MARKUP: &str = "+14806754112";
pub(crate) const HEBREW: &str = "+97223741100";
pub(crate) const ARABIC: &str = "+97142345678";
pub(crate) const GERMAN: &str = "+4915112345678";
pub(crate) const NOT_TO_BE_CALLED: &str = "+14806754113";

/// RFC 3339 of so many seconds ago.
pub(crate) fn ago(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let at = jiff::Timestamp::from_second(i64::try_from(now - seconds).unwrap());
    at.unwrap().to_string()
}

const DAY: u64 = 86_400;

/// What the system of record has: the schema, then people.
pub(crate) fn changes() -> Vec<Value> {
    let schema = json!({"op": "schema", "schema": [
        {"key": "email", "label": "E-mail", "type": "email"},
        {"key": "mobile", "label": "Mobile", "type": "phone"},
        {"key": "portal", "label": "Portal", "type": "url"},
        {"key": "tier", "label": "Tier", "type": "text", "help": "Of the contract"},
        {"key": "birthday", "label": "Birthday", "type": "date"},
        {"key": "opted_out", "label": "Opted out", "type": "bool"},
        {"key": "ssn", "label": "Social security", "type": "text", "sensitive": true},
    ]});
    let people = [
        ada(),
        json!({"id": "c-7", "name": "Grace O'Hopper", "phones": [GRACE], "company": "Navy",
               "attributes": {"email": "grace@example.org"}}),
        json!({"id": "c-20", "name": "Mary Somerville", "phones": [{"number": HOUSEHOLD, "shared": true}],
               "labels": [{"name": "VIP", "color": "#d4af37"}]}),
        json!({"id": "c-21", "name": "William Somerville", "phones": [{"number": HOUSEHOLD, "shared": true}],
               "company": "Royal Hospital"}),
        json!({"id": "c-22", "name": "Woronzow Greig", "phones": [{"number": HOUSEHOLD, "shared": true}]}),
        json!({"id": "c-8", "name": "<img src=x onerror=\"console.error('run')\"><b>Bobby</b>", "phones": [MARKUP],
               "company": "<script>console.error('run')</script>",
               "labels": [{"name": "<i>odd</i>", "color": "red"}],
               "attributes": {"portal": "javascript:console.error('run')", "tier": "<u>gold</u>"},
               "cases": [{"id": "k-8", "number": "CAS-<8>", "title": "<s>title</s>", "status": "open",
                          "created_at": ago(DAY)}]}),
        json!({"id": "c-30", "name": "עדה לאבלייס", "phones": [HEBREW], "company": "מכונות אנליטיות"}),
        json!({"id": "c-31", "name": "مريم الأسطرلابي", "phones": [ARABIC]}),
        json!({"id": "c-44", "name": "Zoë Müller-Łukasz", "phones": [GERMAN],
               "attributes": {"birthday": "1990-03-01", "opted_out": true}}),
        json!({"id": "c-9", "name": "Hedy Lamarr", "phones": [NOT_TO_BE_CALLED],
               "labels": [{"name": "Blacklist", "color": "#b3261e"}],
               "flags": {"do_not_call": true, "do_not_sms": true}}),
    ];
    let people = people.map(|customer| json!({"op": "upsert", "customer": customer}));
    std::iter::once(schema).chain(people).collect()
}

/// Somebody of whom everything is known.
pub(crate) fn ada() -> Value {
    let interaction = |number: u64, days: u64, direction: &str, wrap_up: &str| {
        let started = days * DAY;
        json!({"id": format!("i-{number}"), "started_at": ago(started), "direction": direction, "type": "call",
               "ani": ADA, "duration_s": 200 + number,
               "activities": [
                   {"kind": "ivr", "started_at": ago(started), "duration_s": 41},
                   {"kind": "agent", "agent_id": "1001", "agent_name": "Joan Clarke", "team": "Support",
                    "extension": "4411", "started_at": ago(started - 41), "duration_s": 159 + number, "wrap_up": wrap_up}]})
    };
    json!({
        "id": "c-1842", "name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace",
        "company": "Analytical Engines",
        "phones": [{"number": ADA, "kind": "mobile", "verified_at": "2026-03-01"}, {"number": "020 7946 0958", "region": "GB"}],
        "labels": [{"name": "VIP", "color": "#d4af37"}, {"name": "early adopter", "color": "#0b57d0"}],
        "attributes": {"email": "ada@example.org", "portal": "https://portal.example/ada", "tier": "gold",
                       "birthday": "1815-12-10", "opted_out": false, "ssn": "078-05-1120"},
        "cases": [
            {"id": "5f", "number": "CAS-01213", "title": "Router keeps rebooting", "status": "open", "priority": "high",
             "created_at": ago(16 * DAY)},
            {"id": "5e", "number": "CAS-01100", "title": "Moved house", "status": "closed", "priority": "low",
             "created_at": ago(90 * DAY)},
        ],
        "interactions": [
            interaction(9, 2, "inbound", "Billing"),
            interaction(8, 9, "outbound", "Call back"),
            interaction(7, 30, "inbound", "Outage"),
            interaction(6, 44, "inbound", "Billing"),
            interaction(5, 90, "inbound", "Sales"),
        ],
        "last_agent_id": "1001"
    })
}
