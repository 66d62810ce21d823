//! A plan as people read it on a pull request. Pure: from the plan's JSON to Markdown.

use super::input::{Change, Failure, Field, Plan, Printed};
use super::markdown::{block, code, html};
use crate::output::count;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Characters of a comment. GitHub takes 65,536.
const LONGEST: usize = 60_000;
/// Characters of a value of a field.
const VALUE: usize = 160;
/// Kept free for the end of a text that is cut.
const END: usize = 600;

/// The text and, where it is cut, the whole of it.
#[derive(Debug)]
pub(super) struct Text {
    /// At most [`LONGEST`] characters.
    pub(super) short: String,
    /// None when the short one is the whole.
    pub(super) whole: Option<String>,
}

/// What a plan of `environment` comes to: a heading, verdict, cost, risks, and each tenant's changes folded.
pub(super) fn text(environment: &str, printed: &Printed<Plan>) -> Text {
    let (head, details) = match (&printed.result, &printed.error) {
        (Some(plan), _) => (head(plan), details(plan)),
        (None, error) => (failed(environment, error.as_ref()), Vec::new()),
    };
    let mut whole = head.clone();
    whole.extend(details.iter().map(String::as_str));
    if whole.chars().count() <= LONGEST {
        return Text {
            short: whole,
            whole: None,
        };
    }
    let mut short: String = head.chars().take(LONGEST - END).collect();
    let mut length = short.chars().count();
    let mut left = details.len();
    for detail in &details {
        length += detail.chars().count();
        if length > LONGEST - END {
            break;
        }
        short.push_str(detail);
        left -= 1;
    }
    let _ = write!(
        short,
        "\n\n{} more did not fit: the workflow's artifact `plan-{environment}` holds all of it.\n",
        count(left, "site")
    );
    Text {
        short,
        whole: Some(whole),
    }
}

fn failed(environment: &str, error: Option<&Failure>) -> String {
    format!("### {}: no plan\n\n{}", code(environment), failure(error))
}

/// Why a verb failed, and what to do; half of a comment at most.
pub(super) fn failure(error: Option<&Failure>) -> String {
    let message = error.map_or("It said not why.", |error| error.message.as_str());
    let message: String = message.chars().take(LONGEST / 2).collect();
    let next = error.and_then(|error| error.next.as_deref());
    let next = next.map(|next| format!("\nNext: {}\n", code(next)));
    block("text", &message) + &next.unwrap_or_default()
}

fn head(plan: &Plan) -> String {
    let mut text = format!(
        "### {}: {} to add, {} to change, {} to destroy\n\n{}\n",
        code(&plan.environment),
        plan.to_add,
        plan.to_change,
        plan.to_destroy,
        verdict(plan)
    );
    if let Some(more) = plan.monthly_difference.filter(|more| !more.is_nothing()) {
        let _ = writeln!(text, "\n**Cost** {more} a month");
    }
    let risks = risks(plan);
    if !risks.is_empty() {
        let _ = writeln!(text, "\n**Risks**\n\n- {}", risks.join("\n- "));
    }
    if !plan.notes.is_empty() {
        let notes: Vec<_> = plan.notes.iter().map(|note| code(note)).collect();
        let _ = writeln!(text, "\n**Notes**\n\n- {}", notes.join("\n- "));
    }
    let _ = writeln!(text, "\nFingerprint {}\n", code(&plan.fingerprint.plan));
    text
}

/// One sentence: what a merge would do.
pub(super) fn verdict(plan: &Plan) -> String {
    let stop = plan.freeze.as_ref().map(|freeze| {
        let place = format!("{}:{}", freeze.place.file, freeze.place.line);
        format!("{} ({})", code(&freeze.reason), code(&place))
    });
    match plan.verdict.as_str() {
        "nothing_to_do" => "**Nothing to do**: AWS is as the manifests say.".to_owned(),
        "ready" => "**Ready**: an apply carries this out.".to_owned(),
        "frozen" => format!("**Frozen**: an apply refuses: {}", stop.unwrap_or_default()),
        "on_hold" => "**On hold**: an apply refuses, as all that differs has a hold.".to_owned(),
        other => format!("**{}**", code(other)),
    }
}

/// What somebody who approves should look at twice.
pub(super) fn risks(plan: &Plan) -> Vec<String> {
    let mut risks = Vec::new();
    let gone = |change: &&Change| {
        matches!(
            change.reason.as_str(),
            "no manifest names this tenant" | "destroy was asked for"
        )
    };
    let mut destroyed: Vec<_> = plan
        .changes
        .iter()
        .filter(gone)
        .map(|c| &c.tenant)
        .collect();
    destroyed.dedup();
    for tenant in destroyed {
        risks.push(format!(
            "**destroys the site of {}**, after a final dump, and only with `--confirm`",
            code(tenant)
        ));
    }
    for change in plan.changes.iter().filter(|c| c.action == "replace") {
        risks.push(format!(
            "replaces the {} of {}",
            code(&change.resource),
            code(&change.tenant)
        ));
    }
    let rolled: usize = plan.waves.iter().map(Vec::len).sum();
    if rolled > 0 {
        risks.push(format!(
            "replaces the tasks of {}, in {}",
            count(rolled, "site"),
            count(plan.waves.len(), "wave")
        ));
    }
    for left in &plan.left_alone {
        risks.push(format!(
            "leaves {} alone: {}",
            code(&left.tenant),
            code(&left.hold.reason)
        ));
    }
    risks
}

fn details(plan: &Plan) -> Vec<String> {
    let mut tenants: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
    for change in &plan.changes {
        tenants.entry(&change.tenant).or_default().push(change);
    }
    let left_alone = plan.left_alone.iter().map(|left| {
        (
            left.tenant.as_str(),
            left.changes.iter().collect(),
            ", left alone",
        )
    });
    let changing = tenants
        .into_iter()
        .map(|(tenant, changes)| (tenant, changes, ""));
    changing
        .chain(left_alone)
        .map(|(tenant, changes, more): (_, Vec<&Change>, _)| {
            let lines: Vec<_> = changes.iter().map(|change| lines(change)).collect();
            format!(
                "<details><summary>{}: {}{more}</summary>\n\n{}\n</details>\n",
                html(tenant),
                count(changes.len(), "change"),
                block("diff", &lines.concat())
            )
        })
        .collect()
}

/// As a diff colours it.
fn lines(change: &Change) -> String {
    let sign = match change.action.as_str() {
        "create" => '+',
        "delete" => '-',
        _ => '!',
    };
    let mut text = format!(
        "{sign} {} {}  # {}\n",
        change.action,
        plain(&change.resource),
        plain(&change.reason)
    );
    if matches!(change.action.as_str(), "update" | "replace") {
        for Field {
            path,
            before,
            after,
        } in &change.fields
        {
            let _ = writeln!(
                text,
                "    {}: {} -> {}",
                plain(path),
                short(before),
                short(after)
            );
        }
    }
    text
}

fn short(value: &Option<Value>) -> String {
    let text = value
        .as_ref()
        .map_or_else(|| "(none)".to_owned(), Value::to_string);
    match text.char_indices().nth(VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// One line of a block.
fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}
