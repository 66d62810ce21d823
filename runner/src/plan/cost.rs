//! What a plan adds to the month's bill.

use super::{Change, Input};
use crate::manifest::TenantId;
use crate::report::{Amount, Load, difference};
use crate::resource::Kind;
use serde_json::Value;
use std::collections::BTreeSet;

/// The difference of the tenants that change, from what AWS runs to what the manifests ask for; none where the price table
/// lacks the region.
pub(super) fn monthly(input: &Input<'_>, changes: &[Change]) -> Option<Amount> {
    let tenants: BTreeSet<_> = changes.iter().map(|change| &change.tenant).collect();
    let region = &input.foundation.region;
    let of = |tenant: &&TenantId| {
        let after = input.context(tenant).site.map(Load::from);
        difference(region, running(input, tenant), after).ok()
    };
    tenants.iter().map(of).sum()
}

/// What AWS runs of a tenant.
fn running(input: &Input<'_>, tenant: &TenantId) -> Option<Load> {
    let found = input.inventory.found.get(tenant)?;
    found.get(&Kind::Service)?;
    let number = |kind: Kind, field: &str| {
        let value = found
            .get(&kind)?
            .fields
            .get(field)
            .and_then(Value::as_u64)?;
        u32::try_from(value).ok()
    };
    Some(Load {
        cpu: number(Kind::TaskDefinition, "cpu")?,
        memory: number(Kind::TaskDefinition, "memory")?,
        min: number(Kind::Autoscaling, "min").unwrap_or(1),
        max: number(Kind::Autoscaling, "max").unwrap_or(1),
    })
}
