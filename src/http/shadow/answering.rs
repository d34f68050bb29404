//! A request of a listener in shadow mode: who answers it, and what becomes of the other side's answer.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use hyper::http::response::Parts;
use hyper::{Method, Request, Response, StatusCode, Uri};

use super::outgoing::Outgoing;
use super::report::Noted;
use super::sides::{About, Side};
use super::upstream::{Answered, Failure, Place, Question};
use super::{Shadow, hops};
use crate::callers::compare::{self, Cause, Compared};
use crate::callers::{Call, Dialect, Refusal, Reply, Route, Tap, Tapped, trimmed};
use crate::http::asked::Asked;
use crate::http::bodies::Lost;
use crate::http::deadline::Watch;
use crate::http::gate::Peer;
use crate::http::head::Head;
use crate::http::meters::Cut;
use crate::http::service::{NO_SUCH_PATH, Shared, deny, refuse};
use crate::http::settings::Policy;

/// Comparisons of one listener that wait or are under way; what comes beyond is counted and not compared.
const COMPARING_MAX: usize = 64;
/// The longest answer that is compared, in bytes, decompressed.
const COMPARED_MAX: u64 = 4 << 20;

/// A request, taken apart, and under which rules it is answered.
struct Asking {
    policy: Arc<Policy>,
    shadow: Shadow,
    dialect: Dialect,
    peer: Peer,
    head: Request<()>,
    body: Bytes,
}

/// Ringside's own answer.
struct Own {
    reply: Reply,
    body: Bytes,
    told: Tapped,
    took: Duration,
}

/// What came of the upstream, for the comparison.
enum Theirs {
    Answer {
        status: u16,
        content_type: String,
        encoding: String,
        body: Bytes,
    },
    /// There is nothing to compare.
    Nothing(Cause),
}

impl Shared {
    /// Answers `request`, a lookup in `dialect`, in shadow mode.
    pub(in crate::http) async fn shadowed(
        self: Arc<Shared>,
        policy: Arc<Policy>,
        shadow: Shadow,
        dialect: Dialect,
        peer: Peer,
        request: Request<Incoming>,
        watch: Arc<Watch>,
    ) -> Response<Outgoing> {
        let fits = self.heads.check(&Head::of(&request));
        let (head, body) = request.into_parts();
        let mut asking = Asking {
            policy,
            shadow,
            dialect,
            peer,
            head: Request::from_parts(head, ()),
            body: Bytes::new(),
        };
        if let Err(refusal) = fits {
            watch.set_unread(true);
            return self.refused(&asking, &refusal);
        }
        let path = trimmed(asking.head.uri().path());
        if let Err(denial) = asking.policy.access.check_place(&asking.peer, dialect) {
            self.meters.denials.note(&denial, &asking.peer, None);
            watch.set_unread(true);
            return self.say(&asking, |spoken, call, out| deny(spoken, call, &denial, out));
        }
        if hops::climbs(path) {
            watch.set_unread(true);
            return self.refused(&asking, &NO_SUCH_PATH);
        }
        // Held until the answer is there: what is forwarded is in memory as any other body is.
        let read = self.bodies.read(body).await;
        match &read {
            Ok(whole) => asking.body = Bytes::copy_from_slice(whole.bytes()),
            Err(lost) => {
                watch.set_unread(true);
                let refusal = match lost {
                    Lost::Refused(refusal) => refusal,
                    Lost::Late(refusal) => {
                        self.meters.cut(Cut::Body);
                        refusal
                    }
                    Lost::NoRoom => &Refusal::Overload,
                };
                return self.refused(&asking, refusal);
            }
        }
        if hops::is_loop(asking.head.headers()) {
            return self.refused(&asking, &LOOP);
        }
        let own = match asking.decide() {
            (Side::Ringside, Some(own)) => {
                asking.shadow.meters.answers(Side::Ringside);
                return self.respond(&own.reply, &mut BytesMut::from(own.body));
            }
            (_, own) => own,
        };
        asking.shadow.meters.answers(Side::Upstream);
        self.forwarded(asking, own).await
    }

    /// The upstream's answer to `asking`; Ringside's `own`, where it is known already, is compared with it afterwards.
    async fn forwarded(&self, asking: Asking, own: Option<Own>) -> Response<Outgoing> {
        let (state, upstream) = (&asking.shadow.state, &asking.shadow.upstream);
        let begun = Instant::now();
        let place = Place::take(&state.waiting, upstream.in_flight_max);
        let asked = match (&place, asking.question()) {
            (None, _) => Err(Failure::Busy),
            (_, None) => Err(Failure::Broken),
            (Some(_), Some(question)) => self.upstream.ask(upstream, &question).await,
        };
        let took = begun.elapsed();
        let own = match &asked {
            Ok(answered) => asking.judged(answered.head(), own),
            Err(_) => own,
        };
        let (response, theirs) = match (asked, place) {
            (Ok(Answered::Whole(head, body)), _) => {
                let theirs = Theirs::of(&head, &body);
                (self.passed(&asking, head, body.into()), theirs)
            }
            (Ok(Answered::Long(head, first, rest)), Some(place)) => {
                let body = Outgoing::passed(first, rest, upstream.timeout, place);
                (
                    self.passed(&asking, head, body),
                    Theirs::Nothing(Cause::NotCompared),
                )
            }
            (Ok(Answered::Long(..)), None) => (
                self.refused(&asking, &BROKEN),
                Theirs::Nothing(Cause::UpstreamError),
            ),
            (Err(failure), _) => {
                let (refusal, cause) = failure.told();
                (self.refused(&asking, refusal), Theirs::Nothing(cause))
            }
        };
        asking.compare_later(own, theirs, took);
        response
    }

    fn passed(&self, asking: &Asking, head: Parts, body: Outgoing) -> Response<Outgoing> {
        self.meters.count(head.status.as_u16());
        let mut headers = hops::passed(&head.headers);
        // The answer to HEAD has none, whatever its length says; any other's is that of the body.
        if asking.head.method() != Method::HEAD {
            headers.remove(CONTENT_LENGTH);
        }
        let mut response = Response::new(body);
        *response.status_mut() = head.status;
        *response.headers_mut() = headers;
        response
    }

    fn refused(&self, asking: &Asking, refusal: &Refusal) -> Response<Outgoing> {
        self.say(asking, |spoken, call, out| refuse(spoken, call, refusal, out))
    }

    /// An answer of ours, in the shape that the caller reads.
    fn say(
        &self,
        asking: &Asking,
        write: impl FnOnce(Option<&crate::callers::Spoken>, &Call<'_>, &mut BytesMut) -> Reply,
    ) -> Response<Outgoing> {
        let asked = Asked::of(&asking.policy, &asking.peer, &asking.head);
        let call = Call {
            body: &asking.body,
            ..asked.call()
        };
        let mut out = BytesMut::new();
        let reply = write(asked.dialect, &call, &mut out);
        self.respond(&reply, &mut out)
    }
}

const LOOP: Refusal = Refusal::Upstream {
    status: 508,
    code: "upstream_loop",
    found: "this service itself (listener.NAME.shadow.upstream leads here)",
};
const BROKEN: Refusal = Refusal::Upstream {
    status: 502,
    code: "upstream_failed",
    found: "none",
};
const LATE: Refusal = Refusal::Upstream {
    status: 504,
    code: "upstream_late",
    found: "none in time",
};
const BUSY: Refusal = Refusal::Upstream {
    status: 503,
    code: "upstream_busy",
    found: "as many requests waiting for it as may",
};

impl Failure {
    /// What the caller is told, and what is counted.
    fn told(self) -> (&'static Refusal, Cause) {
        match self {
            Failure::Unreachable | Failure::Broken => (&BROKEN, Cause::UpstreamError),
            Failure::Late => (&LATE, Cause::UpstreamTimeout),
            Failure::Busy => (&BUSY, Cause::Overload),
        }
    }
}

impl Answered {
    fn head(&self) -> &Parts {
        match self {
            Answered::Whole(head, _) | Answered::Long(head, ..) => head,
        }
    }
}

impl Asking {
    /// Who answers, and Ringside's own answer where it had to be made to know that.
    fn decide(&self) -> (Side, Option<Own>) {
        if !self.is_question() {
            return (Side::Upstream, None);
        }
        let state = &self.shadow.state;
        let sides = state.sides.load();
        // Nothing is looked at that does not have to be. Who has answered somebody has given out ids.
        if sides.is_off() && !state.has_answered.load(Ordering::Relaxed) {
            return (Side::Upstream, None);
        }
        let Some(own) = self.own() else {
            return (Side::Upstream, None);
        };
        let about = match (own.told.number, own.told.gave) {
            (Some(number), _) => About::Number(number),
            (None, Some(true)) => About::OurId,
            (None, None) if own.told.is_lookup || !self.dialect.is_crm() => About::Nobody,
            // An id of the upstream's, or a query that it alone can answer.
            (None, _) => About::OtherId,
        };
        match sides.side(about, own.told.dialled) {
            Side::Ringside if self.may(about) => {
                state.has_answered.store(true, Ordering::Relaxed);
                (Side::Ringside, Some(own))
            }
            // The upstream judges whoever is unknown here, and its word counts from the next request on.
            _ => (Side::Upstream, Some(own)),
        }
    }

    /// Takes the upstream's word on whoever asks, from the head of its answer; gives back Ringside's `own` answer, where it
    /// was needed for that.
    ///
    /// Its word counts where it has answered a question that Ringside would have answered, in the same dialect. There is
    /// much else that servers answer to anybody, whatever is shown: `OPTIONS`, lists of versions, pages to sign in at.
    fn judged(&self, head: &Parts, own: Option<Own>) -> Option<Own> {
        let credentials = &self.shadow.state.credentials;
        let Some(shown) = credentials.shown(self.dialect, self.head.headers()) else {
            return own;
        };
        if head.status == StatusCode::UNAUTHORIZED {
            credentials.forget(shown);
            return own;
        }
        if !head.status.is_success() || !self.asks() {
            return own;
        }
        let own = own.or_else(|| self.own());
        let kind = kind(&text(&head.headers, CONTENT_TYPE));
        let is_alike = |own: &Own| kind.is_some() && kind == self::kind(own.reply.content_type);
        if own
            .as_ref()
            .is_some_and(|own| own.is_of_somebody() && is_alike(own))
        {
            credentials.accept(shown, Instant::now());
        }
        own
    }

    /// Whether it is a question. Other methods ask nothing: they change what the upstream has, or see whether it is there.
    fn asks(&self) -> bool {
        self.is_question() && matches!(*self.head.method(), Method::GET | Method::POST)
    }

    /// Whether it asks for anybody: whoever logs in does not.
    fn is_question(&self) -> bool {
        Route::of(trimmed(self.head.uri().path())).is_some()
    }

    /// Whether Ringside may answer whoever asks.
    fn may(&self, about: About) -> bool {
        let (uri, headers) = (self.head.uri(), self.head.headers());
        let query = uri.query().unwrap_or_default();
        let access = &self.policy.access;
        if access
            .check(&self.peer, trimmed(uri.path()), query, headers)
            .is_ok()
        {
            return true;
        }
        let credentials = &self.shadow.state.credentials;
        let shown = credentials.shown(self.dialect, headers);
        shown.is_some_and(|shown| credentials.knows(shown, Instant::now(), about == About::OurId))
    }

    /// Ringside's own answer.
    fn own(&self) -> Option<Own> {
        let begun = Instant::now();
        let tap = Arc::new(Tap::default());
        let mut out = BytesMut::new();
        let asked = Asked::of(&self.policy, &self.peer, &self.head);
        let call = Call {
            body: &self.body,
            ..asked.call()
        };
        let reply = asked.dialect?.answer_tapped(&call, &mut out, &tap)?;
        Some(Own {
            reply,
            body: out.freeze(),
            told: tap.told(),
            took: begun.elapsed(),
        })
    }

    /// What the upstream is asked: the same, but for what is of this connection.
    fn question(&self) -> Option<Question> {
        let uri = self.head.uri();
        let target = match uri.query() {
            None => uri.path().to_owned(),
            Some(query) => match hops::without_our_key(query) {
                Some(query) => format!("{}?{query}", uri.path()),
                None => format!("{}?{query}", uri.path()),
            },
        };
        Some(Question {
            method: self.head.method().clone(),
            // Never the authority of a target: there is one upstream.
            target: Uri::builder().path_and_query(target).build().ok()?,
            headers: hops::forwarded(self.head.headers(), &self.shadow.upstream.authority),
            body: self.body.clone(),
        })
    }

    /// Compares once the caller's answer has been written, on another thread: a worker is there for callers.
    fn compare_later(self, own: Option<Own>, theirs: Theirs, upstream: Duration) {
        if !self.asks() {
            return;
        }
        let Some(place) = Place::take(&self.shadow.state.comparing, COMPARING_MAX) else {
            let cause = match theirs {
                Theirs::Nothing(cause) => cause,
                Theirs::Answer { .. } => Cause::NotCompared,
            };
            return self.note(own.as_ref(), cause.into(), upstream);
        };
        tokio::spawn(async move {
            // The task that writes the answer is ahead of this one.
            tokio::task::yield_now().await;
            let compared = tokio::task::spawn_blocking(move || {
                let own = own.or_else(|| self.own());
                let compared = self.compared(own.as_ref(), theirs);
                self.note(own.as_ref(), compared, upstream);
                drop(place);
            });
            let _ended = compared.await;
        });
    }

    fn compared(&self, own: Option<&Own>, theirs: Theirs) -> Compared {
        let (theirs, own) = match (theirs, own) {
            (Theirs::Nothing(cause), _) => return cause.into(),
            (Theirs::Answer { .. }, None) => return Cause::Unsupported.into(),
            (theirs, Some(own)) => (theirs, own),
        };
        let Some((status, content_type, body)) = theirs.decompressed() else {
            return Cause::Unreadable.into();
        };
        let asked = match own.told.gave {
            None => compare::Asked::Customer,
            Some(_) => compare::Asked::Cases,
        };
        compare::compare(
            asked,
            &compare::Side {
                status,
                content_type: &content_type,
                body: &body,
            },
            &compare::Side {
                status: own.reply.status,
                content_type: own.reply.content_type,
                body: &own.body,
            },
            own.told.standing,
            |id| crate::callers::is_our_id(self.dialect, id),
        )
    }

    fn note(&self, own: Option<&Own>, compared: Compared, upstream: Duration) {
        self.shadow.note(Noted {
            dialect: self.dialect.name(),
            ani: own.and_then(|own| own.told.ani.as_ref().map(|ani| ani.expose().clone())),
            compared,
            upstream,
            own: own.map_or(Duration::ZERO, |own| own.took),
            is_known: own.is_some_and(|own| own.told.is_found),
        });
    }
}

impl Own {
    /// Whether it answers a question about somebody, or nobody, and was not refused.
    fn is_of_somebody(&self) -> bool {
        self.reply.status < 400 && (self.told.is_lookup || self.told.gave.is_some())
    }
}

impl Theirs {
    fn of(head: &Parts, body: &Bytes) -> Theirs {
        let text = |name| text(&head.headers, name);
        Theirs::Answer {
            status: head.status.as_u16(),
            content_type: text(CONTENT_TYPE),
            encoding: text(CONTENT_ENCODING),
            body: body.clone(),
        }
    }

    /// Status, content type and body as they are compared; `None` where the body cannot be read.
    fn decompressed(self) -> Option<(u16, String, Bytes)> {
        let Theirs::Answer {
            status,
            content_type,
            encoding,
            body,
        } = self
        else {
            return None;
        };
        let mut whole = Vec::new();
        let read = match encoding.to_ascii_lowercase().as_str() {
            "" | "identity" => return Some((status, content_type, body)),
            "gzip" | "x-gzip" => MultiGzDecoder::new(&*body)
                .take(COMPARED_MAX)
                .read_to_end(&mut whole),
            "deflate" => ZlibDecoder::new(&*body)
                .take(COMPARED_MAX)
                .read_to_end(&mut whole),
            _ => return None,
        };
        read.ok()?;
        Some((status, content_type, whole.into()))
    }
}

/// What kind of answer a content type is of; `None` for pages and for whatever no dialect has.
fn kind(content_type: &str) -> Option<&'static str> {
    let content_type = content_type.to_ascii_lowercase();
    let mut kinds = ["html", "json", "xml", "text/plain"].into_iter();
    kinds
        .find(|kind| content_type.contains(kind))
        .filter(|kind| *kind != "html")
}

fn text(headers: &HeaderMap, name: hyper::header::HeaderName) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}
