//! What becomes of a ring: what agents make of calls, and what of it goes back to the system of record.

pub mod outbox;
