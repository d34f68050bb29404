//! From a request to whoever answers it: who may ask, the body, and the path.

use std::sync::Arc;

use bytes::BytesMut;
use hyper::body::Incoming;
use hyper::header::{HeaderValue, WWW_AUTHENTICATE};
use hyper::{Request, Response};

use super::fault::Fault;
use super::listening::Opening;
use super::place::{Form, OfAgent, Place};
use super::refused::Refused;
use super::standing::{Holder, Standing};
use super::viewer::{Listener, Viewer};
use super::{Desk, Rights, agent, calls, customers, display, handshake, rings, socket, sse};
use crate::callers::{Call, Refusal, Reply, Spoken, trimmed};
use crate::http::access::{Denial, Need};
use crate::http::asked::Asked;
use crate::http::bodies::Lost;
use crate::http::deadline::Watch;
use crate::http::gate::Peer;
use crate::http::meters::{Cut, Overload};
use crate::http::service::{Shared, deny, refuse};
use crate::http::settings::Policy;
use crate::http::shadow::Outgoing;

/// The longest name of a tab, in bytes.
const TAB_MAX: usize = 256;

/// Answers `request`, whose path is one of rings, calls and desktops.
pub(in crate::http) async fn answer(
    shared: Arc<Shared>,
    policy: Arc<Policy>,
    desk: Desk,
    peer: Peer,
    request: Request<Incoming>,
    watch: Arc<Watch>,
) -> Response<Outgoing> {
    let (head, body) = request.into_parts();
    let request = Request::from_parts(head, ());
    let asked = Asked::of(&policy, &peer, &request);
    let path = request.uri().path().to_owned();
    let mut out = BytesMut::new();
    let (dialect, call) = (asked.dialect, asked.call());
    let refused = |refusal: &Refusal, out: &mut BytesMut| refuse(dialect, &call, refusal, out);
    let Some(place) = Place::of(trimmed(&path)) else {
        let reply = refused(&crate::http::service::NO_SUCH_PATH, &mut out);
        return shared.respond(&reply, &mut out);
    };
    let checked = shared.heads.check(&asked.head);
    let holder = match (checked, shared.holder(&policy, &desk, &peer, &asked, &place)) {
        (Err(refusal), _) => {
            watch.set_unread(true);
            let reply = refused(&refusal, &mut out);
            return shared.respond(&reply, &mut out);
        }
        (Ok(()), Err(denial)) => {
            let body = shared.bodies.glance(body, 16 << 10).await;
            watch.set_unread(body.is_none());
            let call = Call {
                body: body.as_deref().unwrap_or_default(),
                ..asked.call()
            };
            let reply = deny(dialect, &call, &denial, &mut out);
            let mut response = shared.respond(&reply, &mut out);
            if matches!(place, Place::Agent { .. }) && response.headers().contains_key(WWW_AUTHENTICATE) {
                // At `Basic` a browser puts up a window of its own; the page asks for the key by itself.
                let bearer = HeaderValue::from_static("Bearer realm=\"ringside\"");
                response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
            }
            return response;
        }
        (Ok(()), Ok(holder)) => holder,
    };
    let Some(spoken) = dialect else {
        watch.set_unread(true);
        let reply = refused(&crate::http::service::NO_SUCH_PATH, &mut out);
        return shared.respond(&reply, &mut out);
    };
    if !spoken.is_on() {
        watch.set_unread(true);
        let reply = refused(&Refusal::Off, &mut out);
        return shared.respond(&reply, &mut out);
    }
    // A lookup that is late is of no use to whoever asked; a ring that is refused is never told again.
    let may_be_late =
        matches!(place, Place::Rings(form) if form != Form::Curri) || matches!(place, Place::Call { .. });
    if !may_be_late && shared.pulse.is_late(spoken.budget()) {
        watch.set_unread(true);
        shared.meters.overload(Overload::Busy);
        let reply = spoken.overloaded(&call, &mut out);
        return shared.respond(&reply, &mut out);
    }
    // Browsers let any page post to anywhere; what is no browser names no origin.
    if !call.is_get() && !handshake::is_of_ours(request.headers(), call.is_secure, &desk.origins()) {
        watch.set_unread(true);
        let response = Fault::Origin.response();
        shared.meters.count(response.status().as_u16());
        return response;
    }
    if let Place::Agent {
        agent: who,
        what: OfAgent::Events | OfAgent::Socket,
    } = &place
        && call.is_get()
        && agent::agent(who).is_ok()
    {
        let source = spoken.source();
        let viewer = Viewer::new(
            &desk,
            source,
            who,
            holder.rights,
            parameter(call.query, "profile").as_deref(),
        );
        let (agent, after) = (
            Arc::clone(&viewer.agent),
            sse::last_event_id(request.headers(), call.query),
        );
        let tab = parameter(call.query, "tab").filter(|tab| tab.len() <= TAB_MAX);
        let standing = Standing {
            shared: Arc::clone(&shared),
            peer: peer.clone(),
            agent: Arc::clone(&agent),
            holder,
            policy: Arc::clone(&policy),
        };
        let opening = Opening {
            desks: desk.pops.desks(),
            agent: &agent,
            tab: tab.as_deref(),
            after,
            render: Box::new(Listener { viewer, standing }),
            watch: &watch,
            meters: &shared.meters,
        };
        let is_socket = handshake::is_asked_for(request.headers())
            || matches!(
                place,
                Place::Agent {
                    what: OfAgent::Socket,
                    ..
                }
            );
        let begun = if is_socket {
            let (headers, is_secure, origins) = (request.headers().clone(), call.is_secure, desk.origins());
            let upgrade = hyper::upgrade::on(request);
            socket::open(&headers, is_secure, &origins, upgrade, opening)
        } else {
            sse::open(opening)
        };
        let response = begun.unwrap_or_else(Fault::response);
        shared.meters.count(response.status().as_u16());
        return response;
    }
    let body = match shared.bodies.read(body).await {
        Ok(body) => body,
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
            let reply = refused(&refusal, &mut out);
            return shared.respond(&reply, &mut out);
        }
    };
    let call = Call {
        body: body.bytes(),
        ..asked.call()
    };
    let reply = match route(&desk, spoken, &holder, &place, &call, &mut out).await {
        Ok(reply) => reply,
        // A dialect's caller reads its own shape of errors.
        Err(Refused::Refusal(refusal)) => {
            out.clear();
            spoken.refuse(&call, &refusal, &mut out)
        }
        Err(wrong) => wrong.write(&mut out),
    };
    shared.respond(&reply, &mut out)
}

async fn route(
    desk: &Desk,
    spoken: &Spoken,
    holder: &Holder,
    place: &Place<'_>,
    call: &Call<'_>,
    out: &mut BytesMut,
) -> Result<Reply, Refused> {
    let source = spoken.source();
    match place {
        Place::Rings(form) => rings::answer(desk, spoken, *form, holder.rights, call, out).await,
        Place::Call { id, agent, what } => {
            calls::answer(desk, source, id, agent.as_deref(), *what, call, out).await
        }
        Place::Customers => customers::list(spoken, call, out).await,
        Place::Display { agent, user } => display::answer(desk, spoken, agent, user, call, out).await,
        Place::Agent { agent: who, what } => {
            agent::agent(who)?;
            let profile = parameter(call.query, "profile");
            let viewer = Viewer::new(desk, source, who, holder.rights, profile.as_deref());
            match what {
                OfAgent::Current => agent::current(&viewer, call, out),
                OfAgent::Ack => agent::acknowledge(&viewer, call, out),
                OfAgent::Desk => agent::desk(&viewer, call, out),
                OfAgent::Session => agent::session(&viewer, call, out).await,
                OfAgent::Ticket => agent::ticket(&viewer, holder, call, out),
                OfAgent::Customers if call.method == "POST" => customers::create(&viewer, call, out).await,
                OfAgent::Customers if !call.is_get() => Err(Refusal::Method {
                    allow: "GET, HEAD, POST",
                }
                .into()),
                OfAgent::Customers => customers::of_desk(&viewer, spoken, call, out).await,
                OfAgent::Customer(id) => customers::one(&viewer, id, call, out),
                OfAgent::Older(id) => customers::older(&viewer, id, call, out).await,
                OfAgent::Interactions => customers::note(&viewer, call, out).await,
                OfAgent::Events | OfAgent::Socket => Err(Refusal::Method { allow: "GET" }.into()),
            }
        }
    }
}

/// The value of the parameter `name` in `query`.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let found = pairs.find(|(known, _)| known == name);
    found
        .map(|(_, value)| value.into_owned())
        .filter(|value| !value.is_empty())
}

impl Shared {
    /// By what right whoever asks does, if they may; a ticket opens the stream of its agent.
    fn holder(
        &self,
        policy: &Policy,
        desk: &Desk,
        peer: &Peer,
        asked: &Asked<'_>,
        place: &Place<'_>,
    ) -> Result<Holder, Denial> {
        if let Place::Agent {
            agent,
            what: OfAgent::Events | OfAgent::Socket,
        } = place
            && policy.access.admits(peer)
            && policy.access.scopes.covers(&Need::Desktop(agent.to_string()))
            && let Some(ticket) = parameter(asked.head.query, "ticket")
            && let Some(holder) = desk.tickets.redeem(agent, &ticket)
        {
            return Ok(holder);
        }
        let head = &asked.head;
        let checked = policy
            .access
            .check_route(peer, asked.route.as_ref(), head.query, head.offered);
        match checked {
            Ok(identity) => Ok(Holder {
                rights: Rights {
                    ring: policy.access.scopes.covers(&Need::Ring)
                        && identity.as_ref().is_none_or(|identity| identity.may(&Need::Ring)),
                    sensitive: identity
                        .as_ref()
                        .is_some_and(|identity| identity.may(&Need::Sensitive)),
                },
                name: identity.map(|identity| identity.name),
            }),
            Err(denial) => {
                self.meters.denials.note(&denial, peer, None);
                Err(denial)
            }
        }
    }
}
