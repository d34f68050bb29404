//! Pushes as sipgate and Zammad's partners send them.

use bytes::BytesMut;

use super::call::{Call, Reply};
use super::lookup::Source;
use super::refusal::Refusal;
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
        let _ring = (source, out);
        // A ring is announced by whoever knows desktops.
        Err(if call.method == "POST" {
            Refusal::Internal
        } else {
            Refusal::Method { allow: "POST" }
        })
    }

    fn refuse(&self, _: &Call<'_>, refusal: &Refusal, out: &mut BytesMut) -> Reply {
        refusal.write(out)
    }
}
