//! The loopback rule: what other machines reach has to ask who they are.

use std::net::SocketAddr;

use super::{Access, Demand, DialectKeys, Scope};
use crate::callers::Dialect;
use crate::http::keys;

/// A socket that other machines reach, and that would answer anybody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{section}: expected a loopback address, or requests that show who they are, found {address}, which other machines \
     reach, and {found}; make a key with `ringside key add NAME --scope {scope}`{mutual}, or, to answer without keys, set \
     {section}.keys = \"optional\" and list who may ask in {section}.sources"
)]
pub struct Exposed {
    section: String,
    address: SocketAddr,
    found: &'static str,
    scope: &'static str,
    mutual: &'static str,
}

impl Access {
    /// These rules as they hold on `address`, in the configuration's `section`; `is_mutual`: a client certificate is
    /// demanded there. On an address that other machines reach, `auto` is `required`: were the file of keys emptied
    /// while the service runs, it would answer nobody rather than everybody.
    ///
    /// # Errors
    /// Other machines reach it and would need to show nothing.
    pub fn on(
        mut self,
        section: &str,
        address: Option<SocketAddr>,
        is_mutual: bool,
    ) -> Result<Access, Exposed> {
        let Some(address) = address.filter(|address| !address.ip().to_canonical().is_loopback()) else {
            return Ok(self);
        };
        if is_mutual {
            return Ok(self);
        }
        let is_admin = section == "admin";
        let exposed = |found| Exposed {
            section: section.to_owned(),
            address,
            found,
            scope: if is_admin { "admin" } else { "lookup" },
            mutual: if is_admin {
                ""
            } else {
                ", or demand client certificates (tls.client_ca)"
            },
        };
        let optional = |(dialect, said): (&Dialect, &mut DialectKeys)| {
            if said.demand == Some(Demand::Auto) {
                said.demand = Some(Demand::Required);
            }
            (said.demand == Some(Demand::Optional)).then_some(*dialect)
        };
        let mut open = self
            .dialect_keys
            .iter_mut()
            .filter_map(optional)
            .collect::<Vec<_>>();
        open.retain(|dialect| {
            let further = self.dialect_sources.get(dialect);
            self.sources.is_empty() && further.is_none_or(super::Sources::is_empty)
        });
        if !open.is_empty() {
            return Err(exposed(
                "a dialect with `keys = \"optional\"` and neither `sources` nor `dialect_sources` for it",
            ));
        }
        match self.demand {
            Demand::Required => Ok(self),
            Demand::Optional if self.sources.is_empty() => {
                Err(exposed("`keys = \"optional\"` with empty `sources`"))
            }
            Demand::Optional => Ok(self),
            Demand::Auto => {
                let now = keys::now_s();
                let fits = |scope: &Scope| {
                    if is_admin {
                        *scope == Scope::Admin
                    } else {
                        scope.fits(&self.scopes)
                    }
                };
                let ring = self.keys.ring();
                let has_key = ring
                    .all()
                    .iter()
                    .any(|key| key.is_valid(now) && key.scopes.iter().any(fits));
                drop(ring);
                if !has_key {
                    return Err(exposed("no valid key that allows anything there"));
                }
                self.demand = Demand::Required;
                Ok(self)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use super::*;
    use crate::http::keys::{Keys, edit};

    #[test]
    fn other_machines_are_answered_only_where_they_show_who_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys.json");
        let access = |demand, sources: &[&str]| Access {
            demand,
            sources: crate::http::Sources::new(sources.iter().map(|text| text.parse().unwrap())),
            keys: Keys::open(&file).unwrap(),
            ..Access::default()
        };
        let on = |access: Access, section: &str, address: &str, is_mutual| {
            access.on(section, Some(address.parse().unwrap()), is_mutual)
        };
        let auto = || access(Demand::Auto, &[]);
        for address in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "127.9.9.9:1"] {
            assert_eq!(
                on(auto(), "listener.main", address, false).unwrap().demand,
                Demand::Auto
            );
        }
        assert!(auto().on("listener.main", None, false).is_ok(), "a Unix socket");
        for address in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "[::ffff:10.0.0.1]:1"] {
            let error = on(auto(), "listener.main", address, false)
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("`ringside key add NAME --scope lookup`"),
                "{error}"
            );
            assert!(on(auto(), "listener.main", address, true).is_ok(), "mutual TLS");
            assert!(on(access(Demand::Required, &[]), "listener.main", address, false).is_ok());
            assert!(on(access(Demand::Optional, &[]), "listener.main", address, false).is_err());
            assert!(
                on(
                    access(Demand::Optional, &["10.0.0.0/8"]),
                    "listener.main",
                    address,
                    false
                )
                .is_ok()
            );
            assert!(
                on(
                    access(Demand::Auto, &["10.0.0.0/8"]),
                    "listener.main",
                    address,
                    false
                )
                .is_err()
            );
        }
        let any = "0.0.0.0:1";
        let dialect = |demand, further: &[&str]| Access {
            dialect_keys: [(
                Dialect::Cid,
                DialectKeys {
                    demand: Some(demand),
                    in_query: false,
                },
            )]
            .into(),
            dialect_sources: [(
                Dialect::Cid,
                crate::http::Sources::new(further.iter().map(|text| text.parse().unwrap())),
            )]
            .into(),
            ..access(Demand::Required, &[])
        };
        let error = on(dialect(Demand::Optional, &[]), "listener.main", any, false).unwrap_err();
        assert!(error.to_string().contains("a dialect with"), "{error}");
        assert!(
            on(
                dialect(Demand::Optional, &["10.0.0.0/8"]),
                "listener.main",
                any,
                false
            )
            .is_ok()
        );
        let auto_there = on(dialect(Demand::Auto, &[]), "listener.main", any, false).unwrap();
        assert_eq!(
            auto_there.dialect_keys[&Dialect::Cid].demand,
            Some(Demand::Required)
        );
        edit(&file, |ring| {
            ring.add("old", vec![Scope::Lookup], 0, Some(1)).map(drop)
        })
        .unwrap();
        assert!(on(auto(), "listener.main", any, false).is_err(), "expired");
        edit(&file, |ring| {
            ring.add("pbx", vec![Scope::Lookup], 0, None).map(drop)
        })
        .unwrap();
        assert_eq!(
            on(auto(), "listener.main", any, false).unwrap().demand,
            Demand::Required
        );
        let error = on(auto(), "admin", any, false).unwrap_err().to_string();
        assert!(error.contains("--scope admin`, or, to answer"), "{error}");
        edit(&file, |ring| {
            ring.add("ops", vec![Scope::Admin], 0, None).map(drop)
        })
        .unwrap();
        assert!(on(auto(), "admin", any, false).is_ok());
    }
}
