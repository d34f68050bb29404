//! The report, and the switch, for the administration.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::sides::Sides;
use super::{Plan, Shadows, State};
use crate::callers::Call;
use crate::http::Page;

/// How long a switch by command holds, in words.
const HOLDS: &str = "until the next restart, or a reload that changes upstream, percent or dnis of this listener's shadow mode";

/// What an act is to do.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Act {
    /// The listener; needed where several are in shadow mode.
    listener: Option<String>,
    percent: Option<u8>,
    dnis: Option<Vec<String>>,
    /// Ringside answers nobody.
    off: bool,
}

/// Why an act is not done: the status, the code, and what to do about it.
type Refused = (u16, &'static str, String);

impl Shadows {
    /// `GET /shadow`, `POST /shadow`, `POST /shadow/reveal`, `POST /shadow/reset`; `None` for other paths.
    pub fn page(&self, call: &Call<'_>) -> Option<Page> {
        let done = match (call.trimmed_path(), call.method) {
            ("/shadow", "GET" | "HEAD") => Ok(self.report(false)),
            ("/shadow", "POST") => act(call).and_then(|act| self.switch(&act)),
            // An act, so that whoever looks at people's numbers is told in the audit.
            ("/shadow/reveal", "POST") => Ok(self.report(true)),
            ("/shadow/reset", "POST") => act(call).and_then(|act| self.reset(&act)),
            ("/shadow" | "/shadow/reveal" | "/shadow/reset", _) => Err((
                405,
                "method_not_allowed",
                "expected GET or POST of /shadow, or POST of /shadow/reveal or /shadow/reset, found another method; \
                 correct the request"
                    .to_owned(),
            )),
            _ => return None,
        };
        let (status, body) = match done {
            Ok(body) => (200, body),
            Err((status, code, message)) => (status, json!({"error": {"code": code, "message": message}})),
        };
        Some(Page {
            status,
            content_type: "application/json",
            body: body.to_string().into(),
        })
    }

    fn report(&self, reveal: bool) -> Value {
        let told = self.on().into_iter().map(|(name, state, plan)| {
            let sides = state.sides.load();
            let mut told = json!({
                "upstream": plan.settings.upstream,
                "percent": sides.percent,
                "dnis": sides.dnis,
                "by_command": **sides != plan.sides,
                "waiting": state.waiting.load(std::sync::atomic::Ordering::Relaxed),
                "credentials": state.credentials.count(),
            });
            if let (Some(told), Value::Object(report)) = (told.as_object_mut(), state.report.to_json(reveal))
            {
                told.extend(report);
            }
            (name, told)
        });
        json!({"listeners": told.collect::<Map<String, Value>>()})
    }

    fn switch(&self, act: &Act) -> Result<Value, Refused> {
        let invalid = |message: &str| Err((400, "invalid", message.to_owned()));
        let (name, state, plan) = self.named(act)?;
        let before = state.sides.load_full();
        let changes = act.percent.is_some() || act.dnis.is_some();
        if act.off == changes {
            return invalid(
                "expected `percent`, `dnis` or both, or else `off`, found neither or all; say which",
            );
        }
        let (percent, dnis) = match act.off {
            true => (0, Vec::new()),
            false => (
                act.percent.unwrap_or(before.percent),
                act.dnis.clone().unwrap_or_else(|| before.dnis.clone()),
            ),
        };
        let wanted = super::ShadowSettings {
            percent,
            dnis,
            ..plan.settings.clone()
        };
        if let Err(fault) = wanted.check() {
            let (key, expected, found) = (fault.key, fault.expected, fault.found);
            return invalid(&format!("{key}: expected {expected}, found {found}; correct it"));
        }
        let read = |dnis: &str| plan.numbering.read(dnis, None).key();
        let sides = match Sides::new(wanted.percent, &wanted.dnis, read) {
            Ok(sides) => sides,
            Err(place) => {
                return invalid(&format!(
                    "dnis[{place}]: expected a phone number, found one that cannot be read; correct it"
                ));
            }
        };
        tracing::info!(
            listener = %name,
            before = before.percent,
            percent = sides.percent,
            dnis = sides.dnis.len(),
            "shadow mode was switched"
        );
        let told = |sides: &Sides| json!({"percent": sides.percent, "dnis": sides.dnis});
        let answer = json!({
            "listener": name,
            "before": told(&before),
            "now": told(&sides),
            "holds": HOLDS,
        });
        state.sides.store(Arc::new(sides));
        Ok(answer)
    }

    fn reset(&self, act: &Act) -> Result<Value, Refused> {
        let named: Vec<_> = match &act.listener {
            Some(_) => vec![self.named(act)?],
            None => self.on(),
        };
        for (_, state, _) in &named {
            state.report.reset();
        }
        let names: Vec<&String> = named.iter().map(|(name, ..)| name).collect();
        Ok(json!({"reset": names}))
    }

    /// The listener that `act` names, or the only one.
    fn named(&self, act: &Act) -> Result<(String, Arc<State>, Plan), Refused> {
        let mut on = self.on();
        let names: Vec<&str> = on.iter().map(|(name, ..)| name.as_str()).collect();
        let names = names.join(", ");
        match &act.listener {
            Some(wanted) => match on.into_iter().find(|(name, ..)| name == wanted) {
                Some(found) => Ok(found),
                None => Err((
                    404,
                    "no_such_listener",
                    format!("expected a listener in shadow mode ({names}), found another; set listener.NAME.shadow.upstream"),
                )),
            },
            None if on.len() > 1 => Err((
                400,
                "missing",
                format!("expected the name of a listener, one of {names}, found none; name it"),
            )),
            None => on.pop().ok_or((
                404,
                "no_shadow",
                "expected a listener in shadow mode, found none; set listener.NAME.shadow.upstream and reload".to_owned(),
            )),
        }
    }

    /// Every listener in shadow mode.
    fn on(&self) -> Vec<(String, Arc<State>, Plan)> {
        let listeners = self.listeners();
        let on = listeners.iter().filter_map(|(name, state)| {
            let plan = state.plan().clone()?;
            Some((name.clone(), Arc::clone(state), plan))
        });
        on.collect()
    }
}

fn act(call: &Call<'_>) -> Result<Act, Refused> {
    if call.body.trim_ascii().is_empty() || call.body.trim_ascii() == b"null" {
        return Ok(Act::default());
    }
    // What serde says of a value repeats it: a dialled number is the centre's own.
    serde_json::from_slice(call.body).map_err(|error| {
        let message = format!(
            "body: expected a JSON object with listener, percent (0 to 100), dnis (a list of texts) and off, found: {error}"
        );
        (400, "invalid_body", message)
    })
}
