//! The body of a response: whole, as nearly all of them are, an upstream's that is passed on as it comes, or what a
//! desktop is told for as long as it listens.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::upstream::Place;
use crate::http::desk::{Events, Socket};

/// A response's body.
#[derive(Debug)]
pub(in crate::http) enum Outgoing {
    /// All of it.
    Whole(Full<Bytes>),
    /// What comes.
    Passed(Box<Passed>),
    /// What happens.
    Events(Box<Events>),
    /// Nothing: the connection becomes this. `None` once somebody has taken it.
    Socket(Option<Box<Socket>>),
}

/// The beginning of an upstream's answer, and what is to come of it.
#[derive(Debug)]
pub(in crate::http) struct Passed {
    first: Option<Bytes>,
    rest: Incoming,
    /// Each piece has so long to come.
    within: Duration,
    late: Pin<Box<Sleep>>,
    _place: Place,
}

impl Outgoing {
    pub(super) fn passed(first: Bytes, rest: Incoming, within: Duration, place: Place) -> Outgoing {
        Outgoing::Passed(Box::new(Passed {
            first: Some(first),
            rest,
            within,
            late: Box::pin(tokio::time::sleep(within)),
            _place: place,
        }))
    }

    /// What the connection becomes, where it does.
    pub(in crate::http) fn take_socket(&mut self) -> Option<Box<Socket>> {
        match self {
            Outgoing::Socket(socket) => socket.take(),
            Outgoing::Whole(_) | Outgoing::Passed(_) | Outgoing::Events(_) => None,
        }
    }
}

impl From<Bytes> for Outgoing {
    fn from(bytes: Bytes) -> Outgoing {
        Outgoing::Whole(Full::new(bytes))
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Outgoing::Whole(whole) => match ready!(Pin::new(whole).poll_frame(context)) {
                Some(Ok(frame)) => Poll::Ready(Some(Ok(frame))),
                Some(Err(never)) => match never {},
                None => Poll::Ready(None),
            },
            Outgoing::Passed(passed) => passed.poll(context),
            Outgoing::Events(events) => events.poll(context).map(|some| some.map(Frame::data).map(Ok)),
            Outgoing::Socket(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Outgoing::Whole(whole) => whole.is_end_stream(),
            Outgoing::Passed(passed) => passed.first.is_none() && passed.rest.is_end_stream(),
            Outgoing::Events(_) => false,
            Outgoing::Socket(_) => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Outgoing::Whole(whole) => whole.size_hint(),
            Outgoing::Passed(passed) => {
                let first = passed.first.as_ref().map_or(0, |first| first.len() as u64);
                let rest = passed.rest.size_hint();
                match rest.exact() {
                    Some(rest) => SizeHint::with_exact(first + rest),
                    None => SizeHint::default(),
                }
            }
            Outgoing::Events(_) => SizeHint::default(),
            Outgoing::Socket(_) => SizeHint::with_exact(0),
        }
    }
}

impl Passed {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(first) = self.first.take() {
            let late = Instant::now() + self.within;
            self.late.as_mut().reset(late);
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        match Pin::new(&mut self.rest).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let late = Instant::now() + self.within;
                self.late.as_mut().reset(late);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(io::Error::other(error)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                ready!(self.late.as_mut().poll(context));
                Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())))
            }
        }
    }
}
