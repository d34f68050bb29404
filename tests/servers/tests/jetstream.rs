//! A stream of NATS JetStream followed while its broker is killed, frozen, emptied and replaced.

#[path = "jetstream/away.rs"]
mod away;
#[path = "jetstream/entry.rs"]
mod entry;
#[path = "jetstream/lost.rs"]
mod lost;
#[path = "jetstream/reader.rs"]
mod reader;
