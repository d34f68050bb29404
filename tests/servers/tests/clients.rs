//! Callers that are not ours ask the program: curl with what each telephone system's library is told, PHP, JSONPath.

#[path = "clients/centre.rs"]
mod centre;
#[path = "clients/contract.rs"]
mod contract;
#[path = "clients/crm.rs"]
mod crm;
#[path = "clients/desktops.rs"]
mod desktops;
#[path = "clients/strain.rs"]
mod strain;
#[path = "clients/text.rs"]
mod text;
