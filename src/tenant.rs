//! What belongs to one contact centre.

use std::sync::Arc;

use crate::index::Index;
use crate::replica::Freshness;

/// One contact centre's data. A process has one, `main`; everything that would have to be told apart if it had more
/// hangs here.
#[derive(Debug)]
pub struct Tenant {
    /// Its name, also of its folder in the data folder.
    pub name: String,
    /// Its customers.
    pub index: Arc<Index>,
    /// How fresh its customers are.
    pub freshness: Arc<Freshness>,
}
