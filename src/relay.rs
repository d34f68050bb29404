//! The relay: reads a system of record once and publishes what it says to a NATS JetStream stream, from which any number of
//! servers follow it.

mod course;
mod letter;
mod window;
