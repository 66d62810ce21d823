//! One run at a time on a tenant: a lease object in the artifact bucket, taken and kept by S3's conditional writes.
//!
//! A run that dies stops renewing, and its lease is free once it has expired, or at once for another run on the same
//! machine. A run that finds its lease gone stops writing at once: see [`Lease::held`].

use super::holder::{Process, holder};
use crate::cloud::{Class, Cloud, CloudError, aws};
use crate::manifest::TenantId;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::task::JoinHandle;

/// How long a lease outlives its last renewal.
pub(super) const TERM: Duration = Duration::from_secs(90);
const RENEWAL: Duration = Duration::from_secs(25);

/// The lease object's content.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u32,
    run: String,
    holder: String,
    /// A holder that is seen to be gone holds nothing.
    process: Option<Process>,
    /// Grows with every holder: a write that carries a smaller one comes from a run that lost its lease.
    token: u64,
    #[serde(with = "time::serde::rfc3339")]
    expires: OffsetDateTime,
}

impl Record {
    fn is_held(&self, now: OffsetDateTime) -> bool {
        self.expires > now && !self.process.as_ref().is_some_and(Process::has_ended)
    }
}

/// A tenant that this run alone may change, until it is released or lost.
#[derive(Debug)]
pub struct Lease {
    key: String,
    tenant: TenantId,
    lost: Arc<AtomicBool>,
    renewal: JoinHandle<()>,
    etag: Arc<tokio::sync::Mutex<String>>,
}

/// Why a lease was not given.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another run has it.
    #[error(
        "{tenant} is being changed by run {run} ({holder}) until {expires} at the latest; wait for it, or run again then"
    )]
    Held {
        /// The tenant.
        tenant: TenantId,
        /// The other run.
        run: String,
        /// Who started it.
        holder: String,
        /// When it ends if it is not renewed.
        expires: OffsetDateTime,
    },
    /// S3 did not answer.
    #[error(transparent)]
    Cloud(#[from] CloudError),
}

impl Lease {
    /// Takes `tenant`'s lease for `run`. A crash right after leaves a lease that expires after [`TERM`].
    ///
    /// # Errors
    /// Another run holds it, or S3 fails.
    pub async fn acquire(cloud: &Cloud, tenant: &TenantId, run: &str) -> Result<Self, LeaseError> {
        let key = format!("leases/{tenant}.json");
        let present = read(cloud, &key).await?;
        let now = OffsetDateTime::now_utc();
        let held = |record: Record| LeaseError::Held {
            tenant: tenant.clone(),
            run: record.run,
            holder: record.holder,
            expires: record.expires,
        };
        let (token, etag) = match present {
            Some((record, _)) if record.is_held(now) && record.run != run => {
                return Err(held(record));
            }
            Some((record, etag)) => (record.token + 1, Some(etag)),
            None => (1, None),
        };
        let record = Record {
            version: 1,
            run: run.to_owned(),
            holder: holder(),
            process: Process::this(),
            token,
            expires: now + TERM,
        };
        match write(cloud, &key, &record, etag.as_deref()).await {
            Ok(etag) => Ok(Self::keep(cloud.clone(), key, tenant.clone(), record, etag)),
            Err(error) if error.class() == Class::Conflict => match read(cloud, &key).await? {
                // An answer lost on the way: the write that conflicts with ours is ours.
                Some((other, etag)) if other.run == run => {
                    Ok(Self::keep(cloud.clone(), key, tenant.clone(), other, etag))
                }
                Some((other, _)) => Err(held(other)),
                None => Err(LeaseError::Cloud(error)),
            },
            Err(error) => Err(LeaseError::Cloud(error)),
        }
    }

    fn keep(cloud: Cloud, key: String, tenant: TenantId, record: Record, etag: String) -> Self {
        let lost = Arc::new(AtomicBool::new(false));
        let etag = Arc::new(tokio::sync::Mutex::new(etag));
        let renewal = tokio::spawn(renew(
            cloud,
            key.clone(),
            record,
            Arc::clone(&etag),
            Arc::clone(&lost),
        ));
        Self {
            key,
            tenant,
            lost,
            renewal,
            etag,
        }
    }

    /// Whether this run may still write. False once a renewal was refused or the lease ran out.
    #[must_use]
    pub fn held(&self) -> bool {
        !self.lost.load(Ordering::Acquire)
    }

    /// Whose it is.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Gives the lease back. Failing to is harmless: it expires.
    pub async fn release(self, cloud: &Cloud) {
        self.renewal.abort();
        let etag = self.etag.lock().await.clone();
        if self.held() {
            let bucket = &cloud.foundation.artifacts.bucket;
            let _ = cloud
                .s3
                .delete_object()
                .bucket(bucket)
                .key(&self.key)
                .if_match(etag)
                .send()
                .await;
        }
    }
}

async fn renew(
    cloud: Cloud,
    key: String,
    mut record: Record,
    etag: Arc<tokio::sync::Mutex<String>>,
    lost: Arc<AtomicBool>,
) {
    loop {
        tokio::time::sleep(RENEWAL).await;
        // Held while writing, so that a release never races a renewal.
        let mut current = etag.lock().await;
        let expires = OffsetDateTime::now_utc() + TERM;
        let renewed = Record {
            expires,
            ..record.clone()
        };
        match write(&cloud, &key, &renewed, Some(&current)).await {
            Ok(new) => {
                *current = new;
                record = renewed;
            }
            Err(error) => {
                // A renewal whose answer was lost looks like a conflict with ourselves.
                if let Ok(Some((present, new))) = read(&cloud, &key).await
                    && present.run == record.run
                {
                    *current = new;
                    record.expires = present.expires;
                } else if error.class() == Class::Conflict {
                    lost.store(true, Ordering::Release);
                    return;
                }
            }
        }
        if OffsetDateTime::now_utc() + RENEWAL > record.expires {
            lost.store(true, Ordering::Release);
            return;
        }
    }
}

async fn read(cloud: &Cloud, key: &str) -> Result<Option<(Record, String)>, CloudError> {
    let bucket = &cloud.foundation.artifacts.bucket;
    let object = match cloud
        .s3
        .get_object()
        .bucket(bucket)
        .key(key)
        .send()
        .await
        .map_err(aws("s3:GetObject"))
    {
        Ok(object) => object,
        Err(error) if error.class() == Class::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let etag = object.e_tag().unwrap_or_default().to_owned();
    let body = object
        .body
        .collect()
        .await
        .map_err(|error| CloudError::Unusable(error.to_string()))?;
    let record = serde_json::from_slice(&body.into_bytes()).map_err(|error| {
        CloudError::Unusable(format!(
            "lease s3://{bucket}/{key} is not readable: {error}"
        ))
    })?;
    Ok(Some((record, etag)))
}

async fn write(
    cloud: &Cloud,
    key: &str,
    record: &Record,
    replaces: Option<&str>,
) -> Result<String, CloudError> {
    let body =
        serde_json::to_vec(record).map_err(|error| CloudError::Unusable(error.to_string()))?;
    let request = cloud
        .s3
        .put_object()
        .bucket(&cloud.foundation.artifacts.bucket)
        .key(key)
        .body(body.into());
    let request = match replaces {
        Some(etag) => request.if_match(etag),
        None => request.if_none_match("*"),
    };
    let written = request.send().await.map_err(aws("s3:PutObject"))?;
    Ok(written.e_tag().unwrap_or_default().to_owned())
}
