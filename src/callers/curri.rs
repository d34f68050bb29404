//! t
mod xacml;
