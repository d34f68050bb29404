//! A server in shadow mode, and how its report is read.

use std::net::SocketAddr;
use std::sync::Arc;

use ringside::http::{
    Access, Admin, Extra, Listener, Plan as ShadowPlan, Policy, Running, Server, Settings, ShadowSettings,
    Shadows,
};
use serde_json::Value;

use crate::served::{admin, any_port, settings};
use crate::support::{Plan, ada, centre, numbering, person};
use crate::wire::{self, Response, tcp, until};

/// Ada's number, whose place is in the first 36 of a hundred.
pub(crate) const ADA: &str = "+14806754110";

/// A server whose listener `main` is in shadow mode.
pub(crate) struct Stage {
    pub(crate) shadows: Arc<Shadows>,
    pub(crate) at: SocketAddr,
    pub(crate) admin: SocketAddr,
    _running: Running,
}

/// What a test says of shadow mode.
pub(crate) fn before(upstream: String) -> ShadowSettings {
    ShadowSettings {
        upstream,
        percent: 0,
        dnis: Vec::new(),
        timeout_ms: 20_000,
        in_flight_max: 64,
        differences_kept: 20,
        ..ShadowSettings::default()
    }
}

impl Stage {
    /// In the shadow of `upstream`, answering nobody.
    pub(crate) fn new(upstream: String) -> Stage {
        Stage::of(before(upstream), Access::default())
    }

    pub(crate) fn of(shadow: ShadowSettings, access: Access) -> Stage {
        Stage::under(shadow, access, settings())
    }

    pub(crate) fn under(shadow: ShadowSettings, access: Access, settings: Settings) -> Stage {
        let customers = vec![
            ada(),
            person("c-2", "Bob", serde_json::json!(["+14806754111"])),
            person("c-3", "Cleo", serde_json::json!(["+14806754180"])),
            person("c-4", "Dan", serde_json::json!(["+14806754180"])),
        ];
        let centre = centre(&Plan {
            customers,
            ..Plan::default()
        });
        let shadows = Shadows::new(&centre.metrics).unwrap();
        let plan = ShadowPlan::new(&shadow, &numbering()).unwrap();
        let policy = Policy {
            speakers: centre.speakers(),
            shadow: shadows.take_up("main", plan.as_ref()),
            access,
            ..Policy::open(centre.native.clone())
        };
        let listener = Listener {
            address: Some(any_port()),
            ..Listener::new("main", policy)
        };
        let pages = Arc::clone(&shadows);
        let extra: Extra = Arc::new(move |call| pages.page(call));
        let admin: Admin = admin(&centre, &Arc::default(), Some(extra));
        let running = Server::bind(settings, vec![listener], admin, &centre.metrics)
            .unwrap()
            .spawn()
            .unwrap();
        Stage {
            at: running.address("main").unwrap(),
            admin: running.admin_address(),
            shadows,
            _running: running,
        }
    }

    pub(crate) fn get(&self, target: &str) -> Response {
        wire::get(self.at, target)
    }

    /// Who calls, as text.
    pub(crate) fn name(&self, number: &str) -> String {
        self.get(&format!("/cid?number={number}")).body
    }

    /// What listener `main` reports, once it has compared `count` answers.
    pub(crate) fn report(&self, count: u64) -> Value {
        let report = || wire::get(self.admin, "/shadow").json()["listeners"]["main"].clone();
        until(report, |report| report["comparisons"].as_u64() >= Some(count))
    }

    /// An act of the administration.
    pub(crate) fn act(&self, path: &str, body: Value) -> Response {
        let body = body.to_string();
        tcp(self.admin).post(path, "application/json", body.as_bytes())
    }
}
