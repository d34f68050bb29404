use serde_json::json;

use crate::site::Site;
use crate::wire::{get, tcp, unix};
use crate::{becomes, node, notify, post, role};

#[test]
fn keepalived_is_followed_and_every_page_says_so() {
    let (_site, running) = node("node-a", None);
    let admin = running.admin_address();
    let told = role(admin);
    assert_eq!(
        json!([
            told["role"],
            told["epoch"],
            told["node"],
            told["vrrp"],
            told["electable"],
            told["quorum"]
        ]),
        json!(["standby", 1, "node-a", null, true, false])
    );
    assert_eq!(get(admin, "/active").status, 503);
    assert_eq!(get(admin, "/electable").json()["vrrp"], json!(null));

    let answer = notify(admin, "MASTER");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["role"], "active");
    assert_eq!(get(admin, "/active").status, 200);
    let electable = get(admin, "/electable");
    assert_eq!(electable.status, 200);
    assert_eq!(
        electable.json(),
        json!({"electable": true, "role": "active", "vrrp": "MASTER", "yielding": false, "reasons": []})
    );
    let status = get(admin, "/status").json();
    assert_eq!(
        (&status["role"], &status["pair"]["role"]),
        (&json!("active"), &json!("active"))
    );
    let metrics = get(admin, "/metrics").body;
    for line in [
        "ringside_ha_role_info{role=\"active\"} 1\n",
        "ringside_ha_role_info{role=\"standby\"} 0\n",
        "ringside_ha_decides_info 1\n",
        "ringside_ha_epoch_info 1\n",
        "ringside_ha_role_changes_total{role=\"active\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }

    // Twice, and then the address goes: it decides nothing from then on, whatever its role is for a moment longer.
    assert_eq!(notify(admin, "MASTER").json()["role"], "active");
    assert_eq!(notify(admin, "FAULT").json()["decides"], false);
    becomes(admin, "standby");
    running.drain();
}

#[test]
fn what_is_no_word_of_keepalived_changes_nothing() {
    let (_site, running) = node("node-a", None);
    let admin = running.admin_address();
    let unknown = notify(admin, "LEADER");
    assert_eq!(unknown.status, 400);
    let message = unknown.json()["error"]["message"].to_string();
    let names_them = message.contains("MASTER, BACKUP, FAULT and STOP") && message.contains("`LEADER`");
    assert!(names_them, "{message}");
    for body in [
        json!({}),
        json!([]),
        json!({"type": "INSTANCE", "state": 1, "name": "x"}),
    ] {
        assert_eq!(post(admin, "/role", &body).status, 400, "{body}");
    }
    assert_eq!(tcp(admin).request("DELETE", "/role", "", b"").status, 405);
    assert_eq!(get(admin, "/handover").status, 405);
    assert_eq!(role(admin)["vrrp"], json!(null));
    running.drain();
}

#[test]
fn a_word_without_the_right_to_it_changes_nothing() {
    let site = Site::new("[ha]\nnode = 'node-a'\n");
    let (serving, _, admin) = site.start(&[("RINGSIDE__ADMIN__KEYS", "required")]);
    for path in ["/role", "/handover"] {
        assert_eq!(
            post(admin, path, &json!({"state": "MASTER"})).status,
            401,
            "{path}"
        );
    }
    assert_eq!(notify(admin, "MASTER").status, 401);
    let form = tcp(admin).post("/role", "application/x-www-form-urlencoded", b"state=MASTER");
    assert_eq!(form.status, 401);
    assert_eq!(
        role(admin)["vrrp"],
        json!(null),
        "how it stands is told to everybody"
    );
    // Whoever runs the service may, over its socket.
    let socket = std::path::Path::new(site.data()).join("main/admin.sock");
    let word = json!({"type": "GROUP", "name": "ringside", "state": "MASTER"}).to_string();
    let answer = unix(&socket).post("/role", "", word.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(role(admin)["role"], "active");
    drop(serving);
}

#[test]
fn a_node_that_stands_alone_takes_no_words() {
    let site = Site::new("");
    let running = site.serve();
    let admin = running.admin_address();
    let refused = notify(admin, "BACKUP");
    assert_eq!(refused.status, 409);
    assert!(refused.body.contains("`ha.node` is empty"), "{}", refused.body);
    assert_eq!(role(admin)["role"], "alone");
    assert_eq!(get(admin, "/active").status, 200);
    let electable = get(admin, "/electable").json();
    assert_eq!(electable.get("vrrp"), None, "{electable}");
    assert_eq!(get(admin, "/status").json()["pair"], json!(null));
    running.drain();
}
