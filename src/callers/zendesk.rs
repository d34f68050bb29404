//! Zendesk's search.

mod question;
