//! What the verbs that look at AWS have in common: which environment, which tenants, and how their errors read.

use super::{CliError, ExitCode};
use crate::apply::LeaseError;
use crate::cloud::{Class, CloudError};
use crate::manifest::{Environment, EnvironmentName, Fleet, Line, TenantId};
use crate::plan::Refusal;
use clap::Args;
use std::collections::BTreeSet;

/// Which part of the fleet a verb is about.
#[derive(Clone, Debug, Args)]
pub(super) struct ScopeArgs {
    /// The environment.
    #[arg(long, value_name = "NAME")]
    pub env: EnvironmentName,
    /// Only this tenant; may be repeated.
    #[arg(long = "tenant", value_name = "TENANT")]
    pub tenants: Vec<TenantId>,
}

impl ScopeArgs {
    /// The tenants named, if any were.
    pub(super) fn only(&self) -> Option<BTreeSet<TenantId>> {
        (!self.tenants.is_empty()).then(|| self.tenants.iter().cloned().collect())
    }
}

/// The way around a freeze or a hold, for emergencies.
#[derive(Clone, Debug, Args)]
pub(super) struct BypassArgs {
    /// Change what git has frozen, and tenants that are named here although they have a hold. Why is recorded for good.
    #[arg(long, value_name = "REASON")]
    pub bypass_freeze: Option<Line>,
}

impl BypassArgs {
    /// Of the tenants that are named, those whose hold does not count.
    pub(super) fn lifted<'a>(
        &self,
        named: impl IntoIterator<Item = &'a TenantId>,
    ) -> BTreeSet<TenantId> {
        match &self.bypass_freeze {
            Some(_) => named.into_iter().cloned().collect(),
            None => BTreeSet::new(),
        }
    }
}

/// Whether a verb looks further than AWS's lists.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct DeepArgs {
    /// Also check what no AWS list shows (schemas, grants, WordPress's settings), by one job a cell.
    #[arg(long)]
    pub deep: bool,
}

/// The valid fleet and one of its environments.
pub(super) fn environment<'a>(
    fleet: &'a Fleet,
    name: &EnvironmentName,
) -> Result<&'a Environment, CliError> {
    fleet.environments.get(name).ok_or_else(|| {
        let known: Vec<_> = fleet.environments.keys().map(ToString::to_string).collect();
        CliError::new(ExitCode::Usage, format!("there is no environment {name}"))
            .next(format!("use one of: {}", known.join(", ")))
    })
}

impl From<CloudError> for CliError {
    fn from(error: CloudError) -> Self {
        Self::new(exit_code(&error), error.to_string()).next(error.next_step())
    }
}

impl From<LeaseError> for CliError {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Held { .. } => {
                Self::new(ExitCode::Refused, error.to_string()).next("nothing was changed")
            }
            LeaseError::Cloud(error) => error.into(),
        }
    }
}

/// The exit code that an error of AWS ends a verb with.
pub(super) fn exit_code(error: &CloudError) -> ExitCode {
    match error {
        CloudError::RolledBack { .. } => ExitCode::RolledBack,
        CloudError::TimedOut { .. } => ExitCode::TimedOut,
        CloudError::Aws { .. }
        | CloudError::Job { .. }
        | CloudError::Unhealthy { .. }
        | CloudError::Unusable(_) => ExitCode::Failed,
    }
}

/// All refusals of a plan as one error.
pub(super) fn refused(refusals: &[Refusal], environment: &EnvironmentName) -> CliError {
    let lines: Vec<_> = refusals.iter().map(ToString::to_string).collect();
    let denied = refusals.iter().any(|r| {
        matches!(
            r,
            Refusal::Unreadable {
                class: Class::Denied,
                ..
            }
        )
    });
    let missing = refusals
        .iter()
        .any(|r| matches!(r, Refusal::NoSuchRelease { .. }));
    let unknown = refusals
        .iter()
        .any(|r| matches!(r, Refusal::NoSuchTenant { .. }));
    let unfit = refusals.iter().any(|r| matches!(r, Refusal::Unfit { .. }));
    let full = refusals.iter().any(|r| matches!(r, Refusal::NoRoom { .. }));
    let next = match (denied, missing) {
        _ if full => format!(
            "add a cell to `foundation` in environments/{environment}/environment.yaml and apply its Terraform; `bbws \
             capacity --env {environment}` shows what binds"
        ),
        _ if unknown => format!("`bbws status --env {environment}` lists them"),
        _ if unfit => {
            "nothing was changed; name what fits in the site's manifest, or another release"
                .to_owned()
        }
        (true, _) => {
            "allow the runner's role the operation named above, then plan again".to_owned()
        }
        (_, true) => format!(
            "`bbws image build` and `bbws image push --env {environment}` put a release there; or name one that is there"
        ),
        _ => "nothing was changed; run the same command again once AWS answers".to_owned(),
    };
    CliError::new(ExitCode::Failed, lines.join("\n")).next(next)
}
