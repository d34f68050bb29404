//! Invented cases and interactions.

use serde_json::{Value, json};

use super::dice::Dice;

/// The moment that all invented dates are relative to.
pub(super) const TODAY: &str = "2026-11-20T09:00:00Z";

const AGENTS: [(&str, &str); 8] = [
    ("Joan Mbeki", "Support"),
    ("Ravi Sand", "Support"),
    ("Inge Halvorsen", "Support"),
    ("Tomás Rey", "Accounts"),
    ("Lena Fuchs", "Accounts"),
    ("Sam Oduya", "Sales"),
    ("Mei Tanaka", "Sales"),
    ("Olek Zając", "Retention"),
];
const WRAP_UPS: [&str; 7] = [
    "Billing",
    "Technical problem",
    "Callback promised",
    "New contract",
    "Complaint",
    "Wrong number",
    "Information",
];
const TITLES: [&str; 8] = [
    "No dial tone since Monday",
    "Invoice sent twice",
    "Line moves with the house",
    "Router keeps rebooting",
    "Contract ends early",
    "Number to be ported",
    "Slow in the evening",
    "Technician did not come",
];

/// The moment so many minutes before [`TODAY`].
pub(super) fn moment(minutes_ago: u32) -> String {
    let today: jiff::Timestamp = TODAY.parse().unwrap_or_default();
    let then = today - jiff::SignedDuration::from_mins(i64::from(minutes_ago));
    then.to_string()
}

/// Gives `document` cases and interactions such as a few years bring.
pub(super) fn add(document: &mut Value, ani: &str, dice: &mut Dice) {
    let id = document["id"].as_str().unwrap_or_default().to_owned();
    let mut ago = 60 + dice.below(40 * 24 * 60);
    let interactions: Vec<Value> = (0..dice.below(5))
        .map(|nth| {
            let (agent, other) = (dice.below(8) as usize, dice.below(8) as usize);
            let agents = match dice.below(10) {
                0 => vec![],
                1 => vec![AGENTS[agent], AGENTS[other]],
                _ => vec![AGENTS[agent]],
            };
            let wrap_up = dice.pick(&WRAP_UPS);
            let call = call(
                &format!("{id}-i{nth}"),
                ago,
                ani,
                &agents,
                wrap_up,
                40 + dice.below(900),
            );
            ago += 24 * 60 + dice.below(90 * 24 * 60);
            call
        })
        .collect();
    if let Some(agent) = interactions
        .iter()
        .find_map(|call| call["activities"].as_array()?.last()?.get("agent_id"))
    {
        document["last_agent_id"] = agent.clone();
    }
    if !interactions.is_empty() {
        document["interactions"] = Value::Array(interactions);
    }
    let cases: Vec<Value> = (0..[0, 0, 1, 1, 2][dice.below(5) as usize])
        .map(|nth| {
            json!({
                "id": format!("{id}-k{nth}"),
                "number": format!("CAS-{:05}", 2000 + dice.below(90_000)),
                "title": dice.pick(&TITLES),
                "status": if nth == 0 { dice.pick(&["open", "waiting for customer", "closed"]) } else { "closed" },
                "priority": dice.pick(&["low", "normal", "high"]),
                "created_at": moment(60 + (nth * 200 + dice.below(200)) * 24 * 60),
            })
        })
        .collect();
    if !cases.is_empty() {
        document["cases"] = Value::Array(cases);
    }
}

/// One inbound call: the IVR first, then each of `agents`, who have a name and a team; the last one's wrap-up.
pub(super) fn call(
    id: &str,
    minutes_ago: u32,
    ani: &str,
    agents: &[(&str, &str)],
    wrap_up: &str,
    seconds: u32,
) -> Value {
    const IVR_SECONDS: u32 = 35;
    let mut activities = vec![json!({
        "kind": "ivr", "started_at": moment(minutes_ago), "duration_s": IVR_SECONDS,
    })];
    for (nth, (name, team)) in agents.iter().enumerate() {
        let place = AGENTS
            .iter()
            .position(|(known, _)| known == name)
            .unwrap_or_default();
        let mut leg = json!({
            "kind": if nth == 0 { "agent" } else { "transfer" },
            "agent_id": (1001 + place).to_string(), "agent_name": name, "team": team,
            "extension": (4411 + place).to_string(),
            "started_at": moment(minutes_ago.saturating_sub(1)), "duration_s": seconds,
        });
        if nth + 1 == agents.len() {
            leg["wrap_up"] = json!(wrap_up);
        }
        activities.push(leg);
    }
    let legs = u32::try_from(agents.len()).unwrap_or_default();
    json!({
        "id": id, "started_at": moment(minutes_ago), "direction": "inbound",
        "type": if agents.is_empty() { "ivr" } else { "finesse" },
        "ani": ani, "duration_s": IVR_SECONDS + seconds * legs, "activities": activities,
    })
}
