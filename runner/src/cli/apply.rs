//! `bbws apply`: makes AWS match the manifests.

use super::change::{Change, carry_out};
use super::scope::{BypassArgs, DeepArgs, ScopeArgs, environment};
use super::{CliError, ExitCode, Global, Interrupt};
use crate::github::approved_by;
use crate::manifest::TenantId;
use crate::session::Scope;
use clap::Args;
use std::path::PathBuf;

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
  bbws apply --env dev --approved plan.json   only if that is still what would be done
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
    /// Refuse any plan but the approved one: what `bbws github approved --json` or `bbws plan --json` printed.
    #[arg(long, value_name = "FILE")]
    approved: Option<PathBuf>,
}

/// Runs the verb.
pub(super) async fn run(
    global: &Global,
    args: ApplyArgs,
    interrupt: Interrupt,
) -> Result<ExitCode, CliError> {
    let fleet = super::fleet(global)?;
    let environment = environment(&fleet, &args.scope.env)?;
    let approved = args.approved.as_deref().map(approved_by).transpose()?;
    if let Some(other) = approved
        .as_ref()
        .filter(|approved| approved.environment != environment.name.as_str())
    {
        let message = format!(
            "the approved plan is of {}, not of {}; nothing was done",
            other.environment, environment.name
        );
        return Err(CliError::new(ExitCode::Refused, message));
    }
    let change = Change {
        verb: "apply",
        environment,
        scope: Scope {
            only: args.scope.only(),
            deep: args.deep.deep,
            lifted: args.bypass.lifted(&args.scope.tenants),
            ..Scope::default()
        },
        confirmed: args.confirm.into_iter().collect(),
        bypass: args.bypass.bypass_freeze,
        approved: approved.map(|approved| approved.fingerprint),
    };
    carry_out(global, &fleet, change, interrupt).await
}
