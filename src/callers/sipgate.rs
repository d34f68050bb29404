//! Pushes as sipgate and Zammad's partners send them.

use bytes::BytesMut;

use super::call::{Call, Reply};
use super::lookup::Source;
use super::refusal::Refusal;
use super::ring::Ring;
use super::settings::{Speaking, Unspeakable};
use super::speaker::Speaker;

/// The dialect of pushes.
#[derive(Debug)]
pub(super) struct Sipgate;

impl Sipgate {
    pub(super) fn new(speaking: &Speaking) -> Result<Sipgate, Unspeakable> {
        speaking.without_fields()?;
        Ok(Sipgate)
    }
}

impl Speaker for Sipgate {
    fn answer(&self, source: &Source, call: &Call<'_>, out: &mut BytesMut) -> Result<Reply, Refusal> {
        if call.method != "POST" {
            return Err(Refusal::Method { allow: "POST" });
        }
        let ring = Ring::from_push(call.query, call.body)?;
        source.announce(&ring, |_| Ok(()));
        out.extend_from_slice(b"{}");
        Ok(Reply::json(200))
    }

    fn refuse(&self, _: &Call<'_>, refusal: &Refusal, out: &mut BytesMut) -> Reply {
        refusal.write(out)
    }
}
