//! The record of a run in the artifact bucket: one object, written when the run starts and when it ends. An apply needs
//! no more, as it goes on from what exists; the record is for people.

use super::{Bypass, Summary};
use crate::cloud::{Cloud, CloudError};
use crate::plan::Plan;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A run's record, `runs/<run>.json`.
#[derive(Debug)]
pub struct Journal {
    key: String,
    record: Value,
}

impl Journal {
    /// Writes that `run` of `verb` begins, and what it bypasses. A crash later leaves it with the state `running`.
    ///
    /// # Errors
    /// AWS's.
    pub async fn begin(
        cloud: &Cloud,
        run: &str,
        verb: &str,
        holder: &str,
        (plan, bypass): (&Plan, Option<&Bypass>),
    ) -> Result<Self, CloudError> {
        let journal = Self {
            key: format!("runs/{run}.json"),
            record: json!({
                "version": 1,
                "run": run,
                "verb": verb,
                "holder": holder,
                "state": "running",
                "started": now(),
                "plan": plan,
                "bypass": bypass,
            }),
        };
        journal.write(cloud).await?;
        Ok(journal)
    }

    /// Writes how the run ended.
    ///
    /// # Errors
    /// AWS's.
    pub async fn end(mut self, cloud: &Cloud, summary: &Summary) -> Result<(), CloudError> {
        let failed = summary.failed.iter().map(|failure| {
            json!({
                "tenant": failure.item.tenant,
                "kind": failure.item.kind,
                "op": failure.item.op,
                "error": failure.error.to_string(),
            })
        });
        self.record["state"] = if summary.failed.is_empty() {
            "done".into()
        } else {
            "failed".into()
        };
        self.record["ended"] = now().into();
        self.record["changed"] = summary.done.len().into();
        self.record["skipped"] = summary.skipped.len().into();
        self.record["failed"] = failed.collect();
        self.write(cloud).await
    }

    async fn write(&self, cloud: &Cloud) -> Result<(), CloudError> {
        cloud.write_record(&self.key, &self.record).await
    }
}

fn now() -> String {
    OffsetDateTime::now_utc()
        .format(&Rfc3339)
        .unwrap_or_default()
}
