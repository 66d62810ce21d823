//! The report of a site's deletion: what went, and what can still be had. One object in the artifact bucket, for good.

use super::Summary;
use crate::cloud::{Cloud, CloudError};
use crate::manifest::{Moment, TenantId};
use crate::plan::{Op, Plan};
use crate::resource::{Inventory, Kind, RECOVERY_DAYS};
use serde::Serialize;
use time::{Duration, OffsetDateTime};

/// A site that was removed. `removals/<tenant>/<run>.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Removed {
    /// 1.
    version: u32,
    run: String,
    environment: String,
    /// Whose site.
    pub tenant: TenantId,
    /// Who ran it.
    holder: String,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// When the grace ended that its manifest had set; null where it was confirmed instead.
    scheduled: Option<Moment>,
    /// By this run; what an earlier one deleted before it broke off stands in that run's record.
    deleted: Vec<Deleted>,
    /// Where its last dump and its uploads lie; null where it never had content.
    pub content: Option<String>,
    /// Until when its secrets can be restored.
    #[serde(with = "time::serde::rfc3339")]
    pub secrets_until: OffsetDateTime,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Deleted {
    resource: &'static str,
    id: Option<String>,
}

impl Removed {
    /// Those sites of `plan` of which `summary` left nothing.
    #[must_use]
    pub fn of(
        (plan, inventory): (&Plan, &Inventory),
        summary: &Summary,
        bucket: &str,
        (run, holder): (&str, &str),
    ) -> Vec<Self> {
        let at = OffsetDateTime::now_utc();
        let failed = summary.failed.iter().map(|failure| &failure.item);
        let left: Vec<_> = failed
            .chain(&summary.skipped)
            .map(|item| &item.tenant)
            .collect();
        let gone = plan
            .destroyed()
            .into_iter()
            .filter(|tenant| !left.contains(&tenant));
        gone.map(|tenant| {
            let of_tenant = plan.changes.iter().filter(|change| change.tenant == tenant);
            let deleted = of_tenant
                .filter(|change| change.op == Op::Delete)
                .map(|change| Deleted {
                    resource: change.kind.label(),
                    id: change.id.clone(),
                });
            let wordpress = inventory
                .found
                .get(&tenant)
                .and_then(|found| found.get(&Kind::Wordpress));
            // An earlier run may have taken it.
            let taken = wordpress.and_then(|found| found.attributes.get("final").cloned());
            let installed = wordpress.filter(|found| !found.fields.is_null());
            let prefix =
                taken.or_else(|| installed.map(|_| format!("tenants/{tenant}/final/{run}/")));
            Self {
                version: 1,
                run: run.to_owned(),
                environment: plan.environment.clone(),
                holder: holder.to_owned(),
                at,
                scheduled: plan.scheduled.get(&tenant).cloned(),
                deleted: deleted.collect(),
                content: prefix.map(|prefix| format!("s3://{bucket}/{prefix}")),
                secrets_until: at + Duration::days(RECOVERY_DAYS),
                tenant,
            }
        })
        .collect()
    }

    /// Writes it down.
    ///
    /// # Errors
    /// AWS's.
    pub async fn record(&self, cloud: &Cloud) -> Result<(), CloudError> {
        let key = format!("removals/{}/{}.json", self.tenant, self.run);
        cloud.write_record(&key, self).await
    }
}
