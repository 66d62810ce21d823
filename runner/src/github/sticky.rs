//! One comment a pull request and environment, edited in place, and the labels that go with it.

use super::client::{Client, GithubError};
use super::comment::text;
use super::input::{Plan, Printed};
use hyper::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The number of a pull request.
pub type PullRequest = u64;

/// Writes what the plan comes to. Returns the whole text where the comment holds only its beginning.
///
/// Repeated, it edits the comment that is there. Two at once leave one: whoever finds an older comment takes back their own.
///
/// # Errors
/// GitHub's.
pub async fn comment(
    client: &Client,
    pull_request: PullRequest,
    environment: &str,
    printed: &Printed<Plan>,
) -> Result<Option<String>, GithubError> {
    let marker = format!("<!-- bbws plan {environment} -->");
    let text = text(environment, printed);
    let body = json!({"body": format!("{marker}\n{}", text.short)});
    let created = match own(client, pull_request, &marker).await?.first() {
        Some(present) if present["body"] == body["body"] => return Ok(text.whole),
        Some(present) => {
            edit(client, present, &body).await?;
            return Ok(text.whole);
        }
        None => {
            let path = format!("issues/{pull_request}/comments");
            client.write(Method::POST, &path, &body).await?
        }
    };
    let all = own(client, pull_request, &marker).await?;
    if let Some(oldest) = all.first().filter(|oldest| oldest["id"] != created["id"]) {
        edit(client, oldest, &body).await?;
        let path = format!("issues/comments/{}", created["id"]);
        client.write(Method::DELETE, &path, &Value::Null).await?;
    }
    Ok(text.whole)
}

async fn edit(client: &Client, comment: &Value, body: &Value) -> Result<(), GithubError> {
    let path = format!("issues/comments/{}", comment["id"]);
    client.write(Method::PATCH, &path, body).await.map(drop)
}

/// The comments that begin with `marker`, oldest first. Only a bot's: anybody may write the marker into a comment of theirs.
async fn own(
    client: &Client,
    pull_request: PullRequest,
    marker: &str,
) -> Result<Vec<Value>, GithubError> {
    let path = format!("issues/{pull_request}/comments");
    let mut comments = client.list(&path, None).await?;
    comments.retain(|comment| {
        let body = comment["body"].as_str().unwrap_or_default();
        comment["user"]["type"] == "Bot" && body.starts_with(marker)
    });
    comments.sort_by_key(|comment| comment["id"].as_u64());
    Ok(comments)
}

/// Gives the pull request the environment's labels that fit the plan, and takes those away that no longer do.
///
/// # Errors
/// GitHub's.
pub async fn label(
    client: &Client,
    pull_request: PullRequest,
    environment: &str,
    printed: &Printed<Plan>,
) -> Result<(), GithubError> {
    let wanted = labels(environment, printed);
    let path = format!("issues/{pull_request}/labels");
    let present = client.list(&path, None).await?;
    let present: BTreeSet<_> = present
        .iter()
        .filter_map(|label| label["name"].as_str().map(str::to_owned))
        .collect();
    let missing: Vec<_> = wanted.difference(&present).collect();
    if !missing.is_empty() {
        let body = json!({"labels": missing});
        client.write(Method::POST, &path, &body).await?;
    }
    let own = format!("{environment}: ");
    let stale = present.difference(&wanted);
    for label in stale.filter(|label| label.starts_with(&own)) {
        // Environments' names and our own words: only the space and the colon need encoding.
        let name = label.replace(' ', "%20").replace(':', "%3A");
        let path = format!("{path}/{name}");
        client.write(Method::DELETE, &path, &Value::Null).await?;
    }
    Ok(())
}

fn labels(environment: &str, printed: &Printed<Plan>) -> BTreeSet<String> {
    let mut words = Vec::new();
    match &printed.result {
        None => words.push("no plan"),
        Some(plan) => {
            words.extend((plan.verdict == "frozen").then_some("frozen"));
            words.extend((plan.to_destroy > 0).then_some("destroys"));
            words.extend((plan.to_add + plan.to_change > 0).then_some("changes"));
        }
    }
    words
        .into_iter()
        .map(|word| format!("{environment}: {word}"))
        .collect()
}
