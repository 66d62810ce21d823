//! `bbws audit`: what protects a live environment, check by check.

use super::scope::environment;
use super::{CliError, ExitCode, Global, checks};
use crate::manifest::EnvironmentName;
use crate::report::audit;
use crate::session::Session;

/// Checks how a live environment is secured: load balancers, file systems, databases, artifact bucket, backups, user pool, the
/// edge, secrets, roles, and what keeps each tenant from another's. Changes nothing.
///
/// Ends with 0 when every check passes, 1 when something is found, and 4 when AWS did not let a check see what it is about.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws audit --env prod
  bbws audit --env prod --json | jq '.result.checks[] | select(.verdict == \"finding\")'")]
pub(super) struct Args {
    /// The environment.
    #[arg(long, value_name = "NAME")]
    env: EnvironmentName,
}

/// Prints it.
pub(super) async fn run(global: &Global, args: Args) -> Result<ExitCode, CliError> {
    let fleet = super::fleet(global)?;
    let environment = environment(&fleet, &args.env)?;
    let session = Session::open(&fleet, environment).await?;
    let outcomes = audit::audit(&audit::read(&session).await);
    let name = environment.name.as_str();
    Ok(checks::print(global, "audit", name, &outcomes))
}
