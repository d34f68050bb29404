//! Customers: what a contact centre knows of a person or an organisation.
//!
//! [`document`] reads and validates the JSON that people and feeds write, [`Schema`] types its
//! attributes, and [`record`] turns a valid [`Customer`] into the bytes that every other layer
//! stores, merges and sends.

pub mod attributes;
mod color;
pub mod document;
mod fields;
mod id;
pub mod identity;
pub mod json;
mod moment;
mod numbers;
mod parts;
mod read;
pub mod record;
pub mod schema;
pub mod value;
pub mod words;

pub use document::{Activity, Case, Customer, Flags, Interaction, Label, Phone, Refusal};
pub use id::id_hash53;
pub use json::{Document, Json};
pub use record::{Claim, Record};
pub use schema::{AttributeDef, AttributeType, Schema};
