//! Two nodes, an arbiter and their callers: every row of docs/failover.md, on real processes under a running load.

#[path = "failover/address.rs"]
mod address;
#[path = "failover/faults.rs"]
mod faults;
#[path = "failover/networks.rs"]
mod networks;
#[path = "failover/nodes.rs"]
mod nodes;
#[path = "failover/people.rs"]
mod people;
#[path = "failover/shared.rs"]
mod shared;
#[path = "failover/stores.rs"]
mod stores;
