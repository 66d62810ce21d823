//! What was approved: the fingerprint of the plan at the head of the pull request that a commit came from.

use super::check::{fingerprint, name, of_commit};
use super::client::{Client, GithubError};
use crate::plan::Fingerprint;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// The result of `bbws github approved --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// Where.
    pub environment: String,
    /// The plan's.
    pub fingerprint: Fingerprint,
}

/// The plan that was approved with the pull request whose merge made `commit`; none without such a pull request or plan.
///
/// It is read from the check run at the pull request's head, which only an app can write, and which a later push leaves behind.
///
/// # Errors
/// GitHub's.
pub async fn approved(
    client: &Client,
    commit: &str,
    environment: &str,
) -> Result<Option<Approved>, GithubError> {
    let pulls = client
        .list(&format!("commits/{commit}/pulls"), None)
        .await?;
    let merged =
        |pull: &&Value| pull["merged_at"].is_string() && pull["merge_commit_sha"] == commit;
    let Some(head) = pulls
        .iter()
        .find(merged)
        .and_then(|pull| pull["head"]["sha"].as_str())
    else {
        return Ok(None);
    };
    let path = of_commit(head, &name(environment));
    let mut runs = client.list(&path, Some("check_runs")).await?;
    runs.retain(|run| run["app"]["slug"] == "github-actions");
    runs.sort_by_key(|run| run["id"].as_u64());
    let summary = runs
        .last()
        .and_then(|run| run["output"]["summary"].as_str());
    Ok(summary.and_then(fingerprint).map(|fingerprint| Approved {
        environment: environment.to_owned(),
        fingerprint,
    }))
}

/// What `bbws github approved --json` or `bbws plan --json` printed into `file`.
///
/// # Errors
/// The file system's; it is neither.
pub fn approved_by(file: &Path) -> Result<Approved, GithubError> {
    #[derive(Deserialize)]
    struct Either {
        result: Result,
    }
    #[derive(Deserialize)]
    struct Result {
        environment: String,
        fingerprint: Fingerprint,
    }
    let failed = |reason: String| GithubError::File {
        file: file.display().to_string(),
        reason,
    };
    let text = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
    let Either { result } = serde_json::from_slice(&text)
        .map_err(|error| failed(format!("holds no fingerprint of a plan: {error}")))?;
    Ok(Approved {
        environment: result.environment,
        fingerprint: result.fingerprint,
    })
}
