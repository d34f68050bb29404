//! What names a stream and lets one in there.

use super::{Unfit, within};
use crate::feed::Secret;
use crate::feed::jetstream::Login;
use crate::relay::Settings;

/// The most servers of one cluster.
const SERVERS_MAX: usize = 16;

/// Checks where a stream is, what it is called, and who one is there; `path` is the section's.
pub(super) fn stream(path: &str, servers: &[Secret], stream: &str, login: &Login) -> Result<(), Unfit> {
    if !(1..=SERVERS_MAX).contains(&servers.len()) {
        return Err(Unfit::new(
            format!("{path}.servers"),
            format!("1 to {SERVERS_MAX} addresses"),
            servers.len().to_string(),
        ));
    }
    if servers
        .iter()
        .any(|server| server.reveal().parse::<async_nats::ServerAddr>().is_err())
    {
        // An address may hold a password.
        return Err(Unfit::new(
            format!("{path}.servers"),
            "addresses as \"nats://HOST:4222\" or \"tls://HOST:4222\"",
            "something else",
        ));
    }
    let strange = |c: char| c.is_whitespace() || c.is_control() || ".*>/\\".contains(c);
    if !(1..=255).contains(&stream.len()) || stream.contains(strange) {
        return Err(Unfit::new(
            format!("{path}.stream"),
            "a name of 1 to 255 bytes, without spaces and . * > / \\",
            format!("{stream:?}"),
        ));
    }
    if login.ways() > 1 {
        return Err(Unfit::new(
            format!("{path}.login"),
            "one of user, token_file, nkey_file and credentials_file, or none",
            "several",
        ));
    }
    Ok(())
}

/// Checks what a relay is told.
pub(super) fn relay(relay: &Settings) -> Result<(), Unfit> {
    stream("relay", &relay.servers, &relay.stream, &relay.login)?;
    prefix("relay.prefix", &relay.prefix)?;
    within("relay.replicas", relay.replicas, 1..=5)?;
    within("relay.max_bytes", relay.max_bytes, 0..=1 << 50)?;
    if relay.max_age_s != 0 {
        within("relay.max_age_s", relay.max_age_s, 3600..=31_536_000)?;
    }
    within("relay.lease_ms", relay.lease_ms, 2000..=600_000)?;
    within("relay.in_flight", relay.in_flight, 1..=4096)?;
    within("relay.confirm_after_s", relay.confirm_after_s, 0..=86_400)
}

/// Checks what subjects begin with; `path` is the key's.
pub(super) fn prefix(path: &str, prefix: &str) -> Result<(), Unfit> {
    if prefix.len() > 100 || !prefix.split('.').all(is_word) {
        return Err(Unfit::new(
            path,
            "words of a-z A-Z 0-9 - _, joined by dots, 1 to 100 bytes",
            format!("{prefix:?}"),
        ));
    }
    Ok(())
}

/// Whether `word` can be part of a subject.
pub(super) fn is_word(word: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !word.is_empty() && word.bytes().all(fits)
}
