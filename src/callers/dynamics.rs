//! Microsoft Dynamics 365 (Dataverse Web API), as flows and connectors ask it for contacts and cases.

mod odata;
