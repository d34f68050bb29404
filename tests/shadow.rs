//! Shadow mode over real sockets, beside a system of record that this process plays: what passes, what is compared, who
//! answers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing step fails the test")]

#[path = "support/served.rs"]
mod served;
#[path = "support/centre.rs"]
mod support;
#[path = "support/wire.rs"]
mod wire;

#[path = "shadow/calls.rs"]
mod calls;
#[path = "shadow/comparing.rs"]
mod comparing;
#[path = "shadow/failing.rs"]
mod failing;
#[path = "shadow/passing.rs"]
mod passing;
#[path = "shadow/record.rs"]
mod record;
#[path = "shadow/sides.rs"]
mod sides;
#[path = "shadow/stage.rs"]
mod stage;
#[path = "shadow/trust.rs"]
mod trust;
