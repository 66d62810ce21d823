//! `cargo xtask test`: all tests, on a machine that it sets up first.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::programs::{Programs, status};
use crate::stages::Stages;
use crate::{image, machine};

const AGAIN: &str =
    "mend what the lines above say, then run `cargo xtask test` again: it carries on";

/// Run all tests: unit, command line, end to end.
///
/// Tests that need a cloud start their own; the demo's is left alone.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo xtask test                     everything
  cargo xtask test -p bbws             one crate
  cargo xtask test -E 'test(destroy)'  tests by name; any argument of `cargo nextest run`")]
pub(crate) struct TestArgs {
    /// Arguments for `cargo nextest run`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    nextest: Vec<String>,
}

/// Sets up and runs the tests; the exit code is that of the test runner.
pub(crate) async fn run(args: &TestArgs) -> Result<ExitCode> {
    let (programs, stages) = (Programs::find()?, Stages::new());
    stages
        .run("check this machine's programs", AGAIN, machine::ensure())
        .await?;
    stages
        .run(
            "check the test runner",
            "`cargo install --locked cargo-nextest`, then run `cargo xtask test` again",
            machine::ensure_nextest(&programs),
        )
        .await?;
    let build = programs.build();
    stages
        .run("build bbws, site-job and the tests", AGAIN, build)
        .await?;
    image::build(&programs, &stages, AGAIN).await?;

    let mut nextest = programs.cargo();
    nextest.args(["nextest", "run", "--locked"]);
    if !args
        .nextest
        .iter()
        .any(|argument| argument == "-p" || argument.starts_with("--package"))
    {
        nextest.arg("--workspace");
    }
    nextest.args(&args.nextest);
    stages.say(format_args!("cargo nextest run"));
    let status = status(&mut nextest).await?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}
