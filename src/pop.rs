//! The screen pop: what is known of calls while they last, and what agents' desktops are told of them.
//!
//! A phone system says that a call rings; [`Calls`] decides what follows, as entries; each is applied to the state, gives
//! messages for desktops, and is kept, in this order, so that a restart finds the same state and gives no message another
//! id. Of customers the state holds ids: what is shown of them is read when it is shown.

mod call;
mod calls;
mod desk;
mod entry;
mod interaction;
mod kind;
mod message;
mod meters;
pub mod outbox;
mod outward;
mod pending;
mod pops;
mod present;
mod sessions;
mod settings;
mod shared;
mod store;
mod ticket;

pub use calls::{Bounds, Calls, Due, Found, Heard, News, Piece, Rung, Unknown};
pub use desk::{Beginning, DeskError, DeskSettings, Desks, Subscription};
pub use entry::{Entry, Offer, What};
pub use kind::{Party as Keyed, Rule, Silent};
pub use message::{Facts, Kind, Link, Message, Party, Shown, State};
pub use pending::{Pending, Pendings};
pub use pops::{Keeping, Node, Pops, Running};
pub use sessions::Session;
pub use settings::{Interactions, Recorder, Settings, Shared, Store};
pub use shared::{SharedLog, Side, SideKind, Terms};
pub use store::{CallState, Done, Follower, Kept, LocalLog, StoreError, Sync};
pub use ticket::{Ticket, TicketError, Tickets};
