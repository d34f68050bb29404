//! MongoDB followed, beside real servers: the hand-over from the copy to the stream, everything that may happen to a
//! server, a replica set or a collection, and what is refused ahead of it.

#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

#[path = "mongodb/centre.rs"]
mod centre;
#[path = "mongodb/crashes.rs"]
mod crashes;
#[path = "mongodb/documents.rs"]
mod documents;
#[path = "mongodb/handover.rs"]
mod handover;
#[path = "mongodb/lost.rs"]
mod lost;
#[path = "mongodb/refused.rs"]
mod refused;
