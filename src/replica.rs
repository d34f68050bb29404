//! Applies changes; see [`freshness`].

pub mod freshness;

pub use freshness::Freshness;
