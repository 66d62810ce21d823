//! AWS Backup's restore jobs, which neither emulator lists: those that a test tells of.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::Response;
use serde_json::{Value, json};

use super::serve::{Body, Error, json as answer};

/// The restore jobs of all accounts, oldest first.
#[derive(Debug, Default)]
pub struct Restores(Mutex<Vec<(String, Value)>>);

impl Restores {
    /// A recovery point of the resource with this ARN was restored so long ago, with this status (`COMPLETED`, `FAILED`) and, if a
    /// validation ended, its own (`SUCCESSFUL`, `FAILED`).
    pub fn tell(&self, arn: &str, ago: Duration, status: &str, validation: Option<&str>) {
        let at = SystemTime::now() - ago;
        let at = at
            .duration_since(UNIX_EPOCH)
            .map_or(0.0, |at| at.as_secs_f64());
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let job = json!({
            "RestoreJobId": format!("restore-{}", jobs.len() + 1), "SourceResourceArn": arn,
            "CreationDate": at, "CompletionDate": at, "Status": status, "ValidationStatus": validation,
        });
        jobs.push((arn.to_owned(), job));
    }

    /// `ListRestoreJobsByProtectedResource`: the newest first, one a page, so that whoever asks has to turn pages.
    pub(crate) fn answer(&self, path: &str, query: &str) -> Result<Response<Body>, Error> {
        // An ARN has nothing else that a path's segment encodes.
        let arn = path.split('/').nth(2).unwrap_or_default();
        let arn = arn.replace("%3A", ":").replace("%2F", "/");
        let page = query.split('&').find_map(|p| p.strip_prefix("nextToken="));
        let page: usize = page.map_or(Ok(0), str::parse)?;
        let jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = jobs.iter().rev().filter(|(of, _)| *of == arn).skip(page);
        let job: Vec<_> = found.next().map(|(_, job)| job).into_iter().collect();
        let next = found.next().map(|_| (page + 1).to_string());
        answer(200, &json!({ "RestoreJobs": job, "NextToken": next }))
    }
}
