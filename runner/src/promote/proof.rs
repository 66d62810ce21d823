//! Whether the backups of what a site keeps its content in can be restored. AWS Backup's restore tests show it: a job each, which
//! restores a recovery point, and deletes what it made.

use super::Side;
use crate::cloud::{CloudError, aws};
use aws_sdk_backup::Client;
use aws_sdk_backup::types::{RestoreJobStatus, RestoreJobsListMember, RestoreValidationStatus};
use time::{Duration, OffsetDateTime};

/// What keeps the backups of a site's database and files from being proved: one line each, none where both were restored within so
/// many days.
///
/// # Errors
/// AWS's.
pub(super) async fn missing(
    side: Side<'_>,
    days: u32,
    now: OffsetDateTime,
) -> Result<Vec<String>, CloudError> {
    let (foundation, cell) = (side.context.foundation, side.context.cell);
    let kept_in = [
        foundation.database_arn(&cell.database.instance),
        foundation.file_system_arn(&cell.file_system_id),
    ];
    let mut missing = Vec::new();
    for arn in kept_in {
        let last = last(&side.cloud.backup, &arn).await?;
        if last.is_some_and(|last| now - last <= Duration::days(days.into())) {
            continue;
        }
        let last = last.map_or_else(
            || "none ever was".to_owned(),
            |last| format!("the last was {} days ago", (now - last).whole_days()),
        );
        missing.push(format!(
            "no backup of {arn} was restored within {days} days, as environments/{}/environment.yaml wants it \
             (restore_proof_days): {last}; AWS Backup does so where module backup has `restore_testing`",
            side.context.who.environment
        ));
    }
    Ok(missing)
}

/// When a backup of a resource was restored for the last time.
async fn last(client: &Client, arn: &str) -> Result<Option<OffsetDateTime>, CloudError> {
    let mut jobs = client
        .list_restore_jobs_by_protected_resource()
        .resource_arn(arn)
        .into_paginator()
        .items()
        .send();
    let mut last = None;
    while let Some(job) = jobs.next().await {
        let job = job.map_err(aws("backup:ListRestoreJobsByProtectedResource"))?;
        // AWS promises no order.
        last = last.max(restored(&job));
    }
    Ok(last)
}

/// When it ended, if it is a proof: one that nobody validated shows that AWS could restore, one that failed validation does not.
fn restored(job: &RestoreJobsListMember) -> Option<OffsetDateTime> {
    let completed = job.status() == Some(&RestoreJobStatus::Completed);
    let refuted = job.validation_status() == Some(&RestoreValidationStatus::Failed);
    let at = job.completion_date().filter(|_| completed && !refuted)?;
    OffsetDateTime::from_unix_timestamp(at.secs()).ok()
}
