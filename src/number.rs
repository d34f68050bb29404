//! Any written form of a phone number to one key.
//!
//! A call centre receives numbers as SIP URIs, as digits without a plus, behind outside-line prefixes, withheld, or
//! typed by a person into a spreadsheet. [`Numbering`] reads them all by rules that are configured and never guessed,
//! and gives a [`Key`]: one `u64` under which a customer's number is stored and looked up. Lookups use
//! [`Numbering::read`], which never fails; imports and feeds use [`Numbering::key_to_store`], which says why a number
//! cannot be kept. Both go through the same rules, so that what was stored is found however it is written.
//!
//! What a national number means is decided by libphonenumber's metadata alone; everything passes through one private
//! function, `parse::parse`.

mod address;
mod cell;
mod key;
mod lines;
mod numbering;
mod parse;
mod plan;
mod query;
mod reading;
mod region;
mod rules;
mod settings;
mod suffix;
mod tables;
mod trace;
mod written;

pub use cell::Cell;
pub use key::{Key, Kind};
pub use numbering::Numbering;
pub use parse::ParseReason;
pub use plan::{
    NumberType, Possible, calling_code, display_international, display_national, is_possible, is_valid,
    national_digits, number_type, region_of,
};
pub use query::from_query;
pub use reading::{Invalid, Outcome, Reading, Reason, Unstorable};
pub use region::{Region, UnknownRegion};
pub use settings::{Alias, Mode, Settings, SettingsError, SourceSettings};
pub use suffix::SuffixDigits;
