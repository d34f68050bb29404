//! Real servers, and Ringside beside them.
