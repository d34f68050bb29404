//! What the administration shows of the pair, and does with it.

use std::borrow::Cow;
use std::sync::PoisonError;

use bytes::BytesMut;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{HandedOver, HandoverError, Pair};
use crate::callers::{Call, Refusal, Reply};
use crate::ha::{HaError, Input, Vrrp};
use crate::http::Page;
use crate::pop::CallState;

/// keepalived's word, with the arguments of its notify script.
#[derive(Debug, Deserialize)]
struct Word {
    /// INSTANCE or GROUP.
    #[serde(rename = "type")]
    kind: String,
    name: String,
    state: String,
    /// Absent for a group.
    #[serde(default)]
    priority: Option<u32>,
}

/// How to hand over.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    #[serde(default)]
    force: bool,
}

impl Pair {
    /// The pages of the pair: `/role`, `/active` and `/handover`; `None` for others.
    pub(in crate::app) fn page(&self, call: &Call<'_>) -> Option<Page> {
        let (path, is_post) = (call.trimmed_path(), call.method == "POST");
        Some(match path {
            "/role" if call.is_get() => json(200, &self.shown()),
            "/role" if is_post => self.hear(call.body),
            "/role" => refused(&Refusal::Method {
                allow: "GET, HEAD, POST",
            }),
            "/active" if call.is_get() => {
                let takes_callers = self.takes_callers();
                let status = if takes_callers { 200 } else { 503 };
                json(
                    status,
                    &json!({"active": takes_callers, "role": self.standing.role().as_str()}),
                )
            }
            "/active" => refused(&Refusal::Method { allow: "GET, HEAD" }),
            "/handover" if is_post => self.handover(call.body),
            "/handover" => refused(&Refusal::Method { allow: "POST" }),
            _ => return None,
        })
    }

    /// Whether a load balancer is to send callers here.
    fn takes_callers(&self) -> bool {
        let is_fit = self.readiness.is_electable() && !self.standing.is_yielding();
        self.standing.role().takes_callers() && is_fit
    }

    /// How this node stands, for `/status`; nothing of one that stands alone.
    pub(in crate::app) fn status(&self) -> Value {
        match self.settings.is_pair() {
            true => self.shown(),
            false => Value::Null,
        }
    }

    /// How this node stands.
    fn shown(&self) -> Value {
        let electable = self.readiness.is_electable() && !self.standing.is_yielding();
        let other = self.other.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let other = other.map(|seen| match seen {
            Ok(other) => json!(other),
            Err(error) => json!({"error": error}),
        });
        let unshared = self.shared.get().and_then(|shared| shared.sync().why);
        let has_customers = self.has_customers();
        let inner = self.inner();
        let machine = &inner.machine;
        let reason = unshared.or_else(|| machine.reason().map(Cow::into_owned));
        json!({
            "role": machine.role().as_str(),
            "epoch": machine.epoch(),
            "node": self.settings.node,
            "vrrp": machine.vrrp().map(Vrrp::as_str),
            "since": inner.since.to_string(),
            "electable": electable,
            "decides": machine.decides(),
            "quorum": machine.quorum(),
            "held_ms": machine.held_ms(),
            "has_customers": has_customers,
            "reason": reason,
            "other": other,
        })
    }

    fn hear(&self, body: &[u8]) -> Page {
        let word: Word = match serde_json::from_slice(body) {
            Ok(word) => word,
            Err(error) => {
                let expected = r#"{"type":"INSTANCE","name":"…","state":"MASTER","priority":100}"#;
                return told(
                    400,
                    "bad_notify",
                    &format!("expected {expected}, found a body that is not that: {error}"),
                );
            }
        };
        let state = match word.state.parse::<Vrrp>() {
            Ok(state) => state,
            Err(error) => return told(400, "unknown_state", &error.to_string()),
        };
        if !self.settings.is_pair() {
            return told(409, "alone", &HaError::Alone.to_string());
        }
        tracing::debug!(
            kind = word.kind,
            name = word.name,
            priority = word.priority,
            state = state.as_str(),
            "notify"
        );
        // The thread's next turn may be later than this word.
        self.tell(self.health());
        self.tell(Input::Vrrp(state));
        json(200, &self.shown())
    }

    fn handover(&self, body: &[u8]) -> Page {
        let wish = if body.is_empty() {
            Wish::default()
        } else {
            match serde_json::from_slice(body) {
                Ok(wish) => wish,
                Err(error) => {
                    let expected = r#"{"force":false}"#;
                    return told(
                        400,
                        "bad_handover",
                        &format!("expected {expected}, found a body that is not that: {error}"),
                    );
                }
            }
        };
        match self.hand_over(wish.force) {
            Ok(done) => json(200, &handed_over(&done)),
            Err(error) => not_handed_over(&error),
        }
    }
}

fn handed_over(done: &HandedOver) -> Value {
    json!({
        "handed_over": true,
        "drained_ms": done.moved.drained_ms,
        "moved_ms": done.moved.moved_ms,
        "to": done.to,
    })
}

fn not_handed_over(error: &HandoverError) -> Page {
    let reason = error.to_string();
    let error = json!({"code": "not_handed_over", "message": reason});
    json(
        409,
        &json!({"handed_over": false, "reason": reason, "error": error}),
    )
}

fn told(status: u16, code: &str, message: &str) -> Page {
    json(status, &json!({"error": {"code": code, "message": message}}))
}

fn json(status: u16, body: &Value) -> Page {
    let reply = Reply::json(status);
    page(&reply, body.to_string().into())
}

fn refused(refusal: &Refusal) -> Page {
    let mut body = BytesMut::new();
    let reply = refusal.write(&mut body);
    page(&reply, body.to_vec())
}

fn page(reply: &Reply, body: Vec<u8>) -> Page {
    Page {
        status: reply.status,
        content_type: reply.content_type,
        body,
    }
}
