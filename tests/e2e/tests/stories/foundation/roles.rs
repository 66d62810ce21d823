//! The runner under the roles that Terraform made for workflows, assumed as a workflow assumes them: by a token that names a
//! repository and a GitHub environment.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use e2e::{Bbws, FLEET_REPOSITORY, Role, World, job_token};
use localcloud::proxy::Filter;

use super::{ACCOUNT, TENANT};

/// Actions that a role has and this story does not use, each with its reason.
const UNUSED: &str = include_str!("unused.txt");

fn role(kind: &'static str) -> Role {
    Role::new(ACCOUNT, "dev", kind)
}

/// The runner as a role, in a job of a repository and GitHub environment.
fn workflow(world: &World, kind: &'static str, repository: &str, within: &str) -> Result<Bbws> {
    let token = job_token(world.fleet.path(), repository, within)?;
    let variables = role(kind).assumed(world.variables(), &token);
    Bbws::new(world.fleet.path(), variables)
}

pub(super) fn plan(world: &World) -> Result<Bbws> {
    workflow(world, "plan", FLEET_REPOSITORY, "dev-plan")
}

pub(super) fn apply(world: &World) -> Result<Bbws> {
    workflow(world, "apply", FLEET_REPOSITORY, "dev")
}

/// `plan` plans, and writes nothing.
pub(super) async fn plan_only_looks(world: &World) -> Result<()> {
    let outcome = plan(world)?
        .run(&["plan", "--env", "dev", "--json"])
        .await?;
    let planned = outcome.expect_code(0)?.drifts()?;
    ensure!(!planned.is_empty(), "there is a site to make");
    let apply = ["apply", "--env", "dev", "--tenant", TENANT];
    let refused = plan(world)?.run(&apply).await?.expect_code(1)?;
    ensure!(
        refused.stderr.contains("AccessDenied") && refused.stderr.contains("s3:PutObject"),
        "the refusal is not clear: {}",
        refused.stderr
    );
    let names = world.cloud.proxy().inventory(ACCOUNT).await?;
    let made: Vec<_> = names.iter().filter(|name| name.contains(TENANT)).collect();
    ensure!(made.is_empty(), "plan made {made:?}");
    world.note("the role plan looks, and cannot write");
    Ok(())
}

/// `plan` sees all that `audit` and `doctor` look at, and they find what `dev` leaves out, and what no day has brought yet.
pub(super) async fn plan_examines(world: &World) -> Result<()> {
    let unprotected = [
        "alb-deletion-protection",
        "rds-deletion-protection",
        "backup-locked",
    ];
    let unmade = ["backup-recent", "backup-copied"];
    let audited = [&unprotected[..], &unmade].concat();
    // A role that plans may not apply.
    for (verb, wanted) in [("audit", &audited[..]), ("doctor", &["permission"])] {
        let outcome = plan(world)?.run(&[verb, "--env", "dev", "--json"]).await?;
        let json = outcome.json()?;
        let checks = json["result"]["checks"].as_array().context("no checks")?;
        let mut bad = checks.iter().filter(|check| check["verdict"] != "pass");
        let found: BTreeSet<_> = bad.clone().filter_map(|c| c["check"].as_str()).collect();
        ensure!(
            bad.all(|check| check["verdict"] == "finding")
                && found == wanted.iter().copied().collect(),
            "{verb} under the role plan: {:#?}",
            checks
                .iter()
                .filter(|check| check["verdict"] != "pass")
                .collect::<Vec<_>>()
        );
    }
    world.note("the role plan audits and examines");
    Ok(())
}

/// Neither another repository nor another GitHub environment of the same one.
pub(super) async fn nobody_else_gets_in(world: &World) -> Result<()> {
    for (repository, within) in [
        ("example/other", "dev"),
        (FLEET_REPOSITORY, "dev-plan"),
        (FLEET_REPOSITORY, "prod"),
    ] {
        let stranger = workflow(world, "apply", repository, within)?;
        let status = stranger
            .run(&["status", "--env", "dev"])
            .await?
            .expect_code(1)?;
        ensure!(
            status.stderr.contains("AssumeRoleWithWebIdentity"),
            "{repository} in {within} is refused for another reason: {}",
            status.stderr
        );
    }
    world.note("nobody else may assume the roles");
    Ok(())
}

/// Whoever applies dev can neither change how dev is made, nor reach prod.
pub(super) async fn apply_stays_within_dev(world: &World) -> Result<()> {
    let prod = apply(world)?.run(&["plan", "--env", "prod"]).await?;
    let refused = prod.expect_code(1)?;
    ensure!(
        refused.stderr.contains(ACCOUNT),
        "prod is refused for another reason: {}",
        refused.stderr
    );
    Ok(())
}

/// Every action of the roles `plan` and `apply` was used, or stands on the list of those that are for something else.
pub(super) async fn nothing_is_granted_for_nothing(world: &World) -> Result<()> {
    let scaling = Filter::service("application-autoscaling");
    let mut problems = Vec::new();
    for kind in ["plan", "apply"] {
        let role = role(kind);
        let allowed = role.allowed(world, &scaling).await?;
        problems.extend(
            role.granted_for_nothing(&world.aws, &allowed, UNUSED)
                .await?,
        );
    }
    ensure!(problems.is_empty(), "{problems:#?}");
    world.note("every action that was granted is used or explained");
    Ok(())
}
