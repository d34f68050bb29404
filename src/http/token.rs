//! Where a connector that was made for a CRM logs in: the token endpoints of OAuth 2.0, each at its vendor's path.
//!
//! The access token that is given back is the key that was shown, so that there is nothing to keep, to revoke or to share
//! between nodes: see `docs/decisions/0021-the-access-token-is-the-key.md`. Invariants: a secret is read from the body or
//! from `Authorization`, never from the URL; neither it nor the token is logged.

mod form;
mod grant;
mod vendor;

use std::sync::Arc;

use bytes::BytesMut;
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::{Method, Request, Response};

use super::access::{Access, Credential, Denial, Shown};
use super::bodies::Lost;
use super::deadline::Watch;
use super::gate::Peer;
use super::head::Head;
use super::meters::{Cut, Overload};
use super::service::Shared;
use super::settings::Policy;
use super::shadow::Outgoing;
use crate::callers::{Refusal, Reply, Spoken};
use form::Form;
use vendor::Base;

pub(super) use vendor::Vendor;

/// The grants that are given, for people.
const GRANTS: &str = "client_credentials, or password with a key as the password or the client secret";

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
enum Fault {
    /// It cannot be read, or has not come.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A member that has to be there is not.
    #[error("expected `{0}` in the body, as a form or as JSON, found none; add it")]
    Missing(&'static str),
    /// Another grant.
    #[error("grant_type: expected {GRANTS}, found another; log in with client_credentials")]
    Grant,
    /// Nothing to log in with.
    #[error(
        "expected a key of this server as client_secret, in the body or as the password of Basic, found none; make one \
         with ringside key add NAME --scope lookup"
    )]
    NoSecret,
    /// Who asks may not.
    #[error("{}", denial.to_string())]
    Denied {
        /// Why.
        denial: Denial,
        /// Whether the secret stood in `Authorization`.
        in_header: bool,
    },
}

/// Answers `request`, whose path is the token endpoint of `vendor`.
pub(super) async fn answer(
    shared: Arc<Shared>,
    policy: Arc<Policy>,
    peer: Peer,
    vendor: Vendor,
    request: Request<Incoming>,
    watch: Arc<Watch>,
) -> Response<Outgoing> {
    let mut out = BytesMut::new();
    let (head, body) = request.into_parts();
    let request = Request::from_parts(head, ());
    let refuse = |fault: Fault, out: &mut BytesMut| vendor.refuse(&fault, out);
    let reply = if let Err(refusal) = shared.heads.check(&Head::of(&request)) {
        watch.set_unread(true);
        refuse(refusal.into(), &mut out)
    } else if shared.pulse.is_late(None) {
        watch.set_unread(true);
        shared.meters.overload(Overload::Busy);
        refuse(Refusal::Overload.into(), &mut out)
    } else {
        match shared.bodies.read(body).await {
            Ok(body) => match log_in(&policy, &peer, vendor, &request, body.bytes(), &mut out) {
                Ok(reply) => reply,
                Err(fault) => {
                    if let Fault::Denied { denial, .. } = &fault {
                        shared.meters.denials.note(denial, &peer, None);
                    }
                    refuse(fault, &mut out)
                }
            },
            Err(lost) => {
                watch.set_unread(true);
                let refusal = match lost {
                    Lost::Refused(refusal) => refusal,
                    Lost::Late(refusal) => {
                        shared.meters.cut(Cut::Body);
                        refusal
                    }
                    Lost::NoRoom => {
                        shared.meters.overload(Overload::Bodies);
                        Refusal::Overload
                    }
                };
                refuse(refusal.into(), &mut out)
            }
        }
    };
    shared.respond(&reply, &mut out)
}

/// Writes the token that `request` with `body` is given.
fn log_in(
    policy: &Policy,
    peer: &Peer,
    vendor: Vendor,
    request: &Request<()>,
    body: &[u8],
    out: &mut BytesMut,
) -> Result<Reply, Fault> {
    if request.method() != Method::POST {
        return Err(Refusal::Method { allow: "POST" }.into());
    }
    if !policy.speakers.get(vendor.dialect()).is_some_and(Spoken::is_on) {
        return Err(Refusal::Off.into());
    }
    let form = Form::read(body)?;
    match form.grant_type.as_deref() {
        None | Some("") => return Err(Fault::Missing("grant_type")),
        Some("client_credentials" | "password") => {}
        Some(_) => return Err(Fault::Grant),
    }
    let in_header = request.headers().contains_key(AUTHORIZATION);
    let secrets = secrets(&form, request);
    if secrets.is_empty() {
        return Err(Fault::NoSecret);
    }
    let access: &Access = &policy.access;
    let grant = access
        .grant(peer, vendor.dialect(), &secrets)
        .map_err(|denial| Fault::Denied { denial, in_header })?;
    let is_secure = policy.tls.is_some() && peer.is_remote();
    let base = Base::of(request, is_secure);
    Ok(vendor.give(&grant, &form, base, out))
}

/// Whatever may be a key, in the order in which callers mean it.
fn secrets(form: &Form, request: &Request<()>) -> Vec<Shown> {
    let mut secrets = Vec::new();
    let mut add = |bytes: &[u8]| {
        if !bytes.is_empty() {
            secrets.push(Shown::new(bytes));
        }
    };
    if let Credential::Key(shown) = Credential::read(request.headers(), "", false) {
        add(shown.as_bytes());
        // RFC 6749 has name and password encoded as a form's before they become Basic; most clients do not.
        if shown.as_bytes().contains(&b'%') {
            add(&percent_encoding::percent_decode(shown.as_bytes()).collect::<Vec<u8>>());
        }
    }
    for text in [&form.client_secret, &form.password].into_iter().flatten() {
        add(text.as_bytes());
    }
    secrets
}
