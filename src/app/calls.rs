//! What the administration shows of calls, and what two nodes of a pair ask each other for.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::pair::Peer;
use crate::callers::{Call, Refusal, Reply};
use crate::ha::Settings;
use crate::http::Page;
use crate::pop::Pops;

/// Where a node asks the other one for its state of calls.
const STATE: &str = "/calls/state";
/// The longest state that is read, in bytes, and how long a node waits for the next piece of it.
const STATE_MAX: u64 = 1 << 30;
const PATIENCE: Duration = Duration::from_secs(5);

/// The pages of calls; `None` for others.
pub(super) fn page(pops: &Pops, call: &Call<'_>) -> Option<Page> {
    if call.trimmed_path() != STATE {
        return None;
    }
    if !call.is_get() {
        return Some(super::pages::refused(&Refusal::Method { allow: "GET, HEAD" }));
    }
    // Sealed: whoever has no secret of the pair learns nothing.
    Some(match pops.shared().and_then(|shared| shared.state()) {
        Some(state) => Page {
            status: 200,
            content_type: "application/octet-stream",
            body: state,
        },
        None => {
            let why = "this node follows no stream of calls at present";
            super::pages::page(
                Reply::json(404),
                json!({"error": {"code": "no_state", "message": why}})
                    .to_string()
                    .into(),
            )
        }
    })
}

/// How far others know what is known here, for `/status`; nothing of a node that shares nothing.
pub(super) fn status(pops: &Pops) -> Value {
    let sync = pops.sync();
    if !sync.is_shared {
        return Value::Null;
    }
    json!({
        "following": sync.is_connected,
        "quorum": sync.has_quorum,
        "sequence": sync.sequence,
        "behind": sync.behind,
        "unreplicated": sync.unreplicated,
        "reason": sync.why,
    })
}

/// Has the calls of `pops` ask the other node of `settings` for its state, where they have to.
pub(super) fn ask_peer(pops: &Pops, settings: &Settings) {
    let (Some(shared), Some(peer)) = (pops.shared(), Peer::of(settings)) else {
        return;
    };
    let key_file = settings.peer_key_file.clone();
    shared.ask_peer_with(Arc::new(move || {
        let key = key(&key_file).inspect_err(|error| {
            tracing::warn!(file = %key_file.display(), %error, "the key of the other node's administration cannot be read");
        });
        let state = peer.fetch(STATE, key.ok().flatten().as_deref(), STATE_MAX, PATIENCE);
        state
            .inspect_err(|error| tracing::warn!(%error, "the other node does not give its state of calls"))
            .ok()
    }));
}

fn key(file: &Path) -> io::Result<Option<String>> {
    if file == Path::new("") {
        return Ok(None);
    }
    let text = std::fs::read_to_string(file)?;
    Ok(text.lines().next().map(|line| line.trim().to_owned()))
}
