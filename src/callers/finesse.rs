//! t
mod page;
