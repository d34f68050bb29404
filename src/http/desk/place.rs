//! The paths of rings, calls and desktops.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// What a path is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) enum Place<'p> {
    /// Where a phone system says what happens.
    Rings(Form),
    /// Something about a call, said by a phone system or by an agent.
    Call {
        /// The call.
        id: Cow<'p, str>,
        /// Who says it, where the path does.
        agent: Option<Cow<'p, str>>,
        what: OfCall,
    },
    /// Something of an agent's desktop.
    Agent { agent: Cow<'p, str>, what: OfAgent<'p> },
    /// The list of customers.
    Customers,
    /// Another system's page for a customer on an agent's desktop: Zendesk's.
    Display { agent: Cow<'p, str>, user: Cow<'p, str> },
}

/// How a phone system says what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Form {
    Native,
    Finesse,
    Sipgate,
    Curri,
}

/// Something about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum OfCall {
    Link,
    Events,
}

/// Something of an agent's desktop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) enum OfAgent<'p> {
    /// The stream, as SSE or as WebSocket.
    Events,
    /// The stream, as WebSocket.
    Socket,
    Ticket,
    Current,
    Ack,
    Desk,
    Session,
    Customers,
    Customer(Cow<'p, str>),
    /// A customer's older interactions.
    Older(Cow<'p, str>),
    /// What an agent did beside calls.
    Interactions,
}

impl<'p> Place<'p> {
    /// What `path`, with one slash at its start, is for; `None` where it is for something else.
    pub(in crate::http) fn of(path: &'p str) -> Option<Place<'p>> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut segments = path.strip_prefix('/')?.split('/');
        let first = segments.next()?;
        let rest: Vec<&'p str> = segments.by_ref().take(9).collect();
        let text = |segment: &'p str| percent_decode_str(segment).decode_utf8_lossy();
        Some(match (first, rest.as_slice()) {
            ("v1", ["rings"]) => Place::Rings(Form::Native),
            ("v1", ["rings", "finesse"]) => Place::Rings(Form::Finesse),
            ("v1", ["rings", "sipgate"]) => Place::Rings(Form::Sipgate),
            ("curri", []) => Place::Rings(Form::Curri),
            ("v1", ["customers"]) => Place::Customers,
            ("v1", ["calls", id, what]) => Place::Call {
                id: text(id),
                agent: None,
                what: OfCall::of(what)?,
            },
            ("v1", ["agents", agent, "calls", id, what]) => Place::Call {
                id: text(id),
                agent: Some(text(agent)),
                what: OfCall::of(what)?,
            },
            ("v1", ["agents", agent, rest @ ..]) => Place::Agent {
                agent: text(agent),
                what: match rest {
                    ["events"] => OfAgent::Events,
                    ["socket"] => OfAgent::Socket,
                    ["ticket"] => OfAgent::Ticket,
                    ["current"] => OfAgent::Current,
                    ["ack"] => OfAgent::Ack,
                    ["desk"] => OfAgent::Desk,
                    ["session"] => OfAgent::Session,
                    ["customers"] => OfAgent::Customers,
                    ["customers", id] => OfAgent::Customer(text(id)),
                    ["customers", id, "interactions"] => OfAgent::Older(text(id)),
                    ["interactions"] => OfAgent::Interactions,
                    _ => return None,
                },
            },
            (
                "api",
                [
                    "v2",
                    "channels",
                    "voice",
                    "agents",
                    agent,
                    "users",
                    user,
                    "display" | "display.json",
                ],
            ) => Place::Display {
                agent: text(agent),
                user: text(user),
            },
            _ => return None,
        })
    }
}

impl OfCall {
    fn of(segment: &str) -> Option<OfCall> {
        match segment {
            "link" => Some(OfCall::Link),
            "events" => Some(OfCall::Events),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_known_and_decoded() {
        let of = Place::of;
        assert_eq!(of("/v1/rings"), Some(Place::Rings(Form::Native)));
        assert_eq!(of("/v1/rings/"), Some(Place::Rings(Form::Native)));
        assert_eq!(of("/v1/rings/sipgate"), Some(Place::Rings(Form::Sipgate)));
        assert_eq!(of("/curri"), Some(Place::Rings(Form::Curri)));
        let call = |agent: Option<&'static str>| Place::Call {
            id: "a/b".into(),
            agent: agent.map(Cow::Borrowed),
            what: OfCall::Link,
        };
        assert_eq!(of("/v1/calls/a%2Fb/link"), Some(call(None)));
        assert_eq!(
            of("/v1/agents/10%2001/calls/a%2Fb/link"),
            Some(call(Some("10 01")))
        );
        let agent = |what| Place::Agent {
            agent: "1001".into(),
            what,
        };
        assert_eq!(of("/v1/agents/1001/events"), Some(agent(OfAgent::Events)));
        assert_eq!(
            of("/v1/agents/1001/customers/c-1/interactions"),
            Some(agent(OfAgent::Older("c-1".into())))
        );
        for path in [
            "",
            "/",
            "/v1",
            "/v1/lookup",
            "/v1/customers/c-1",
            "/v1/calls/7",
            "/v1/agents/7",
            "/v1/agents/7/x",
        ] {
            assert_eq!(of(path), None, "{path}");
        }
    }
}
