//! The record.
use super::{Customer,Schema};
/// x
pub struct Claim { /// key
 pub key: u64, /// since
 pub since: u64, /// shared
 pub shared: bool }
/// x
pub struct Record;
