//! A pull request of a few files, made by GitHub's API alone: no git, no checkout, no credentials for pushing.

use super::client::{Client, GithubError};
use aws_smithy_types::base64;
use hyper::Method;
use serde_json::{Value, json};

/// A file that a pull request changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// From the repository's root, with `/` between its parts.
    pub path: String,
    /// What it held when the change was made; none when it is new.
    pub before: Option<String>,
    /// What it is to hold; none when it is to go.
    pub after: Option<String>,
}

/// Opens a pull request that puts `files` on top of the default branch, and returns its page.
///
/// Repeated, it moves the branch and leaves the pull request that is open.
///
/// # Errors
/// GitHub's, and [`GithubError::Stale`].
pub async fn open_pull_request(
    client: &Client,
    branch: &str,
    (title, body): (&str, &str),
    files: &[File],
) -> Result<String, GithubError> {
    let repository: Value = client.get("").await?;
    let base = repository["default_branch"].as_str().unwrap_or("main");
    let head: Value = client.get(&format!("git/ref/heads/{base}")).await?;
    let parent = &head["object"]["sha"];
    for file in files {
        is_current(client, base, file).await?;
    }
    let entries: Vec<_> = files.iter().map(entry).collect();
    let tree = json!({"base_tree": parent, "tree": entries});
    let tree = client.write(Method::POST, "git/trees", &tree).await?;
    let commit = json!({"message": title, "tree": tree["sha"], "parents": [parent]});
    let commit = client.write(Method::POST, "git/commits", &commit).await?;
    let known = client
        .list(&format!("git/matching-refs/heads/{branch}"), None)
        .await?;
    let name = format!("refs/heads/{branch}");
    if known.iter().any(|known| known["ref"] == *name) {
        let moved = json!({"sha": commit["sha"], "force": true});
        let path = format!("git/refs/heads/{branch}");
        client.write(Method::PATCH, &path, &moved).await?;
    } else {
        let made = json!({"ref": name, "sha": commit["sha"]});
        client.write(Method::POST, "git/refs", &made).await?;
    }
    let open = client.list("pulls?state=open", None).await?;
    let present = open.iter().find(|pull| {
        pull["head"]["ref"] == branch
            && pull["head"]["repo"]["full_name"] == repository["full_name"]
    });
    let page = match present {
        Some(present) => present["html_url"].clone(),
        None => {
            let pull = json!({"title": title, "body": body, "head": branch, "base": base});
            let made = client.write(Method::POST, "pulls", &pull).await?;
            made["html_url"].clone()
        }
    };
    Ok(page.as_str().unwrap_or_default().to_owned())
}

fn entry(file: &File) -> Value {
    let mut entry = json!({"path": file.path, "mode": "100644", "type": "blob"});
    match &file.after {
        Some(content) => entry["content"] = content.as_str().into(),
        // GitHub's way to say that it goes.
        None => entry["sha"] = Value::Null,
    }
    entry
}

/// A change of an old checkout would take back what others have done to the file since.
async fn is_current(client: &Client, base: &str, file: &File) -> Result<(), GithubError> {
    let Some(before) = &file.before else {
        return Ok(());
    };
    let held: Value = client
        .get(&format!("contents/{}?ref={base}", file.path))
        .await?;
    let content: String = held["content"]
        .as_str()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    match base64::decode(content) {
        Ok(content) if content == before.as_bytes() => Ok(()),
        _ => Err(GithubError::Stale(file.path.clone())),
    }
}
