//! Who may see which page of the administration, and do what there.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::Method;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::http::request::Parts;

use crate::callers::trimmed;
use crate::http::access::{Access, Denial};
use crate::http::gate::Peer;

/// Pages that health checks, scrapes and people see without a key. They name no customer.
pub(super) const OPEN: [&str; 5] = ["/livez", "/readyz", "/electable", "/metrics", "/status"];
/// Pages of the pair that are read without a key too: by the other node, and by load balancers.
const OPEN_OF_PAIR: [&str; 2] = ["/role", "/active"];
/// The longest path in a line of the audit, in bytes.
const SHOWN: usize = 100;

/// Whoever is let in, for the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Visitor {
    /// The user who runs the service, or root: nobody else can open its socket.
    Socket,
    /// Whoever has this key.
    Key(Arc<str>),
    /// Whoever has no key, where none is needed.
    Anybody,
}

impl Visitor {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Visitor::Socket => "socket",
            Visitor::Key(name) => name,
            Visitor::Anybody => "anybody",
        }
    }
}

/// Who asks for the page that `head` names, if they may have it.
pub(super) fn check(access: &Access, peer: &Peer, head: &Parts) -> Result<Visitor, Denial> {
    if !peer.is_remote() {
        return Ok(Visitor::Socket);
    }
    if !access.admits(peer) {
        return Err(Denial::Source);
    }
    let is_post = head.method == Method::POST;
    let path = trimmed(head.uri.path());
    if !is_post && (OPEN.contains(&path) || OPEN_OF_PAIR.contains(&path)) {
        return Ok(Visitor::Anybody);
    }
    let query = head.uri.query().unwrap_or_default();
    let visitor = match access.check_admin(peer, query, &head.headers)? {
        Some(identity) => Visitor::Key(identity.name),
        // A page in a browser on this machine may have had its name lead here.
        None if !is_address(head) => return Err(Denial::Host),
        None => Visitor::Anybody,
    };
    // A form of another site's page can be posted without its asking; JSON cannot.
    if is_post && !is_json(head) {
        return Err(Denial::ContentType);
    }
    Ok(visitor)
}

/// Writes the one line that says who did what.
pub(super) fn audit(head: &Parts, peer: &Peer, visitor: Option<&Visitor>, status: u16) {
    let act: String = trimmed(head.uri.path()).chars().take(SHOWN).collect();
    let by = visitor.map_or("nobody", Visitor::as_str);
    tracing::info!(target: "ringside::audit", act, by, %peer, outcome = status, "act");
}

/// Whether the server was asked for by an address, by `localhost`, or by nothing.
fn is_address(head: &Parts) -> bool {
    let Some(host) = head.headers.get(HOST) else {
        return true;
    };
    let Ok(host) = host.to_str() else {
        return false;
    };
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

fn is_json(head: &Parts) -> bool {
    let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

    use hyper::Request;

    use super::*;

    fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn without_keys_a_machine_may_administer_itself_and_a_web_page_may_not() {
        let access = Access::default();
        let peer = Peer::at("127.0.0.1:9".parse().unwrap());
        let json = ("content-type", "application/json; charset=utf-8");
        for host in [
            "localhost:7465",
            "127.0.0.1:7465",
            "[::1]:7465",
            "[::1]",
            "LOCALHOST",
        ] {
            let head = head("POST", "/reload-keys", &[("host", host), json]);
            assert_eq!(check(&access, &peer, &head), Ok(Visitor::Anybody), "{host}");
        }
        for host in ["ringside.example", "127.0.0.1.example:7465", "", "[x]"] {
            let head = head("GET", "/explain", &[("host", host)]);
            assert_eq!(check(&access, &peer, &head), Err(Denial::Host), "{host}");
        }
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonp",
        ] {
            let head = head("POST", "/reload-keys", &[("content-type", kind)]);
            assert_eq!(check(&access, &peer, &head), Err(Denial::ContentType), "{kind}");
        }
        let open = head("GET", "//metrics", &[("host", "ringside.example")]);
        assert_eq!(check(&access, &peer, &open), Ok(Visitor::Anybody));
        let act = head("POST", "/reload-keys", &[]);
        assert_eq!(check(&access, &Peer::default(), &act), Ok(Visitor::Socket));
    }
}
