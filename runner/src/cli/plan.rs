//! `bbws plan`: what an apply would do, and why.

use super::scope::{DeepArgs, ScopeArgs, environment};
use super::{CliError, ExitCode, Global, signed};
use crate::output;
use crate::plan::Verdict;
use crate::session::{Scope, Session};
use clap::Args;

/// Shows what would change, and why. Changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bbws plan --env dev                      the whole environment
  bbws plan --env prod --tenant acme       one site
  bbws plan --env dev --deep               also look into the databases
  bbws plan --env dev --detailed-exitcode  exit 2 if there is anything to do")]
pub(super) struct PlanArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    deep: DeepArgs,
    /// Exit with 2 when there are changes.
    #[arg(long)]
    detailed_exitcode: bool,
}

/// Runs the verb.
pub(super) async fn run(global: &Global, args: PlanArgs) -> Result<ExitCode, CliError> {
    let fleet = super::fleet(global)?;
    let environment = environment(&fleet, &args.scope.env)?;
    let session = Session::open(&fleet, environment).await?;
    let scope = Scope {
        only: args.scope.only(),
        deep: args.deep.deep,
        ..Scope::default()
    };
    let (_, plan) = signed::plan(&session, &scope, &global.fleet).await?;
    let differs = plan.verdict() != Verdict::NothingToDo;
    let exit = match args.detailed_exitcode && differs {
        true => ExitCode::ChangesPresent,
        false => ExitCode::Done,
    };
    if global.json {
        output::print(output::result(
            "plan",
            exit,
            &output::PlanReport::from(&plan),
        ));
    } else {
        output::print(output::plan(&plan, &output::Palette::stdout()));
    }
    Ok(exit)
}
