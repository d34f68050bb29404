//! How we say who we are.

use std::io::Read;
use std::path::Path;

use arc_swap::ArcSwapOption;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};

use crate::pop::outbox::error::OutboxError;
use crate::pop::outbox::settings::{Auth, AuthKind};

/// The longest token, in bytes.
const TOKEN_MAX: u64 = 16 << 10;

/// What is shown.
pub(super) struct Shown {
    auth: Auth,
    header: ArcSwapOption<(HeaderName, HeaderValue)>,
}

impl Shown {
    /// # Errors
    /// The file of the token cannot be used.
    pub(super) fn new(auth: &Auth) -> Result<Shown, OutboxError> {
        let header = read(auth).map_err(|why| OutboxError::Settings {
            key: "auth.file",
            why: format!(
                "expected a token, password or value in {}, found {why}",
                auth.file.display()
            ),
        })?;
        Ok(Shown {
            auth: auth.clone(),
            header: ArcSwapOption::from_pointee(header),
        })
    }

    pub(super) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        self.header.load_full().map(|header| (*header).clone())
    }

    /// Reads the file again: tokens are renewed by whoever writes it.
    pub(super) fn read_again(&self) {
        match read(&self.auth) {
            Ok(header) => self.header.store(header.map(std::sync::Arc::new)),
            Err(why) => {
                tracing::warn!(file = %self.auth.file.display(), why, "the token cannot be read again");
            }
        }
    }
}

fn read(auth: &Auth) -> Result<Option<(HeaderName, HeaderValue)>, String> {
    let header = match auth.kind {
        AuthKind::None => return Ok(None),
        AuthKind::Bearer => (AUTHORIZATION, format!("Bearer {}", secret(&auth.file)?)),
        AuthKind::Basic => {
            let pair = format!("{}:{}", auth.user, secret(&auth.file)?);
            (AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)))
        }
        AuthKind::Header => {
            let name = HeaderName::from_bytes(auth.header.as_bytes());
            let name = name.map_err(|_| "a header's name that is none".to_owned())?;
            (name, secret(&auth.file)?)
        }
    };
    let (name, value) = header;
    let mut value =
        HeaderValue::from_str(&value).map_err(|_| "bytes that cannot stand in a header".to_owned())?;
    value.set_sensitive(true);
    Ok(Some((name, value)))
}

fn secret(file: &Path) -> Result<String, String> {
    let opened = std::fs::File::open(file).map_err(|error| error.to_string())?;
    let mut text = String::new();
    opened
        .take(TOKEN_MAX)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    match text.trim() {
        "" => Err("an empty file".to_owned()),
        text => Ok(text.to_owned()),
    }
}
