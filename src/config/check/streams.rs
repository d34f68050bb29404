//! What names a stream and lets one in there.

use super::Unfit;
use crate::feed::Secret;
use crate::feed::jetstream::Login;

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
