//! The token endpoints of the vendors: their paths, and the shapes of what they answer.

use bytes::BytesMut;
use hyper::Request;
use hyper::header::HOST;
use serde_json::{Value, json};

use super::form::Form;
use super::grant::Grant;
use super::{Denial, Fault};
use crate::callers::{Dialect, Refusal, Reply};

/// The longest name of a host that is given back, in bytes.
const HOST_MAX: usize = 255;
/// The ids of Salesforce's organization and user, as 18 characters: there is neither here, and clients take them apart.
const IDENTITY: &str = "id/00D000000000000EAA/005000000000000AAA";

/// Whose token endpoint it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Vendor {
    /// Microsoft's, where answers have numbers as texts: `/{tenant}/oauth2/token`.
    MicrosoftV1,
    /// `/{tenant}/oauth2/v2.0/token`.
    MicrosoftV2,
    /// `/services/oauth2/token`.
    Salesforce,
    /// `/oauth_token.do`.
    Servicenow,
    /// `/oauth/tokens`.
    Zendesk,
}

/// Where this server was reached, for answers that say it.
pub(super) struct Base(String);

impl Base {
    /// Read from the head of `request`: `Host`, and whether whoever is in front has spoken HTTPS. Whoever asks is told
    /// what they said themselves.
    pub(super) fn of(request: &Request<()>, is_secure: bool) -> Base {
        let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let is_host = |host: &&str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
            (1..=HOST_MAX).contains(&host.len()) && host.bytes().all(fits)
        };
        let host = text(HOST.as_str()).filter(is_host).unwrap_or("localhost");
        let is_forwarded = text("x-forwarded-proto").is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
        let scheme = if is_secure || is_forwarded {
            "https"
        } else {
            "http"
        };
        Base(format!("{scheme}://{host}"))
    }
}

impl Vendor {
    /// Whose endpoint `path` is, which begins with one slash.
    pub(in crate::http) fn of(path: &str) -> Option<Vendor> {
        match path {
            "/services/oauth2/token" => Some(Vendor::Salesforce),
            "/oauth_token.do" => Some(Vendor::Servicenow),
            "/oauth/tokens" => Some(Vendor::Zendesk),
            _ => {
                let (tenant, rest) = path.strip_prefix('/')?.split_once('/')?;
                match rest {
                    _ if tenant.is_empty() => None,
                    "oauth2/token" => Some(Vendor::MicrosoftV1),
                    "oauth2/v2.0/token" => Some(Vendor::MicrosoftV2),
                    _ => None,
                }
            }
        }
    }

    /// The dialect whose callers log in there.
    pub(in crate::http) fn dialect(self) -> Dialect {
        match self {
            Vendor::MicrosoftV1 | Vendor::MicrosoftV2 => Dialect::Dynamics,
            Vendor::Salesforce => Dialect::Salesforce,
            Vendor::Servicenow => Dialect::Servicenow,
            Vendor::Zendesk => Dialect::Zendesk,
        }
    }

    /// Writes the answer that gives `grant`.
    pub(super) fn give(self, grant: &Grant<'_>, form: &Form, base: Base, out: &mut BytesMut) -> Reply {
        let (token, lasts_s) = (grant.token(), grant.lasts_s);
        let mut body = json!({"access_token": token, "token_type": "Bearer", "expires_in": lasts_s});
        match self {
            Vendor::MicrosoftV2 => body["ext_expires_in"] = lasts_s.into(),
            Vendor::MicrosoftV1 => {
                let text = |number: u64| Value::from(number.to_string());
                body["expires_in"] = text(lasts_s);
                body["ext_expires_in"] = text(lasts_s);
                body["expires_on"] = text(grant.now_s.saturating_add(lasts_s));
                body["not_before"] = text(grant.now_s);
                body["resource"] = form.resource.as_deref().unwrap_or_default().into();
            }
            Vendor::Salesforce => {
                let Base(base) = base;
                body["id"] = format!("{base}/{IDENTITY}").into();
                body["instance_url"] = base.into();
                body["issued_at"] = grant.now_s.saturating_mul(1000).to_string().into();
                body["scope"] = "api".into();
            }
            Vendor::Servicenow => body["scope"] = form.scope.as_deref().unwrap_or("useraccount").into(),
            Vendor::Zendesk => {
                body["token_type"] = "bearer".into();
                body["scope"] = form.scope.as_deref().unwrap_or("read").into();
            }
        }
        write(&body, Reply::json(200), out)
    }

    /// Writes why there is no token, as RFC 6749 5.2 has it, with the vendor's status.
    pub(super) fn refuse(self, fault: &Fault, out: &mut BytesMut) -> Reply {
        let (error, status) = match fault {
            Fault::Refused(refusal) => {
                return write(&described(word(refusal), fault), refusal.reply(), out);
            }
            Fault::Missing(_) => ("invalid_request", self.bad()),
            Fault::Grant => ("unsupported_grant_type", self.bad()),
            Fault::NoSecret => ("invalid_client", self.unknown()),
            Fault::Denied { denial, in_header } => match denial.status() {
                401 if *in_header => ("invalid_client", 401),
                401 => ("invalid_client", self.unknown()),
                _ if matches!(denial, Denial::Scope(_)) => ("unauthorized_client", self.bad()),
                status => ("unauthorized_client", status),
            },
        };
        write(&described(error, fault), Reply::json(status), out)
    }

    /// The status of what is wrong otherwise.
    fn bad(self) -> u16 {
        match self {
            Vendor::Servicenow => 401,
            _ => 400,
        }
    }

    /// The status for whoever is not known.
    fn unknown(self) -> u16 {
        match self {
            Vendor::Salesforce => 400,
            _ => 401,
        }
    }
}

fn word(refusal: &Refusal) -> &'static str {
    match refusal.status() {
        503 => "temporarily_unavailable",
        500 => "server_error",
        _ => "invalid_request",
    }
}

fn described(error: &str, fault: &Fault) -> Value {
    // The RFC allows no other characters.
    let text = fault.to_string().replace('…', "...").replace(['"', '\\'], "'");
    let text: String = text.chars().filter(char::is_ascii).collect();
    json!({"error": error, "error_description": text})
}

fn write(body: &Value, reply: Reply, out: &mut BytesMut) -> Reply {
    out.extend_from_slice(body.to_string().as_bytes());
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_their_vendors() {
        for (path, vendor) in [
            ("/common/oauth2/v2.0/token", Some(Vendor::MicrosoftV2)),
            ("/6c2d-11/oauth2/token", Some(Vendor::MicrosoftV1)),
            ("/services/oauth2/token", Some(Vendor::Salesforce)),
            ("/oauth_token.do", Some(Vendor::Servicenow)),
            ("/oauth/tokens", Some(Vendor::Zendesk)),
            ("/oauth2/token", None),
            ("/a/b/oauth2/token", None),
            ("/common/oauth2/v2.0/token/", None),
            ("/oauth/token", None),
            ("", None),
        ] {
            assert_eq!(Vendor::of(path), vendor, "{path}");
        }
    }

    #[test]
    fn a_base_is_nothing_but_a_host() {
        let base = |host: &str, more: &str, is_secure| {
            let mut request = Request::builder().header("host", host);
            if !more.is_empty() {
                request = request.header("x-forwarded-proto", more);
            }
            request
                .body(())
                .map(|request| Base::of(&request, is_secure).0)
                .ok()
        };
        let is = |base: Option<String>, expected: &str| assert_eq!(base.as_deref(), Some(expected));
        is(
            base("crm.example.com:8443", "", true),
            "https://crm.example.com:8443",
        );
        is(base("[::1]:7464", "", false), "http://[::1]:7464");
        is(base("crm.example.com", "HTTPS", false), "https://crm.example.com");
        is(base("crm.example.com/\"x", "", false), "http://localhost");
        is(base("user@evil", "", false), "http://localhost");
    }
}
