//! Salesforce (REST API, `query`), as flows and connectors ask it for contacts, accounts and cases.

mod soql;
