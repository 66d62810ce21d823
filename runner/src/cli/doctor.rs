//! `bbws doctor`: whether an account can do what its fleet asks, and the command that helps where it cannot.

use super::scope::environment;
use super::{CliError, ExitCode, Global, checks};
use crate::manifest::EnvironmentName;
use crate::report::doctor::{Patient, examine, of_connection};
use crate::session::Session;
use std::net::SocketAddr;
use time::OffsetDateTime;

/// Checks an account against its foundation document and the fleet: quotas, permissions, DNS delegation, certificates, images,
/// secrets, clock and versions. Changes nothing; every finding names the command that mends it.
///
/// Ends with 0 when every check passes, 1 when something is found, and 4 when a check could not look.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws doctor --env prod
  bbws doctor --env prod --resolver 1.1.1.1:53    as the world sees its DNS, not this network
  bbws doctor --env prod --json | jq -r '.result.checks[] | select(.verdict != \"pass\") | .fix'")]
pub(super) struct Args {
    /// The environment.
    #[arg(long, value_name = "NAME")]
    env: EnvironmentName,
    /// Ask this name server instead of those of /etc/resolv.conf.
    #[arg(long, value_name = "IP:PORT", env = "BBWS_RESOLVER")]
    resolver: Option<SocketAddr>,
}

/// Prints it.
pub(super) async fn run(global: &Global, args: Args) -> Result<ExitCode, CliError> {
    let fleet = super::fleet(global)?;
    let environment = environment(&fleet, &args.env)?;
    let name = environment.name.as_str();
    let outcomes = match Session::open(&fleet, environment).await {
        Err(error) => vec![of_connection(name, &error)],
        Ok(session) => {
            let inventory = session.read().await;
            let patient = Patient {
                session: &session,
                inventory: &inventory,
                resolver: args.resolver,
                root: &global.fleet.join("environments").join(name),
                now: OffsetDateTime::now_utc(),
            };
            examine(&patient).await
        }
    };
    Ok(checks::print(global, "doctor", name, &outcomes))
}
