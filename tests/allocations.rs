//! Allocations on the way of a lookup, from the parsed request to the response's body: none of ours.
//!
//! The parse of libphonenumber, behind which a table is to go, is the one thing left out, and by name: what reading the
//! number alone allocates is counted apart and taken off.

use std::alloc::{GlobalAlloc, Layout, System};
