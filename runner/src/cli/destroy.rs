//! `bbws destroy`: removes one site, after its final dump.

use super::change::{Change, carry_out};
use super::scope::{BypassArgs, environment};
use super::{CliError, ExitCode, Global, Interrupt};
use crate::manifest::{EnvironmentName, TenantId};
use crate::session::Scope;
use clap::Args;

/// Removes one site: a final dump of database and uploads, then every resource that is the site's own.
///
/// What tenants share and all other sites stay as they are. The dump stays in the artifact bucket, and the site's
/// secrets can be restored for seven days.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bbws plan --env dev                            what there is
  bbws destroy acme --env dev --confirm acme     remove acme's site in dev")]
pub(super) struct DestroyArgs {
    /// The tenant.
    tenant: TenantId,
    /// The environment.
    #[arg(long, value_name = "NAME")]
    env: EnvironmentName,
    /// The tenant once more: nothing is destroyed without it.
    #[arg(long, value_name = "TENANT")]
    confirm: Option<TenantId>,
    #[command(flatten)]
    bypass: BypassArgs,
}

/// Runs the verb.
pub(super) async fn run(
    global: &Global,
    args: DestroyArgs,
    interrupt: Interrupt,
) -> Result<ExitCode, CliError> {
    let fleet = super::fleet(global)?;
    let change = Change {
        verb: "destroy",
        environment: environment(&fleet, &args.env)?,
        scope: Scope {
            lifted: args.bypass.lifted([&args.tenant]),
            destroy: Some(args.tenant),
            ..Scope::default()
        },
        confirmed: args.confirm.into_iter().collect(),
        bypass: args.bypass.bypass_freeze,
        approved: None,
    };
    carry_out(global, &fleet, change, interrupt).await
}
