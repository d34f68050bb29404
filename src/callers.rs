//! What other systems send and read: one shared lookup, one writer of answers, and a small file for each dialect.
//!
//! Knows no sockets: a dialect takes a [`Call`] (method, path, query, body) and writes a body into a buffer that it is
//! given. Invariants: from the parsed request to the written body of a native JSON answer nothing is allocated; the
//! shape of an answer is the same for hits and misses, so that a caller that reads it cannot keep the last caller's
//! name.

mod answer;
mod attributes;
mod batch;
mod call;
mod cid;
mod cim;
pub mod compare;
mod crm;
mod curri;
mod customer;
mod dialect;
mod disclosure;
mod diversion;
mod dynamics;
pub mod explain;
mod fields;
mod finesse;
mod freshdesk;
mod json;
mod list;
mod lookup;
mod meters;
mod native;
mod openapi;
mod parameters;
mod plain;
mod pop_url;
mod posted;
mod query;
mod refusal;
mod ring;
mod routes;
mod salesforce;
mod servicenow;
mod settings;
mod show;
mod sipgate;
mod slot;
mod sources;
mod speaker;
mod suffix;
mod tap;
mod threecx;
mod treatment;
mod xml;
mod zendesk;

pub use batch::Batch;
pub(crate) use call::JSON;
pub use call::{Call, Reply, trimmed};
pub use dialect::Dialect;
pub use list::{Lists, Settings as SearchSettings, Turn};
pub use lookup::{Request, Source};
pub use meters::{Meters, Outcome};
pub use native::{Begun, Native};
pub use pop_url::PopUrls;
pub use refusal::Refusal;
pub use ring::{Direction, Event, Ring};
pub use routes::{Need, Route};
pub use settings::{Answers, Attestation, Flag, Speaking, TreatmentRule, Unspeakable, Verstat};
pub use show::{Showing, Subject, Whose};
pub use sources::Sources;
pub use speaker::{Speakers, Spoken, check as check_speaking};
pub use tap::{Tap, Tapped, is_our_id};
pub use treatment::{Treatment, TreatmentError};
