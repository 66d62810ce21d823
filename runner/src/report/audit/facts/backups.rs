//! What the backup vaults hold, here and in the other region.

use super::Read;
use crate::cloud::{Cloud, aws};
use aws_sdk_backup::Client;
use aws_sdk_backup::types::RecoveryPointStatus;
use futures::future::join;
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// The two vaults of an environment.
#[derive(Clone, Debug)]
pub(in super::super) struct Backups {
    pub(in super::super) here: Vault,
    /// In the region to recover in.
    pub(in super::super) away: Vault,
}

#[derive(Clone, Debug)]
pub(in super::super) struct Vault {
    /// Region and name.
    pub(in super::super) name: String,
    /// Whether its recovery points are kept for their time, whoever wants them gone.
    pub(in super::super) locked: Read<bool>,
    /// When the newest complete recovery point of each thing was made, by ARN. Copies bear the ARN of what was copied.
    pub(in super::super) newest: Read<BTreeMap<String, OffsetDateTime>>,
}

pub(super) async fn read(cloud: &Cloud) -> Option<Backups> {
    let recovery = cloud.foundation.recovery.as_ref()?;
    let (name, region) = (&recovery.vault, &cloud.foundation.region);
    let away = &cloud.recovery.as_ref()?.backup;
    let (here, away) = join(
        vault(&cloud.backup, region, name),
        vault(away, &recovery.region, name),
    )
    .await;
    Some(Backups { here, away })
}

async fn vault(client: &Client, region: &str, name: &str) -> Vault {
    let described = client.describe_backup_vault().backup_vault_name(name);
    let (described, newest) = join(described.send(), newest(client, name)).await;
    let described = described.map_err(aws("backup:DescribeBackupVault"));
    Vault {
        name: format!("{region} {name}"),
        locked: described.map(|vault| vault.locked().unwrap_or(false)),
        newest,
    }
}

/// `ListRecoveryPointsByBackupVault`, 1,000 a page.
async fn newest(client: &Client, name: &str) -> Read<BTreeMap<String, OffsetDateTime>> {
    let points = client.list_recovery_points_by_backup_vault();
    let mut points = points
        .backup_vault_name(name)
        .max_results(1_000)
        .into_paginator()
        .items()
        .send();
    let mut newest = BTreeMap::new();
    while let Some(point) = points.next().await {
        let point = point.map_err(aws("backup:ListRecoveryPointsByBackupVault"))?;
        let made = point.creation_date();
        let made = made.and_then(|at| OffsetDateTime::from_unix_timestamp(at.secs()).ok());
        if let (Some(RecoveryPointStatus::Completed), Some(of), Some(made)) =
            (point.status(), point.resource_arn(), made)
        {
            let known = newest.entry(of.to_owned()).or_insert(made);
            *known = made.max(*known);
        }
    }
    Ok(newest)
}
