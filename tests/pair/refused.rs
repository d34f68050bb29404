use std::net::TcpListener;

use serde_json::json;

use crate::site::Site;
use crate::wire::get;
use crate::{becomes, hand_over, node, notify, post};

/// What a node says that is to hand over to whoever is at the peer's address.
fn refused(peer: Option<std::net::SocketAddr>) -> String {
    let (_site, running) = node("node-a", peer);
    let admin = running.admin_address();
    notify(admin, "MASTER");
    let answer = hand_over(admin, &json!({}));
    assert_eq!(answer.status, 409, "{}", answer.body);
    let told = answer.json();
    assert_eq!(told["handed_over"], false);
    becomes(admin, "active");
    assert_eq!(get(admin, "/electable").status, 200);
    running.drain();
    told["reason"].as_str().unwrap().to_owned()
}

#[test]
fn nothing_is_handed_over_to_nobody() {
    let reason = refused(None);
    assert!(reason.contains("`ha.peer` is empty"), "{reason}");
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let gone = listener.local_addr().unwrap();
    drop(listener);
    let reason = refused(Some(gone));
    assert!(reason.contains("does not answer"), "{reason}");
}

#[test]
fn nothing_is_handed_over_to_who_is_not_fit_or_is_no_other_node() {
    let alone = Site::new("");
    let running = alone.serve();
    let reason = refused(Some(running.admin_address()));
    assert!(reason.contains("stands alone"), "{reason}");
    let reason = refused(Some(running.address("main").unwrap()));
    assert!(
        reason.contains("status 404") && reason.contains("one version"),
        "{reason}"
    );
    running.drain();
    let (_site, same) = node("node-a", None);
    let reason = refused(Some(same.admin_address()));
    assert!(reason.contains("calls itself `node-a`"), "{reason}");
    same.drain();
}

#[test]
fn only_the_active_node_hands_over() {
    let (_b_site, b) = node("node-b", None);
    let (_a_site, a) = node("node-a", Some(b.admin_address()));
    let answer = post(a.admin_address(), "/handover", &json!({"force": true}));
    assert_eq!(answer.status, 409);
    assert!(
        answer.body.contains("found one that is standby"),
        "{}",
        answer.body
    );
    assert_eq!(
        post(a.admin_address(), "/handover", &json!({"forse": 1})).status,
        400
    );
    a.drain();
    b.drain();
}

#[test]
fn with_force_the_address_is_given_up_to_nobody_and_that_is_told() {
    let (_site, running) = node("node-a", None);
    let admin = running.admin_address();
    notify(admin, "MASTER");
    std::thread::scope(|scope| {
        let handing = scope.spawn(|| hand_over(admin, &json!({"force": true})));
        crate::wire::until(|| get(admin, "/electable").status, |status| *status == 503);
        notify(admin, "FAULT");
        let done = handing.join().unwrap();
        // The address is given up, and it is told that nobody is known to have it.
        assert_eq!((done.status, &done.json()["handed_over"]), (409, &json!(false)));
        assert!(done.body.contains("nobody has said"), "{}", done.body);
    });
    running.drain();
}

#[test]
fn nothing_is_handed_to_a_node_that_keepalived_keeps_out() {
    let (_b_site, b) = node("node-b", None);
    let (_a_site, a) = node("node-a", Some(b.admin_address()));
    let admin = a.admin_address();
    notify(admin, "MASTER");
    for (word, said) in [(None, "nothing yet"), (Some("FAULT"), "FAULT")] {
        if let Some(word) = word {
            notify(b.admin_address(), word);
        }
        let refused = hand_over(admin, &json!({}));
        assert_eq!(refused.status, 409);
        let told = format!("keepalived there says {said}, not BACKUP");
        assert!(refused.body.contains(&told), "{}", refused.body);
    }
    assert_eq!(get(admin, "/electable").status, 200);
    a.drain();
    b.drain();
}
