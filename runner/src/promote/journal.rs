//! The record of a promotion in the artifact bucket of the environment that it changes: one object a run, written before and after
//! each step, so that another run can carry on.

use crate::cloud::{Class, Cloud, CloudError, aws};
use crate::manifest::{EnvironmentName, TenantId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use site_job::protocol::Content;
use std::fmt;
use time::OffsetDateTime;

/// What a promotion does, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Takes the snapshot that is promoted, at the source.
    Export,
    /// Takes a snapshot of what is about to be replaced.
    Keep,
    /// Makes the role that may read the snapshot, and nothing else.
    Lend,
    /// Loads it beside the target's content, proves and tries it.
    Load,
    /// Puts it in place.
    Switch,
    /// Empties the edge's caches.
    Purge,
    /// Visits the site as its visitors do.
    Verify,
    /// Puts the old content back.
    Return,
    /// Removes what is beside the site's content, and the role.
    Settle,
}

impl Step {
    /// What it is called in reports.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Keep => "keep",
            Self::Lend => "lend",
            Self::Load => "load",
            Self::Switch => "switch",
            Self::Purge => "purge",
            Self::Verify => "verify",
            Self::Return => "return",
            Self::Settle => "settle",
        }
    }
}

/// How a promotion stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Under way, or its runner died: the same command carries on.
    Running,
    /// The target has the content.
    Done,
    /// The target has what it had before.
    RolledBack,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "unfinished",
            Self::Done => "done",
            Self::RolledBack => "rolled back",
        })
    }
}

/// What is promoted, from where, to where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Whose site.
    pub tenant: TenantId,
    /// The source; the target itself when a promotion is taken back.
    pub from: EnvironmentName,
    /// The target.
    pub to: EnvironmentName,
    /// What of the content.
    pub content: Content,
    /// The run whose snapshot of the target is put back, when a promotion is taken back.
    pub undoes: Option<String>,
    /// The manifest's request that this carries out.
    #[serde(default)]
    pub request: Option<String>,
}

impl Order {
    /// Whether `other` is of the same content, whoever asked for it.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        let of = |order: &Self| Self {
            request: None,
            ..order.clone()
        };
        of(self) == of(other)
    }
}

/// One attempt at a step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// Which step.
    pub step: Step,
    /// 1 for the first.
    pub number: u32,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub began: OffsetDateTime,
    /// When it ended; none while it is under way, or when its runner died.
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended: Option<OffsetDateTime>,
    /// Why it failed.
    pub error: Option<String>,
    /// What it made.
    pub result: Value,
}

/// The record of one promotion.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// 1.
    pub version: u32,
    /// The run's id.
    pub run: String,
    /// Who began it.
    pub holder: String,
    /// What it is to do.
    pub order: Order,
    /// How it stands.
    pub state: State,
    /// Why it was rolled back.
    pub reason: Option<String>,
    /// Oldest first.
    pub attempts: Vec<Attempt>,
}

impl Record {
    /// A promotion that has not begun.
    #[must_use]
    pub fn new(run: String, holder: String, order: Order) -> Self {
        Self {
            version: 1,
            run,
            holder,
            order,
            state: State::Running,
            reason: None,
            attempts: Vec::new(),
        }
    }

    /// What `step` made, if it succeeded.
    #[must_use]
    pub fn result<T: DeserializeOwned>(&self, step: Step) -> Option<T> {
        let done = |attempt: &&Attempt| {
            attempt.step == step && attempt.ended.is_some() && attempt.error.is_none()
        };
        let attempt = self.attempts.iter().rev().find(done)?;
        serde_json::from_value(attempt.result.clone()).ok()
    }

    /// Whether it carried out a manifest's `request`, for good or ill.
    #[must_use]
    pub fn has_ended(&self, request: &str) -> bool {
        self.state != State::Running && self.order.request.as_deref() == Some(request)
    }

    /// Whether `step` succeeded.
    #[must_use]
    pub fn has(&self, step: Step) -> bool {
        self.result::<Value>(step).is_some()
    }

    /// Begins an attempt and returns its number, and whether it is one whose end nobody saw.
    pub(super) fn begin(&mut self, step: Step) -> (u32, bool) {
        let last = self
            .attempts
            .iter()
            .rev()
            .find(|attempt| attempt.step == step);
        if let Some(open) = last.filter(|attempt| attempt.ended.is_none()) {
            return (open.number, true);
        }
        let number = last.map_or(1, |last| last.number + 1);
        self.attempts.push(Attempt {
            step,
            number,
            began: OffsetDateTime::now_utc(),
            ended: None,
            error: None,
            result: Value::Null,
        });
        (number, false)
    }

    /// Ends the attempt that is open.
    pub(super) fn end(&mut self, step: Step, outcome: Result<Value, String>) {
        let open = |attempt: &&mut Attempt| attempt.step == step && attempt.ended.is_none();
        if let Some(attempt) = self.attempts.iter_mut().rev().find(open) {
            attempt.ended = Some(OffsetDateTime::now_utc());
            match outcome {
                Ok(result) => attempt.result = result,
                Err(error) => attempt.error = Some(error),
            }
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// AWS's.
    pub async fn write(&self, cloud: &Cloud) -> Result<(), CloudError> {
        let key = format!("{}{}.json", folder(&self.order.tenant), self.run);
        cloud.write_record(&key, self).await
    }
}

fn folder(tenant: &TenantId) -> String {
    format!("promotions/{tenant}/")
}

/// The record of one lift of a quarantine. It lies beside the promotions' folder and not in it: a bbws that knows no lifts would take
/// it for a promotion that it cannot read. (A tenant's id has no dot.)
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lift {
    /// 1.
    pub version: u32,
    /// The run's id.
    pub run: String,
    /// Who lifted it.
    pub holder: String,
    /// When it ended; none while it is under way, or when its runner died.
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended: Option<OffsetDateTime>,
    /// Whether there was a quarantine; told at the end.
    pub was_quarantined: Option<bool>,
}

impl Lift {
    pub(super) async fn write(&self, cloud: &Cloud, tenant: &TenantId) -> Result<(), CloudError> {
        let key = format!("{}{}.json", folder_of_lifts(tenant), self.run);
        cloud.write_record(&key, self).await
    }
}

fn folder_of_lifts(tenant: &TenantId) -> String {
    format!("promotions/{tenant}.lifts/")
}

/// All lifts of a site's quarantine in an environment, oldest first.
///
/// # Errors
/// AWS's; a record that cannot be understood.
pub async fn lifts(cloud: &Cloud, tenant: &TenantId) -> Result<Vec<Lift>, CloudError> {
    records(cloud, &folder_of_lifts(tenant)).await
}

/// All promotions to a tenant's site in an environment, oldest first.
///
/// # Errors
/// AWS's; a record that cannot be understood.
pub async fn history(cloud: &Cloud, tenant: &TenantId) -> Result<Vec<Record>, CloudError> {
    records(cloud, &folder(tenant)).await
}

/// The records in a folder, oldest first.
async fn records<T: DeserializeOwned>(cloud: &Cloud, folder: &str) -> Result<Vec<T>, CloudError> {
    let bucket = &cloud.foundation.artifacts.bucket;
    let mut pages = cloud
        .s3
        .list_objects_v2()
        .bucket(bucket)
        .prefix(folder)
        .into_paginator()
        .send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(aws("s3:ListObjectsV2"))?;
        keys.extend(
            page.contents()
                .iter()
                .filter_map(|object| object.key().map(str::to_owned)),
        );
    }
    // Run ids sort by time, and S3 lists by key.
    let mut records = Vec::with_capacity(keys.len());
    for key in keys {
        let body = match cloud.read_object(&key).await {
            Ok(body) => body,
            Err(error) if error.class() == Class::NotFound => continue,
            Err(error) => return Err(error),
        };
        let record = serde_json::from_slice(&body).map_err(|error| {
            CloudError::Unusable(format!(
                "the record s3://{bucket}/{key} is not readable: {error}"
            ))
        })?;
        records.push(record);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let order = Order {
            tenant: "acme".parse().unwrap(),
            from: "dev".parse().unwrap(),
            to: "sit".parse().unwrap(),
            content: Content::All,
            undoes: None,
            request: None,
        };
        Record::new("run".to_owned(), "somebody".to_owned(), order)
    }

    #[test]
    fn an_attempt_without_an_end_is_joined_and_a_failed_one_followed_by_another() {
        let mut record = record();
        assert_eq!(record.begin(Step::Load), (1, false));
        assert_eq!(record.begin(Step::Load), (1, true));
        record.end(Step::Load, Err("no".to_owned()));
        assert!(!record.has(Step::Load));
        assert_eq!(record.begin(Step::Load), (2, false));
        record.end(Step::Load, Ok(Value::from(7)));
        assert_eq!(record.result::<u32>(Step::Load), Some(7));
        assert_eq!(record.attempts.len(), 2);
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let mut record = record();
        record.begin(Step::Export);
        let text = serde_json::to_string(&record).unwrap();
        let read: Record = serde_json::from_str(&text).unwrap();
        assert_eq!(read.order, record.order);
        assert_eq!(read.attempts[0].ended, None);
    }
}
