//! The numbering plans as tables: what libphonenumber's metadata says, compiled once for looking up.
//!
//! The source is the metadata inside `rlibphonenumber`, the very one that the reference parser reads, so that the two
//! cannot drift. It is compiled once for a process, when the first [`Numbering`](super::Numbering) is made and never
//! while a number is looked up. After that nothing here allocates.
//!
//! A plan whose patterns are written in a way that [`pattern`] does not know is left out; its numbers are read by the
//! reference. A test holds that there is none.

mod automaton;
mod metadata;
mod pattern;
mod plans;
mod prefix;
mod transform;

use std::sync::LazyLock;

pub(super) use plans::{Kinds, Length, Plan, Tables};
pub(super) use transform::Room;

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::compile);

/// The tables of this process; the first call compiles them.
pub(super) fn tables() -> &'static Tables {
    &TABLES
}
