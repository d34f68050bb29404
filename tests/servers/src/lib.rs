//! Real servers, and Ringside beside them.

pub mod nats;
pub mod program;
