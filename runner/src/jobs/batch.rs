//! Gathering what many tenants want from the database at about the same time into one task.

use super::result_of;
use crate::cloud::CloudError;
use serde_json::Value;
use site_job::protocol::{DatabaseName, DatabaseTarget, Outcome};
use std::time::Duration;
use tokio::sync::{Mutex, oneshot};
use tokio::time::sleep;

/// How long the first one waits for others: little beside a task's start, long beside the calls that lead here.
const GATHER: Duration = Duration::from_millis(750);
/// A request travels in an environment variable, and all overrides of a task may have 8,192 characters (ECS `RunTask`).
const MOST: usize = 40;

/// What one tenant wants from a job for many.
pub(super) trait Item: Clone {
    /// Whose result it is to get.
    fn tenant(&self) -> &str;
}

impl Item for DatabaseTarget {
    fn tenant(&self) -> &str {
        &self.tenant
    }
}

impl Item for DatabaseName {
    fn tenant(&self) -> &str {
        &self.tenant
    }
}

type Waiting<T> = (T, oneshot::Sender<Result<Value, CloudError>>);

/// Items that wait for the next job.
#[derive(Debug)]
pub(super) struct Batch<T> {
    waiting: Mutex<Vec<Waiting<T>>>,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
        }
    }
}

impl<T: Item> Batch<T> {
    /// Adds `item`; whoever is first waits for more to come, runs one job for all, and hands out the results.
    pub(super) async fn run<F>(
        &self,
        item: T,
        job: impl Fn(Vec<T>) -> F,
    ) -> Result<Value, CloudError>
    where
        F: Future<Output = Result<Outcome, CloudError>>,
    {
        let (sender, receiver) = oneshot::channel();
        let first = {
            let mut waiting = self.waiting.lock().await;
            waiting.push((item, sender));
            waiting.len() == 1
        };
        if first {
            sleep(GATHER).await;
            let mut all = std::mem::take(&mut *self.waiting.lock().await);
            while !all.is_empty() {
                let rest = all.split_off(all.len().min(MOST));
                serve(all, &job).await;
                all = rest;
            }
        }
        let abandoned =
            |_| CloudError::Unusable("the job for several tenants was abandoned".to_owned());
        receiver.await.map_err(abandoned)?
    }
}

async fn serve<T: Item, F>(batch: Vec<Waiting<T>>, job: &impl Fn(Vec<T>) -> F)
where
    F: Future<Output = Result<Outcome, CloudError>>,
{
    let outcome = job(batch.iter().map(|(item, _)| item.clone()).collect()).await;
    for (item, sender) in batch {
        let result = match &outcome {
            Ok(outcome) => result_of(outcome, item.tenant()),
            Err(error) => Err(error.clone()),
        };
        // Whoever asked may have been cancelled.
        let _ = sender.send(result);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn item(tenant: &str) -> DatabaseName {
        DatabaseName {
            tenant: tenant.into(),
            schema: format!("t_{tenant}"),
            user: format!("t_{tenant}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_job_serves_all_who_ask_together_and_each_gets_its_own_result() {
        let batch = Batch::default();
        let jobs = AtomicUsize::new(0);
        let job = |items: Vec<DatabaseName>| {
            jobs.fetch_add(1, Ordering::Relaxed);
            async move {
                let result = |item: &DatabaseName| {
                    let ok = item.tenant != "bad";
                    let error = if ok {
                        Value::Null
                    } else {
                        json!({"code": "database_failed", "message": "no"})
                    };
                    json!({"tenant": item.tenant, "ok": ok, "error": error, "data": {"of": item.tenant}})
                };
                let results: Vec<_> = items.iter().map(result).collect();
                let outcome = json!({"version": 1, "id": "j", "ok": false, "results": results});
                Ok(serde_json::from_value(outcome).unwrap())
            }
        };
        let (acme, bolt, bad) = tokio::join!(
            batch.run(item("acme"), job),
            batch.run(item("bolt"), job),
            batch.run(item("bad"), job)
        );
        assert_eq!(acme.unwrap(), json!({"of": "acme"}));
        assert_eq!(bolt.unwrap(), json!({"of": "bolt"}));
        assert!(bad.unwrap_err().to_string().contains("no"));
        assert_eq!(jobs.load(Ordering::Relaxed), 1);
    }
}
