//! What commands show to a server and ask of it.

use std::path::Path;

use super::arguments::Credentials;
use crate::http::client::key_in;
pub(super) use crate::http::client::{ClientError, Server, Trust, message};

/// The variable with the key to show. The key itself is never an argument: everybody can read those.
const KEY: &str = "RINGSIDE_KEY";

impl Trust {
    /// What `credentials` and the environment say.
    ///
    /// # Errors
    /// A file that they name cannot be used.
    pub(super) fn of(credentials: &Credentials) -> Result<Trust, ClientError> {
        Trust::new(key(credentials.key_file.as_deref())?, credentials.ca.as_deref())
    }
}

/// The key to show: that of `file`, without one that of the environment, without that none.
///
/// # Errors
/// The file cannot be read, or holds something else than one key.
pub(super) fn key(file: Option<&Path>) -> Result<Option<String>, ClientError> {
    Ok(match file {
        Some(file) => Some(key_in(file)?),
        None => std::env::var(KEY).ok().filter(|key| !key.trim().is_empty()),
    })
}
