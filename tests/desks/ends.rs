//! How streams end: with the service, with its rules, and where there are too many.

use crate::desktop::{Desktop, EVENTS};
use crate::program::program;
use crate::ring;
use crate::site::{Site, rule};
use crate::wire::{metric, until};

#[test]
fn a_stop_ends_streams_politely_and_at_once() {
    let site = Site::new("http.drain_s = 600\n");
    let (serving, at, _) = site.start(&[]);
    let (events, _) = Desktop::events(at, None);
    let mut socket = Desktop::socket(at, EVENTS, "");
    serving.signal("-TERM");
    assert!(events.ends_whole());
    assert_eq!(socket.close_code(), 1001);
    drop(socket);
    assert!(serving.stop("-TERM"));
}

/// What is shown depends on the rules, and so does who may see it: a desktop comes back under the new ones.
#[test]
fn a_reload_has_desktops_come_back() {
    let site = Site::new(&format!("desks.heartbeat_s = 1\n{}", rule("gold")));
    let (serving, at, admin) = site.start(&[]);
    let (mut events, _) = Desktop::events(at, None);
    let mut socket = Desktop::socket(at, EVENTS, "");
    ring(at, "call-1");
    let pop = events.event();
    assert_eq!(pop.data["lookup"]["treatment"], "gold");
    socket.json();
    site.configure(&format!("desks.heartbeat_s = 1\n{}", rule("silver")));
    serving.signal("-HUP");
    assert!(events.ends_whole());
    assert_eq!(socket.close_code(), 1012);
    until(
        || metric(admin, "ringside_http_streams_ended_total{reason=\"rules\"}"),
        |ended| *ended == 2,
    );
    let (mut events, hello) = Desktop::events(at, pop.id);
    assert_eq!(hello.data["reset"], false, "nothing was missed");
    ring(at, "call-2");
    assert_eq!(events.event().data["lookup"]["treatment"], "silver");
}

#[test]
fn an_agent_has_so_many_streams() {
    let site = Site::new("desks.streams_per_agent_max = 2\n");
    let (_serving, at, admin) = site.start(&[]);
    let (events, _) = Desktop::events(at, None);
    let _socket = Desktop::socket(at, EVENTS, "");
    for ask in [Desktop::ask, Desktop::handshake] {
        let mut refused = ask(at, EVENTS, "");
        assert_eq!(refused.status(), 429, "{}", refused.head);
        assert_eq!(refused.error()["error"]["code"], "too_many_streams");
    }
    drop(events);
    let streams = |kind: &str| metric(admin, &format!("ringside_http_streams_count{{kind=\"{kind}\"}}"));
    until(|| streams("events"), |open| *open == 0);
    assert_eq!(streams("websocket"), 1);
    let _again = Desktop::events(at, None);
}

/// A connection limit counts desktops as it counts everybody.
#[test]
fn desktops_are_connections_like_others() {
    let site = Site::new("http.connections_max = 2\n");
    let (_serving, at, admin) = site.start(&[]);
    let _desktops = [Desktop::events(at, None).0, Desktop::socket(at, EVENTS, "")];
    let answer = Desktop::ask(at, EVENTS, "");
    assert_eq!(answer.status(), 503);
    assert_eq!(
        metric(admin, "ringside_http_refused_total{reason=\"connections\"}"),
        1
    );
}

/// What the configuration refuses, it names.
#[test]
fn bounds_are_checked() {
    for (key, value) in [
        ("heartbeat_s", 11),
        ("queue_max", 0),
        ("replay_s", 0),
        ("streams_per_agent_max", 0),
        ("ticket_s", 0),
        ("tickets_max", 0),
    ] {
        let site = Site::new(&format!("desks.{key} = {value}\n"));
        let checked = program()
            .args(["config", "check", &site.config()])
            .output()
            .unwrap();
        let said = String::from_utf8(checked.stderr).unwrap();
        assert!(
            !checked.status.success() && said.contains(&format!("desks.{key}")),
            "{said}"
        );
    }
}
