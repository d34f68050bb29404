//! Answers questions to a CRM from the customers that are kept here.

mod ids;
