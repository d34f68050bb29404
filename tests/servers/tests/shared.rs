//! Calls that two nodes share by way of three NATS servers, while servers die, streams vanish and nodes are killed.

#[path = "shared/broken.rs"]
mod broken;
#[path = "shared/pair.rs"]
mod pair;
#[path = "shared/strangers.rs"]
mod strangers;
#[path = "shared/together.rs"]
mod together;
