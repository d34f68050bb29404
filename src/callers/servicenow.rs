//! ServiceNow's table API.

mod question;
