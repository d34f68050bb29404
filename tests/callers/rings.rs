//! Rings, which are answered by whoever tells desktops of them: over sockets, with calls in a folder of their own.

use std::sync::Arc;

use ringside::config::Config;
use ringside::http::{Desk, Listener, Policy, Profiles, Running};
use ringside::pop::{Node, Pops};
use tempfile::TempDir;

use super::served::{address, any_port, serve_listener_under, settings};
use super::support::{Centre, centre};
use super::wire::{self, Response};

/// A centre that hears of rings.
pub(super) struct Rings {
    running: Running,
    _dir: TempDir,
}

impl Rings {
    pub(super) fn of(centre: &Centre) -> Rings {
        let config = Config::load(None, std::iter::empty()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let pops = Pops::open(
            dir.path(),
            config.calls,
            config.interactions,
            &config.desks,
            None,
            Node::alone(),
            &centre.metrics,
        )
        .unwrap();
        let profiles = Profiles::new(&config.profile).unwrap();
        let policy = Policy {
            speakers: centre.speakers(),
            desk: Some(Desk::new(&Arc::new(pops), profiles, None)),
            ..Policy::open(centre.native.clone())
        };
        let listener = Listener {
            address: Some(any_port()),
            ..Listener::new("main", policy)
        };
        Rings {
            running: serve_listener_under(centre, listener, settings()),
            _dir: dir,
        }
    }

    pub(super) fn ask(
        &self,
        method: &str,
        target: &str,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Response {
        let headers = content_type.map(|found| format!("content-type: {found}\r\n"));
        let mut client = wire::tcp(address(&self.running));
        client.ask(method, target, headers.as_deref().unwrap_or_default(), body)
    }
}

#[test]
fn rings_are_counted_by_what_is_new() {
    let centre = centre(&super::corpus::plan());
    let rings = Rings::of(&centre);
    for event in ["newCall", "newCall", "answer", "dtmf", "hangup"] {
        let body = format!("event={event}&from=14806754110&to=4930123456&direction=in&callId=1");
        let response = rings.ask("POST", "/v1/rings/sipgate", None, body.as_bytes());
        assert_eq!((response.status, &response.body[..]), (200, "{}"));
    }
    let text = centre.metrics.encode_text().unwrap();
    for line in [
        r#"ringside_callers_rings_total{dialect="sipgate",event="ring"} 2"#,
        r#"ringside_callers_rings_total{dialect="sipgate",event="answer"} 1"#,
        r#"ringside_callers_rings_total{dialect="sipgate",event="update"} 1"#,
        r#"ringside_callers_rings_total{dialect="sipgate",event="end"} 1"#,
        r#"ringside_callers_lookups_total{dialect="sipgate",outcome="hit"} 2"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
