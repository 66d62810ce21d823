//! One issue an environment and matter: opened or updated while it lasts, closed when it is over.

use super::client::{Client, GithubError};
use super::comment;
use super::deployment::log_url;
use super::input::{Checked, Checks, Item, Plan, Printed, Run};
use super::markdown::{block, code};
use hyper::Method;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;

/// By which its issues are found.
const LABEL: &str = "bbws";
/// Items that an issue lists.
const MOST: usize = 50;

/// After an apply of `commit`: while something is merged and not live, an issue says what stands, what does not, and how to go on.
///
/// # Errors
/// GitHub's.
pub async fn not_live(
    client: &Client,
    commit: &str,
    environment: &str,
    printed: &Printed<Run>,
) -> Result<(), GithubError> {
    let body = match (&printed.result, &printed.error) {
        (Some(run), _) if run.failed.is_empty() && run.skipped.is_empty() => None,
        (Some(run), _) => Some(of_run(run)),
        (None, error) => Some(format!(
            "The apply ended with exit code {} and changed nothing more:\n\n{}",
            printed.exit_code,
            comment::failure(error.as_ref())
        )),
    };
    let body = body.map(|body| {
        format!(
            "Commit {} is merged and not live in {}.\n\n{body}\nTo go on, run the workflow `apply` for {} (Actions, apply, Run \
             workflow), or:\n\n{}",
            code(commit),
            code(environment),
            code(environment),
            block("sh", &format!("bbws apply --env {environment}"))
        )
    });
    let title = format!("{environment} is not what main says");
    keep(client, ("not live", environment), &title, body).await
}

/// After a plan of main: while AWS differs, an issue holds the difference and the ways out.
///
/// # Errors
/// GitHub's.
pub async fn drift(
    client: &Client,
    environment: &str,
    printed: &Printed<Plan>,
) -> Result<(), GithubError> {
    let calm = printed
        .result
        .as_ref()
        .is_some_and(|plan| plan.verdict == "nothing_to_do");
    let body = (!calm).then(|| {
        format!(
            "{}\nTwo ways out:\n\n- make AWS what git says: the workflow `apply` for {} (Actions, apply, Run workflow), or {}\n- \
             make git what AWS is, as far as manifests can say it: the workflow `adopt`, or {}, which open a pull request\n",
            comment::text(environment, printed).short,
            code(environment),
            code(&format!("bbws apply --env {environment}")),
            code(&format!("bbws drift adopt --env {environment} --pr"))
        )
    });
    let title = format!("{environment} has drifted from main");
    keep(client, ("drift", environment), &title, body).await
}

/// After a doctor's or an audit's checks: while one of them does not pass, an issue says which, and what to do.
///
/// # Errors
/// GitHub's.
pub async fn checked(
    client: &Client,
    environment: &str,
    printed: &Printed<Checks>,
) -> Result<(), GithubError> {
    let verb = &printed.command;
    let body = (printed.exit_code != 0).then(|| {
        let again = code(&format!("bbws {verb} --env {environment}"));
        format!(
            "{}\n{again} shows all of it. Once nothing is left, the workflow closes this.\n",
            checks_text(printed)
        )
    });
    let title = format!("{verb} of {environment} does not pass");
    keep(client, (verb, environment), &title, body).await
}

/// Opens, updates or closes the issue of a matter. Repeated, it changes nothing more.
async fn keep(
    client: &Client,
    (matter, environment): (&str, &str),
    title: &str,
    body: Option<String>,
) -> Result<(), GithubError> {
    let marker = format!("<!-- bbws {matter} {environment} -->");
    let path = format!("issues?state=open&labels={LABEL}");
    let mut open = client.list(&path, None).await?;
    open.retain(|issue| {
        let text = issue["body"].as_str().unwrap_or_default();
        issue["user"]["type"] == "Bot" && text.starts_with(&marker)
    });
    let open = open
        .first()
        .map(|issue| format!("issues/{}", issue["number"]));
    let from = log_url()
        .as_str()
        .map_or_else(String::new, |url| format!("\n[The run]({url})\n"));
    match (open, body) {
        (None, None) => Ok(()),
        (None, Some(body)) => {
            let body = json!({
                "title": title, "body": format!("{marker}\n{body}{from}"), "labels": [LABEL],
            });
            client.write(Method::POST, "issues", &body).await.map(drop)
        }
        (Some(path), Some(body)) => {
            let body = json!({"body": format!("{marker}\n{body}{from}")});
            client.write(Method::PATCH, &path, &body).await.map(drop)
        }
        (Some(path), None) => {
            let said = json!({"body": format!("This is over.{from}")});
            let comments = format!("{path}/comments");
            client.write(Method::POST, &comments, &said).await?;
            let closed = json!({"state": "closed", "state_reason": "completed"});
            client.write(Method::PATCH, &path, &closed).await.map(drop)
        }
    }
}

fn of_run(run: &Run) -> String {
    let mut text = String::from("**Stands**: ");
    let mut done: BTreeMap<&str, usize> = BTreeMap::new();
    for item in &run.changed {
        *done.entry(&item.tenant).or_default() += 1;
    }
    let done: Vec<_> = done
        .iter()
        .take(MOST)
        .map(|(tenant, count)| format!("{} ({count})", code(tenant)))
        .collect();
    text.push_str(&match done.is_empty() {
        true => "nothing was changed".to_owned(),
        false => format!("changes of {}", done.join(", ")),
    });
    text.push_str("\n\n**Does not**:\n\n");
    for item in run.failed.iter().take(MOST) {
        let _ = writeln!(text, "- {}", named(item));
        for line in item.error.iter().chain(&item.next) {
            let _ = writeln!(text, "  - {}", code(line));
        }
    }
    for item in run.skipped.iter().take(MOST) {
        let _ = writeln!(text, "- {}, not begun", named(item));
    }
    text
}

fn named(item: &Item) -> String {
    format!(
        "{}: {} {}",
        code(&item.tenant),
        code(&item.action),
        code(&item.resource)
    )
}

/// What does not pass: what could not be read comes first, as nobody knows what it hides.
pub(super) fn checks_text(printed: &Printed<Checks>) -> String {
    let Some(Checks { checks }) = &printed.result else {
        return comment::failure(printed.error.as_ref());
    };
    let of = |verdict: &str| -> Vec<&Checked> {
        checks.iter().filter(|o| o.verdict == verdict).collect()
    };
    let (unreadable, findings) = (of("unreadable"), of("finding"));
    let mut text = format!(
        "{} checks: {} found something, {} could not look.\n\n",
        checks.len(),
        findings.len(),
        unreadable.len()
    );
    let failed = unreadable.iter().chain(&findings);
    for checked in failed.clone().take(MOST) {
        let _ = writeln!(
            text,
            "- {} of {}: {}\n  - {}",
            code(&checked.check),
            code(&checked.subject),
            code(&checked.found),
            code(&checked.fix)
        );
    }
    let more = failed.count().saturating_sub(MOST);
    if more > 0 {
        let _ = writeln!(text, "- and {more} more");
    }
    text
}

/// For a step summary.
pub(super) fn run_text(printed: &Printed<Run>) -> String {
    match (&printed.result, &printed.error) {
        (Some(run), _) => of_run(run),
        (None, error) => comment::failure(error.as_ref()),
    }
}
