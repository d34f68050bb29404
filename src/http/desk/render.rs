//! What a stream needs of whoever knows what a desktop shows.

use std::sync::Arc;

use bytes::BytesMut;

use crate::pop::{Message, Shown};

/// One desktop's eyes: what its agent may see, as of now. None of it waits.
pub(in crate::http) trait Render: Send + Sync + 'static {
    /// Writes `message` as one JSON object behind `out`.
    fn render(&self, message: &Message, out: &mut BytesMut);

    /// What the agent's desktop is to show, newest first, and the id of the newest message: everything up to it is in
    /// there.
    fn current(&self) -> (Vec<Arc<Shown>>, u64);

    /// The term of this node, as of now.
    fn epoch(&self) -> u64;

    /// Says that the tab `tab` is about to show the pop `pop_id`; the other tabs learn it as everything else. One that is
    /// not known is passed over: it was over by then.
    fn acknowledge(&self, pop_id: &str, tab: &str);

    /// Whether the desktop may still be told; asked with every heartbeat. Where not, the stream ends, and whoever comes
    /// back is judged anew.
    fn may_go_on(&self) -> bool;
}
