//! The `ringside` program; what it does is in [`ringside::cli`].

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Lookups allocate nothing; imports take a third less time by it than by the system's, and changes a fifth.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    ringside::cli::main()
}
