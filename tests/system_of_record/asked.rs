//! What it is asked: older interactions.

use std::sync::Arc;

use ringside::app::Running;
use ringside::pop::outbox::{HistoryError, Page};
use serde_json::json as value;

use crate::record::{Record, Reply, json};
use crate::site::Site;

const PATH: &str = "history_path = '/customers/{customer_id}/interactions?before={before}&limit={limit}'";

fn older(running: &Running, customer: &str, limit: usize) -> Result<Page, HistoryError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let history = Arc::clone(running.history().unwrap());
    let before = "2026-11-20T00:00:00Z".parse().unwrap();
    runtime.block_on(history.older(customer, before, limit))
}

fn interaction(id: &str, at: &str) -> serde_json::Value {
    value!({"_id": id, "startTime": at, "direction": "INBOUND", "channel": "finesse", "callingNumber": "+14806754110",
            "duration": 31, "activities": [{"type": "agent", "agentId": 1001, "wrapUp": "Billing"}]})
}

#[test]
fn older_interactions_come_in_our_own_form_newest_first() {
    let record = Record::start(|_, _| {
        let list = value!({"data": [
            interaction("1", "2026-11-01T00:00:00Z"),
            interaction("2", "2026-11-03T00:00:00Z"),
            interaction("later", "2026-11-21T00:00:00Z"),
            interaction("0", "2026-10-01T00:00:00Z"),
            "nonsense",
        ]});
        json(200, &list.to_string())
    });
    let site = Site::new(&record.config(PATH));
    let running = site.serve();
    let page = older(&running, "c/1", 2).unwrap();
    let ids: Vec<&str> = page
        .interactions
        .iter()
        .map(|found| found["id"].as_str().unwrap())
        .collect();
    assert_eq!((ids.as_slice(), page.more), (["2", "1"].as_slice(), true));
    assert_eq!(
        page.interactions[0],
        value!({"id": "2", "started_at": "2026-11-03T00:00:00Z", "direction": "inbound", "type": "finesse",
                "ani": "+14806754110", "duration_s": 31,
                "activities": [{"kind": "agent", "agent_id": "1001", "wrap_up": "Billing"}]})
    );
    let requests = record.requests();
    assert_eq!(
        requests[0].path,
        "/api/customers/c%2F1/interactions?before=2026-11-20T00%3A00%3A00Z&limit=3"
    );
    assert_eq!(older(&running, "c/1", 10).unwrap().interactions.len(), 3);
    running.drain();
}

#[test]
fn where_it_fails_that_is_said_and_after_a_while_it_is_not_asked() {
    let replies: [fn() -> Reply; 5] = [
        || json(404, ""),
        || Reply::Never,
        || Reply::Garbage,
        || json(200, "{\"nothing\": 1}"),
        || json(500, ""),
    ];
    let record = Record::start(move |_, before| match replies.get(before) {
        Some(reply) => reply(),
        None => json(200, &format!("[{}]", " ".repeat(2048))),
    });
    let more = format!(
        "{PATH}\n[system_of_record.history]\ntimeout_ms = 200\nfailures_max = 5\npause_s = 3600\nanswer_max_kib = 1"
    );
    let site = Site::new(&record.config(&more));
    let running = site.serve();
    assert_eq!(
        older(&running, "c", 1).unwrap().interactions.len(),
        0,
        "nobody knows that customer"
    );
    for why in [
        "no answer in time",
        "no whole answer",
        "no list",
        "status 500",
        "longer than",
    ] {
        let error = older(&running, "c", 1).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let asked = record.requests().len();
    let error = older(&running, "c", 1).unwrap_err();
    assert!(
        matches!(error, HistoryError::Resting { .. }) && error.retry_after_s() > 3000,
        "{error}"
    );
    assert_eq!(record.requests().len(), asked);
    running.drain();
}
