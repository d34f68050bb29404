//! What a relay publishes, one message of it.

use async_nats::HeaderMap;
use async_nats::header::{NATS_EXPECTED_LAST_MESSAGE_ID, NATS_EXPECTED_LAST_SEQUENCE, NATS_MESSAGE_ID};

use crate::feed::jetstream::marks::Stamp;

/// A message to be stored behind one certain message and behind no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    /// Its subject, behind the prefix.
    pub(crate) subject: &'static str,
    /// What it holds.
    pub(crate) payload: Vec<u8>,
    /// What it says of itself.
    pub(crate) stamp: Stamp,
    /// Its id, which no other message ever has.
    pub(crate) id: String,
    /// The sequence that it is to have; the stream's last is one less.
    pub(crate) sequence: u64,
    /// The id of the message ahead of it, where we published that too. The sequence alone would let a message pass that was
    /// sent behind others which were lost, once something else has taken their places.
    pub(crate) after: Option<String>,
}

impl Letter {
    /// Its headers, with what the server is to verify.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = self.stamp.to_headers();
        headers.insert(NATS_MESSAGE_ID, self.id.as_str());
        let expected = self.sequence.saturating_sub(1).to_string();
        headers.insert(NATS_EXPECTED_LAST_SEQUENCE, expected.as_str());
        if let Some(after) = &self.after {
            headers.insert(NATS_EXPECTED_LAST_MESSAGE_ID, after.as_str());
        }
        headers
    }
}
