//! Who may ask what where, as the configuration and the files that it names say.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{self, Config};
use crate::http::{Access, Ceiling, HttpError, Keys, Tls, TlsFiles, now_s};

/// The rules of every listener and of the administration.
#[derive(Debug)]
pub(super) struct Accesses {
    /// For each listener that is enabled: its rules, and its TLS.
    pub(super) listeners: BTreeMap<String, (Access, Option<Tls>)>,
    pub(super) admin: Access,
    /// What will soon be wrong, for people.
    pub(super) warnings: Vec<String>,
}

impl Accesses {
    /// Reads what `config` names. Nothing that is served changes: whoever calls this again while the service runs puts
    /// what it returns in place, or keeps what there is. `keys` stays the same value, so that
    /// [`Keys::reload`](Keys::reload) concerns everybody.
    ///
    /// # Errors
    /// The files of TLS cannot be used, or other machines would be answered whoever they are.
    pub(super) fn load(config: &Config, keys: &Arc<Keys>) -> Result<Accesses, HttpError> {
        let mut warnings = Vec::new();
        let mut listeners = BTreeMap::new();
        for (name, listener) in config.listener.iter().filter(|(_, listener)| listener.enabled) {
            let tls = tls(&listener.tls).map_err(|source| HttpError::Tls {
                name: name.clone(),
                source,
            })?;
            warnings.extend(tls.iter().flat_map(|tls| tls.warnings().iter().cloned()));
            let mut dialect_keys = config.dialect.keys();
            // What is not spoken here opens nothing here.
            dialect_keys.retain(|dialect, _| listener.dialects.contains(dialect));
            let access = Access {
                scopes: listener.scopes.clone(),
                sources: listener.sources.clone(),
                dialect_sources: listener.dialect_sources.clone(),
                dialect_keys,
                demand: listener.keys,
                key_in_query: listener.key_in_query,
                keys: Arc::clone(keys),
            };
            let is_mutual = tls.as_ref().is_some_and(Tls::is_mutual);
            let access = access.on(&format!("listener.{name}"), listener.address, is_mutual)?;
            listeners.insert(name.clone(), (access, tls));
        }
        let admin = Access {
            scopes: Ceiling::all(),
            sources: config.admin.sources.clone(),
            dialect_sources: BTreeMap::new(),
            dialect_keys: BTreeMap::new(),
            demand: config.admin.keys,
            key_in_query: false,
            keys: Arc::clone(keys),
        };
        Ok(Accesses {
            listeners,
            admin: admin.on("admin", Some(config.admin.address), false)?,
            warnings,
        })
    }

    /// Says in the log what is to be said.
    pub(super) fn log(&self, config: &Config, keys: &Keys) {
        for warning in &self.warnings {
            tracing::warn!("{warning}");
        }
        let reaches_others = config
            .listener
            .values()
            .filter(|listener| listener.enabled)
            .filter_map(|listener| listener.address)
            .any(|address| !address.ip().to_canonical().is_loopback());
        if keys.ring().is_empty() && !reaches_others {
            tracing::info!(
                "there are no keys: only this machine is served, and whoever is on it; `ringside key add NAME --scope \
                 lookup` makes one"
            );
        }
    }
}

fn tls(tls: &config::Tls) -> Result<Option<Tls>, crate::http::TlsError> {
    let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) else {
        return Ok(None);
    };
    let files = TlsFiles {
        certificate: certificate.clone(),
        key: key.clone(),
        client_ca: tls.client_ca.clone(),
    };
    Tls::load(&files, i64::try_from(now_s()).unwrap_or(i64::MAX)).map(Some)
}
