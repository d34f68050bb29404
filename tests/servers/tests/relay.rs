//! A relay between a source and a stream of NATS JetStream, and what reads the stream.

#[path = "relay/broker.rs"]
mod broker;
#[path = "relay/edge.rs"]
mod edge;
#[path = "relay/made.rs"]
mod made;
#[path = "relay/pair.rs"]
mod pair;
#[path = "relay/served.rs"]
mod served;
