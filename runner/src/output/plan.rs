//! A plan as people read it.

use super::Palette;
use crate::manifest::TenantId;
use crate::plan::{Change, FieldChange, Op, Plan, Verdict};
use serde_json::Value;
use std::fmt::Write;

/// How many characters of a value a line shows.
const VALUE_WIDTH: usize = 90;

/// The plan, tenant by tenant, its last line the counts: `Plan: 2 to add, 1 to change, 0 to destroy`.
#[must_use]
pub fn plan(plan: &Plan, palette: &Palette) -> String {
    let mut text = String::new();
    let mut current = None;
    for change in &plan.changes {
        if current != Some(&change.tenant) {
            let gap = if current.is_some() { "\n" } else { "" };
            let title = format!("{} ({})", change.tenant, plan.environment);
            let _ = writeln!(text, "{gap}{}", palette.paint(palette.strong, title));
            current = Some(&change.tenant);
        }
        push_change(&mut text, change, palette);
    }
    if plan.verdict() == Verdict::NothingToDo {
        let _ = writeln!(
            text,
            "Nothing to do: {} is as its manifests say.",
            plan.environment
        );
    } else if !plan.changes.is_empty() {
        text.push('\n');
    }
    push_stops(&mut text, plan, palette);
    for (tenant, revision) in &plan.held {
        let _ = writeln!(
            text,
            "Held: {tenant} stays on {revision} until `bbws rollout resume`."
        );
    }
    // One wave of one site goes without saying.
    if plan.waves.concat().len() > 1 {
        for (wave, tenants) in plan.waves.iter().enumerate() {
            let names: Vec<_> = tenants.iter().map(TenantId::as_str).collect();
            let _ = writeln!(text, "Wave {}: {}", wave + 1, names.join(", "));
        }
    }
    for (tenant, after) in &plan.scheduled {
        let _ = writeln!(
            text,
            "Removal: {tenant} is kept until {after}; after that it needs no confirmation."
        );
    }
    for note in &plan.notes {
        let _ = writeln!(text, "{note}");
    }
    if let Some(more) = plan.monthly.filter(|more| !more.is_nothing()) {
        let _ = writeln!(text, "Cost: {more} a month");
    }
    let (add, change, destroy) = plan.counts();
    let _ = write!(
        text,
        "Plan: {add} to add, {change} to change, {destroy} to destroy"
    );
    text
}

/// What an apply would leave alone or refuse, and why.
fn push_stops(text: &mut String, plan: &Plan, palette: &Palette) {
    for left in &plan.left_alone {
        let title = palette.paint(palette.warn, "Left alone");
        let _ = writeln!(text, "{title}: {}: {}", left.tenant, left.hold);
        for change in &left.changes {
            push_change(text, change, palette);
        }
    }
    if let (Verdict::Frozen, Some(freeze)) = (plan.verdict(), &plan.freeze) {
        let title = palette.paint(palette.bad, "Frozen");
        let _ = writeln!(text, "{title}: {}, {freeze}", plan.environment);
    }
}

/// One change of a plan: a line, and one more for each field that is to change.
#[must_use]
pub fn change(change: &Change, palette: &Palette) -> String {
    let mut text = String::new();
    push_change(&mut text, change, palette);
    text
}

fn push_change(text: &mut String, change: &Change, palette: &Palette) {
    let style = match change.op {
        Op::Create => palette.good,
        Op::Update | Op::Replace => palette.warn,
        Op::Delete => palette.bad,
    };
    let symbol = palette.paint(style, format_args!("{:>3}", change.op.symbol()));
    let id = change
        .id
        .as_deref()
        .map(|id| format!(" {id}"))
        .unwrap_or_default();
    let reason = palette.paint(palette.faint, format_args!("# {}", change.reason.text()));
    let _ = writeln!(text, "{symbol} {}{id}  {reason}", change.kind.label());
    if matches!(change.op, Op::Update | Op::Replace) {
        for field in &change.fields {
            let _ = writeln!(text, "        {}: {}", field.path, arrow(field));
        }
    }
}

fn arrow(field: &FieldChange) -> String {
    let show = |value: &Option<Value>| value.as_ref().map_or_else(|| "(none)".to_owned(), short);
    format!("{} -> {}", show(&field.before), show(&field.after))
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(VALUE_WIDTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Reason;
    use crate::resource::Kind;
    use serde_json::json;

    #[test]
    fn shows_what_why_and_which_fields() {
        let tenant = || "acme".parse().expect("a valid tenant id");
        let change = |kind, op, reason, id: Option<&str>, fields| Change {
            tenant: tenant(),
            kind,
            op,
            reason,
            id: id.map(str::to_owned),
            fields,
        };
        let field = FieldChange {
            path: "task_definition".to_owned(),
            before: Some(json!("bbws-dev-acme:6")),
            after: Some(json!("bbws-dev-acme:7")),
        };
        let shown = plan(
            &Plan {
                environment: "dev".to_owned(),
                changes: vec![
                    change(Kind::LogGroup, Op::Create, Reason::Missing, None, vec![]),
                    change(
                        Kind::Service,
                        Op::Update,
                        Reason::Differs,
                        Some("bbws-dev-acme"),
                        vec![field],
                    ),
                ],
                ..Plan::default()
            },
            &Palette::default(),
        );
        assert_eq!(
            shown,
            "acme (dev)\n  + log group  # missing in AWS\n  ~ service bbws-dev-acme  # differs from the manifest\n        \
             task_definition: \"bbws-dev-acme:6\" -> \"bbws-dev-acme:7\"\n\nPlan: 1 to add, 1 to change, 0 to destroy"
        );
    }
}
