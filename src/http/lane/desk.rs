//! What a worker reads into and writes from: one set of buffers for all of its connections, which therefore stay in its
//! core's cache, and cost idle connections nothing.

use std::cell::RefCell;
use std::time::SystemTime;

use bytes::BytesMut;

use crate::callers::Reply;
use crate::http::reply;

/// What is read at once. Many heads have room in it, few have not.
const INPUT: usize = 16 << 10;
/// Room for most answers, made in one step.
const USUAL: usize = 4 << 10;
/// Buffers that a large answer has grown beyond this are not kept.
const KEPT: usize = 256 << 10;

/// The buffers of a worker.
pub(super) struct Desk {
    pub(super) input: Box<[u8]>,
    pub(super) pen: Pen,
}

/// Writes answers.
pub(super) struct Pen {
    body: BytesMut,
    /// Head and body: one piece is written faster than a list of two.
    answer: Vec<u8>,
    /// The usual head, as of the date.
    usual: Vec<u8>,
    date: String,
    /// The worker's time for which the date was written.
    dated_ms: Option<u64>,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::new(Desk {
        input: vec![0; INPUT].into(),
        pen: Pen {
            body: BytesMut::new(),
            answer: Vec::new(),
            usual: Vec::new(),
            date: String::new(),
            dated_ms: None,
        },
    });
}

/// Calls `work` with the desk of this thread, which nobody uses already: no answer waits for anything.
pub(super) fn with<T>(work: impl FnOnce(&mut Desk) -> T) -> T {
    DESK.with_borrow_mut(work)
}

impl Pen {
    /// Writes the answer whose body `write` gives, as of the worker's time `now_ms`; `None` where `write` gives none.
    #[inline]
    pub(super) fn write(
        &mut self,
        now_ms: u64,
        write: impl FnOnce(&mut BytesMut) -> Option<Reply>,
    ) -> Option<&[u8]> {
        if self.dated_ms != Some(now_ms) {
            self.date(now_ms);
        }
        if self.body.capacity() > KEPT {
            (self.body, self.answer) = Default::default();
        }
        self.body.clear();
        self.body.reserve(USUAL);
        let reply = write(&mut self.body)?;
        self.answer.clear();
        if reply::is_usual(&reply) {
            self.answer.extend_from_slice(&self.usual);
            reply::end(self.body.len(), &mut self.answer);
        } else {
            reply::head(&reply, self.body.len(), &self.date, &mut self.answer);
        }
        // Once more, for a body that begins where its head ends costs more than copying most of them.
        self.answer.extend_from_slice(&self.body);
        Some(&self.answer)
    }

    #[cold]
    fn date(&mut self, now_ms: u64) {
        self.date = httpdate::fmt_http_date(SystemTime::now());
        self.usual = reply::usual(&self.date);
        self.dated_ms = Some(now_ms);
    }
}
