//! `bbws image test`: whether an image does what visitors, editors and the platform need.

use super::{CliError, ExitCode, Global, Local};
use crate::{
    cli::Interrupt,
    image::test::{Check, Stage, Test},
    output,
};

/// Start the built image with a database and check it as visitors, editors and attackers would.
///
/// Starts two tasks with what the task definition gives them (read-only root, user, memory, environment), installs WordPress
/// with the job that `bbws apply` starts, logs in, uploads, publishes, looks at the page cache, tries what attackers try,
/// takes the database away, stops a task under load, lets time pass for WP-Cron. Everything happens in networks of its own in
/// the Docker engine of this machine and is removed at the end. Takes about two minutes. Exits with 1 when a check fails.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws image test
  bbws image test --tag try
  bbws image test --json | jq -r '.result.checks[] | select(.ok | not) | .name'")]
pub(super) struct Args {
    #[command(flatten)]
    local: Local,
    /// The image of the database. It is not pulled.
    #[arg(long, value_name = "IMAGE", default_value = "mysql:8.4")]
    database_image: String,
}

/// Runs the verb. What it made is removed however it ends.
pub(super) async fn run(
    global: &Global,
    args: Args,
    mut interrupt: Interrupt,
) -> Result<ExitCode, CliError> {
    let test = Test {
        image: args.local.reference()?,
        database: args.database_image,
    };
    let json = global.json;
    let seen = |check: &Check| {
        if !json {
            print(check);
        }
    };
    let stage = interrupt
        .ends(async { Ok(Stage::prepare().await?) })
        .await?;
    let outcome = interrupt
        .ends(async { Ok(stage.run(&test, &seen).await?) })
        .await;
    let removed = stage.remove().await;
    let tested = outcome?;
    removed?;
    let exit = if tested.ok {
        ExitCode::Done
    } else {
        ExitCode::Failed
    };
    if json {
        output::print(output::result("image test", exit, &tested));
        return Ok(exit);
    }
    let failed = tested.checks.iter().filter(|check| !check.ok).count();
    let palette = output::Palette::stdout();
    let verdict = if tested.ok {
        palette.paint(palette.good, "pass")
    } else {
        palette.paint(palette.bad, "fail")
    };
    output::print(format_args!(
        "{verdict}: {} of {} checks failed, in {:.0} s",
        failed,
        tested.checks.len(),
        tested.seconds
    ));
    Ok(exit)
}

fn print(check: &Check) {
    let palette = output::Palette::stdout();
    let word = if check.ok {
        palette.paint(palette.good, "ok    ")
    } else {
        palette.paint(palette.bad, "failed")
    };
    output::print(format_args!(
        "{word} {:>5.1} s  {}",
        check.seconds, check.name
    ));
    if let Some(reason) = &check.reason {
        output::print(format_args!("                 {reason}"));
    }
}
