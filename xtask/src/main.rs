//! Project tasks: `cargo xtask demo | test | bench | down | env | password | cloud`. This file lists and dispatches them.

mod bench;
mod demo;
mod http;
mod image;
mod machine;
mod programs;
mod sites;
mod stages;
mod table;
mod test;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use stages::Advice;

/// Tasks of the project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Demo(demo::DemoArgs),
    Test(test::TestArgs),
    Bench(bench::BenchArgs),
    /// End what `cargo xtask demo` started, and remove what it made.
    #[command(after_help = "Examples:\n  cargo xtask down")]
    Down,
    Env(sites::EnvArgs),
    Password(sites::PasswordArgs),
    /// Start, inspect and end local clouds.
    #[command(after_help = "\
Examples:
  cargo xtask cloud status                            where the demo's cloud is
  cargo xtask cloud up --name try --viewer-port 8090  a second cloud beside it")]
    Cloud(localcloud::cli::Cli),
}

fn main() -> ExitCode {
    let task = match Cli::parse().task {
        // It has a runtime and exit codes of its own; the detached owner of a cloud is this as well.
        Task::Cloud(cli) => return localcloud::cli::run(&cli, &["cloud"]),
        task => task,
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report(&error.into()),
    };
    match runtime.block_on(run(task)) {
        Ok(code) => code,
        Err(error) => report(&error),
    }
}

async fn run(task: Task) -> Result<ExitCode> {
    match task {
        Task::Demo(args) => demo::run(&args).await,
        Task::Test(args) => test::run(&args).await,
        Task::Bench(args) => bench::run(&args).await,
        Task::Down => demo::down().await,
        Task::Env(args) => sites::env(&args),
        Task::Password(args) => sites::password(&args).await,
        Task::Cloud(_) => unreachable!("handled before the runtime starts"),
    }
}

fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("\nerror: {error:#}");
    if let Some(advice) = error.downcast_ref::<Advice>() {
        eprintln!("next:  {}", advice.next);
    }
    ExitCode::FAILURE
}
