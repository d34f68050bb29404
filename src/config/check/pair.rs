//! Two nodes, and what they share.

use std::path::Path;

use hyper::Uri;

use super::streams::{self, is_word};
use super::{Config, Unfit, within};
use crate::http::client::Server;
use crate::pop::Store;

/// The longest name of a node, bytes.
const NODE_MAX: usize = 64;
/// The longest name of the stream, bytes: a bucket is called after it.
const STREAM_MAX: usize = 200;

/// The first value that is unfit.
pub(super) fn check(config: &Config) -> Result<(), Unfit> {
    let ha = &config.ha;
    if !ha.node.is_empty() && (ha.node.len() > NODE_MAX || !is_word(&ha.node)) {
        return Err(Unfit::new(
            "ha.node",
            format!("at most {NODE_MAX} of a-z A-Z 0-9 - _"),
            format!("{:?}", ha.node),
        ));
    }
    if !ha.peer.is_empty() && !is_server(&ha.peer) {
        return Err(Unfit::new(
            "ha.peer",
            "an address as \"http://HOST:7465\"",
            format!("{:?}", ha.peer),
        ));
    }
    if !ha.peer.is_empty() && !ha.is_pair() {
        return Err(Unfit::new(
            "ha.node",
            "a name, because ha.peer names another node",
            "\"\"",
        ));
    }
    within("ha.hold_ms", ha.hold_ms, 100..=60_000)?;
    within("ha.drain_ms", ha.drain_ms, 0..=10_000)?;
    within("ha.handover_ms", ha.handover_ms, 500..=60_000)?;
    let shared = &config.calls.jetstream;
    let path = "calls.jetstream";
    streams::stream(path, &shared.servers, &shared.stream, &shared.login)?;
    if shared.stream.len() > STREAM_MAX || !is_word(&shared.stream) {
        return Err(Unfit::new(
            "calls.jetstream.stream",
            format!("at most {STREAM_MAX} of a-z A-Z 0-9 - _"),
            format!("{:?}", shared.stream),
        ));
    }
    streams::prefix("calls.jetstream.prefix", &shared.prefix)?;
    within("calls.jetstream.replicas", shared.replicas, 1..=5)?;
    within("calls.jetstream.max_age_s", shared.max_age_s, 3600..=31_536_000)?;
    within("calls.jetstream.max_bytes", shared.max_bytes, 1 << 20..=1 << 50)?;
    if config.calls.store == Store::JetStream {
        if !ha.is_pair() {
            return Err(Unfit::new(
                "ha.node",
                "a name, because calls.store is \"jetstream\"",
                "\"\"",
            ));
        }
        if shared.secret_file == Path::new("") {
            return Err(Unfit::new(
                "calls.jetstream.secret_file",
                "a file that both nodes have, as `openssl rand -hex 32 > FILE` writes it",
                "\"\"",
            ));
        }
        // What is told to the system of record of a customer is in the stream, too, and leaves it by age alone.
        if shared.max_age_s > config.data.erase_within_s {
            return Err(Unfit::new(
                "calls.jetstream.max_age_s",
                format!("at most data.erase_within_s, {}", config.data.erase_within_s),
                shared.max_age_s.to_string(),
            ));
        }
    }
    Ok(())
}

/// Whether whoever asks the other node will take it for an address, and it is one.
fn is_server(text: &str) -> bool {
    let is_address = |uri: Uri| {
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        uri.port_u16().is_some() && !authority.contains('@') && uri.query().is_none()
    };
    text.starts_with("http://") && text.parse::<Server>().is_ok() && text.parse().is_ok_and(is_address)
}
