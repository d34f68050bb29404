//! Rings and desktops: what which agent's desktop is told. Knows no sockets and no lookups.

mod desk;
mod message;
mod ticket;

pub use desk::{Beginning, DeskError, DeskSettings, Desks, Subscription};
pub use message::{Kind, Message, Shown};
pub use ticket::{Ticket, TicketError, Tickets};
