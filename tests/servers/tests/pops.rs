//! The page of an agent in a real browser, while calls ring, are answered, moved on and corrected.

#![allow(dead_code, reason = "until the page is there")]

#[path = "pops/floor.rs"]
mod floor;
#[path = "pops/harness.rs"]
mod harness;
#[path = "pops/people.rs"]
mod people;
