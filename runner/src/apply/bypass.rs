//! The record of a run that changed what git had frozen or on hold: one object in the artifact bucket, for good.

use crate::cloud::{Cloud, CloudError, aws};
use serde::{Deserialize, Serialize};
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

const PREFIX: &str = "bypasses/";

/// Why and by whom a freeze or holds were not heeded. `bypasses/<run>.json`; also in the run's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bypass {
    /// 1.
    pub version: u32,
    /// The run's id.
    pub run: String,
    /// What was run.
    pub verb: String,
    /// Who ran it.
    pub holder: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Why.
    pub reason: String,
    /// The freeze and the holds, each with its place in the manifests.
    pub bypassed: Vec<String>,
}

impl Bypass {
    /// Writes it down. A repeat writes the same object again.
    ///
    /// # Errors
    /// AWS's.
    pub async fn record(&self, cloud: &Cloud) -> Result<(), CloudError> {
        let key = format!("{PREFIX}{}.json", self.run);
        cloud.write_record(&key, self).await
    }

    /// Those since `days` before `now`, oldest first.
    ///
    /// # Errors
    /// AWS's, or a record that cannot be read.
    pub async fn since(
        cloud: &Cloud,
        now: OffsetDateTime,
        days: i64,
    ) -> Result<Vec<Self>, CloudError> {
        // The keys are runs' ids, which sort by time.
        let date = (now - Duration::days(days))
            .format(format_description!("[year][month][day]"))
            .unwrap_or_default();
        let mut pages = cloud
            .s3
            .list_objects_v2()
            .bucket(&cloud.foundation.artifacts.bucket)
            .prefix(PREFIX)
            .start_after(format!("{PREFIX}{date}"))
            .into_paginator()
            .send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(aws("s3:ListObjectsV2"))?;
            let contents = page.contents().iter();
            keys.extend(contents.filter_map(|object| object.key().map(str::to_owned)));
        }
        futures::future::try_join_all(keys.iter().map(|key| read(cloud, key))).await
    }
}

async fn read(cloud: &Cloud, key: &str) -> Result<Bypass, CloudError> {
    let bucket = &cloud.foundation.artifacts.bucket;
    serde_json::from_slice(&cloud.read_object(key).await?).map_err(|error| {
        CloudError::Unusable(format!("s3://{bucket}/{key} is not readable: {error}"))
    })
}
