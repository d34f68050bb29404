//! What a configuration says of a listener's shadow mode: `[listener.NAME.shadow]`.

use std::path::PathBuf;

use hyper::Uri;
use serde::Deserialize;

/// Shadow mode of one listener; ranges are those of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShadowSettings {
    /// What answered until now, as `https://HOST` or `http://HOST:PORT`; empty: no shadow mode.
    pub upstream: String,
    /// Share of the calling numbers that Ringside answers itself, 0–100.
    pub percent: u8,
    /// Dialled numbers that Ringside answers whole, in any written form; at most 1000.
    pub dnis: Vec<String>,
    /// From a request that is sent to the upstream to the end of its answer, 10–600 000 ms.
    pub timeout_ms: u64,
    /// The most requests that wait for the upstream at once, 1–100 000.
    pub in_flight_max: usize,
    /// The newest differences that are kept in memory, 0–10 000.
    pub differences_kept: usize,
    /// Certificates, in PEM, that the upstream's must lead to; empty: those that browsers trust.
    pub ca: PathBuf,
    /// Our own certificate, in PEM; empty: none.
    pub certificate: PathBuf,
    /// Its private key, in PEM, without a password.
    pub key: PathBuf,
}

/// A value that is not what its key takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowFault {
    /// The key, within the section.
    pub key: &'static str,
    /// What it takes.
    pub expected: &'static str,
    /// What was found.
    pub found: String,
}

/// The most dialled numbers: each call of the share is compared with all of them.
const DNIS_MAX: usize = 1000;

impl ShadowSettings {
    /// Whether there is a shadow mode at all.
    pub fn is_on(&self) -> bool {
        !self.upstream.is_empty()
    }

    /// The upstream's address: a scheme and whom it is at, without a path.
    ///
    /// # Errors
    /// It is none, or says more.
    pub(super) fn origin(&self) -> Result<Uri, ShadowFault> {
        let fault = || ShadowFault {
            key: "upstream",
            expected: "http://HOST[:PORT] or https://HOST[:PORT], without a path, or nothing",
            // It may hold a password, in spite of what is expected.
            found: "something else".to_owned(),
        };
        let uri: Uri = self.upstream.parse().map_err(|_| fault())?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let has_path = !matches!(uri.path(), "" | "/") || uri.query().is_some();
        let authority = uri.authority().ok_or_else(fault)?;
        if !is_http || has_path || authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(fault());
        }
        Ok(uri)
    }

    /// The first value that its type allows and its meaning does not.
    ///
    /// # Errors
    /// There is one.
    pub fn check(&self) -> Result<(), ShadowFault> {
        let fault = |key, expected, found: String| Err(ShadowFault { key, expected, found });
        if self.is_on() {
            self.origin()?;
        }
        if self.percent > 100 {
            return fault(
                "percent",
                "a whole number from 0 to 100",
                self.percent.to_string(),
            );
        }
        if self.dnis.len() > DNIS_MAX {
            return fault("dnis", "at most 1000 numbers", self.dnis.len().to_string());
        }
        if !(10..=600_000).contains(&self.timeout_ms) {
            let expected = "a whole number from 10 to 600000";
            return fault("timeout_ms", expected, self.timeout_ms.to_string());
        }
        if !(1..=100_000).contains(&self.in_flight_max) {
            let expected = "a whole number from 1 to 100000";
            return fault("in_flight_max", expected, self.in_flight_max.to_string());
        }
        if self.differences_kept > 10_000 {
            let expected = "a whole number from 0 to 10000";
            return fault("differences_kept", expected, self.differences_kept.to_string());
        }
        let is_given = |file: &PathBuf| *file != PathBuf::new();
        if is_given(&self.certificate) != is_given(&self.key) {
            let key = if is_given(&self.key) { "certificate" } else { "key" };
            return fault(
                key,
                "a certificate and its key, or neither",
                "one of them".to_owned(),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit() -> ShadowSettings {
        ShadowSettings {
            upstream: "https://crm.example".to_owned(),
            timeout_ms: 5000,
            in_flight_max: 256,
            ..ShadowSettings::default()
        }
    }

    #[test]
    fn an_upstream_is_an_origin_and_nothing_more() {
        for upstream in [
            "",
            "http://10.0.0.1:8080",
            "https://crm.example/",
            "http://[::1]:80",
        ] {
            let upstream = upstream.to_owned();
            assert_eq!(ShadowSettings { upstream, ..fit() }.check(), Ok(()));
        }
        for upstream in [
            "crm.example",
            "ftp://crm.example",
            "https://crm.example/api",
            "https://crm.example?x=1",
            "https://user:secret@crm.example",
            "https://",
            "/",
            " ",
        ] {
            let settings = ShadowSettings {
                upstream: upstream.to_owned(),
                ..fit()
            };
            let fault = settings.check().err();
            assert_eq!(
                fault.as_ref().map(|fault| fault.key),
                Some("upstream"),
                "{upstream}"
            );
            assert!(fault.is_none_or(|fault| !fault.found.contains("secret")));
        }
    }

    #[test]
    fn values_have_their_ranges() {
        let unfit = |change: fn(&mut ShadowSettings)| {
            let mut settings = fit();
            change(&mut settings);
            settings.check().err().map(|fault| fault.key)
        };
        assert_eq!(unfit(|_| ()), None);
        assert_eq!(unfit(|of| of.percent = 101), Some("percent"));
        assert_eq!(unfit(|of| of.timeout_ms = 9), Some("timeout_ms"));
        assert_eq!(unfit(|of| of.in_flight_max = 0), Some("in_flight_max"));
        assert_eq!(unfit(|of| of.differences_kept = 10_001), Some("differences_kept"));
        assert_eq!(unfit(|of| of.dnis = vec![String::new(); 1001]), Some("dnis"));
        assert_eq!(unfit(|of| of.key = "k.pem".into()), Some("certificate"));
        assert_eq!(unfit(|of| of.certificate = "c.pem".into()), Some("key"));
    }
}
