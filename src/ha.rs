//! High availability: which of two nodes decides, under which epoch. Pure, but for [`Standing`]'s atomics.
//!
//! Lookups, rings and desktops are served in any role at any time; a role only says who looks for what is due and who
//! tells the system of record. keepalived says who has the address, a key-value bucket that a majority agrees on says
//! whose term it is, and [`Machine`] makes a role of both.

mod error;
mod machine;
mod role;
mod settings;
mod standing;

pub use error::HaError;
pub use machine::{Action, Input, Machine};
pub use role::{Role, Vrrp};
pub use settings::Settings;
pub use standing::Standing;
