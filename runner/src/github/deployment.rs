//! One deployment a site and run, with the site's URL.

use super::client::{Client, GithubError};
use super::input::Run;
use hyper::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Tells GitHub of each site that the run was to change whether it is live at `commit`, in a GitHub environment of the site's own:
/// `dev/acme`. Sites that were destroyed are left out.
///
/// Repeated, it makes other deployments: each run is one.
///
/// # Errors
/// GitHub's.
pub async fn deploy(client: &Client, commit: &str, run: &Run) -> Result<(), GithubError> {
    let troubled = run.failed.iter().chain(&run.skipped);
    let troubled: BTreeSet<_> = troubled.map(|item| item.tenant.as_str()).collect();
    for (tenant, site) in &run.sites {
        let Some(url) = &site.url else {
            continue;
        };
        let body = json!({
            "ref": commit,
            "environment": format!("{}/{tenant}", run.environment),
            "description": format!("bbws apply --env {}", run.environment),
            "auto_merge": false,
            // Branch protection has asked for the checks already.
            "required_contexts": [],
        });
        let deployment = client.write(Method::POST, "deployments", &body).await?;
        let state = match troubled.contains(tenant.as_str()) {
            true => "failure",
            false => "success",
        };
        let status = json!({
            "state": state,
            "environment_url": url,
            "log_url": log_url(),
            "auto_inactive": true,
        });
        let path = format!("deployments/{}/statuses", deployment["id"]);
        client.write(Method::POST, &path, &status).await?;
    }
    Ok(())
}

/// The page of the workflow's run; null outside of one.
pub(super) fn log_url() -> Value {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let parts = (
        variable("GITHUB_SERVER_URL"),
        variable("GITHUB_REPOSITORY"),
        variable("GITHUB_RUN_ID"),
    );
    match parts {
        (Some(server), Some(repository), Some(run)) => {
            format!("{server}/{repository}/actions/runs/{run}").into()
        }
        _ => Value::Null,
    }
}
