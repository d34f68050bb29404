//! PostgreSQL followed, beside real servers: the hand-over from the copy to the stream, everything that may happen to a
//! server, a slot, a table or a publication, and what is refused ahead of it.

#![allow(clippy::unwrap_used, reason = "a failing step fails the test")]

#[path = "postgres/centre.rs"]
mod centre;
#[path = "postgres/crashes.rs"]
mod crashes;
#[path = "postgres/follower.rs"]
mod follower;
#[path = "postgres/handover.rs"]
mod handover;
#[path = "postgres/refused.rs"]
mod refused;
#[path = "postgres/rows.rs"]
mod rows;
#[path = "postgres/served.rs"]
mod served;
#[path = "postgres/slots.rs"]
mod slots;
