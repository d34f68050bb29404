//! What a listener speaks: a small speaker for each dialect, and around it what all of them have in common.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use prometheus::IntCounterVec;

use super::call::{Call, Reply};
use super::cid::Cid;
use super::cim::Cim;
use super::curri::Curri;
use super::dialect::Dialect;
use super::dynamics::Dynamics;
use super::finesse::Finesse;
use super::freshdesk::Freshdesk;
use super::list::Lists;
use super::lookup::Source;
use super::native::{Begun, Native};
use super::refusal::{RETRY_AFTER_S, Refusal};
use super::salesforce::Salesforce;
use super::servicenow::Servicenow;
use super::settings::{Speaking, Unspeakable};
use super::sipgate::Sipgate;
use super::tap::Tap;
use super::threecx::Threecx;
use super::zendesk::Zendesk;
use crate::telemetry::Lines;

/// One system's way of asking and answering. It holds no customers and reads no clock, so that it can be tried without
/// sockets; the next one is written as `docs/callers/README.md` says.
pub(super) trait Speaker: Debug + Send + Sync {
    /// Whether the body of `call`, which holds none yet, is part of its question.
    fn reads_body(&self, call: &Call<'_>) -> bool {
        call.method == "POST"
    }

    /// Our own id of the customer whom this system calls `id`; `None` where it calls nobody so, or has no ids.
    fn customer_of(&self, _source: &Source, _id: &str) -> Option<String> {
        None
    }

    /// Answers `call`, whose path is one of this dialect's, into `out`, which is empty.
    ///
    /// # Errors
    /// Why it is refused; [`refuse`](Speaker::refuse) then writes the answer.
    fn answer(&self, source: &Source, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refusal>;

    /// Writes `refusal` of `call` to `out`, which is empty, in the shape that this caller reads: an error where it reads
    /// the status, a miss where it takes every body for an answer.
    fn refuse(&self, call: &Call<'_>, refusal: &Refusal, out: &mut BytesMut) -> Reply;
}

/// The dialects of one listener.
#[derive(Debug, Clone, Default)]
pub struct Speakers([Option<Spoken>; Dialect::COUNT]);

/// A dialect as one listener speaks it.
#[derive(Debug, Clone)]
pub struct Spoken {
    voice: Voice,
    is_on: bool,
    budget: Option<Duration>,
}

#[derive(Debug, Clone)]
enum Voice {
    /// On its own, for it answers batches, and nearly everybody asks for it.
    Native(Native),
    Other(Arc<Other>),
}

#[derive(Debug)]
struct Other {
    dialect: Dialect,
    speaker: Box<dyn Speaker>,
    source: Source,
    refused: IntCounterVec,
    label: Box<str>,
    /// Strangers can cause as many of these lines as they like.
    lines: Lines,
}

impl Speakers {
    /// No dialects; [`Speakers::add`] adds them.
    pub fn none() -> Speakers {
        Speakers::default()
    }

    /// The native dialect alone.
    pub fn native(native: Native) -> Speakers {
        let mut speakers = Speakers::none();
        speakers.0[Dialect::Native as usize] = Some(Spoken {
            voice: Voice::Native(native),
            is_on: true,
            budget: None,
        });
        speakers
    }

    /// Adds `dialect` over `source`, which counts under its label already.
    ///
    /// # Errors
    /// What `speaking` says cannot be.
    pub fn add(&mut self, dialect: Dialect, source: Source, speaking: &Speaking) -> Result<(), Unspeakable> {
        let voice = match speaker(dialect, speaking)? {
            None => {
                let native = Native::new(source, speaking.batch_max);
                Voice::Native(native.searching(speaking.search))
            }
            Some(speaker) => {
                let label: Box<str> = speaking.label(dialect).into();
                let refused = source.meters.refused().clone();
                // A series that begins with its first count has no increase.
                for code in ["unsupported", "syntax", "off"] {
                    refused.with_label_values(&[&*label, code]);
                }
                Voice::Other(Arc::new(Other {
                    dialect,
                    speaker,
                    refused,
                    label,
                    source,
                    lines: Lines::default(),
                }))
            }
        };
        self.0[dialect as usize] = Some(Spoken {
            voice,
            is_on: speaking.enabled,
            budget: speaking.budget,
        });
        Ok(())
    }

    /// What answers in `dialect`; `None` where it is not spoken here.
    #[inline]
    pub fn get(&self, dialect: Dialect) -> Option<&Spoken> {
        self.0[dialect as usize].as_ref()
    }
}

/// Whether `speaking` makes sense for `dialect`.
///
/// # Errors
/// What it says that cannot be.
pub fn check(dialect: Dialect, speaking: &Speaking) -> Result<(), Unspeakable> {
    speaker(dialect, speaking).map(drop)
}

/// What speaks `dialect`; `None` for the native one.
fn speaker(dialect: Dialect, speaking: &Speaking) -> Result<Option<Box<dyn Speaker>>, Unspeakable> {
    Ok(Some(match dialect {
        Dialect::Native => return Ok(None),
        Dialect::Cid => Box::new(Cid::new(speaking)?),
        Dialect::Finesse => Box::new(Finesse::new(speaking)?),
        Dialect::Curri => Box::new(Curri::new(speaking)?),
        Dialect::Threecx => Box::new(Threecx::new(speaking)?),
        Dialect::Sipgate => Box::new(Sipgate::new(speaking)?),
        Dialect::Cim => Box::new(Cim::new(speaking)?),
        Dialect::Dynamics => Box::new(Dynamics::new(speaking)?),
        Dialect::Salesforce => Box::new(Salesforce::new(speaking)?),
        Dialect::Servicenow => Box::new(Servicenow::new(speaking)?),
        Dialect::Zendesk => Box::new(Zendesk::new(speaking)?),
        Dialect::Freshdesk => Box::new(Freshdesk::new(speaking)?),
    }))
}

impl Spoken {
    /// Where its lookups come from.
    pub fn source(&self) -> &Source {
        match &self.voice {
            Voice::Native(native) => native.source(),
            Voice::Other(other) => &other.source,
        }
    }

    /// Our own id of the customer whom this dialect's system calls `id`; `None` where it calls nobody so.
    pub fn customer_of(&self, id: &str) -> Option<String> {
        match &self.voice {
            Voice::Native(_) => None,
            Voice::Other(other) => other.speaker.customer_of(&other.source, id),
        }
    }

    /// Whether it is switched on.
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// How long a request may have waited before it is answered as overload, where that is less than everywhere.
    #[inline]
    pub fn budget(&self) -> Option<Duration> {
        self.budget
    }

    /// Whether the body of `call` is part of its question: `call` itself holds none yet.
    pub fn reads_body(&self, call: &Call<'_>) -> bool {
        match &self.voice {
            Voice::Native(native) => native.reads_body(call),
            Voice::Other(other) => other.speaker.reads_body(call),
        }
    }

    /// Its lists of customers, where it has any: longer work than a lookup.
    pub fn lists(&self) -> Option<&Lists> {
        match &self.voice {
            Voice::Native(native) => Some(native.lists()),
            Voice::Other(_) => None,
        }
    }

    /// Answers `call` into `out`, which is empty; `None` where the path is not one of this dialect.
    pub fn answer(&self, call: &Call<'_>, out: &mut BytesMut) -> Option<Reply> {
        if !self.is_on {
            return Some(self.refuse(call, &Refusal::Off, out));
        }
        match &self.voice {
            Voice::Native(native) => native.answer(call, out),
            Voice::Other(other) => Some(other.answer(&other.source, call, out)),
        }
    }

    /// Answers as [`Spoken::answer`] does, and notes in `tap` what the call was about.
    pub fn answer_tapped(&self, call: &Call<'_>, out: &mut BytesMut, tap: &Arc<Tap>) -> Option<Reply> {
        if !self.is_on {
            return self.answer(call, out);
        }
        match &self.voice {
            Voice::Native(native) => native.tapped(tap).answer(call, out),
            Voice::Other(other) => {
                let source = Source {
                    tap: Some(Arc::clone(tap)),
                    ..other.source.clone()
                };
                Some(other.answer(&source, call, out))
            }
        }
    }

    /// Begins to answer `call`, as [`Native::begin`] does.
    pub fn begin<'a>(&'a self, call: &Call<'a>, out: &mut BytesMut) -> Option<Begun<'a>> {
        match &self.voice {
            Voice::Native(native) if self.is_on => native.begin(call, out),
            _ => self.answer(call, out).map(Begun::Done),
        }
    }

    /// Writes `refusal` of `call` to `out`, which is empty, in the shape that its caller reads.
    pub fn refuse(&self, call: &Call<'_>, refusal: &Refusal, out: &mut BytesMut) -> Reply {
        match &self.voice {
            Voice::Native(native) => native.refuse(call, refusal, out),
            Voice::Other(other) => other.refuse(call, refusal, out),
        }
    }

    /// Answers a `call` that there is no time for, into `out`, which is empty; nobody is looked up.
    pub fn overloaded(&self, call: &Call<'_>, out: &mut BytesMut) -> Reply {
        match &self.voice {
            Voice::Native(native) => native.overloaded(call, out),
            Voice::Other(other) => {
                other.source.meters.count_overload();
                other.refuse(call, &Refusal::Overload, out)
            }
        }
    }

    /// Answers `call`, whose sender may not ask, where it reads no status or has an error shape of its own; `None` where
    /// the server's own words will do. `denied` says why.
    pub fn disabled(&self, call: &Call<'_>, denied: &Refusal, out: &mut BytesMut) -> Option<Reply> {
        match &self.voice {
            Voice::Native(native) => native.disabled(call, out),
            Voice::Other(other) => {
                other.source.meters.count_disabled();
                Some(other.refuse(call, denied, out))
            }
        }
    }
}

impl Other {
    fn answer(&self, source: &Source, call: &Call<'_>, out: &mut BytesMut) -> Reply {
        self.speaker
            .answer(source, call, out)
            .unwrap_or_else(|refusal| self.refuse(call, &refusal, out))
    }

    fn refuse(&self, call: &Call<'_>, refusal: &Refusal, out: &mut BytesMut) -> Reply {
        self.refused
            .with_label_values(&[&*self.label, refusal.code()])
            .inc();
        if self.lines.may() {
            tracing::warn!(
                dialect = self.dialect.name(),
                code = refusal.code(),
                field = refusal.field(),
                // These say what of a query is not answered, and nothing of whom it asked about.
                query = matches!(refusal, Refusal::Unsupported { .. } | Refusal::Syntax { .. })
                    .then(|| tracing::field::display(refusal)),
                "refused"
            );
        }
        out.clear();
        let reply = self.speaker.refuse(call, refusal, out);
        Reply {
            retry_after_s: (refusal.status() == 503)
                .then_some(RETRY_AFTER_S)
                .or(reply.retry_after_s),
            allow: match refusal {
                Refusal::Method { allow } if reply.status == 405 => Some(allow),
                _ => reply.allow,
            },
            ..reply
        }
    }
}
