//! What agents' desktops ask for and are told.

mod fault;
mod handshake;
mod listening;
mod render;
mod socket;
mod sse;
#[cfg(test)]
mod tests;

pub(super) use fault::Fault;
pub(super) use listening::Opening;
pub(super) use render::Render;
pub(super) use socket::{Socket, open as socket};
pub(super) use sse::{Events, last_event_id, open as events};
