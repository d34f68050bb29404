//! What belongs to one contact centre.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::index::Index;
use crate::number::Numbering;
use crate::replica::Freshness;

/// One contact centre's data. A process has one, `main`; everything that would have to be told apart if it had more
/// hangs here.
#[derive(Debug)]
pub struct Tenant {
    /// Its name, also of its folder in the data folder.
    pub name: String,
    /// Its customers.
    pub index: Arc<Index>,
    /// Its rules for reading numbers, under which its customers' numbers are stored. Replaced whole when a changed
    /// configuration is taken up.
    pub numbering: ArcSwap<Numbering>,
    /// How fresh its customers are.
    pub freshness: Arc<Freshness>,
}
