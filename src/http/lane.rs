//! The lane: how nearly every request is answered, without hyper.
//!
//! A lookup is a short head without a body, and its answer is ready as soon as it is read. For that a server needs a
//! parser of heads, which hyper's own (`httparse`) is, one buffer to read into and one to write from, and no future for
//! each request. The lane takes the requests that it knows for certain to be such, and hands the connection to hyper,
//! with all that was read and not answered, at the first one that is anything else: another method or version, a body, a
//! header that asks something of the connection, a byte in the target that no URL holds, a path that waits for
//! something, the server's end, a hand-over. What hyper then says is what callers are told: the lane refuses nothing by itself.
//!
//! Invariants: requests of one connection are answered in their order; nothing is read while an answer waits to be
//! written, so that what a connection holds is bounded by one answer and what one look has read; buffers are the worker's,
//! and a connection has memory of its own only while it holds half a head or half an answer; after sixteen answers in a row
//! it is another connection's turn.

mod desk;
mod parse;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use super::deadline::{Phase, Watch};
use super::ending::Ending;
use super::head::Head;
use crate::callers::Reply;
use bytes::{Buf, BytesMut};
use desk::{Desk, Pen};
use parse::{Parsed, parse};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

/// The most bytes of half a head; who needs more for it is hyper's.
const HELD_MAX: usize = 8 << 10;
/// Answers and looks of one connection until it is another's turn.
const TURN: usize = 16;

/// Answers requests that need no waiting.
pub(super) trait AtOnce {
    /// Answers a request without a body into `out`, which is empty; `None` where it is not answered at once, or not by
    /// the lane.
    fn answer_at_once(&self, head: Head<'_>, out: &mut BytesMut) -> Option<Reply>;
}

/// What has become of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// The caller has gone.
    Gone,
    /// The next request is hyper's; this much of it, and of what follows, has been read.
    Rest(Vec<u8>),
}

/// One connection.
struct Lane<'c, I, S> {
    stream: &'c mut I,
    service: &'c mut S,
    watch: &'c Watch,
    /// Read, and not answered yet.
    held: Vec<u8>,
    /// Whether what is held may be a whole head.
    is_untried: bool,
    /// Answered, and not written yet.
    unsent: BytesMut,
    is_flushed: bool,
    is_stopping: bool,
    /// Bytes of the longest head.
    head_max: usize,
    /// Answers and looks that are left of this turn.
    turn: usize,
}

/// Serves requests on `stream` until one is not for the lane, or `ending` says so.
pub(super) async fn serve<I, S>(
    stream: &mut I,
    service: &mut S,
    watch: &Watch,
    head_max: usize,
    ending: &mut Ending,
) -> Left
where
    I: AsyncRead + AsyncWrite + Unpin,
    S: AtOnce,
{
    let mut lane = Lane {
        stream,
        service,
        watch,
        held: Vec::new(),
        is_untried: false,
        unsent: BytesMut::new(),
        is_flushed: true,
        is_stopping: ending.has_ended(),
        head_max,
        turn: TURN,
    };
    let seen = ending.clone();
    let mut stopping = pin!(ending.ended());
    let mut is_waiting = false;
    let left = poll_fn(|context| {
        // Its waker stays where it was left: asking again is a lock that all connections share.
        if !is_waiting || !lane.is_stopping && seen.has_changed() {
            is_waiting = true;
            lane.is_stopping |= stopping.as_mut().poll(context).is_ready();
        }
        lane.poll(context)
    })
    .await;
    if left == Left::Gone {
        // It has gone in any case.
        let _closed = lane.stream.shutdown().await;
    }
    left
}

impl<I, S> Lane<'_, I, S>
where
    I: AsyncRead + AsyncWrite + Unpin,
    S: AtOnce,
{
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Left> {
        self.turn = TURN;
        desk::with(|Desk { input, pen }| {
            loop {
                if ready!(self.poll_sent(context)).is_err() {
                    return Poll::Ready(Left::Gone);
                }
                if self.is_stopping {
                    return Poll::Ready(Left::Rest(mem::take(&mut self.held)));
                }
                if self.turn == 0 {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                self.turn -= 1;
                let is_hypers = if self.is_untried {
                    let held = mem::take(&mut self.held);
                    self.answer(&held, pen, context)
                } else {
                    let mut buffer = ReadBuf::new(input);
                    if ready!(Pin::new(&mut *self.stream).poll_read(context, &mut buffer)).is_err() {
                        return Poll::Ready(Left::Gone);
                    }
                    match (buffer.filled(), mem::take(&mut self.held)) {
                        ([], held) if held.is_empty() => return Poll::Ready(Left::Gone),
                        ([], held) => return Poll::Ready(Left::Rest(held)),
                        (read, held) if held.is_empty() => self.answer(read, pen, context),
                        (read, mut held) => {
                            held.extend_from_slice(read);
                            self.answer(&held, pen, context)
                        }
                    }
                };
                if is_hypers {
                    return Poll::Ready(Left::Rest(mem::take(&mut self.held)));
                }
            }
        })
    }

    /// Answers the requests in `input` that are whole, as long as answers can be written; holds what is left of it.
    /// Whether that begins with a request of hyper's.
    fn answer(&mut self, input: &[u8], pen: &mut Pen, context: &mut Context<'_>) -> bool {
        let mut rest = input;
        self.is_untried = false;
        let is_hypers = loop {
            if rest.is_empty() {
                return false;
            }
            let (head, length) = match parse(rest) {
                Parsed::Whole(head, length) if length <= self.head_max => (head, length),
                Parsed::Part if rest.len() < self.head_max.min(HELD_MAX) => break false,
                // What is too long, hyper says.
                Parsed::Whole(..) | Parsed::Part | Parsed::Other => break true,
            };
            // Its answer asks to connect anew, and ends the connection.
            if self.watch.is_draining() {
                break true;
            }
            let service = &*self.service;
            let answered = pen.write(self.watch.clock_ms(), |out| service.answer_at_once(head, out));
            let Some(answer) = answered else {
                break true;
            };
            rest = &rest[length..];
            self.watch.enter(Phase::Idle);
            self.is_flushed = false;
            let written = match Pin::new(&mut *self.stream).poll_write(context, answer) {
                Poll::Ready(Ok(written)) => written,
                // Trying again tells the same.
                Poll::Ready(Err(_)) | Poll::Pending => 0,
            };
            if written < answer.len() {
                self.unsent = BytesMut::from(&answer[written..]);
                self.is_untried = !rest.is_empty();
                break false;
            }
            self.turn = self.turn.saturating_sub(1);
            if self.turn == 0 {
                self.is_untried = !rest.is_empty();
                break false;
            }
        };
        self.held.extend_from_slice(rest);
        if !rest.is_empty() && !self.is_untried && self.watch.phase() == Phase::Idle {
            self.watch.enter(Phase::Head);
        }
        is_hypers
    }

    /// Writes what there is to write.
    fn poll_sent(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let written = ready!(Pin::new(&mut *self.stream).poll_write(context, &self.unsent))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.advance(written);
        }
        if self.unsent.capacity() > 0 {
            // A large answer that was read slowly would stay for as long as the connection does.
            self.unsent = BytesMut::new();
        }
        if !self.is_flushed {
            ready!(Pin::new(&mut *self.stream).poll_flush(context))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }
}
