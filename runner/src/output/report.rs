//! The JSON of plans and runs: types of their own, so that the inside can change without its readers noticing.

use crate::apply::Summary;
use crate::plan::{FieldChange, Plan};
use serde::Serialize;

/// `bbws plan --json`.
#[derive(Debug, Serialize)]
pub struct PlanReport {
    environment: String,
    to_add: usize,
    to_change: usize,
    to_destroy: usize,
    changes: Vec<ChangeReport>,
}

#[derive(Debug, Serialize)]
struct ChangeReport {
    tenant: String,
    resource: &'static str,
    action: &'static str,
    id: Option<String>,
    reason: &'static str,
    fields: Vec<FieldChange>,
}

impl From<&Plan> for PlanReport {
    fn from(plan: &Plan) -> Self {
        let (to_add, to_change, to_destroy) = plan.counts();
        let changes = plan.changes.iter().map(|change| ChangeReport {
            tenant: change.tenant.to_string(),
            resource: change.kind.label(),
            action: change.op.word(),
            id: change.id.clone(),
            reason: change.reason.text(),
            fields: change.fields.clone(),
        });
        Self {
            environment: plan.environment.clone(),
            to_add,
            to_change,
            to_destroy,
            changes: changes.collect(),
        }
    }
}

/// `bbws apply --json` and `bbws destroy --json`.
#[derive(Debug, Serialize)]
pub struct RunReport {
    changed: Vec<ItemReport>,
    failed: Vec<ItemReport>,
    skipped: Vec<ItemReport>,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct ItemReport {
    tenant: String,
    resource: &'static str,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl From<&Summary> for RunReport {
    fn from(summary: &Summary) -> Self {
        let item = |(tenant, kind, op): &(
            crate::manifest::TenantId,
            crate::resource::Kind,
            crate::plan::Op,
        )| ItemReport {
            tenant: tenant.to_string(),
            resource: kind.label(),
            action: op.word(),
            error: None,
            next: None,
        };
        let failed = summary.failed.iter().map(|failure| ItemReport {
            error: Some(failure.error.to_string()),
            next: Some(failure.error.next_step()),
            ..item(&(failure.tenant.clone(), failure.kind, failure.op))
        });
        Self {
            changed: summary.done.iter().map(item).collect(),
            failed: failed.collect(),
            skipped: summary.skipped.iter().map(item).collect(),
            seconds: summary.elapsed.as_secs_f64(),
        }
    }
}
