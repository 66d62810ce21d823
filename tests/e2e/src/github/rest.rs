//! The routes: what each does to the repository, and what it refuses.

use std::collections::BTreeMap;

use aws_smithy_types::base64;
use serde_json::{Value, json};

use super::{REPOSITORY, Repository, message};

type Answer = (u16, Value);

/// Answers one request below the API's prefix.
pub(super) fn answer(
    repository: &mut Repository,
    method: &str,
    (path, query): (&str, &str),
    body: &Value,
) -> Answer {
    let query = parse(query);
    let repository_path = format!("/repos/{REPOSITORY}");
    if (method, path) == ("GET", &repository_path) {
        return (
            200,
            json!({"full_name": REPOSITORY, "default_branch": "main"}),
        );
    }
    let Some(path) = path.strip_prefix(&format!("{repository_path}/")) else {
        return not_found();
    };
    let segments: Vec<String> = path.split('/').map(decode).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let id = |text: &str| text.parse::<u64>().unwrap_or_default();
    match (method, segments.as_slice()) {
        ("GET", ["issues"]) => page(&query, issues(repository, &query), None),
        ("POST", ["issues"]) => open_issue(repository, body),
        ("PATCH", ["issues", number]) => edit_issue(repository, id(number), body),
        ("GET", ["issues", number, "comments"]) => {
            let comments = repository.comments_of(id(number));
            let comments = comments.into_iter().cloned().collect();
            page(&query, comments, None)
        }
        ("POST", ["issues", number, "comments"]) => comment(repository, id(number), body),
        ("PATCH", ["issues", "comments", number]) => edit_comment(repository, id(number), body),
        ("DELETE", ["issues", "comments", number]) => {
            match repository.comments.remove(&id(number)) {
                Some(_) => (204, Value::Null),
                None => not_found(),
            }
        }
        ("GET", ["issues", number, "labels"]) => match repository.issues.get(&id(number)) {
            Some(issue) => {
                let labels = issue["labels"].as_array().cloned().unwrap_or_default();
                page(&query, labels, None)
            }
            None => not_found(),
        },
        ("POST", ["issues", number, "labels"]) => add_labels(repository, id(number), body),
        ("DELETE", ["issues", number, "labels", name]) => {
            remove_label(repository, id(number), name)
        }
        ("GET", ["commits", commit, "check-runs"]) => {
            let name = query.get("check_name");
            let runs = repository.check_runs.values().filter(|run| {
                run["head_sha"] == *commit && name.is_none_or(|name| run["name"] == **name)
            });
            let runs: Vec<_> = runs.cloned().collect();
            page(&query, runs, Some("check_runs"))
        }
        ("POST", ["check-runs"]) => check_run(repository, None, body),
        ("PATCH", ["check-runs", number]) => check_run(repository, Some(id(number)), body),
        ("GET", ["commits", commit, "pulls"]) => {
            let pulls = repository.pulls.get(*commit).cloned();
            page(&query, pulls.into_iter().collect(), None)
        }
        ("POST", ["deployments"]) => deployment(repository, body),
        ("POST", ["deployments", number, "statuses"]) => status(repository, id(number), body),
        ("GET", ["contents", names @ ..]) => match repository.files.get(&names.join("/")) {
            Some(content) => {
                let content = base64::encode(content);
                (200, json!({"encoding": "base64", "content": content}))
            }
            None => not_found(),
        },
        (_, ["git", ..]) => git(repository, method, &segments[1..], body),
        ("GET", ["pulls"]) => page(&query, repository.opened.values().cloned().collect(), None),
        ("POST", ["pulls"]) => open_pull_request(repository, body),
        _ => not_found(),
    }
}

/// Trees, commits and branches.
fn git(repository: &mut Repository, method: &str, segments: &[&str], body: &Value) -> Answer {
    let branch = |names: &[&str]| names.join("/");
    match (method, segments) {
        ("GET", ["ref", "heads", "main"]) => (200, json!({"object": {"sha": "0".repeat(40)}})),
        ("GET", ["matching-refs", "heads", names @ ..]) => {
            let start = branch(names);
            let matching = repository
                .branches
                .keys()
                .filter(|name| name.starts_with(&start));
            let refs: Vec<_> = matching
                .map(|name| json!({"ref": format!("refs/heads/{name}")}))
                .collect();
            (200, refs.into())
        }
        ("POST", ["trees" | "commits"]) if body["tree"].is_null() => invalid("Object"),
        ("POST", ["trees" | "commits"]) => {
            let sha = format!("{:040x}", repository.id());
            repository.objects.insert(sha.clone(), body.clone());
            (201, json!({"sha": sha}))
        }
        ("POST", ["refs"]) => {
            let name = body["ref"]
                .as_str()
                .and_then(|name| name.strip_prefix("refs/heads/"));
            match (name, body["sha"].as_str()) {
                (Some(name), Some(sha)) if !repository.branches.contains_key(name) => {
                    repository.branches.insert(name.to_owned(), sha.to_owned());
                    (201, body.clone())
                }
                _ => invalid("Reference"),
            }
        }
        ("PATCH", ["refs", "heads", names @ ..]) => {
            let sha = body["sha"].as_str().unwrap_or_default().to_owned();
            match repository.branches.get_mut(&branch(names)) {
                Some(commit) => {
                    *commit = sha;
                    (200, body.clone())
                }
                None => not_found(),
            }
        }
        _ => not_found(),
    }
}

/// One branch has one pull request.
fn open_pull_request(repository: &mut Repository, body: &Value) -> Answer {
    let head = body["head"].as_str().unwrap_or_default();
    let taken = repository
        .opened
        .values()
        .any(|pull| pull["head"]["ref"] == head);
    if taken || !repository.branches.contains_key(head) || body["base"] != "main" {
        return invalid("PullRequest");
    }
    let number = repository.id();
    let pull = json!({
        "number": number, "title": body["title"], "body": body["body"], "state": "open",
        "html_url": format!("https://github.example/{REPOSITORY}/pull/{number}"),
        "head": {"ref": head, "repo": {"full_name": REPOSITORY}},
    });
    repository.opened.insert(number, pull.clone());
    (201, pull)
}

fn not_found() -> Answer {
    (404, message("Not Found"))
}

fn invalid(what: &str) -> Answer {
    let errors = json!([{"resource": what, "code": "invalid"}]);
    (
        422,
        json!({"message": "Validation Failed", "errors": errors}),
    )
}

fn parse(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// 30 a page unless asked otherwise, 100 at most.
fn page(query: &BTreeMap<String, String>, all: Vec<Value>, field: Option<&str>) -> Answer {
    let number = |key: &str, default: usize| {
        let value = query.get(key).and_then(|value| value.parse().ok());
        value.unwrap_or(default)
    };
    let size = number("per_page", 30).min(100);
    let skipped = (number("page", 1).max(1) - 1) * size;
    let total = all.len();
    let items: Vec<_> = all.into_iter().skip(skipped).take(size).collect();
    match field {
        Some(field) => (200, json!({"total_count": total, field: items})),
        None => (200, items.into()),
    }
}

fn bot() -> Value {
    json!({"login": "github-actions[bot]", "type": "Bot"})
}

fn is_body(body: &Value) -> bool {
    let text = body["body"].as_str().unwrap_or_default();
    !text.is_empty() && text.chars().count() <= 65_536
}

fn issues(repository: &Repository, query: &BTreeMap<String, String>) -> Vec<Value> {
    let wanted = query.get("labels");
    let issues = repository.issues.iter().filter(|(number, issue)| {
        let labels = repository.labels_of(**number);
        query
            .get("state")
            .is_none_or(|state| state == "all" || issue["state"] == **state)
            && wanted.is_none_or(|wanted| wanted.split(',').all(|label| labels.contains(&label)))
    });
    issues.map(|(_, issue)| issue.clone()).collect()
}

fn open_issue(repository: &mut Repository, body: &Value) -> Answer {
    if !is_body(body) || !body["title"].is_string() {
        return invalid("Issue");
    }
    let number = repository.id();
    let labels = body["labels"].as_array().into_iter().flatten();
    let labels: Vec<_> = labels.map(|name| json!({"name": name})).collect();
    let issue = json!({
        "number": number, "title": body["title"], "body": body["body"], "state": "open",
        "labels": labels, "user": bot(),
    });
    repository.issues.insert(number, issue.clone());
    (201, issue)
}

fn edit_issue(repository: &mut Repository, number: u64, body: &Value) -> Answer {
    let Some(issue) = repository.issues.get_mut(&number) else {
        return not_found();
    };
    if body.get("body").is_some() && !is_body(body) {
        return invalid("Issue");
    }
    for (key, value) in body.as_object().into_iter().flatten() {
        issue[key] = value.clone();
    }
    (200, issue.clone())
}

fn comment(repository: &mut Repository, issue: u64, body: &Value) -> Answer {
    if !repository.issues.contains_key(&issue) {
        return not_found();
    }
    if !is_body(body) {
        return invalid("IssueComment");
    }
    let id = repository.id();
    let comment = json!({"id": id, "issue": issue, "body": body["body"], "user": bot()});
    repository.comments.insert(id, comment.clone());
    (201, comment)
}

fn edit_comment(repository: &mut Repository, id: u64, body: &Value) -> Answer {
    match repository.comments.get_mut(&id) {
        Some(_) if !is_body(body) => invalid("IssueComment"),
        Some(comment) => {
            comment["body"] = body["body"].clone();
            (200, comment.clone())
        }
        None => not_found(),
    }
}

fn add_labels(repository: &mut Repository, number: u64, body: &Value) -> Answer {
    let Some(issue) = repository.issues.get_mut(&number) else {
        return not_found();
    };
    let names: Vec<_> = body["labels"].as_array().into_iter().flatten().collect();
    let fits = |name: &&Value| name.as_str().is_some_and(|name| name.len() <= 50);
    if names.is_empty() || !names.iter().all(fits) {
        return invalid("Label");
    }
    let mut labels = issue["labels"].as_array().cloned().unwrap_or_default();
    labels.extend(names.into_iter().map(|name| json!({"name": name})));
    issue["labels"] = labels.clone().into();
    (200, labels.into())
}

fn remove_label(repository: &mut Repository, number: u64, name: &str) -> Answer {
    let Some(issue) = repository.issues.get_mut(&number) else {
        return not_found();
    };
    let mut labels = issue["labels"].as_array().cloned().unwrap_or_default();
    let before = labels.len();
    labels.retain(|label| label["name"] != name);
    if labels.len() == before {
        return not_found();
    }
    issue["labels"] = labels.clone().into();
    (200, labels.into())
}

fn check_run(repository: &mut Repository, id: Option<u64>, body: &Value) -> Answer {
    let output = &body["output"];
    let annotations = output["annotations"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let levels = ["notice", "warning", "failure"];
    let fits = |annotation: &Value| {
        let line = |key: &str| annotation[key].as_u64().unwrap_or_default();
        let level = annotation["annotation_level"].as_str().unwrap_or_default();
        let path = annotation["path"].as_str().unwrap_or_default();
        !path.is_empty()
            && !path.starts_with('/')
            && line("start_line") >= 1
            && line("end_line") >= line("start_line")
            && levels.contains(&level)
            && annotation["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
    };
    let summary = output["summary"].as_str().unwrap_or_default();
    if annotations.len() > 50
        || !annotations.iter().all(fits)
        || summary.chars().count() > 65_535
        || !output["title"].is_string()
    {
        return invalid("CheckRun");
    }
    let (id, mut run) = match id {
        Some(id) => match repository.check_runs.get(&id) {
            Some(run) => (id, run.clone()),
            None => return not_found(),
        },
        None if body["head_sha"].is_string() && body["name"].is_string() => {
            let app = json!({"slug": "github-actions"});
            (repository.id(), json!({"app": app, "annotations": []}))
        }
        None => return invalid("CheckRun"),
    };
    for (key, value) in body.as_object().into_iter().flatten() {
        run[key] = value.clone();
    }
    let mut all = run["annotations"].as_array().cloned().unwrap_or_default();
    all.extend(annotations);
    run["id"] = id.into();
    run["output"]["annotations_count"] = all.len().into();
    run["annotations"] = all.into();
    repository.check_runs.insert(id, run.clone());
    (201, run)
}

fn deployment(repository: &mut Repository, body: &Value) -> Answer {
    if !body["ref"].is_string() || !body["environment"].is_string() {
        return invalid("Deployment");
    }
    let id = repository.id();
    let mut deployment = body.clone();
    deployment["id"] = id.into();
    deployment["statuses"] = json!([]);
    repository.deployments.insert(id, deployment.clone());
    (201, deployment)
}

fn status(repository: &mut Repository, id: u64, body: &Value) -> Answer {
    const STATES: [&str; 7] = [
        "error",
        "failure",
        "inactive",
        "in_progress",
        "queued",
        "pending",
        "success",
    ];
    let Some(deployment) = repository.deployments.get_mut(&id) else {
        return not_found();
    };
    let state = body["state"].as_str().unwrap_or_default();
    let is_url = |key: &str| body[key].as_str().is_none_or(|url| url.starts_with("http"));
    if !STATES.contains(&state) || !is_url("environment_url") || !is_url("log_url") {
        return invalid("DeploymentStatus");
    }
    let mut statuses = deployment["statuses"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    statuses.push(body.clone());
    deployment["statuses"] = statuses.into();
    (201, body.clone())
}
