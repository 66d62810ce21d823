//! A check run: the plan's verdict at a commit, with annotations on the lines of manifests.

use super::client::{Client, GithubError};
use super::comment::{risks, verdict};
use super::input::{Change, Plan, Printed};
use super::markdown::{block, code};
use crate::output::count;
use crate::plan::Fingerprint;
use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Annotations of one request, <https://docs.github.com/en/rest/checks/runs#update-a-check-run>.
const AT_ONCE: usize = 50;
/// Annotations in all: who has more reads the plan.
const MOST: usize = 500;
/// Characters of a summary: GitHub takes 65,535.
const SUMMARY: usize = 60_000;
/// What an approval is read from. GitHub shows no HTML comment.
const MARKER: &str = "<!-- bbws fingerprint ";

/// The name of an environment's check run.
pub(super) fn name(environment: &str) -> String {
    format!("bbws plan ({environment})")
}

/// `bbws validate --json`.
#[derive(Debug, Deserialize)]
pub struct Validation {
    findings: Vec<Finding>,
    warnings: Vec<Finding>,
}

#[derive(Debug, Deserialize)]
struct Finding {
    file: String,
    span: Option<Span>,
    rule: String,
    message: String,
    help: String,
}

#[derive(Debug, Deserialize)]
struct Span {
    start: Position,
    end: Position,
}

#[derive(Debug, Deserialize)]
struct Position {
    line: usize,
}

/// Writes the check run of `environment` at `commit`: makes it, or changes the one that is there.
///
/// # Errors
/// GitHub's.
pub async fn check(
    client: &Client,
    commit: &str,
    environment: &str,
    printed: &Printed<Plan>,
    validation: Option<&Validation>,
) -> Result<(), GithubError> {
    let name = name(environment);
    let mut annotations = validation.map(findings).unwrap_or_default();
    annotations.extend(printed.result.iter().flat_map(of_plan));
    annotations.truncate(MOST);
    let mut batches = annotations.chunks(AT_ONCE);
    let output = |annotations: &[Value]| {
        json!({
            "title": title(printed),
            "summary": summary(environment, printed),
            "annotations": annotations,
        })
    };
    let first = output(batches.next().unwrap_or_default());
    let mut body = json!({
        "name": name, "head_sha": commit, "status": "completed",
        "conclusion": conclusion(printed), "output": first,
    });
    let known = client
        .list(&of_commit(commit, &name), Some("check_runs"))
        .await?;
    // A run's annotations only ever grow: one that has some is not changed but followed by another, which GitHub shows.
    let bare = |run: &&Value| run["output"]["annotations_count"] == 0 && annotations.is_empty();
    let run = match known.iter().find(bare) {
        Some(run) => {
            if let Some(fields) = body.as_object_mut() {
                fields.remove("head_sha");
            }
            let path = format!("check-runs/{}", run["id"]);
            client.write(Method::PATCH, &path, &body).await?
        }
        None => client.write(Method::POST, "check-runs", &body).await?,
    };
    for batch in batches {
        let path = format!("check-runs/{}", run["id"]);
        let body = json!({"output": output(batch)});
        client.write(Method::PATCH, &path, &body).await?;
    }
    Ok(())
}

/// The path of the check runs of that name at a commit, the latest of each app.
pub(super) fn of_commit(commit: &str, name: &str) -> String {
    let name = name
        .replace(' ', "%20")
        .replace('(', "%28")
        .replace(')', "%29");
    format!("commits/{commit}/check-runs?check_name={name}&filter=latest")
}

fn conclusion(printed: &Printed<Plan>) -> &'static str {
    match printed.result.as_ref().map(|plan| plan.verdict.as_str()) {
        Some("ready" | "nothing_to_do") => "success",
        Some(_) => "neutral",
        None => "failure",
    }
}

fn title(printed: &Printed<Plan>) -> String {
    match &printed.result {
        Some(plan) => format!(
            "{} to add, {} to change, {} to destroy",
            plan.to_add, plan.to_change, plan.to_destroy
        ),
        None => "no plan".to_owned(),
    }
}

fn summary(environment: &str, printed: &Printed<Plan>) -> String {
    let Some(plan) = &printed.result else {
        let error = printed.error.as_ref();
        let message = error.map_or("it says not why", |error| error.message.as_str());
        let message: String = message.chars().take(SUMMARY).collect();
        return format!(
            "No plan of {}:\n\n{}",
            code(environment),
            block("text", &message)
        );
    };
    let mut text = verdict(plan) + "\n";
    for risk in risks(plan) {
        let line = format!("\n- {risk}");
        if text.chars().count() + line.chars().count() > SUMMARY / 3 {
            break;
        }
        text.push_str(&line);
    }
    let mut fingerprint = plan.fingerprint.clone();
    let mut marker = marked(&fingerprint);
    if marker.len() > SUMMARY / 2 {
        // Which tenants differ, nobody can tell then; that something does, still.
        fingerprint.tenants = BTreeMap::new();
        marker = marked(&fingerprint);
    }
    format!("{text}\n\n{marker}\n")
}

fn marked(fingerprint: &Fingerprint) -> String {
    format!("{MARKER}{} -->", json!(fingerprint))
}

/// The fingerprint that a summary holds.
pub(super) fn fingerprint(summary: &str) -> Option<Fingerprint> {
    let (_, rest) = summary.rsplit_once(MARKER)?;
    let (json, _) = rest.split_once(" -->")?;
    serde_json::from_str(json).ok()
}

fn annotation(
    (file, start, end): (&str, usize, usize),
    level: &str,
    title: &str,
    message: String,
) -> Value {
    json!({
        "path": file, "start_line": start, "end_line": end.max(start),
        "annotation_level": level, "title": title, "message": message,
    })
}

fn findings(validation: &Validation) -> Vec<Value> {
    let all = |findings: &[Finding], level: &'static str| -> Vec<Value> {
        let made = findings.iter().map(|finding| {
            let span = finding.span.as_ref();
            let lines = span.map_or((1, 1), |span| (span.start.line, span.end.line));
            let place = (finding.file.as_str(), lines.0, lines.1);
            let message = format!("{}\n{}", finding.message, finding.help);
            annotation(place, level, &finding.rule, message)
        });
        made.collect()
    };
    let mut made = all(&validation.findings, "failure");
    made.extend(all(&validation.warnings, "warning"));
    made
}

fn of_plan(plan: &Plan) -> Vec<Value> {
    let mut made = Vec::new();
    for (reason, place, what) in plan
        .freeze
        .iter()
        .map(|freeze| (&freeze.reason, &freeze.place, "frozen".to_owned()))
        .chain(plan.left_alone.iter().map(|left| {
            let what = format!("{} is left alone", left.tenant);
            (&left.hold.reason, &left.hold.place, what)
        }))
    {
        let place = (place.file.as_str(), place.line, place.line);
        made.push(annotation(place, "warning", &what, reason.clone()));
    }
    let mut lines: BTreeMap<(&str, usize), Vec<&Change>> = BTreeMap::new();
    for change in &plan.changes {
        let site = plan.sites.get(&change.tenant);
        if let Some(manifest) = site.and_then(|site| site.manifest.as_ref()) {
            let line = line(change, &manifest.lines);
            lines
                .entry((&manifest.file, line))
                .or_default()
                .push(change);
        }
    }
    for ((file, line), changes) in lines {
        let said: Vec<_> = changes
            .iter()
            .map(|change| {
                format!(
                    "{} the {} ({})",
                    change.action, change.resource, change.reason
                )
            })
            .collect();
        let title = format!("{} in {}", count(changes.len(), "change"), plan.environment);
        made.push(annotation(
            (file, line, line),
            "notice",
            &title,
            said.join("\n"),
        ));
    }
    made
}

/// The line of the key that a change comes from, as far as the changed fields tell; else the first.
fn line(change: &Change, lines: &BTreeMap<String, usize>) -> usize {
    /// Fields of AWS that manifests call otherwise.
    const OTHERWISE: [(&str, &str); 5] = [
        ("image", "release"),
        ("min", "tasks"),
        ("max", "tasks"),
        ("limit", "monthly_budget"),
        ("aliases", "domains"),
    ];
    let segments = change.fields.iter().flat_map(|field| field.path.split('.'));
    let mut keys = segments.map(|segment| {
        let otherwise = OTHERWISE.iter().find(|(field, _)| *field == segment);
        otherwise.map_or(segment, |(_, key)| key)
    });
    keys.find_map(|key| lines.get(key).copied()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_survives_the_summary() {
        let fingerprint = Fingerprint {
            plan: "ab".to_owned(),
            tenants: BTreeMap::from([("a--b".to_owned(), "cd".to_owned())]),
        };
        let forged = "<!-- bbws fingerprint {\"plan\":\"00\",\"tenants\":{}} -->";
        let summary = format!("{}\n\n{}\n", code(forged), marked(&fingerprint));
        assert_eq!(super::fingerprint(&summary), Some(fingerprint));
        assert_eq!(super::fingerprint("nothing"), None);
    }
}
