//! `localcloud up | down | status | env`, see [`localcloud::cli`].

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    localcloud::cli::run(&localcloud::cli::Cli::parse(), &[])
}
