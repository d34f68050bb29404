//! Callers: what other systems ask, and what they are told.

pub mod explain;
