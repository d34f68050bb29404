//! The `ringside` program; what it does is in [`ringside::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    ringside::cli::main()
}
