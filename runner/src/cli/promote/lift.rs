//! `bbws promote lift`: the end of a quarantine.

use super::{confirmed, heed_stops};
use crate::apply::Lease;
use crate::cli::scope::environment;
use crate::cli::{CliError, ExitCode, Global};
use crate::manifest::{EnvironmentName, Fleet, TenantId};
use crate::output;
use crate::promote::{self, Side};
use crate::session::{Scope, Session, run_id};
use serde::Serialize;

#[derive(Serialize)]
struct Lifted {
    was_quarantined: bool,
}

pub(super) async fn lift(
    global: &Global,
    fleet: &Fleet,
    (tenant, env): (&TenantId, &EnvironmentName),
    confirm: Option<&TenantId>,
) -> Result<ExitCode, CliError> {
    let session = Session::open(fleet, environment(fleet, env)?).await?;
    let (scope, inventory) = (Scope::default(), session.read().await);
    let context = promote::site(&session, &scope, &inventory, tenant)?;
    heed_stops(&session, (tenant, env))?;
    let would = format!(
        "let {tenant} ({}) in {env} mail and call out",
        context.home()
    );
    confirmed(tenant, confirm, &would)?;
    let jobs = session.jobs("", &inventory);
    let target = Side {
        cloud: &session.cloud,
        context: &context,
        jobs: &jobs,
    };
    let lease = Lease::acquire(&session.cloud, tenant, &run_id()).await?;
    let lifted = promote::lift(target).await;
    lease.release(&session.cloud).await;
    let was_quarantined = lifted?;
    if global.json {
        let result = Lifted { was_quarantined };
        output::print(output::result("promote lift", ExitCode::Done, &result));
    } else if was_quarantined {
        output::print(format_args!("{tenant} is no longer quarantined in {env}"));
    } else {
        output::print(format_args!("{tenant} was not quarantined in {env}"));
    }
    Ok(ExitCode::Done)
}
