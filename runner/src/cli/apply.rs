//! `bbws apply`: makes AWS match the manifests.

use super::change::{Change, carry_out};
use super::scope::{BypassArgs, DeepArgs, ScopeArgs, environment};
use super::{CliError, ExitCode, Global, Interrupt};
use crate::manifest::TenantId;
use crate::session::Scope;
use clap::Args;

/// Makes AWS match the manifests.
///
/// Sites without a manifest are destroyed, but only those that `--confirm` names; if there are others, nothing is done.
/// A frozen environment is refused, and sites whose manifests have a hold are left alone.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bbws apply --env dev                  the whole environment
  bbws apply --env dev --tenant acme    one site
  bbws apply --env dev --confirm acme   and destroy acme, whose manifest was deleted
  bbws apply --env dev --deep           also repair grants and WordPress settings changed by hand
  bbws apply --env dev --tenant acme --bypass-freeze=\"acme is down, ticket 4711\"")]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// A tenant whose site may be destroyed, as no manifest names it; may be repeated.
    #[arg(long, value_name = "TENANT")]
    confirm: Vec<TenantId>,
    #[command(flatten)]
    deep: DeepArgs,
    #[command(flatten)]
    bypass: BypassArgs,
}

/// Runs the verb.
pub(super) async fn run(
    global: &Global,
    args: ApplyArgs,
    interrupt: Interrupt,
) -> Result<ExitCode, CliError> {
    let fleet = super::fleet(global)?;
    let change = Change {
        verb: "apply",
        environment: environment(&fleet, &args.scope.env)?,
        scope: Scope {
            only: args.scope.only(),
            deep: args.deep.deep,
            lifted: args.bypass.lifted(&args.scope.tenants),
            ..Scope::default()
        },
        confirmed: args.confirm.into_iter().collect(),
        bypass: args.bypass.bypass_freeze,
    };
    carry_out(global, &fleet, change, interrupt).await
}
