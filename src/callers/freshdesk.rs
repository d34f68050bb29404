//! Freshdesk's contacts and tickets.

mod question;
