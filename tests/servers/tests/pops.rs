//! The page of an agent in a real browser, while calls ring, are answered, moved on and corrected.

#[path = "pops/address.rs"]
mod address;
#[path = "pops/calls.rs"]
mod calls;
#[path = "pops/choosing.rs"]
mod choosing;
#[path = "pops/desk.rs"]
mod desk;
#[path = "pops/embedded.rs"]
mod embedded;
#[path = "pops/floor.rs"]
mod floor;
#[path = "pops/harness.rs"]
mod harness;
#[path = "pops/keyboard.rs"]
mod keyboard;
#[path = "pops/known.rs"]
mod known;
#[path = "pops/looks.rs"]
mod looks;
#[path = "pops/pair.rs"]
mod pair;
#[path = "pops/people.rs"]
mod people;
#[path = "pops/stream.rs"]
mod stream;
#[path = "pops/taken_over.rs"]
mod taken_over;
#[path = "pops/text.rs"]
mod text;
