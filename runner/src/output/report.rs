//! The JSON of plans and runs: types of their own, so that the inside can change without its readers noticing.

use crate::apply::{Item, Removed, Summary};
use crate::manifest::{EnvironmentName, Freeze, Hold, Moment, TenantId};
use crate::plan::{Address, Change, FieldChange, Fingerprint, LeftAlone, Plan, Verdict};
use crate::report::Amount;
use crate::resource::Revision;
use serde::Serialize;
use std::collections::BTreeMap;

/// `bbws plan --json`.
#[derive(Debug, Serialize)]
pub struct PlanReport {
    environment: String,
    to_add: usize,
    to_change: usize,
    to_destroy: usize,
    /// What an apply would do.
    verdict: Verdict,
    /// Why an apply refuses; null when the environment is not frozen.
    freeze: Option<Freeze>,
    changes: Vec<ChangeReport>,
    /// Sites that differ and are left alone, as their manifests have a hold. Not counted above.
    left_alone: Vec<LeftAloneReport>,
    /// Tenants whose tasks are replaced, wave by wave.
    waves: Vec<Vec<TenantId>>,
    /// Sites that stay on a revision of their task definition (`<revision>:<digest>`) whatever their release says.
    held: BTreeMap<TenantId, Revision>,
    /// Which cells new sites go to where there is a choice, and which are nearly full.
    notes: Vec<String>,
    /// Where the sites that differ are.
    sites: BTreeMap<TenantId, Address>,
    /// Sites to be destroyed whose manifests had said so before, and when their grace ends.
    scheduled: BTreeMap<TenantId, Moment>,
    /// What the plan would do, in a few characters: for all tenants together, and for each that changes.
    fingerprint: Fingerprint,
    /// US dollars that the plan adds to the month's bill, at the fewest and at the most tasks; null where no price is known.
    monthly_difference: Option<Amount>,
}

#[derive(Debug, Serialize)]
struct LeftAloneReport {
    tenant: TenantId,
    hold: Hold,
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

impl From<&Change> for ChangeReport {
    fn from(change: &Change) -> Self {
        Self {
            tenant: change.tenant.to_string(),
            resource: change.kind.label(),
            action: change.op.word(),
            id: change.id.clone(),
            reason: change.reason.text(),
            fields: change.fields.clone(),
        }
    }
}

impl From<&LeftAlone> for LeftAloneReport {
    fn from(left: &LeftAlone) -> Self {
        Self {
            tenant: left.tenant.clone(),
            hold: left.hold.clone(),
            changes: left.changes.iter().map(ChangeReport::from).collect(),
        }
    }
}

impl From<&Plan> for PlanReport {
    fn from(plan: &Plan) -> Self {
        let (to_add, to_change, to_destroy) = plan.counts();
        Self {
            environment: plan.environment.clone(),
            to_add,
            to_change,
            to_destroy,
            verdict: plan.verdict(),
            freeze: plan.freeze.clone(),
            changes: plan.changes.iter().map(ChangeReport::from).collect(),
            left_alone: plan.left_alone.iter().map(LeftAloneReport::from).collect(),
            waves: plan.waves.clone(),
            held: plan.held.clone(),
            notes: plan.notes.clone(),
            sites: plan.sites.clone(),
            scheduled: plan.scheduled.clone(),
            fingerprint: plan.into(),
            monthly_difference: plan.monthly,
        }
    }
}

/// `bbws apply --json` and `bbws destroy --json`.
#[derive(Debug, Serialize)]
pub struct RunReport {
    environment: String,
    changed: Vec<ItemReport>,
    failed: Vec<ItemReport>,
    skipped: Vec<ItemReport>,
    seconds: f64,
    /// Where the sites are that were to change.
    sites: BTreeMap<TenantId, Address>,
    /// Sites of which nothing is left, and what can still be had of each.
    removed: Vec<Removed>,
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

impl RunReport {
    /// Of a run in `environment` that was to change `sites`.
    #[must_use]
    pub fn new(
        environment: &EnvironmentName,
        summary: &Summary,
        sites: &BTreeMap<TenantId, Address>,
        removed: &[Removed],
    ) -> Self {
        let report = |item: &Item| ItemReport {
            tenant: item.tenant.to_string(),
            resource: item.kind.label(),
            action: item.op.word(),
            error: None,
            next: None,
        };
        let failed = summary.failed.iter().map(|failure| ItemReport {
            error: Some(failure.error.to_string()),
            next: Some(failure.error.next_step()),
            ..report(&failure.item)
        });
        Self {
            changed: summary.done.iter().map(report).collect(),
            failed: failed.collect(),
            skipped: summary.skipped.iter().map(report).collect(),
            seconds: summary.elapsed.as_secs_f64(),
            sites: sites.clone(),
            removed: removed.to_vec(),
            environment: environment.to_string(),
        }
    }
}
